"""What only backlit is asked: how soon a program is ready, and whether a step stays as cheap.
Through public names alone, so that it measures what a user has, whatever is done inside."""

from itertools import pairwise
from time import perf_counter

import numpy as np

import backlit.nn.functional as F
from backlit import engine, nn, optim
from backlit.engine import Tensor

from ..bench import Bench, self_measured
from ..stats import median

SEED = 20240229
WINDOW = 100  # steps of a memorised batch, after which everything is put back
RATE = 1e-2


class Measured:
    """A step that is replayed, and the seconds that its body has taken by itself."""

    def __init__(self, model: nn.Module, rate: float, verify_every: int | None = None) -> None:
        self.model = model
        self.optimizer = optim.Adam(model.parameters(), lr=rate)
        self.body = 0.0
        self.call = engine.replay(self.step, verify_every=verify_every)

    def step(self, x: Tensor, y: Tensor) -> Tensor:
        started = perf_counter()
        loss = F.cross_entropy(self.model(x), y)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.body += perf_counter() - started
        return loss

    def beside(self, x: Tensor, y: Tensor) -> float:
        """Seconds that a call takes besides the function's own."""
        self.body = 0.0
        started = perf_counter()
        self.call(x, y)
        return perf_counter() - started - self.body

    def instructions(self) -> int:
        """Of the program; there is one after two calls."""
        assert self.call.program
        return self.call.program.length


def ready(spec: dict) -> Bench:
    """How long it takes from a recording to a program of about so many instructions, and until it
    has been verified. The programs are training steps of deep, narrow networks.

    The first two calls make and verify it. What verifying takes is known from a program that is
    verified at every call; the rest is for making it.
    """
    x, y = engine.tensor(np.ones((4, 4), np.float32)), engine.tensor([0, 1, 2, 3])

    def deep(layers: int, verify_every: int | None = None) -> Measured:
        return Measured(nn.MLP([4] * (layers + 1)), RATE, verify_every)

    def length(layers: int) -> int:
        step = deep(layers)
        step.call(x, y)
        step.call(x, y)
        return step.instructions()

    few, more = length(2), length(6)
    layers = 2 + round((spec["instructions"] - few) * 4 / (more - few))

    def once() -> dict[str, float]:
        # both before any call: a new module or optimizer asks every program for a new recording
        step, verifying = deep(layers), deep(layers, verify_every=1)
        both = step.beside(x, y) + step.beside(x, y)
        _, _, again = (verifying.beside(x, y) for _ in range(3))
        made = max(both - again, 0.0)
        return {"seconds": made, "verified": both, "instructions": step.instructions()}

    return self_measured(once)


def memorised(spec: dict) -> Bench:
    """A step of one batch with labels that can be learned by heart, early and late: its gradients
    die, and their moments decay through the smallest numbers there are.
    """
    rng = np.random.default_rng(SEED)
    points = rng.standard_normal((spec["batch"], spec["sizes"][0]), dtype=np.float32)
    x, y = engine.tensor(points), engine.tensor((points[:, 0] > 0).astype(np.int64))
    step = Measured(nn.MLP(spec["sizes"]), RATE)

    def held() -> list[Tensor]:
        states = step.optimizer.state.values()
        return [*step.model.parameters(), *(value for state in states for value in state.values())]

    def remembered() -> list[Tensor]:
        return [engine.tensor(tensor.numpy(), dtype=tensor.dtype) for tensor in held()]

    def trained(steps: int) -> list[Tensor]:
        for _ in range(steps):
            step.call(x, y)
        return remembered()

    snapshots = [trained(end - begin) for begin, end in pairwise((0, *spec["steps"]))]

    def a_step(snapshot: list[Tensor]) -> float:
        with engine.no_grad():
            for tensor, value in zip(held(), snapshot, strict=True):
                tensor.copy_(value)
        started = perf_counter()
        for _ in range(WINDOW):
            step.call(x, y)
        return (perf_counter() - started) / WINDOW

    def measure(seconds: float) -> dict[str, float]:
        ends = perf_counter() + seconds
        found = [[a_step(snapshot) for snapshot in snapshots]]
        while perf_counter() < ends:  # by turns, so that both have the same seconds of the machine
            found.append([a_step(snapshot) for snapshot in snapshots])
        early, late = zip(*found, strict=True)
        return {"seconds": median(early), "late": median(late)}

    def run(count: int) -> None:
        for _ in range(count):
            step.call(x, y)

    return Bench(run, lambda: [], measure=measure)
