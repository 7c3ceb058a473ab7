"""The eager door: kernels as Python's built-in functions. A trampoline compiled for each kind of
call gets the arguments as they are and reads what it needs from NumPy's array object.
"""

import ctypes
from collections.abc import Callable
from functools import cache
from typing import Any

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


class Method(ctypes.Structure):
    """CPython's PyMethodDef: what a built-in function is made from."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("address", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


FASTCALL = 0x80
"""METH_FASTCALL: the function gets (self, pointer to the arguments, how many), no tuple."""


@cache
def _method(constants: int, kinds: str) -> Method:
    """The trampoline for a row of `constants` integers and then arguments of these kinds."""
    lines = ["def entry(self, given, count):"]
    lines.append(f"    fixed = i64(i64(self + {DATA})[0])")
    lines.append("    row = i64(scratch_512())")
    lines += [f"    row[{k}] = fixed[{1 + k}]" for k in range(constants)]
    for k, kind in enumerate(kinds):
        value = {"a": "i64(given[{}] + DATA)[0]", "o": "given[{}]", "i": "as_integer(given[{}])"}
        read = value[kind].replace("DATA", str(DATA)).format(2 + k)
        lines.append(f"    row[{constants + k}] = {read}")
    lines.append("    mode = flush_subnormals()")
    call = "call_kernel(fixed[0], row, as_integer(given[0]), as_integer(given[1]))"
    lines.append(f"    status = {call}")
    lines.append("    restore_mode(mode)")
    lines.append("    return from_integer(status)")
    address = entry(f"door_{constants}_{kinds}", "\n".join(lines))
    return Method(b"door", address, FASTCALL, b"door(begin, end, ...) -> status")


def door(kernel: int, kinds: str, *constants: int) -> Callable[..., int]:
    """A built-in function `enter(begin, end, ...) -> status` that runs the kernel at an address.

    It puts the constants and then the arguments into one row, sets flush-to-zero, calls
    `kernel(row, begin, end)` and restores the mode. `kinds` has a letter for each argument: "a" an
    array, of which the row gets the data pointer, "o" an object, its address, "i" an integer.
    Nothing is checked: the caller has seen to types and sizes.
    """
    method = _method(len(constants), kinds)
    make: Any = ctypes.pythonapi.PyCFunction_NewEx
    make.restype = ctypes.py_object
    make.argtypes = [ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p]
    return make(ctypes.addressof(method), np.array([kernel, *constants], np.int64), None)
