"""The program of a replayed function as a picture: what runs, for how long, in which module, what
in one pass over memory, and where each result lies. Rows run from the first op to the last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ..engine import ReplayError
from ..engine.programs.instructions import memory_at
from ..engine.programs.program import Program
from ..engine.programs.recorder import Op, owner
from ..engine.programs.replay import Replay
from ..engine.programs.report import times
from .pictures import Picture
from .text import bytes_text, clean, clip, count_text, number, shape_text
from .timeline import Life, Memory, Row, Timeline, paint_timeline

MOST_ROWS, MOST_LANES = 120, 48
DEEPEST = 6


class ProgramFigure(Picture):
    """A drawn program, with the times of one measurement: its data are in `.timeline`."""

    def __init__(self, step: Replay, theme: str = "light") -> None:
        super().__init__(theme)
        name = getattr(step.function, "__name__", "step")
        if step.program is None:
            raise ReplayError(
                f"draw: {name} has no program yet; the second call with the same shapes makes one"
            )
        self.timeline = measure(step.program, clean(name))

    def headline(self) -> str:
        return self.timeline.title

    def paint(self, theme: str) -> str:
        return paint_timeline(self.timeline, theme)

    def text(self) -> str:
        """The rows as a table."""
        shown = self.timeline
        lines = [shown.title, shown.subtitle, *shown.remarks, ""]
        for row in shown.rows:
            at = f"  # {row.module_path}" if row.module_path else ""
            mark = " in Python" if row.in_python else ""
            time = f"{row.seconds * 1e6:9,.2f} us"
            lines.append(f"{time}  {row.phase:8}  {row.name} {row.shapes}{mark}{at}".rstrip())
        return "\n".join(lines) + "\n"

    def __repr__(self) -> str:
        return f'ProgramFigure({self.headline()}; .save("program.svg"), also .png, .html, .txt)'


def measure(program: Program, name: str) -> Timeline:
    """Time each op of a program on the program's own memory, which is left as it was."""
    ops, seconds = program.ops, times(program)
    groups = program.groups()
    rows_of = _rows(ops)
    rows = tuple(_row(ops, seconds, groups, members) for members in rows_of)
    memory = _memory(ops, groups, rows_of)
    remarks = []
    if len(rows) < len(ops):
        remarks.append(
            f"More than {MOST_ROWS} ops: each row stands for all ops in a row of one module."
        )
    alone = sorted((one for one in memory if not one.shared), key=lambda one: -one.nbytes)
    if len(alone) > MOST_LANES:
        small = {id(one) for one in alone[MOST_LANES:]}
        memory = [one for one in memory if id(one) not in small]
        remarks.append(f"{count_text(len(small), 'smaller result')} not shown.")
    own = {id(array) for array in program.own}
    outside = [array for array in program.arrays() if id(array) not in own]
    on_host = sum(op.on_host for op in ops)
    results = count_text(len(program.results), "result")
    parts = [
        f"{count_text(len(ops), 'op')} in {count_text(program.length, 'instruction')}",
        f"{on_host} in Python" if on_host else "none needs Python",
        f"{results} of {bytes_text(sum(program.results.values()))} "
        f"in {bytes_text(sum(array.nbytes for array in program.own))}",
        f"{count_text(len(outside), 'array')} from outside of "
        f"{bytes_text(sum(array.nbytes for array in outside))}",
    ]
    title = f"{clip(name, 40)}: {number(sum(seconds) * 1e6, 3)} µs, measured one by one"
    return Timeline(title, " · ".join(parts), tuple(remarks), rows, tuple(memory))


def _rows(ops: Sequence[Op]) -> list[list[int]]:
    """The numbers of the ops of each row: single ones, or in a long program runs of one module."""
    if len(ops) <= MOST_ROWS:
        return [[i] for i in range(len(ops))]
    rows: list[list[int]] = []
    for depth in range(DEEPEST, -1, -1):
        rows = []
        last = None
        for i, op in enumerate(ops):
            key = (_phase(op), op.scope.split(".")[:depth])
            if key == last:
                rows[-1].append(i)
            else:
                rows.append([i])
            last = key
        if len(rows) <= MOST_ROWS:
            break
    return rows


def _row(
    ops: Sequence[Op],
    seconds: Sequence[float],
    groups: Sequence[int | None],
    members: Sequence[int],
) -> Row:
    first = ops[members[0]]
    path = clean(first.scope)
    if len(members) == 1:
        operands = " · ".join(shape_text(array.shape) for array in first.arrays[:4])
        more = " · …" if len(first.arrays) > 4 else ""
        result = "" if first.out is None else f" → {shape_text(first.out.shape)}"
        name, shapes = first.primitive.name, f"{operands}{more}{result}"
    else:
        paths = {ops[i].scope for i in members}
        if len(paths) > 1:
            path = _common(paths)
        counts: dict[str, int] = {}
        for i in members:
            counts[ops[i].primitive.name] = counts.get(ops[i].primitive.name, 0) + 1
        usual = sorted(counts, key=lambda op: (-counts[op], op))
        name = count_text(len(members), "op")
        shapes = ", ".join(f"{counts[op]} {op}" for op in usual)
    return Row(
        _phase(first),
        path,
        name,
        shapes,
        sum(seconds[i] for i in members),
        any(ops[i].on_host for i in members),
        len(members) == 1 and groups[members[0]] not in (None, members[0]),
    )


def _common(paths: set[str]) -> str:
    found = []
    for parts in zip(*(path.split(".") for path in paths), strict=False):
        if len(set(parts)) > 1:
            break
        found.append(parts[0])
    return clean(".".join(found))


def _phase(op: Op) -> str:
    """Forward runs in grad mode, backward outside of it; what changes tensors is an update."""
    if op.out is None or op.changed:
        return "update"
    return "forward" if op.grad_mode else "backward"


def _memory(
    ops: Sequence[Op], groups: Sequence[int | None], rows_of: Sequence[Sequence[int]]
) -> list[Memory]:
    """The memory that results lie in, as it comes into use. A value lives from the op that wrote
    it to the last that reads it; what stays within one pass never reaches memory."""
    row_of = {i: row for row, members in enumerate(rows_of) for i in members}
    owners: dict[int, np.ndarray] = {}
    values: dict[int, list[_Value]] = {}  # by the identity of the memory, oldest first
    for i, op in enumerate(ops):
        for array in op.arrays:
            for value in reversed(values.get(id(owner(array)), ())):
                if value.start <= _start(array) < value.start + value.array.nbytes:
                    value.readers.append(i)
                    break
        if op.out is not None:
            memory = owner(op.out)
            owners[id(memory)] = memory
            values.setdefault(id(memory), []).append(_Value(i, op.out, _start(op.out)))
    found = []
    for key, written in values.items():
        lives = []
        for value in written:
            group, readers = groups[value.writer], value.readers
            if group is not None and readers and {groups[i] for i in readers} == {group}:
                continue
            lives.append(
                Life(
                    value.start,
                    value.array.nbytes,
                    shape_text(value.array.shape),
                    row_of[value.writer],
                    row_of[max([value.writer, *value.readers])],
                )
            )
        if lives:
            found.append(Memory(owners[key].nbytes, tuple(lives)))
    return found


@dataclass(slots=True)
class _Value:
    """A result: the op that wrote it, where it lies, the ops that read it."""

    writer: int
    array: np.ndarray
    start: int
    readers: list[int] = field(default_factory=list)


def _start(array: np.ndarray) -> int:
    """Where an array begins, in bytes from the beginning of the memory that it is a view of."""
    return memory_at(array) - memory_at(owner(array))
