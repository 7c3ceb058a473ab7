"""Kernels that look at a row of classes at a time: log-softmax, cross-entropy. Several short rows
share one block, so that the exponential runs over full vectors.
"""

import numpy as np

from .abi import BLOCK
from .build import range_kernel
from .door import door

# The beginning that all kernels of rows share: for a group of short rows, or one long one at a
# time, `peaks` holds the largest of each row (0 where all are -inf), and `totals` the sum of
# exp(x - peak). Short rows leave x - peak in `shifted` and its exp in `powers`.
OPENING = f"""
    shifted = FLOAT(scratch_8k())
    powers = FLOAT(scratch_8k())
    totals = FLOAT(scratch_8k())
    peaks = FLOAT(scratch_8k())
    group = max({BLOCK} // max(columns, 1), 1)
    for start in range(begin, end, group):
        rows = min(group, end - start)
        top = start * columns
        for r in range(rows):
            at = top + r * columns
            peak = x[at]
            for c in range(1, columns):
                peak = peak if peak > x[at + c] or peak != peak else x[at + c]
            peaks[r] = FLOAT_zero if peak == -np.inf else peak
        if columns <= {BLOCK}:
            for r in range(rows):
                for c in range(columns):
                    shifted[r * columns + c] = x[top + r * columns + c] - peaks[r]
            for i in range(rows * columns):
                powers[i] = exp(shifted[i])
            for r in range(rows):
                total = 0.0
                for c in range(columns):
                    total += np.float64(powers[r * columns + c])
                totals[r] = total
        else:
            total = 0.0
            for left in range(0, columns, {BLOCK}):
                width = min({BLOCK}, columns - left)
                for c in range(width):
                    shifted[c] = x[top + left + c] - peaks[0]
                for c in range(width):
                    powers[c] = exp(shifted[c])
                total += lane_sum_FLOAT(powers, width // LANES)
                for c in range(width // LANES * LANES, width):
                    total += np.float64(powers[c])
            totals[0] = total
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

# args: losses, logits, targets (int64), columns, ignored. losses[i] is -log softmax(x)[target] of
# row i, 0 where the target is the ignored one. Status: 1 + the row whose class there is not.
losses_kernel = range_kernel(
    "cross_entropy",
    f"""
def kernel(args, begin, end):
    losses = FLOAT(args[0])
    x = FLOAT(args[1])
    targets = i64(args[2])
    columns = args[3]
{OPENING}
        for r in range(rows):
            powers[r] = log(totals[r])
        for r in range(rows):
            target = targets[start + r]
            if target == args[4]:
                losses[start + r] = 0
            elif target < 0 or target >= columns:
                return 1 + start + r
            else:
                losses[start + r] = powers[r] - (x[top + r * columns + target] - peaks[r])
    return 0
""",
)

# args: out, logits, targets, upstream (one number for each row, or one for all: stride 0),
# columns, ignored, stride, divisor. out = (softmax - one-hot) * upstream / divisor; an upstream
# of exactly 0 gives 0.
slope_kernel = range_kernel(
    "cross_entropy_slope",
    f"""
def kernel(args, begin, end):
    columns = args[4]
    out = FLOAT(args[0])
    x = FLOAT(args[1])
    targets = i64(args[2])
    upstream = FLOAT(args[3])
{OPENING}
        for r in range(rows):
            row = start + r
            at = top + r * columns
            target = targets[row]
            scale = FLOAT_type(upstream[row * args[6]] / args[7])
            if target == args[5]:
                scale = FLOAT_zero
            if scale == 0:
                for c in range(columns):
                    out[at + c] = 0
            else:
                part = FLOAT_type(1) / totals[r]
                if columns <= {BLOCK}:
                    for c in range(columns):
                        out[at + c] = powers[r * columns + c] * part
                else:
                    for c in range(columns):
                        out[at + c] = exp(x[at + c] - peaks[0]) * part
                out[at + target] -= FLOAT_type(1)
                for c in range(columns):
                    out[at + c] *= scale
    return 0
""",
)


def log_softmax(x: np.ndarray) -> np.ndarray:
    """log(softmax(x)) along the last axis of a contiguous float array."""
    out = np.empty(x.shape, x.dtype)
    if x.size:
        columns = x.shape[-1]
        address = log_softmax_kernel.address(x.dtype)
        door(2, 1)(address, 0, x.size // columns, id(out), id(x), columns)
    return out


def losses(logits: np.ndarray, targets: np.ndarray, ignored: int) -> tuple[np.ndarray, int]:
    """The loss of each row of logits, and 0 or 1 + the row with a class out of range."""
    rows, columns = logits.shape
    out = np.empty(rows, logits.dtype)
    address = losses_kernel.address(logits.dtype)
    status = door(3, 2)(address, 0, rows, id(out), id(logits), id(targets), columns, ignored)
    return out, status


def slope(
    logits: np.ndarray, targets: np.ndarray, upstream: np.ndarray, ignored: int, divisor: int
) -> np.ndarray:
    """The gradient of the losses for the logits; `upstream` has one number, or one for each row."""
    rows, columns = logits.shape
    out = np.empty(logits.shape, logits.dtype)
    address = slope_kernel.address(logits.dtype)
    stride = 0 if upstream.ndim == 0 else 1
    door(4, 4)(
        address, 0, rows,
        id(out), id(logits), id(targets), id(upstream), columns, ignored, stride, divisor,
    )  # fmt: skip
    return out
