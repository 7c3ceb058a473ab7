"""The smallest PNG writer that a heat map needs: 65 shades, one byte per cell.
The pixels are stored, not compressed, so that every zlib writes the same bytes.
"""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np

from .themes import LEVELS, Theme

SHADES = 2 * LEVELS + 2  # of a heat map, with that of NaN


def heat_png(cells: np.ndarray, theme: Theme) -> bytes:
    """A heat map (signed bytes, -128 for NaN) as a PNG, one pixel per cell.

    >>> from backlit.study.themes import THEMES
    >>> heat_png(np.zeros((2, 3), np.int8), THEMES["light"])[:4]
    b'\\x89PNG'
    """
    palette = bytes.fromhex("".join(colour[1:] for colour in (*theme.ramp, theme.nan)))
    return _png(_shades(cells).astype(np.uint8), 3, _chunk(b"PLTE", palette))


def grey_png(cells: np.ndarray) -> bytes:
    """The same in greys, for a page that colours them as its theme says: shade i of 66 is the
    middle of the i-th of 66 equal parts of 0 to 255.

    >>> grey_png(np.zeros((2, 3), np.int8))[:4]
    b'\\x89PNG'
    """
    return _png(((_shades(cells) + 0.5) * 255 / SHADES).astype(np.uint8), 0)


def _shades(cells: np.ndarray) -> np.ndarray:
    """The number of each cell's shade: the ramp's 65, then NaN."""
    shades = np.rint(cells.astype(np.float64) * LEVELS / 127).astype(np.int64) + LEVELS
    return np.where(cells == -128, 2 * LEVELS + 1, shades)


def _png(pixels: np.ndarray, kind: int, palette: bytes = b"") -> bytes:
    rows, cols = pixels.shape
    lines = b"".join(b"\x00" + row.tobytes() for row in pixels)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        (
            _chunk(b"IHDR", struct.pack(">IIBBBBB", cols, rows, 8, kind, 0, 0, 0)),
            palette,
            _chunk(b"IDAT", zlib.compress(lines, 0)),
            _chunk(b"IEND", b""),
        )
    )


def data_uri(png: bytes) -> str:
    """A PNG as a data URI.

    >>> data_uri(b"abc")
    'data:image/png;base64,YWJj'
    """
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


def _chunk(name: bytes, data: bytes) -> bytes:
    check = zlib.crc32(name + data)
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", check)
