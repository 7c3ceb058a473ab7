"""The painter of a program: a row for each op with a bar as long as its time, modules in frames,
and on the right the memory: where each result lies, as tall as the time it is needed.
"""

from __future__ import annotations

from dataclasses import dataclass

from .canvas import Canvas
from .marks import Text
from .text import ADVANCE, bytes_text, clip, count_text, number, shorten, width, wrap_columns
from .themes import Theme, mixed, theme_named

MARGIN, LINE, TOP = 16.0, 17.0, 78.0
BAR, MAP, LANE, SIZE = 150.0, 220.0, 9.0, 10.0
NAME_COLUMNS, SHAPE_COLUMNS, PATH_COLUMNS = 22, 46, 26
PHASES = {"forward": "plus", "backward": "minus", "update": "rule"}


@dataclass(frozen=True, slots=True)
class Row:
    """One op, or in a long program all in a row of one module: what it does, and its seconds.

    `together` says that it is computed with the rows above, in one pass over memory, and that its
    time is counted there.
    """

    phase: str
    module_path: str
    name: str
    shapes: str
    seconds: float
    in_python: bool
    together: bool = False


@dataclass(frozen=True, slots=True)
class Life:
    """A value in memory: where it begins and how many bytes it takes, from the row that wrote it
    to the last one that reads it."""

    start: int
    nbytes: int
    shape: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Memory:
    """One piece of memory, and the values that lie in it one after the other or side by side."""

    nbytes: int
    lives: tuple[Life, ...]

    @property
    def shared(self) -> bool:
        """Whether several values lie in it."""
        return len(self.lives) > 1


@dataclass(frozen=True, slots=True)
class Timeline:
    """What a program does, as rows, and the memory in which it does it."""

    title: str
    subtitle: str
    remarks: tuple[str, ...]
    rows: tuple[Row, ...]
    memory: tuple[Memory, ...]


def paint_timeline(timeline: Timeline, theme: str) -> str:
    """The program as an SVG document in a theme."""
    return _Painter(timeline, theme_named(theme)).document()


class _Painter:
    """One program on its canvas, column by column."""

    def __init__(self, timeline: Timeline, theme: Theme) -> None:
        self.timeline = timeline
        self.theme = theme
        self.canvas = Canvas(theme)
        self.whole = sum(row.seconds for row in timeline.rows) or 1.0
        self.longest = max((row.seconds for row in timeline.rows), default=0.0) or 1.0
        self.bottom = TOP + LINE * len(timeline.rows)

    def document(self) -> str:
        shown, canvas = self.timeline, self.canvas
        canvas.text(Text(MARGIN, 30.0, shown.title, 15.0, bold=True))
        canvas.text(Text(MARGIN, 49.0, shown.subtitle, 11.0, "muted"))
        x = self._bands()
        x = self._column(x, "op", [clip(row.name, NAME_COLUMNS) for row in shown.rows], "ink")
        x = self._column(
            x, "shapes", [clip(row.shapes, SHAPE_COLUMNS) for row in shown.rows], "muted"
        )
        x = self._bars(x)
        x = self._memory(x)
        total = max(x + MARGIN, width(shown.title, 15.0) + 2 * MARGIN)
        total = max(total, width(shown.subtitle, 11.0) + 2 * MARGIN)
        y = self.bottom + 8.0
        for remark in shown.remarks:
            for line in wrap_columns(remark, int((total - 2 * MARGIN) / (11.0 * ADVANCE))):
                y += 15.0
                canvas.text(Text(MARGIN, y, line, 11.0, "ink"))
        y = self._legend(y + 22.0, total)
        return canvas.document(total, y + 12.0, f"Program of {shown.title}. {shown.subtitle}.")

    def _bands(self) -> float:
        """Phases as bands at the very left, modules as frames behind the names beside them."""
        rows = self.timeline.rows
        for phase, first, last in _runs([row.phase for row in rows]):
            y, height = TOP + LINE * first, LINE * (last - first + 1)
            self.canvas.rect(MARGIN, y + 1.0, 4.0, height - 2.0, self._tone(PHASES[phase]))
        x = MARGIN + 14.0
        paths = [shorten(row.module_path, PATH_COLUMNS) for row in rows]
        if not any(paths):
            return x
        wide = max(width(path, SIZE) for path in [*paths, "module"])
        fill, stroke = self.theme.frame
        self._head(x, "module")
        for (_, path), first, last in _runs([(row.phase, row.module_path) for row in rows]):
            if path:
                y, height = TOP + LINE * first, LINE * (last - first + 1)
                self.canvas.rect(
                    x - 4.0, y + 1.0, wide + 8.0, height - 2.0, fill, stroke, 4.0, opacity="0.06"
                )
                shown = paths[first]
                full = path if shown != path else ""
                self.canvas.text(Text(x, y + 12.0, shown, SIZE, "muted", True, full=full))
        return x + wide + 16.0

    def _head(self, x: float, text: str) -> None:
        self.canvas.text(Text(x, TOP - 8.0, text, SIZE, "faint"))

    def _column(self, x: float, title: str, texts: list[str], tone: str) -> float:
        self._head(x, title)
        for i, text in enumerate(texts):
            self.canvas.text(Text(x, TOP + LINE * i + 12.0, text, SIZE, tone))
        return x + max(width(text, SIZE) for text in [title, *texts]) + 14.0

    def _bars(self, x: float) -> float:
        """Times, as bars whose colour grows with them, and in figures."""
        self._head(x, "time, and share of all")
        for i, row in enumerate(self.timeline.rows):
            y = TOP + LINE * i
            if row.together:
                top = y - 8.0 if self.timeline.rows[i - 1].together else y - 3.0
                self.canvas.rect(x, top, 1.0, y + 9.0 - top, self.theme.line)
                self.canvas.rect(x, y + 8.0, 9.0, 1.0, self.theme.line)
                self.canvas.text(Text(x + 14.0, y + 12.0, "in the same pass", SIZE, "faint"))
                continue
            part = row.seconds / self.longest
            self.canvas.open(tooltip=f"{row.name}: {row.seconds * 1e6:.3g} µs")
            self.canvas.rect(x, y + 3.0, max(BAR * part, 1.0), LINE - 6.0, self._heat(part))
            self.canvas.close()
            share = 100 * row.seconds / self.whole
            text = f"{number(row.seconds * 1e6, 2)} µs  {share:.0f} %"
            mark = "  in Python" if row.in_python else ""
            tone = "warn" if row.in_python else "ink"
            at = x + BAR * part + 6.0
            self.canvas.text(Text(at, y + 12.0, text + mark, SIZE, tone))
        python = any(row.in_python for row in self.timeline.rows)
        return x + BAR + 6.0 + width("1e+03 µs  100 %" + "  in Python" * python, SIZE) + 14.0

    def _memory(self, x: float) -> float:
        """Shared memory as maps, in which values lie as they lie there; then a lane for each other
        result. A value reaches from the op that wrote it down to the last that reads it."""
        shared = [memory for memory in self.timeline.memory if memory.shared]
        single = [memory for memory in self.timeline.memory if not memory.shared]
        largest = max((memory.nbytes for memory in shared), default=1) or 1
        for memory in shared:
            head = f"{bytes_text(memory.nbytes)}, used again"
            self._head(x, head)
            wide = max(MAP * memory.nbytes / largest, 24.0)
            self.canvas.rect(
                x, TOP, wide, self.bottom - TOP, "none", self.theme.frame[1], thickness=0.7
            )
            for life in memory.lives:
                left, thick = (wide * part / memory.nbytes for part in (life.start, life.nbytes))
                self._life(x + left, max(thick, 2.0), life)
            x += max(wide, width(head, SIZE)) + 20.0
        if single:
            head = f"{count_text(len(single), 'other result')}"
            self._head(x, head)
            most = max(memory.nbytes for memory in single) or 1
            for k, memory in enumerate(single):
                left = x + LANE * k
                self.canvas.rect(left + 3.0, TOP, 1.0, self.bottom - TOP, self.theme.frame[1])
                thick = 3.0 + 4.0 * memory.nbytes / most
                for life in memory.lives:
                    self._life(left + 3.5 - thick / 2, thick, life)
            x += max(LANE * len(single), width(head, SIZE))
        return x

    def _life(self, x: float, wide: float, life: Life) -> None:
        self.canvas.open(tooltip=f"{life.shape}: {life.nbytes:,} bytes")
        top, rows = TOP + LINE * life.first, life.last - life.first + 1
        self.canvas.rect(
            x, top + 2.0, wide, LINE * rows - 4.0, self.theme.bar, self.theme.frame[0], 2.0, 0.6
        )
        self.canvas.close()

    def _legend(self, y: float, total: float) -> float:
        """What the colours mean: the phases that occur, and the two ends of the scale of times."""
        canvas, x = self.canvas, MARGIN
        phases = [phase for phase in PHASES if any(r.phase == phase for r in self.timeline.rows)]
        parts = [(self._tone(PHASES[phase]), phase) for phase in phases]
        parts.append((self._heat(1.0), "takes longest"))
        parts.append((self.theme.bar, "a result from its write to its last read; wider is larger"))
        for colour, words in parts:
            needed = 18.0 + width(words, SIZE) + 20.0
            if x > MARGIN and x + needed > total - MARGIN:
                x, y = MARGIN, y + 19.0
            canvas.rect(x, y - 10.0, 12.0, 12.0, colour)
            canvas.text(Text(x + 18.0, y, words, SIZE, "muted"))
            x += needed
        return y

    def _tone(self, tone: str) -> str:
        return self.theme.tones[tone]

    def _heat(self, part: float) -> str:
        """The colour of a share of the longest time: from that of buffers to that of warnings."""
        return mixed(self.theme.bar, self.theme.tones["warn"], part)


def _runs(keys: list) -> list:
    """(key, first, last) of each stretch of equal keys."""
    runs: list = []
    for i, key in enumerate(keys):
        if runs and runs[-1][0] == key:
            runs[-1] = (key, runs[-1][1], i)
        else:
            runs.append((key, i, i))
    return runs
