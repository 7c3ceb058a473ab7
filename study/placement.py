"""What a layout returns: places of cards, ways of edges, frames of modules.
Plain positions, so that a painter needs to know nothing of how they were found.
"""

from __future__ import annotations

from dataclasses import dataclass

Point = tuple[float, float]
Spline = tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Frame:
    """The frame around one call of a module; `depth` counts it and the frames around it."""

    path: str
    x: float
    y: float
    width: float
    height: float
    depth: int


@dataclass(frozen=True, slots=True)
class Placement:
    """Positions in pixels, from the top left.

    `places[i]` is the top left of the card of node i. `routes[i]` is the way of edge i as a cubic
    spline (a start, then two control points and an end per piece), from where it is its own;
    `trunks` are the ways that several edges of one node share, as (node, spline). Frames come
    outermost first.
    """

    width: float
    height: float
    places: tuple[Point, ...]
    routes: tuple[Spline, ...]
    trunks: tuple[tuple[int, Spline], ...]
    frames: tuple[Frame, ...]
