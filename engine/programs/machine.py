"""The machine: native loops over a program's instructions. An instruction is four words, a kernel's
address, the address of its row, and its range; a program without host ops is one native call.
"""

from collections.abc import Callable

import numpy as np

from ..kernels.build import I64, Kernel
from ..kernels.door import door

# args: code, failed (the number of the instruction that failed, its status). The range counts
# instructions. Status: 1 + the instruction that failed.
RUN = """
def kernel(args, begin, end):
    code = i64(args[0])
    for k in range(begin, end):
        status = call_kernel(code[4 * k], i64(code[4 * k + 1]), code[4 * k + 2], code[4 * k + 3])
        if status != 0:
            i64(args[1])[0] = k
            i64(args[1])[1] = status
            return 1 + k
    return 0
"""

# args: code, failed, instructions, patches, how many. The range counts runs of the program. A patch
# is three words, the address of a word in some row, its value in run 0 and what each run adds.
# Status: 1 + the run in which an instruction failed.
REPEAT = """
def kernel(args, begin, end):
    code = i64(args[0])
    patches = i64(args[3])
    for run in range(begin, end):
        for p in range(args[4]):
            i64(patches[3 * p])[0] = patches[3 * p + 1] + run * patches[3 * p + 2]
        for k in range(args[2]):
            row = i64(code[4 * k + 1])
            status = call_kernel(code[4 * k], row, code[4 * k + 2], code[4 * k + 3])
            if status != 0:
                i64(args[1])[0] = k
                i64(args[1])[1] = status
                return 1 + run
    return 0
"""

# args: out, x, index (int64, or 0: the rows as they are), words or bytes of a row, rows of x. The
# range counts rows of out. Status: 1 + the row whose index is out of range.
GATHER = """
def kernel(args, begin, end):
    width = args[3]
    for row in range(begin, end):
        at = row
        if args[2]:
            at = i64(args[2])[row]
            if at < 0 or at >= args[4]:
                return 1 + row
        if width % 4 == 0:
            to = u32(args[0] + row * width)
            source = u32(args[1] + at * width)
            for i in range(width // 4):
                to[i] = source[i]
        else:
            to8 = u8(args[0] + row * width)
            source8 = u8(args[1] + at * width)
            for i in range(width):
                to8[i] = source8[i]
    return 0
"""

# args: a float32 or float64 number, its bytes. Status: 1 where it is NaN or infinite.
FINITE = """
def kernel(args, begin, end):
    value = np.float64(f32(args[0])[0]) if args[1] == 4 else f64(args[0])[0]
    return 0 if abs(value) < np.inf else 1
"""

run = Kernel("program", lambda suffix: RUN)
repeat = Kernel("repeat", lambda suffix: REPEAT)
gather = Kernel("gather", lambda suffix: GATHER)
finite = Kernel("finite", lambda suffix: FINITE)


def instruction(kernel: Kernel, row: np.ndarray, begin: int, end: int) -> list[int]:
    """The four words of an instruction; the caller keeps the row."""
    return [kernel.address(I64), address(row), begin, end]


def address(array: np.ndarray) -> int:
    """Where an array's memory begins."""
    return array.__array_interface__["data"][0]


def runner() -> Callable[..., int]:
    """`enter(begin, end, code, failed)`: run instructions; 0, or 1 + the one that failed."""
    return door(run.address(I64), "aa")


def execute_many(
    code: np.ndarray, count: int, patches: np.ndarray, begin: int, end: int, failed: np.ndarray
) -> int:
    """Run all `count` instructions for each of begin .. end, with rows patched for each."""
    enter = door(repeat.address(I64), "aaiai")
    return enter(begin, end, code, failed, count, patches, len(patches) // 3)
