"""What the walk leaves: its steps in order, each with what was found, done and why; the exam on the
test part; the verdict. The terminal, the page and the JSON file render these and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..study.findings import Finding
from .checks.context import Context
from .models.candidate import Candidate

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Step:
    """One step of the walk."""

    number: int
    key: str
    """One of "problem", "table", "split", "models", "untrained", "loss", "optimise", "verdict",
    "trust"."""
    title: str
    found: tuple[str, ...]
    """Sentences with their numbers."""
    did: tuple[str, ...]
    why: str
    more: str = ""
    """What `--explain` adds: the idea behind the step, for who meets it for the first time."""
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Exam:
    """The one look at the test part: of the recommended model, and of the baseline beside it."""

    rows: np.ndarray
    truth: np.ndarray
    outputs: np.ndarray
    predicted: np.ndarray
    score: float
    interval: tuple[float, float]
    baseline_score: float
    looks: int = 1
    """How often this test part has been looked at, over all runs into this folder."""


@dataclass(frozen=True)
class Verdict:
    """The last word: a headline, the recommended model, what to do next."""

    code: str
    """"good", "nothing to learn", "memorising", "underfitting", "still learning", "suspicious",
    "diverged"."""
    headline: str
    reasons: tuple[str, ...]
    recommended: Candidate
    next: tuple[str, ...] = ()


@dataclass
class Result:
    """Everything of a finished walk."""

    context: Context
    steps: tuple[Step, ...]
    exam: Exam
    verdict: Verdict
    command: str
    settings: dict[str, Any]
    versions: dict[str, str]
    sha256: str
    """Of the file that was read; of the cells, for a table that came from memory."""
    extras: dict[str, Any] = field(default_factory=dict)
    """What pictures need beside: "calibration", "groups", "importances", "learning_curve",
    "worst_rows", "confusion": see report/."""

    @property
    def report(self) -> Report:
        """The page: `result.report.save("report.html")`; in a notebook it shows itself."""
        return Report(self)

    def predict(self, rows: Any) -> pd.DataFrame:
        """Predictions of the recommended model for new rows: a Table, a DataFrame or a mapping of
        columns. One row each: the class with its probability and those of all, or the value.

        Raises DataError where a column that the model needs is missing; `warnings` says the rest.
        """
        from .data.table import Table
        from .saved import predictions

        context = self.context
        assert context.preparation is not None
        outputs = self.verdict.recommended.outputs
        return predictions(context.preparation, outputs, Table.of(rows), context.problem.target)

    def warnings(self, rows: Any) -> list[str]:
        """What is new about rows: categories, numbers out of range, extra columns."""
        from .data.table import Table

        assert self.context.preparation is not None
        return self.context.preparation.warnings(Table.of(rows))

    @property
    def findings(self) -> list[Finding]:
        """Of all steps, the worst first."""
        order = {"error": 0, "warning": 1, "note": 2}
        every = [finding for step in self.steps for finding in step.findings]
        return sorted(every, key=lambda finding: order[finding.level])


@dataclass(frozen=True)
class Report:
    """The report of a result as one offline HTML page."""

    result: Result

    @property
    def html(self) -> str:
        """The page; the same result gives the same text."""
        from .report.html import render

        return render(self.result)

    def save(self, path: str | Path) -> None:
        """Write the page, whole or not at all. Raises OSError where it cannot be written."""
        from ..nn.atomic import write_atomically

        write_atomically(Path(path), [self.html.encode(errors="replace")])

    def _repr_html_(self) -> str:
        return self.html
