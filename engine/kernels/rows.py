"""Kernels that look at a row of classes at a time: log-softmax, cross-entropy. Several short rows
share one block, so that the exponential runs over full vectors.
"""

import numpy as np

from .abi import BLOCK
from .build import range_kernel
from .door import door

# args: out, x, columns. The range counts rows.
log_softmax_kernel = range_kernel(
    "log_softmax",
    f"""
def kernel(args, begin, end):
    columns = args[2]
    x = FLOAT(args[1])
    out = FLOAT(args[0])
    shifted = FLOAT(scratch_8k())
    powers = FLOAT(scratch_8k())
    totals = FLOAT(scratch_8k())
    group = max({BLOCK} // max(columns, 1), 1)
    for start in range(begin, end, group):
        rows = min(group, end - start)
        top = start * columns
        for r in range(rows):
            at = top + r * columns
            peak = x[at]
            for c in range(1, columns):
                peak = peak if peak > x[at + c] or peak != peak else x[at + c]
            if peak == -np.inf:
                peak = FLOAT_zero
            totals[r] = peak
        if columns <= {BLOCK}:
            for r in range(rows):
                for c in range(columns):
                    shifted[r * columns + c] = x[top + r * columns + c] - totals[r]
            for i in range(rows * columns):
                powers[i] = exp(shifted[i])
            for r in range(rows):
                total = 0.0
                for c in range(columns):
                    total += np.float64(powers[r * columns + c])
                totals[r] = total
            for r in range(rows):
                powers[r] = log(totals[r])
            for r in range(rows):
                for c in range(columns):
                    out[top + r * columns + c] = shifted[r * columns + c] - powers[r]
        else:
            peak = totals[0]
            total = 0.0
            for left in range(0, columns, {BLOCK}):
                width = min({BLOCK}, columns - left)
                for c in range(width):
                    shifted[c] = x[top + left + c] - peak
                for c in range(width):
                    powers[c] = exp(shifted[c])
                total += lane_sum_FLOAT(powers, width // LANES)
                for c in range(width // LANES * LANES, width):
                    total += np.float64(powers[c])
            totals[0] = total
            last = log(totals[0])
            for c in range(columns):
                out[top + c] = (x[top + c] - peak) - last
    return 0
""",
)

# args: losses, log-probabilities, targets (int64), columns, ignored. losses[i] is the loss of row
# i, 0 where its target is the ignored one. Status: 1 + the row whose class there is not.
pick_loss = range_kernel(
    "pick_loss",
    """
def kernel(args, begin, end):
    losses = FLOAT(args[0])
    scores = FLOAT(args[1])
    targets = i64(args[2])
    columns = args[3]
    for row in range(begin, end):
        target = targets[row]
        if target == args[4]:
            losses[row] = 0
        elif target < 0 or target >= columns:
            return 1 + row
        else:
            losses[row] = -scores[row * columns + target]
    return 0
""",
)

# args: out, log-probabilities, targets, upstream (one number for each row, or one for all: stride
# 0), columns, ignored, stride, divisor. out = (softmax - one-hot) * upstream / divisor.
loss_slope = range_kernel(
    "loss_slope",
    f"""
def kernel(args, begin, end):
    columns = args[4]
    out = FLOAT(args[0])
    scores = FLOAT(args[1])
    targets = i64(args[2])
    upstream = FLOAT(args[3])
    group = max({BLOCK} // max(columns, 1), 1)
    for start in range(begin, end, group):
        rows = min(group, end - start)
        top = start * columns
        for i in range(rows * columns):
            out[top + i] = exp(scores[top + i])
        for row in range(start, start + rows):
            target = targets[row]
            scale = FLOAT_type(upstream[row * args[6]] / args[7])
            at = row * columns
            if target == args[5]:
                scale = FLOAT_zero
            if scale == 0:
                for c in range(columns):
                    out[at + c] = 0
            else:
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


def losses(scores: np.ndarray, targets: np.ndarray, ignored: int) -> tuple[np.ndarray, int]:
    """The loss of each row of log-probabilities, and 0 or 1 + the row with a class out of range."""
    rows, columns = scores.shape
    out = np.empty(rows, scores.dtype)
    address = pick_loss.address(scores.dtype)
    status = door(3, 2)(address, 0, rows, id(out), id(scores), id(targets), columns, ignored)
    return out, status


def slope(
    scores: np.ndarray, targets: np.ndarray, upstream: np.ndarray, ignored: int, divisor: int
) -> np.ndarray:
    """The gradient of the losses for the logits; `upstream` has one number, or one for each row."""
    rows, columns = scores.shape
    out = np.empty(scores.shape, scores.dtype)
    address = loss_slope.address(scores.dtype)
    stride = 0 if upstream.ndim == 0 else 1
    door(4, 4)(
        address, 0, rows,
        id(out), id(scores), id(targets), id(upstream), columns, ignored, stride, divisor,
    )  # fmt: skip
    return out
