"""What the walk leaves: its steps in order, each with what was found, done and why; the exam on the
test part; the verdict. The terminal, the page and the JSON file render these and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..study.findings import Finding
from .checks.context import Context
from .models.candidate import Candidate


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
    def findings(self) -> list[Finding]:
        """Of all steps, the worst first."""
        order = {"error": 0, "warning": 1, "note": 2}
        every = [finding for step in self.steps for finding in step.findings]
        return sorted(every, key=lambda finding: order[finding.level])
