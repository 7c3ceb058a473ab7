"""Random draws, counter-based: element i of draw k under a key is a function of (key, k, i), so
neither blocks nor threads nor replay can change it. The function is Philox 4x32-10.

Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
"""

import numpy as np

from .build import I64, range_kernel
from .door import door
from .update import advance

PHILOX = """
from numba import njit

@njit(error_model="numpy", inline="always")
def rounds(key, draw, block):
    # The four 32-bit words of one block.
    mask = np.uint64(0xFFFFFFFF)
    c0 = block & mask
    c1 = block >> np.uint64(32)
    c2 = draw & mask
    c3 = draw >> np.uint64(32)
    k0 = key & mask
    k1 = key >> np.uint64(32)
    for _ in range(10):
        left = np.uint64(0xD2511F53) * c0
        right = np.uint64(0xCD9E8D57) * c2
        c0 = (right >> np.uint64(32)) ^ c1 ^ k0
        c1 = right & mask
        c2 = (left >> np.uint64(32)) ^ c3 ^ k1
        c3 = left & mask
        k0 = (k0 + np.uint64(0x9E3779B9)) & mask
        k1 = (k1 + np.uint64(0xBB67AE85)) & mask
    return c0, c1, c2, c3

@njit(error_model="numpy", inline="always")
def fraction53(first, second):
    # Two words as a float64 in [0, 1) with 53 bits.
    high = np.float64(first >> np.uint32(5))
    low = np.float64(second >> np.uint32(6))
    return (high * 67108864.0 + low) * (1.0 / 9007199254740992.0)

@njit(error_model="numpy", inline="always")
def philox(words, key, draw, block):
    # They, into `words`.
    words[0], words[1], words[2], words[3] = rounds(key, draw, block)
"""

# args: out, state (uint64 [key, draw]), count. The range counts blocks: of four float32 in [0, 1)
# with 24 bits, or of two float64 with 53. 64 blocks at a time, word by word, so that all loops run
# over blocks.
uniform_kernel = range_kernel(
    "uniform",
    PHILOX
    + """
def kernel(args, begin, end):
    out = FLOAT(args[0])
    state = i64(args[1])
    words = u32(scratch_2k())
    key = np.uint64(state[0])
    draw = np.uint64(state[1])
    for first in range(begin, end, 64):
        count = min(64, end - first)
        for i in range(count):
            a, b, c, d = rounds(key, draw, np.uint64(first + i))
            words[i] = a
            words[64 + i] = b
            words[128 + i] = c
            words[192 + i] = d
        if ITEM == 4:
            last = args[2] - 4 * first
            if last >= 4 * count:
                for i in range(count):
                    for j in range(4):
                        fraction = np.float64(words[64 * j + i] >> np.uint32(8))
                        out[4 * (first + i) + j] = fraction * (1.0 / 16777216.0)
            else:
                for k in range(last):
                    fraction = np.float64(words[64 * (k & 3) + (k >> 2)] >> np.uint32(8))
                    out[4 * first + k] = fraction * (1.0 / 16777216.0)
        else:
            for k in range(min(2 * count, args[2] - 2 * first)):
                at = 128 * (k & 1) + (k >> 1)
                out[2 * first + k] = fraction53(words[at], words[64 + at])
    return 0
""",
)

# The same arguments; normal numbers by Box and Muller (1958), in float64 from 32-bit words.
normal_kernel = range_kernel(
    "normal",
    PHILOX
    + """
def kernel(args, begin, end):
    out = FLOAT(args[0])
    state = i64(args[1])
    words = u32(scratch_512())
    key = np.uint64(state[0])
    draw = np.uint64(state[1])
    for block in range(begin, end):
        philox(words, key, draw, np.uint64(block))
        for i in range(min(4, args[2] - 4 * block)):
            pair = i & 2
            radius = math.sqrt(-2.0 * math.log((words[pair] + 0.5) * (1.0 / 4294967296.0)))
            angle = (2.0 * math.pi / 4294967296.0) * words[pair + 1]
            out[4 * block + i] = radius * (math.sin(angle) if i & 1 else math.cos(angle))
    return 0
""",
)


# args: out (int64), state, count. The range is one shuffle: position i, from the last to the
# second, changes places with one of 0 ... i, drawn with 53 bits (Fisher, Yates 1938; Durstenfeld
# 1964). Block b draws for positions 2 b and 2 b + 1; 64 blocks at a time.
shuffle_kernel = range_kernel(
    "shuffle",
    PHILOX
    + """
def kernel(args, begin, end):
    out = i64(args[0])
    state = i64(args[1])
    drawn = i64(scratch_2k())
    key = np.uint64(state[0])
    draw = np.uint64(state[1])
    for i in range(args[2]):
        out[i] = i
    last = args[2] - 1
    for first in range(last // 128 * 64, -1, -64):
        for k in range(64):
            a, b, c, d = rounds(key, draw, np.uint64(first + k))
            i = np.float64(2 * (first + k) + 1)
            drawn[2 * k] = np.int64(fraction53(np.uint32(a), np.uint32(b)) * i)
            drawn[2 * k + 1] = np.int64(fraction53(np.uint32(c), np.uint32(d)) * (i + 1.0))
        for i in range(min(last, 2 * first + 127), max(2 * first - 1, 0), -1):
            j = drawn[i - 2 * first]
            other = out[j]
            out[j] = out[i]
            out[i] = other
    return 0
""",
)


def shuffle(state: np.ndarray, out: np.ndarray) -> None:
    """Fill `out` with 0 ... out.size - 1 in the order of draw number state[1] under state[0]."""
    door(shuffle_kernel.address(I64), "aai")(0, 1, out, state, out.size)
    door(advance.address(I64), "a")(1, 2, state)


def draw(kernel, state: np.ndarray, out: np.ndarray) -> None:
    """Fill `out` by draw number state[1] under key state[0]; the next draw has the next number."""
    per_block = 2 if kernel is uniform_kernel and out.itemsize == 8 else 4
    blocks = -(-out.size // per_block)
    door(kernel.address(out.dtype), "aai")(0, blocks, out, state, out.size)
    door(advance.address(I64), "a")(1, 2, state)
