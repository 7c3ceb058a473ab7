"""Whether one class is so rare that accuracy says little, what always saying the other would get,
and which metric to take instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...study.findings import Finding
from ...study.text import count_text
from ..data.cells import levels_of
from ..data.words import quoted
from ..models.metrics import METRICS
from ..numerals import decimal, percent
from .inputs import bound, metric_of
from .rules import judged, limit

if TYPE_CHECKING:
    from .context import Context

MINORITY = limit(
    "minority_share", 0.2, "the share of the rarest class, of two; of C classes times C / 2",
    "M. Kubat and S. Matwin, 1997, on one-sided classes: there accuracy rewards saying no",
)  # fmt: skip
FEWEST = limit(
    "minority_rows", 50, "training rows of the rarest class, with minority_share",
    "P. Peduzzi et al., 1996: ten cases for each number that a logistic regression learns",
)  # fmt: skip


def imbalance(context: Context) -> list[Finding]:
    """How the rows fall into the classes; nothing for a regression."""
    problem = context.problem
    if problem.task != "classification":
        return []
    classes, codes = levels_of(context.table.column(problem.target))
    if context.parts is not None:
        codes = codes[context.parts.train]
    codes = codes[codes >= 0]
    counts = np.bincount(codes, minlength=len(classes))
    rows = int(counts.sum())
    if rows == 0 or len(classes) < 2:
        return []
    rare, common = int(counts.argmin()), int(counts.argmax())
    share = counts[rare] / rows
    statistic = share * len(classes) / 2
    told = ", ".join(
        f"{quoted(classes[int(k)])} {percent(int(counts[k]), rows)}"
        for k in np.argsort(-counts)[:6]
    )
    more = f" and {len(classes) - 6} more" if len(classes) > 6 else ""
    part = "training rows" if context.parts is not None else "rows"
    if statistic >= bound(context, MINORITY):
        text = f"the classes are about as frequent as each other: {told}{more} of {rows:,} {part}"
        if share < 0.8 / len(classes):
            text = f"the rarest class is frequent enough: {told}{more} of {rows:,} {part}"
        return [judged("imbalance", "note", text, statistic, MINORITY, context.limits, rows, "")]
    metric = metric_of(context)
    guess = METRICS["accuracy"].guess(codes, classes=len(classes))
    text = (
        f"{quoted(classes[rare])} has {percent(counts[rare], rows)} of {rows:,} {part}: who always "
        f"says {quoted(classes[common])} gets accuracy {decimal(guess)} and balanced accuracy "
        f"{decimal(1 / len(classes))}"
    )
    if len(classes) == 2:
        text += f", and PR AUC {decimal(share)} of that class"
    misleading = metric.name == "accuracy"
    advice = (
        "judge by balanced accuracy or PR AUC (--metric balanced_accuracy, --metric pr_auc), and "
        "by "
        "what each kind of mistake costs"
        if misleading
        else f"{metric.title} is a fair judge here; look at what each kind of mistake costs too"
    )
    few = counts[rare] < bound(context, FEWEST)
    if few:
        text += f"; {count_text(int(counts[rare]), 'row')} of it are few to learn from"
    level = "warning" if misleading or few else "note"
    return [judged("imbalance", level, text, statistic, MINORITY, context.limits, rows, advice)]
