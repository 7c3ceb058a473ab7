"""From what a watch has seen to findings: one function for each rule, all judged by the limits of
findings.py. A rule that has not seen enough says nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from .findings import LEVELS, Finding, Level, layer
from .flow import gradients, updates
from .judging import (
    ENOUGH,
    Limits,
    certain,
    do,
    judged,
    named,
    still_losing,
    they,
    trained,
    with_gradients,
)
from .looks import Records
from .text import clean


def diagnose(records: Records, limits: Limits) -> list[Finding]:
    """All findings, the worst first."""
    found = [finding for rule in RULES for finding in rule(records, limits)]
    return sorted(found, key=lambda finding: LEVELS.index(finding.level))


# ---- numbers that are not finite ----------------------------------------------------------------


def _births(records: Records, limits: Limits) -> Iterator[Finding]:
    for step, loss, birth in records.births:
        if birth is not None:
            told = f"in step {step} {birth.told}; {'; '.join(birth.operands)}"
            if birth.source:
                told += f"; at {birth.source}"
            line = "" if birth.source else " (with bl.trace() on, the line of the program is named)"
            yield certain("nan", "error", told, step, birth.fix + line)
        else:
            yield certain(
                "nan", "error", f"in step {step} the loss became {loss}", step,
                "bl.find_nan(step, *batch), from weights that are still finite, names the op",
            )  # fmt: skip
        return
    for look in records.looks:
        for name, size in look.sizes.items():
            if size.gradient is not None and not math.isfinite(size.gradient):
                yield certain(
                    "nan", "error",
                    f"the gradient of {clean(name)} was not finite in step {look.step}",
                    look.step, "bl.find_nan(step, *batch) on this step names the op",
                )  # fmt: skip
                return


# ---- parameters that do not take part -----------------------------------------------------------


def _uncleared(records: Records, limits: Limits) -> Iterator[Finding]:
    if records.uncleared:
        yield certain(
            "gradients-not-cleared", "error",
            f"{records.uncleared:,} of {records.updates:,} updates used gradients to which those "
            "of updates before had been added",
            records.uncleared,
            "optimizer.zero_grad() before each backward, or right after the optimizer's step",
        )  # fmt: skip


def _without_gradient(records: Records, limits: Limits) -> Iterator[Finding]:
    looks = with_gradients(records)
    frozen = [name for name, p in records.parameters.items() if not p.needs]
    if frozen:
        yield certain(
            "frozen", "note", f"{named(frozen)} {do(frozen)} not train: requires_grad is False",
            len(frozen), "nothing, if that is meant; else requires_grad_(True)",
        )  # fmt: skip
    if len(looks) < ENOUGH:
        return
    never, zero = [], []
    for name in trained(records):
        seen = [look.sizes[name].gradient for look in looks if name in look.sizes]
        if seen and all(gradient is None for gradient in seen):
            never.append(name)
        elif seen and not any(seen):
            zero.append(name)
    if never:
        yield certain(
            "no-gradient", "error",
            f"{named(never)} never got a gradient in {len(looks)} steps looked at: the loss does "
            "not depend on it" + (" (on them)" if len(never) > 1 else ""),
            len(looks),
            "is the layer called in forward()? Is its result used, and not detached or computed "
            "under no_grad? bl.draw(loss, module=model) shows it; or requires_grad_(False)",
        )  # fmt: skip
    if zero and len(zero) < len(trained(records)):
        yield certain(
            "no-gradient", "error",
            f"the gradient of {named(zero)} was exactly 0 in all of {len(looks)} steps looked at",
            len(looks),
            "something after it lets nothing through: dead units, a weight of 0, a comparison",
        )  # fmt: skip


def _not_optimized(records: Records, limits: Limits) -> Iterator[Finding]:
    fix = (
        "give the optimizer all of model.parameters(); if these are meant to stay, "
        "requires_grad_(False) says so and spares their gradients"
    )
    if records.optimized is not None:
        unknown = [name for name in trained(records) if name not in records.optimized]
        if unknown:
            yield certain(
                "not-optimized", "warning",
                f"the optimizer does not know {named(unknown)}: {they(unknown)} will not change",
                len(unknown), fix,
            )  # fmt: skip
        return
    looks = [
        look for look in records.looks if any(size.moved for size in look.sizes.values())
    ]  # those whose update was seen
    still = []
    for name in trained(records):
        sizes = [look.sizes[name] for look in looks if name in look.sizes]
        if any(size.gradient for size in sizes) and not any(size.moved for size in sizes):
            still.append(name)
    if still and len(looks) >= ENOUGH:
        yield certain(
            "not-optimized", "warning",
            f"{named(still)} got gradients, but did not change in {len(looks)} steps looked at "
            "that changed others: no optimizer seems to know "
            + ("it" if len(still) == 1 else "them"),
            len(looks), fix,
        )  # fmt: skip


# ---- units --------------------------------------------------------------------------------------


def _dead(records: Records, limits: Limits) -> Iterator[Finding]:
    at_start = {(u.kind, u.module, u.number): u for u in records.units_at_start}
    for units in records.units:
        if units.kind != "relu" or units.rows < limits["rows"]:
            continue
        before = at_start.get((units.kind, units.module, units.number))
        count, share = int(units.dead.sum()), float(units.dead.mean())
        begun = int(before.dead.sum()) if before is not None else 0
        died = share - (float(before.dead.mean()) if before is not None else 0.0)
        many = share > limits["dead_error"]
        if not many and died <= limits["dead_warning"]:
            continue
        level: Level = "error" if many and still_losing(records) else "warning"
        yield judged(
            "dead-units", level,
            f"{count} of {units.dead.size} relu units of {layer(units.module)} ({share:.0%}) gave "
            f"0 on all of {units.rows:,} rows; with the weights at the start {begun} did",
            share if many else died, "dead_error" if many else "dead_warning", limits, units.rows,
            "a smaller learning rate (a tenth); kaiming_uniform_ weights and biases of 0; inputs "
            "scaled to mean 0 and deviation 1",
        )  # fmt: skip


def _saturated(records: Records, limits: Limits) -> Iterator[Finding]:
    for units in records.units:
        if units.kind == "relu" or units.rows < limits["rows"]:
            continue
        if units.saturated > limits["saturated_share"]:
            yield judged(
                "saturated-units", "warning",
                f"{units.saturated:.0%} of what the {units.kind} units of {layer(units.module)} "
                "give lies at the ends of the range, where hardly any gradient passes",
                units.saturated, "saturated_share", limits, units.rows,
                "smaller initial weights (xavier_uniform_), inputs scaled to mean 0 and deviation "
                "1, a smaller learning rate",
            )  # fmt: skip


RULES: tuple[Callable[[Records, Limits], Iterator[Finding]], ...] = (
    _births, _uncleared, _without_gradient, _not_optimized, _dead, _saturated, gradients, updates,
)  # fmt: skip
