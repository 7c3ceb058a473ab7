"""The network behind the estimators: weights, optimizer and replayed step as one thing that can be
copied and pickled, since tensors themselves are not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np

from ... import nn
from ...engine import Generator, Tensor, replay
from ...nn import functional as F
from ...optim import SGD, Adam, Optimizer
from .looks import outputs_of

Output = Literal["softmax", "logistic", "identity"]

ACTIVATIONS: dict[str, Callable[..., Any]] = {
    "identity": nn.Identity,
    "logistic": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
}


@dataclass(frozen=True)
class Solver:
    """How the weights are changed; the names are scikit-learn's."""

    name: str
    """"adam" or "sgd"."""
    learning_rate: float
    decay: float
    """What is added to a weight's gradient for each unit of the weight: alpha / rows of a batch."""
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    momentum: float = 0.9
    nesterov: bool = True

    def optimizer(self, model: nn.Module) -> Optimizer:
        """A new one, which shrinks weights and leaves biases alone."""
        weights = [p for p in model.parameters() if p.ndim == 2]
        biases = [p for p in model.parameters() if p.ndim == 1]
        groups = [{"params": weights, "weight_decay": self.decay}, {"params": biases}]
        if not self.decay:
            groups = [{"params": list(model.parameters())}]
        if self.name == "adam":
            betas = self.beta_1, self.beta_2
            return Adam(groups, lr=self.learning_rate, betas=betas, eps=self.epsilon)
        nesterov = self.nesterov and self.momentum > 0
        return SGD(groups, lr=self.learning_rate, momentum=self.momentum, nesterov=nesterov)


class Perceptron:
    """A multi-layer perceptron that trains itself.

    `layers` are (weights (inputs, outputs), biases (outputs,)) of each layer, from the first; they
    are copied as float32. Targets are class numbers (rows,) for "softmax", 0 and 1 (rows, outputs)
    for "logistic", values (rows, outputs) for "identity".
    """

    def __init__(
        self, layers: Sequence[tuple[np.ndarray, np.ndarray]], activation: str, output: Output,
        solver: Solver,
    ) -> None:  # fmt: skip
        self.activation = activation
        self.output: Output = output
        self.sizes = [layers[0][0].shape[0], *(biases.size for _, biases in layers)]
        self.generator = Generator(0)
        """Of the orders in which rows are taken."""
        self.model = nn.MLP(self.sizes, ACTIVATIONS[activation], generator=Generator(0))
        self.set_layers(layers)
        self.use(solver)

    def use(self, solver: Solver) -> None:
        """Begin with a new optimizer."""
        self.solver = solver
        self.optimizer = solver.optimizer(self.model)
        self._steps: dict[bool, Any] = {}

    @property
    def layers(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Copies of the weights (inputs, outputs) and biases of each layer."""
        arrays = [value.numpy() for value in self.model.state_dict().values()]
        return [(w.T.copy(), b) for w, b in zip(arrays[::2], arrays[1::2], strict=True)]

    def set_layers(self, layers: Sequence[tuple[np.ndarray, np.ndarray]]) -> None:
        """Take over other weights."""
        arrays = [a.astype(np.float32) for w, b in layers for a in (w.T, b)]
        self.model.load_state_dict(dict(zip(self.model.state_dict(), arrays, strict=True)))

    def outputs(self, X: np.ndarray) -> np.ndarray:
        """Logits or values (rows, outputs)."""
        return outputs_of(self.model, X)

    def run(
        self, X: np.ndarray, target: np.ndarray, weight: np.ndarray | None, batch_size: int,
        epochs: int, shuffle: bool,
    ) -> list[float]:  # fmt: skip
        """Train; the mean loss of each epoch. Raises NonFiniteLossError."""
        weighted = weight is not None
        if weighted not in self._steps:
            self._steps[weighted] = self._step(weighted)
        data = (X, target) if weight is None else (X, target, weight)
        return self._steps[weighted].run(
            *data, batch_size=batch_size, epochs=epochs, shuffle=shuffle, generator=self.generator
        )

    def _step(self, weighted: bool) -> Any:
        model, optimizer = self.model, self.optimizer
        loss_of = LOSSES[self.output, weighted]

        def step(*batch: Tensor) -> Tensor:
            loss = loss_of(model(batch[0]), *batch[1:])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            return loss

        return replay(step)

    def __getstate__(self) -> dict[str, Any]:
        """Arrays and numbers alone."""
        saved = self.optimizer.state_dict()
        memory = {
            index: {n: x if isinstance(x, int) else x.numpy() for n, x in state.items()}
            for index, state in saved["state"].items()
        }
        return {
            "layers": self.layers,
            "activation": self.activation,
            "output": self.output,
            "solver": self.solver,
            "generator": self.generator.state(),
            "optimizer": {"state": memory, "param_groups": saved["param_groups"]},
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        """The same network, made again."""
        self.__init__(state["layers"], state["activation"], state["output"], state["solver"])
        self.generator.load_state(state["generator"])
        self.optimizer.load_state_dict(state["optimizer"])


def _squared(outputs: Tensor, target: Tensor) -> Tensor:
    return F.mse_loss(outputs, target, reduction="sum") * (0.5 / outputs.shape[0])


def _weighted_squared(outputs: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    return _mean(F.mse_loss(outputs, target, reduction="none").sum(1) * 0.5, weight)


def _logistic(outputs: Tensor, target: Tensor) -> Tensor:
    loss = F.binary_cross_entropy_with_logits(outputs, target)
    return loss if outputs.shape[1] == 1 else loss * float(outputs.shape[1])


def _weighted_logistic(outputs: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    loss = F.binary_cross_entropy_with_logits(outputs, target, reduction="none")
    return _mean(loss.sum(1), weight)


def _weighted_softmax(outputs: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    return _mean(F.cross_entropy(outputs, target, reduction="none"), weight)


def _mean(losses: Tensor, weight: Tensor) -> Tensor:
    return (losses * weight).sum() / weight.sum()


LOSSES: dict[tuple[Output, bool], Callable[..., Tensor]] = {
    ("softmax", False): F.cross_entropy,
    ("softmax", True): _weighted_softmax,
    ("logistic", False): _logistic,
    ("logistic", True): _weighted_logistic,
    ("identity", False): _squared,
    ("identity", True): _weighted_squared,
}
"""By the output and whether rows have weights. Of several outputs the losses are added."""


def drawn_layers(
    sizes: Sequence[int], activation: str, random: np.random.RandomState
) -> list[tuple[np.ndarray, np.ndarray]]:
    """First weights and biases as scikit-learn draws them: uniform, Glorot and Bengio 2010."""
    layers = []
    for fan_in, fan_out in pairwise(sizes):
        bound = np.sqrt((2.0 if activation == "logistic" else 6.0) / (fan_in + fan_out))
        weights = random.uniform(-bound, bound, (fan_in, fan_out))
        layers.append((weights, random.uniform(-bound, bound, fan_out)))
    return layers
