"""Where in its row each cell of a layered drawing stands: lines as straight as room allows.
Each row is a least-squares problem with distances to keep, solved exactly, row after row.
"""

from __future__ import annotations

from .crossing import Links, by_cell

BETWEEN, BETWEEN_LINES = 18.0, 12.0
ROUNDS, STILL = 4, 0.5  # sweeps at most, and the movement in pixels that is not worth another
ANCHOR = 1e-6  # weight of staying where one is


def settle(rows: list[list[int]], links: Links, widths: list[float]) -> list[float]:
    """The centre of every cell; neighbours in a row never overlap.

    >>> from backlit.study.crossing import Link
    >>> [round(x) for x in settle([[0], [1]], [[Link(0, 5.0, 1, 0.0, 1.0)]], [20.0, 20.0])]
    [0, 5]
    """
    above, below = by_cell(links, len(widths))
    distances = [_distances(row, widths) for row in rows]
    x = [0.0] * len(widths)
    for row, gaps in zip(rows, distances, strict=True):
        along = 0.0
        for cell, gap in zip(row, gaps, strict=True):
            along += gap
            x[cell] = along
    for turn in range(ROUNDS):
        both = turn >= ROUNDS // 2
        moved = 0.0
        for ups in (True, False):
            order = range(len(rows)) if ups else range(len(rows) - 1, -1, -1)
            for r in order:
                row, wanted, weights = rows[r], [], []
                for cell in row:
                    total, mass = ANCHOR * x[cell], ANCHOR
                    if ups or both:
                        for upper, upper_off, _, own, weight in above[cell]:
                            total += weight * (x[upper] + upper_off - own)
                            mass += weight
                    if both or not ups:
                        for _, own, lower, lower_off, weight in below[cell]:
                            total += weight * (x[lower] + lower_off - own)
                            mass += weight
                    wanted.append(total / mass)
                    weights.append(mass)
                places = spread(wanted, weights, distances[r])
                for cell, place in zip(row, places, strict=True):
                    moved = max(moved, abs(place - x[cell]))
                    x[cell] = place
        if both and moved < STILL:
            break
    return x


def _distances(row: list[int], widths: list[float]) -> list[float]:
    """The least distance of each cell's centre from the one before it in the row."""
    distances = [0.0] * len(row)
    for i in range(1, len(row)):
        a, b = widths[row[i - 1]], widths[row[i]]
        distances[i] = (a + b) / 2 + (BETWEEN if a and b else BETWEEN_LINES)
    return distances


def spread(wanted: list[float], weights: list[float], distances: list[float]) -> list[float]:
    """The places nearest to `wanted` (weighted least squares) that keep the `distances`.

    `distances[i]` is the least distance to the place before. Solved exactly by pooling neighbours
    that would come too close (isotonic regression).

    >>> spread([0.0, 0.0, 100.0], [1.0, 1.0, 1.0], [0.0, 10.0, 10.0])
    [-5.0, 5.0, 100.0]
    """
    if len(wanted) == 1:
        return wanted
    pools: list[tuple[float, float, int]] = []
    offsets, offset = [], 0.0
    for want, weight, distance in zip(wanted, weights, distances, strict=True):
        offset += distance
        offsets.append(offset)
        value, mass, count = want - offset, weight, 1
        while pools and pools[-1][0] > value:
            other, more, members = pools.pop()
            value = (value * mass + other * more) / (mass + more)
            mass, count = mass + more, count + members
        pools.append((value, mass, count))
    places = [value for value, _, count in pools for _ in range(count)]
    return [place + offset for place, offset in zip(places, offsets, strict=True)]
