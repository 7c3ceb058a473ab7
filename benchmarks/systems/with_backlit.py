"""backlit through its public names, as its own documentation would write it.
Imported by the worker of backlit's column and by nothing else."""

from collections.abc import Callable
from itertools import cycle, islice

import numba
import numpy as np

import backlit.nn.functional as F
from backlit import __version__, engine, nn, optim
from backlit.engine import Tensor

from ..bench import Bench
from ..data import StepData, read_operands, read_rows, read_step
from ..fitting import fit_bench
from ..formula import gelu
from .backlit_programs import memorised, ready
from .backlit_study import pictures, traced, watched


class System:
    """variant: "eager" leaves a chain of ops unreplayed; the threads come from the environment."""

    def __init__(self, variant: str, threads: int) -> None:
        self.replays = variant != "eager"

    def versions(self) -> dict[str, str]:
        """backlit's version and those of what it stands on."""
        return {
            "backlit": __version__,
            "numpy": np.__version__,
            "numba": numba.__version__,
        }

    def build(self, spec: dict) -> Bench:
        """The bench of a spec."""
        makers = {
            "step": _step,
            "epochs": _epochs,
            "chain": _chain,
            "fan": _fan,
            "operation": _operation,
            "gelu": self._gelu,
            "ready": ready,
            "memorised": memorised,
            "watched": watched,
            "traced": traced,
            "pictures": pictures,
            "fit": _fit,
        }
        return makers[spec["kind"]](spec)

    def _gelu(self, spec: dict) -> Bench:
        def formula(x: Tensor) -> Tensor:
            return gelu(x, engine.tanh)

        return _on_operands(engine.replay(formula) if self.replays else formula, spec)


def _step(spec: dict) -> Bench:
    return Step(read_step(spec["file"]), spec).bench()


class Step:
    """A model, its optimizer, and the training step over them."""

    def __init__(self, data: StepData, spec: dict) -> None:
        self.read = spec["read"]
        self.checked = spec["checked"]
        self.rate = spec["learning_rate"]
        self.batches = [(engine.tensor(x), engine.tensor(y)) for x, y in data.batches]
        self.initial = [engine.tensor(array) for layer in data.layers for array in layer]
        self.model = nn.MLP(spec["sizes"])
        self.optimizer = optim.Adam(self.model.parameters(), lr=self.rate)
        self.call = engine.replay(self.step) if spec["replayed"] else self.step
        self.reset()

    def bench(self) -> Bench:
        return Bench(self.run, self.check, self.reset)

    def reset(self) -> None:
        with engine.no_grad():
            own = list(self.model.parameters())
            for parameter, initial in zip(own, self.initial, strict=True):
                parameter.copy_(initial)
            start_again(self.optimizer)

    def run(self, count: int) -> None:
        call = self.call
        for x, y in islice(cycle(self.batches), count):
            loss = call(x, y)
            if self.read:
                loss.item()

    def check(self) -> list[float]:
        return [self.call(x, y).item() for x, y in islice(cycle(self.batches), self.checked)]

    def step(self, x: Tensor, y: Tensor) -> Tensor:
        self.optimizer.zero_grad()
        loss = F.cross_entropy(self.model(x), y)
        loss.backward()
        self.optimizer.step()
        return loss


def start_again(optimizer: optim.Optimizer) -> None:
    """Put an optimizer where it began, in place: a new one would be recorded anew."""
    for state in optimizer.state.values():
        for value in state.values():
            value.zero_()


def _epochs(spec: dict) -> Bench:
    x, y, layers = read_rows(spec["file"])
    data = engine.tensor(x), engine.tensor(y)
    initial = [engine.tensor(array) for layer in layers for array in layer]
    model = nn.MLP(spec["sizes"])
    optimizer = optim.Adam(model.parameters(), lr=spec["learning_rate"])

    @engine.replay
    def step(x: Tensor, y: Tensor) -> Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    def reset() -> None:
        with engine.no_grad():
            for parameter, start in zip(model.parameters(), initial, strict=True):
                parameter.copy_(start)
            start_again(optimizer)

    def run(count: int) -> None:
        step.run(*data, batch_size=spec["batch"], epochs=count, shuffle=spec["shuffle"])

    def check() -> list[float]:
        return step.run(*data, batch_size=spec["batch"], epochs=spec["checked"])

    reset()
    return Bench(run, check, reset)


def _fit(spec: dict) -> Bench:
    from backlit.learn.models.estimators import MLPClassifier  # scikit-learn is large

    return fit_bench(MLPClassifier, spec)


def _chain(spec: dict) -> Bench:
    x = engine.tensor(1.0, requires_grad=True)

    def once() -> None:
        x.grad = None
        c = x
        for _ in range(spec["nodes"]):
            c = c + x
        c.backward()

    return _graph(once, x)


def _fan(spec: dict) -> Bench:
    x = engine.tensor(1.0, requires_grad=True)

    def once() -> None:
        x.grad = None
        arms = [x * x for _ in range(spec["nodes"])]
        engine.stack(arms, 0).sum().backward()

    return _graph(once, x)


def _graph(once: Callable[[], None], x: Tensor) -> Bench:
    def run(count: int) -> None:
        for _ in range(count):
            once()

    def check() -> list[float]:
        once()
        assert x.grad is not None
        return [x.grad.item()]

    return Bench(run, check)


OPERATIONS: dict[str, Callable[..., Tensor]] = {
    "add": engine.add,
    "exp": engine.exp,
    "tanh": engine.tanh,
    "sum": engine.sum,
    "sum0": lambda a: engine.sum(a, axis=0),
    "matmul": engine.matmul,
    "softmax": lambda a: engine.softmax(a, axis=-1),
}


def _operation(spec: dict) -> Bench:
    return _on_operands(OPERATIONS[spec["operation"]], spec)


def _on_operands(function: Callable[..., Tensor], spec: dict) -> Bench:
    operands = [engine.tensor(array) for array in read_operands(spec["file"])]

    def run(count: int) -> None:
        with engine.no_grad():
            for _ in range(count):
                function(*operands)

    def check() -> list[float]:
        with engine.no_grad():
            return function(*operands).numpy().ravel()[:1000].tolist()

    return Bench(run, check)
