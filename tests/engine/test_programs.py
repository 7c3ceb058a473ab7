"""Random programs: views, broadcasting, changes in place, several results, ops that nobody reads,
each replayed with some passes and against the eager run. And the long suite: a thousand steps.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import backlit.nn.functional as F
from backlit import nn, optim
from backlit.engine import (
    Tensor,
    advance_,
    concatenate,
    gradients,
    manual_seed,
    maximum,
    no_grad,
    replay,
    tensor,
    where,
)
from backlit.engine.programs.program import PASSES

from .test_replay import same

UNARY: list[Any] = [
    lambda a: a.tanh(),
    lambda a: a.exp().tanh(),
    lambda a: a.T,
    lambda a: a[:, ::-1],
    lambda a: a[1:].sum(0, keepdims=True) + a,
    lambda a: a.reshape(-1)[: a.size].reshape(a.shape),
    lambda a: a.mean(1, keepdims=True) * a,
    lambda a: a.softmax(),
    lambda a: (a > 0).astype(a.dtype) - 0.5,
    lambda a: a.max(0) - a,
]
BINARY: list[Any] = [
    lambda a, b: a + b,
    lambda a, b: a * b[0],
    lambda a, b: a - b[:, :1],
    lambda a, b: a @ b,
    lambda a, b: a / (b * b + 1),
    lambda a, b: maximum(a, b),
    lambda a, b: where(a < b, a, b * 2),
    lambda a, b: concatenate([a[:2], b[2:]], 0),
]
N = 5  # all tensors are N x N, so that ops follow each other in any order

programs = st.lists(
    st.tuples(st.integers(0, 17), st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=10
)


class World:
    """A function made of random ops on two arguments and what it keeps from call to call."""

    def __init__(self, recipe: list[tuple[int, int, int]], dtype: str, ends: tuple[int, ...]):
        rng = np.random.default_rng(len(recipe))
        self.recipe, self.ends = recipe, ends
        self.weight = tensor(rng.standard_normal((N, N)) / 3, dtype=dtype, requires_grad=True)
        self.kept = tensor(np.zeros((N, N)), dtype=dtype)
        self.count = tensor(0.0, dtype="float64")

    def __call__(self, x: Tensor, y: Tensor) -> Any:
        found = [x, y, self.weight, self.kept.detach() * 1]
        for op, i, j in self.recipe:
            a, b = found[i % len(found)], found[j % len(found)]
            found.append(UNARY[op](a) if op < len(UNARY) else BINARY[op - len(UNARY)](a, b))
        loss = (found[-1].tanh() * self.weight).sum()
        (slope,) = gradients(loss, self.weight)
        assert slope is not None
        with no_grad():
            self.kept.copy_(self.kept * 0.5 + found[-1].detach().tanh())
            self.weight -= slope * 0.1
            advance_(self.count)
        return [found[k % len(found)] for k in self.ends], loss, {"slope": slope, "x": x}

    def state(self) -> bytes:
        return b"".join(t.numpy().tobytes() for t in (self.weight, self.kept, self.count))


@settings(max_examples=60, deadline=None)
@given(
    programs,
    st.sampled_from(["float32", "float64"]),
    st.tuples(st.integers(0, 20), st.integers(0, 20)),
    st.sets(st.sampled_from(sorted(PASSES))),
)
def test_random_programs_have_the_bits_of_eager(
    recipe: Any, dtype: str, ends: Any, passes: set[str]
):
    eager, played = World(recipe, dtype, ends), World(recipe, dtype, ends)
    step = replay(played.__call__, passes=passes)
    for seed in range(5):
        rng = np.random.default_rng(seed)
        x, y = (tensor(rng.standard_normal((N, N)), dtype=dtype) for _ in range(2))
        wanted, found = eager(x, y), step(x, y)
        for one, other in zip(flat(wanted), flat(found), strict=True):
            assert one.numpy().tobytes() == other.numpy().tobytes()
        assert eager.state() == played.state()
    assert step.program is not None


def flat(result: Any) -> list[Tensor]:
    parts, loss, named = result
    return [t.detach() for t in (*parts, loss, named["slope"], named["x"])]


@pytest.mark.long
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("sizes", [(2, 16, 16, 2), (64, 128, 10), (300, 400, 200, 10)])
def test_a_thousand_steps_are_those_of_eager(dtype: str, sizes: tuple[int, ...]):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((330, sizes[0]))
    y = rng.integers(0, sizes[-1], 330)
    found = []
    for native in (False, True):
        manual_seed(0)
        model = nn.Sequential(nn.MLP(list(sizes), dtype=np.dtype(dtype)), nn.Dropout(0.1))
        opt = optim.AdamW(model.parameters(), lr=1e-3)

        def step(x: Tensor, t: Tensor, model: Any = model, opt: Any = opt) -> Tensor:
            loss = F.cross_entropy(model(x), t)
            opt.zero_grad()
            loss.backward()
            optim.clip_grad_norm_(model.parameters(), 1.0)
            opt.step()
            return loss

        data = tensor(X, dtype=dtype), tensor(y)
        if native:
            replay(step).run(*data, batch_size=32, epochs=91, shuffle=True)
        else:
            for _ in range(91):
                for x, t in nn.batches(*data, batch_size=32, shuffle=True):
                    step(x, t)
        found.append(model)
    same(*found)
