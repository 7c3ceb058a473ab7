"""What the units and the gradients of a network did while it trained: relu units that give 0 on
every row, saturated ones, gradients that vanish, explode or fade on their way to the first layer.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from statistics import median
from typing import TYPE_CHECKING

from ...study.findings import LIMITS as WATCHED
from ...study.findings import Finding, Level
from ...study.text import clean
from ..numerals import amount, percent
from .rules import judged, limit
from .trying import value_of

if TYPE_CHECKING:
    from ..models.looks import Layer, Look
    from ..models.loop import Fit
    from .context import Context

for _name in (
    "dead_warning", "dead_error", "saturated_share", "vanishing", "exploding", "first_to_last",
    "first_gradient",
):  # fmt: skip
    limit(_name, WATCHED[_name].value, WATCHED[_name].bounds, WATCHED[_name].source)
ROWS = limit("unit_rows", WATCHED["rows"].value, WATCHED["rows"].bounds, WATCHED["rows"].source)

LEARNED = 0.01
"""A loss below this share of the untrained one: small gradients are no harm then."""


def units(context: Context) -> list[Finding]:
    """Judge the last look of the training by the limits of `backlit.watch`.

    On fewer than 1,000 rows a unit may only look dead, and small layers on two inputs lose some
    units and learn well: there only a layer that is mostly dead is a warning, never an error. Of a
    few units many may be dead by the chance of their first weights: it is an error only where
    training took as large a share of those that were alive, or where none was.

    >>> from backlit.learn.checks.rules import LIMITS
    >>> LIMITS["dead_error"].value
    0.4
    """
    fit = context.fit
    if fit is None or len(fit.looks) < 2:
        return []
    found = [*_dead(context, fit), *_saturated(context, fit), *_gradients(context, fit)]
    return found or [_fine(context, fit)]


def still_losing(fit: Fit) -> bool:
    """Whether the training loss is more than a hundredth of the untrained network's."""
    first, last = fit.history[0].train_loss, fit.history[-1].train_loss
    return not last < LEARNED * first


def _dead(context: Context, fit: Fit) -> Iterator[Finding]:
    look, limits = fit.looks[-1], context.limits
    begun = {layer.name: layer.dead or 0.0 for layer in fit.looks[0].layers}
    few = look.rows < value_of(ROWS, limits)
    for layer in look.layers:
        if layer.dead is None or layer.units is None:
            continue
        before = begun.get(layer.name, 0.0)
        died = layer.dead - before
        many = layer.dead > value_of("dead_error", limits)
        if not (many or died > value_of("dead_warning", limits)):
            continue
        if few and not (many and died > 0 and still_losing(fit)):
            continue
        count = round(layer.dead * layer.units)
        killed = died / (1 - before) if before < 1 else 1.0
        grave = many and killed > value_of("dead_error", limits)
        level: Level = "error" if grave and still_losing(fit) and not few else "warning"
        rows = f"{look.rows:,} rows" + (" (there are no more)" if few else "")
        yield judged(
            "dead-units", level,
            f"{count} of {layer.units} relu units behind {clean(layer.name)} "
            f"({percent(round(layer.dead, 2))}) "
            f"give 0 on all of {rows} after epoch {look.epoch}; {round(before * layer.units)} did "
            "before training",
            layer.dead if many else died, "dead_error" if many else "dead_warning", limits,
            look.rows,
            "a smaller learning rate (a tenth); nn.Linear's own initial weights; inputs scaled to "
            "mean 0 and deviation 1",
        )  # fmt: skip


def _saturated(context: Context, fit: Fit) -> Iterator[Finding]:
    look = fit.looks[-1]
    for layer in look.layers:
        share = layer.saturated
        if share is None or not share > value_of("saturated_share", context.limits):
            continue
        yield judged(
            "saturated-units", "warning",
            f"{percent(round(share, 2))} of what the {layer.units} units behind "
            f"{clean(layer.name)} give on "
            f"{look.rows:,} rows lies at the ends of their range, where hardly any gradient passes",
            share, "saturated_share", context.limits, look.rows,
            "smaller initial weights (xavier_uniform_), inputs scaled to mean 0 and deviation 1, a "
            "smaller learning rate",
        )  # fmt: skip


# ---- gradients ----------------------------------------------------------------------------------


def _gradients(context: Context, fit: Fit) -> Iterator[Finding]:
    looks, limits = latest(fit.looks), context.limits
    typical = [(_typical(name, looks), name) for name in _matrices(looks)]
    seen = [(value, name) for value, name in typical if value is not None]
    if not seen:
        return
    largest, where = max(seen)
    if largest < value_of("vanishing", limits) and still_losing(fit):
        size = f"{amount(largest, 2)} or less" if largest else "0"
        yield judged(
            "vanishing-gradients", "error",
            f"|gradient| / |weight| is {size} in every layer in the last {len(looks)} epochs, and "
            f"the loss is still {amount(fit.history[-1].train_loss)}: nothing is learned any more",
            largest, "vanishing", limits, len(looks),
            "look at dead or saturated units; a smaller learning rate, other initial weights, relu "
            "in the place of sigmoid and tanh, fewer layers",
        )  # fmt: skip
    elif largest > value_of("exploding", limits):
        yield judged(
            "exploding-gradients", "error",
            f"|gradient| / |weight| of {clean(where)} is {amount(largest, 2)} in the last "
            f"{len(looks)} "
            "epochs",
            largest, "exploding", limits, len(looks),
            "smaller initial weights (nn.Linear's own), optim.clip_grad_norm_, inputs and targets "
            "scaled to deviation 1, a smaller learning rate",
        )  # fmt: skip
    ends = _ends(looks)
    if ends is None or not still_losing(fit):
        return
    ratio, first, name = ends
    if ratio < value_of("first_to_last", limits) and first < value_of("first_gradient", limits):
        yield judged(
            "fading-gradients", "warning",
            f"the gradient of the first layer, {clean(name)}, is {amount(first, 2)}, "
            f"{amount(ratio, 2)} times the last layer's: the first layers hardly learn",
            ratio, "first_to_last", limits, len(looks),
            "relu in the place of sigmoid or tanh, xavier_uniform_ or kaiming_uniform_ weights, "
            "fewer layers, connections that skip layers",
        )  # fmt: skip


def latest(looks: list[Look]) -> list[Look]:
    """The last third of the looks after the untrained one, at least three where there are."""
    after = looks[1:]
    return after[-max(3, len(after) // 3) :]


def _matrices(looks: list[Look]) -> list[str]:
    return [layer.name for layer in looks[-1].layers if layer.weight is not None]


def _seen(name: str, looks: list[Look]) -> list[Layer]:
    """The layer of that name at each look at which its gradient was a number."""
    return [
        layer
        for look in looks
        for layer in look.layers
        if layer.name == name and layer.gradient is not None and math.isfinite(layer.gradient)
    ]


def _typical(name: str, looks: list[Look]) -> float | None:
    """The median of |gradient| / |weight|."""
    sizes = [layer.gradient / layer.weight for layer in _seen(name, looks)
             if layer.weight and layer.gradient is not None]  # fmt: skip
    return median(sizes) if sizes else None


def _ends(looks: list[Look]) -> tuple[float, float, str] | None:
    """(the first layer's gradient over the last one's, the first one's, its name), by medians."""
    names = _matrices(looks)
    if len(names) < 2:
        return None
    ends = names[0], names[-1]
    sizes = [[layer.gradient or 0.0 for layer in _seen(name, looks)] for name in ends]
    if not all(sizes):
        return None
    first, last = (median(each) for each in sizes)
    return (first / last, first, names[0]) if last else None


def _fine(context: Context, fit: Fit) -> Finding:
    """Nothing to blame: the numbers that were looked at."""
    look = fit.looks[-1]
    dead = [layer for layer in look.layers if layer.dead is not None and layer.units]
    told = []
    if dead:
        count = sum(round((layer.dead or 0) * (layer.units or 0)) for layer in dead)
        total = sum(layer.units or 0 for layer in dead)
        told.append(f"{count} of {total} relu units give 0 on all of {look.rows:,} rows")
    soft = [layer.saturated for layer in look.layers if layer.saturated is not None]
    if soft:
        told.append(f"at most {percent(round(max(soft), 2))} of a layer's values are saturated")
    ends = _ends(latest(fit.looks))
    if ends is not None:
        told.append(f"the first layer's gradient is {amount(ends[0], 2)} times the last one's")
    share = max((layer.dead or 0.0 for layer in dead), default=0.0)
    sentence = "; ".join(told) or "no relu, tanh or sigmoid units, and one layer only"
    return judged(
        "units", "note", sentence, share, "dead_error", context.limits, look.rows, "nothing"
    )
