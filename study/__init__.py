"""See what backpropagation did: `draw(loss)` makes a figure of the graph, in many formats.
Everything is drawn from one view model, plain data that can be read, saved and drawn anew.
"""

from .figures import Figure, draw
from .model import Edge, Graph, Node, Step, Tile, Values
from .walking import Walk, walk

__all__ = ["Edge", "Figure", "Graph", "Node", "Step", "Tile", "Values", "Walk", "draw", "walk"]
