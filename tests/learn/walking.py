"""A small table, the walk over it by the command, and what the command complains of: shared by the
tests that attack it.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from backlit.learn.command import main

RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(2, 120))
ROWS = pd.DataFrame(
    {
        "a": A.round(4),
        "b": B.round(4),
        "c": RNG.choice(["x", "y", "z"], 120),
        "id": [f"g{i % 25}" for i in range(120)],
        "y": np.where(A + B / 2 + RNG.normal(size=120) * 0.3 > 0, "yes", "no"),
    }
)
GOOD = ROWS.drop(columns="id").to_csv(index=False)
LINES = GOOD.splitlines()


def walk(what: str, *more: str, out: str | Path = "run", target: str = "y") -> int:
    given = ["--target", target, "--epochs", "3", "--hidden", "8", "--lr", "0.01", "--quiet"]
    return main(["learn", what, *given, "--out", str(out), *more])


def complaint(capsys) -> str:
    said = capsys.readouterr().err
    assert said.startswith("backlit: error: "), said
    assert said.count("\n") == 1
    return said


def command_line(out: str, *more: str) -> list[str]:
    given = ["--target", "y", "--epochs", "3", "--hidden", "8", "--lr", "0.01", "--quiet"]
    return [sys.executable, "-m", "backlit", "learn", "good.csv", *given, "--out", out, *more]
