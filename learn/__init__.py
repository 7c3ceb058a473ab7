"""From a raw table to an honest prediction, explained at every step; and the `backlit` command.
Names are looked up at first use, so that `backlit --version` imports neither NumPy nor Numba."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .checks.context import Context
    from .data.builtin import BUILTIN, load
    from .data.splitting import Parts, split
    from .data.table import Table
    from .errors import DataError, LearnError, UsageError
    from .models.estimators import MLPClassifier, MLPRegressor
    from .problem import Problem
    from .result import Result
    from .saved import Saved
    from .unsupervised import explore
    from .walk import Settings, learn

_HOME = {
    "BUILTIN": "data.builtin",
    "Context": "checks.context",
    "DataError": "errors",
    "LearnError": "errors",
    "MLPClassifier": "models.estimators",
    "MLPRegressor": "models.estimators",
    "Parts": "data.splitting",
    "Problem": "problem",
    "Result": "result",
    "Saved": "saved",
    "Settings": "walk",
    "Table": "data.table",
    "UsageError": "errors",
    "explore": "unsupervised",
    "learn": "walk",
    "load": "data.builtin",
    "split": "data.splitting",
}

__all__ = [
    "BUILTIN",
    "Context",
    "DataError",
    "LearnError",
    "MLPClassifier",
    "MLPRegressor",
    "Parts",
    "Problem",
    "Result",
    "Saved",
    "Settings",
    "Table",
    "UsageError",
    "explore",
    "learn",
    "load",
    "split",
]


def __getattr__(name: str) -> object:
    """Import the module that `name` lives in."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
