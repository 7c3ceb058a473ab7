"""The order within the rows of a layered drawing, chosen so that few lines cross.
Barycentre sweeps, down and up, that remember the best order they have seen.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from typing import NamedTuple

SWEEPS, PATIENCE = 8, 3  # at most, and how many in vain


class Link(NamedTuple):
    """A line from a cell to one in the next row, between offsets from their centres.

    `weight` says how much it matters that the line is straight.
    """

    upper: int
    upper_off: float
    lower: int
    lower_off: float
    weight: float


Links = list[list[Link]]  # links[r] lead from row r to row r + 1


def by_cell(links: Links, cells: int) -> tuple[Links, Links]:
    """For each cell the links that arrive from above, and those that leave below."""
    above: Links = [[] for _ in range(cells)]
    below: Links = [[] for _ in range(cells)]
    for row in links:
        for link in row:
            above[link.lower].append(link)
            below[link.upper].append(link)
    return above, below


def arrange(
    rows: list[list[int]], links: Links, widths: list[float], first: int | None = None
) -> list[list[int]]:
    """The rows in an order with few crossings; the cell `first` stays at the start of its row.

    >>> cross = [[Link(0, 0, 3, 0, 1), Link(1, 0, 2, 0, 1)]]
    >>> arrange([[0, 1], [2, 3]], cross, [10.0] * 4)
    [[0, 1], [3, 2]]
    """
    spot = [0.0] * len(widths)
    for row in rows:
        for i, cell in enumerate(row):
            spot[cell] = float(i)
    inverse = [1.0 / (width + 1.0) for width in widths]
    best, fewest = rows, crossings(links, spot, inverse)
    if not fewest:
        return rows
    above, below = by_cell(links, len(widths))
    busy = [r for r, row in enumerate(rows) if len(row) > 1]
    idle = 0
    for sweep in range(SWEEPS):
        if not fewest or idle == PATIENCE:
            break
        rows = [list(row) for row in rows]
        down = sweep % 2 == 0
        for r in busy if down else reversed(busy):
            row = rows[r]
            keys = {}
            for cell in row:
                if down:
                    ends = [spot[a] + off * inverse[a] for a, off, _, _, _ in above[cell]]
                else:
                    ends = [spot[b] + off * inverse[b] for _, _, b, off, _ in below[cell]]
                keys[cell] = sum(ends) / len(ends) if ends else spot[cell]
            if first in keys:
                keys[first] = float("-inf")
            row.sort(key=keys.__getitem__)
            for i, cell in enumerate(row):
                spot[cell] = float(i)
        count = crossings(links, spot, inverse)
        idle += 1
        if count < fewest:
            best, fewest, idle = rows, count, 0
    return best


def crossings(links: Links, spot: list[float], inverse: list[float]) -> int:
    """How many pairs of links cross, with each cell at `spot` in its row."""
    count = 0
    for row in links:
        if len(row) < 2:
            continue
        seen: list[float] = []
        ends = sorted(
            (spot[a] + a_off * inverse[a], spot[b] + b_off * inverse[b])
            for a, a_off, b, b_off, _ in row
        )
        for _, end in ends:
            count += len(seen) - bisect_right(seen, end)
            insort(seen, end)
    return count
