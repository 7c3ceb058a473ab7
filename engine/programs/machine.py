"""The machine: native loops over a program's instructions. An instruction is four words, the
address of a kernel, that of its row, and its range; a program without host ops is one native call,
and so are many batches of an epoch.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from ..kernels.abi import MAX_DIMS
from ..kernels.build import I64, Kernel, range_kernel
from ..kernels.door import DATA, ITEMS, WORD, door
from ..tensors import Tensor

KIND_WORDS = 7 + MAX_DIMS
"""Words that say what an argument must be: NumPy's type object, dimensions, the address of its copy
in the program, bytes, bytes of an item; the table of the words that shall point to it, or 0 where
it is copied, and its length; then the shape."""


def _offset(make: Callable[[Any], object]) -> int:
    """Where in an object the address of another stands, which `make` puts there."""
    mark = _Mark()
    holder = make(mark)
    words = range(0, sys.getsizeof(holder), WORD)
    found = [k for k in words if ctypes.c_ssize_t.from_address(id(holder) + k).value == id(mark)]
    if len(found) != 1:
        raise RuntimeError("backlit cannot read objects in this Python build; please report it")
    return found[0]


class _Mark(type):
    """A class of classes, so that an instance can be an object's class as well as its attribute."""

    def __new__(cls) -> Any:
        return super().__new__(cls, "mark", (), {})

    def __init__(self) -> None:
        super().__init__("mark", (), {})


def _slot(name: str) -> int:
    def make(mark: Any) -> Tensor:
        holder = object.__new__(Tensor)
        setattr(holder, name, mark)
        return holder

    return _offset(make)


CLASS = _offset(lambda mark: mark())
DATA_SLOT, NEEDS_SLOT, GRAD_SLOT = _slot("data"), _slot("needs"), _slot("grad")
"""Where a tensor has its class, and what it knows."""

PLAY = """
from numba import njit

@njit(error_model="numpy", inline="always")
def play(code, begin, end, failed):
    # Instructions begin .. end; True where one failed: its number and status are in `failed`.
    words = i64(code)
    for k in range(begin, end):
        status = call_kernel(
            words[4 * k], i64(words[4 * k + 1]), words[4 * k + 2], words[4 * k + 3]
        )
        if status != 0:
            i64(failed)[0] = k
            i64(failed)[1] = status
            return True
    return False
"""

# args: code, failed. The range counts instructions.
_run = Kernel(
    "program",
    lambda suffix: (
        PLAY
        + """
def kernel(args, begin, end):
    return 1 if play(args[0], begin, end, args[1]) else 0
"""
    ),
    splits=False,
)

# args: a tuple of tensors, a tuple of arrays for results, plan. The tensors are copied to where the
# program reads them, or read where they lie; the results are written where they shall stay. The
# range counts instructions. plan: kinds of the tensors, then of the results; how many of each;
# code; failed; whether other threads may run meanwhile; stretches of memory that the program
# changes (begin and end of each), how many; what must be so: an object, the place of a word in it,
# the word; how many; the class of tensors, and the objects False and None: no argument asks for a
# gradient or has one. Status: 1 where an instruction failed, 2 where something
# is not what it must be, or would change while it is read; nothing has run then.
_call = Kernel(
    "call",
    lambda suffix: (
        PLAY
        + f"""
@njit(error_model="numpy", inline="always")
def fits(object, kind, plan):
    # Whether an array is of the kind, contiguous, and apart from what the program changes.
    array = object + {DATA}
    rank = kind[1]
    if i64(array + {5 * WORD})[0] != kind[0] or i32(array + {WORD})[0] != rank:
        return False
    dims = i64(i64(array + {2 * WORD})[0])
    strides = i64(i64(array + {3 * WORD})[0])
    step = kind[4]
    for d in range(rank - 1, -1, -1):
        if dims[d] != kind[7 + d] or (dims[d] != 1 and strides[d] != step):
            return False
        step *= dims[d]
    if kind[5]:
        at = i64(array)[0]
        spans = i64(plan[6])
        for j in range(plan[7]):
            if at < spans[2 * j + 1] and spans[2 * j] < at + kind[3]:
                return False
    return True

@njit(error_model="numpy", inline="always")
def bind(object, kind):
    # Copy an array to where the program reads it, or have the program read it where it lies.
    at = i64(object + {DATA})[0]
    if kind[5]:
        words = i64(kind[5])
        for j in range(kind[6]):
            i64(words[2 * j])[0] = at + words[2 * j + 1]
    else:
        copy_bytes(kind[2], at, kind[3])

def kernel(args, begin, end):
    given = i64(args[0] + {ITEMS})
    results = i64(args[1] + {ITEMS})
    plan = i64(args[2])
    for k in range(plan[9]):
        must = i64(plan[8] + 24 * k)
        if i64(must[0] + must[1])[0] != must[2]:
            return 2
    for k in range(plan[1]):
        kind = i64(plan[0] + k * {8 * KIND_WORDS})
        if i64(given[k] + {CLASS})[0] != plan[10] or i64(given[k] + {NEEDS_SLOT})[0] != plan[11]:
            return 2
        if i64(given[k] + {GRAD_SLOT})[0] != plan[12]:
            return 2
        if not fits(i64(given[k] + {DATA_SLOT})[0], kind, plan):
            return 2
    for k in range(plan[1]):
        bind(i64(given[k] + {DATA_SLOT})[0], i64(plan[0] + k * {8 * KIND_WORDS}))
    for k in range(plan[2]):
        bind(results[k], i64(plan[0] + (plan[1] + k) * {8 * KIND_WORDS}))
    if plan[5]:
        thread = release_gil()
        failed = play(plan[3], begin, end, plan[4])
        take_gil(thread)
    else:
        failed = play(plan[3], begin, end, plan[4])
    return 1 if failed else 0
"""
    ),
    splits=False,
)

# args: plan, results (float64, a row for each batch). The range counts batches from the first epoch
# on. plan: batches of an epoch; code and length of what begins an epoch; the address of the order
# of rows, or 0; failed; numbers that a batch gives; the address of the last batch's part, or 0;
# then the part of all other batches, as the last one's: code, its length, rows of a batch, how many
# feeds and where, where the numbers lie. A feed is the address of all rows, that of the batch, the
# bytes of a row; a number is its address and its kind. An epoch's beginning is not run for the
# first batch of the range. Status: 1 + the batch that failed.
_epochs = Kernel(
    "epochs",
    lambda suffix: (
        PLAY
        + """
@njit(error_model="numpy", inline="always")
def feed(part, order, first):
    rows = part[2]
    for k in range(part[3]):
        source = i64(part[4])[3 * k]
        target = i64(part[4])[3 * k + 1]
        size = i64(part[4])[3 * k + 2]
        if order == 0:
            copy_bytes(target, source + first * size, rows * size)
        elif size == 4:
            for i in range(rows):
                u32(target)[i] = u32(source)[i64(order)[first + i]]
        elif size == 8:
            for i in range(rows):
                i64(target)[i] = i64(source)[i64(order)[first + i]]
        elif size % 8 == 0 and size <= 4096:
            for i in range(rows):
                row = i64(source + i64(order)[first + i] * size)
                to = i64(target + i * size)
                for j in range(size // 8):
                    to[j] = row[j]
        else:
            for i in range(rows):
                copy_bytes(target + i * size, source + i64(order)[first + i] * size, size)

@njit(error_model="numpy", inline="always")
def number(address, kind):
    if kind == 0:
        return np.float64(f32(address)[0])
    if kind == 1:
        return f64(address)[0]
    if kind == 2:
        return np.float64(i64(address)[0])
    return np.float64(u8(address)[0])

@njit(error_model="numpy", inline="always")
def batches(plan, results, begin, end):
    for t in range(begin, end):
        k = t % plan[0]
        if k == 0 and t > begin and play(plan[1], 0, plan[2], plan[4]):
            return 1 + t
        part = i64(plan[6] if plan[6] and k == plan[0] - 1 else address_of_i64(plan) + 56)
        feed(part, plan[3], k * plan[9])
        if play(part[0], 0, part[1], plan[4]):
            return 1 + t
        for j in range(plan[5]):
            results[(t - begin) * plan[5] + j] = number(
                i64(part[5])[2 * j], i64(part[5])[2 * j + 1]
            )
    return 0

def kernel(args, begin, end):
    thread = release_gil()
    status = batches(i64(args[0]), f64(args[1]), begin, end)
    take_gil(thread)
    return status
"""
    ),
    splits=False,
)

# args: a number, the address of a switch. Status 1 where it is not finite and the switch is on.
watch = range_kernel(
    "watch",
    """
def kernel(args, begin, end):
    value = FLOAT(args[0])[0]
    return 1 if i64(args[1])[0] and not value - value == 0 else 0
""",
)


# args: a kernel, its row. The range is that kernel's.
_one = Kernel(
    "play_one",
    lambda suffix: (
        """
def kernel(args, begin, end):
    return call_kernel(args[0], i64(args[1]), begin, end)
"""
    ),
    splits=False,
)


def play_one(kernel: int, row: np.ndarray, begin: int, end: int) -> int:
    """The status of one call."""
    return door(_one.address(I64), "ia")(begin, end, kernel, row)


def runner() -> Callable[..., int]:
    """`enter(begin, end, code, failed)`: run instructions; 0, or 1 where one failed."""
    return door(_run.address(I64), "aa")


def caller() -> Callable[..., int]:
    """`enter(0, instructions, tensors, results, plan)`: a call of a program with its arguments; 0,
    1 where an instruction failed, 2 where they do not fit.
    """
    return door(_call.address(I64), "ooa")


def epochs_runner() -> Callable[..., int]:
    """`enter(begin, end, plan, results)`: batches of epochs; 0, or 1 + the one that failed."""
    return door(_epochs.address(I64), "aa")
