"""Floats among the arguments as cells of a program: while it is recorded, a stand-in for each tells
where it enters an op, which then reads it anew at each run, and where Python itself reads it, so
that the program is good for this value alone.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..tensors import Tensor, constant, wrap


class Step(NamedTuple):
    """What Python computed: a function of numbers by their places (True, place), and of constants
    (False, value)."""

    function: Callable[..., Any]
    operands: tuple[tuple[bool, Any], ...]

    def like(self, other: Step) -> bool:
        """Whether this is the same computation; NaN is NaN, 0.0 is not -0.0."""
        return self.function is other.function and repr(self.operands) == repr(other.operands)


class Floats:
    """The floats that a function was given, what Python computed from them by + - * / // % **, and
    where ops took them.
    """

    def __init__(self, given: Sequence[Any]):
        self.given = len(given)
        self.steps: list[Step] = []
        self.cells: list[tuple[int, np.ndarray, Tensor]] = []
        """The place of a number, the memory from which an op reads it, a tensor of the type that it
        is made for."""
        self._read: set[int] = set()
        self.numbers = [Number(self, place, value) for place, value in enumerate(given)]
        self._values: list[Any] = []
        """All numbers by their places, once there are others than the recorded ones."""

    def operand(self, number: Number, like: Tensor) -> Tensor:
        """The operand that an op beside `like` gets for a number."""
        found = constant(number._value, like)
        self.cells.append((number._place, found.data, wrap(np.empty(0, like.data.dtype))))
        return found

    def derive(self, function: Callable[..., Any], *operands: Any) -> Any:
        """A number that Python computes from others."""
        value = function(*[x._value if is_number(x) else x for x in operands])
        if not is_float(value):  # a complex root: a thing of its own
            for x in operands:
                if is_number(x):
                    self.read(x)
            return value
        row = tuple([(True, x._place) if is_number(x) else (False, x) for x in operands])
        self.steps.append(Step(function, row))
        return Number(self, self.given + len(self.steps) - 1, value)

    def read(self, number: Number) -> Any:
        """Python wants the value."""
        self._read.add(number._place)
        return number._value

    def fixed(self) -> tuple[int, ...]:
        """Which of the given floats decide what the function does: those that Python read, or read
        something of."""
        read = set(self._read)
        for k in range(len(self.steps) - 1, -1, -1):
            if self.given + k in read:
                read.update(x for is_place, x in self.steps[k].operands if is_place)
        return tuple(sorted(place for place in read if place < self.given))

    def values(self, given: Sequence[Any]) -> list[Any]:
        """All numbers, by their places, when these are given."""
        found = list(given)
        for function, operands in self.steps:
            found.append(function(*[found[x] if is_place else x for is_place, x in operands]))
        return found

    def write(self, given: Sequence[Any]) -> None:
        """Put other numbers where the ops read them, as an eager run makes operands of them."""
        values = self._values = self.values(given)
        for place, memory, like in self.cells:
            value = values[place]
            if type(value) is float and like.data.dtype.kind == "f" and -1e38 < value < 1e38:
                memory[()] = value
            else:
                memory[...] = constant(value, like).data

    def now(self, number: Any) -> Any:
        """What a number is with the floats that were given last."""
        return self._values[number._place] if self._values else number._value

    def same_as(self, other: Floats) -> bool:
        """Whether another recording computed the same and took it for the same ops."""
        return (
            len(self.steps) == len(other.steps)
            and all(a.like(b) for a, b in zip(self.steps, other.steps, strict=True))
            and [place for place, *_ in self.cells] == [place for place, *_ in other.cells]
        )


def is_float(value: Any) -> bool:
    """Whether a value is a float that can be a cell: Python's or NumPy's."""
    return type(value) is float or isinstance(value, np.floating)


def is_number(value: Any) -> bool:
    """Whether a value is a stand-in; `isinstance` would look at what it says it is as well."""
    return type(value) is Number


class Number:
    """Stands for a float while a function is recorded. It says that it is a float, and behaves as
    one; but it is none, so that no C code gets at the value without asking.
    """

    __slots__ = ("_floats", "_place", "_value")

    def __init__(self, floats: Floats, place: int, value: Any):
        self._floats, self._place, self._value = floats, place, value

    @property
    def __class__(self) -> Any:  # type: ignore[override]
        return type(self._value)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._floats.read(self), name)

    def __reduce__(self) -> Any:
        value = self._floats.read(self)
        return type(value), (value,)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self._floats.read(self), dtype)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **how: Any) -> Any:
        if any(isinstance(x, Tensor) for x in inputs):
            return NotImplemented  # the tensor's own way
        plain = [x._floats.read(x) if is_number(x) else x for x in inputs]
        return getattr(ufunc, method)(*plain, **how)

    def __array_function__(self, function: Any, types: Any, args: Any, how: Any) -> Any:
        if any(issubclass(kind, Tensor) for kind in types):
            return NotImplemented

        def plain(value: Any) -> Any:
            if is_number(value):
                return value._floats.read(value)
            if isinstance(value, (list, tuple)):
                return type(value)(plain(item) for item in value)
            return value

        return function(*plain(args), **{name: plain(value) for name, value in how.items()})


def _computed(function: Callable[..., Any], turned: bool) -> Any:
    """A method for an operator: the result is a number that is computed anew at each run."""

    def method(self: Number, other: Any) -> Any:
        if is_number(other) or type(other) in (int, float, bool) or is_float(other):
            pair = (other, self) if turned else (self, other)
            return self._floats.derive(function, *pair)
        if isinstance(other, Tensor):
            return NotImplemented
        value = self._floats.read(self)
        return function(other, value) if turned else function(value, other)

    return method


def _computed_alone(function: Callable[..., Any]) -> Any:
    """The same for an operator of one number."""
    return lambda self: self._floats.derive(function, self)


def _reads(name: str, function: Callable[..., Any]) -> Any:
    """A method that needs the value."""

    def method(self: Number, *others: Any) -> Any:
        if others and isinstance(others[0], Tensor):
            return NotImplemented
        plain = [x._floats.read(x) if is_number(x) else x for x in others]
        return function(self._floats.read(self), *plain)

    method.__name__ = name
    return method


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow"):
    setattr(Number, f"__{_name}__", _computed(getattr(operator, _name), turned=False))
    setattr(Number, f"__r{_name}__", _computed(getattr(operator, _name), turned=True))
for _name in ("neg", "pos", "abs"):
    setattr(Number, f"__{_name}__", _computed_alone(getattr(operator, _name)))
for _name, _function in {
    "lt": operator.lt, "le": operator.le, "gt": operator.gt, "ge": operator.ge,
    "eq": operator.eq, "ne": operator.ne, "bool": bool, "hash": hash, "float": float, "int": int,
    "complex": complex, "round": round, "trunc": math.trunc, "floor": math.floor,
    "ceil": math.ceil, "divmod": divmod, "rdivmod": lambda x, y: divmod(y, x), "str": str,
    "repr": repr, "format": format,
}.items():  # fmt: skip
    setattr(Number, f"__{_name}__", _reads(_name, _function))
