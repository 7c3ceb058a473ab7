"""Whether the learning rate was right: how far the first step and later ones moved the weights, and
whether the loss rose above the untrained one, or hardly moved.
"""

from __future__ import annotations

import math
from statistics import median
from typing import TYPE_CHECKING

from ...study.findings import LIMITS as WATCHED
from ...study.findings import Finding, Level
from ...study.judging import power_of_ten
from ...study.looks import Snapshot, measure, parameters_of
from ..numerals import amount, typed
from .rules import judged, limit
from .trying import descend, value_of
from .units import still_losing

if TYPE_CHECKING:
    from ..models.loop import Fit
    from .context import Context

LOW = limit(
    "rate_low", 2e-4, "std(update) / std(weight), the median over epochs, from below",
    "Stanford CS231n: about 0.001; measured: five tables, Adam at 0.00001 at most 0.0001, at "
    "0.0001, which learns slowly, 0.00025 and more",
)  # fmt: skip
HIGH = limit(
    "rate_high", WATCHED["update_high"].value, WATCHED["update_high"].bounds,
    WATCHED["update_high"].source,
)  # fmt: skip
LEAP = limit(
    "rate_leap", WATCHED["update_leap"].value, "std(update) / std(weight) of the first step",
    "measured: Adam's first step is its rate over the weights' deviation; ten tables, 0.14 at most "
    "where training went well; digits at 0.1, where most units die, 1.4",
)  # fmt: skip
RISEN = limit(
    "rate_risen", 1.5, "the training loss after an epoch, of the untrained one",
    "measured: ten tables, 1 at most where training went well; digits at 10: 54",
)  # fmt: skip
MOVED = limit(
    "rate_moved", 0.10, "the share of its loss that training took away, from below",
    "measured: five tables, Adam at 0.000001: at most 0.03",
)  # fmt: skip
FAR = 10_000
"""From so many times on a better learning rate is named, and not how far away it is."""
SETTLED = 200
"""Steps after which updates should have become small."""


def rates(context: Context) -> list[Finding]:
    """Judge the learning rate by a first step of Adam and by how training went.

    >>> from backlit.learn.checks.rules import LIMITS
    >>> LIMITS[LOW].value < 1e-3 < LIMITS[HIGH].value
    True
    """
    if context.build is None or context.task is None or context.train is None:
        return []
    leap, fit = first_step(context), context.fit
    if high := _too_high(context, leap, fit):
        return [high]
    if fit is None:
        return [_fine(context, leap, None)] if leap is not None else []
    updates = updates_of(fit)
    typical = median(updates) if updates else None
    if typical is not None and (low := _too_low(context, typical, fit)):
        return [low]
    return [_fine(context, leap, typical)]


def first_step(context: Context) -> float | None:
    """How far the first step of Adam moves a matrix of weights, of its spread: the farthest.

    None where no matrix moves, or its numbers are all the same.
    """
    assert context.build is not None
    assert context.task is not None
    assert context.train is not None
    model, size = context.build(), context.batch_size
    parameters = parameters_of(model)
    before = Snapshot(parameters)
    sizes = measure(parameters)
    descend(
        model, context.task, context.train.X[:size], context.train.target[:size], lr=context.lr,
        epochs=1, batch_size=size, seed=context.seed,
    )  # fmt: skip
    before.compare(sizes)
    seen = [s.update for s in sizes.values() if s.update is not None and math.isfinite(s.update)]
    return max(seen, default=None)


def updates_of(fit: Fit) -> list[float]:
    """std(update) / std(weight) of each epoch's last step, the median over layers."""
    each = []
    for look in fit.looks[1:]:
        seen = [layer.update for layer in look.layers if layer.update is not None]
        if seen := [update for update in seen if math.isfinite(update)]:
            each.append(median(seen))
    return each


def _too_high(context: Context, leap: float | None, fit: Fit | None) -> Finding | None:
    limits = context.limits
    told: list[str] = []
    level: Level = "warning"
    statistic, name, n = 0.0, LEAP, 1
    far = leap is not None and leap > value_of(LEAP, limits)
    if far and leap is not None:
        told.append(f"the first step moves weights by {amount(leap, 2)} times their spread")
        statistic = leap
    if fit is not None:
        n = len(fit.history) - 1
        first = fit.history[0].train_loss
        worst = max(fit.history, key=lambda epoch: epoch.train_loss)
        rise = worst.train_loss / first if first else 0.0
        if rise > value_of(RISEN, limits):
            told.append(
                f"after epoch {worst.epoch} the training loss was {amount(worst.train_loss)}, "
                f"untrained {amount(first)}"
            )
            statistic, name, level = rise, RISEN, "error"
        if fit.status == "diverged" and fit.where != (0, 0):
            told.append("the loss became infinite or NaN")
            level = "error"
        if far and fit.best == 0 and n:
            told.append(f"none of {n} epochs was better on the validation part than no training")
            level = "error"
        updates = updates_of(fit)
        late = median(updates[len(updates) // 2 :]) if updates else 0.0
        if late > value_of(HIGH, limits) and n * _batches(context) >= SETTLED:
            told.append(f"late steps still move weights by {amount(late, 2)} of their spread")
            if not far and name == LEAP:
                statistic, name = late, HIGH
    if not told:
        return None
    return judged(
        "learning-rate-high", level,
        f"the learning rate {typed(context.lr)} is too high: {'; '.join(told)}",
        statistic, name, limits, max(n, 1),
        f"a learning rate such as {typed(_lower(context.lr, leap))}",
    )  # fmt: skip


def _too_low(context: Context, typical: float, fit: Fit) -> Finding | None:
    limits, n = context.limits, len(fit.history) - 1
    if not typical < value_of(LOW, limits) or not still_losing(fit) or not typical:
        return None
    first, last = fit.history[0].train_loss, fit.history[-1].train_loss
    moved = 1 - last / first if first else 0.0
    if fit.best < n and last < 0.5 * first:  # it has come to rest: late steps are small
        return None
    hardly = moved < value_of(MOVED, limits)
    words = "the training loss hardly moved" if hardly else "the training loss moved slowly"
    times = 1e-3 / typical
    larger = (
        f"about {power_of_ten(times)} times as large"
        if times < FAR
        else f"such as {typed(context.lr * times, 1)}"
    )
    return judged(
        "learning-rate-low", "error" if hardly else "warning",
        f"the learning rate {typed(context.lr)} is too low: steps move weights by "
        f"{amount(typical, 2)} "
        f"of their spread, about 0.001 is usual; {words}, from {amount(first)} to {amount(last)} "
        f"in {n} "
        f"epoch{'s' * (n != 1)}",
        typical, LOW, limits, n, f"a learning rate {larger}",
    )  # fmt: skip


def _fine(context: Context, leap: float | None, typical: float | None) -> Finding:
    told = []
    if leap is not None:
        told.append(f"the first step moves weights by {amount(leap, 2)} of their spread")
    if typical is not None:
        told.append(f"later ones by {amount(typical, 2)}")
    name = LEAP if leap is not None else HIGH
    return judged(
        "learning-rate", "note",
        f"the learning rate {typed(context.lr)} fits: {', '.join(told) or 'nothing moved too far'}",
        leap if leap is not None else typical or 0.0, name, context.limits, 1, "nothing",
    )  # fmt: skip


def _lower(lr: float, leap: float | None) -> float:
    """A rate whose first step moves weights by a twentieth of their spread, as one digit; where
    that is not known, Adam's usual 0.001; at most a tenth of what it was.
    """
    rate = lr * 0.05 / leap if leap else 1e-3
    return float(f"{min(rate, lr / 10):.0e}")


def _batches(context: Context) -> int:
    assert context.train is not None
    return -(-len(context.train.X) // context.batch_size)
