"""What studying costs: a run that is watched, ops whose lines are noted, graphs that are drawn."""

from time import perf_counter

import numpy as np

import backlit as bl
import backlit.nn.functional as F
from backlit import nn, optim
from backlit.engine import Tensor

from ..bench import Bench, self_measured

SEED = 20240229


def watched(spec: dict) -> Bench:
    """Calls of a replayed step, as many without a watch as with one, over `least` seconds or more:
    a watch looks at the first steps in any case.
    """
    rng = np.random.default_rng(SEED)
    x = bl.tensor(rng.standard_normal((spec["batch"], spec["sizes"][0]), dtype=np.float32))
    y = bl.tensor(rng.integers(0, spec["sizes"][-1], spec["batch"]))
    model = nn.MLP(spec["sizes"])
    optimizer = optim.Adam(model.parameters(), lr=1e-3)

    @bl.replay
    def step(x: Tensor, y: Tensor) -> Tensor:
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    def a_step(steps: int) -> float:
        started = perf_counter()
        for _ in range(steps):
            step(x, y)
        return (perf_counter() - started) / steps

    def measure(seconds: float) -> dict[str, float]:
        seconds = max(seconds, spec["least"])
        steps = max(int(seconds / 4 / min(a_step(100) for _ in range(20))), 1)
        before = a_step(steps)
        started = perf_counter()
        with bl.watch(model, optimizer):
            a_step(2 * steps)
        watched = (perf_counter() - started) / (2 * steps)
        return {"seconds": (before + a_step(steps)) / 2, "watched": watched}

    def run(count: int) -> None:
        a_step(count)

    return Bench(run, lambda: [], measure=measure)


def traced(spec: dict) -> Bench:
    """What noting its line adds to an op: the same ops without and with it, by turns."""
    x = bl.tensor(2.0, requires_grad=True)
    ops = spec["ops"]

    def forward() -> float:
        started = perf_counter()
        for _ in range(ops):
            _ = x * x
        return (perf_counter() - started) / ops

    def once() -> dict[str, float]:
        plain = min(forward() for _ in range(3))
        with bl.trace():
            noted = min(forward() for _ in range(3))
        return {"seconds": noted - plain}

    return self_measured(once)


def pictures(spec: dict) -> Bench:
    """A graph of scalar neurons as an SVG and as a stepping page."""
    loss = neurons(spec["nodes"])

    def once() -> dict[str, float]:
        started = perf_counter()
        bl.draw(loss).svg()
        drawn = perf_counter()
        page = bl.walk(loss).html()
        return {
            "seconds": drawn - started,
            "page": perf_counter() - drawn,
            "bytes": float(len(page.encode())),
        }

    return self_measured(once)


def neurons(nodes: int) -> Tensor:
    """The sum of scalar neurons over weights that are used several times: a graph of about so many
    nodes, five for each neuron, every fifth of which feeds the next ones.
    """
    start = np.random.default_rng(SEED).standard_normal(max(nodes // 5, 1))
    weights = [bl.tensor(v, requires_grad=True, name=f"w{i}") for i, v in enumerate(start)]
    x, total = bl.tensor(0.3, requires_grad=True, name="x"), None
    for i, weight in enumerate(weights):
        y = (weight * x + weights[7 * i % len(weights)]).tanh()
        total = y if total is None else total + y
        if i % 5 == 4:
            x = y
    assert total is not None
    return total
