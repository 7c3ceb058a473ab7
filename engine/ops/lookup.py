"""Rows of a table by their numbers: what an embedding is, its gradient, and one-hot rows. All of it
runs in kernels, so that a replayed model with an embedding needs no Python.
"""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from ..errors import ClassIndexError, DtypeError, GraphError, ShapeError, shapes, where
from ..kernels import lookup
from ..kernels.build import I64
from ..primitives import apply, primitive
from ..tensors import FLOATS, Tensor, as_tensor
from .elementwise import clone
from .elementwise import where as choose
from .shape import astype


def _refuse(name: str, index: np.ndarray, status: int, rows: int, has: str) -> NoReturn:
    """The error for an index that is no row."""
    place = np.unravel_index(status - 1, index.shape)
    value = index[place]
    at = ", ".join(str(int(k)) for k in place)
    known = f"0 to {rows - 1}" if rows else "none"
    hint = (
        "negative numbers do not count from the end here"
        if value < 0
        else "are they counted from 1, or is the table too small?"
    )
    raise ClassIndexError(
        f"{name}{where()}: index[{at}] is {value}, but {has} {rows} rows, {known}: {hint}"
    )


def _embedding(table: Tensor, index: Tensor, *, padding: int) -> np.ndarray:
    out, status = lookup.look_up(table.data, index.data)
    if status:
        _refuse("embedding", index.data, status, len(table.data), "the table has")
    return out


def _add_rows(g: Tensor, index: Tensor, *, rows: int, padding: int) -> np.ndarray:
    out, status = lookup.add_rows(g.data, index.data, rows, padding)
    if status:
        raise GraphError(f"embedding: index {status - 1} changed after the lookup")
    return out


def _add_rows_numpy(g: np.ndarray, index: np.ndarray, rows: int, padding: int) -> np.ndarray:
    out = np.zeros((rows, *g.shape[index.ndim :]), g.dtype)
    kept = index != padding
    np.add.at(out, index[kept], g[kept])
    return out


def _embedding_rule(g: Tensor, ans: Tensor, table: Tensor, index: Tensor, padding: int) -> Tensor:
    return apply(_add_rows_record, _plain(g), index, rows=table.shape[0], padding=padding)


def _add_rows_rule(
    h: Tensor, ans: Tensor, g: Tensor, index: Tensor, rows: int, padding: int
) -> Tensor:
    taken = apply(_embedding_record, _plain(h), index, padding=padding)
    if padding < 0:
        return taken
    kept = (index != padding).reshape(*index.shape, *[1] * (taken.ndim - index.ndim))
    return choose(kept, taken, 0)


_embedding_record = primitive(
    "embedding", _embedding,
    broadcasts=False,
    rules=(_embedding_rule, None),
    symbol="rows[i]", formula="table[i]", local=("g added up in row i, else 0",),
    samples=lambda rng: [
        rng.standard_normal((4, 3)), rng.integers(0, 4, (2, 3)), {"padding": -1},
    ],
    numpy=lambda table, index, padding: table[index],
    doc="The rows of a table that stand at some numbers.",
)  # fmt: skip

_add_rows_record = primitive(
    "add_rows", _add_rows,
    broadcasts=False,
    rules=(_add_rows_rule, None),
    formula="zeros with x added in row i", local=("g[i], 0 where i is the padding",),
    samples=lambda rng: [
        rng.standard_normal((2, 3, 2)), rng.integers(0, 4, (2, 3)), {"rows": 4, "padding": 1},
    ],
    numpy=_add_rows_numpy,
    doc="A table of zeros with rows added where numbers say: what an embedding does to a gradient.",
)  # fmt: skip


def _plain(x: Tensor) -> Tensor:
    """A tensor whose numbers lie one after the other."""
    return x if x.data.flags.c_contiguous else clone(x)


def _numbers(name: str, index: Any) -> Tensor:
    """Indices as contiguous int64. Raises DtypeError for what is not whole numbers."""
    index = as_tensor(index)
    if index.dtype.kind not in "iu":
        raise DtypeError(
            f"{name}{where()}: indices are integers, not {index.dtype}; "
            "write index.astype('int64') if they are whole numbers"
        )
    return _plain(index if index.dtype == I64 else astype(index, I64))


def embedding(table: Tensor, index: Any, padding_idx: int | None = None) -> Tensor:
    """The rows of `table` (rows, …) at `index`, any shape of integers: (*index.shape, …).

    The gradient is added up in the order of the indices, whatever the number of threads; row
    `padding_idx` gets none. Raises DtypeError for indices that are no integers and ClassIndexError,
    an IndexError, for one that is no row: negative ones do not count from the end.

    >>> from backlit.engine import embedding, tensor
    >>> embedding(tensor([[1.0, 2.0], [3.0, 4.0]]), [1, 0, 1])
    tensor([[3., 4.],
            [1., 2.],
            [3., 4.]])
    """
    table = as_tensor(table)
    if table.ndim == 0 or table.dtype not in FLOATS:
        raise ShapeError(
            f"embedding: table {shapes(table)}{where()} must be rows of floats, (rows, features)"
        )
    padding = -1
    if padding_idx is not None:
        rows = table.shape[0]
        if not -rows <= padding_idx < rows:
            raise ClassIndexError(
                f"embedding{where()}: padding_idx is {padding_idx}, but the table has {rows} rows"
            )
        padding = int(padding_idx) % rows
    index = _numbers("embedding", index)
    return apply(_embedding_record, _plain(table), index, padding=padding)


def _one_hot(index: Tensor, *, classes: int) -> np.ndarray:
    out, status = lookup.one_hot(index.data, classes)
    if status:
        _refuse("one_hot", index.data, status, classes, "num_classes gives")
    return out


_one_hot_record = primitive(
    "one_hot", _one_hot,
    formula="1 at i, else 0",
    samples=lambda rng: [rng.integers(0, 4, (2, 3)), {"classes": 4}],
    numpy=lambda index, classes: np.eye(classes, dtype=np.int64)[index],
    doc="Numbers of classes as rows with a 1 in the place of the class.",
)  # fmt: skip


def one_hot(index: Any, num_classes: int = -1) -> Tensor:
    """Class numbers of any shape as int64 rows (*index.shape, num_classes) with a single 1.

    By default there are as many classes as the largest number says, which Python has to read: in
    a replayed function give `num_classes`. Raises ClassIndexError, an IndexError, for a class
    that is not there.

    >>> from backlit.engine import one_hot
    >>> one_hot([0, 2], 3).tolist()
    [[1, 0, 0], [0, 0, 1]]
    """
    index = _numbers("one_hot", index)
    if num_classes == -1:
        index.read_by("one_hot without num_classes")
        if not index.size:
            raise ShapeError("one_hot: no class to count the classes by; give num_classes")
        num_classes = int(index.data.max()) + 1
    if num_classes < 1:
        raise ValueError(f"one_hot: num_classes must be at least 1, got {num_classes}")
    return apply(_one_hot_record, index, classes=int(num_classes))
