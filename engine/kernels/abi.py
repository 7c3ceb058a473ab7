"""What every kernel agrees on, frozen: the signature, the status, and the sizes that results depend
on. Changing a number here changes the bits of results, never their meaning.

A kernel is `kernel(args: int64*, begin, end) -> status`. `args` is a row of data pointers and
integers, the result first; [begin, end) counts the kernel's own units (elements, rows, blocks,
tiles); the status is 0, or 1 + the offending element. An operand of the walk is read off NumPy's
array object: data pointer, shape, strides in bytes, and the bytes of an item.
"""

BLOCK = 1024
"""Elements that an elementwise kernel sees at a time where an operand is not contiguous."""

MAX_DIMS = 32
"""Dimensions that a tensor may have."""

LANES = 32
"""Partial sums that a fold keeps: fixed, so that bits do not depend on a vector's width."""

SUM_BLOCK = 16384
"""Values that one block of a sum over the innermost axis takes."""

SUM_ROWS = 256
"""Rows that one block of a sum over an outer axis takes."""

TILE = 16
"""Columns of a tile of the own small matmul, and columns that are summed side by side."""

DEPTH = 2048
"""Bytes of the terms of a sum that a matmul adds up at a time: of so many rows of B lies in scratch
what a tile needs."""

TILED = 2_000_000
"""Products of as many multiply-adds are cut into tiles, which threads can share. The tiles do not
change a bit: each sum goes over its terms in order."""

SHARED = 65536
"""Elements from which on several threads compute them."""

CAPTURED = 128
"""Calls that a kernel which only writes down how it is called keeps."""

CALL_WORDS = 20
"""Words of a row that it keeps of each call, beside the range."""
