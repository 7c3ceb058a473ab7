"""Where the edges of a card arrive at its top, so that the label beside each has room.
The first of several has its label on the left, the others on the right.
"""

from __future__ import annotations

from dataclasses import replace

from .marks import Text
from .text import width

BESIDE = 6.0  # from an edge to its label


def arrivals(
    body: float, labels: tuple[tuple[Text, ...], ...], count: int
) -> tuple[float, tuple[float, ...], tuple[tuple[Text, ...], ...], tuple[float, float]]:
    """Where edges arrive: the first of several has its label on the left, the rest on the right.

    Returns the card's width (wider where many arrive), the ports, the labels, and how far these
    stick out.
    """
    if count == 0:
        return body, (), labels, (0.0, 0.0)
    rooms = [
        max((BESIDE + width(line.text, line.size) for line in label), default=0.0)
        for label in labels
    ]
    near = 16.0 if count <= 12 else 6.0
    steps = [max(near, room + 12.0 if room else near) for room in rooms[1:-1]]
    if count > 1:
        steps.insert(0, max(near, 0.4 * body) if rooms[0] else near)
    body = max(body, sum(steps) + 2 * near)
    ports = [(body - sum(steps)) / 2]
    for step in steps:
        ports.append(ports[-1] + step)
    if count > 1:
        labels = (tuple(replace(line, x=-BESIDE, anchor="end") for line in labels[0]), *labels[1:])
    left = max(rooms[0] - ports[0], 0.0) if count > 1 else 0.0
    return body, tuple(ports), labels, (left, max(ports[-1] + rooms[-1] - body, 0.0))
