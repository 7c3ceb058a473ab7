"""The kernels below the tensors: operands of any layout, ranges split anywhere, sums within their
promise, matrix products at every border, the modes of the processor, the cache of compiled code.
"""

import itertools
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import backlit.engine as engine
from backlit.engine import (
    ShapeError,
    Tensor,
    apply,
    linear,
    matmul,
    ones,
    pair_sum,
    registry,
    tensor,
    where,
    zeros,
)
from backlit.engine.kernels import abi, cache, reduce, rows, update
from backlit.engine.kernels import random as random_kernels
from backlit.engine.kernels.build import I64, Kernel, elementwise_kernel
from backlit.engine.kernels.door import door

from .common import DTYPES, F32, F64, LAYOUTS, examples, held, laid_out, layouts, python

BLOCK = abi.BLOCK


def floats(rng: np.random.Generator, shape: Any, dtype: np.dtype) -> np.ndarray:
    return np.asarray(rng.uniform(0.5, 2.0, shape), dtype)


# -- the walk: broadcast, strided, reversed, empty


BINARY = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide,
          "maximum": np.maximum, "less": np.less}  # fmt: skip
shape_pairs = hnp.mutually_broadcastable_shapes(
    num_shapes=2, min_dims=0, max_dims=4, min_side=0, max_side=5
)


@examples(120)
@given(shape_pairs, layouts, layouts, st.sampled_from(sorted(BINARY)), st.sampled_from([F32, F64]))
def test_two_operands_of_any_shape_and_layout(pair, first, second, name, dtype):
    rng = np.random.default_rng(0)
    x, y = (floats(rng, shape, dtype) for shape in pair.input_shapes)
    out = apply(registry[name], held(laid_out(x, first)), held(laid_out(y, second)))
    expected = BINARY[name](x, y)
    assert out.shape == expected.shape == pair.result_shape
    assert out.dtype == expected.dtype
    np.testing.assert_array_equal(out.numpy(), expected)


@examples(60)
@given(
    hnp.mutually_broadcastable_shapes(num_shapes=3, max_dims=4, min_side=0, max_side=4),
    layouts, layouts, layouts, st.sampled_from([F32, F64]),
)  # fmt: skip
def test_three_operands_with_truths_of_one_byte(triple, a, b, c, dtype):
    rng = np.random.default_rng(1)
    truth = np.asarray(rng.random(triple.input_shapes[0]) < 0.5)
    x, y = (floats(rng, shape, dtype) for shape in triple.input_shapes[1:])
    out = where(held(laid_out(truth, a)), held(laid_out(x, b)), held(laid_out(y, c)))
    np.testing.assert_array_equal(out.numpy(), np.where(truth, x, y))


@DTYPES
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", [(3, BLOCK + 1), (BLOCK + 1, 3), (2, 3, 700), (1, 2 * BLOCK)])
def test_operands_longer_than_a_block(shape: tuple[int, ...], layout: str, dtype: np.dtype):
    """Blocks end inside rows, and a row inside a block: the odometer goes on where it stopped."""
    rng = np.random.default_rng(2)
    x, y = floats(rng, shape, dtype), floats(rng, shape[-1:], dtype)
    z = floats(rng, (shape[0],) + (1,) * (len(shape) - 1), dtype)
    for other in (x, y, z, y[:1]):
        for left, right in ((x, other), (other, x)):
            out = held(laid_out(left, layout)) - held(right)
            np.testing.assert_array_equal(out.numpy(), left - right)


def test_transposes_of_every_kind():
    """All orders of four axes: dimensions merge where they may and nowhere else."""
    x = np.arange(2 * 3 * 4 * 5, dtype=F32).reshape(2, 3, 4, 5)
    for order in itertools.permutations(range(4)):
        view = x.transpose(order)
        np.testing.assert_array_equal((held(view) * held(view)).numpy(), view * view)
        flat = np.ascontiguousarray(view)
        np.testing.assert_array_equal((held(view) - held(flat)).numpy(), np.zeros(view.shape))


def test_many_dimensions():
    """The walk's tables hold 32 dimensions; tensors with more are refused where they are made."""
    x = np.arange(2.0**12, dtype=F32).reshape((2,) * 12 + (1,) * 20)
    view = x.transpose(list(range(11, -1, -1)) + list(range(12, 32)))
    np.testing.assert_array_equal((held(view) + held(x)).numpy(), view + x)
    with pytest.raises(ShapeError, match="32 dimensions"):
        tensor(np.zeros((1,) * 33))
    with pytest.raises(ShapeError):
        ones(1).reshape((1,) * 33)
    with pytest.raises(ShapeError):
        ones(1).broadcast_to((1,) * 33)
    with pytest.raises(ShapeError):
        ones(1)[(None,) * 32]


@DTYPES
def test_operands_off_their_natural_border(dtype: np.dtype):
    """A field of packed records lies at odd addresses and strides; the engine reads it right."""
    records = np.zeros((6, 6), [("tag", "u1"), ("value", dtype)])
    records["value"] = np.arange(36).reshape(6, 6)
    odd = records["value"]
    assert not odd.flags.aligned
    x = ones((6, 6), dtype)
    np.testing.assert_array_equal((x + odd).numpy(), 1 + odd)
    np.testing.assert_array_equal(tensor(odd, dtype).numpy(), odd)
    np.testing.assert_array_equal((x @ odd).numpy(), x.numpy() @ odd)
    np.testing.assert_array_equal(matmul(odd.T, x).numpy(), odd.T @ x.numpy())
    np.testing.assert_array_equal(linear(x, tensor(odd, dtype)).numpy(), x.numpy() @ odd.T)


@pytest.mark.parametrize("order", ["<", ">"])
def test_bytes_in_another_order(order: str):
    """Big-endian files are read into the machine's order, also as operands."""
    x = np.arange(6.0).reshape(2, 3).astype(f"{order}f4")
    np.testing.assert_array_equal(tensor(x).numpy(), np.arange(6).reshape(2, 3))
    np.testing.assert_array_equal((ones((2, 3)) * x).numpy(), x)
    assert tensor(np.arange(3).astype(f"{order}i8")).dtype == np.int64
    assert (ones((2, 3)) * x).dtype is F32


def test_operands_that_cannot_be_written():
    """Memory from files and bytes is often read-only: it is read, never written."""
    x = np.frombuffer(bytes(np.arange(4, dtype=F32)), F32)
    assert not x.flags.writeable
    t = held(x)
    assert (t + t).sum().item() == 12
    with pytest.raises((engine.GraphError, ValueError)):
        t.fill_(0)
    assert x.tolist() == [0, 1, 2, 3]
    assert tensor(x).fill_(1).tolist() == [1] * 4  # a copy of one's own


# -- ranges


def split(n: int, borders: list[float]) -> list[tuple[int, int]]:
    """[0, n) cut at fractions of it."""
    marks = sorted({0, n, *(int(b * n) for b in borders)})
    return list(itertools.pairwise(marks))


def same_bits(
    kernel: Kernel, dtype: np.dtype, n: int, ranges: list[tuple[int, int]],
    out: np.ndarray, *operands: Any,
) -> None:  # fmt: skip
    """Run a kernel over [0, n) whole and then in parts: the same bits."""
    arrays = [a for a in operands if isinstance(a, np.ndarray)]
    integers = [a for a in operands if not isinstance(a, np.ndarray)]
    enter = door(kernel.address(dtype), "a" + "a" * len(arrays) + "i" * len(integers))
    parts = out.copy()
    keep = [a.copy() for a in arrays]
    assert enter(0, n, out, *arrays, *integers) == 0
    whole = [a.copy() for a in arrays]
    for array, before in zip(arrays, keep, strict=True):
        array[...] = before
    for begin, end in reversed(ranges):
        assert enter(begin, end, parts, *arrays, *integers) == 0
    assert out.tobytes() == parts.tobytes()
    for array, before in zip(arrays, whole, strict=True):
        assert array.tobytes() == before.tobytes()


fractions = st.lists(st.floats(0, 1), min_size=1, max_size=6)


@DTYPES
@pytest.mark.parametrize("name", ["exp", "log", "tanh", "sigmoid", "sqrt", "div", "pow"])
@examples(25)
@given(st.integers(1, 3000), fractions)
def test_the_bits_do_not_depend_on_who_computes_which_range(
    name: str, dtype: np.dtype, n: int, borders: list[float]
):
    """The promise that threads and replay stand on: an element's bits are its own."""
    rng = np.random.default_rng(n)
    count = 2 if name in ("div", "pow") else 1
    operands = [floats(rng, n, dtype) for _ in range(count)]
    same_bits(_kernel(name), dtype, n, split(n, borders), np.zeros(n, dtype), *operands)


def _kernel(name: str) -> Kernel:
    """The kernel behind a primitive, by the body that its record compiled."""
    bodies = {"exp": "exp(x)", "log": "log(x)", "tanh": "tanh(x)", "sigmoid": "sigmoid(x)",
              "sqrt": "math.sqrt(x)", "div": "x / y", "pow": "x ** y"}  # fmt: skip
    if name not in _KERNELS:
        kinds = "xy->o" if name in ("div", "pow") else "x->o"
        _KERNELS[name] = elementwise_kernel(name, bodies[name], kinds)
    return _KERNELS[name]


_KERNELS: dict[str, Kernel] = {}


@DTYPES
@examples(15)
@given(st.integers(1, 60), st.sampled_from([1, 3, 10, 100, 1024, 1500]), fractions)
def test_rows_split_anywhere(dtype: np.dtype, n: int, columns: int, borders: list[float]):
    rng = np.random.default_rng(n)
    x = rng.standard_normal((n, columns)).astype(dtype)
    ranges = split(n, borders)
    out = np.zeros_like(x)
    same_bits(rows.log_softmax_kernel, dtype, n, ranges, out, x, columns)
    targets = rng.integers(0, columns, n)
    losses = np.zeros(n, dtype)
    unused = np.zeros((), dtype)
    same_bits(rows.losses_kernel, dtype, n, ranges, losses, x, targets, unused, columns, -100, 0)
    upstream = np.ones((), dtype)
    slopes = (np.zeros_like(x), x, targets, upstream, columns, -100, 0, n)
    same_bits(rows.slope_kernel, dtype, n, ranges, *slopes)


@DTYPES
@examples(15)
@given(st.integers(1, 8), st.integers(1, 2 * abi.SUM_BLOCK), fractions)
def test_sums_split_anywhere(dtype: np.dtype, lines: int, n: int, borders: list[float]):
    x = np.random.default_rng(n).standard_normal((lines, n)).astype(dtype)
    blocks = -(-n // abi.SUM_BLOCK)
    out = np.zeros(lines * blocks, dtype if blocks == 1 else F64)
    ranges = split(lines * blocks, borders)
    same_bits(reduce.sum_rows, dtype, lines * blocks, ranges, out, x, n, 1, 1, blocks)
    blocks = -(-n // abi.SUM_ROWS)
    out = np.zeros(lines * blocks * 3, dtype if blocks == 1 else F64)
    ranges = split(lines * blocks, borders)
    tall = np.resize(x, (lines, n, 3))
    same_bits(reduce.sum_columns, dtype, lines * blocks, ranges, out, tall, n, 3, 1, blocks)


def update_everywhere(
    kernel: Kernel, dtype: np.dtype, width: int, shared: tuple[np.ndarray, ...], lengths: list[int],
    borders: list[float],
) -> None:  # fmt: skip
    """Run an update over arrays of some lengths whole and then in parts: the same bits."""
    n = sum(lengths)
    rng = np.random.default_rng(n)
    found = []
    for ranges in ([(0, n)], split(n, borders)):
        rng = np.random.default_rng(n)
        rows = [[floats(rng, k, dtype) for _ in range(width)] for k in lengths]
        table = np.array([[k, *(a.ctypes.data for a in row)]
                          for k, row in zip(lengths, rows, strict=True)], np.int64)  # fmt: skip
        enter = door(kernel.address(dtype), "ai" + "a" * len(shared))
        for begin, end in reversed(ranges):
            assert enter(begin, end, table, len(rows), *shared) == 0
        found.append(b"".join(a.tobytes() for row in rows for a in row))
    assert found[0] == found[1]


@DTYPES
@examples(15)
@given(st.lists(st.integers(0, 700), min_size=1, max_size=4), fractions)
def test_updates_split_anywhere(dtype: np.dtype, lengths: list[int], borders: list[float]):
    step = np.array(3.0)
    hyper = np.array([0.1, 0.9, 0.999, 1e-8, 0.01, 1, 0])
    update_everywhere(update.adam, dtype, 4, (step, hyper), lengths, borders)
    hyper = np.array([0.1, 0.9, 0.1, 0.01, 1, 0])
    update_everywhere(update.sgd_momentum, dtype, 3, (step, hyper), lengths, borders)
    update_everywhere(update.sgd, dtype, 2, (hyper,), lengths, borders)
    update_everywhere(update.accumulate, dtype, 2, (), lengths, borders)
    update_everywhere(update.scale, dtype, 1, (step,), lengths, borders)
    update_everywhere(update.clip, dtype, 1, (step, np.array([0.5])), lengths, borders)


@DTYPES
@examples(15)
@given(st.integers(1, 2000), fractions)
def test_draws_split_anywhere(dtype: np.dtype, n: int, borders: list[float]):
    state = np.array([n, 2], np.uint64)
    per_block = 2 if dtype == F64 else 4
    blocks = -(-n // per_block)
    out = np.zeros(n, dtype)
    uniform = random_kernels.uniform_kernel
    same_bits(uniform, dtype, blocks, split(blocks, borders), out, state, n)
    blocks = -(-n // 4)
    normal = random_kernels.normal_kernel
    same_bits(normal, dtype, blocks, split(blocks, borders), np.zeros(n, dtype), state, n)


# -- sums


SUM_CASES = [
    ((0,), None), ((1,), None), ((31,), None), ((32,), None), ((33,), None),
    ((abi.SUM_BLOCK,), None), ((abi.SUM_BLOCK + 1,), None), ((3 * abi.SUM_BLOCK + 17,), 0),
    ((abi.SUM_ROWS, 5), 0), ((abi.SUM_ROWS + 1, 5), 0), ((1000, 259), 0),
    ((5, 1000), 1), ((3, 4, 5), 1), ((3, 4, 5), (0, 2)), ((3, 4, 5), (0, 1)), ((3, 4, 5), ()),
    ((3, 0, 5), 1), ((3, 0, 5), 0), ((0, 3), 0), ((2, 600, 3), 1), ((2, 3, 4, 5), (0, 3)),
    ((2, 3, 4, 5), (1, 3)), ((), None), ((1, 1), None), ((20000, 2), (0, 1)),
]  # fmt: skip


@DTYPES
@pytest.mark.parametrize(("shape", "axis"), SUM_CASES)
def test_sums_stay_within_a_millionth_of_the_sum_of_magnitudes(shape, axis, dtype):
    """float64 partial sums over fixed blocks; NumPy's float32 sum over axis 0 is far off."""
    x = (np.random.default_rng(3).standard_normal(shape) * 100).astype(dtype)
    exact = x.astype(np.longdouble).sum(axis)
    scale = np.abs(x.astype(F64)).sum(axis)
    for keepdims in (False, True):
        out = tensor(x, dtype).sum(axis=axis, keepdims=keepdims)
        assert out.dtype == dtype
        assert out.shape == x.sum(axis, keepdims=keepdims).shape
        error = np.abs(out.numpy().reshape(exact.shape) - exact)
        assert np.all(error <= (1e-6 if dtype == F32 else 1e-13) * scale)


@pytest.mark.parametrize("axis", [0, 1])
def test_a_long_sum_in_float32_is_right(axis: int):
    """The sums of a bias' gradient over many rows: 0.1 a million times is 100,000."""
    x = np.full((1_000_000, 3), 0.1, F32)
    x = x if axis == 0 else x.T
    np.testing.assert_allclose(held(x).sum(axis).numpy(), [1e5 * (F32.type(0.1) / 0.1)] * 3, 1e-6)


@examples(60)
@given(
    hnp.array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=40), layouts, st.data(),
    st.sampled_from([F32, F64]),
)  # fmt: skip
def test_the_bits_of_a_sum_do_not_depend_on_memory(shape, layout, data, dtype):
    x = np.random.default_rng(4).standard_normal(shape).astype(dtype)
    axes = data.draw(st.sets(st.integers(0, len(shape) - 1)))
    axis = tuple(axes) or None
    for name in ("sum", "mean"):
        plain = getattr(held(x), name)(axis)
        other = getattr(held(laid_out(x, layout)), name)(axis)
        assert plain.data.tobytes() == other.data.tobytes()


@pytest.mark.parametrize("n", [1, 2, 3, 16, 17, 64, 1000, 20_000])
def test_means_and_maxima(n: int):
    x = np.random.default_rng(5).standard_normal((n, 3)).astype(F32)
    t = tensor(x)
    np.testing.assert_allclose(t.mean(0).numpy(), x.astype(F64).mean(0), rtol=1e-6, atol=1e-7)
    for name in ("max", "min"):
        for axis in (None, 0, 1, (0, 1)):
            np.testing.assert_array_equal(getattr(t, name)(axis).numpy(), getattr(x, name)(axis))
    for axis in (None, 0, 1):
        np.testing.assert_array_equal(t.argmax(axis).numpy(), x.argmax(axis))


# -- matrix products


def oracle(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.matmul(a.astype(F64), b.astype(F64))


def close(out: Any, a: np.ndarray, b: np.ndarray, bias: Any = 0.0) -> None:
    """Within the rounding of a sum of k products."""
    exact = oracle(a, b) + bias
    scale = np.matmul(np.abs(a.astype(F64)), np.abs(b.astype(F64))) + np.abs(bias)
    assert out.shape == exact.shape
    assert out.dtype == a.dtype
    eps = np.finfo(a.dtype).eps
    assert np.all(np.abs(out.numpy() - exact) <= 4 * eps * (4 + a.shape[-1]) * scale)


SIZES = [
    (1, 1, 1), (1, 5, 1), (7, 1, 9), (8, 16, 16), (9, 17, 15), (4, 3, 33), (3, 4, 16), (12, 2, 31),
    (100, 2, 16), (13, 100, 17), (1, 512, 1), (2, 8192 // 31, 16), (2, 8192 // 31 + 1, 16),
    (99, 101, 100), (100, 100, 101), (40, 600, 40), (1, 3000, 1), (3000, 1, 3), (1, 1, 3000),
    (600, 60, 64), (130, 130, 130), (30, 1100, 70), (300, 520, 1030),
]  # fmt: skip


@DTYPES
@pytest.mark.parametrize(("m", "k", "n"), SIZES)
def test_products_at_the_borders_of_the_tiles(m: int, k: int, n: int, dtype: np.dtype):
    """The tile, its remainders, what is packed: the same product, each layout."""
    rng = np.random.default_rng(m + k + n)
    a = rng.standard_normal((m, k)).astype(dtype)
    b = rng.standard_normal((k, n)).astype(dtype)
    for left in LAYOUTS:
        close(held(laid_out(a, left)) @ held(b), a, b)
        close(held(a) @ held(laid_out(b, left)), a, b)
    close(held(laid_out(a, "fortran")) @ held(laid_out(b, "strided")), a, b)
    bias = rng.standard_normal(n).astype(dtype)
    close(linear(held(a), held(np.ascontiguousarray(b.T)), held(bias)), a, b, bias)
    close(linear(held(a), held(b.T), held(laid_out(bias, "reversed"))), a, b, bias)
    close(pair_sum(held(a.T), held(b)), a, b)
    close(pair_sum(held(np.ascontiguousarray(a.T)), held(laid_out(b, "strided"))), a, b)


@DTYPES
def test_products_that_are_cut_into_tiles(dtype: np.dtype):
    """Above the size where products are shared out, with few rows (columns cut) and with many."""
    rng = np.random.default_rng(6)
    for m, k, n in ((100, 150, 1100), (1100, 150, 100), (513, 40, 129), (511, 41, 131)):
        a = rng.standard_normal((m, k)).astype(dtype)
        b = rng.standard_normal((k, n)).astype(dtype)
        bias = rng.standard_normal(n).astype(dtype)
        for x in (a, laid_out(a, "fortran")):
            close(held(x) @ held(b), a, b)
            close(linear(held(x), held(np.ascontiguousarray(b.T)), held(bias)), a, b, bias)


EMPTY = [(0, 3, 4), (3, 0, 4), (3, 4, 0), (0, 0, 0), (0, 1000, 100), (5, 1000, 0), (5, 0, 3000)]


@DTYPES
@pytest.mark.parametrize(("m", "k", "n"), EMPTY)
def test_products_of_nothing(m: int, k: int, n: int, dtype: np.dtype):
    """An empty batch gives an empty result, a sum over nothing gives 0 (and the bias)."""
    a, b = zeros((m, k), dtype), zeros((k, n), dtype)
    np.testing.assert_array_equal((a @ b).numpy(), np.zeros((m, n)))
    out = linear(a, zeros((n, k), dtype), ones(n, dtype))
    np.testing.assert_array_equal(out.numpy(), np.ones((m, n)))
    stacked = zeros((2, m, k), dtype) @ zeros((2, k, n), dtype)
    np.testing.assert_array_equal(stacked.numpy(), np.zeros((2, m, n)))
    x = tensor(np.zeros((m, k)), dtype, requires_grad=True)
    w = tensor(np.zeros((n, k)), dtype, requires_grad=True)
    linear(x, w).sum().backward()
    assert x.grad is not None
    assert w.grad is not None
    assert (x.grad.shape, w.grad.shape) == (x.shape, w.shape)
    np.testing.assert_array_equal(w.grad.numpy(), np.zeros((n, k)))


@pytest.mark.parametrize("n", [10, 9000])
def test_an_axis_of_one_element_may_have_any_stride(n: int):
    """`v[None]` is a row whose stride between rows is 0."""
    v = tensor(np.arange(n))
    column = ones((10, 1))
    expected = np.broadcast_to(np.arange(n), (10, n))
    np.testing.assert_array_equal((column @ v.astype("float32")[None]).numpy(), expected)
    np.testing.assert_array_equal((v.astype("float32")[:, None] @ ones((1, 10))).numpy(),
                                  expected.T)  # fmt: skip
    row = np.lib.stride_tricks.as_strided(np.arange(n, dtype=F32), (1, n), (4, 4))
    np.testing.assert_array_equal((column @ held(row)).numpy(), expected)


STACKS = [
    ((3,), (3,)), ((3,), (3, 4)), ((2, 3), (3,)), ((5, 2, 3), (3,)), ((3,), (5, 3, 4)),
    ((5, 2, 3), (5, 3, 4)), ((5, 2, 3), (3, 4)), ((2, 3), (5, 3, 4)), ((5, 1, 2, 3), (6, 3, 4)),
    ((1, 2, 3), (5, 3, 4)), ((0, 2, 3), (3, 4)), ((2, 2, 3, 4), (2, 1, 4, 5)),
]  # fmt: skip


@DTYPES
@pytest.mark.parametrize(("left", "right"), STACKS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_stacks_and_vectors(left, right, layout: str, dtype: np.dtype):
    rng = np.random.default_rng(7)
    a, b = rng.standard_normal(left).astype(dtype), rng.standard_normal(right).astype(dtype)
    expected = np.matmul(a.astype(F64), b.astype(F64))
    for x, y in ((laid_out(a, layout), b), (a, laid_out(b, layout))):
        out = held(x) @ held(y)
        assert out.shape == expected.shape
        np.testing.assert_allclose(out.numpy(), expected, rtol=1e-5, atol=1e-5)


MISFITS = [
    ((2, 3), (2, 3)), ((3,), (2,)), ((2, 3), (4,)), ((), (3,)), ((3,), ()), ((2, 2, 3), (3, 3, 4)),
]  # fmt: skip


@pytest.mark.parametrize(("left", "right"), MISFITS)
def test_products_that_do_not_fit_say_so(left, right):
    with pytest.raises(ShapeError, match="matmul"):
        matmul(ones(left), ones(right))


@pytest.mark.parametrize(
    ("x", "weight", "bias"),
    [((2, 3), (4, 2), None), ((2, 3), (3,), None), ((), (2, 1), None), ((2, 3), (4, 3), (3,)),
     ((2, 3), (4, 3), (1, 4)), ((2, 3), (4, 3, 1), None)],
)  # fmt: skip
def test_linear_checks_before_native_code_reads(x, weight, bias):
    with pytest.raises(ShapeError, match="linear"):
        linear(ones(x), ones(weight), None if bias is None else ones(bias))


@pytest.mark.parametrize(
    ("left", "right"),
    [((5, 3), (4, 2)), ((5, 3), (5,)), ((5, 3), (5, 2, 2)), ((4, 5, 3), (5, 2)), ((), (2,))],
)
def test_pair_sum_checks_before_native_code_reads(left, right):
    """Rows that are not there would be read from beyond the array."""
    with pytest.raises(ShapeError, match="pair_sum"):
        pair_sum(ones(left), ones(right))


@pytest.mark.parametrize("shape", [(2, 2), (3,)])
def test_products_of_integers_are_refused(shape):
    from backlit.engine import DtypeError

    whole = tensor(np.ones(shape, np.int64))
    for product in (matmul, pair_sum):
        with pytest.raises(DtypeError):
            product(whole, whole)


def test_the_bits_of_a_product_do_not_depend_on_the_rows_around_it():
    """The own tile sums each element over k in order, whatever the number of rows."""
    rng = np.random.default_rng(8)
    a, b = floats(rng, (37, 20), F32), floats(rng, (20, 16), F32)
    whole = (held(a) @ held(b)).numpy()
    for m in (1, 4, 8, 13, 36):
        np.testing.assert_array_equal((held(a[:m]) @ held(b)).numpy(), whole[:m])


@DTYPES
def test_a_products_bits_depend_on_row_and_column_alone(dtype: np.dtype):
    """Not on the size of the product, on its tiles or on how its operands lie."""
    rng = np.random.default_rng(9)
    a, b = floats(rng, (530, 700), dtype), floats(rng, (700, 310), dtype)
    whole = (held(a) @ held(b)).numpy()
    for high, wide in ((slice(3, 20), slice(5, 300)), (slice(100, 529), slice(17, 30))):
        part = (held(a[high]) @ held(b[:, wide])).numpy()
        np.testing.assert_array_equal(part, whole[high, wide])
    turned = (held(np.asfortranarray(a)) @ held(np.asfortranarray(b))).numpy()
    np.testing.assert_array_equal(turned, whole)


# -- updates that would read or write beyond their arrays


def test_updates_check_before_native_code_writes():
    """Fewer numbers than the kernel reads, other sizes, other types: refused, nothing written."""
    one = tensor(1.0, "float64")
    p, g, hyper = ones(4), ones(4), tensor([0.1, 0, 0, 0, 0, 0], "float64")
    wide = ones(4, "float64")
    for act in (
        lambda: engine.sgd_update(p, ones(3), hyper),
        lambda: engine.sgd_update(p, wide, hyper),
        lambda: engine.sgd_update(p, g, tensor([0.1])),
        lambda: engine.sgd_update(p, g, tensor([0.1], "float64")),
        lambda: engine.sgd_update(p, g, p, hyper),
        lambda: engine.sgd_update(p, g, g, ones(3), hyper),  # the second row: the first neither
        lambda: engine.momentum_update(p, g, ones(5), one, hyper),
        lambda: engine.momentum_update(p, g, one, hyper),
        lambda: engine.adam_update(p, g, zeros(4), zeros(4), one, hyper),
        lambda: engine.adam_update(p, g, zeros(4), zeros(3), one, ones(7, "float64")),
        lambda: engine.accumulate_(p, ones(3)),
        lambda: engine.accumulate_(p, wide),
        lambda: engine.scale_(tensor([1, 2]), 2.0),
    ):
        with pytest.raises((ShapeError, engine.DtypeError)):
            act()
    assert p.tolist() == [1] * 4


@pytest.mark.parametrize("layout", ["fortran", "strided", "reversed", "offset"])
def test_updates_of_parameters_in_any_layout(layout: str):
    rng = np.random.default_rng(9)
    p, g = floats(rng, (3, 5), F32), floats(rng, (3, 5), F32)
    hyper = tensor([0.5, 0, 0, 0, 0, 0], "float64")
    twin, other = held(laid_out(p.copy(), layout)), tensor(p)
    engine.sgd_update(other, held(g), twin, held(laid_out(g, layout)), hyper)
    expected = p - F32.type(0.5) * g
    np.testing.assert_array_equal(twin.numpy(), expected)
    np.testing.assert_array_equal(other.numpy(), expected)
    engine.scale_(twin, 2.0)
    np.testing.assert_array_equal(twin.numpy(), 2 * expected)
    engine.accumulate_(twin, held(g))
    np.testing.assert_array_equal(twin.numpy(), 2 * expected + g)
    engine.accumulate_(twin, twin)
    np.testing.assert_array_equal(twin.numpy(), 2 * (2 * expected + g))


def test_an_update_from_overlapping_memory_reads_the_old_numbers():
    line = np.arange(6, dtype=F32)
    engine.accumulate_(held(line[1:]), held(line[:-1]))
    assert line.tolist() == [0, 1, 3, 5, 7, 9]


def test_native_code_stays_within_its_arrays():
    """Arrays between forbidden pages, through every family of kernels, in a process of its own."""
    result = python((Path(__file__).parent / "guarded.py").read_text())
    assert result.stdout.strip() == "within bounds", result.stderr or result.returncode


# -- the processor's modes


def test_subnormals_are_flushed_and_the_callers_mode_is_restored():
    """Dying gradients would make a step seven times as slow; NumPy beside us is not touched."""
    tiny = np.float32(1e-40)
    x = tensor([1e-40, 1.0])
    assert x.data[0] == tiny != 0  # held as it is
    assert (x * 1).tolist() == [0, 1]
    assert (tensor([1e-30]) * 1e-10).tolist() == [0]
    assert (x.sum() - 1).item() == 0
    for after in (x.exp, lambda: x @ x, lambda: engine.uniform((3,)), lambda: x.sum()):
        after()
        assert tiny * np.float32(1) == tiny
        assert np.float64(5e-324) * 1 > 0


def test_the_mode_is_restored_after_an_error():
    with pytest.raises(IndexError):
        engine.cross_entropy(ones((2, 3)), [0, 7])
    assert np.float32(1e-40) * np.float32(1) > 0


# -- the cache of compiled kernels


STEP = (
    "from backlit.engine import tensor, exp\n"
    "from backlit.engine.kernels import cache\n"
    "print(exp(tensor(0.0)).item(), cache.is_kept(), cache.directory())\n"
)


def ran(result: Any) -> str:
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_import_compiles_nothing(tmp_path: Path):
    """Importing costs what NumPy costs: Numba is imported with the first kernel."""
    code = (
        "import sys, backlit.engine\n"
        "print([m for m in ('numba', 'llvmlite', 'engine') if m in sys.modules])\n"
    )
    assert ran(python(code, tmp_path / "cache")) == "[]"
    assert not (tmp_path / "cache").exists()


def test_a_truncated_cache_file_is_made_again(tmp_path: Path):
    """A full disk or a lost machine leaves half files, at which Numba would fail for ever."""
    assert ran(python(STEP, tmp_path)).startswith("1.0 True")
    files = [f for f in tmp_path.rglob("__pycache__/*") if f.suffix in (".nbc", ".nbi")]
    assert files
    times = {f: f.stat().st_mtime_ns for f in files}
    assert ran(python(STEP, tmp_path)).startswith("1.0 True")
    assert times == {f: f.stat().st_mtime_ns for f in files}  # warm: nothing was written
    for k, file in enumerate(sorted(files)):
        file.write_bytes(file.read_bytes()[: 0 if k % 2 else 40])
    result = python(STEP, tmp_path)
    assert ran(result).startswith("1.0 True")
    assert "Error" not in result.stderr
    assert ran(python(STEP, tmp_path)).startswith("1.0 True")


def test_without_a_writable_folder_kernels_work_and_a_warning_says_so(tmp_path: Path):
    file = tmp_path / "file"
    file.write_text("not a folder")
    result = python(STEP, file / "cache")
    assert ran(result).startswith("1.0 False")
    assert "backlit" in result.stderr
    assert result.stderr.count("Warning") == 1


@pytest.mark.parametrize("danger", ["mode", "owner", "link", "parent"])
def test_a_folder_that_others_can_write_is_not_used(tmp_path: Path, danger: str):
    """What lies in the cache is run as code."""
    folder = tmp_path / "cache" / cache.stamp()
    if danger == "link":
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        folder.parent.mkdir()
        folder.symlink_to(tmp_path / "elsewhere")
    else:
        folder.mkdir(parents=True)
    if danger == "mode":
        folder.chmod(0o777)
    if danger == "parent":
        folder.chmod(0o700)
        folder.parent.chmod(0o777)
    if danger == "owner":
        if os.getuid() != 0:
            pytest.skip("only root can give a folder away")
        os.chown(folder, 12345, 12345)
    code = "from backlit.engine.kernels import cache; print(cache.is_kept(), cache.directory())"
    kept, directory = ran(python(code, tmp_path / "cache")).split(maxsplit=1)
    assert kept == "False"
    assert Path(directory) != folder
    assert not list(folder.iterdir())


def test_an_address_is_built_once():
    kernel = elementwise_kernel("exp", "exp(x)", "x->o")
    assert "not built yet" in repr(kernel)
    assert kernel.address(F32) == kernel.address(F32)
    assert "float32" in repr(kernel)


def test_the_door_returns_the_kernels_status():
    scores, targets = np.zeros((3, 2), F32), np.array([0, 1, 2], I64)
    losses = np.zeros(3, F32)
    enter = door(rows.losses_kernel.address(F32), "aaaaiii")
    status = enter(0, 3, losses, scores, targets, losses, 2, -100, 0)
    assert status == 3  # 1 + the row


def test_apply_is_the_door_of_all():
    assert apply(registry["add"], ones(2), ones(2)).tolist() == [2, 2]


@DTYPES
@pytest.mark.parametrize("name", ["maximum", "minimum", "relu", "where", "abs", "neg", "sign"])
def test_subnormal_numbers_have_the_same_bits_in_every_loop(name: str, dtype: np.dtype):
    """Alone, at the end of a vector and within one; where result and operand seem to overlap."""
    record = registry[name]
    tiny = np.finfo(dtype).smallest_subnormal * np.array([0, 1, -1, 5, -5], dtype)
    x = np.resize(np.concatenate([tiny, np.array([-0.0, 1.5, -2.0, np.nan], dtype)]), 83)
    count = len(record.samples(np.random.default_rng(0)))  # type: ignore[misc]
    others = [x > 0, x, x[::-1].copy()] if name == "where" else [x, x[::-1].copy()][:count]
    whole = apply(record, *map(tensor_of, others)).numpy()
    for n in (1, 2, 7, 33):
        for begin in range(0, 83 - n, n):
            part = apply(record, *[tensor_of(a[begin : begin + n]) for a in others])
            assert part.numpy().tobytes() == whole[begin : begin + n].tobytes()


def tensor_of(array: np.ndarray) -> Tensor:
    return tensor(array, dtype=array.dtype)
