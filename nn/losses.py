"""The losses as modules, for code that picks its loss where it picks its model.
Each keeps the arguments of the function of the same name in `nn.functional`.
"""

from __future__ import annotations

from ..engine import Tensor
from . import functional as F
from .modules import Module


class Loss(Module):
    """A loss with its reduction: "mean", "sum" or "none"."""

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__()
        if reduction not in ("mean", "sum", "none"):
            raise ValueError(f'reduction must be "mean", "sum" or "none", got {reduction!r}')
        self.reduction = reduction

    def extra_repr(self) -> str:
        return "" if self.reduction == "mean" else f"reduction={self.reduction!r}"


class MSELoss(Loss):
    """The squared difference; see ``nn.functional.mse_loss``.

    >>> from backlit import nn
    >>> from backlit.engine import tensor
    >>> nn.MSELoss()(tensor([1.0, 2.0]), tensor([1.0, 4.0])).item()
    2.0
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.mse_loss(input, target, self.reduction)


class CrossEntropyLoss(Loss):
    """Cross-entropy of logits; see ``nn.functional.cross_entropy``. ``weight`` is a buffer.

    >>> from backlit import nn
    >>> from backlit.engine import tensor, zeros
    >>> round(nn.CrossEntropyLoss()(zeros((1, 10)), tensor([3])).item(), 4)
    2.3026
    """

    weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(reduction)
        self.register_buffer("weight", weight)
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.cross_entropy(
            input, target, self.weight, self.ignore_index, self.reduction, self.label_smoothing
        )


class BCEWithLogitsLoss(Loss):
    """Cross-entropy of one logit; see ``nn.functional.binary_cross_entropy_with_logits``.

    ``weight`` and ``pos_weight`` are buffers.

    >>> from backlit import nn
    >>> from backlit.engine import tensor
    >>> round(nn.BCEWithLogitsLoss()(tensor([0.0]), tensor([1.0])).item(), 4)
    0.6931
    """

    weight: Tensor | None
    pos_weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        reduction: str = "mean",
        pos_weight: Tensor | None = None,
    ) -> None:
        super().__init__(reduction)
        self.register_buffer("weight", weight)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(
            input, target, self.weight, self.reduction, self.pos_weight
        )
