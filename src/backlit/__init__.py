"""backlit: an autodiff engine with neural nets for the CPU that you can see through.

>>> import backlit as bl
>>> x = bl.tensor([1.0, 2.0, 3.0], requires_grad=True)
>>> (x**2).sum().backward()
>>> x.grad
tensor([2., 4., 6.])
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from . import engine as engine
    from . import learn as learn
    from . import nn as nn
    from . import optim as optim
    from . import study as study
    from .engine import *  # noqa: F403
    from .nn.state import load as load
    from .nn.state import save as save
    from .study.figures import draw as draw
    from .study.walking import walk as walk

_PARTS = ("engine", "nn", "optim", "study", "learn")
_ELSEWHERE = {"save": "nn", "load": "nn", "draw": "study", "walk": "study"}


def __getattr__(name: str) -> Any:
    """Load parts at their first use: `backlit --version` needs none of them."""
    if name in _PARTS:
        return importlib.import_module(f".{name}", __name__)
    if name.startswith("__"):
        raise AttributeError(name)
    part = importlib.import_module(f".{_ELSEWHERE.get(name, 'engine')}", __name__)
    try:
        value = getattr(part, name)
    except AttributeError:
        raise AttributeError(f"module 'backlit' has no attribute {name!r}") from None
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    engine = importlib.import_module(".engine", __name__)
    return sorted({*globals(), *_PARTS, *_ELSEWHERE, *engine.__all__})
