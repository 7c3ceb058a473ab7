"""The eager door: kernels as Python's built-in functions. A trampoline compiled for each kind of
call gets the arguments as they are and reads what it needs from NumPy's array object.
"""

import ctypes
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

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


LISTENER = np.zeros(1, np.int64)
"""The address of a Python function that hears of each kernel that ran through a door; 0: none."""


@cache
def _method(constants: int, kinds: str) -> Method:
    """The trampoline for a row of `constants` integers and then arguments of these kinds."""
    read = {"a": f"i64(given[{{}}] + {DATA})[0]", "o": "given[{}]", "i": "as_integer(given[{}])"}
    lines = [f"    row[{k}] = fixed[{2 + k}]" for k in range(constants)]
    for k, kind in enumerate(kinds):
        lines.append(f"    row[{constants + k}] = {read[kind].format(2 + k)}")
    rows = "\n".join(lines)
    source = f"""
def entry(self, given, count):
    fixed = i64(i64(self + {DATA})[0])
    row = i64(scratch_512())
{rows}
    mode = flush_subnormals()
    status = call_kernel(fixed[1], row, as_integer(given[0]), as_integer(given[1]))
    restore_mode(mode)
    listener = i64(fixed[0])[0]
    if listener and status == 0:
        row[0] = self
        for k in range(count):
            row[1 + k] = given[k]
        if not call_python(listener, row, 1 + count):
            return 0
    return from_integer(status)
"""
    address = entry(f"door_{constants}_{kinds}", source)
    return Method(b"door", address, FASTCALL, b"door(begin, end, ...) -> status")


class Call(NamedTuple):
    """What a door is made of: the kernel's address, the kinds of its arguments, the constants."""

    kernel: int
    kinds: str
    constants: tuple[int, ...]


calls: dict[int, tuple[Call, np.ndarray]] = {}
"""The doors' facts, by the identity of the row that a trampoline gets as `self`."""


def door(kernel: int, kinds: str, *constants: int) -> Callable[..., int]:
    """A built-in function `enter(begin, end, ...) -> status` that runs the kernel at an address.

    It puts the constants and then the arguments into one row, sets flush-to-zero, calls
    `kernel(row, begin, end)` and restores the mode. `kinds` has a letter for each argument: "a" an
    array, of which the row gets the data pointer, "o" an object, its address, "i" an integer.
    Nothing is checked: the caller has seen to types and sizes.
    """
    return _door(Call(kernel, kinds, constants))


@cache
def _door(call: Call) -> Callable[..., int]:
    method = _method(len(call.constants), call.kinds)
    make: Any = ctypes.pythonapi.PyCFunction_NewEx
    make.restype = ctypes.py_object
    make.argtypes = [ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p]
    row = np.array([LISTENER.ctypes.data, call.kernel, *call.constants], np.int64)
    calls[id(row)] = call, row
    return make(ctypes.addressof(method), row, None)


def listen(function: Callable[..., object] | None) -> None:
    """Have `function(row, begin, end, ...)` called after each kernel that ran, or no longer.

    `calls[id(row)]` says which kernel; the rest is what the door was given. The caller keeps the
    function alive.
    """
    LISTENER[0] = 0 if function is None else id(function)


def on_host() -> None:
    """Said where a kernel's caller has NumPy do a part of the work: whoever listens must then run
    the whole op again in Python, not its kernels alone.
    """
    global hosted
    hosted += 1


hosted = 0
"""How often `on_host` was said."""
