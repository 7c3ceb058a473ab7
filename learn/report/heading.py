"""What stands first, in the terminal as on the page: which model to use, whether it can be trusted,
and only then how the network did, which is one model among others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...study.findings import Finding, Level
from ...study.text import clean, count_text
from ..checks.verdict import NOTHING, SUSPICIOUS, codes_of
from ..result import Result
from .words import beyond_baseline, level_of, metric_name, scored

NETWORK = ("untrained", "loss", "optimise", "verdict")
"""Steps whose errors speak of the network alone; those of other steps spoil every model."""


@dataclass(frozen=True)
class Line:
    """A sentence, and whether to be glad of it."""

    level: Level
    text: str


def recommendation(result: Result) -> Line:
    """Which model to use; or that none is to be used, and why."""
    last, chosen = result.verdict, result.verdict.recommended
    named = f"the {chosen.name} ({chosen.described})"
    if last.code == NOTHING:
        return Line("error", last.headline)
    if errors := spoiling(result):
        found = f"{count_text(len(errors), 'error')}, {codes_of(errors)}"
        return Line("error", f"Do not use {named} yet: the checks found {found}")
    if chosen.name == "baseline":
        return Line("warning", f"Use no model: none beats {named} by more than chance")
    if last.code == SUSPICIOUS and chosen.name == "network":
        return Line("error", f"Do not use {named} yet: see what is said of it below")
    if chosen.name == "network" and level_of(last.code) != "note":
        return Line("warning", f"Use {named} with care: see what is said of it below")
    if not beyond_baseline(result):
        return Line("warning", f"Use {named} with care: its test score may be luck")
    return Line("note", f"Use {named}")


def spoiling(result: Result) -> Sequence[Finding]:
    """The errors that speak against the recommended model."""
    every = result.verdict.recommended.name == "network"
    return [
        finding
        for step in result.steps
        if every or step.key not in NETWORK
        for finding in step.findings
        if finding.level == "error"
    ]


def reason(result: Result) -> str:
    """How the recommendation came about: the models beside each other."""
    context = result.context
    if len(context.candidates) < 2:
        return ""
    rows = "" if context.validation is None else f" on {len(context.validation.rows):,}"
    scores = ", ".join(f"{clean(c.name)} {scored(result, c.score)}" for c in context.candidates)
    return (
        f"{metric_name(result)}{rows} validation rows: {scores}; the simplest is taken unless "
        "another beats it by more than chance"
    )


def network(result: Result) -> Line | None:
    """How the network did, where the recommendation has not said it already."""
    last = result.verdict
    said = last.code == NOTHING or (last.code == SUSPICIOUS and spoiling(result))
    if result.context.fit is None or said:
        return None
    return Line(level_of(last.code), last.headline)
