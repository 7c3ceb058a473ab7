"""Products of matrices: `multiply` looks at the arrays, cuts the product into tiles that threads
can share, and calls the kernel of tiles.py.
"""

from collections.abc import Callable
from functools import cache

import numpy as np

from . import pool
from .abi import TILED
from .build import I64, Kernel
from .door import DATA, WORD, door, on_host
from .pool import SHARE_OUT
from .tiles import tiles

MISFIT, STRIDES = 1, 2
"""What `multiply` may answer instead of computing."""

# args: the row of addresses (see `ready`), the objects out, a, b, bias or None, and which operands
# to read transposed (1: a, 2: b). It reads shapes, strides and types from the arrays, checks that
# they fit, and runs the product, whose operands may have any strides. Status: MISFIT where they do
# not fit, STRIDES where the bias is not contiguous.
multiply = Kernel(
    "multiply",
    lambda suffix: (
        SHARE_OUT
        + f"""
def kernel(args, begin, end):
    table = i64(args[0])
    item = table[1]
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
    if args[4] != table[2]:
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
    row[0] = i64(out)[0]
    row[1] = i64(a)[0]
    row[2] = i64(b)[0]
    row[4] = 0
    row[5] = m
    row[6] = n
    row[7] = k
    row[8] = a_row
    row[9] = a_column
    row[10] = b_row
    row[11] = b_column
    rows = m
    columns = n
    if m * n * k >= {TILED}:
        if n >= 256:
            columns = max(64, -(-n // 256) * 16)
        else:
            rows = max(64, -(-m // 64) * 8)
    cut = -(-m // max(rows, 1)) * -(-n // max(columns, 1))
    row[15] = max(columns, 1)
    row[16] = max(rows, 1)
    row[17] = cut
    row[18] = 0
    row[19] = 0
    chunks = min(batch * cut, 64) if m * n * k * batch >= {TILED} else 1
    return share_out(table[3], table[0], row, 0, batch * cut, chunks)
"""
    ),
    splits=False,
)


_rows: list[np.ndarray] = []
"""Keeps the rows of addresses that products read."""


@cache
def ready(dtype: np.dtype) -> Callable[..., int]:
    """The call that runs a product of a float type: `enter(0, 0, out, a, b, bias, flip)`.

    Its row of addresses: the kernel, bytes of an item, None, the job of the pool.
    """
    row = np.array([tiles.address(dtype), dtype.itemsize, id(None), pool.ADDRESS], np.int64)
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
    if status == STRIDES and bias is not None:
        on_host()
        status = enter(0, 0, out, a, b, np.ascontiguousarray(bias), flip)
    return status == 0
