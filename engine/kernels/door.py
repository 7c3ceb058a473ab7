"""The eager door: one compiled trampoline for each number of operands, called with integers alone.
Arrays go through it as `id(array)`; native code reads what it needs from NumPy's object.
"""

import ctypes
from collections.abc import Callable
from functools import cache

import numpy as np

from .build import entry

WORD = ctypes.sizeof(ctypes.c_void_p)


def _probe() -> int:
    """The offset of the data pointer in NumPy's array object, found on an array and checked.

    The struct goes on with ndim (an int), the pointers to shape and strides, base, dtype, flags;
    it has been so since NumPy 1.0, but the header before it differs between Python builds.
    """
    array = np.zeros((3, 5, 7), np.float32)
    start = id(array)
    address = array.__array_interface__["data"][0]
    for offset in range(2 * WORD, 16 * WORD, WORD):
        if ctypes.c_ssize_t.from_address(start + offset).value != address:
            continue
        if ctypes.c_int.from_address(start + offset + WORD).value != 3:
            continue
        shape = ctypes.c_ssize_t.from_address(start + offset + 2 * WORD).value
        strides = ctypes.c_ssize_t.from_address(start + offset + 3 * WORD).value
        words = ctypes.c_ssize_t * 3
        if tuple(words.from_address(shape)) == array.shape and (
            tuple(words.from_address(strides)) == array.strides
        ):
            return offset
    raise RuntimeError(
        f"backlit cannot read NumPy {np.__version__}'s arrays in this Python build; "
        "please report it with the output of `backlit doctor`"
    )


def _probe_tuple() -> int:
    """The offset of the first item in a tuple, found on one and checked."""
    items = ("backlit", 0.5, ())
    for offset in range(2 * WORD, 8 * WORD, WORD):
        found = (ctypes.c_ssize_t * 3).from_address(id(items) + offset)
        if list(found) == [id(item) for item in items]:
            return offset
    raise RuntimeError("backlit cannot read tuples in this Python build; please report it")


DATA = _probe()
ITEMS = _probe_tuple()


@cache
def door(arrays: int, integers: int = 0) -> Callable[..., int]:
    """The trampoline `door(kernel, begin, end, id(array)..., integer...) -> status`.

    It puts the arrays' data pointers and the integers into one row, sets flush-to-zero, calls
    `kernel(row, begin, end)` and restores the mode. The caller has checked types and sizes and
    holds the arrays.
    """
    given = [f"a{k}" for k in range(arrays)] + [f"v{k}" for k in range(integers)]
    source = [f"def entry(kernel, begin, end, {', '.join(given)}):"]
    source.append("    row = i64(scratch_512())")
    source += [f"    row[{k}] = i64(a{k} + {DATA})[0]" for k in range(arrays)]
    source += [f"    row[{arrays + k}] = v{k}" for k in range(integers)]
    source.append("    mode = flush_subnormals()")
    source.append("    status = call_kernel(kernel, row, begin, end)")
    source.append("    restore_mode(mode)")
    source.append("    return status")
    return entry(f"door_{arrays}_{integers}", "\n".join(source))
