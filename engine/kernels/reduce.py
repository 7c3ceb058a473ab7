"""Sums and means: partial sums in float64 over fixed blocks, combined in order, so that the result
depends neither on the vector's width nor on who computes which block.
"""

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from .abi import SUM_BLOCK, SUM_ROWS
from .build import F64, range_kernel
from .door import door, on_host

# args: out, x, n, inner, divisor, blocks. The operand is (outer, n, inner); unit u of the range is
# block u % blocks of line u // blocks. With one block the result is written as it is; with more,
# `out` holds float64 partial sums, which `combine` adds up.
sum_rows = range_kernel(
    "sum_rows",
    f"""
def kernel(args, begin, end):
    x = FLOAT(args[1])
    n = args[2]
    blocks = args[5]
    for unit in range(begin, end):
        line = unit // blocks
        first = unit % blocks * {SUM_BLOCK}
        count = min({SUM_BLOCK}, n - first)
        at = args[1] + (line * n + first) * ITEM
        rows = count // LANES
        total = lane_sum_FLOAT(FLOAT(at), rows)
        for i in range(rows * LANES, count):
            total += np.float64(FLOAT(at)[i])
        if blocks == 1:
            FLOAT(args[0])[unit] = total / args[4]
        else:
            f64(args[0])[unit] = total
    return 0
""",
)

sum_columns = range_kernel(
    "sum_columns",
    f"""
def kernel(args, begin, end):
    n = args[2]
    inner = args[3]
    blocks = args[5]
    totals = f64(scratch_2k())
    for unit in range(begin, end):
        line = unit // blocks
        first = unit % blocks * {SUM_ROWS}
        last = min(first + {SUM_ROWS}, n)
        left = 0
        while left < inner:
            x = FLOAT(args[1] + ((line * n + first) * inner + left) * ITEM)
            if inner - left > 3 * TILE:  # several side by side: each waits for its last addition
                width = min(4 * TILE, inner - left)
                column_sum4_FLOAT(totals, x, inner, last - first, width - 3 * TILE)
            else:
                width = min(TILE, inner - left)
                column_sum_FLOAT(totals, x, inner, last - first, width)
            at = unit * inner + left
            if blocks == 1:
                out = FLOAT(args[0] + at * ITEM)
                for j in range(width):
                    out[j] = totals[j] / args[4]
            else:
                partial = f64(args[0] + at * 8)
                for j in range(width):
                    partial[j] = totals[j]
            left += width
    return 0
""",
)

# args: out, partials, blocks, inner, divisor. Partials are (outer, blocks, inner) in float64; the
# range counts results.
combine = range_kernel(
    "combine",
    """
def kernel(args, begin, end):
    out = FLOAT(args[0])
    partials = f64(args[1])
    blocks = args[2]
    inner = args[3]
    for unit in range(begin, end):
        at = unit // inner * blocks * inner + unit % inner
        total = 0.0
        for block in range(blocks):
            total += partials[at + block * inner]
        out[unit] = total / args[4]
    return 0
""",
)


empty = np.empty


class Plan(NamedTuple):
    """How an array of some shape is summed over some axes; see `total`."""

    order: tuple[int, ...]
    """The axes to copy in, where the reduced ones do not lie side by side; else ()."""
    shape: tuple[int, ...]
    blocks: int
    enter: Any
    units: int
    n: int
    inner: int


@lru_cache(maxsize=4096)
def plan(shape: tuple[int, ...], axes: tuple[int, ...], dtype: np.dtype) -> Plan:
    """The plan for a shape: the array counts as (outer, n, inner), summed over n."""
    kept = tuple(k for k in range(len(shape)) if k not in axes)
    result = tuple(shape[k] for k in kept)
    if not axes or axes[-1] - axes[0] + 1 == len(axes):
        first, last = (axes[0], axes[-1] + 1) if axes else (len(shape), len(shape))
        outer, inner = math.prod(shape[:first]), math.prod(shape[last:])
        n, order = math.prod(shape[first:last]), ()
    else:
        outer, inner = math.prod(result), 1
        n, order = math.prod(shape[k] for k in axes), kept + axes
    kernel, grain = (sum_rows, SUM_BLOCK) if inner == 1 else (sum_columns, SUM_ROWS)
    blocks = -(-n // grain) or 1
    enter = door(kernel.address(dtype), "aaiiii")
    return Plan(order, result, blocks, enter, outer * blocks, n, inner)


def total(array: np.ndarray, axes: tuple[int, ...], divisor: int) -> np.ndarray:
    """The sum of a float array over `axes` (ascending), divided by `divisor`."""
    dtype = array.dtype
    order, shape, blocks, enter, units, n, inner = plan(array.shape, axes, dtype)
    if order:
        array = array.transpose(order)
    if not array.flags.c_contiguous:
        on_host()
        array = np.ascontiguousarray(array)
    out = empty(shape, dtype)
    if blocks == 1:
        enter(0, units, out, array, n, inner, divisor, 1)
        return out
    partials = np.empty(units * inner, F64)
    enter(0, units, partials, array, n, inner, divisor, blocks)
    enter = door(combine.address(dtype), "aaiii")
    enter(0, out.size, out, partials, blocks, inner, divisor)
    return out
