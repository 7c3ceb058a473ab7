"""Whether two recordings of one function are the same program, and which memory outlives a call."""

from __future__ import annotations

from typing import Any

import numpy as np

from .recorder import Op, Recorder, owner


class Stale(Exception):
    """Two recordings differ: the function does not do the same at each call."""


def named_kind(array: np.ndarray) -> str:
    return f"{array.dtype.name}{list(array.shape)}"


def compare(first: Recorder, second: Recorder) -> list[tuple[np.ndarray, str]]:
    """Raise Stale unless the recordings are one program; returns the memory from outside that both
    use, with words for it.
    """
    for k, (a, b) in enumerate(zip(first.ops, second.ops, strict=False)):
        if _kind(a) != _kind(b):
            raise Stale(f"op {k} was {a}, then {b}; a program must do the same at each call")
    if len(first.ops) != len(second.ops):
        raise Stale(f"it did {len(first.ops)} ops, then {len(second.ops)}")
    where: dict[int, tuple[int, int]] = {}
    other: dict[int, tuple[int, int]] = {}
    persistent: dict[int, tuple[np.ndarray, str]] = {}
    for memory, (array, twin) in enumerate(zip(first.made.values(), second.made.values(),
                                               strict=False)):  # fmt: skip
        where[id(array)] = other[id(twin)] = (memory, 0)
    for k, (a, b) in enumerate(zip(first.ops, second.ops, strict=True)):
        for slot, (x, y) in enumerate(zip(a.arrays, b.arrays, strict=True)):
            mine, yours = owner(x), owner(y)
            known, twin = where.get(id(mine)), other.get(id(yours))
            if known is not None or twin is not None:
                if known != twin:
                    raise Stale(f"operand {slot} of op {k}, {a}, comes from elsewhere each time")
                continue
            if mine is yours:
                label = a.inputs[slot].name or f"operand {slot} of {a}"
                persistent[id(mine)] = mine, label
            elif x.dtype != y.dtype or x.tobytes() != y.tobytes():
                raise Stale(
                    f"operand {slot} of op {k}, {a}, is made by Python and has other numbers at "
                    "each call; give it as an argument, or compute it with backlit's functions"
                )
            elif a.out is None and slot == 0:
                raise Stale(
                    f"op {k}, {a}, changes a tensor that the function makes anew at each call; "
                    "make it outside, or write x = x + y"
                )
    return list(persistent.values())


def _kind(op: Op) -> Any:
    """What two ops must share."""
    return (
        op.primitive.name,
        [(a.shape, a.dtype, a.strides) for a in op.arrays],
        None if op.out is None else (op.out.shape, op.out.dtype),
        _params(op.params),
        op.on_host,
        len(op.calls),
    )


def _params(params: dict[str, Any]) -> Any:
    return {name: _plain(value) for name, value in params.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.shape, value.dtype, value.tobytes()
    if isinstance(value, (tuple, list)):
        return tuple(_plain(item) for item in value)
    return repr(value)
