"""The machine: a native loop over a program's instructions. An instruction is four words, the
address of a kernel, that of its row, and its range; a program without host ops is one native call.
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

run = Kernel("program", lambda suffix: RUN)


def address(array: np.ndarray) -> int:
    """Where an array's memory begins."""
    return array.__array_interface__["data"][0]


def runner() -> Callable[..., int]:
    """`enter(begin, end, code, failed)`: run instructions; 0, or 1 + the one that failed."""
    return door(run.address(I64), "aa")
