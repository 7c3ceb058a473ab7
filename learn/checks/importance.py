"""Which columns a model goes by: how much worse it gets when one is shuffled, and, for a network,
how much each input added to one answer (integrated gradients).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ...study.findings import Finding
from ..data.words import quoted
from ..models.metrics import Metric
from .inputs import chosen, metric_of, positive_of
from .rules import judged, limit

if TYPE_CHECKING:
    from ..models.candidate import Candidate
    from .context import Context, Part

ALONE = limit(
    "importance_share", 0.9, "what one column is worth, of all that the model gains over guessing",
    "a model of one column is simpler said than fitted; and it may be a leak",
)  # fmt: skip
CORRELATED = 0.8
REPEATS = 10
MOST_ROWS = 5000


@dataclass(frozen=True)
class Importance:
    """What shuffling one column costs: the mean over repeats, and its standard error."""

    column: str
    mean: float
    """In the metric's own numbers, above 0 where the model is worse without the column."""
    se: float


def permutation_importance(
    candidate: Candidate,
    part: Part,
    metric: Metric,
    columns: Sequence[str],
    positive: int | None = None,
    repeats: int = REPEATS,
    seed: int = 0,
) -> list[Importance]:
    """What each column of the table is worth to a model (L. Breiman, 2001), the most first.

    All inputs that were made from one column are shuffled together, by the same rows, so that a row
    keeps a possible city and mark of missing. `columns` names the column of each input, as
    Preparation.columns does. Columns that say the same share their worth: shuffling one leaves the
    other. Of more than 5,000 rows as many are drawn.
    """
    rng = np.random.default_rng(seed)
    if len(part.truth) > MOST_ROWS:
        rows = np.sort(rng.permutation(len(part.truth))[:MOST_ROWS])
        part = replace(part, X=part.X[rows], truth=part.truth[rows], rows=part.rows[rows])
    origin = np.asarray(columns, object)
    base = metric.signed(metric.score(part.truth, candidate.outputs(part.X), positive))
    found = []
    for column in dict.fromkeys(columns):
        inputs = np.flatnonzero([name == column for name in origin])
        X = part.X.copy()
        losses = []
        for _ in range(repeats):
            X[:, inputs] = part.X[rng.permutation(len(X))][:, inputs]
            score = metric.signed(metric.score(part.truth, candidate.outputs(X), positive))
            losses.append(base - score)
        se = float(np.std(losses, ddof=1) / np.sqrt(repeats)) if repeats > 1 else 0.0
        found.append(Importance(column, float(np.mean(losses)), se))
    return sorted(found, key=lambda one: -one.mean)


def importance(context: Context) -> list[Finding]:
    """The columns that the recommended model goes by, and whether it is one alone."""
    candidate, preparation, validation = chosen(context), context.preparation, context.validation
    if candidate is None or preparation is None or validation is None:
        return []
    if candidate.name == "baseline":
        return []
    metric, positive = metric_of(context), positive_of(context)
    found = permutation_importance(
        candidate, validation, metric, preparation.columns, positive, seed=context.seed
    )
    worth = [one for one in found if one.mean > 2 * one.se]
    n = len(validation.truth)
    if not worth:
        text = f"no column is worth anything to the {candidate.name}: shuffling none makes it worse"
        return [judged("importance", "note", text, 0, ALONE, context.limits, n, "")]
    told = ", ".join(
        f"{quoted(one.column)} {_plain(one.mean, metric)} ± {_plain(1.96 * one.se, metric)}"
        for one in worth[:5]
    )
    text = (
        f"the {candidate.name} goes by (how much worse {metric.title} gets when it is shuffled, "
        f"± the 95 % interval): {told}"
    )
    text += _relatives(context, worth[0].column)
    level, advice = "note", ""
    baseline = next((c for c in context.candidates if c.name == "baseline"), None)
    gain = candidate.score - baseline.score if baseline else 0.0
    share = min(1.0, worth[0].mean / gain) if gain > 0 else 0.0
    second = worth[1].mean if len(worth) > 1 else 0.0
    if len(found) > 1 and share > 0.9 and second < 0.1 * worth[0].mean:
        text += f"; {quoted(worth[0].column)} alone decides"
        advice = "is it known at the time of prediction? if so, a rule in one sentence may do"
    return [judged("importance", level, text, share, ALONE, context.limits, n, advice)]


def _plain(value: float, metric: Metric) -> str:
    return metric.difference(value).lstrip("+")


def _relatives(context: Context, column: str) -> str:
    """Columns that say much the same as this one, as words: they share what they are worth."""
    assert context.preparation is not None
    assert context.validation is not None
    origin = list(context.preparation.columns)
    X = np.asarray(context.validation.X, np.float64)
    if origin.count(column) != 1 or len(X) < 3:
        return ""
    deviation = X.std(axis=0)
    one = origin.index(column)
    if not deviation[one]:
        return ""
    known = deviation > 0
    centred = X - X.mean(axis=0)
    r = np.zeros(X.shape[1])
    r[known] = (centred[:, one] @ centred[:, known]) / (len(X) * deviation[one] * deviation[known])
    near = [origin[k] for k in np.argsort(-np.abs(r)) if k != one and abs(r[k]) > CORRELATED]
    if not near:
        return ""
    more = f" and {len(near) - 2} others" if len(near) > 2 else ""
    return (
        f"; {quoted(column)} goes with {' and '.join(map(quoted, near[:2]))}{more}, so they share "
        "what they are worth"
    )


@dataclass(frozen=True)
class Attribution:
    """What each input added to one output of each row, and how nearly it all adds up.

    `values` (rows, inputs); `gap` is the largest distance, over rows, between their sum and the
    output's change from the baseline, as a share of the largest change; `steps` points of the path.
    """

    values: np.ndarray
    gap: float
    steps: int


def integrated_gradients(
    model: Callable[[Any], Any],
    X: np.ndarray,
    outputs: np.ndarray | None = None,
    baseline: np.ndarray | None = None,
    within: float = 0.01,
    most: int = 512,
) -> Attribution:
    """How much each input moved an output from what it is at the baseline.

    The gradient is averaged along the straight way from the baseline to the row, and multiplied by
    the way (M. Sundararajan, A. Taly, Q. Yan, Axiomatic Attribution for Deep Networks, 2017). The
    values of a row must add up to the change of the output (completeness): the number of points is
    doubled until they do to `within` of it, or there are `most`.

    Parameters
    ----------
    model : a network of float32 inputs (rows, inputs); it is asked in evaluation mode, and no
        gradient of its parameters changes.
    X : rows to explain (rows, inputs).
    outputs : the number of the output to explain for each row (rows,); by default the largest.
    baseline : what counts as nothing (inputs,); by default 0, the mean of standardised inputs.

    >>> from backlit import nn
    >>> from backlit.engine import Generator
    >>> net = nn.MLP([3, 8, 2], generator=Generator(0))
    >>> found = integrated_gradients(net, np.ones((4, 3), np.float32))
    >>> found.values.shape, found.gap < 0.01
    ((4, 3), True)
    """
    from ...engine import no_grad, tensor

    X = np.asarray(X, np.float32)
    start = np.zeros(X.shape[1], np.float32)
    if baseline is not None:
        start = np.asarray(baseline, np.float32)
    was_training = bool(getattr(model, "training", False))
    if was_training:
        model.eval()  # type: ignore[attr-defined]
    try:
        with no_grad():
            here = np.asarray(model(tensor(X)).data, np.float64)
            there = np.asarray(model(tensor(np.tile(start, (len(X), 1)))).data, np.float64)
        which = here.argmax(axis=1) if outputs is None else np.asarray(outputs)
        rows = np.arange(len(X))
        change = here[rows, which] - there[rows, which]
        largest = float(np.abs(change).max(initial=0.0)) or 1.0
        steps = min(32, most)
        while True:
            values = (X - start) * _mean_gradient(model, X, start, which, steps)
            gap = float(np.abs(values.sum(axis=1) - change).max(initial=0.0)) / largest
            if gap <= within or steps * 2 > most:
                return Attribution(values, gap, steps)
            steps *= 2
    finally:
        if was_training:
            model.train()  # type: ignore[attr-defined]


def _mean_gradient(
    model: Callable[[Any], Any], X: np.ndarray, start: np.ndarray, which: np.ndarray, steps: int
) -> np.ndarray:
    """The mean gradient (rows, inputs) of the outputs `which` along the way."""
    from ...engine import gradients, tensor

    total = np.zeros(X.shape)
    for step in range(steps):
        at = tensor(start + np.float32((step + 0.5) / steps) * (X - start), requires_grad=True)
        out = model(at)
        picked = np.zeros(out.shape, np.float32)
        picked[np.arange(len(X)), which] = 1
        (found,) = gradients((out * tensor(picked)).sum(), at)
        assert found is not None
        total += found.data
    return total / steps
