"""Whether to trust it: would more rows help, which columns matter, is it fair to all groups, the
tree in words, and what is remembered to notice drift.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..models.metrics import METRICS
from ..result import Result
from .charts import BLUE, ORANGE, chart, line, plain_numbers
from .page import esc, legend, panel, table
from .pictures import Scale, meter
from .training import BOTH
from .words import (
    capital,
    difference,
    metric_name,
    name,
    plain,
    plain_interval,
    sentence,
    shown,
    shown_interval,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST = 15  # columns or groups that are listed at once


def learning_curve(result: Result) -> str:
    """Scores over the number of training rows."""
    given = result.extras.get("learning_curve")
    if given is None or not len(given["rows"]):
        return ""
    rows = [float(n) for n in given["rows"]]
    train, validation = (
        [(plain(result, v), *plain_interval(result, (low, high))) for v, low, high in given[part]]
        for part in ("train", "validation")
    )
    named = metric_name(result)

    def paint(axes: Axes) -> None:
        if max(rows) > 8 * min(rows):
            axes.set_xscale("log")
        for values, colour, dash in ((train, BLUE, "-"), (validation, ORANGE, (0, (4, 2)))):
            array = np.asarray(values, np.float64)
            axes.fill_between(rows, array[:, 1], array[:, 2], color=colour, alpha=0.18, linewidth=0)
            line(axes, rows, array[:, 0].tolist(), colour, dash)
            axes.plot(rows, array[:, 0], "o", color=colour, markersize=5)
        plain_numbers(axes, log_x=axes.get_xscale() == "log", whole_x=True)
        axes.set_xlabel("training rows", loc="right")

    drawn = chart(f"{named} over training rows", "rows", paint)
    lines = [
        (f"{int(n):,}", shown(result, t[0]), shown(result, v[0]), shown_interval(result, v[1:]))
        for n, t, v in zip(rows, train, validation, strict=True)
    ]
    head = (("rows", "n"), ("training", "n"), ("validation", "n"), ("95 % interval", "n"))
    said = given.get("sentence", "")
    body = f"""<div class="pair"><figure><figcaption>{esc(capital(named))}</figcaption>{drawn}
{legend(BOTH)}</figure>
<div class="beside">{f"<p>{esc(sentence(said))}</p>" if said else ""}
<p>A network was trained anew on fewer rows each time. Where validation still climbs at the right
edge, more rows would help; where both lines have met, they would not. The bands are 95 %
intervals.</p>
<details><summary>The same in numbers</summary>{table("By training rows", head, lines)}</details>
</div></div>"""
    return panel("Would more rows help?", body)


def importances(result: Result) -> str:
    """How much worse the score gets without each column."""
    given: Sequence[Mapping[str, Any]] = result.extras.get("importances") or ()
    if not given:
        return ""
    ranked = sorted(given, key=lambda one: -float(one["mean"]))
    most = max(float(one["mean"]) for one in ranked)
    lines = []
    for one in ranked:
        mean, se = float(one["mean"]), float(one["se"])
        share = mean / most if most > 0 else 0.0
        lines.append(
            (
                esc(name(one["column"])),
                f"{difference(result, mean)} ± {difference(result, 1.96 * se).lstrip('+')}",
                meter(share),
            )
        )
    named = metric_name(result)
    head = ((("column"), "wide"), (f"{named} worse by", "n"), ("", "fill"))
    words = f"What shuffling one column costs, in {named}"
    body = _folded(words, head, lines)
    body += (
        '<p class="small soft">Each column of the validation part was shuffled in turn, several '
        "times; the number is how much worse the score got, with its 95 % interval. Columns "
        "that tell the same can stand in for each other and then both look unimportant. "
        "None of this says that a column is a cause.</p>"
    )
    return panel("Which columns matter", body)


def _folded(words: str, head: Sequence[tuple[str, str]], lines: Sequence[Sequence[str]]) -> str:
    """A table, of which a long end is folded away."""
    body = table(words, head, lines[:MOST])
    if len(lines) > MOST:
        rest = table(f"{words}: the others", head, lines[MOST:])
        body += f"<details><summary>{len(lines) - MOST} more</summary>{rest}</details>"
    return body


def groups(result: Result) -> str:
    """The score of each group with its interval."""
    given: Sequence[Mapping[str, Any]] = result.extras.get("groups") or ()
    if not given:
        return ""
    classify = result.context.problem.task == "classification"
    metric = METRICS["accuracy" if classify else "mae"]
    named = metric.title
    ends = [(float(group["low"]), float(group["high"])) for group in given]
    scale = Scale([v for group, pair in zip(given, ends, strict=True)
                   for v in (float(group["score"]), *pair, float(group["overall"]))])  # fmt: skip
    lines = [
        (
            esc(name(group["column"])),
            esc(name(group["group"])),
            f"{int(group['n']):,}",
            metric.text(float(group["score"])),
            scale.interval(float(group["score"]), *pair, float(group["overall"])),
            metric.ends(pair),
        )
        for group, pair in zip(given, ends, strict=True)
    ]
    head = (
        ("column", "wide"), ("group", "wide"), ("rows", "n"), (named, "n"), ("", "line"),
        ("95 % interval", "n"),
    )  # fmt: skip
    body = _folded(f"{capital(named)} of each group", head, lines)
    body += (
        '<p class="small soft">Of the validation part; the upright line is the score of all '
        "its rows. Where an interval does not reach it, the group is served better or worse than "
        "the others by more than chance; with many groups, one in twenty does so by chance.</p>"
    )
    return panel("Is it as good for every group?", body)


def tree(result: Result) -> str:
    """The decision tree in words."""
    given: Sequence[str] = result.extras.get("tree") or ()
    if not given:
        return ""
    items = "".join(f"<li>{_indented(sentence)}</li>" for sentence in given)
    folded = f'<ul class="tree">{items}</ul>'
    if len(given) > 12:
        folded = f"<details><summary>All {len(given)} rules</summary>{folded}</details>"
    return panel("The tree in words", folded)


def _indented(sentence: str) -> str:
    """A rule; its depth is told by the spaces before it."""
    depth = len(sentence) - len(sentence.lstrip(" "))
    return "\N{EM SPACE}" * (depth // 2) + esc(sentence.strip())


def drift_reference(result: Result) -> str:
    """What is remembered of the training data."""
    given: Sequence[Mapping[str, Any]] = result.extras.get("drift_reference") or ()
    if not given:
        return ""
    lines = [
        (esc(name(one["column"])), esc(one.get("kind", "")), esc(one.get("seen", "")))
        for one in given
    ]
    body = _folded(
        "Remembered of the training rows",
        (("column", "wide"), ("kind", ""), ("seen", "wide")),
        lines,
    )
    body += (
        '<p class="small soft">New rows are compared with this by <code>backlit drift</code>: a '
        "model is only as good as the likeness of what it meets to what it learned from.</p>"
    )
    return panel("To notice drift later", body)
