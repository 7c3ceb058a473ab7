"""A pass: kernels that look at arrays, choose another kernel and call it (the walk over operands,
the product of matrices, the updates) are replaced by the calls that they make. A program's arrays
never change their shapes, so neither do those calls.

They are not worked out a second time: the choosing kernel runs once, with a kernel that writes down
how it was called in the place of the one that computes. Updates need no run: all that they look at
is whether their arrays are alike, and they were when the program was recorded.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from ..kernels.abi import CALL_WORDS, CAPTURED
from ..kernels.build import I64, Kernel
from ..kernels.products import multiply
from ..kernels.update import in_place
from ..kernels.walk import walk
from .instructions import Address, Identity, Instruction, Rows, Table, Word, memory_at
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

KNOWN = 4096
"""Products whose calls are remembered."""


def direct(instruction: Instruction) -> list[Instruction]:
    """The instruction, or what it calls if it only chooses and calls."""
    with _lock:
        return _calls(instruction) or [instruction]


def _calls(one: Instruction) -> list[Instruction]:
    """What an instruction calls; nothing where that cannot be told, or is not fixed."""
    kernel = one.what
    if kernel is walk:
        inner = one.words[0]
        assert isinstance(inner, int)
        plain = {memory_at(x) for x in one.arrays}
        calls = _listen(one, {0: _capture.address(I64), 2: 0})
        whole = len(calls) == 1 and set(calls[0][2][: one.end].tolist()) <= plain
        if not whole:  # blocks in scratch
            return []
        begin, end, row = calls[0]
        return [one.calling(inner, _symbols(row[: one.end + 1], one), begin, end)]
    if kernel is in_place:
        return [_update(one)]
    if kernel is multiply:
        return [_product(one)]
    return []


_products: dict[Any, tuple[int, int, int, list[int]]] = {}
"""Of products of some shapes and strides: the kernel, its range, the words of its row."""


def _product(one: Instruction) -> Instruction:
    """The call that a product makes: where out, a, b and the bias lie, then what depends on their
    shapes and strides alone.
    """
    table, *objects, flip = one.words
    assert isinstance(table, int)
    arrays: list[Any] = [word.value for word in objects if isinstance(word, Identity)]
    key = table, flip, *[None if x is None else (x.shape, x.strides) for x in arrays]
    known = _products.get(key)
    if known is None:
        kernel, other = _captured_table(table)
        calls = _listen(one, {0: memory_at(other)})
        if len(calls) != 1:
            return one
        begin, end, row = calls[0]
        known = kernel, begin, end, row[len(arrays) :].tolist()
        if len(_products) >= KNOWN:
            _products.clear()
        _products[key] = known
    kernel, begin, end, rest = known
    places = [0 if x is None else Address(x) for x in arrays]
    return Instruction(kernel, (*places, *rest), begin, end, one.ops, one.arrays)


def _update(one: Instruction) -> Instruction:
    """The call of an update's kernel: a table of its rows of arrays, then what they share."""
    kernel, _, width, shared, _, given = one.words
    assert isinstance(kernel, int)
    assert isinstance(width, int)
    assert isinstance(shared, int)
    assert isinstance(given, Identity)
    arrays: tuple[np.ndarray, ...] = given.value
    end = len(arrays) - shared
    rows = [arrays[k : k + width] for k in range(0, end, width)]
    words: list[Word] = []
    for row in rows:
        words += [row[0].size, *map(Address, row)]
    return one.calling(
        kernel,
        (Table(tuple(words)), len(rows), *map(Address, arrays[end:])),
        0,
        sum(row[0].size for row in rows),
    )


@cache
def _captured_table(table: int) -> tuple[int, np.ndarray]:
    """The kernel of a table that products read, and a table with the capturing one, no pool."""
    own = memory(table, 4).copy()
    kernel, own[0], own[3] = int(own[0]), _capture.address(I64), 0
    return kernel, own


@cache
def _log() -> np.ndarray:
    """Where the capturing kernel writes."""
    at = play_one(_capture.address(I64), np.zeros(1, np.int64), -1, 0)
    return memory(at, 1 + CAPTURED * (2 + CALL_WORDS))


def memory(address: int, words: int) -> np.ndarray:
    """The words at an address, as an array that shows them."""
    return np.ctypeslib.as_array((ctypes.c_int64 * words).from_address(address))


def _symbols(row: np.ndarray, one: Instruction) -> tuple[Word, ...]:
    """A row that was written down, its addresses within the instruction's arrays as symbols."""
    spans = [(*_bounds(x), x) for x in one.arrays]
    return tuple([_symbol(word, spans) for word in row.tolist()])


def _bounds(array: np.ndarray) -> tuple[int, int]:
    if array.flags.c_contiguous:
        begin = memory_at(array)
        return begin, begin + array.nbytes
    return np.lib.array_utils.byte_bounds(array)


def _symbol(word: int, spans: Sequence[tuple[int, int, np.ndarray]]) -> Word:
    for low, high, array in spans:
        if low <= word < high:
            return Address(array, word - memory_at(array))
    return word


def _listen(one: Instruction, other: dict[int, int]) -> list[tuple[int, int, np.ndarray]]:
    """Run an instruction with other words in its row (no pool among them); how the capturing kernel
    was called: begin, end, row."""
    rows = Rows()
    rows.row(one.words)
    rows.write()
    row = rows.memory
    for word, value in other.items():
        row[word] = value
    log = _log()
    log[0] = 0
    if play_one(one.kernel, row, one.begin, one.end) or log[0] > CAPTURED:
        return []
    calls = log[1:].reshape(CAPTURED, 2 + CALL_WORDS)[: log[0]]
    return [(int(call[0]), int(call[1]), call[2:].copy()) for call in calls]
