"""What notebooks show of tensors, modules and replayed functions: their picture and their text.
Nothing here ever raises: a cell that prints a tensor must not fail because of its picture.
"""

from __future__ import annotations

from typing import Any

from ..engine import Tensor
from ..engine.backward import reachable
from ..engine.programs.replay import Replay
from ..engine.tape import recorder
from .figures import draw
from .model import FULL

MOST_NUMBERS = 4_000_000  # in a graph that is drawn unasked: walking back takes time


def bundle(what: Any) -> dict[str, str]:
    """The text of a thing, and its picture where it has one that is quickly made.

    A tensor has one if it is a loss: one number with a graph of at most 400 tensors behind it. Of a
    larger one, or of one that is no loss, the text is all; `draw` makes a picture when asked.

    >>> import backlit as bl
    >>> x = bl.tensor(2.0, requires_grad=True)
    >>> sorted(bundle(x)), sorted(bundle(x * x))
    (['text/plain'], ['image/svg+xml', 'text/plain'])
    """
    try:
        found = {"text/plain": repr(what)}
    except Exception as error:
        return {"text/plain": f"<{type(what).__name__}: {type(error).__name__}: {error}>"}
    try:
        if has_picture(what):
            found["image/svg+xml"] = draw(what).svg()
    except Exception as error:
        found["text/plain"] += f"\n{error}"
    return found


def has_picture(what: Any) -> bool:
    """Whether a notebook draws this unasked."""
    if isinstance(what, Replay):
        return what.program is not None
    if not isinstance(what, Tensor):
        return True
    if what.primitive is None or what.size != 1 or recorder() is not None:
        return False
    found = dict.fromkeys(x for out in reachable([what]) for x in (out, *out.inputs))
    return len(found) <= FULL and sum(x.size for x in found) <= MOST_NUMBERS
