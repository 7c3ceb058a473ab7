"""The smallest PNG writer that a heat map needs: 65 shades, one byte per cell.
The pixels are stored, not compressed, so that every zlib writes the same bytes.
"""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np

from .themes import LEVELS, Theme


def heat_png(cells: np.ndarray, theme: Theme) -> bytes:
    """A heat map (signed bytes, -128 for NaN) as a PNG, one pixel per cell.

    >>> from backlit.study.themes import THEMES
    >>> heat_png(np.zeros((2, 3), np.int8), THEMES["light"])[:4]
    b'\\x89PNG'
    """
    rows, cols = cells.shape
    shades = np.rint(cells.astype(np.float64) * LEVELS / 127).astype(np.int64) + LEVELS
    shades = np.where(cells == -128, 2 * LEVELS + 1, shades).astype(np.uint8)
    palette = bytes.fromhex("".join(colour[1:] for colour in (*theme.ramp, theme.nan)))
    lines = b"".join(b"\x00" + row.tobytes() for row in shades)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        (
            _chunk(b"IHDR", struct.pack(">IIBBBBB", cols, rows, 8, 3, 0, 0, 0)),
            _chunk(b"PLTE", palette),
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
