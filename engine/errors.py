"""The errors that backlit raises, each also an error of the kind that Python users expect. A
message says which op, which shapes, in which module, and what to do about it.
"""

from .tape import state


class BacklitError(Exception):
    """What all errors of backlit have in common."""


class ShapeError(BacklitError, ValueError):
    """Shapes that do not fit together."""


class DtypeError(BacklitError, TypeError):
    """Types of numbers that do not fit together, or that the op does not take."""


class GraphError(BacklitError, RuntimeError):
    """A graph that cannot be walked: freed, changed, cut off, or not ending in one number."""


class ClassIndexError(BacklitError, IndexError):
    """An index or a class that is not there."""


class ReplayError(BacklitError, RuntimeError):
    """A function that cannot be replayed: it reads values, or does something else each time."""


class NonFiniteLossError(BacklitError, FloatingPointError):
    """A loss that is NaN or infinite, found before anything was updated by it."""

    place: tuple[int, int] | None = None
    """Of a run: the numbers of the epoch and of the batch, from 1."""


class NonFiniteGradientError(BacklitError, RuntimeError):
    """A gradient holds NaN or infinity."""


def where() -> str:
    """' in module layers.0' where a module is running, else nothing."""
    return f" in module {state.scope}" if state.scope else ""


def shapes(*arrays) -> str:
    """Shapes and types as they stand in messages: (2, 3) float32 and (4,) float32."""
    return " and ".join(f"{tuple(a.shape)} {a.dtype}" for a in arrays)
