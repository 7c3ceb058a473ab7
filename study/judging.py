"""What the rules of a watch have in common: how findings are made, what is asked of the records."""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import median

from .findings import LIMITS, Finding, Level
from .looks import Look, Records
from .text import clean

Limits = Mapping[str, float]

ENOUGH = 3
"""Looks that a judgement about gradients or updates takes at least."""


def judged(
    code: str, level: Level, sentence: str, statistic: float, limit: str, limits: Limits, n: int,
    advice: str,
) -> Finding:  # fmt: skip
    known = LIMITS[limit]
    source = known.source if limits[limit] == known.value else "given"
    return Finding(code, level, sentence, statistic, limits[limit], n, source, advice)


def certain(code: str, level: Level, sentence: str, n: int, advice: str) -> Finding:
    """A finding that needs no threshold: something that must not be at all."""
    return Finding(code, level, sentence, float(n), 0.0, n, "it must not happen at all", advice)


def trained(records: Records) -> list[str]:
    return [name for name, p in records.parameters.items() if p.needs]


def matrices(records: Records) -> list[str]:
    """The weights, in order: biases and the like are small, and often 0 at the start."""
    return [name for name in trained(records) if records.parameters[name].ndim >= 2]


def with_gradients(records: Records) -> list[Look]:
    return [
        look
        for look in records.looks
        if any(size.gradient is not None for size in look.sizes.values())
    ]


def typical_of(name: str, looks: list[Look]) -> float | None:
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


def still_losing(records: Records) -> bool:
    """Whether the loss is more than a hundredth of what it began with: a network that has learned
    its data has small gradients and updates too, and nothing is wrong with that.
    """
    losses = [look.loss for look in records.looks if look.loss is not None]
    if not losses or not math.isfinite(losses[0]):
        return True
    return not abs(median(losses[-ENOUGH:])) < 0.01 * abs(losses[0])


def last_loss(looks: list[Look]) -> float:
    losses = [look.loss for look in looks if look.loss is not None]
    return losses[-1] if losses else math.nan


def named(names: list[str]) -> str:
    """Some names as words: a, b and 3 more."""
    shown = [clean(name) for name in names[:4]]
    if len(names) > 4:
        return f"{', '.join(shown[:3])} and {len(names) - 3} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def do(names: list[str]) -> str:
    return "does" if len(names) == 1 else "do"


def they(names: list[str]) -> str:
    return "it" if len(names) == 1 else "they"


def power_of_ten(factor: float) -> str:
    """A factor as a power of ten, as far as it is one."""
    return f"{10 ** round(math.log10(factor)):,}"
