"""Elementwise kernels one after the other, block by block: what only the next of them reads stays
in scratch that never leaves L1. Nothing is compiled for a chain: a table says who reads what.
"""

from .build import Kernel
from .walk import LOAD

SCRATCH = 65536
"""Bytes of scratch that a chain has."""

STEP_WORDS = 13
"""Words of a step: the kernel, how many operands, its mode (build.elementwise_kernel), and of each
operand, the result first, where it lies and the bytes from one element to the next; IN_SCRATCH
there means that it lies in that slot."""

IN_SCRATCH = -1

LOAD_WORDS = 7
"""Words of a load: the source, the slot, the bytes of an item, whether it is one number for all,
dimensions, their sizes, their strides in bytes."""

# args: steps, how many, loads, how many, elements of a block, bytes of a slot. The range counts
# elements, of which a block begins anywhere. What a step reads was written before it: by a step of
# this block, or before the chain began.
chain = Kernel(
    "chain",
    lambda suffix: (
        "from numba import njit\n"
        + LOAD
        + f"""
def kernel(args, begin, end):
    scratch = scratch_64k()
    row = i64(scratch_512())
    block = args[4]
    size = args[5]
    at = begin
    while at < end:
        count = min(block, end - at)
        for k in range(args[3]):
            one = i64(args[2] + {8 * LOAD_WORDS} * k)
            if at == begin or not one[3]:
                load(one[0], i64(one[5]), i64(one[6]), one[4], at, count,
                     scratch + one[1] * size, one[2])
        for k in range(args[1]):
            step = i64(args[0] + {8 * STEP_WORDS} * k)
            for j in range(step[1]):
                stride = step[4 + 2 * j]
                if stride == {IN_SCRATCH}:
                    row[j] = scratch + step[3 + 2 * j] * size
                else:
                    row[j] = step[3 + 2 * j] + at * stride
            row[step[1]] = step[2]
            status = call_kernel(step[0], row, 0, count)
            if status != 0:
                return at + status
        at += count
    return 0
"""
    ),
)
