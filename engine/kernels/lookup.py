"""Rows of a table by their numbers, and what brings gradients back to the rows. A row of the table
is summed by whoever has it in its range, in the order of the numbers, so threads change no bit.
"""

import math

import numpy as np

from .build import I64, range_kernel
from .rows import ready

empty = np.empty

# args: out, table, index (int64), columns, rows. The range counts indices. Status: 1 + the first of
# them that is no row.
look_up_kernel = range_kernel(
    "look_up",
    """
def kernel(args, begin, end):
    out = FLOAT(args[0])
    table = FLOAT(args[1])
    index = i64(args[2])
    columns = args[3]
    rows = args[4]
    for k in range(begin, end):
        row = index[k]
        if row < 0 or row >= rows:
            return 1 + k
        for c in range(columns):
            out[k * columns + c] = table[row * columns + c]
    return 0
""",
)

# args: out, x, index (int64), columns, rows, how many indices there are, the index that counts for
# nothing. The range counts rows of `out`; the status is that of `look_up_kernel`.
add_rows_kernel = range_kernel(
    "add_rows",
    """
def kernel(args, begin, end):
    out = FLOAT(args[0])
    x = FLOAT(args[1])
    index = i64(args[2])
    columns = args[3]
    rows = args[4]
    padding = args[6]
    for i in range(begin * columns, end * columns):
        out[i] = FLOAT_zero
    for k in range(args[5]):
        row = index[k]
        if row < 0 or row >= rows:
            return 1 + k
        if begin <= row and row < end and row != padding:
            for c in range(columns):
                out[row * columns + c] += x[k * columns + c]
    return 0
""",
)

# args: out (int64), index (int64), columns. The range counts indices; the status is as above.
one_hot_kernel = range_kernel(
    "one_hot",
    """
def kernel(args, begin, end):
    out = FLOAT(args[0])
    index = i64(args[1])
    columns = args[2]
    for i in range(begin * columns, end * columns):
        out[i] = 0
    for k in range(begin, end):
        if index[k] < 0 or index[k] >= columns:
            return 1 + k
        out[k * columns + index[k]] = 1
    return 0
""",
)


def look_up(table: np.ndarray, index: np.ndarray) -> tuple[np.ndarray, int]:
    """The rows of a table (rows, …) that stand at `index`, and 0 or 1 + the place of one that is
    none; both arrays are contiguous.
    """
    rest = table.shape[1:]
    out = empty((*index.shape, *rest), table.dtype)
    enter = ready(look_up_kernel, table.dtype, "aaaii")
    return out, enter(0, index.size, out, table, index, math.prod(rest), len(table))


def add_rows(x: np.ndarray, index: np.ndarray, rows: int, padding: int) -> tuple[np.ndarray, int]:
    """A table of zeros (rows, …) with `x` (*index.shape, …) added at `index`, and the status."""
    rest = x.shape[index.ndim :]
    out = empty((rows, *rest), x.dtype)
    enter = ready(add_rows_kernel, x.dtype, "aaaiiii")
    return out, enter(0, rows, out, x, index, math.prod(rest), rows, index.size, padding)


def one_hot(index: np.ndarray, classes: int) -> tuple[np.ndarray, int]:
    """1 in the place of each number of an array, 0 in the others, and the status."""
    out = empty((*index.shape, classes), I64)
    return out, ready(one_hot_kernel, I64, "aai")(0, index.size, out, index, classes)
