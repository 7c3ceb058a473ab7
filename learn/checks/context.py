"""What checks look at: one record of the table, the parts, the models and how training went. It is
read-only, and the test part is not in it: that is looked at once, when all has been decided.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ...study.findings import Finding

if TYPE_CHECKING:
    from ... import nn
    from ..data.preparation import Preparation
    from ..data.splitting import Parts
    from ..data.table import Table
    from ..models.candidate import Candidate
    from ..models.loop import Fit
    from ..models.tasks import Task
    from ..problem import Problem


@dataclass(frozen=True)
class Part:
    """Some rows of the table, prepared.

    `X` (rows, inputs) float32; `target` what the loss compares with: class numbers (rows,) int64 or
    standardised values (rows, 1) float32; `truth` what scores compare with: class numbers, or
    values in their own unit (rows,) float64; `rows` the numbers of the rows in the table.
    """

    X: np.ndarray
    target: np.ndarray
    truth: np.ndarray
    rows: np.ndarray


@dataclass(frozen=True)
class Context:
    """All that checks may look at; what has not been done yet is None or empty.

    >>> from dataclasses import fields
    >>> "test" in [field.name for field in fields(Context)]
    False
    """

    table: Table
    problem: Problem
    """Settled: with task, metric and positive inferred."""
    seed: int = 0
    parts: Parts | None = None
    preparation: Preparation | None = None
    """Fitted on the training rows."""
    train: Part | None = None
    validation: Part | None = None
    task: Task | None = None
    """Loss, theory and score of this problem."""
    build: Callable[[], nn.Module] | None = None
    """A new, untrained network, the same at each call."""
    batch_size: int = 32
    lr: float = 1e-3
    candidates: tuple[Candidate, ...] = ()
    """Baseline, linear, tree, network: fitted on `train`, scored on `validation`."""
    fit: Fit | None = None
    """How the network's training went."""
    limits: Mapping[str, float] = field(default_factory=dict)
    """The thresholds: `rules.LIMITS`, some of them replaced."""


Check = Callable[[Context], list[Finding]]
"""A check is a pure function of a context; it says nothing where what it needs is not there."""
