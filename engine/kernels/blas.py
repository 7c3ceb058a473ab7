"""Matrix products: SciPy's BLAS by address where sizes are worth it, an own tile where they are
tiny. Which of the two, and the tiles a product falls into, depend on the sizes alone.
"""

import ctypes
import importlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from .abi import PACKED, SMALL, TILED
from .build import I64, Kernel, range_kernel
from .door import DATA, WORD, door, on_host


def _address(name: str) -> int:
    module: Any = importlib.import_module("scipy.linalg.cython_blas")
    capsule = module.__pyx_capi__[name]
    python: Any = ctypes.pythonapi
    python.PyCapsule_GetName.restype = ctypes.c_char_p
    python.PyCapsule_GetName.argtypes = [ctypes.py_object]
    python.PyCapsule_GetPointer.restype = ctypes.c_void_p
    python.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    return python.PyCapsule_GetPointer(capsule, python.PyCapsule_GetName(capsule))


@cache
def _thread_switch() -> tuple[int, int, str]:
    """The addresses of OpenBLAS's get and set_num_threads as SciPy loaded it, and its file."""
    importlib.import_module("scipy.linalg.cython_blas")  # loads what is looked for below

    for path in _loaded_libraries("openblas"):
        if Path(path).parent.name == "numpy.libs":
            continue  # NumPy's own copy is left alone
        library = ctypes.CDLL(path)
        for prefix, suffix in (("scipy_openblas", ""), ("openblas", ""), ("scipy_openblas", "64_")):
            try:
                get = getattr(library, f"{prefix}_get_num_threads{suffix}")
                put = getattr(library, f"{prefix}_set_num_threads{suffix}")
            except AttributeError:
                continue
            found = [ctypes.cast(f, ctypes.c_void_p).value or 0 for f in (get, put)]
            return found[0], found[1], path
    return 0, 0, ""


def _loaded_libraries(word: str) -> list[str]:
    """Paths of the shared libraries in this process whose name holds `word` (Linux)."""
    maps = Path("/proc/self/maps")
    if not maps.exists():
        return []
    paths = {line.split(maxsplit=5)[-1] for line in maps.read_text().splitlines() if word in line}
    return sorted(path for path in paths if path.startswith("/"))


MISFIT, STRIDES = 1, 2
"""What `multiply` may answer instead of computing."""


def info() -> dict[str, Any]:
    """What BLAS is used: its file, and whether its threads can be held to one."""
    get, put, path = _thread_switch()
    return {"library": path or "SciPy's BLAS (not OpenBLAS)", "threads_held": bool(get and put)}


# args: out, a, b, bias, table (get and set of BLAS threads, bytes of an item, xgemm), m, n, k,
# a_row, a_column, b_row, b_column (strides in elements),
# a_batch, b_batch, with_bias, columns of a tile, rows of a tile, tiles. out is (batch, m, n),
# contiguous. The range counts tiles: unit u is tile u % tiles of product u // tiles.
gemm = range_kernel(
    "gemm",
    """
def kernel(args, begin, end):
    n = args[6]
    table = i64(args[4])
    tiles = args[17]
    ints = i32(scratch_512())
    scale = FLOAT(scratch_512())
    letters = u8(scratch_512())
    given = i64(scratch_512())
    scale[0] = 1
    scale[1] = 0
    held = table[0]
    if held:
        held = call_int(table[0])
        if held != 1:
            call_with_int(table[1], 1)
    for unit in range(begin, end):
        batch = unit // tiles
        tile = unit % tiles
        across = -(-n // args[15])
        top = tile // across * args[16]
        left = tile % across * args[15]
        rows = min(args[16], args[5] - top)
        columns = min(args[15], n - left)
        a = args[1] + (batch * args[12] + top * args[8]) * ITEM
        b = args[2] + (batch * args[13] + left * args[11]) * ITEM
        at = args[0] + ((batch * args[5] + top) * n + left) * ITEM
        # Fortran sees each row-major matrix transposed: out' = b' a'.
        letters[0] = 78 if args[11] == 1 else 84
        letters[1] = 78 if args[9] == 1 else 84
        ints[0] = columns
        ints[1] = rows
        ints[2] = args[7]
        ints[3] = args[10] if args[11] == 1 else args[11]
        ints[4] = args[8] if args[9] == 1 else args[9]
        ints[5] = n
        word = address_of_i32(ints)
        first = address_of_u8(letters)
        ones = address_of_FLOAT(scale)
        given[0] = first
        given[1] = first + 1
        given[2] = word
        given[3] = word + 4
        given[4] = word + 8
        given[5] = ones
        given[6] = b
        given[7] = word + 12
        given[8] = a
        given[9] = word + 16
        given[10] = ones + ITEM
        given[11] = at
        given[12] = word + 20
        call_gemm(table[3], given)
        if args[14]:
            bias = FLOAT(args[3])
            for i in range(rows):
                line = FLOAT(at + i * n * ITEM)
                for j in range(columns):
                    line[j] += bias[left + j]
    if held and held != 1:
        call_with_int(table[1], held)
    return 0
""",
)

# The same arguments; one unit is one whole product, computed by tiles of 8 x TILE fused
# multiply-adds, each element summed over k in order. A B whose rows are not contiguous is packed.
small = range_kernel(
    "small_gemm",
    """
def kernel(args, begin, end):
    m = args[5]
    n = args[6]
    k = args[7]
    a_row = args[8]
    a_column = args[9]
    b_row = args[10]
    b_column = args[11]
    packed = FLOAT(scratch_64k())
    zeros = FLOAT(scratch_2k())
    if args[14] == 0:
        for j in range(TILE):
            zeros[j] = 0
    for unit in range(begin, end):
        a = args[1] + unit * args[12] * ITEM
        lines = args[2] + unit * args[13] * ITEM
        line_row = b_row
        if b_column != 1:
            b = FLOAT(lines)
            if b_row == 1:
                for j in range(n):
                    for p in range(k):
                        packed[p * n + j] = b[p + j * b_column]
            else:
                for p in range(k):
                    for j in range(n):
                        packed[p * n + j] = b[p * b_row + j * b_column]
            lines = address_of_FLOAT(packed)
            line_row = n
        for left in range(0, n, TILE):
            columns = min(TILE, n - left)
            line = FLOAT(lines + left * ITEM)
            bias = FLOAT(args[3] + left * ITEM) if args[14] else zeros
            top = 0
            while top < m:
                at = FLOAT(a + top * a_row * ITEM)
                out = FLOAT(args[0] + ((unit * m + top) * n + left) * ITEM)
                if m - top >= 8:
                    tile8_FLOAT(out, n, at, a_row, a_column, line, line_row, k, bias, columns)
                    top += 8
                elif m - top >= 4:
                    tile4_FLOAT(out, n, at, a_row, a_column, line, line_row, k, bias, columns)
                    top += 4
                else:
                    tile1_FLOAT(out, n, at, a_row, a_column, line, line_row, k, bias, columns)
                    top += 1
    return 0
""",
)

# args: the row of addresses (see `ready`), the objects out, a, b, bias or None, and which operands
# to read transposed (1: a, 2: b). It reads shapes, strides and types from the arrays, checks that
# they fit, chooses the kernel and its tiles, and runs it. Status: MISFIT where they do not fit,
# STRIDES where BLAS cannot take these strides.
multiply = Kernel(
    "multiply",
    lambda suffix: (
        f"""
def kernel(args, begin, end):
    table = i64(args[0])
    item = table[4]
    row = i64(scratch_512())
    out = args[1] + {DATA}
    a = args[2] + {DATA}
    b = args[3] + {DATA}
    rank = np.int64(i32(out + {WORD})[0])
    if i32(a + {WORD})[0] != rank or i32(b + {WORD})[0] != rank:
        return {MISFIT}
    dtype = i64(out + {5 * WORD})[0]
    if i64(a + {5 * WORD})[0] != dtype or i64(b + {5 * WORD})[0] != dtype:
        return {MISFIT}
    shape = i64(i64(out + {2 * WORD})[0])
    m = shape[rank - 2]
    n = shape[rank - 1]
    a_shape = i64(i64(a + {2 * WORD})[0])
    b_shape = i64(i64(b + {2 * WORD})[0])
    a_strides = i64(i64(a + {3 * WORD})[0])
    b_strides = i64(i64(b + {3 * WORD})[0])
    flip = args[5] & 1
    k = a_shape[rank - 1 - flip]
    if a_shape[rank - 2 + flip] != m:
        return {MISFIT}
    a_row = a_strides[rank - 2 + flip] // item
    a_column = a_strides[rank - 1 - flip] // item
    flip = args[5] >> 1
    if b_shape[rank - 2 + flip] != k or b_shape[rank - 1 - flip] != n:
        return {MISFIT}
    b_row = b_strides[rank - 2 + flip] // item
    b_column = b_strides[rank - 1 - flip] // item
    row[3] = 0
    row[14] = 0
    if args[4] != table[6]:
        bias = args[4] + {DATA}
        if i64(bias + {5 * WORD})[0] != dtype or i32(bias + {WORD})[0] != 1:
            return {MISFIT}
        if i64(i64(bias + {2 * WORD})[0])[0] != n:
            return {MISFIT}
        if i64(i64(bias + {3 * WORD})[0])[0] != item and n != 1:
            return {STRIDES}
        row[3] = i64(bias)[0]
        row[14] = 1
    batch = 1
    row[12] = 0
    row[13] = 0
    if rank == 3:
        batch = shape[0]
        row[12] = a_strides[0] // item
        row[13] = b_strides[0] // item
    # An axis of one element may have any stride: give it the one that BLAS expects.
    if k == 1:
        if a_row != 1:
            a_column = 1
        if b_column != 1:
            b_row = 1
    if m == 1 and a_column == 1:
        a_row = k
    if n == 1 and b_row != 1:
        b_column = 1
    row[0] = i64(out)[0]
    row[1] = i64(a)[0]
    row[2] = i64(b)[0]
    row[4] = args[0] + 16
    row[5] = m
    row[6] = n
    row[7] = k
    row[8] = a_row
    row[9] = a_column
    row[10] = b_row
    row[11] = b_column
    if m * n * k < {SMALL} and (b_column == 1 or k * n <= {PACKED}):
        return call_kernel(table[0], row, 0, batch)
    if not (a_column == 1 and a_row >= k or a_row == 1 and a_column >= m):
        return {STRIDES}
    if not (b_column == 1 and b_row >= n or b_row == 1 and b_column >= k):
        return {STRIDES}
    rows = m
    columns = n
    if m * n * k >= {TILED}:
        if m < 512:
            columns = min(n, max(128, -(-n // 128) * 16))
        else:
            rows = max(256, -(-m // 8))
    tiles = -(-m // rows) * -(-n // columns)
    row[15] = columns
    row[16] = rows
    row[17] = tiles
    return call_kernel(table[1], row, 0, batch * tiles)
"""
    ),
)


_rows: list[np.ndarray] = []
"""Keeps the rows of addresses that products read."""


@cache
def ready(dtype: np.dtype) -> Callable[..., int]:
    """The call that runs a product of a float type: `enter(0, 0, out, a, b, bias, flip)`.

    Its row of addresses: own tile, BLAS kernel, get and set of BLAS threads, bytes of an item,
    xgemm, None.
    """
    get, put, _ = _thread_switch()
    xgemm = _address("sgemm" if dtype.itemsize == 4 else "dgemm")
    kernels = small.address(dtype), gemm.address(dtype)
    row = np.array([*kernels, get, put, dtype.itemsize, xgemm, id(None)], np.int64)
    _rows.append(row)
    return door(multiply.address(I64), "ooooi", row.ctypes.data)


def product(
    out: np.ndarray, a: np.ndarray, b: np.ndarray, bias: np.ndarray | None = None, flip: int = 0
) -> bool:
    """Write a @ b (+ bias) into `out`: (m, k) by (k, n), or stacks (s, m, k) by (s, k, n).

    `out` is contiguous; `flip` says which operands are given transposed: 1 for a, 2 for b. False
    where shapes or types do not fit; nothing is computed then.
    """
    enter = ready(out.dtype)
    status = enter(0, 0, out, a, b, bias, flip)
    if not status:
        return True
    if status == STRIDES:
        on_host()
        a, b = np.ascontiguousarray(a), np.ascontiguousarray(b)
        bias = None if bias is None else np.ascontiguousarray(bias)
        status = enter(0, 0, out, a, b, bias, flip)
    return status == 0
