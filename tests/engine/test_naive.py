"""Random programs through backlit and through a naive second engine: values and gradients agree.
Programs share nodes, broadcast, take views, reduce and multiply matrices, as users' programs do.
"""

from typing import Any

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

import backlit.engine as engine
from backlit.engine import Tensor

from . import naive
from .common import examples, leaf

SHAPES = [(), (1,), (3,), (2, 1), (1, 3), (2, 3), (3, 2), (3, 3), (2, 1, 3)]
quarters = st.integers(-8, 8).map(lambda k: k / 4)


@st.composite
def leaves(draw: Any) -> np.ndarray:
    shape = draw(st.sampled_from(SHAPES))
    size = int(np.prod(shape))
    return np.array(draw(st.lists(quarters, min_size=size, max_size=size))).reshape(shape)


def step(draw: Any, pool: list[tuple[Tensor, np.ndarray]]) -> tuple[Tensor, np.ndarray]:
    """One more op on what is there, in both engines."""
    x, p = draw(st.sampled_from(pool))
    y, q = draw(st.sampled_from(pool))
    kinds = ["unary", "binary", "binary", "reduce", "transpose", "reshape"]
    if x.ndim:
        kinds += ["slice", "take"]
    if x.ndim == y.ndim == 2 and x.shape[1] == y.shape[0]:
        kinds += ["matmul"] * 4
    kind = draw(st.sampled_from(kinds))
    if kind == "unary":
        name = draw(st.sampled_from(sorted(naive.UNARY)))
        return getattr(engine, name)(x), np.asarray(naive.UNARY[name](p))
    if kind == "binary":
        try:
            np.broadcast_shapes(x.shape, y.shape)
        except ValueError:
            return (x + x), np.asarray(p + p)
        name = draw(st.sampled_from(sorted(naive.BINARY)))
        out = x / (y * y + 1) if name == "div" else getattr(engine, name)(x, y)
        return out, np.asarray(naive.BINARY[name](p, q))
    if kind == "reduce":
        name = draw(st.sampled_from(["sum", "mean", "max", "min"]))
        axis = draw(st.sampled_from([None, *range(x.ndim)]))
        return getattr(engine, name)(x, axis=axis), naive.reduce(name, p, axis)
    if kind == "transpose":
        return x.T, p.T
    if kind == "reshape":
        return x.reshape(-1), p.reshape(-1)
    if kind == "slice":
        part = draw(st.sampled_from([slice(None, None, -1), slice(0, 1), slice(1, None), 0, -1]))
        assume(np.empty(x.shape)[part].size)
        return x[part], np.asarray(p[part])
    if kind == "take":
        rows = draw(st.lists(st.integers(-x.shape[0], x.shape[0] - 1), min_size=1, max_size=4))
        return x[rows], p[rows]
    return x @ y, naive.matmul(p, q)


@examples(80)
@given(st.data(), st.lists(leaves(), min_size=1, max_size=3), st.integers(1, 9))
def test_values_and_gradients_agree(data: Any, arrays: list[np.ndarray], length: int):
    ours = [leaf(a) for a in arrays]
    theirs = [naive.array(a) for a in arrays]
    pool = list(zip(ours, theirs, strict=True))
    try:
        for _ in range(length):
            x, p = step(data.draw, pool)
            value = naive.data(p)
            assume(value.size <= 60 and np.all(np.abs(value) < 1e3))
            np.testing.assert_allclose(x.numpy(), value, rtol=1e-9, atol=1e-9)
            pool.append((x, p))
        total = pool[-1][0].sum()
        root = naive.reduce("sum", pool[-1][1], None).item()
    except naive.Doubt:
        assume(False)
        return
    if not total.requires_grad:
        return
    total.backward()
    naive.backward(root)
    for x, p in zip(ours, theirs, strict=True):
        expected = naive.grad(p)
        found = np.zeros(x.shape) if x.grad is None else x.grad.numpy()
        scale = 1 + np.abs(expected).max()
        np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-9 * scale)
