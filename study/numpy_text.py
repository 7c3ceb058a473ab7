"""How each op is written in NumPy, as text: what `to_source` puts its lines together from. An op
that is a NumPy ufunc needs no entry; any other without one is called by its record.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..engine import GraphError, Primitive, Tensor
from ..engine.ops.index import Place

COMPARE, ADD, MUL, NEG, POWER, ATOM = range(6)
"""How closely a piece of text binds, as in Python."""


class Piece(NamedTuple):
    """A Python expression, how closely its outermost operator binds, and whether it is a number
    written out."""

    text: str
    binds: int = ATOM
    literal: bool = False

    def within(self, least: int) -> str:
        """The text as an operand, in brackets unless it binds as closely as that."""
        return self.text if self.binds >= least else f"({self.text})"


OPERATORS = {
    "add": ("{} + {}", ADD, ADD, MUL),
    "sub": ("{} - {}", ADD, ADD, MUL),
    "mul": ("{} * {}", MUL, MUL, NEG),
    "div": ("{} / {}", MUL, MUL, NEG),
    "matmul": ("{} @ {}", MUL, MUL, NEG),
    "neg": ("-{}", NEG, POWER),
    "pow": ("{} ** {}", POWER, ATOM, NEG),
    "clone": ("{}", ATOM, ATOM),
    "relu": ("np.maximum({}, 0)", ATOM, COMPARE),
    "gate": ("np.where({1} > 0, {0}, 0)", ATOM, COMPARE, ADD),
    "softplus": ("np.logaddexp(0, {})", ATOM, COMPARE),
    "where": ("np.where({}, {}, {})", ATOM, COMPARE, COMPARE, COMPARE),
    "less": ("{} < {}", COMPARE, ADD, ADD),
    "less_equal": ("{} <= {}", COMPARE, ADD, ADD),
    "greater": ("{} > {}", COMPARE, ADD, ADD),
    "greater_equal": ("{} >= {}", COMPARE, ADD, ADD),
    "equal": ("{} == {}", COMPARE, ADD, ADD),
    "not_equal": ("{} != {}", COMPARE, ADD, ADD),
}
"""Templates: the text, how closely it binds, how closely each operand must."""

HELPERS = {
    "sigmoid": '''
def sigmoid(x):
    """1 / (1 + exp(-x)), without overflow."""
    return np.exp(-np.logaddexp(0, -x))
''',
    "safe_mul": '''
def safe_mul(x, y):
    """x * y, but 0 wherever x is 0, even if y is infinite or NaN."""
    with np.errstate(invalid="ignore"):
        return np.where(x == 0, 0, x * y)
''',
    "safe_div": '''
def safe_div(x, y):
    """x / y, but 0 wherever x is 0, even if y is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(x == 0, 0, x / y)
''',
    "share": '''
def share(x, y):
    """How much of the gradient of max(x, y) x gets: all, none, or half at ties."""
    tie = (x == y) | (np.isnan(x) & np.isnan(y))
    return np.where(tie, 0.5, (x > y) | np.isnan(x)).astype(np.result_type(x, y))
''',
    "log_softmax": '''
def log_softmax(x, axis):
    """The logarithm of softmax along an axis, without overflow."""
    x = x - np.max(x, axis=axis, keepdims=True)
    return x - np.log(np.sum(np.exp(x), axis=axis, keepdims=True))
''',
    "softmax": '''
def softmax(x, axis):
    """exp(x) in proportion, along an axis, without overflow."""
    e = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)
''',
    "put": '''
def put(g, index, shape):
    """Zeros with g at an index of slices and integers."""
    out = np.zeros(shape, g.dtype)
    out[index] = g
    return out
''',
    "add_at": '''
def add_at(g, index, shape):
    """Zeros with g added where an index of arrays points, once for each time it does."""
    out = np.zeros(shape, g.dtype)
    np.add.at(out, index, g)
    return out
''',
    "add_rows": '''
def add_rows(g, index, rows, padding):
    """A table of zeros with g added in the rows at an index, but for the padding's."""
    out = np.zeros((rows, *g.shape[index.ndim :]), g.dtype)
    kept = index != padding
    np.add.at(out, index[kept], g[kept])
    return out
''',
    "cross_entropy": '''
def cross_entropy(x, target, ignore_index, reduction):
    """-log softmax(x)[target] of each row: the mean over the rows that count, the sum, or all."""
    kept = target != ignore_index
    x = x - np.max(x, axis=1, keepdims=True)
    logs = x - np.log(np.sum(np.exp(x), axis=1, keepdims=True))
    losses = np.where(kept, -logs[np.arange(len(x)), np.where(kept, target, 0)], 0)
    if reduction == "none":
        return losses
    return np.sum(losses) / (np.sum(kept, dtype=x.dtype) if reduction == "mean" else 1)
''',
    "cross_entropy_slope": '''
def cross_entropy_slope(g, x, target, ignore_index, reduction):
    """g times the derivative of cross_entropy for x: the probabilities less the right answer."""
    kept = target != ignore_index
    e = np.exp(x - np.max(x, axis=1, keepdims=True))
    slope = e / np.sum(e, axis=1, keepdims=True)
    slope[np.arange(len(x)), np.where(kept, target, 0)] -= 1
    if reduction == "mean":
        slope = slope / np.maximum(np.sum(kept, dtype=x.dtype), 1)
    return np.where(kept[:, None], np.reshape(g, (-1, 1)) * slope, 0)
''',
}
"""Functions that stand above the source where it calls them."""

IMPORT = "from backlit.engine import registry"


class Speller:
    """Writes ops as NumPy expressions, and notes which helpers they call."""

    def __init__(self, constant: Callable[[np.ndarray], Piece]) -> None:
        self.constant = constant
        """Writes an array that is no tensor of the graph: an index, for one."""
        self.helpers: dict[str, str] = {}

    def spell(
        self, op: Primitive, operands: list[Piece], inputs: tuple[Tensor, ...], params: Any
    ) -> Piece:
        """One op, its operands given as pieces and as the tensors they were."""
        meets = op.name in OPERATORS or isinstance(op.numpy, np.ufunc)
        if not meets or all(piece.literal for piece in operands):  # no array to take its type from
            operands = [
                Piece(f"np.{x.dtype.name}({piece.text})") if piece.literal else piece
                for piece, x in zip(operands, inputs, strict=True)
            ]
        if op.name in OPERATORS:
            text, binds, *least = OPERATORS[op.name]
            if op.name == "clone":
                return operands[0]
            pieces = [p.within(need) for p, need in zip(operands, least, strict=True)]
            return Piece(text.format(*pieces), binds)
        special = getattr(self, f"_{op.name}", None)
        if special is not None:
            return special(operands, inputs, **params)
        texts = ", ".join(piece.text for piece in operands)
        if op.name in HELPERS:
            self.helpers[op.name] = HELPERS[op.name]
            return Piece(f"{op.name}({', '.join([texts, *self._named(params)])})")
        if isinstance(op.numpy, np.ufunc) and not params:
            return Piece(f"np.{op.numpy.__name__}({texts})")
        if op.numpy is None:
            raise GraphError(f"to_source: {op.name} has no NumPy form in its record")
        self.helpers[IMPORT] = ""
        call = f'registry["{op.name}"].numpy'
        return Piece(f"{call}({', '.join([texts, *self._named(params)])})")

    def _named(self, params: dict[str, Any]) -> list[str]:
        return [f"{key}={self.value(value)}" for key, value in params.items()]

    def value(self, value: Any) -> str:
        """A parameter: numbers, text, types, tuples and arrays."""
        if isinstance(value, np.ndarray):
            return self.constant(value).text
        if isinstance(value, np.dtype):
            return f"np.{value.name}"
        if isinstance(value, tuple):
            inner = ", ".join(map(self.value, value))
            return f"({inner},)" if len(value) == 1 else f"({inner})"
        return "..." if value is Ellipsis else repr(value)

    # -- ops whose text depends on their parameters

    def _reduce(self, name: str, x: Piece, inputs: tuple[Tensor, ...], axes: Any) -> Piece:
        if axes == tuple(range(inputs[0].ndim)) and axes:
            return Piece(f"np.{name}({x.text})")
        axis = axes[0] if len(axes) == 1 else axes
        return Piece(f"np.{name}({x.text}, axis={axis})")

    def _sum(self, operands: list[Piece], inputs: Any, axes: Any) -> Piece:
        return self._reduce("sum", operands[0], inputs, axes)

    def _mean(self, operands: list[Piece], inputs: Any, axes: Any) -> Piece:
        return self._reduce("mean", operands[0], inputs, axes)

    def _max(self, operands: list[Piece], inputs: Any, axes: Any) -> Piece:
        return self._reduce("max", operands[0], inputs, axes)

    def _min(self, operands: list[Piece], inputs: Any, axes: Any) -> Piece:
        return self._reduce("min", operands[0], inputs, axes)

    def _reshape(self, operands: list[Piece], inputs: Any, shape: Any) -> Piece:
        return Piece(f"np.reshape({operands[0].text}, {self.value(shape)})")

    def _transpose(self, operands: list[Piece], inputs: Any, axes: Any) -> Piece:
        if axes == (1, 0):
            return Piece(f"{operands[0].within(ATOM)}.T")
        return Piece(f"np.transpose({operands[0].text}, {self.value(axes)})")

    def _broadcast_to(self, operands: list[Piece], inputs: Any, shape: Any) -> Piece:
        return Piece(f"np.broadcast_to({operands[0].text}, {self.value(shape)})")

    def _concatenate(self, operands: list[Piece], inputs: Any, axis: int) -> Piece:
        parts = ", ".join(piece.text for piece in operands)
        return Piece(f"np.concatenate([{parts}], axis={axis})")

    def _astype(self, operands: list[Piece], inputs: Any, dtype: np.dtype) -> Piece:
        return Piece(f"{operands[0].within(ATOM)}.astype(np.{np.dtype(dtype).name})")

    def _linear(self, operands: list[Piece], inputs: Any) -> Piece:
        x, weight = operands[0].within(MUL), operands[1].within(ATOM)
        if len(operands) == 2:
            return Piece(f"{x} @ {weight}.T", MUL)
        return Piece(f"{x} @ {weight}.T + {operands[2].within(MUL)}", ADD)

    def _pair_sum(self, operands: list[Piece], inputs: tuple[Tensor, ...]) -> Piece:
        x, y = (
            piece if t.ndim == 2 else Piece(f"np.reshape({piece.text}, {_rows(t)})")
            for piece, t in zip(operands, inputs, strict=True)
        )
        return Piece(f"{x.within(ATOM)}.T @ {y.within(NEG)}", MUL)

    def _slice(self, operands: list[Piece], inputs: Any, index: Any) -> Piece:
        return Piece(f"{operands[0].within(ATOM)}[{self._index(index, operands)}]")

    _take = _slice

    def _embedding(self, operands: list[Piece], inputs: Any, padding: int) -> Piece:
        table, index = operands
        return Piece(f"{table.within(ATOM)}[{index.text}]")

    def _put(
        self, operands: list[Piece], inputs: Any, index: Any, shape: Any, basic: bool
    ) -> Piece:
        name = "put" if basic else "add_at"
        self.helpers[name] = HELPERS[name]
        where = f"np.s_[{self._index(index, operands)}]"
        return Piece(f"{name}({operands[0].text}, {where}, {self.value(shape)})")

    def _index(self, index: Any, operands: list[Piece]) -> str:
        parts = list(index)
        if len(parts) > 1 and parts[-1] is Ellipsis:
            parts.pop()  # which NumPy takes for granted
        texts = []
        for part in parts:
            if isinstance(part, slice):
                ends = ["" if k is None else str(k) for k in (part.start, part.stop, part.step)]
                texts.append(":".join(ends[:2] if not ends[2] else ends))
            elif isinstance(part, Place):
                texts.append(operands[part.operand + 1].text)
            else:
                texts.append(self.value(part))
        return ", ".join(texts)


def _rows(x: Tensor) -> tuple[int, int]:
    return math.prod(x.shape[:-1]), x.shape[-1]
