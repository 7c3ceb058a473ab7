"""See what backpropagation did: `draw(loss)` makes a figure of the graph, in many formats.
Everything is drawn from one view model, plain data that can be read, saved and drawn anew.
"""

from .auditing import audit
from .exercises import Exercise, exercise
from .expanding import expand
from .explaining import Explanation, explain
from .figures import Figure, draw
from .findings import LIMITS, Finding, Limit
from .marking import Marking
from .model import Edge, Graph, Node, Step, Tile, Values
from .sources import Source, to_source
from .terms import GradTerm, grad_terms
from .verdicts import Audit, Check
from .walking import Walk, walk
from .watching import Watch, watch

__all__ = [
    "LIMITS",
    "Audit",
    "Check",
    "Edge",
    "Exercise",
    "Explanation",
    "Figure",
    "Finding",
    "GradTerm",
    "Graph",
    "Limit",
    "Marking",
    "Node",
    "Source",
    "Step",
    "Tile",
    "Values",
    "Walk",
    "Watch",
    "audit",
    "draw",
    "exercise",
    "expand",
    "explain",
    "grad_terms",
    "to_source",
    "walk",
    "watch",
]
