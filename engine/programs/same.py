"""Whether two recordings of one function are the same program, and which memory outlives a call."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ReplayError
from ..tensors import Tensor
from .instructions import memory_at
from .recorder import Op, Recorder, owner


class Stale(Exception):
    """Two recordings differ: the function does not do the same at each call."""


def named_kind(array: np.ndarray) -> str:
    return f"{array.dtype.name}{list(array.shape)}"


def compare(first: Recorder, second: Recorder) -> list[tuple[np.ndarray, str]]:
    """Raise Stale unless the recordings are one program; returns the memory from outside that both
    use, with words for it.

    Raises ReplayError where Python reads numbers from outside that may change.
    """
    for (x, how), (y, _) in zip(first.reads, second.reads, strict=False):
        if x is y:
            raise ReplayError(
                f"{how} reads {x.name or named_kind(x.data)}, a tensor from outside, while a step "
                "is recorded: the program would never read it again. Read it between the calls, "
                "or compute with tensors (bl.where instead of if)"
            )
    for k, (a, b) in enumerate(zip(first.ops, second.ops, strict=False)):
        if not _alike(a, b):
            raise Stale(f"op {k} was {a}, then {b}; a program must do the same at each call")
    if len(first.ops) != len(second.ops):
        raise Stale(f"it did {len(first.ops)} ops, then {len(second.ops)}")
    if not first.floats.same_as(second.floats):
        raise Stale("what Python computes from a float that is given changes from call to call")
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
                label = a.inputs[slot].name or f"operand {slot} of op {k}, {a.primitive.name}"
                persistent[id(mine)] = mine, label
            elif a.inputs[slot] is b.inputs[slot]:
                raise Stale(
                    f"the memory of operand {slot} of op {k}, {a}, is replaced at each call"
                )
            elif x.dtype != y.dtype or x.tobytes() != y.tobytes():
                raise Stale(
                    f"operand {slot} of op {k}, {a}, is made by Python and has other numbers at "
                    "each call; give it as an argument, or compute it with backlit's functions"
                )
            elif a.primitive.draws:
                raise Stale(
                    f"op {k}, {a}, draws from a generator that the function makes anew at each "
                    "call; make it outside"
                )
            elif a.out is None and slot == 0:
                raise Stale(
                    f"op {k}, {a}, changes a tensor that the function makes anew at each call; "
                    "make it outside, or write x = x + y"
                )
    return list(persistent.values())


def held(first: Recorder, second: Recorder) -> list[tuple[Tensor, np.ndarray]]:
    """The tensors from outside that a program must find with the arrays that they had: parameters,
    and what ops compute with; not what an optimizer alone keeps, which cannot be replaced.
    """
    found = {}
    for a, b in zip(first.ops, second.ops, strict=True):
        for x, y, array in zip(a.inputs, b.inputs, a.arrays, strict=True):
            if x is y and (x.needs or not a.changed) and id(owner(array)) not in first.made:
                found[x] = array
    return list(found.items())


def _alike(a: Op, b: Op) -> bool:
    """Whether two ops are of one kind, over operands of one kind."""
    if (
        a.primitive.name != b.primitive.name
        or a.on_host != b.on_host
        or len(a.calls) != len(b.calls)
    ):
        return False
    if (a.out is None) != (b.out is None) or len(a.arrays) != len(b.arrays):
        return False
    if a.out is not None and b.out is not None and not _like(a.out, b.out):
        return False
    if not all(x is y or _like(x, y, True) for x, y in zip(a.arrays, b.arrays, strict=True)):
        return False
    return a.params is b.params or _params(a.params) == _params(b.params)


def _like(x: np.ndarray, y: np.ndarray, lie: bool = False) -> bool:
    """Whether arrays have one shape and dtype, and, if they are to `lie` alike, show their memory
    from the same place on and in the same steps."""
    if x.shape != y.shape or x.dtype != y.dtype:
        return False
    return not lie or (x.strides == y.strides and _begin(x) == _begin(y))


def _begin(array: np.ndarray) -> int:
    """How far into its memory an array begins."""
    return 0 if array.base is None else memory_at(array) - memory_at(owner(array))


def _params(params: dict[str, Any]) -> Any:
    return {name: _plain(value) for name, value in params.items()} if params else None


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.shape, value.dtype, value.tobytes()
    if isinstance(value, (tuple, list)):
        return tuple(_plain(item) for item in value)
    return repr(value)
