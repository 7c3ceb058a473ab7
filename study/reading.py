"""What a watch has seen as text: a table of the layers, the units, and each finding with the number
it is judged by and what to try next.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from statistics import median

from .findings import Finding, layer
from .looks import Records
from .text import clean, columns, shorten

ROWS = 30
"""Layers in the table; of more it shows the first and the last ones."""

WIDTH = 96


def report(records: Records, findings: list[Finding], seconds: float, spent: float) -> str:
    """The whole of it."""
    looks = len(records.looks)
    head = (
        f"{_count(records.steps, 'step')} in {seconds:.2f} s, {looks:,} looked at, which took "
        f"{spent / seconds if seconds else 0.0:.1%} of the time"
    )
    lines = [head, *_layers(records), *_units(records), ""]
    if not records.steps:
        return head + "\n" + _wrap(
            "no step was seen: backward of a loss, or a replayed step, must run within the block",
            "",
        )  # fmt: skip
    if not findings:
        return "\n".join([*lines, "nothing found"])
    for finding in findings:
        lines += [f"{finding.level.upper()}  {finding.code}", _wrap(finding.sentence, "  ")]
        if finding.threshold or finding.level == "warning":
            lines.append(_wrap(_judged(finding), "  "))
        lines += [_wrap(f"try: {finding.advice}", "  "), ""]
    return "\n".join(lines[:-1])


def _judged(finding: Finding) -> str:
    if not finding.threshold:
        return finding.source
    return (
        f"judged by {finding.statistic:.3g}, where {finding.threshold:.3g} is the limit; n = "
        f"{finding.n:,} ({finding.source})"
    )


def _layers(records: Records) -> Iterable[str]:
    """A row for each weight: typical sizes over all looks."""
    rows = [("weight", "shape", "|gradient| / |weight|", "std(update) / std(weight)")]
    for name, p in records.parameters.items():
        if p.ndim < 2:
            continue
        sizes = [look.sizes[name] for look in records.looks if name in look.sizes]
        gradients = [
            size.gradient / size.weight
            for size in sizes
            if size.gradient is not None and size.weight
        ]
        updates = [size.update for size in sizes if size.update is not None]
        shape = " x ".join(map(str, p.shape))
        rows.append((shorten(clean(name), 40), shape, _typical(gradients), _typical(updates)))
    if len(rows) > ROWS:
        half = ROWS // 2
        rows[half:-half] = [("...", f"{len(rows) - 2 * half} more", "", "")]
    if len(rows) == 1:
        return []
    widths = [max(columns(row[k]) for row in rows) for k in range(4)]
    lines = [
        "  ".join(cell + " " * (w - columns(cell)) for cell, w in zip(row, widths, strict=True))
        for row in rows
    ]
    return ["", *[line.rstrip() for line in lines]]


def _typical(values: list[float]) -> str:
    """The median, and between which values nine tenths lie."""
    if not values:
        return "not seen"
    ordered = sorted(values)
    low, high = (ordered[round(q * (len(ordered) - 1))] for q in (0.05, 0.95))
    return f"{median(values):.1e} ({low:.0e} .. {high:.0e})"


def _units(records: Records) -> Iterable[str]:
    """A line for each activation."""
    lines = []
    for units in records.units[:ROWS]:
        of = f"{units.kind} of {layer(units.module)}"
        if units.kind == "relu":
            told = f"{int(units.dead.sum())} of {units.dead.size} units dead"
        else:
            told = f"{units.saturated:.0%} of the values saturated"
        lines.append(f"{of}: {told} on {_count(units.rows, 'row')}")
    if len(records.units) > ROWS:
        lines.append(f"... {len(records.units) - ROWS} more")
    if records.trouble:
        lines.append(_wrap(f"activations were not seen: {clean(records.trouble)}", ""))
    return ["", *lines] if lines else []


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def _wrap(text: str, indent: str) -> str:
    return textwrap.fill(
        text, WIDTH, initial_indent=indent, subsequent_indent=indent, break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip
