"""See what backpropagation did: `draw(loss)` makes a figure of the graph, in many formats.
Everything is drawn from one view model, plain data that can be read, saved and drawn anew.
"""

from .figures import Figure, draw
from .findings import LIMITS, Finding, Limit
from .model import Edge, Graph, Node, Step, Tile, Values
from .watching import Watch, watch

__all__ = [
    "LIMITS", "Edge", "Figure", "Finding", "Graph", "Limit", "Node", "Step", "Tile", "Values",
    "Watch", "draw", "watch",
]  # fmt: skip
