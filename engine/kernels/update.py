"""The optimizers' steps, in place: each reads its hyperparameters from a row of float64, so that a
changed learning rate takes effect at the next run. Formulas are PyTorch's, and so is their order,
but for one factor that stands in the place of a quotient.
"""

from typing import Any

import numpy as np

from . import pool
from .abi import SHARED
from .build import F32, I64, Kernel, range_kernel
from .door import DATA, ITEMS, WORD, door
from .pool import SHARE_OUT

WRITEABLE = 0x400
"""NPY_ARRAY_WRITEABLE, a part of NumPy's C API."""

ROWS = 128
"""Rows of arrays, of at most seven each, that one call of a kernel takes."""


def _rows(name: str, width: int, numbers: str, loop: str) -> Kernel:
    """A kernel over rows of `width` arrays that lie anywhere, as one long array: what is the same
    for all of them (`numbers`, from args[2] on) is worked out once.

    args: a table with a row for each group of arrays (their elements, then their addresses), how
    many rows, then what all share. The range counts elements, row after row. In `loop` the arrays
    are a, b, c and d.
    """
    arrays = "\n".join(f"            {letter} = FLOAT(words[{1 + k}])"
                       for k, letter in enumerate("abcd"[:width]))  # fmt: skip
    return range_kernel(
        name,
        f"""
def kernel(args, begin, end):
{numbers}
    start = 0
    for unit in range(args[1]):
        words = i64(args[0] + {8 * (1 + width)} * unit)
        first = max(begin - start, 0)
        last = min(end - start, words[0])
        if first < last:
{arrays}
{loop}
        start += words[0]
    return 0
""",
    )


# Rows: parameter, gradient. Shared: hyperparameters [lr, momentum, dampening, weight_decay,
# nesterov, maximize], all float64.
sgd = _rows(
    "sgd", 2,
    """
    hyper = f64(args[2])
    lr = FLOAT_type(hyper[0])
    decay = FLOAT_type(hyper[3])
    sign = FLOAT_type(-1 if hyper[5] != 0 else 1)
""",
    """
            for i in range(first, last):
                a[i] -= lr * (sign * b[i] + decay * a[i])
""",
)  # fmt: skip

# Rows: parameter, gradient, momentum buffer. Shared: number of the step (float64, from 1),
# hyperparameters as above. The first step's velocity is the gradient.
sgd_momentum = _rows(
    "sgd_momentum", 3,
    """
    hyper = f64(args[3])
    lr = FLOAT_type(hyper[0])
    momentum = FLOAT_type(hyper[1])
    share = FLOAT_type(1.0 - hyper[2])
    if f64(args[2])[0] <= 1:
        momentum = FLOAT_type(0)
        share = FLOAT_type(1)
    look = FLOAT_type(hyper[1])
    decay = FLOAT_type(hyper[3])
    sign = FLOAT_type(-1 if hyper[5] != 0 else 1)
    nesterov = hyper[4] != 0
""",
    """
            if nesterov:
                for i in range(first, last):
                    slope = sign * b[i] + decay * a[i]
                    velocity = momentum * c[i] + share * slope
                    c[i] = velocity
                    a[i] -= lr * (slope + look * velocity)
            else:
                for i in range(first, last):
                    velocity = momentum * c[i] + share * (sign * b[i] + decay * a[i])
                    c[i] = velocity
                    a[i] -= lr * velocity
""",
)  # fmt: skip

# Rows: parameter, gradient, mean, mean of squares. Shared: number of the step (float64, from 1),
# hyperparameters [lr, beta1, beta2, eps, weight_decay, decoupled, maximize]. Kingma & Ba,
# arXiv:1412.6980; decoupled decay: Loshchilov & Hutter, arXiv:1711.05101. eps stands outside the
# bias-corrected root.
adam = _rows(
    "adam", 4,
    """
    step = f64(args[2])[0]
    hyper = f64(args[3])
    keep = FLOAT_type(hyper[2])
    fresh1 = FLOAT_type(1.0 - hyper[1])
    fresh2 = FLOAT_type(1.0 - hyper[2])
    eps = FLOAT_type(hyper[3])
    sign = FLOAT_type(-1 if hyper[6] != 0 else 1)
    shrink = FLOAT_type(1)
    decay = FLOAT_type(hyper[4])
    if hyper[5] != 0:
        shrink = FLOAT_type(1.0 - hyper[0] * hyper[4])
        decay = FLOAT_type(0)
    rate = FLOAT_type(hyper[0] / (1.0 - hyper[1] ** step))
    root = FLOAT_type(1.0 / math.sqrt(1.0 - hyper[2] ** step))
""",
    """
            for i in range(first, last):
                slope = sign * b[i] + decay * a[i]
                mean = c[i] + fresh1 * (slope - c[i])
                square = keep * d[i] + fresh2 * (slope * slope)
                c[i] = mean
                d[i] = square
                a[i] = shrink * a[i] - rate * (mean / (math.sqrt(square) * root + eps))
""",
)  # fmt: skip

# Rows: target, addend: target += addend.
accumulate = _rows(
    "accumulate", 2, "",
    """
            for i in range(first, last):
                a[i] += b[i]
""",
)  # fmt: skip

# Rows: target. Shared: one float64: target *= factor.
scale = _rows(
    "scale", 1,
    """
    factor = FLOAT_type(f64(args[2])[0])
""",
    """
            for i in range(first, last):
                a[i] *= factor
""",
)  # fmt: skip

# Rows: gradient. Shared: the common norm, the largest that is allowed (both float64):
# gradient *= factor, if the norm is larger.
clip = _rows(
    "clip", 1,
    """
    factor = f64(args[3])[0] / (f64(args[2])[0] + 1e-6)
    if factor >= 1:
        return 0
    share = FLOAT_type(factor)
""",
    """
            for i in range(first, last):
                a[i] *= share
""",
)  # fmt: skip

# args: out (float64), x, count. out = the sum of squares, by 32 partial sums. The range is (0, 1).
squares = range_kernel(
    "squares",
    """
def kernel(args, begin, end):
    x = FLOAT(args[1])
    sums = f64(scratch_512())
    for lane in range(LANES):
        sums[lane] = 0
    whole = args[2] // LANES * LANES
    for i in range(0, whole, LANES):
        for lane in range(LANES):
            value = np.float64(x[i + lane])
            sums[lane] += value * value
    total = 0.0
    for i in range(whole, args[2]):
        total += np.float64(x[i]) * np.float64(x[i])
    for lane in range(LANES):
        total += sums[lane]
    f64(args[0])[0] = total
    return 0
""",
    splits=False,
)

# args: out (float64), sums of squares, count, whether a root that is not finite is an error.
root = range_kernel(
    "root",
    """
def kernel(args, begin, end):
    total = 0.0
    for k in range(args[2]):
        total += f64(args[1])[k]
    total = math.sqrt(total)
    f64(args[0])[0] = total
    return 1 if args[3] and not total - total == 0 else 0
""",
    splits=False,
)

# args: an array of counters, floats or integers. The range counts those that go up by one.
advance = range_kernel(
    "advance",
    """
def kernel(args, begin, end):
    for i in range(begin, end):
        FLOAT(args[0])[i] += 1
    return 0
""",
)

# args: a kernel's address, the bytes of an item, arrays a row, arrays that all rows share, the job
# of the pool or 0, and a tuple of arrays. The tuple holds rows of arrays, then the shared ones;
# `end` counts rows. The kernel runs over the elements of all of them, at most ROWS at a time.
# Status: 1 + the row whose arrays are not alike (contiguous, writeable, of one shape and type), or
# overlap; nothing is changed then.
in_place = Kernel(
    "in_place",
    lambda suffix: (
        SHARE_OUT
        + f"""
def kernel(args, begin, end):
    row = i64(scratch_512())
    items = i64(args[5] + {ITEMS})
    width = args[2]
    dtype = i64(items[0] + {DATA + 5 * WORD})[0]
    for unit in range(begin, end):
        first = items[unit * width] + {DATA}
        rank = i32(first + {WORD})[0]
        shape = i64(i64(first + {2 * WORD})[0])
        for k in range(width):
            array = items[unit * width + k] + {DATA}
            if i32(array + {WORD})[0] != rank or i64(array + {5 * WORD})[0] != dtype:
                return 1 + unit
            if not i32(array + {6 * WORD})[0] & {WRITEABLE}:
                return 1 + unit
            dims = i64(i64(array + {2 * WORD})[0])
            strides = i64(i64(array + {3 * WORD})[0])
            step = args[1]
            for d in range(rank - 1, -1, -1):
                if dims[d] != shape[d] or (dims[d] != 1 and strides[d] != step):
                    return 1 + unit
                step *= dims[d]
            at = i64(array)[0]
            for other in range(k):
                there = i64(items[unit * width + other] + {DATA})[0]
                if at != there and at < there + step and there < at + step:
                    return 1 + unit
    table = i64(scratch_8k())
    row[0] = address_of_i64(table)
    for k in range(args[3]):
        row[2 + k] = i64(items[end * width + k] + {DATA})[0]
    unit = begin
    while unit < end:
        rows = min(end - unit, {ROWS})
        total = 0
        for r in range(rows):
            first = items[(unit + r) * width] + {DATA}
            shape = i64(i64(first + {2 * WORD})[0])
            count = 1
            for d in range(i32(first + {WORD})[0]):
                count *= shape[d]
            table[r * (1 + width)] = count
            total += count
            for k in range(width):
                table[r * (1 + width) + 1 + k] = i64(items[(unit + r) * width + k] + {DATA})[0]
        row[1] = rows
        share_out(args[4], args[0], row, 0, total, total // {SHARED // 4})
        unit += rows
    return 0
"""
    ),
    splits=False,
)


class InPlace:
    """Runs a kernel over rows of arrays that it changes: `width` a row, `shared` for all."""

    __slots__ = ("enter32", "enter64", "kernel", "shared", "width")

    def __init__(self, kernel: Kernel, width: int, shared: int = 0):
        self.kernel = kernel
        self.width = width
        self.shared = shared
        self.enter32: Any = None
        self.enter64: Any = None

    def run(self, arrays: tuple[np.ndarray, ...]) -> int:
        """Run it over (row, row, ..., shared); 0, or 1 + the row whose arrays are not alike."""
        enter = self.enter32 if arrays[0].dtype is F32 else self.enter64
        if enter is None:
            enter = self._prepare(arrays[0].dtype)
        return enter(0, (len(arrays) - self.shared) // self.width, arrays)

    def _prepare(self, dtype: np.dtype) -> Any:
        address = self.kernel.address(dtype)
        given = address, dtype.itemsize, self.width, self.shared, pool.ADDRESS
        enter = door(in_place.address(I64), "o", *given)
        if dtype == F32:
            self.enter32 = enter
        else:
            self.enter64 = enter
        return enter
