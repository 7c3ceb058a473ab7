"""PyTorch as its experts use it, in three variants: eager, fused Adam, and torch.compile.
Imported by the worker of a torch column and by nothing else."""

from collections.abc import Callable
from itertools import cycle, islice, pairwise

import torch
import torch.nn.functional as F
from torch import nn

from ..bench import Bench
from ..data import StepData, read_operands, read_rows, read_step
from ..formula import gelu


class System:
    """variant: "eager", "fused" (Adam in one kernel) or "compile" (loss and step compiled)."""

    def __init__(self, variant: str, threads: int) -> None:
        self.variant = variant
        torch.set_num_threads(threads)
        torch.set_num_interop_threads(1)

    def versions(self) -> dict[str, str]:
        """torch's version."""
        return {"torch": torch.__version__}

    def build(self, spec: dict) -> Bench:
        """The bench of a spec."""
        makers = {
            "step": self._step,
            "epochs": self._epochs,
            "chain": _chain,
            "fan": _fan,
            "operation": _operation,
            "gelu": self._gelu,
        }
        return makers[spec["kind"]](spec)

    def _step(self, spec: dict) -> Bench:
        return Step(read_step(spec["file"]), spec, self.variant).bench()

    def _epochs(self, spec: dict) -> Bench:
        return Epochs(spec, self.variant).bench()

    def _gelu(self, spec: dict) -> Bench:
        if self.variant == "compile":
            return _on_operands(torch.compile(lambda x: gelu(x, torch.tanh)), spec)
        return _on_operands(lambda x: F.gelu(x, approximate="tanh"), spec)


class Step:
    """A model, its optimizer, and the training step over them."""

    def __init__(self, data: StepData, spec: dict, variant: str) -> None:
        self.read = spec["read"]
        self.checked = spec["checked"]
        self.batches = [(torch.from_numpy(x), torch.from_numpy(y)) for x, y in data.batches]
        self.layers = data.layers
        self.model = _network(spec["sizes"])
        fused = True if variant == "fused" else None  # None: Adam as it comes
        self.optimizer = torch.optim.Adam(
            self.model.parameters(), lr=spec["learning_rate"], fused=fused
        )
        self.loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] = self._loss
        self.update: Callable[[], object] = self.optimizer.step
        if variant == "compile":
            self.loss = torch.compile(self._loss)
            self.update = torch.compile(lambda: self.optimizer.step())
        self.reset()

    def bench(self) -> Bench:
        return Bench(self.run, self.check, self.reset)

    def reset(self) -> None:
        with torch.no_grad():
            own = list(self.model.parameters())
            initial = [array for layer in self.layers for array in layer]
            for parameter, array in zip(own, initial, strict=True):
                parameter.copy_(torch.from_numpy(array))
            # in place: a new optimizer would be compiled anew
            for state in self.optimizer.state.values():
                for tensor in state.values():
                    tensor.zero_()

    def run(self, count: int) -> None:
        for x, y in islice(cycle(self.batches), count):
            loss = self.step(x, y)
            if self.read:
                loss.item()

    def check(self) -> list[float]:
        return [self.step(x, y).item() for x, y in islice(cycle(self.batches), self.checked)]

    def step(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.loss(x, y)
        loss.backward()
        self.update()
        return loss

    def _loss(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return F.cross_entropy(self.model(x), y)


class Epochs(Step):
    """Whole epochs over rows, a batch taken by indices."""

    def __init__(self, spec: dict, variant: str) -> None:
        x, y, layers = read_rows(spec["file"])
        super().__init__(StepData([], layers), spec | {"read": False}, variant)
        self.x, self.y = torch.from_numpy(x), torch.from_numpy(y)
        self.size, self.shuffle = spec["batch"], spec["shuffle"]

    def epoch(self, shuffle: bool) -> torch.Tensor:
        total = torch.zeros(())
        order = torch.randperm(len(self.x)) if shuffle else None
        batches = range(0, len(self.x), self.size)
        for begin in batches:
            index = slice(begin, begin + self.size) if order is None else order[begin:][: self.size]
            total += self.step(self.x[index], self.y[index]).detach()
        return total / len(batches)

    def run(self, count: int) -> None:
        for _ in range(count):
            self.epoch(self.shuffle)

    def check(self) -> list[float]:
        return [self.epoch(False).item() for _ in range(self.checked)]


def _network(sizes: list[int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for fan_in, fan_out in pairwise(sizes):
        layers += [nn.Linear(fan_in, fan_out), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def _chain(spec: dict) -> Bench:
    x = torch.tensor(1.0, requires_grad=True)

    def once() -> None:
        x.grad = None
        c = x
        for _ in range(spec["nodes"]):
            c = c + x
        c.backward()

    return _graph(once, x)


def _fan(spec: dict) -> Bench:
    x = torch.tensor(1.0, requires_grad=True)

    def once() -> None:
        x.grad = None
        arms = [x * x for _ in range(spec["nodes"])]
        torch.stack(arms).sum().backward()

    return _graph(once, x)


def _graph(once: Callable[[], None], x: torch.Tensor) -> Bench:
    def run(count: int) -> None:
        for _ in range(count):
            once()

    def check() -> list[float]:
        once()
        assert x.grad is not None
        return [x.grad.item()]

    return Bench(run, check)


OPERATIONS: dict[str, Callable[..., torch.Tensor]] = {
    "add": torch.add,
    "exp": torch.exp,
    "tanh": torch.tanh,
    "sum": torch.sum,
    "sum0": lambda a: torch.sum(a, 0),
    "matmul": torch.matmul,
    "copy": lambda a, b: b.copy_(a),
    "softmax": lambda a: torch.softmax(a, -1),
}


def _operation(spec: dict) -> Bench:
    return _on_operands(OPERATIONS[spec["operation"]], spec)


def _on_operands(function: Callable[..., torch.Tensor], spec: dict) -> Bench:
    operands = [torch.from_numpy(array) for array in read_operands(spec["file"])]

    def run(count: int) -> None:
        with torch.inference_mode():
            for _ in range(count):
                function(*operands)

    def check() -> list[float]:
        with torch.inference_mode():
            return function(*operands).flatten()[:1000].tolist()

    return Bench(run, check)
