"""Kernels that look at a row of classes at a time: log-softmax, cross-entropy. Several short rows
share one block, so that the exponential runs over full vectors.
"""

from functools import cache
from typing import Any

import numpy as np

from .abi import BLOCK, SUM_BLOCK
from .build import I64, Kernel, range_kernel
from .door import door
from .reduce import total

empty = np.empty

# The beginning that all kernels of rows share: for a group of short rows, or one long one at a
# time, `peaks` holds the largest of each row (0 where all are -inf), `totals` the sum of
# exp(x - peak), and `powers`, of rows that fit into a block, exp(x - peak): that of class c of row
# r at r * by_row + c * by_class. Where classes are few, they lie one after the other, so that all
# loops run over the rows.
OPENING = f"""
    shifted = FLOAT(scratch_8k())
    powers = FLOAT(scratch_8k())
    totals = FLOAT(scratch_8k())
    peaks = FLOAT(scratch_8k())
    sums = f64(scratch_8k())
    group = max({BLOCK} // max(columns, 1), 1)
    for start in range(begin, end, group):
        rows = min(group, end - start)
        top = start * columns
        by_row = columns
        by_class = 1
        if columns < LANES:
            by_row = 1
            by_class = rows
            for c in range(columns):
                for r in range(rows):
                    powers[c * rows + r] = x[top + r * columns + c]
            for r in range(rows):
                peaks[r] = powers[r]
                sums[r] = 0
            for c in range(1, columns):
                for r in range(rows):
                    value = powers[c * rows + r]
                    peak = peaks[r]
                    peaks[r] = peak if peak > value or peak != peak else value
            for r in range(rows):
                peaks[r] = FLOAT_zero if peaks[r] == -np.inf else peaks[r]
            for c in range(columns):
                for r in range(rows):
                    shifted[c * rows + r] = powers[c * rows + r] - peaks[r]
            for i in range(rows * columns):
                powers[i] = exp(shifted[i])
            for c in range(columns):
                for r in range(rows):
                    sums[r] += np.float64(powers[c * rows + r])
            for r in range(rows):
                totals[r] = sums[r]
        else:
            for r in range(rows):
                at = top + r * columns
                peak = lane_max_FLOAT(FLOAT(args[1] + at * ITEM), columns // LANES)
                for c in range(columns // LANES * LANES, columns):
                    peak = peak if peak > x[at + c] or peak != peak else x[at + c]
                peaks[r] = FLOAT_zero if peak == -np.inf else peak
            for r in range(rows):
                total = 0.0
                for left in range(0, columns, {BLOCK}):
                    width = min({BLOCK}, columns - left)
                    first = r * columns if columns <= {BLOCK} else 0
                    for c in range(width):
                        shifted[c] = x[top + r * columns + left + c] - peaks[r]
                    for c in range(width):
                        powers[first + c] = exp(shifted[c])
                    here = address_of_FLOAT(powers) + first * ITEM
                    total += lane_sum_FLOAT(FLOAT(here), width // LANES)
                    for c in range(width // LANES * LANES, width):
                        total += np.float64(powers[first + c])
                totals[r] = total
"""

# args: out, x, columns. The range counts rows.
log_softmax_kernel = range_kernel(
    "log_softmax",
    f"""
def kernel(args, begin, end):
    columns = args[2]
    x = FLOAT(args[1])
    out = FLOAT(args[0])
{OPENING}
        for r in range(rows):
            powers[r] = log(totals[r])
        for r in range(rows):
            for c in range(columns):
                at = top + r * columns + c
                out[at] = (x[at] - peaks[r]) - powers[r]
    return 0
""",
)

# args: out, x, columns. The range counts rows.
softmax_kernel = range_kernel(
    "softmax",
    f"""
def kernel(args, begin, end):
    columns = args[2]
    x = FLOAT(args[1])
    out = FLOAT(args[0])
{OPENING}
        for r in range(rows):
            at = top + r * columns
            part = FLOAT_type(1) / totals[r]
            if columns <= {BLOCK}:
                for c in range(columns):
                    out[at + c] = powers[r * by_row + c * by_class] * part
            else:
                for c in range(columns):
                    out[at + c] = exp(x[at + c] - peaks[0]) * part
    return 0
""",
)

# What follows the opening: the loss of each row, with the logarithms in LOGS; the mean of all; how
# many rows count; the slopes.
LOSSES = """
        for r in range(rows):
            LOGS[r] = log(totals[r])
        for r in range(rows):
            target = targets[start + r]
            if target == ignored:
                losses[start + r] = 0
            elif target < 0 or target >= columns:
                return 1 + start + r
            else:
                losses[start + r] = LOGS[r] - (x[top + r * columns + target] - peaks[r])
"""
MEAN = """
    if DIVISOR:
        full = end // LANES
        sum = lane_sum_FLOAT(losses, full)
        for i in range(full * LANES, end):
            sum += np.float64(losses[i])
        FLOAT(args[3])[0] = sum / DIVISOR
"""
COUNTS = """
    scales = FLOAT(scratch_8k())
    divisor = 0
    for row in range(counted):
        divisor += targets[row] != ignored
    if divisor == 0:
        divisor = 1
"""
SLOPES = f"""
        wrong = 0
        for r in range(rows):
            target = targets[start + r]
            wrong += (target != ignored) & ((target < 0) | (target >= columns))
        if wrong:
            for r in range(rows):
                target = targets[start + r]
                if target != ignored and (target < 0 or target >= columns):
                    return 1 + start + r
        for r in range(rows):
            totals[r] = FLOAT_type(1) / totals[r]
        if stride:
            for r in range(rows):
                scales[r] = upstream[start + r] / divisor
        else:
            scale = FLOAT_type(upstream[0] / divisor)
            for r in range(rows):
                scales[r] = scale
        for r in range(rows):
            scales[r] = FLOAT_zero if targets[start + r] == ignored else scales[r]
        if columns < LANES:
            for c in range(columns):
                for r in range(rows):
                    slope = powers[c * rows + r] * totals[r]
                    slope -= FLOAT_type(1) if targets[start + r] == c else FLOAT_zero
                    shifted[c * rows + r] = (
                        slope * scales[r] if scales[r] != FLOAT_zero else FLOAT_zero
                    )
            for c in range(columns):
                for r in range(rows):
                    out[top + r * columns + c] = shifted[c * rows + r]
            continue
        for r in range(rows):
            at = top + r * columns
            scale = scales[r]
            if scale == 0:
                for c in range(columns):
                    out[at + c] = 0
                continue
            if columns <= {BLOCK}:
                for c in range(columns):
                    out[at + c] = powers[r * columns + c] * totals[r]
            else:
                for c in range(columns):
                    out[at + c] = exp(x[at + c] - peaks[0]) * totals[r]
            out[at + targets[start + r]] -= FLOAT_type(1)
            for c in range(columns):
                out[at + c] *= scale
"""

# args: losses, logits, targets (int64), mean, columns, ignored, divisor. losses[i] is
# -log softmax(x)[target] of row i, 0 where the target is the ignored one. With a divisor the range
# is all rows, at most a block of a sum, and their sum over it goes to `mean`, as sum_rows has it.
# Status: 1 + the row whose class there is not.
losses_kernel = range_kernel(
    "cross_entropy",
    f"""
def kernel(args, begin, end):
    losses = FLOAT(args[0])
    x = FLOAT(args[1])
    targets = i64(args[2])
    columns = args[4]
    ignored = args[5]
{OPENING}
{LOSSES.replace("LOGS", "powers")}
{MEAN.replace("DIVISOR", "args[6]")}
    return 0
""",
    splits=False,
)

# args: out, logits, targets, upstream (one number for each row, or one for all: stride 0),
# columns, ignored, stride, rows, all. out = (softmax - one-hot) * upstream, over the number of
# rows that are not ignored unless `rows` is 0; an upstream of exactly 0 gives 0.
slope_kernel = range_kernel(
    "cross_entropy_slope",
    f"""
def kernel(args, begin, end):
    out = FLOAT(args[0])
    x = FLOAT(args[1])
    targets = i64(args[2])
    upstream = FLOAT(args[3])
    columns = args[4]
    ignored = args[5]
    stride = args[6]
    counted = args[7]
{COUNTS}
{OPENING}
{SLOPES}
    return 0
""",
)

# Both at once, from one softmax: the arguments of the first, then out, upstream, stride, rows and
# the ignored class of the second.
both_kernel = range_kernel(
    "cross_entropy_both",
    f"""
def kernel(args, begin, end):
    losses = FLOAT(args[0])
    x = FLOAT(args[1])
    targets = i64(args[2])
    columns = args[4]
    skipped = args[5]
    out = FLOAT(args[7])
    upstream = FLOAT(args[8])
    stride = args[9]
    counted = args[10]
    ignored = args[11]
{COUNTS}
{OPENING}
{LOSSES.replace("LOGS", "scales").replace("ignored", "skipped")}
{SLOPES}
{MEAN.replace("DIVISOR", "args[6]")}
    return 0
""",
    splits=False,
)

# args: out (int64), x, columns. The range counts rows; a NaN is the largest.
argmax_kernel = range_kernel(
    "argmax",
    """
def kernel(args, begin, end):
    columns = args[2]
    out = i64(args[0])
    x = FLOAT(args[1])
    for row in range(begin, end):
        at = row * columns
        best = 0
        peak = x[at]
        for c in range(1, columns):
            if x[at + c] > peak or (x[at + c] != x[at + c] and peak == peak):
                peak = x[at + c]
                best = c
        out[row] = best
    return 0
""",
)


def first_maxima(x: np.ndarray) -> np.ndarray:
    """Where the largest value of each row of a contiguous array is first."""
    columns = x.shape[-1]
    out = empty(x.shape[:-1], I64)
    ready(argmax_kernel, x.dtype, "aai")(0, x.size // columns, out, x, columns)
    return out


def by_rows(kernel: Kernel, x: np.ndarray) -> np.ndarray:
    """What `softmax_kernel` or `log_softmax_kernel` makes of the rows of a contiguous array."""
    out = empty(x.shape, x.dtype)
    if x.size:
        columns = x.shape[-1]
        ready(kernel, x.dtype, "aai")(0, x.size // columns, out, x, columns)
    return out


def losses(logits: np.ndarray, targets: np.ndarray, ignored: int) -> tuple[np.ndarray, int]:
    """The loss of each row of logits, and 0 or 1 + the row with a class out of range."""
    rows, columns = logits.shape
    dtype = logits.dtype
    out, unused = empty(rows, dtype), empty((), dtype)
    enter = ready(losses_kernel, dtype, "aaaaiii")
    return out, enter(0, rows, out, logits, targets, unused, columns, ignored, 0)


def mean_loss(logits: np.ndarray, targets: np.ndarray, ignored: int) -> tuple[np.ndarray, int]:
    """The mean over all rows, of which none is ignored, and the status of `losses`."""
    rows, columns = logits.shape
    if not 0 < rows <= SUM_BLOCK:
        each, status = losses(logits, targets, ignored)
        return total(each, (0,), rows), status
    dtype = logits.dtype
    each, out = empty(rows, dtype), empty((), dtype)
    enter = ready(losses_kernel, dtype, "aaaaiii")
    return out, enter(0, rows, each, logits, targets, out, columns, ignored, rows)


def slope(
    logits: np.ndarray, targets: np.ndarray, upstream: np.ndarray, ignored: int, mean: bool
) -> tuple[np.ndarray, int]:
    """The gradient of the losses for the logits, and the status of `losses`; `upstream` has one
    number, or one for each row.
    """
    rows, columns = shape = logits.shape
    dtype = logits.dtype
    out = empty(shape, dtype)
    stride = 1 if upstream.ndim else 0
    counted = rows if mean else 0
    enter = ready(slope_kernel, dtype, "aaaaiiii")
    return out, enter(0, rows, out, logits, targets, upstream, columns, ignored, stride, counted)


@cache
def ready(kernel: Kernel, dtype: np.dtype, kinds: str) -> Any:
    """The call that runs a kernel of a float type."""
    return door(kernel.address(dtype), kinds)
