"""Modules that hold others in a row: ModuleList keeps them, Sequential also runs them.
MLP is the Sequential of linear layers and activations that most small models are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Self, overload

from ..engine import Generator
from .layers import Dropout, Linear, ReLU
from .modules import Module


class Row(Module):
    """Layers named by their positions; what ModuleList and Sequential have in common."""

    def __init__(self, layers: Iterable[Any] = ()) -> None:
        super().__init__()
        self._layers: list[Any] = []
        for layer in layers:
            self.append(layer)

    def append(self, layer: Any) -> Self:
        """Put one more at the end."""
        self._check(layer)
        self._adopt(str(len(self._layers)), layer)
        self._layers.append(layer)
        return self

    def _check(self, layer: Any) -> None:
        if not callable(layer):
            kind = type(self).__name__
            hint = f"; write {kind}(*layers)" if isinstance(layer, Iterable) else ""
            raise TypeError(
                f"layer {len(self._layers)} of {kind} is a {type(layer).__name__}, "
                f"which cannot be called{hint}"
            )

    def _attributes(self) -> Iterator[tuple[str, object]]:
        for position, layer in enumerate(self._layers):
            yield str(position), layer
        for name, value in self.__dict__.items():
            if name != "_layers":
                yield name, value

    def _parts(self) -> Iterable[tuple[str, object]]:
        layers = {str(position): layer for position, layer in enumerate(self._layers)}
        return (layers | dict(self.named_children())).items()

    def __len__(self) -> int:
        return len(self._layers)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._layers)


class ModuleList(Row):
    """Modules in a list, for a ``forward`` that picks among them. A plain list works as well.

    >>> from backlit import nn
    >>> blocks = nn.ModuleList(nn.Linear(2, 2) for _ in range(3))
    >>> len(blocks), [name for name, _ in blocks.named_children()]
    (3, ['0', '1', '2'])
    """

    def _check(self, layer: Any) -> None:
        if not isinstance(layer, Module):
            raise TypeError(f"a ModuleList holds modules, got {type(layer).__name__}")

    @overload
    def __getitem__(self, position: int) -> Any: ...
    @overload
    def __getitem__(self, position: slice) -> ModuleList: ...
    def __getitem__(self, position: int | slice) -> Any:
        picked = self._layers[position]
        return ModuleList(picked) if isinstance(position, slice) else picked


class Sequential(Row):
    """Layers in a row: each takes what the one before returned. Any callable is a layer.

    Indexing gives a layer, slicing a Sequential of the same layers.

    >>> import backlit.nn.functional as F
    >>> from backlit import nn
    >>> from backlit.engine import zeros
    >>> model = nn.Sequential(nn.Linear(64, 32), F.relu, nn.Linear(32, 10))
    >>> model(zeros((5, 64))).shape, model[:2](zeros((5, 64))).shape
    ((5, 10), (5, 32))
    >>> list(model.state_dict())
    ['0.weight', '0.bias', '2.weight', '2.bias']
    """

    def __init__(self, *layers: Callable[[Any], Any]) -> None:
        super().__init__(layers)

    def forward(self, x: Any) -> Any:
        for layer in self._layers:
            x = layer(x)
        return x

    @overload
    def __getitem__(self, position: int) -> Any: ...
    @overload
    def __getitem__(self, position: slice) -> Sequential: ...
    def __getitem__(self, position: int | slice) -> Any:
        picked = self._layers[position]
        return Sequential(*picked) if isinstance(position, slice) else picked


class MLP(Sequential):
    """A multi-layer perceptron: linear layers of the given sizes with activations between them.

    ``sizes`` are the features of the input, of each hidden layer and of the output: (N, sizes[0])
    goes to (N, sizes[-1]). ``activation`` is a Module class, made anew for each hidden layer, or a
    function. ``dropout`` above 0 adds a Dropout after each activation. Nothing follows the last
    layer: its outputs are the logits that the losses want.

    >>> from backlit import nn
    >>> nn.MLP([2, 16, 2])
    MLP(
      (0): Linear(in_features=2, out_features=16, bias=True)  # 48
      (1): ReLU()
      (2): Linear(in_features=16, out_features=2, bias=True)  # 34
    )  # 82 parameters
    """

    def __init__(
        self,
        sizes: Sequence[int],
        activation: Callable[..., Any] = ReLU,
        dropout: float = 0.0,
        bias: bool = True,
        dtype: Any = None,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        if len(sizes) < 2:
            raise ValueError(f"an MLP needs the sizes of its input and output, got {list(sizes)}")
        for position in range(len(sizes) - 1):
            if position:
                self.append(activation() if isinstance(activation, type) else activation)
                if dropout:
                    self.append(Dropout(dropout, generator))
            self.append(Linear(sizes[position], sizes[position + 1], bias, dtype, generator))
