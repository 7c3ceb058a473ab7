"""A pass: kernels that look at arrays, choose another kernel and call it (the walk over operands,
the product of matrices, the updates) are replaced by the calls that they make. A program's arrays
never change, so neither do those calls.

They are not worked out a second time: the choosing kernel runs once, with a kernel that writes down
how it was called in the place of the one that computes.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..kernels.abi import CALL_WORDS, CAPTURED
from ..kernels.blas import multiply
from ..kernels.build import I64, Kernel
from ..kernels.update import in_place
from ..kernels.walk import walk
from .instructions import Instruction, memory_at

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

_captures = [Kernel(f"capture_{k}", lambda suffix: _SOURCE) for k in range(2)]
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
        calls = _listen(one, {0: _captures[0].address(I64)})
        whole = len(calls) == 1 and set(calls[0][1][: len(one.arrays)].tolist()) <= plain
        if not whole:  # blocks in scratch
            return []
        return [one.calling(inner, row, begin, end) for (begin, end), row, _ in calls]
    if one.kernel == in_place.address(I64):
        inner = int(one.row[0])
        calls = _listen(one, {0: _captures[0].address(I64)})
        if len(calls) != one.end - one.begin:
            return []
        return [one.calling(inner, row, begin, end) for (begin, end), row, _ in calls]
    if one.kernel == multiply.address(I64):
        table = memory(int(one.row[0]), 7).copy()
        kernels = table[:2].tolist()
        table[:2] = [capture.address(I64) for capture in _captures]
        calls = _listen(one, {0: memory_at(table)})
        if len(calls) != 1:
            return []
        (begin, end), row, which = calls[0]
        row[4] += int(one.row[0]) - memory_at(table)
        return [one.calling(kernels[which], row, begin, end)]
    return []


def memory(address: int, words: int) -> np.ndarray:
    """The words at an address, as an array that shows them."""
    import ctypes

    return np.ctypeslib.as_array((ctypes.c_int64 * words).from_address(address))


def _listen(one: Instruction, changed: dict[int, int]) -> list[Any]:
    """Run an instruction with some words of its row changed; the calls of capturing kernels:
    (range, row, which)."""
    from .machine import play_one

    row = one.row.copy()
    for word, value in changed.items():
        row[word] = value
    logs = []
    for capture in _captures:
        where = play_one(capture.address(I64), row, -1, 0)
        log = memory(where, 1 + CAPTURED * (2 + CALL_WORDS))
        log[0] = 0
        logs.append(log)
    if play_one(one.kernel, row, one.begin, one.end):
        return []
    return [found for which, log in enumerate(logs) for found in _read(log, which)]


def _read(log: np.ndarray, which: int) -> Iterator[Any]:
    if log[0] > CAPTURED:
        return
    for call in log[1:].reshape(CAPTURED, 2 + CALL_WORDS)[: log[0]]:
        yield (int(call[0]), int(call[1])), call[2:].copy(), which
