"""From an array to what a picture shows of it: its numbers, or a tile, and statistics.
A big array keeps its extremes: a cell of a tile is the element of largest magnitude there.
"""

from __future__ import annotations

import base64
import math
from functools import cache

import numpy as np

from .model import SMALL, Tile, Values

TILE = 32  # most rows and columns of a tile
BINS = 24  # of a histogram
NAN_CELL = -128


def summarise(array: np.ndarray, tile: bool = True) -> Values:
    """The `Values` of an array of any shape; `tile=False` leaves the tile of a big one out.

    >>> values = summarise(np.array([[0.0, 2.0], [-1.0, np.nan]]))
    >>> values.low, values.high, values.zeros, values.nans
    (-1.0, 2.0, 0.25, 1)
    """
    array = np.asarray(array)
    size = array.size
    if size == 1:
        return _single(array)
    finite, nans, infs = array, 0, 0
    if array.dtype.kind == "f":
        ok = np.isfinite(array)
        if not ok.all():
            nans = int(np.isnan(array).sum())
            infs = size - nans - int(ok.sum())
            finite = array[ok]
    some = finite.size > 0
    low, high = (float(finite.min()), float(finite.max())) if some else (None, None)
    big = tile and size > SMALL
    return Values(
        shape=tuple(array.shape),
        dtype=dtype_name(array.dtype),
        data=tuple(array.ravel().tolist()) if size <= SMALL else None,
        tile=reduce_to_tile(array) if big else None,
        low=low,
        high=high,
        norm=norm_of(finite) if some else None,
        zeros=1.0 - float(np.count_nonzero(array)) / size if size else 0.0,
        nans=nans,
        infs=infs,
        histogram=histogram(finite) if big and some else (),
    )


def norm_of(finite: np.ndarray) -> float:
    """The square root of the sum of squares, also where the squares are out of range.

    >>> round(norm_of(np.array([3e200, 4e200])) / 1e200, 6)
    5.0
    """
    numbers = finite.astype(np.float64, copy=False)
    most = max(float(numbers.max()), -float(numbers.min()))
    if most == 0.0 or 1e-140 < most < 1e140:
        return float(np.linalg.norm(numbers))
    return most * float(np.linalg.norm(numbers / most))


def histogram(finite: np.ndarray) -> tuple[int, ...]:
    """How many elements lie in each of 24 equal steps from the lowest to the highest.

    >>> sum(histogram(np.arange(100.0))), histogram(np.ones(5))
    (100, ())
    """
    numbers = finite.astype(np.float64).ravel()
    low, high = float(numbers.min()), float(numbers.max())
    step = high / BINS - low / BINS  # the difference itself may overflow
    if not step > 0.0:
        return ()
    bins = np.minimum((numbers / step - low / step).astype(np.int64), BINS - 1)
    return tuple(np.bincount(np.maximum(bins, 0), minlength=BINS).tolist())


def _single(array: np.ndarray) -> Values:
    """What `summarise` says of one number, without the cost of arrays."""
    value = array.item()
    finite = float(value) if math.isfinite(value) else None
    nan = value != value
    return Values(
        array.shape,
        dtype_name(array.dtype),
        (value,),
        None,
        finite,
        finite,
        None if finite is None else abs(finite),
        float(value == 0),
        int(nan),
        int(finite is None and not nan),
    )


@cache
def dtype_name(dtype: np.dtype) -> str:
    """NumPy's name of a type, remembered: asking NumPy takes longer than all the rest.

    >>> dtype_name(np.dtype("f4"))
    'float32'
    """
    return dtype.name


def reduce_to_tile(array: np.ndarray) -> Tile:
    """At most 32 x 32 cells, leading axes folded into rows; infinities are cut to the scale.

    >>> tile = reduce_to_tile(np.arange(200.0).reshape(100, 2) - 150)
    >>> tile.rows, tile.cols, tile.scale
    (32, 2, 150.0)
    """
    cols = array.shape[-1] if array.ndim else 1
    grid = array.reshape(array.size // max(cols, 1), cols).astype(np.float64)
    for axis in (0, 1):
        grid = _extremes(grid, axis)
    finite = np.abs(grid[np.isfinite(grid)])
    scale = float(finite.max()) if finite.size else 0.0
    nan = np.isnan(grid)
    shade = np.clip(np.where(nan, 0.0, grid), -scale, scale) / (scale or 1.0)
    cells = np.where(nan, NAN_CELL, np.rint(shade * 127)).astype(np.int8)
    text = base64.b64encode(cells.tobytes()).decode("ascii")
    return Tile(rows=grid.shape[0], cols=grid.shape[1], scale=scale, cells=text)


def cells_of(tile: Tile) -> np.ndarray:
    """The cells of a tile as signed bytes of shape (rows, cols).

    >>> cells_of(reduce_to_tile(np.array([[1.0, -0.5, np.nan]])))
    array([[ 127,  -64, -128]], dtype=int8)
    """
    cells = np.frombuffer(base64.b64decode(tile.cells), np.int8)
    return cells.reshape(tile.rows, tile.cols)


def _extremes(grid: np.ndarray, axis: int) -> np.ndarray:
    """`grid` with `axis` cut into at most TILE blocks, each the element of largest magnitude."""
    length = grid.shape[axis]
    if length <= TILE:
        return grid
    starts = np.arange(TILE) * length // TILE
    high = np.maximum.reduceat(grid, starts, axis=axis)
    low = np.minimum.reduceat(grid, starts, axis=axis)
    return np.where(high >= -low, high, low)
