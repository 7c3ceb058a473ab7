"""The rules of a watch about sizes: gradients that vanish, explode or fade, updates that are too
small or too large. They are judged by medians, as single batches differ.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from statistics import median

from .findings import Finding
from .judging import (
    ENOUGH,
    Limits,
    judged,
    last_loss,
    matrices,
    power_of_ten,
    still_losing,
    typical_of,
    with_gradients,
)
from .looks import Look, Records
from .text import clean

WARM = 10
"""The step from which on updates are judged to be low: Adam's first ones are large."""

SETTLED = 200
"""Steps that a run has at least before its second half says whether updates stay high."""


def gradients(records: Records, limits: Limits) -> Iterator[Finding]:
    names = matrices(records)
    looks = with_gradients(records)[-max(ENOUGH, len(records.looks) // 3) :]
    if len(looks) < ENOUGH or not names:
        return
    typical = {name: typical_of(name, looks) for name in names}
    seen = {name: value for name, value in typical.items() if value is not None}
    if not seen:
        return
    largest, where = max((value, name) for name, value in seen.items())
    if largest < limits["vanishing"] and still_losing(records):
        yield judged(
            "vanishing-gradients", "error",
            f"|gradient| / |weight| is {f'{largest:.1e} or less' if largest else '0'} in every "
            f"layer, and the loss is still {last_loss(looks):.3g}: nothing is learned any more",
            largest, "vanishing", limits, len(looks),
            "look at dead or saturated units; a smaller learning rate, other initial weights, relu "
            "in the place of sigmoid and tanh, fewer layers",
        )  # fmt: skip
    if largest > limits["exploding"]:
        yield judged(
            "exploding-gradients", "error",
            f"|gradient| / |weight| of {clean(where)} is {largest:.1e}",
            largest, "exploding", limits, len(looks),
            "smaller initial weights (kaiming_uniform_), optim.clip_grad_norm_, inputs and targets "
            "scaled to deviation 1",
        )  # fmt: skip
    yield from _first_and_last(records, looks, names, limits)


def _first_and_last(
    records: Records, looks: list[Look], names: list[str], limits: Limits
) -> Iterator[Finding]:
    """What reaches the first layer of what reaches the last."""
    pairs = []
    for look in looks:
        first, last = (look.sizes.get(names[k]) for k in (0, -1))
        if first and last and first.gradient is not None and last.gradient:
            pairs.append((first.gradient / last.gradient, first.gradient))
    if len(names) < 2 or len(pairs) < ENOUGH or not still_losing(records):
        return
    ratio, size = (median(pair[k] for pair in pairs) for k in (0, 1))
    if ratio < limits["first_to_last"] and size < limits["first_gradient"]:
        yield judged(
            "fading-gradients", "warning",
            f"the gradient of the first layer, {clean(names[0])}, is {size:.1e}, that of the last "
            f"{1 / ratio if ratio else math.inf:.1e} times as large: the first layers hardly learn",
            ratio, "first_to_last", limits, len(pairs),
            "relu in the place of sigmoid or tanh, xavier_uniform_ or kaiming_uniform_ weights, "
            "fewer layers, connections that skip layers",
        )  # fmt: skip


# ---- updates ------------------------------------------------------------------------------------


def updates(records: Records, limits: Limits) -> Iterator[Finding]:
    names = matrices(records)
    leaps = [
        (size.update, name, look.step)
        for look in records.looks
        for name, size in look.sizes.items()
        if name in names and size.update is not None and math.isfinite(size.update)
        and not records.flat[name]
    ]  # fmt: skip
    if leaps and max(leaps)[0] > limits["update_leap"]:
        leap, name, step = max(leaps)
        yield judged(
            "update-leap", "warning",
            f"step {step} changed {clean(name)} by {leap:.3g} times the spread of its numbers: "
            "what they had been is gone",
            leap, "update_leap", limits, len(records.looks),
            "a learning rate smaller by as much, or one that grows over the first steps",
        )  # fmt: skip
    high = _median_update(records, names, records.steps // 2)
    if high is not None and records.steps >= SETTLED and high[0] > limits["update_high"]:
        yield judged(
            "update-high", "warning",
            f"even in the second half a step changes the weights by {high[0]:.1e} of their "
            "spread: they do not settle",
            high[0], "update_high", limits, high[1],
            "a smaller learning rate, at least towards the end",
        )  # fmt: skip
    warm = [
        size.update
        for look in records.looks
        for name, size in look.sizes.items()
        if name in names
        and size.update is not None
        and look.step >= WARM
        and math.isfinite(size.update)
    ]
    if len(warm) >= ENOUGH * len(names) and names and max(warm) < limits["update_low"]:
        if not any(warm) or not still_losing(records):
            return
        usual = median(warm) or max(warm)
        yield judged(
            "update-low", "warning",
            f"no step looked at changed the weights of any layer by more than {max(warm):.1e} of "
            "their spread: at this pace little will happen",
            max(warm), "update_low", limits, len(warm) // len(names),
            f"a learning rate about {power_of_ten(1e-3 / usual)} times as large",
        )  # fmt: skip


def _median_update(records: Records, names: list[str], begin: int) -> tuple[float, int] | None:
    """The median over looks, from a step on, of the layers' median; and of how many looks."""
    each = []
    for look in records.looks:
        updates = [
            size.update
            for name, size in look.sizes.items()
            if name in names and size.update is not None and math.isfinite(size.update)
        ]
        if updates and look.step >= begin:
            each.append(median(updates))
    return (median(each), len(each)) if len(each) >= ENOUGH else None
