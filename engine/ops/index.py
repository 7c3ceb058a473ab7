"""Indexing: NumPy's rules. Slices, integers and None give views, arrays of indices give copies; the
gradient is put back where it was read, summed where an element was read twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import ClassIndexError, where
from ..primitives import apply, primitive
from ..tensors import Tensor

BASIC = (int, np.integer, slice, type(None), type(Ellipsis))


@dataclass(frozen=True)
class Place:
    """Where in an index an operand stands: the numbers of a tensor of indices."""

    operand: int


def _whole(index: Any, indices: tuple[Tensor, ...]) -> Any:
    """An index with the numbers of tensors in their places."""
    if not indices:
        return index
    return tuple(indices[p.operand].data if isinstance(p, Place) else p for p in index)


def _getitem(x: Tensor, *indices: Tensor, index: Any) -> np.ndarray:
    try:
        return np.asarray(x.data[_whole(index, indices)])
    except IndexError as problem:
        raise ClassIndexError(f"x[…] on shape {x.shape}{where()}: {problem}") from None


def _put(
    g: Tensor, *indices: Tensor, index: Any, shape: tuple[int, ...], basic: bool
) -> np.ndarray:
    out = np.zeros(shape, g.dtype)
    if basic:
        out[index] = g.data
    else:
        np.add.at(out, _whole(index, indices), g.data)
    return out


INDICES = (frozenset(range(1, 64)),)
"""What the rules read: the indices, not the numbers that they take or put."""


def _take_rule(
    g: Tensor, ans: Tensor, x: Tensor, *indices: Tensor, index: Any
) -> tuple[Tensor | None, ...]:
    back = apply(_put_record, g, *indices, index=index, shape=x.shape, basic=False)
    return back, *[None] * len(indices)


def _put_rule(
    g: Tensor, ans: Tensor, x: Tensor, *indices: Tensor, index: Any, shape: Any, basic: bool
) -> tuple[Tensor | None, ...]:
    there = g[index] if basic else apply(_take_record, g, *indices, index=index)
    return there, *[None] * len(indices)


def _samples(index: Any, shape: tuple[int, ...] = (4, 3)) -> Any:
    return lambda rng: [rng.standard_normal(shape), {"index": index}]


_view_record = primitive(
    "slice", _getitem,
    rules=(lambda g, ans, x, index: put(g, index, x.shape),),
    view=True, symbol="[…]", formula="x[…]", local=("g put back at […], else 0",),
    samples=_samples((slice(1, 3), 2)), numpy=lambda x, index: x[index],
    doc="A part of a tensor by slices and integers; shares its memory.",
)  # fmt: skip

_take_record = primitive(
    "take", _getitem,
    rules=_take_rule, uses=INDICES,
    symbol="[…]", formula="x[…]", local=("g added up at […], else 0",),
    samples=_samples((np.array([0, 0, 2]),)), numpy=lambda x, index: x[index],
    doc="Elements of a tensor by arrays of indices or of truths; a copy.",
)  # fmt: skip

_put_record = primitive(
    "put", _put,
    rules=_put_rule, uses=INDICES,
    formula="zeros with x added at […]", local=("g[…]",),
    samples=lambda rng: [
        rng.standard_normal((3, 3)),
        {"index": (np.array([0, 0, 2]),), "shape": (4, 3), "basic": False},
    ],
    numpy=lambda x, index, shape, basic: _put_numpy(x, index, shape),
    doc="A tensor of zeros with x added where the index points: what indexing does to a gradient.",
)  # fmt: skip


def _put_numpy(x: np.ndarray, index: Any, shape: tuple[int, ...]) -> np.ndarray:
    out = np.zeros(shape, x.dtype)
    for row, k in zip(x, index[0], strict=True):
        out[k] += row
    return out


def put(g: Tensor, index: Any, shape: tuple[int, ...]) -> Tensor:
    """Zeros of `shape` with `g` at a basic index."""
    return apply(_put_record, g, index=index, shape=shape, basic=True)


def getitem(x: Tensor, index: Any) -> Tensor:
    """x[index], as in NumPy. Indices may be tensors of integers or of truths."""
    parts = index if isinstance(index, tuple) else (index,)
    if all(isinstance(part, BASIC) and not isinstance(part, bool) for part in parts):
        whole = parts if any(part is Ellipsis for part in parts) else (*parts, Ellipsis)
        return apply(_view_record, x, index=whole)  # with an Ellipsis NumPy always gives a view
    indices: list[Tensor] = []
    whole = []
    for part in parts:
        if isinstance(part, Tensor) and part.dtype.kind in "iu":
            whole.append(Place(len(indices)))
            indices.append(part)
        elif isinstance(part, Tensor):
            part.read_by("a mask")  # how many it takes is known only when its numbers are
            whole.append(part.data.copy())
        elif isinstance(part, BASIC) and not isinstance(part, bool):
            whole.append(part)
        else:
            whole.append(np.array(part, dtype=None if np.size(part) else np.intp))
    return apply(_take_record, x, *indices, index=tuple(whole))
