"""What a watch may find, and from which number on: one table of limits, each with its source, and
the record of a finding, which carries the number that it is judged by.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from .text import clean

Level = Literal["error", "warning", "note"]
LEVELS: tuple[Level, ...] = ("error", "warning", "note")


@dataclass(frozen=True)
class Limit:
    """A number that findings are judged by: what it bounds, and where it comes from."""

    value: float
    bounds: str
    source: str


MEASURED = "measured on handwritten digits"
CS231N = "Stanford CS231n: updates of about 1e-3 of the weights"
MAKEMORE = "A. Karpathy, makemore 3"

LIMITS: dict[str, Limit] = {
    "rows": Limit(
        1000, "rows on which a unit must give 0 to count as dead",
        MEASURED + ": on 2 rows five times as many look dead as are",
    ),
    "dead_warning": Limit(
        0.10, "the share of a layer's relu units that died in the block",
        MEASURED + "; of small layers on two inputs as many as 0.3 are dead from the start",
    ),
    "dead_error": Limit(
        0.40, "the share of a layer's relu units that are dead",
        MEASURED + ": Adam at 0.1 leaves more than 0.8 dead, at 1e-3 at most 0.03",
    ),
    "saturated": Limit(0.97, "|tanh| from which on it is saturated; sigmoid likewise", MAKEMORE),
    "saturated_share": Limit(0.5, "the share of a layer's values that are saturated", MAKEMORE),
    "vanishing": Limit(
        1e-8, "|gradient| / |weight| in every layer, from below",
        MEASURED + " and moons: 1e-6 and more where training went well, 0 where all is dead",
    ),
    "exploding": Limit(
        1e2, "|gradient| / |weight| of a layer",
        MEASURED + " and moons: at most 1 where training went well",
    ),
    "first_to_last": Limit(
        1e-3, "|gradient| of the first layer to that of the last, from below, with first_gradient",
        MEASURED + " and moons: 0.1 and more where training went well, 1e-6 behind 8 sigmoids",
    ),
    "first_gradient": Limit(1e-4, "|gradient| of the first layer, with first_to_last", MEASURED),
    "update_low": Limit(1e-4, "std(update) / std(weight), from below", CS231N),
    "update_high": Limit(
        1e-2, "std(update) / std(weight), the median over the second half", CS231N
    ),
    "update_leap": Limit(
        0.5, "std(update) / std(weight) of a single step",
        MEASURED + " and moons: at most 0.3 where training went well",
    ),
}  # fmt: skip
"""All limits; `watch(model, limits={...})` gives others."""


def limits_with(others: Mapping[str, float]) -> dict[str, float]:
    """The limits' values, some of them replaced.

    >>> limits_with({"dead_error": 0.2})["dead_error"]
    0.2
    """
    values = {name: limit.value for name, limit in LIMITS.items()}
    for name, value in others.items():
        if name not in values:
            near = difflib.get_close_matches(name, values, 1)
            meant = f"; did you mean {near[0]!r}?" if near else ""
            raise ValueError(f"watch: there is no limit {name!r}{meant} There are {list(values)}")
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= 0:
            raise ValueError(f"watch: the limit {name!r} is a number of at least 0, not {value!r}")
        values[name] = float(value)
    return values


def layer(module: str) -> str:
    """What a sentence calls a module by its path."""
    return f"layer {clean(module)}" if module else "the model"


@dataclass(frozen=True)
class Finding:
    """Something that is wrong, or may be.

    `statistic` was compared with `threshold`, over `n` of what the sentence says: rows, looks or
    steps; `source` is where the threshold comes from, `advice` what to try next.
    """

    code: str
    level: Level
    sentence: str
    statistic: float
    threshold: float
    n: int
    source: str
    advice: str

    def __str__(self) -> str:
        return f"{self.level}: {self.sentence}"
