"""Findings as cards: a sign and a word for the level, the sentence, what it was judged by, what to
try. Those that are as they should be are short, so that what needs a look stands out.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...study.findings import Finding
from .page import esc
from .words import SYMBOLS, advice, judged_by, sentence, sign_of


def cards(findings: Sequence[Finding]) -> str:
    """All findings of a step, in the order of the walk but the worst first."""
    order = ("error", "warning", "note")
    ordered = sorted(findings, key=lambda finding: order.index(finding.level))
    return "\n".join(map(card, ordered))


def card(finding: Finding) -> str:
    """One finding."""
    by = "".join(f"<span>{esc(part)}</span>" for part in judged_by(finding))
    found = advice(finding)
    said = f'<p class="try"><strong>Try:</strong> {esc(found)}</p>' if found else ""
    says = sign(finding.level, sign_of(finding)) + esc(sentence(finding.sentence))
    return (
        f'<div class="finding {finding.level}" title="{esc(finding.code)}">'
        f'<p class="says">{says}</p>{said}' + (f'<p class="by">{by}</p>' if by else "") + "</div>"
    )


def sign(level: str, drawn: str = "") -> str:
    """The sign of a level, with its word for those who hear the page."""
    return (
        f'<span class="level {level}" aria-hidden="true">{drawn or SYMBOLS[level]}</span>'
        f'<span class="hidden">{level}: </span>'
    )


def worst(findings: Sequence[Finding]) -> str:
    """The worst level among findings; "" where there are none."""
    levels = {finding.level for finding in findings}
    return next((level for level in ("error", "warning", "note") if level in levels), "")
