"""What the tests of `learn` share: one short run of each kind, and the command as a process."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from backlit.learn import Dataset, Outcome, Settings, run


@pytest.fixture(scope="session")
def moons() -> Outcome:
    """A short run on two inputs and two classes."""
    return run(Settings("moons", hidden=(8,), epochs=4))


@pytest.fixture(scope="session")
def digits() -> Outcome:
    """A run on pictures, too short to be right everywhere."""
    return run(Settings("digits", hidden=(16,), epochs=2))


@pytest.fixture(scope="session")
def diabetes() -> Outcome:
    """A short run on a regression."""
    return run(Settings("diabetes", hidden=(8,), epochs=3))


@pytest.fixture
def table():
    """Makes a small classification: `table(rows, class_names)`, two inputs, classes in turn."""

    def make(rows: int = 60, class_names: tuple[str, ...] = ("a", "b"), **facts) -> Dataset:
        rng = np.random.default_rng(1)
        y = np.arange(rows) % len(class_names)
        X = rng.normal(size=(rows, 2)).astype(np.float32) + y[:, None].astype(np.float32)
        return Dataset(
            **{
                "name": "table",
                "task": "classification",
                "X": X,
                "y": y,
                "feature_names": ("x1", "x2"),
                "class_names": class_names,
                **facts,
            }
        )

    return make


@pytest.fixture
def backlit(tmp_path: Path):
    """Starts `python -m backlit` in an empty folder; its standard output and error are pipes."""

    def start(*arguments: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "backlit", *arguments],
            cwd=tmp_path,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start
