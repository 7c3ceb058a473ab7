"""Matrix products: SciPy's BLAS by address where sizes are worth it, an own tile where they are
tiny. Which of the two, and the tiles a product falls into, depend on the sizes alone.
"""

import ctypes
import importlib
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from .abi import PACKED, SMALL, TILE, TILED
from .build import I64, Kernel, range_kernel
from .door import DATA, WORD, door


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


class Table:
    """The row of addresses that matmul kernels read: sgemm, dgemm, get and set of threads."""

    row: np.ndarray | None = None
    pointer = 0

    def address(self) -> int:
        if self.row is None:
            get, put, _ = _thread_switch()
            self.row = np.array([_address("sgemm"), _address("dgemm"), get, put], np.int64)
            self.pointer = self.row.ctypes.data
        return self.pointer


TABLE = Table()


def info() -> dict[str, Any]:
    """What BLAS is used: its file, and whether its threads can be held to one."""
    get, put, path = _thread_switch()
    return {"library": path or "SciPy's BLAS (not OpenBLAS)", "threads_held": bool(get and put)}


# args: out, a, b, bias, table, m, n, k, a_row, a_column, b_row, b_column (strides in elements),
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
    held = table[2]
    if held:
        held = call_int(table[2])
        if held != 1:
            call_with_int(table[3], 1)
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
        call_gemm(table[0 if ITEM == 4 else 1], given)
        if args[14]:
            bias = FLOAT(args[3])
            for i in range(rows):
                line = FLOAT(at + i * n * ITEM)
                for j in range(columns):
                    line[j] += bias[left + j]
    if held and held != 1:
        call_with_int(table[3], held)
    return 0
""",
)

# The same arguments; one unit is one whole product, computed by tiles of 8 x TILE fused
# multiply-adds, each element summed over k in order.
small = range_kernel(
    "small_gemm",
    """
def kernel(args, begin, end):
    m = args[5]
    n = args[6]
    k = args[7]
    a_row = args[8]
    a_column = args[9]
    tile = FLOAT(scratch_2k())
    packed = FLOAT(scratch_64k())
    width = -(-n // TILE) * TILE
    for unit in range(begin, end):
        out = FLOAT(args[0] + unit * m * n * ITEM)
        a = args[1] + unit * args[12] * ITEM
        b = FLOAT(args[2] + unit * args[13] * ITEM)
        b_row = args[10]
        lines = args[2] + unit * args[13] * ITEM
        if args[11] != 1 or width != n:
            for j in range(n):
                for p in range(k):
                    packed[p * width + j] = b[p * b_row + j * args[11]]
            for j in range(n, width):
                for p in range(k):
                    packed[p * width + j] = 0
            lines = address_of_FLOAT(packed)
            b_row = width
        for left in range(0, n, TILE):
            columns = min(TILE, n - left)
            line = FLOAT(lines + left * ITEM)
            top = 0
            while top < m:
                at = FLOAT(a + top * a_row * ITEM)
                if m - top >= 8:
                    rows = 8
                    tile8_FLOAT(tile, at, a_row, a_column, line, b_row, k)
                elif m - top >= 4:
                    rows = 4
                    tile4_FLOAT(tile, at, a_row, a_column, line, b_row, k)
                else:
                    rows = 1
                    tile1_FLOAT(tile, at, a_row, a_column, line, b_row, k)
                if args[14]:
                    bias = FLOAT(args[3] + left * ITEM)
                    for i in range(rows):
                        for j in range(columns):
                            out[(top + i) * n + left + j] = tile[i * TILE + j] + bias[j]
                else:
                    for i in range(rows):
                        for j in range(columns):
                            out[(top + i) * n + left + j] = tile[i * TILE + j]
                top += rows
    return 0
""",
)


# args: addresses of small_gemm and gemm, the table, bytes of an item, id(out), id(a), id(b),
# id(bias) or 0, and which operands to read transposed (1: a, 2: b). It reads shapes and strides
# from the arrays, chooses the kernel and its tiles, and runs it; 1 says that BLAS cannot take
# these strides.
multiply = Kernel(
    "multiply",
    lambda suffix: (
        f"""
def kernel(args, begin, end):
    item = args[3]
    row = i64(scratch_512())
    out = args[4] + {DATA}
    a = args[5] + {DATA}
    b = args[6] + {DATA}
    rank = np.int64(i32(out + {WORD})[0])
    shape = i64(i64(out + {2 * WORD})[0])
    m = shape[rank - 2]
    n = shape[rank - 1]
    a_shape = i64(i64(a + {2 * WORD})[0])
    a_strides = i64(i64(a + {3 * WORD})[0])
    b_strides = i64(i64(b + {3 * WORD})[0])
    flip = args[8] & 1
    k = a_shape[rank - 1 - flip]
    a_row = a_strides[rank - 2 + flip] // item
    a_column = a_strides[rank - 1 - flip] // item
    flip = args[8] >> 1
    b_row = b_strides[rank - 2 + flip] // item
    b_column = b_strides[rank - 1 - flip] // item
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
    row[3] = i64(args[7] + {DATA})[0] if args[7] else 0
    row[4] = args[2]
    row[5] = m
    row[6] = n
    row[7] = k
    row[8] = a_row
    row[9] = a_column
    row[10] = b_row
    row[11] = b_column
    row[14] = args[7]
    if m * n * k < {SMALL} and k * (n + {TILE - 1}) <= {PACKED}:
        return call_kernel(args[0], row, 0, batch)
    rows = m
    columns = n
    if m * n * k >= {TILED}:
        if m < 512:
            columns = min(n, max(128, -(-n // 128) * 16))
        else:
            rows = max(256, -(-m // 8))
    if not (a_column == 1 and a_row >= k or a_row == 1 and a_column >= m):
        return 1
    if not (b_column == 1 and b_row >= n or b_row == 1 and b_column >= k):
        return 1
    tiles = -(-m // rows) * -(-n // columns)
    row[15] = columns
    row[16] = rows
    row[17] = tiles
    return call_kernel(args[1], row, 0, batch * tiles)
"""
    ),
)


def product(
    a: np.ndarray, b: np.ndarray, out: np.ndarray, bias: np.ndarray | None = None, flip: int = 0
) -> None:
    """Write a @ b (+ bias) into `out`: (m, k) by (k, n), or stacks (s, m, k) by (s, k, n).

    `out` is contiguous; `flip` says which operands are given transposed: 1 for a, 2 for b.
    """
    ready = _ready.get(a.dtype) or _prepare(a.dtype)
    last = 0 if bias is None else id(bias)
    if _enter(*ready, id(out), id(a), id(b), last, flip):
        a, b = np.ascontiguousarray(a), np.ascontiguousarray(b)
        _enter(*ready, id(out), id(a), id(b), last, flip)


_ready: dict[np.dtype, tuple[int, ...]] = {}
"""For each float type, the first arguments of the call."""
_enter: Any = None


def _prepare(dtype: np.dtype) -> tuple[int, ...]:
    global _enter
    _enter = door(0, 9)
    addresses = small.address(dtype), gemm.address(dtype), TABLE.address()
    _ready[dtype] = (multiply.address(I64), 0, 0, *addresses, dtype.itemsize)
    return _ready[dtype]
