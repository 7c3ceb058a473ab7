"""How far the training rows can be learned by heart: a tree that may grow without end meets every
one of them, and what it scores on rows it has not seen is the lesson.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...study.findings import Finding
from ..models.baselines import fit_unpruned
from .inputs import metric_of
from .rules import judged, limit

if TYPE_CHECKING:
    from .context import Context

GAP = limit(
    "memorising_gap", 0.1, "training score less validation score of a tree that grows without end",
    "measured: 0.31 on the Pima table, where it has 1.0 in training; as of a network's verdict",
)  # fmt: skip


def memorising(context: Context) -> list[Finding]:
    """The unpruned tree's scores, beside those of the tree that is a candidate."""
    train, validation, task = context.train, context.validation, context.task
    if train is None or validation is None or task is None:
        return []
    metric = metric_of(context)
    tree = fit_unpruned(context.problem, task, train, validation, metric, context.seed)
    gap = tree.train_score - tree.score
    scores = (
        f"{metric.title} {metric.text(metric.signed(tree.train_score))} in training, "
        f"{metric.text(metric.signed(tree.score))} in validation"
    )
    pruned = next((c for c in context.candidates if c.name == "decision tree"), None)
    beside = ""
    if pruned is not None:
        train_score, score = (metric.signed(s) for s in (pruned.train_score, pruned.score))
        beside = (
            f"; the tree of {pruned.described} has {metric.text(train_score)} and "
            f"{metric.text(score)}"
        )
    # errors are in the target's unit: there the gap is held against the validation error
    statistic = gap / abs(tree.score) if metric.better == "lower" and tree.score else gap
    if statistic >= context.limits.get(GAP, 0.1):
        text = f"a tree that grows without end ({tree.described}) memorises: {scores}{beside}"
        advice = (
            "a perfect score in training says nothing: judge by rows that were not learned from"
        )
    else:
        text = (
            f"even a tree that grows without end ({tree.described}) generalises: {scores}{beside}"
        )
        advice = ""
    n = len(validation.truth)
    return [judged("memorising tree", "note", text, statistic, GAP, context.limits, n, advice)]
