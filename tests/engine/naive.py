"""A second engine, as plain as can be: one Python object for each number, NumPy's arrays of objects
for the shapes. It shares no line with backlit, so that where both agree both are probably right.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np


class Doubt(Exception):
    """Two numbers so close, without being the same, that rounding decides which is the larger."""


class Value:
    """A float, what it was made from, and the local derivative for each of those."""

    __slots__ = ("data", "grad", "slopes", "sources")

    def __init__(self, data: float, sources: tuple[Value, ...] = (), slopes: tuple = ()):
        self.data = float(data)
        self.grad = 0.0
        self.sources = sources
        self.slopes = slopes

    def __add__(self, other: Value) -> Value:
        return Value(self.data + other.data, (self, other), (1.0, 1.0))

    def __sub__(self, other: Value) -> Value:
        return Value(self.data - other.data, (self, other), (1.0, -1.0))

    def __mul__(self, other: Value) -> Value:
        return Value(self.data * other.data, (self, other), (other.data, self.data))

    def __truediv__(self, other: Value) -> Value:
        x, y = self.data, other.data
        return Value(x / y, (self, other), (1.0 / y, -x / (y * y)))


def mapped(value: Callable[[float], float], slope: Callable[[float], float]) -> Callable[..., Any]:
    """A function of one number, element by element."""

    def one(x: Value) -> Value:
        return Value(value(x.data), (x,), (slope(x.data),))

    return np.frompyfunc(one, 1, 1)


def _sure(x: Value, y: float) -> None:
    """Refuse to decide between x and y where rounding might; a leaf is what it is."""
    if x.sources and abs(x.data - y) < 1e-9:
        raise Doubt


def _relu(x: Value) -> Value:
    _sure(x, 0.0)
    return Value(max(x.data, 0.0), (x,), (1.0 if x.data > 0 else 0.0,))


def _abs(x: Value) -> Value:
    _sure(x, 0.0)
    return Value(abs(x.data), (x,), ((x.data > 0) - (x.data < 0),))


def extreme(values: Iterable[Value], sign: int) -> Value:
    """The largest (sign 1) or smallest (-1); equal ones share the slope evenly."""
    values = list(values)
    peak = max(values, key=lambda v: sign * v.data)
    for v in values:
        if v is not peak and (v.sources or peak.sources) and abs(v.data - peak.data) < 1e-9:
            raise Doubt
    hits = [float(v.data == peak.data) for v in values]
    return Value(peak.data, tuple(values), tuple(h / sum(hits) for h in hits))


def _sigmoid(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-x))


UNARY: dict[str, Callable[..., Any]] = {
    "neg": mapped(lambda x: -x, lambda x: -1.0),
    "square": mapped(lambda x: x * x, lambda x: 2 * x),
    "tanh": mapped(math.tanh, lambda x: 1 - math.tanh(x) ** 2),
    "sigmoid": mapped(_sigmoid, lambda x: _sigmoid(x) * (1 - _sigmoid(x))),
    "softplus": mapped(lambda x: math.log1p(math.exp(x)), _sigmoid),
    "exp": mapped(math.exp, math.exp),
    "relu": np.frompyfunc(_relu, 1, 1),
    "absolute": np.frompyfunc(_abs, 1, 1),
}
BINARY: dict[str, Callable[..., Any]] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "maximum": np.frompyfunc(lambda x, y: extreme((x, y), 1), 2, 1),
    "minimum": np.frompyfunc(lambda x, y: extreme((x, y), -1), 2, 1),
    "div": np.frompyfunc(lambda x, y: x / (y * y + Value(1.0)), 2, 1),  # never near 0
}


def array(data: np.ndarray) -> np.ndarray:
    """An array of Values."""
    return np.array(np.frompyfunc(Value, 1, 1)(data), dtype=object)


def reduce(name: str, x: np.ndarray, axis: int | None) -> np.ndarray:
    """sum, mean, max or min along one axis, or over all."""
    rows = x.reshape(1, -1) if axis is None else np.moveaxis(x, axis, -1).reshape(-1, x.shape[axis])
    shape = () if axis is None else x.shape[:axis] + x.shape[axis + 1 :]
    out = np.empty(len(rows), dtype=object)
    for i, row in enumerate(rows):
        if name in ("max", "min"):
            out[i] = extreme(row, 1 if name == "max" else -1)
        else:
            total = row[0]
            for value in row[1:]:
                total = total + value
            out[i] = total if name == "sum" else total * Value(1 / len(row))
    return out.reshape(shape)


def matmul(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Rows times columns, one product after the other."""
    out = np.empty((x.shape[0], y.shape[1]), dtype=object)
    for i in range(x.shape[0]):
        for j in range(y.shape[1]):
            out[i, j] = reduce("sum", x[i] * y[:, j], None)[()]
    return out


def data(x: np.ndarray) -> np.ndarray:
    """The numbers in an array of Values."""
    return np.array([v.data for v in x.reshape(-1)], float).reshape(x.shape)


def grad(x: np.ndarray) -> np.ndarray:
    """The gradients in an array of Values."""
    return np.array([v.grad for v in x.reshape(-1)], float).reshape(x.shape)


def backward(root: Value) -> None:
    """Fill `grad` of everything that `root` was made from."""
    order: list[Value] = []
    seen: set[int] = set()
    stack = [(root, False)]
    while stack:
        value, done = stack.pop()
        if done:
            order.append(value)
        elif id(value) not in seen:
            seen.add(id(value))
            stack.append((value, True))
            stack += [(source, False) for source in value.sources]
    root.grad = 1.0
    for value in reversed(order):
        for source, slope in zip(value.sources, value.slopes, strict=True):
            source.grad += slope * value.grad
