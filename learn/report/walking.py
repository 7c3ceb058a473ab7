"""The steps of the walk: what was found, what was done and why, the findings of the checks, and the
pictures that belong to the step.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...study.text import clean, clip
from ..result import Result, Step
from .findings import cards, worst
from .opening import step_id
from .page import esc, listing, panel, table, typed
from .words import SYMBOLS, counted, name, sentence

NAMES = ("training", "validation", "test")
COLOURS = ("blue", "orange", "soft")


def step_section(step: Step, pictures: Sequence[str]) -> str:
    """One step."""
    rows = []
    for word, sentences in (("Found", step.found), ("Did", step.did)):
        if sentences:
            rows.append(f"<dt>{word}</dt><dd>{listing(sentences)}</dd>")
    if step.why:
        rows.append(f'<dt>Why</dt><dd class="soft">{listing([step.why])}</dd>')
    more = ""
    if step.more:
        told = "".join(f"<p>{typed(part)}</p>" for part in step.more.split("\n\n") if part.strip())
        more = (
            f'<details><summary>The idea behind this step</summary><div class="more">{told}</div>'
            "</details>"
        )
    early = step.key == "split"  # a small picture that belongs to the sentences
    shown = "\n".join(picture for picture in pictures if picture)
    return f"""<section id="{step_id(step.number)}">
<h2><span class="step">{step.number}</span>{esc(step.title)}</h2>
<dl class="steps-do">
{"".join(rows)}
</dl>
{more}
{shown if early else ""}
{_findings(step)}
{"" if early else shown}
</section>"""


def _findings(step: Step) -> str:
    """Cards of what needs a look; what is as it should be in a fold where there is much of it."""
    if not step.findings:
        return ""
    urgent = [finding for finding in step.findings if finding.level != "note"]
    notes = [finding for finding in step.findings if finding.level == "note"]
    body = cards(urgent)
    if len(notes) > 3:
        body += (
            f"<details><summary>{counted(notes)}: checks that ran and found nothing wrong, or "
            f"something worth knowing</summary>{cards(notes)}</details>"
        )
    else:
        body += cards(notes)
    return panel("What the checks say", body)


def links(result: Result, others: Sequence[tuple[str, str]]) -> str:
    """The list of links beside the page; a step with an error or a warning bears its sign."""
    items = ['<li><a href="#verdict"><span></span>Verdict</a></li>']
    for step in result.steps:
        level = worst(step.findings)
        mark = ""
        if level in ("error", "warning"):
            mark = (
                f'<span class="sign {level}" aria-hidden="true">{SYMBOLS[level]}</span>'
                f'<span class="hidden">{level}</span>'
            )
        items.append(
            f'<li><a href="#{step_id(step.number)}"><span class="num">{step.number}</span>'
            f"<span>{esc(name(step.title))}</span>{mark}</a></li>"
        )
    for where, words in others:
        items.append(f'<li><a href="#{where}"><span></span>{esc(words)}</a></li>')
    return (
        '<nav aria-label="On this page"><p>On this page</p>\n<ol>\n'
        + "\n".join(items)
        + "\n</ol>\n</nav>"
    )


def changes(result: Result) -> str:
    """What the preparation changed, each with the column and how many cells."""
    preparation = result.context.preparation
    if preparation is None or not preparation.changes:
        return ""
    rows = [
        (
            esc(clip(clean(change.column), 60)) if change.column else "all",
            esc(change.step),
            f"{change.cells:,}",
            esc(sentence(change.sentence)),
        )
        for change in preparation.changes
    ]
    head = (("column", "wide"), ("step", ""), ("cells", "n"), ("what was done", "wide"))
    many = f"{len(rows)} change{'' if len(rows) == 1 else 's'}"
    body = table(f"{many}, fitted on the training part alone", head, rows)
    folded = f"<details><summary>{many}, with how many cells</summary>{body}</details>"
    return panel("What the preparation changed", folded)


def parts_bar(result: Result) -> str:
    """The three parts as one bar."""
    parts = result.context.parts
    if parts is None:
        return ""
    sizes = tuple(map(int, parts.sizes))
    total = sum(sizes) or 1
    drawn, at = [], 0.0
    for size, colour in zip(sizes, COLOURS, strict=True):
        width = 600 * size / total
        drawn.append(
            f'<rect class="f-{colour}" x="{at:.1f}" width="{max(width - 2, 0):.1f}" height="14"/>'
        )
        at += width
    said = ", ".join(f"{part} {size:,} rows" for part, size in zip(NAMES, sizes, strict=True))
    items = "".join(
        f'<li><svg viewBox="0 0 28 14" aria-hidden="true"><rect class="f-{colour}" width="28" '
        f'height="14"/></svg>{part} {size:,} ({100 * size / total:.0f} %)</li>'
        for part, size, colour in zip(NAMES, sizes, COLOURS, strict=True)
    )
    return (
        '<figure class="shares"><svg viewBox="0 0 600 14" preserveAspectRatio="none" '
        f'class="parts" role="img" aria-label="{said}">{"".join(drawn)}</svg>'
        f'<ul class="legend">{items}</ul></figure>'
    )
