"""The optimizers' steps, in place: each reads its hyperparameters from a row of float64, so that a
changed learning rate takes effect at the next run. Formulas and their order are PyTorch's.
"""

from typing import Any

import numpy as np

from .build import I64, Kernel, range_kernel
from .door import DATA, WORD, door

# args: parameter, gradient, hyperparameters. [lr, momentum, dampening, weight_decay, nesterov,
# maximize, step], all float64; step counts from 1. The range counts elements.
sgd = range_kernel(
    "sgd",
    """
def kernel(args, begin, end):
    p = FLOAT(args[0])
    g = FLOAT(args[1])
    hyper = f64(args[2])
    lr = FLOAT_type(hyper[0])
    decay = FLOAT_type(hyper[3])
    sign = FLOAT_type(-1 if hyper[5] != 0 else 1)
    for i in range(begin, end):
        p[i] -= lr * (sign * g[i] + decay * p[i])
    return 0
""",
)

# args: parameter, gradient, momentum buffer, hyperparameters (as above).
sgd_momentum = range_kernel(
    "sgd_momentum",
    """
def kernel(args, begin, end):
    p = FLOAT(args[0])
    g = FLOAT(args[1])
    b = FLOAT(args[2])
    hyper = f64(args[3])
    lr = FLOAT_type(hyper[0])
    momentum = FLOAT_type(hyper[1])
    share = FLOAT_type(1.0 - hyper[2])
    if hyper[6] <= 1:
        momentum = FLOAT_type(0)
        share = FLOAT_type(1)
    look = FLOAT_type(hyper[1])
    decay = FLOAT_type(hyper[3])
    sign = FLOAT_type(-1 if hyper[5] != 0 else 1)
    if hyper[4] != 0:
        for i in range(begin, end):
            slope = sign * g[i] + decay * p[i]
            velocity = momentum * b[i] + share * slope
            b[i] = velocity
            p[i] -= lr * (slope + look * velocity)
    else:
        for i in range(begin, end):
            velocity = momentum * b[i] + share * (sign * g[i] + decay * p[i])
            b[i] = velocity
            p[i] -= lr * velocity
    return 0
""",
)

# args: parameter, gradient, mean, mean of squares, hyperparameters [lr, beta1, beta2, eps,
# weight_decay, decoupled, maximize, step]. Kingma & Ba, arXiv:1412.6980; decoupled decay:
# Loshchilov & Hutter, arXiv:1711.05101. eps stands outside the bias-corrected root.
adam = range_kernel(
    "adam",
    """
def kernel(args, begin, end):
    p = FLOAT(args[0])
    g = FLOAT(args[1])
    m = FLOAT(args[2])
    v = FLOAT(args[3])
    hyper = f64(args[4])
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
    rate = FLOAT_type(hyper[0] / (1.0 - hyper[1] ** hyper[7]))
    root = FLOAT_type(math.sqrt(1.0 - hyper[2] ** hyper[7]))
    for i in range(begin, end):
        slope = sign * g[i] + decay * p[i]
        mean = m[i] + fresh1 * (slope - m[i])
        square = keep * v[i] + fresh2 * (slope * slope)
        m[i] = mean
        v[i] = square
        p[i] = shrink * p[i] - rate * (mean / (math.sqrt(square) / root + eps))
    return 0
""",
)

# args: target, addend: target += addend.
accumulate = range_kernel(
    "accumulate",
    """
def kernel(args, begin, end):
    out = FLOAT(args[0])
    x = FLOAT(args[1])
    for i in range(begin, end):
        out[i] += x[i]
    return 0
""",
)

# args: target, one float64: target *= factor.
scale = range_kernel(
    "scale",
    """
def kernel(args, begin, end):
    out = FLOAT(args[0])
    factor = FLOAT_type(f64(args[1])[0])
    for i in range(begin, end):
        out[i] *= factor
    return 0
""",
)

# args: a kernel's address, the bytes of an item, then id(array) for each operand; `begin` tells how
# many of them, from the first, must be alike: contiguous, of one shape and one type. Status: -1
# where they are not.
alike = Kernel(
    "alike",
    lambda suffix: (
        f"""
def kernel(args, begin, end):
    row = i64(scratch_512())
    first = args[2] + {DATA}
    rank = i32(first + {WORD})[0]
    shape = i64(i64(first + {2 * WORD})[0])
    total = 1
    for k in range(end):
        array = args[2 + k] + {DATA}
        row[k] = i64(array)[0]
        if k < begin:
            if i32(array + {WORD})[0] != rank:
                return -1
            if i64(array + {5 * WORD})[0] != i64(first + {5 * WORD})[0]:
                return -1
            dims = i64(i64(array + {2 * WORD})[0])
            strides = i64(i64(array + {3 * WORD})[0])
            total = 1
            for d in range(rank - 1, -1, -1):
                if dims[d] != shape[d] or (dims[d] != 1 and strides[d] != args[1] * total):
                    return -1
                total *= dims[d]
    return call_kernel(args[0], row, 0, total)
"""
    ),
)


class InPlace:
    """Runs a kernel over arrays that it changes; the first `same` of them must be alike."""

    __slots__ = ("enter", "kernel", "ready", "same")

    def __init__(self, kernel: Kernel, same: int):
        self.kernel = kernel
        self.same = same
        self.ready: dict[np.dtype, tuple[int, ...]] = {}
        self.enter: Any = None

    def run(self, *arrays: np.ndarray) -> bool:
        """Run it; False where the arrays are not alike."""
        dtype = arrays[0].dtype
        ready = self.ready.get(dtype)
        if ready is None:
            self.enter = door(0, 2 + len(arrays))
            address = self.kernel.address(dtype)
            ready = (alike.address(I64), self.same, len(arrays), address, dtype.itemsize)
            self.ready[dtype] = ready
        return not self.enter(*ready, *map(id, arrays))
