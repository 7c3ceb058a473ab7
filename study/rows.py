"""One level of the layered layout: boxes in rows, lines between the rows.
A box is a card, or a whole module that is laid out already; lines may enter and leave the level.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from itertools import pairwise

from .crossing import Link, Links, arrange
from .placement import Point
from .settling import settle

ENTRY, EXIT = -1, -2  # where a line comes from, or goes to, outside of the level

SIDE, HEADER, FOOT = 10.0, 22.0, 10.0
LEAST_GAP, MOST_GAP, GAP_PER_SLANT = 16.0, 70.0, 0.22
STEM, LINE, SIDELINE = 8.0, 2.0, 1e-4  # how much it matters that a line is straight

Key = Hashable  # of a box: a node's id, or the Group that stands for a module
Pass = tuple[float, float, float]  # where a line goes straight down: x, from y, to y


@dataclass(slots=True)
class Box:
    """A rectangle to place, with `zone` pixels kept free above it for what labels its inlets.

    `order` is its place in creation order (-1 where nothing comes before it); `inlets` and
    `outlets` are offsets along its top and bottom; x and y are the answer.
    """

    order: int
    width: float = 0.0
    height: float = 0.0
    zone: float = 0.0
    inlets: dict[int, float] = field(default_factory=dict)
    outlets: dict[int, float] = field(default_factory=dict)
    x: float = 0.0
    y: float = 0.0


@dataclass(slots=True)
class Net:
    """All lines that carry one node's value within a level.

    `sinks` counts, for each (box or EXIT, inlet), the edges that go there. `stem` is the shared
    way down: the cell that it passes in each row, from the source's row on.
    """

    source: Key
    sinks: dict[tuple[Key, int], int] = field(default_factory=dict)
    stem: dict[int, int] = field(default_factory=dict)


class Level:
    """Boxes and nets of one group. `solve()` finds `width`, `height`, the place of every box, the
    `inlets` and `outlets` of the level, the `pieces` of single edges and the `trunks` that
    several share."""

    def __init__(self, boxes: dict[Key, Box], label: float) -> None:
        self.boxes = boxes
        self.label = label
        self.nets: dict[int, Net] = {}
        self.width = self.height = 0.0
        self.inlets: dict[int, float] = {}
        self.outlets: dict[int, float] = {}
        self.pieces: dict[tuple[int, Key, int], list[Point]] = {}
        self.trunks: list[tuple[int, list[Point]]] = []

    def join(self, src: int, source: Key, sink: Key, inlet: int) -> None:
        """Carry the value of node `src` from `source` to an inlet of `sink`, for one edge."""
        net = self.nets.setdefault(src, Net(source))
        net.sinks[sink, inlet] = net.sinks.get((sink, inlet), 0) + 1

    def solve(self) -> None:
        """Choose rows, the order in them, x, y; then draw the lines."""
        self.row, self.last = rank(self.boxes, self.nets)
        self._thread()
        label = self.rows[0][0] if self.label else None
        self.rows = arrange(self.rows, self.links, self.widths, label)
        self.x = settle(self.rows, self.links, self.widths)
        self._place()
        for src, net in self.nets.items():
            self._draw(src, net)

    def _thread(self) -> None:
        """Cells (the boxes, then stand-ins where a line passes a row) and the links between them.

        Lines too long to be given stand-ins without the level growing out of all proportion pass
        behind the boxes instead.
        """
        keys = list(self.boxes)
        self.cell = {key: i for i, key in enumerate(keys)}
        self.widths = [self.boxes[key].width for key in keys]
        self.rows: list[list[int]] = [[] for _ in range(self.last + 1)]
        self.links: Links = [[] for _ in range(self.last)]
        if self.label:
            self._stand_in(0, self.label)
        for i, key in enumerate(keys):
            self.rows[self.row[key]].append(i)
        self.exit_cells: dict[int, int] = {}
        room, longest = 4 * len(keys) + 1000, len(self.rows)
        for span in sorted(self._span(net) for net in self.nets.values()):
            room -= span
            if room < 0:
                longest = span - 1
                break
        for src, net in self.nets.items():
            self._thread_net(src, net, longest)

    def _thread_net(self, src: int, net: Net, longest: int) -> None:
        start, span = self._start(net), self._span(net)
        outlet, pull = 0.0, LINE
        if net.source == ENTRY:
            net.stem[start] = self._stand_in(start)
        else:
            box = self.boxes[net.source]
            net.stem[start] = self.cell[net.source]
            outlet = box.outlets[src] - box.width / 2
            pull = LINE if box.order >= 0 else SIDELINE

        def link(row: int, cell: int, inlet: float, weight: float) -> None:
            """From the stem above down to a cell in `row`."""
            ends = (outlet, pull) if row - 1 == start else (0.0, weight)
            self.links[row - 1].append(Link(net.stem[row - 1], ends[0], cell, inlet, ends[1]))

        for row in range(start + 1, start + 1 + (span if span <= longest else 0)):
            net.stem[row] = self._stand_in(row)
            link(row, net.stem[row], 0.0, STEM)
        for sink, inlet in net.sinks:
            row, offset = self._end(sink), 0.0
            if sink == EXIT:
                cell = self.exit_cells[src] = self._stand_in(row)
            else:
                cell = self.cell[sink]
                offset = self.boxes[sink].inlets[inlet] - self.boxes[sink].width / 2
            if row - 1 in net.stem:
                link(row, cell, offset, LINE if len(net.sinks) == 1 else SIDELINE)

    def _start(self, net: Net) -> int:
        return 0 if net.source == ENTRY else self.row[net.source]

    def _end(self, sink: Key) -> int:
        return self.last if sink == EXIT else self.row[sink]

    def _span(self, net: Net) -> int:
        """How many rows a net passes on its way to its furthest sink."""
        return max(self._end(sink) for sink, _ in net.sinks) - self._start(net) - 1

    def _stand_in(self, row: int, width: float = 0.0) -> int:
        self.widths.append(width)
        self.rows[row].append(len(self.widths) - 1)
        return len(self.widths) - 1

    def _place(self) -> None:
        """x from the centres, y from the heights of rows and the slant of lines between them."""
        x, widths = self.x, self.widths
        side = SIDE if self.label else 0.0
        used = [cell for row in self.rows for cell in row]
        left = min((x[cell] - widths[cell] / 2 for cell in used), default=0.0) - side
        for cell in used:
            x[cell] -= left
        self.width = side + max((x[cell] + widths[cell] / 2 for cell in used), default=0.0)
        tops, heads, bottoms = [0.0], [0.0], [HEADER if self.label else 0.0]
        in_row: list[list[Box]] = [[] for _ in self.rows]
        for key, box in self.boxes.items():
            in_row[self.row[key]].append(box)
        for r in range(1, self.last + 1):
            slant = max(
                (abs(x[a] + a_off - x[b] - b_off) for a, a_off, b, b_off, _ in self.links[r - 1]),
                default=0.0,
            )
            gap = min(LEAST_GAP + GAP_PER_SLANT * slant, MOST_GAP)
            if (r == 1 or r == self.last) and slant < 1.0:
                gap = 0.0 if r == 1 else FOOT if self.label else 0.0
            tops.append(bottoms[-1] + gap)
            heads.append(tops[-1] + max((box.zone for box in in_row[r]), default=0.0))
            bottoms.append(heads[-1] + max((box.height for box in in_row[r]), default=0.0))
        for key, box in self.boxes.items():
            r = self.row[key]
            box.x = x[self.cell[key]] - box.width / 2
            box.y = heads[r] if box.inlets else bottoms[r] - box.height
        self.tops, self.bottoms, self.height = tops, bottoms, bottoms[-1]
        self.inlets = {src: x[net.stem[0]] for src, net in self.nets.items() if net.source == ENTRY}
        self.outlets = {src: x[cell] for src, cell in self.exit_cells.items()}

    def _draw(self, src: int, net: Net) -> None:
        """The lines of a net: what several edges share as trunks, the rest edge by edge."""
        start = self._start(net)
        fork, beyond = start, 0  # the last row in which the stem still serves several edges
        ends = ((self._end(sink), count) for (sink, _), count in net.sinks.items())
        for row, count in sorted(ends, reverse=True):
            beyond += count
            if beyond > 1:
                fork = min(row - 1, max(net.stem))
                break
        passes = {row: self._pass(cell, row) for row, cell in net.stem.items()}
        if net.source != ENTRY:
            box = self.boxes[net.source]
            passes[start] = (box.x + box.outlets[src], box.y + box.height, self.bottoms[start])
        if fork > start:
            shared = [passes[row] for row in range(start, fork + 1)]
            self.trunks.append((src, trace(shared)))
        for (sink, inlet), count in net.sinks.items():
            end = self._end(sink)
            branch = min(end - 1, fork)
            x, _, bottom = passes[branch]
            head = passes[start] if branch == start else (x, bottom, bottom)
            way = [head, *(passes[row] for row in range(branch + 1, end) if row in passes)]
            if sink == EXIT:
                way.append(self._pass(self.exit_cells[src], end))
            else:
                box = self.boxes[sink]
                way.append((box.x + box.inlets[inlet], self.tops[end], box.y))
            if count == 1:
                self.pieces[src, sink, inlet] = trace(way)
            else:
                self.trunks.append((src, trace(way)))

    def _pass(self, cell: int, row: int) -> Pass:
        return self.x[cell], self.tops[row], self.bottoms[row]


def rank(boxes: dict[Key, Box], nets: dict[int, Net]) -> tuple[dict[Key, int], int]:
    """The row of each box, by the longest path from the top; and the row below the last.

    Row 0 is where lines enter. A box with room below it is pulled down to what it feeds, with all
    that feeds nothing else, unless that would draw out more than one line to shorten its own.

    >>> boxes = {"x": Box(-1), "w": Box(-1), "relu": Box(2), "*": Box(3)}
    >>> nets = {0: Net("x", {("relu", 0): 1}), 1: Net("w", {("*", 1): 1}),
    ...         2: Net("relu", {("*", 2): 1})}
    >>> rank(boxes, nets)
    ({'x': 1, 'w': 2, 'relu': 2, '*': 3}, 4)
    """
    keys = sorted(boxes, key=lambda key: boxes[key].order)
    into: dict[Key, list[Net]] = {key: [] for key in keys}
    after: dict[Key, list[Key]] = {key: [] for key in keys}
    for net in nets.values():
        for sink in dict.fromkeys(sink for sink, _ in net.sinks if sink != EXIT):
            into[sink].append(net)
            if net.source != ENTRY:
                after[net.source].append(sink)
    row = dict.fromkeys(boxes, 1)
    for key in keys:
        for sink in after[key]:
            row[sink] = max(row[sink], row[key] + 1)
    last = max(row.values(), default=0) + 1
    loose: set[Key] = set()  # what waits for nothing from elsewhere
    for key in keys:
        if all(net.source in loose and len(after[net.source]) == 1 for net in into[key]):
            loose.add(key)
    reach = {
        id(net): max(last if sink == EXIT else row[sink] for sink, _ in net.sinks)
        for net in nets.values()
    }
    for key in reversed(keys):
        target = min((row[sink] for sink in after[key]), default=0) - 1
        if target > row[key]:
            fixed = [net for net in into[key] if net.source not in loose]
            if sum(reach[id(net)] < target for net in fixed) <= 1:
                row[key] = target
                for net in into[key]:
                    reach[id(net)] = max(reach[id(net)], target)
    return row, last


def trace(way: list[Pass]) -> list[Point]:
    """Vertical passes joined by curves, as one cubic spline.

    >>> trace([(0.0, 0.0, 10.0), (8.0, 30.0, 30.0)])
    [(0.0, 0.0), (0.0, 5.0), (0.0, 5.0), (0.0, 10.0), (0.0, 20.0), (8.0, 20.0), (8.0, 30.0)]
    """
    stations: list[Point] = []
    for x, top, bottom in way:
        for point in ((x, top), (x, bottom)):
            if len(stations) > 1 and abs(stations[-2][0] - x) + abs(stations[-1][0] - x) < 0.1:
                stations[-1] = point
            elif not stations or stations[-1] != point:
                stations.append(point)
    spline = stations[:1]
    for (x0, y0), (x1, y1) in pairwise(stations):
        middle = (y0 + y1) / 2
        spline += [(x0, middle), (x1, middle), (x1, y1)]
    return spline
