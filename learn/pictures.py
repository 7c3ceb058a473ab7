"""Pictures of rows and of what the network makes of the plane: a drawn digit, a decision map.
The map is a small PNG written here, because a million rectangles would not be."""

from __future__ import annotations

import base64
import struct
import zlib
from dataclasses import dataclass

import numpy as np

from .charts import Axis
from .page import esc, legend

# Okabe and Ito's colours, told apart with any kind of colour vision; style.py has them as .k0 to
# .k7. The shapes of the points say the same again.
COLOURS = (0x0072B2, 0xE69F00, 0x009E73, 0xCC79A7, 0x56B4E9, 0xD55E00, 0xF0E442, 0x888888)
LEVELS = 8  # steps of certainty in the map
SIDE = 300  # pixels of the map


def drawing(pixels: np.ndarray, shape: tuple[int, int]) -> str:
    """A grey picture (height * width,) as an SVG in the text's colour; ink is the large value.

    >>> drawing(np.array([0.0, 1.0]), (1, 2))
    '<svg class="picture" viewBox="0 0 2 1" ...><path d="M1 0h1v1h-1z" opacity="1"/></svg>'
    """
    height, width = shape
    low, high = float(pixels.min()), float(pixels.max())
    levels = np.round(16 * (pixels.reshape(shape) - low) / (high - low or 1.0)).astype(int)
    paths = []
    for level in range(1, 17):
        squares = "".join(f"M{x} {y}h1v1h-1z" for y, x in np.argwhere(levels == level))
        if squares:
            paths.append(f'<path d="{squares}" opacity="{level / 16:g}"/>')
    return (
        f'<svg class="picture" viewBox="0 0 {width} {height}" fill="currentColor" '
        f'shape-rendering="crispEdges" aria-hidden="true">{"".join(paths)}</svg>'
    )


@dataclass(frozen=True)
class Plane:
    """A rectangle of a two-input problem and what the network says on a grid of points in it."""

    x: tuple[float, float]
    y: tuple[float, float]

    @classmethod
    def around(cls, X: np.ndarray) -> Plane:
        """The rectangle of X (rows, 2) with a margin."""
        low, high = X.min(axis=0).astype(np.float64), X.max(axis=0).astype(np.float64)
        margin = 0.06 * np.maximum(high - low, 1e-6)
        (x0, y0), (x1, y1) = low - margin, high + margin
        return cls((float(x0), float(x1)), (float(y0), float(y1)))

    def grid(self) -> np.ndarray:
        """The points (SIDE * SIDE, 2) in the order of a picture's pixels: from the top left."""
        across, down = np.meshgrid(
            np.linspace(*self.x, SIDE), np.linspace(self.y[1], self.y[0], SIDE)
        )
        return np.column_stack([across.ravel(), down.ravel()]).astype(np.float32)


def decision_map(
    plane: Plane,
    probabilities: np.ndarray,
    points: np.ndarray,
    truth: np.ndarray,
    predicted: np.ndarray,
    names: tuple[tuple[str, ...], tuple[str, ...]],
) -> tuple[str, str]:
    """The plane in the colour of the predicted class, paler where unsure, and its legend.

    The points are test rows in the colour and shape of their true class.
    `probabilities` belongs to `plane.grid()`; `names` are those of the inputs and of the classes.
    """
    size, left, top, bottom = 460, 44, 8, 40
    across = Axis(*plane.x, left, size - 8)
    up = Axis(*plane.y, size - bottom, top)
    parts = [
        f'<image x="{left}" y="{top}" width="{size - 8 - left}" height="{size - bottom - top}" '
        f'preserveAspectRatio="none" href="{_certainty_png(probabilities)}"/>'
        f'<path class="frame" d="M{left} {top}H{size - 8}V{size - bottom}H{left}z"/>'
    ]
    for value in across.ticks():
        parts.append(
            f'<text x="{across.at(value):.1f}" y="{size - bottom + 18}" text-anchor="middle">'
            f"{value:g}</text>"
        )
    for value in up.ticks():
        parts.append(
            f'<text x="{left - 6}" y="{up.at(value) + 4.5:.1f}" text-anchor="end">{value:g}</text>'
        )
    inputs, classes = names
    parts.append(
        f'<text x="{size - 8}" y="{size - 6}" text-anchor="end">{esc(inputs[0])} across, '
        f"{esc(inputs[1])} up</text>"
    )
    for point, true, guess in zip(points, truth, predicted, strict=True):
        x, y = across.at(float(point[0])), up.at(float(point[1]))
        parts.append(_shape(int(true), x, y))
        if true != guess:
            parts.append(_cross(x, y))
    title = f"Decision map over {inputs[0]} and {inputs[1]}"
    key = [(_shape(k, 14, 7), name) for k, name in enumerate(classes)]
    key.append((_shape(0, 14, 7) + _cross(14, 7), "crossed out: predicted wrongly"))
    drawn = (
        f'<svg viewBox="0 0 {size} {size}" role="img" aria-label="{esc(title)}">'
        f"{''.join(parts)}</svg>"
    )
    return drawn, legend(key, tall=True)


def _shape(k: int, x: float, y: float) -> str:
    """A point of class k: colour and outline go together."""
    outline = (
        f"M{x - 3.5:.1f} {y:.1f}a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0 -7 0z",
        f"M{x - 3.2:.1f} {y - 3.2:.1f}h6.4v6.4h-6.4z",
        f"M{x:.1f} {y - 4.2:.1f}l4 7h-8z",
        f"M{x:.1f} {y - 4.5:.1f}l4.5 4.5l-4.5 4.5l-4.5 -4.5z",
    )[k % 4]
    return f'<path class="shape k{k % len(COLOURS)}" d="{outline}"/>'


def _cross(x: float, y: float) -> str:
    return (
        f'<path class="cross" d="M{x - 6:.1f} {y - 6:.1f}l12 12M{x - 6:.1f} {y + 6:.1f}l12 -12"/>'
    )


def _certainty_png(probabilities: np.ndarray) -> str:
    """A data URI: the colour of the likeliest class, as opaque as it is likely; borders in grey."""
    classes = probabilities.shape[1]
    winner = probabilities.argmax(axis=1)
    sure = (probabilities.max(axis=1) - 1 / classes) / (1 - 1 / classes)
    level = np.minimum((sure * LEVELS).astype(int), LEVELS - 1)
    winner, level = winner.reshape(SIDE, SIDE), level.reshape(SIDE, SIDE)
    index = (winner % len(COLOURS)) * LEVELS + level
    border = np.zeros((SIDE, SIDE), bool)
    border[:, 1:] |= winner[:, 1:] != winner[:, :-1]
    border[1:] |= winner[1:] != winner[:-1]
    border[:-1] |= border[1:]
    index[border] = len(COLOURS) * LEVELS
    palette = [(colour, 20 + 110 * i // LEVELS) for colour in COLOURS for i in range(LEVELS)]
    palette.append((0x777777, 255))
    return "data:image/png;base64," + base64.b64encode(indexed_png(index, palette)).decode()


def indexed_png(index: np.ndarray, palette: list[tuple[int, int]]) -> bytes:
    """A PNG of palette numbers (height, width); the palette lists (0xRRGGBB, opacity 0..255)."""
    height, width = index.shape
    rows = np.zeros((height, width + 1), np.uint8)  # each row is led by its filter: 0, none
    rows[:, 1:] = index
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    colours = b"".join(colour.to_bytes(3, "big") for colour, _ in palette)
    opacity = bytes(alpha for _, alpha in palette)
    chunks = (
        (b"IHDR", header),
        (b"PLTE", colours),
        (b"tRNS", opacity),
        (b"IDAT", zlib.compress(rows.tobytes(), 9)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
