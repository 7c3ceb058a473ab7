"""The painter of a program: a row for each op with a bar as long as its time, modules in frames,
and on the right a lane for each buffer, as tall as the time it is in use.
"""

from __future__ import annotations

from dataclasses import dataclass

from .canvas import Canvas
from .marks import Text
from .text import ADVANCE, clip, count_text, number, shorten, width, wrap_columns
from .themes import Theme, mixed, theme_named

MARGIN, LINE, TOP = 16.0, 17.0, 78.0
BAR, LANE, SIZE = 150.0, 9.0, 10.0
NAME_COLUMNS, SHAPE_COLUMNS, PATH_COLUMNS = 22, 46, 26
PHASES = {"forward": "plus", "backward": "minus", "update": "rule"}


@dataclass(frozen=True, slots=True)
class Row:
    """One op, or in a long program all in a row of one module: what it does, and its seconds."""

    phase: str
    module_path: str
    name: str
    shapes: str
    seconds: float
    in_python: bool


@dataclass(frozen=True, slots=True)
class Lane:
    """One piece of memory: its bytes, and (first row, last row) of each value that it holds."""

    nbytes: int
    shape: str
    lives: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Timeline:
    """What a program does, as rows, and the memory in which it does it, as lanes."""

    title: str
    subtitle: str
    remarks: tuple[str, ...]
    rows: tuple[Row, ...]
    lanes: tuple[Lane, ...]


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
        x = self._lanes(x)
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

    def _lanes(self, x: float) -> float:
        """Buffers: a bar from the op that wrote a value to the last that read it."""
        lanes = self.timeline.lanes
        if not lanes:
            return x
        self._head(x, f"{count_text(len(lanes), 'buffer')}, in use")
        largest = max(lane.nbytes for lane in lanes) or 1
        for k, lane in enumerate(lanes):
            left = x + LANE * k
            self.canvas.rect(left + 3.0, TOP, 1.0, self.bottom - TOP, self.theme.frame[1])
            self.canvas.open(tooltip=f"{lane.shape}: {lane.nbytes:,} bytes")
            thick = 3.0 + 4.0 * lane.nbytes / largest
            for first, last in lane.lives:
                self.canvas.rect(
                    left + 3.5 - thick / 2,
                    TOP + LINE * first + 3.0,
                    thick,
                    LINE * (last - first + 1) - 6.0,
                    self.theme.bar,
                    self.theme.frame[0],
                    2.0,
                    0.6,
                )
            self.canvas.close()
        return x + max(LANE * len(lanes), width("48 buffers, in use", SIZE))

    def _legend(self, y: float, total: float) -> float:
        """What the colours mean: the phases that occur, and the two ends of the scale of times."""
        canvas, x = self.canvas, MARGIN
        phases = [phase for phase in PHASES if any(r.phase == phase for r in self.timeline.rows)]
        parts = [(self._tone(PHASES[phase]), phase) for phase in phases]
        parts.append((self._heat(1.0), "takes longest"))
        parts.append((self.theme.bar, "a buffer from its write to its last read; wider is larger"))
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
