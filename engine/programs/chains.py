"""A pass: elementwise ops that follow each other run together, block by block, so that what only
they read stays in scratch and never goes to memory. Each element is computed by the same kernels
from the same numbers, so no bit changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..kernels import chain as kernels
from ..kernels.build import I64, kernel_at, modes
from ..kernels.fused import ARITHMETIC, FUNCTIONS, fused
from ..kernels.update import accumulate, in_place
from ..kernels.walk import walk
from ..ops.elementwise import add, clone
from .instructions import (
    Address,
    Identity,
    Instruction,
    Table,
    Word,
    memories_of,
    memory_at,
)
from .recorder import Op, owner

BLOCK, SMALLEST = 1024, 64
"""Elements of a block: at most, and at least."""

IN_L1 = 24576
"""Bytes of scratch that a chain's blocks take together, if it can be."""

LONGEST = 64
"""Steps of a chain."""

MOST = kernels.SCRATCH // (8 * SMALLEST)
"""Slots of scratch that fit at all."""


@dataclass(slots=True, eq=False)
class View:
    """How an operand's elements lie, beside those of the result."""

    array: np.ndarray
    memory: int
    """Whose memory it shows, by identity."""
    item: int
    at: int
    dims: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def flat(self) -> bool:
        """One after the other."""
        return self.strides == (self.item,)

    @property
    def still(self) -> bool:
        """One number for all."""
        return not any(self.strides)

    def matches(self, other: View) -> bool:
        """Whether each element of the one is the same element of the other."""
        return self.flat and other.flat and self.at == other.at and self.item == other.item


@dataclass(slots=True, eq=False)
class Step:
    """One elementwise op: the kernel, its result, its operands."""

    kernel: int
    out: View
    operands: tuple[View, ...]
    total: int
    source: Instruction
    adds: bool = False
    """Whether it is an addition to `out`, which is its first operand too."""


class Chain:
    """Steps over the same number of elements, none of which needs more than its own element of
    what an earlier one makes."""

    def __init__(self, *steps: Step):
        self.total = steps[0].total
        self.steps: list[Step] = []
        self._written: dict[int, list[View]] = {}
        self._read: dict[int, list[View]] = {}
        for step in steps:
            self.add(step)

    def add(self, step: Step) -> None:
        self.steps.append(step)
        self._written.setdefault(step.out.memory, []).append(step.out)
        for x in step.operands:
            self._read.setdefault(x.memory, []).append(x)

    def takes(self, step: Step) -> bool:
        """Whether a step can be the next one."""
        if step.total != self.total or len(self.steps) == LONGEST:
            return False
        for x in (step.out, *step.operands):
            if not all(x.matches(y) for y in self._written.get(x.memory, ())):
                return False
        return all(step.out.matches(y) for y in self._read.get(step.out.memory, ()))


def chains(items: Sequence[Instruction | Op], inner: set[int]) -> list[Instruction | Op]:
    """The instructions, those that follow each other element by element as one. `inner` has the
    memory, by identity, that nobody but these instructions needs.
    """
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    for k, item in enumerate(items):
        for memory in memories_of(item):
            first.setdefault(memory, k)
            last[memory] = k
    found: list[Instruction | Op] = []
    steps = [_step(item) for item in items]
    at = 0
    while at < len(items):
        begin = steps[at]
        if begin is None:
            found.append(items[at])
            at += 1
            continue
        end = at + 1
        if end == len(items) or steps[end] is None:
            alone = _alone(begin)
            found += [alone] if alone else _together(Chain(begin), set())
            at = end
            continue
        one = Chain(begin)
        while end < len(items) and (step := steps[end]) and one.takes(step):
            one.add(step)
            end += 1
        made = {step.out.memory for step in one.steps}
        found += _together(one, {m for m in made & inner if first[m] >= at and last[m] < end})
        at = end
    return found


# -- steps


def _step(item: Instruction | Op) -> Step | None:
    """An instruction as a step, if it is one of a chain."""
    if not isinstance(item, Instruction):
        return None
    kernel = item.what
    if kernel is walk:
        inner, _, _, *objects = item.words
        assert isinstance(inner, int)
        arrays = [word.value for word in objects if isinstance(word, Identity)]
        return _of(inner, kernel_at[inner].items(inner), arrays, item)
    if kernel is in_place:
        changes, _, _, _, _, given = item.words
        assert isinstance(given, Identity)
        if kernel_at[changes] is not accumulate or len(given.value) != 2:  # type: ignore[index]
            return None
        dtype = given.value[0].dtype
        plus = add.record.forward.__self__.kernel.address(dtype)  # type: ignore[attr-defined]
        target, addend = given.value
        return _of(plus, (dtype.itemsize,) * 3, [target, target, addend], item, adds=True)
    if kernel is None or not kernel.letters:
        return None
    return _of(item.kernel, kernel.items(item.kernel), item.arrays, item)


def _of(
    kernel: int, items: tuple[int, ...], arrays: list[np.ndarray], source: Instruction,
    adds: bool = False,
) -> Step | None:  # fmt: skip
    shape = arrays[0].shape
    views = [_view(array, shape, item) for array, item in zip(arrays, items, strict=True)]
    if not arrays[0].size or not views[0].flat:
        return None
    return Step(kernel, views[0], tuple(views[1:]), arrays[0].size, source, adds)


def _view(array: np.ndarray, shape: tuple[int, ...], item: int) -> View:
    """An operand beside a result of some shape: broadcast, its dimensions merged where a step over
    the outer is as many over the inner as that is long."""
    memory = id(owner(array))
    if array.shape == shape and array.flags.c_contiguous:
        return View(array, memory, item, memory_at(array), (array.size,), (item,))
    dims: list[int] = []
    strides: list[int] = []
    lead = len(shape) - array.ndim
    for k, size in enumerate(shape):
        if size == 1:
            continue
        stride = array.strides[k - lead] if k >= lead and array.shape[k - lead] != 1 else 0
        if dims and strides[-1] == stride * size:
            dims[-1] *= size
            strides[-1] = stride
        else:
            dims.append(size)
            strides.append(stride)
    if not dims:
        dims, strides = [1], [item]
    return View(array, memory, item, memory_at(array), tuple(dims), tuple(strides))


# -- one chain as an instruction


def _alone(step: Step) -> Instruction | None:
    """A step as an instruction of its own, if its kernel can read all of its operands."""
    if step.adds:
        return step.source
    mode = _mode(step)
    if not all(x.flat for k, x in enumerate(step.operands) if not mode >> k & 1):
        return None
    arrays = [step.out.array, *[x.array for x in step.operands]]
    words = *map(Address, arrays), mode
    return Instruction(step.kernel, words, 0, step.total, step.source.ops, arrays)


def _together(one: Chain, inside: set[int]) -> list[Instruction]:
    """A chain as an instruction; in two where it needs too much scratch, or alone as it was."""
    steps = one.steps
    if len(steps) == 1 and (alone := _alone(steps[0])):
        return [alone]
    table = _Tables(steps, inside)
    if table.count > MOST:
        left, right = steps[: len(steps) // 2], steps[len(steps) // 2 :]
        needed = {x.memory for step in right for x in step.operands}
        made = {step.out.memory for step in left}
        return [*_together(Chain(*left), inside - needed),
                *_together(Chain(*right), inside - made)]  # fmt: skip
    size = max(x.item for step in steps for x in (step.out, *step.operands))
    block = min(BLOCK, max(SMALLEST, IN_L1 // (max(table.count, 1) * size) // 64 * 64))
    words = (
        Table(tuple(table.steps)),
        len(table.steps) // kernels.STEP_WORDS,
        Table(tuple(table.loads)),
        len(table.loads) // kernels.LOAD_WORDS,
        block,
        block * size,
    )
    ops = tuple(dict.fromkeys(op for step in steps for op in step.source.ops))
    return [Instruction(kernels.chain.address(I64), words, 0, one.total, ops)]


def _still(step: Step) -> int:
    """Which operands are one number for all elements, as bits."""
    return sum(1 << k for k, x in enumerate(step.operands) if x.still and not x.flat)


def _mode(step: Step) -> int:
    """The kernel's mode: the same, as far as it has one for it."""
    mode = _still(step)
    return mode if mode in modes(kernel_at[step.kernel].letters[1:] + "->") else 0


@dataclass(slots=True, eq=False)
class Unit:
    """Steps that one kernel computes: `step`, whose operands are theirs."""

    step: Step
    mode: int
    still: int
    """Which operands are read as one number, as bits."""


def _units(steps: Sequence[Step], inside: set[int]) -> list[Unit]:
    """What is computed one after the other: arithmetic whose result only one later step reads is
    done by that step's kernel (kernels/fused.py), if it is arithmetic or a function.
    """
    readers: dict[int, list[int]] = {}
    written: dict[int, list[int]] = {}
    for k, step in enumerate(steps):
        written.setdefault(step.out.memory, []).append(k)
        for x in step.operands:
            readers.setdefault(x.memory, []).append(k)
    within: dict[int, list[int]] = {}
    """For a step the earlier ones that it computes too."""
    for k, step in enumerate(steps):
        memory = step.out.memory
        if _name(step) not in ARITHMETIC or step.adds or k in within or memory not in inside:
            continue
        if len(readers.get(memory, ())) != 1 or len(written[memory]) != 1:
            continue
        reader = readers[memory][0]
        last = _name(steps[reader])
        changed = any(k < n < reader for x in step.operands for n in written.get(x.memory, ()))
        follows = last in ARITHMETIC or last in FUNCTIONS
        if follows and not steps[reader].adds and not changed:
            within.setdefault(reader, []).append(k)
    gone = {k for several in within.values() for k in several}
    found = []
    for k, step in enumerate(steps):
        if k in within:
            found.append(_fused(step, [steps[n] for n in within[k]]))
        elif k not in gone:
            found.append(Unit(step, _mode(step), _mode(step)))
    return found


def _name(step: Step) -> str:
    return kernel_at[step.kernel].name


def _fused(last: Step, firsts: list[Step]) -> Unit:
    """A step with the one or two whose results it reads."""
    by_memory = {step.out.memory: step for step in firsts}
    operands: list[View] = []
    names = []
    for x in last.operands:
        first = by_memory.get(x.memory)
        names.append(_name(first) if first else "")
        operands += first.operands if first else (x,)
    whole = replace(last, operands=tuple(operands))
    still = _still(whole)
    kernel = fused(_name(last), names[0], names[1] if len(names) > 1 else "", still)
    return Unit(replace(whole, kernel=kernel.address(last.out.array.dtype)), 0, still)


class _Tables:
    """The words that the kernel of chains reads, and how much scratch they need."""

    def __init__(self, steps: Sequence[Step], inside: set[int]):
        self.steps: list[Word] = []
        self.loads: list[Word] = []
        self.count = 0
        self._free: list[int] = []
        self._slots: dict[int, int] = {}
        self._loaded: dict[tuple[int, tuple[int, ...], tuple[int, ...]], int] = {}
        units = _units(steps, inside)
        last = {x.memory: k for k, unit in enumerate(units)
                for x in (unit.step.out, *unit.step.operands)}  # fmt: skip
        for k, unit in enumerate(units):
            step, mode = unit.step, unit.mode
            reads = [
                (Address(x.array), 0) if unit.still >> j & 1 else self._read(x)
                for j, x in enumerate(step.operands)
            ]
            memory = step.out.memory
            if memory not in inside:
                if step.adds:  # a kernel writes elsewhere than it reads
                    slot = self._slot()
                    self._add(step.kernel, 0, [(slot, kernels.IN_SCRATCH), *reads])
                    self._add(_copier(step), 0, [self._lies(step.out), (slot, kernels.IN_SCRATCH)])
                    self._free.append(slot)
                else:
                    self._add(step.kernel, mode, [self._lies(step.out), *reads])
            else:
                before = self._slots.get(memory)
                self._slots[memory] = slot = self._slot()
                self._add(step.kernel, mode, [(slot, kernels.IN_SCRATCH), *reads])
                if before is not None:
                    self._free.append(before)
            for memory in {x.memory for x in (step.out, *step.operands)}:
                if memory in self._slots and last[memory] == k:
                    self._free.append(self._slots.pop(memory))

    def _slot(self) -> int:
        if self._free:
            return self._free.pop()
        self.count += 1
        return self.count - 1

    def _lies(self, x: View) -> tuple[Word, int]:
        return Address(x.array), x.item

    def _read(self, x: View) -> tuple[Word, int]:
        slot = self._slots.get(x.memory)
        if slot is not None:
            return slot, kernels.IN_SCRATCH
        if x.flat:
            return self._lies(x)
        key = x.at, x.dims, x.strides
        if key not in self._loaded:
            # a slot that no step of an earlier block may have written meanwhile
            self._loaded[key] = self.count
            self.count += 1
            self.loads += [
                Address(x.array), self._loaded[key], x.item, int(x.still), len(x.dims),
                Table(x.dims), Table(x.strides),
            ]  # fmt: skip
        return self._loaded[key], kernels.IN_SCRATCH

    def _add(self, kernel: int, mode: int, operands: list[tuple[Word, int]]) -> None:
        words: list[Word] = [kernel, len(operands), mode]
        for where, stride in operands:
            words += [where, stride]
        self.steps += words + [0] * (kernels.STEP_WORDS - len(words))


def _copier(step: Step) -> int:
    """The kernel that copies items of a step's type."""
    run = clone.record.forward.__self__  # type: ignore[attr-defined]
    return run.kernel.address(step.out.array.dtype)
