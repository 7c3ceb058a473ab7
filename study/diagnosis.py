"""From what a watch has seen to findings: one function for each rule, all judged by the limits of
findings.py. A rule that has not seen enough says nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from statistics import median

from .findings import LEVELS, LIMITS, Finding, Level, layer
from .looks import Look, Records
from .text import clean

Limits = Mapping[str, float]

ENOUGH = 3
"""Looks that a judgement about gradients or updates takes at least."""

WARM = 10
"""The step from which on updates are judged to be low: Adam's first ones are large."""

SETTLED = 200
"""Steps that a run has at least before its second half says whether updates stay high."""


def diagnose(records: Records, limits: Limits) -> list[Finding]:
    """All findings, the worst first."""
    found = [finding for rule in RULES for finding in rule(records, limits)]
    return sorted(found, key=lambda finding: LEVELS.index(finding.level))


def _finding(
    code: str, level: Level, sentence: str, statistic: float, limit: str, limits: Limits, n: int,
    advice: str,
) -> Finding:  # fmt: skip
    known = LIMITS[limit]
    source = known.source if limits[limit] == known.value else "given"
    return Finding(code, level, sentence, statistic, limits[limit], n, source, advice)


def _certain(code: str, level: Level, sentence: str, n: int, advice: str) -> Finding:
    """A finding that needs no threshold: something that must not be at all."""
    return Finding(code, level, sentence, float(n), 0.0, n, "it must not happen at all", advice)


# ---- numbers that are not finite ----------------------------------------------------------------


def _births(records: Records, limits: Limits) -> Iterator[Finding]:
    for step, loss, birth in records.births:
        if birth is not None:
            told = f"in step {step} {birth.told}; {'; '.join(birth.operands)}"
            if birth.source:
                told += f"; at {birth.source}"
            line = "" if birth.source else " (with bl.trace() on, the line of the program is named)"
            yield _certain("nan", "error", told, step, birth.fix + line)
        else:
            yield _certain(
                "nan", "error", f"in step {step} the loss became {loss}", step,
                "bl.find_nan(step, *batch), from weights that are still finite, names the op",
            )  # fmt: skip
        return
    for look in records.looks:
        for name, size in look.sizes.items():
            if size.gradient is not None and not math.isfinite(size.gradient):
                yield _certain(
                    "nan", "error",
                    f"the gradient of {clean(name)} was not finite in step {look.step}",
                    look.step, "bl.find_nan(step, *batch) on this step names the op",
                )  # fmt: skip
                return


# ---- parameters that do not take part -----------------------------------------------------------


def _uncleared(records: Records, limits: Limits) -> Iterator[Finding]:
    if records.uncleared:
        yield _certain(
            "gradients-not-cleared", "error",
            f"{records.uncleared:,} of {records.updates:,} updates used gradients to which those "
            "of updates before had been added",
            records.uncleared,
            "optimizer.zero_grad() before each backward, or right after the optimizer's step",
        )  # fmt: skip


def _without_gradient(records: Records, limits: Limits) -> Iterator[Finding]:
    looks = _with_gradients(records)
    frozen = [name for name, p in records.parameters.items() if not p.needs]
    if frozen:
        yield _certain(
            "frozen", "note", f"{_names(frozen)} {_do(frozen)} not train: requires_grad is False",
            len(frozen), "nothing, if that is meant; else requires_grad_(True)",
        )  # fmt: skip
    if len(looks) < ENOUGH:
        return
    never, zero = [], []
    for name in _trained(records):
        seen = [look.sizes[name].gradient for look in looks if name in look.sizes]
        if seen and all(gradient is None for gradient in seen):
            never.append(name)
        elif seen and not any(seen):
            zero.append(name)
    if never:
        yield _certain(
            "no-gradient", "error",
            f"{_names(never)} never got a gradient in {len(looks)} steps looked at: the loss does "
            "not depend on it" + (" (on them)" if len(never) > 1 else ""),
            len(looks),
            "is the layer called in forward()? Is its result used, and not detached or computed "
            "under no_grad? bl.draw(loss, module=model) shows it; or requires_grad_(False)",
        )  # fmt: skip
    if zero and len(zero) < len(_trained(records)):
        yield _certain(
            "no-gradient", "error",
            f"the gradient of {_names(zero)} was exactly 0 in all of {len(looks)} steps looked at",
            len(looks),
            "something after it lets nothing through: dead units, a weight of 0, a comparison",
        )  # fmt: skip


def _not_optimized(records: Records, limits: Limits) -> Iterator[Finding]:
    fix = (
        "give the optimizer all of model.parameters(); if these are meant to stay, "
        "requires_grad_(False) says so and spares their gradients"
    )
    if records.optimized is not None:
        unknown = [name for name in _trained(records) if name not in records.optimized]
        if unknown:
            yield _certain(
                "not-optimized", "warning",
                f"the optimizer does not know {_names(unknown)}: {_it(unknown)} will not change",
                len(unknown), fix,
            )  # fmt: skip
        return
    looks = [
        look for look in records.looks if any(size.moved for size in look.sizes.values())
    ]  # those whose update was seen
    still = []
    for name in _trained(records):
        sizes = [look.sizes[name] for look in looks if name in look.sizes]
        if any(size.gradient for size in sizes) and not any(size.moved for size in sizes):
            still.append(name)
    if still and len(looks) >= ENOUGH:
        yield _certain(
            "not-optimized", "warning",
            f"{_names(still)} got gradients, but did not change in {len(looks)} steps looked at "
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
        level: Level = "error" if many and _still_losing(records) else "warning"
        yield _finding(
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
            yield _finding(
                "saturated-units", "warning",
                f"{units.saturated:.0%} of what the {units.kind} units of {layer(units.module)} "
                "give lies at the ends of the range, where hardly any gradient passes",
                units.saturated, "saturated_share", limits, units.rows,
                "smaller initial weights (xavier_uniform_), inputs scaled to mean 0 and deviation "
                "1, a smaller learning rate",
            )  # fmt: skip


# ---- gradients ----------------------------------------------------------------------------------


def _gradients(records: Records, limits: Limits) -> Iterator[Finding]:
    names = _matrices(records)
    looks = _with_gradients(records)[-max(ENOUGH, len(records.looks) // 3) :]
    if len(looks) < ENOUGH or not names:
        return
    typical = {name: _typical(name, looks) for name in names}
    seen = {name: value for name, value in typical.items() if value is not None}
    if not seen:
        return
    largest, where = max((value, name) for name, value in seen.items())
    if largest < limits["vanishing"] and _still_losing(records):
        yield _finding(
            "vanishing-gradients", "error",
            f"|gradient| / |weight| is {f'{largest:.1e} or less' if largest else '0'} in every "
            f"layer, and the loss is still {_last_loss(looks):.3g}: nothing is learned any more",
            largest, "vanishing", limits, len(looks),
            "look at dead or saturated units; a smaller learning rate, other initial weights, relu "
            "in the place of sigmoid and tanh, fewer layers",
        )  # fmt: skip
    if largest > limits["exploding"]:
        yield _finding(
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
    if len(names) < 2 or len(pairs) < ENOUGH or not _still_losing(records):
        return
    ratio, size = (median(pair[k] for pair in pairs) for k in (0, 1))
    if ratio < limits["first_to_last"] and size < limits["first_gradient"]:
        yield _finding(
            "fading-gradients", "warning",
            f"the gradient of the first layer, {clean(names[0])}, is {size:.1e}, that of the last "
            f"{1 / ratio if ratio else math.inf:.1e} times as large: the first layers hardly learn",
            ratio, "first_to_last", limits, len(pairs),
            "relu in the place of sigmoid or tanh, xavier_uniform_ or kaiming_uniform_ weights, "
            "fewer layers, connections that skip layers",
        )  # fmt: skip


# ---- updates ------------------------------------------------------------------------------------


def _updates(records: Records, limits: Limits) -> Iterator[Finding]:
    names = _matrices(records)
    leaps = [
        (size.update, name, look.step)
        for look in records.looks
        for name, size in look.sizes.items()
        if name in names and size.update is not None and math.isfinite(size.update)
        and not records.flat[name]
    ]  # fmt: skip
    if leaps and max(leaps)[0] > limits["update_leap"]:
        leap, name, step = max(leaps)
        yield _finding(
            "update-leap", "warning",
            f"step {step} changed {clean(name)} by {leap:.3g} times the spread of its numbers: "
            "what they had been is gone",
            leap, "update_leap", limits, len(records.looks),
            "a learning rate smaller by as much, or one that grows over the first steps",
        )  # fmt: skip
    high = _median_update(records, names, records.steps // 2)
    if high is not None and records.steps >= SETTLED and high[0] > limits["update_high"]:
        yield _finding(
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
        if name in names and size.update is not None and look.step >= WARM
    ]
    if len(warm) >= ENOUGH * len(names) and names and max(warm) < limits["update_low"]:
        if not any(warm) or not _still_losing(records):
            return
        yield _finding(
            "update-low", "warning",
            f"no step looked at changed the weights of any layer by more than {max(warm):.1e} of "
            "their spread: at this pace little will happen",
            max(warm), "update_low", limits, len(warm) // len(names),
            f"a learning rate about {_nice(1e-3 / median(warm))} times as large",
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


RULES: tuple[Callable[[Records, Limits], Iterator[Finding]], ...] = (
    _births, _uncleared, _without_gradient, _not_optimized, _dead, _saturated, _gradients, _updates,
)  # fmt: skip


# ---- what rules have in common ------------------------------------------------------------------


def _trained(records: Records) -> list[str]:
    return [name for name, p in records.parameters.items() if p.needs]


def _matrices(records: Records) -> list[str]:
    """The weights, in order: biases and the like are small, and often 0 at the start."""
    return [name for name in _trained(records) if records.parameters[name].ndim >= 2]


def _with_gradients(records: Records) -> list[Look]:
    return [
        look
        for look in records.looks
        if any(size.gradient is not None for size in look.sizes.values())
    ]


def _typical(name: str, looks: list[Look]) -> float | None:
    """The median of |gradient| / |weight|; None for weights that are 0 or get no gradient."""
    seen = [
        look.sizes[name].gradient / look.sizes[name].weight  # type: ignore[operator]
        for look in looks
        if name in look.sizes
        and look.sizes[name].gradient is not None
        and look.sizes[name].weight
        and math.isfinite(look.sizes[name].gradient / look.sizes[name].weight)  # type: ignore[operator]
    ]
    return median(seen) if len(seen) >= ENOUGH else None


def _still_losing(records: Records) -> bool:
    """Whether the loss is more than a hundredth of what it began with: a network that has learned
    its data has small gradients and updates too, and nothing is wrong with that.
    """
    losses = [look.loss for look in records.looks if look.loss is not None]
    if not losses or not math.isfinite(losses[0]):
        return True
    return not abs(median(losses[-ENOUGH:])) < 0.01 * abs(losses[0])


def _last_loss(looks: list[Look]) -> float:
    losses = [look.loss for look in looks if look.loss is not None]
    return losses[-1] if losses else math.nan


def _names(names: list[str]) -> str:
    """Some names as words: a, b and 3 more."""
    shown = [clean(name) for name in names[:4]]
    if len(names) > 4:
        return f"{', '.join(shown[:3])} and {len(names) - 3} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def _do(names: list[str]) -> str:
    return "does" if len(names) == 1 else "do"


def _it(names: list[str]) -> str:
    return "it" if len(names) == 1 else "they"


def _nice(factor: float) -> str:
    """A factor as a power of ten, as far as it is one."""
    return f"{10 ** round(math.log10(factor)):,}"
