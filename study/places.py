"""Lines of the user's program as figures and pages show them: the line that made a node, with the
ones around it. The text comes from the file as it is now; names and text are cleaned, for display.
"""

from __future__ import annotations

import linecache
import textwrap
from functools import lru_cache
from pathlib import PurePath

from ..engine import Tensor
from ..engine.tracing import source_of
from .model import Place
from .text import clean, clip

AROUND = 2  # lines before and after
LONGEST = 160


def place_of(tensor: Tensor) -> Place | None:
    """The line whose op made a tensor; None without `trace()`, and for leaves.

    >>> from backlit.engine import tensor, trace
    >>> x = tensor(2.0, requires_grad=True)
    >>> with trace():
    ...     y = x * x
    >>> str(place_of(y)).partition(": ")[2]
    'y = x * x'
    """
    found = source_of(tensor)
    return None if found is None else place_at(found.file, found.line)


@lru_cache(maxsize=4096)
def place_at(file: str, line: int) -> Place:
    """A line of a file with those around it.

    >>> place_at("nowhere.py", 3)
    Place(file='nowhere.py', line=3, first=3, texts=())
    """
    lines = linecache.getlines(file)
    name = clip(clean(PurePath(file).name), 60)
    if not 0 < line <= len(lines):
        return Place(name, line, line, ())
    first = max(line - AROUND, 1)
    kept = [text.expandtabs(4).rstrip() for text in lines[first - 1 : line + AROUND]]
    texts = textwrap.dedent("\n".join(kept)).split("\n")
    return Place(name, line, first, tuple(clip(clean(text), LONGEST) for text in texts))
