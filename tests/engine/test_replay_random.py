"""Random programs over all ops of the registry, in float32 and float64: operands from earlier ops
where they fit, views and broadcast results, changes in place, several results, ops that nobody
reads, floats and gradients. Each has the bits of the eager run, with any passes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backlit.engine import (
    NonFiniteGradientError,
    Tensor,
    apply,
    gradients,
    no_grad,
    registry,
    replay,
    tensor,
)
from backlit.engine.programs.program import PASSES

from .test_registry import COMPUTED, DRAWS, as_tensor, drawn

OPS = [name for name in COMPUTED if name not in DRAWS]
VIEWS: list[Any] = [
    lambda x: x,
    lambda x: x.T,
    lambda x: x[::-1] if x.ndim else x,
    lambda x: x[..., :1] if x.ndim else x,
    lambda x: x.reshape(-1),
    lambda x: x.expand_dims(0),
]


class World:
    """A function of a few ops, chosen by a recipe, with a tensor that it changes in place."""

    def __init__(self, recipe: list[tuple[str, int, int]], dtype: str, outputs: list[int]):
        self.recipe, self.outputs = recipe, outputs
        self.dtype = np.dtype(dtype)
        self.kept = tensor(np.zeros((3, 4)), dtype=dtype)
        self.weight = tensor(np.linspace(0.5, 1.5, 12).reshape(3, 4), dtype=dtype)
        self.weight.requires_grad_()
        drew = [drawn(registry[name], seed) for name, seed, _ in recipe]
        self.operands = [[as_tensor(x, self.dtype) for x in row] for row, _ in drew]
        self.params = [params for _, params in drew]

    def __call__(self, x: Tensor, t: float) -> Any:
        found = [x * self.weight, self.kept * 1, self.weight * t]
        rows = zip(self.recipe, self.operands, self.params, strict=True)
        for (name, _, pick), operands, params in rows:
            fed = []
            for k, own in enumerate(operands):
                fit = [y for y in found if y.shape == own.shape and y.dtype == own.dtype]
                fit = fit if own.dtype == self.dtype else []  # classes and indices stay in range
                fed.append(fit[(pick + k) % len(fit)] if fit and (pick + k) % 3 else own)
            out = apply(registry[name], *fed, **params)
            found += [out, VIEWS[pick % len(VIEWS)](out)]
        loss = (found[0] * t).sum()
        for y in found[3:]:
            if y.dtype == self.dtype and y.requires_grad:
                loss = loss + y.tanh().sum()
        loss.backward()
        slope: Any = gradients((self.weight * x * t).square().sum(), self.weight)[0]
        with no_grad():
            fit = [y for y in found if y.shape == (3, 4) and y.dtype == self.dtype]
            self.kept.copy_(self.kept * 0.5 + fit[-1].detach().tanh())
            self.weight -= slope * (0.01 * t)
        return [found[k % len(found)] for k in self.outputs], loss, slope

    def state(self) -> list[Any]:
        grad: Any = self.weight.grad
        return [self.kept.data.tobytes(), self.weight.data.tobytes(), grad.data.tobytes()]


def bits(result: Any) -> list[bytes]:
    outputs, loss, slope = result
    return [x.detach().numpy().tobytes() for x in (*outputs, loss, slope)]


@settings(max_examples=120, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(OPS), st.integers(0, 5), st.integers(0, 11)),
        min_size=1,
        max_size=8,
    ),
    st.sampled_from(["float32", "float64"]),
    st.lists(st.integers(0, 30), min_size=1, max_size=4),
    st.sets(st.sampled_from(sorted(PASSES))),
    st.booleans(),
)
def test_random_programs_over_the_registry(
    recipe: Any, dtype: str, outputs: list[int], passes: set[str], drop: bool
):
    eager, played = World(recipe, dtype, outputs), World(recipe, dtype, outputs)
    step = replay(played.__call__, passes=passes)
    for seed in range(7):
        x = tensor(np.random.default_rng(seed).standard_normal((3, 4)), dtype=dtype)
        if drop and seed % 2:
            eager.weight.grad = played.weight.grad = None
        with np.errstate(all="ignore"):
            try:
                wanted = bits(eager(x, 0.5 + seed))
            except NonFiniteGradientError:  # the norm refuses infinity, in a program as well
                with pytest.raises(NonFiniteGradientError):
                    step(x, 0.5 + seed)
                return
            assert wanted == bits(step(x, 0.5 + seed))
        assert eager.state() == played.state()
    assert step.program is not None
