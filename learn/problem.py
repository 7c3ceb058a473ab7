"""What is to be learned: the column to predict, how a prediction is judged, which rows belong
together. Whatever is not said is inferred from the table, and the walk prints it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from .errors import UsageError

Task = Literal["classification", "regression"]


@dataclass(frozen=True)
class Problem:
    """A question to a table. Raises UsageError where its parts contradict each other.

    Parameters
    ----------
    target : the column to predict.
    task : "classification" or "regression"; inferred where None.
    metric : a name of `backlit.learn.models.metrics.METRICS`; by default accuracy,
        balanced_accuracy where a class is rare (of two one under 20 %), or r2.
    positive : of two classes the one that is looked for (fraud, illness); by default the rarer one.
    groups : a column; rows with one value of it stay in one part (one customer, one patient).
    time : a column; the parts follow each other in its order, the test part is the latest.
    sensitive : columns whose groups get errors of their own (age, sex).
    ignored : columns that are not to be used.
    cost : what a mistake costs, by (truth, prediction); shown beside the metric.

    >>> Problem("churned", groups="customer_id").groups
    'customer_id'
    """

    target: str
    task: Task | None = None
    metric: str | None = None
    positive: str | None = None
    groups: str | None = None
    time: str | None = None
    sensitive: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    cost: Mapping[tuple[str, str], float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse a question that cannot be asked."""
        if not isinstance(self.target, str) or not self.target:
            raise UsageError("a problem needs a target: the name of the column to predict")
        if self.task not in (None, "classification", "regression"):
            raise UsageError(f"a task is classification or regression, not {self.task!r}")
        for role, column in (("groups", self.groups), ("time", self.time)):
            if column == self.target:
                raise UsageError(f"{column!r} is the target, it cannot be the column of {role} too")
        if self.target in self.ignored:
            raise UsageError(f"the target {self.target!r} cannot be ignored")
        if self.groups is not None and self.time is not None and self.groups == self.time:
            raise UsageError(f"{self.groups!r} cannot be the groups and the time at once")
