"""Memory on the borders of the processor's vectors: NumPy's begins 16 bytes after them, and then
every second load of a kernel crosses two lines of the cache.
"""

import math

import numpy as np

BORDER = 64
"""Bytes of a line of the cache, and of the widest vector."""

BIG = 4096
"""Bytes from which on it is worth an array more."""


def aligned(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """An array with any numbers in it; a big one begins on a border."""
    count = math.prod(shape) * dtype.itemsize
    if count < BIG:
        return np.empty(shape, dtype)
    memory = np.empty(count + BORDER, np.uint8)
    begin = -memory.ctypes.data % BORDER
    return memory[begin : begin + count].view(dtype).reshape(shape)
