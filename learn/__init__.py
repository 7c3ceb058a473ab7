"""The learning loop, from a raw table to an honest prediction, and the `backlit` command.
Names are looked up at first use, so that `backlit --version` imports neither NumPy nor Numba."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .datasets import DATASETS, Dataset, load_dataset
    from .experiment import Outcome, run
    from .loop import Epoch, Fit, train
    from .scaling import Standardiser
    from .settings import Settings
    from .split import Split, split_rows

_HOME = {
    "DATASETS": "datasets",
    "Dataset": "datasets",
    "load_dataset": "datasets",
    "Outcome": "experiment",
    "run": "experiment",
    "Epoch": "loop",
    "Fit": "loop",
    "train": "loop",
    "Standardiser": "scaling",
    "Settings": "settings",
    "Split": "split",
    "split_rows": "split",
}

__all__ = [
    "DATASETS",
    "Dataset",
    "Epoch",
    "Fit",
    "Outcome",
    "Settings",
    "Split",
    "Standardiser",
    "load_dataset",
    "run",
    "split_rows",
    "train",
]


def __getattr__(name: str) -> object:
    """Import the module that `name` lives in."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
