"""A pass: kernels that look at arrays, choose another kernel and call it (the walk over operands,
the product of matrices, the updates) are replaced by the calls that they make. A program's arrays
never change, so neither do those calls.

They are not worked out a second time: the choosing kernel runs once, with a kernel that writes down
how it was called in the place of the one that computes.
"""

from __future__ import annotations

import ctypes
import threading

import numpy as np

from ..kernels.abi import CALL_WORDS, CAPTURED
from ..kernels.build import I64, Kernel
from ..kernels.products import multiply
from ..kernels.update import in_place
from ..kernels.walk import walk
from .instructions import Instruction, memory_at
from .machine import play_one

_SOURCE = f"""
def kernel(args, begin, end):
    memory = captured()
    if begin < 0:
        return memory
    log = i64(memory)
    calls = log[0]
    if calls < {CAPTURED}:
        at = 1 + calls * {2 + CALL_WORDS}
        log[at] = begin
        log[at + 1] = end
        for k in range({CALL_WORDS}):
            log[at + 2 + k] = args[k]
    log[0] = calls + 1
    return 0
"""

_capture = Kernel("capture", lambda suffix: _SOURCE, splits=False)
_lock = threading.Lock()


def direct(instructions: list[Instruction]) -> list[Instruction]:
    """The instructions, those that only choose and call replaced by what they call."""
    found: list[Instruction] = []
    with _lock:
        for one in instructions:
            found += _calls(one) or [one]
    return found


def _calls(one: Instruction) -> list[Instruction]:
    """What an instruction calls; nothing where that cannot be told, or is not fixed."""
    if one.kernel == walk.address(I64):
        inner = int(one.row[0])
        plain = {memory_at(x) for x in one.arrays}
        calls = _listen(one, {0: _capture.address(I64), 2: 0})
        whole = len(calls) == 1 and set(calls[0][2][: len(one.arrays)].tolist()) <= plain
        if not whole:  # blocks in scratch
            return []
        return [one.calling(inner, row, begin, end) for begin, end, row in calls]
    if one.kernel == in_place.address(I64):
        inner = int(one.row[0])
        calls = _listen(one, {0: _capture.address(I64), 4: 0})
        if len(calls) != one.end - one.begin:
            return []
        return [one.calling(inner, row, begin, end) for begin, end, row in calls]
    if one.kernel == multiply.address(I64):
        table = memory(int(one.row[0]), 4).copy()
        kernel, table[0], table[3] = int(table[0]), _capture.address(I64), 0
        calls = _listen(one, {0: memory_at(table)})
        return [one.calling(kernel, row, begin, end) for begin, end, row in calls]
    return []


def memory(address: int, words: int) -> np.ndarray:
    """The words at an address, as an array that shows them."""
    return np.ctypeslib.as_array((ctypes.c_int64 * words).from_address(address))


def _listen(one: Instruction, other: dict[int, int]) -> list[tuple[int, int, np.ndarray]]:
    """Run an instruction with other words in its row (no pool among them); how the capturing kernel
    was called: begin, end, row."""
    row = one.row.copy()
    for word, value in other.items():
        row[word] = value
    log = memory(play_one(_capture.address(I64), row, -1, 0), 1 + CAPTURED * (2 + CALL_WORDS))
    log[0] = 0
    if play_one(one.kernel, row, one.begin, one.end) or log[0] > CAPTURED:
        return []
    calls = log[1:].reshape(CAPTURED, 2 + CALL_WORDS)[: log[0]]
    return [(int(call[0]), int(call[1]), call[2:].copy()) for call in calls]
