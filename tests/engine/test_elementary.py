"""The elementary functions of kernels against independent oracles: NumPy's own validation tables,
NumPy in a wider type, and what IEEE 754 prescribes at the borders. Loops over them must vectorise.
"""

import ctypes
import math
import platform
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from llvmlite import binding
from numba import cfunc, types
from numba.core.errors import TypingError

from backlit.engine.kernels import elementary, native

F32, F64 = np.dtype(np.float32), np.dtype(np.float64)
DTYPES = pytest.mark.parametrize("dtype", [F32, F64], ids=str)
NAMES = ("exp", "expm1", "log", "log1p", "sigmoid", "tanh")
FUNCTIONS = pytest.mark.parametrize("name", NAMES)

WIDE = np.finfo(np.longdouble).nmant > 60
SMALLEST = {F32: 2.0**-126, F64: 2.0**-1022}
DIGITS = {F32: 24, F64: 53}
INTEGER = {F32: np.dtype(np.uint32), F64: np.dtype(np.uint64)}


def scalar_function(name: str, dtype: np.dtype) -> Any:
    return getattr(elementary, f"{name}_f{8 * dtype.itemsize}")


def compile_kernel(kernel: Callable[..., None], dtype: np.dtype) -> Any:
    """Compile `kernel(out, x, begin, end)`, whose first two arguments are raw pointers."""
    pointer = types.CPointer(types.float32 if dtype == F32 else types.float64)
    signature = types.void(pointer, pointer, types.int64, types.int64)
    return cfunc(signature, error_model="numpy")(kernel)


@cache
def compiled(name: str, dtype: np.dtype) -> Any:
    body = scalar_function(name, dtype)

    def kernel(out, x, begin, end):
        for i in range(begin, end):
            out[i] = body(x[i])

    return compile_kernel(kernel, dtype)


def call(kernel: Any, out: np.ndarray, x: np.ndarray, begin: int, end: int) -> None:
    kind = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 2, *[ctypes.c_int64] * 2)
    kind(kernel.address)(out.ctypes.data, x.ctypes.data, begin, end)


def evaluate(name: str, x: np.ndarray) -> np.ndarray:
    x = np.ascontiguousarray(x)
    out = np.empty_like(x)
    call(compiled(name, x.dtype), out, x, 0, x.size)
    return out


def wide_sigmoid(x: np.ndarray) -> np.ndarray:
    e = np.exp(-np.abs(x))
    return np.where(x < 0, e, 1) / (1 + e)


ORACLES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "exp": np.exp,
    "expm1": np.expm1,
    "log": np.log,
    "log1p": np.log1p,
    "sigmoid": wide_sigmoid,
    "tanh": np.tanh,
}

# Units in the last place, as in the table of the module, a little rounded up.
BOUNDS = {
    ("exp", F32): 1.1,
    ("expm1", F32): 1.5,
    ("log", F32): 1.0,
    ("log1p", F32): 1.5,
    ("sigmoid", F32): 2.0,
    ("tanh", F32): 2.0,
    ("exp", F64): 1.1,
    ("expm1", F64): 1.9,
    ("log", F64): 1.25,
    ("log1p", F64): 1.75,
    ("sigmoid", F64): 2.0,
    ("tanh", F64): 2.1,
}


def check(name: str, x: np.ndarray) -> None:
    """Compare with the oracle in a wider type: signs, specials, and the distance in ulp."""
    dtype = x.dtype
    got = evaluate(name, x)
    with np.errstate(all="ignore"):
        exact = ORACLES[name](x.astype(np.float64 if dtype == F32 else np.longdouble))
        rounded = exact.astype(dtype)
    nan = np.isnan(rounded)
    np.testing.assert_array_equal(np.isnan(got), nan)
    np.testing.assert_array_equal(np.signbit(got)[~nan], np.signbit(rounded)[~nan])
    infinite = np.isinf(rounded)
    np.testing.assert_array_equal(got[infinite], rounded[infinite])
    measured = np.isfinite(rounded)
    if name == "sigmoid":  # it gives 0 for what would be subnormal
        measured &= rounded >= SMALLEST[dtype]
        assert (got[rounded < SMALLEST[dtype]] <= SMALLEST[dtype]).all()
    exact, got, x = exact[measured], got[measured], x[measured]
    _, exponent = np.frexp(np.maximum(np.abs(exact), SMALLEST[dtype]))
    ulp = np.abs(got - exact) / np.ldexp(exact.dtype.type(1), exponent - DIGITS[dtype])
    worst = ulp.argmax()
    bound = BOUNDS[name, dtype] + (1 if dtype == F64 and not WIDE else 0)
    assert ulp[worst] <= bound, f"{name}({x[worst]!r}) = {got[worst]!r}, {ulp[worst]} ulp off"


@FUNCTIONS
@pytest.mark.parametrize("stride", [9973, 10007])
def test_float32_over_all_bit_patterns(name, stride):
    """Some 430,000 of the 2**32 values, every exponent and NaNs among them."""
    check(name, np.arange(0, 2**32, stride, dtype=np.uint64).astype(np.uint32).view(F32))


@FUNCTIONS
def test_float64_over_random_bit_patterns_and_where_it_is_hard(name):
    generator = np.random.default_rng(7)
    count = 20_000
    sign = generator.choice([-1.0, 1.0], count)
    small = np.exp(generator.uniform(-40, 0, count))
    parts = [
        generator.integers(0, 2**64, count, dtype=np.uint64).view(F64),
        generator.uniform(-750, 750, count),
        generator.uniform(-40, 40, count),
        generator.uniform(-3, 3, count),
        generator.uniform(-1, 1, count),
        small * sign,
        1 + small * sign,
        small - 1,
    ]
    check(name, np.concatenate(parts))


@DTYPES
@FUNCTIONS
def test_around_every_border(name, dtype):
    """The 1,001 neighbours of each number where an algorithm or a result changes its regime."""
    digits, bias = (23, 127) if dtype == F32 else (52, 1023)
    ln2 = math.log(2)
    borders = [
        *(SMALLEST[dtype] * 2.0**k for k in range(4)),
        *(k * ln2 for k in (0.5, 1, 1.5, 2, digits, digits + 1, digits + 2, digits + 4)),
        *((bias + k) * ln2 for k in (-1, -0.5, 0, 0.5, 1)),
        *((bias + digits + k) * ln2 for k in (-1, 0, 1)),
        *(0.5**0.5, 0.55, 0.275, 1.0, 2.0**0.5, 2.0),
        *(2.0 ** (digits + k) for k in range(5)),
        *(2.0**-digits, float(np.finfo(dtype).max)),
    ]
    start = np.array(borders, dtype).view(INTEGER[dtype]).astype(np.int64)
    positive = (start[:, None] + np.arange(-500, 501)).ravel().astype(INTEGER[dtype]).view(dtype)
    near_minus_one = -1 + np.arange(-500, 501) * dtype.type(2.0 ** -(digits + 1))
    check(name, np.concatenate([positive, -positive, near_minus_one.astype(dtype)]))


INF, NAN = math.inf, math.nan
TINY = [(x, x) for x in (0.0, -0.0, 1e-20, -1e-20, 1e-37, -1e-37)]
SPECIALS = {
    "exp": [(0.0, 1), (-0.0, 1), (1e-20, 1), (INF, INF), (-INF, 0), (1000, INF), (-1000, 0)],
    "expm1": [*TINY, (INF, INF), (-INF, -1), (1000, INF), (-1000, -1)],
    "log": [(0.0, -INF), (-0.0, -INF), (1, 0.0), (INF, INF), (-1e-37, NAN), (-INF, NAN)],
    "log1p": [*TINY, (-1, -INF), (INF, INF), (-1.001, NAN), (-INF, NAN)],
    "sigmoid": [(0.0, 0.5), (-0.0, 0.5), (INF, 1), (-INF, 0), (1000, 1), (-1000, 0)],
    "tanh": [*TINY, (INF, 1), (-INF, -1), (1000, 1), (-1000, -1)],
}


@DTYPES
@FUNCTIONS
def test_special_values(name, dtype):
    """Exactly right, with the sign of a zero."""
    x, expected = np.array([*SPECIALS[name], (NAN, NAN)], dtype).T
    got = evaluate(name, x)
    np.testing.assert_array_equal(got, expected)
    known = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(got)[known], np.signbit(expected)[known])


@DTYPES
def test_sigmoid_keeps_its_digits_far_below_zero(dtype):
    """At -80 it is e**-80, which 1 - sigmoid(80) would lose."""
    got = evaluate("sigmoid", np.array([-80], dtype))
    np.testing.assert_allclose(got, math.exp(-80), rtol=2.0 ** (2 - DIGITS[dtype]))


@DTYPES
@FUNCTIONS
def test_every_nan_gives_nan(name, dtype):
    """Signs and payloads reach the integer arithmetic, and must not make a number there."""
    first = np.array(INF, dtype).view(INTEGER[dtype])
    payloads = np.array([1, 2, 3, 127, 128, 254, 255, 2**22, 2**22 + 1, 2**23 - 1])
    positive = (first + payloads.astype(INTEGER[dtype])).view(dtype)
    assert np.isnan(evaluate(name, np.concatenate([positive, -positive]))).all()


@pytest.mark.skipif(not native.X86, reason="the mode is that of x86")
@DTYPES
@FUNCTIONS
def test_the_same_where_subnormals_are_flushed(name, dtype):
    """Flush-to-zero changes no normal result of a normal input; subnormal inputs count as 0."""
    body: Any = scalar_function(name, dtype)
    flush: Any = native.flush_subnormals
    restore: Any = native.restore_mode

    def kernel(out, x, begin, end):
        before = flush()
        for i in range(begin, end):
            out[i] = body(x[i])
        restore(before)

    generator = np.random.default_rng(5)
    bits = generator.integers(0, 2 ** (8 * dtype.itemsize), 50_000, dtype=INTEGER[dtype])
    dense = np.linspace(-100, 100, 20_001).astype(dtype)
    x = np.concatenate([bits.view(dtype), dense, dtype.type(SMALLEST[dtype]) * dense])
    x = x[~np.isnan(x)]
    flushed = np.empty_like(x)
    call(compile_kernel(kernel, dtype), flushed, x, 0, x.size)

    tiny = np.abs(x) < SMALLEST[dtype]
    expected = evaluate(name, np.where(tiny, np.copysign(dtype.type(0), x), x))
    normal = ~(np.abs(expected) < SMALLEST[dtype])
    np.testing.assert_array_equal(flushed[normal], expected[normal])
    assert (np.abs(flushed[~normal]) <= SMALLEST[dtype]).all()


@DTYPES
@FUNCTIONS
def test_bits_do_not_depend_on_the_range(name, dtype):
    """The vector loop, its remainder and a lone element agree, wherever a range begins."""
    generator = np.random.default_rng(3)
    x = (10 * generator.standard_normal(517)).astype(dtype)
    x[::50] = generator.choice([0.0, -0.0, 1e-30, 1e30, INF, -INF, NAN])
    kernel, whole = compiled(name, dtype), evaluate(name, x)
    for _ in range(100):
        cuts = np.sort(generator.integers(0, x.size + 1, generator.integers(1, 12)))
        pieces = np.full_like(x, 7)
        for begin, end in zip([0, *cuts], [*cuts, x.size], strict=True):
            call(kernel, pieces, x, begin, end)
        assert pieces.tobytes() == whole.tobytes()
    alone = np.full_like(x, 7)
    for i in range(x.size):
        call(kernel, alone, x, i, i + 1)
    assert alone.tobytes() == whole.tobytes()


def validation_rows(name: str) -> list[list[str]]:
    """The rows of a table that NumPy tests its own functions with, where it is installed."""
    folder = Path(np.__file__).parent / "_core" / "tests" / "data"
    file = folder / f"umath-validation-set-{name}.csv"
    if not file.exists():
        pytest.skip(f"this NumPy comes without {file.name}")
    lines = file.read_text().splitlines()
    return [line.split(",") for line in lines if line.startswith("np.float")]


@pytest.mark.parametrize("name", ["exp", "expm1", "log", "log1p", "tanh"])
def test_numpy_validation_table(name):
    rows = validation_rows(name)
    assert len(rows) > 200
    for dtype in (F32, F64):
        chosen = [row for row in rows if row[0] == f"np.{dtype}"]
        given, expected = (
            np.array([int(row[k], 16) for row in chosen], INTEGER[dtype]).view(dtype)
            for k in (1, 2)
        )
        got = evaluate(name, given)
        nan = np.isnan(expected)
        np.testing.assert_array_equal(np.isnan(got), nan)
        # Floats of one sign are ordered as their bits are.
        far = got.view(INTEGER[dtype]).astype(object) - expected.view(INTEGER[dtype])
        assert all(abs(steps) <= 2 for steps in far[~nan])


def has_fma() -> bool:
    return platform.machine().lower() in ("aarch64", "arm64") or bool(
        native.X86 and binding.get_host_cpu_features().get("fma")
    )


@pytest.mark.skipif(not has_fma(), reason="without the instruction fma is a call")
@DTYPES
@FUNCTIONS
def test_a_loop_becomes_vector_code(name, dtype):
    text = compiled(name, dtype).inspect_llvm()
    kind = "float" if dtype == F32 else "double"
    assert f"x {kind}> @llvm.fma.v" in text


@DTYPES
def test_fma_rounds_once(dtype):
    fma = scalar_function("fma", dtype)

    def kernel(out, x, begin, end):
        for i in range(begin, end):
            out[i] = fma(x[i], x[i], -x[i])

    e = float(np.finfo(dtype).eps)
    x = np.full(40, 1 + e, dtype)
    out = np.empty_like(x)
    call(compile_kernel(kernel, dtype), out, x, 0, x.size)
    # (1 + e)**2 - (1 + e) = e + e**2; a product rounded first leaves e alone.
    np.testing.assert_array_equal(out, dtype.type(e + e * e))


def test_a_silent_promotion_does_not_compile():
    """float32 times a Python number is a float64 in Numba: half the lanes, without a word."""
    exp = elementary.exp_f32

    def kernel(out, x, begin, end):
        for i in range(begin, end):
            out[i] = exp(2 * x[i])

    with pytest.raises(TypingError, match=r"exp_f32 takes float32, not \(float64\)"):
        compile_kernel(kernel, F32)
