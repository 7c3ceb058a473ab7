"""What the recommended model gets wrong: the worst rows, the classes it mixes up, how far values
are off, and whether its probabilities mean what they say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...study.text import columns as columns_of
from ..numerals import amount
from ..result import Result
from .charts import BLUE, CARD, INK, chart, plain_numbers
from .page import esc, panel, table
from .pictures import drawing, meter
from .words import classes_of, name, score, sentence

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_ROWS = 20  # rows that are listed
MOST_COLUMNS = 6  # cells of a row that are shown, if there is room
WIDTH = 46  # characters for them, so that a wide window shows the whole table
SURE = 12  # and as many more where no probability takes the room
MOST_CLASSES = 30  # a larger confusion matrix is not drawn


def worst_rows(result: Result) -> str:
    """The rows with the largest loss, as the table has them, drawn where they are pictures."""
    given: Sequence[Mapping[str, Any]] = result.extras.get("worst_rows") or ()
    if not given:
        return ""
    rows = list(given)[:MOST_ROWS]
    pictures = any(row.get("pixels") is not None for row in rows)
    sure = any(row.get("probability") is not None for row in rows)
    columns = [] if pictures else _columns(result, rows, WIDTH if sure else WIDTH + SURE)
    many = max((len(row.get("cells") or {}) for row in rows), default=0)
    aligned = "n" if result.context.problem.task == "regression" else "wide"
    lost = "cross-entropy" if classes_of(result) else "squared error"
    head = [("row", "n"), *([("picture", "")] if pictures else []), ("truth", aligned),
            ("predicted", aligned), *([("sure of it", "n")] if sure else []), (lost, "n"),
            *((name(column, 20), "cell") for column in columns)]  # fmt: skip
    lines = []
    for row in rows:
        cells = [f"{int(row['row'])}"]
        if pictures:
            pixels = row.get("pixels")
            told = f"row {int(row['row'])}: truly {row['truth']}, predicted {row['predicted']}"
            cells.append("" if pixels is None else drawing(np.asarray(pixels, np.float64), told))
        cells += [esc(name(row["truth"])), esc(name(row["predicted"]))]
        if sure:
            p = row.get("probability")
            bar = "" if p is None else f"{score(float(p))}{meter(float(p), 'orange', 'short')}"
            cells.append(bar)
        cells.append(amount(float(row["loss"]), zeros=True))
        cells += [esc(name((row.get("cells") or {}).get(column, ""), 24)) for column in columns]
        lines.append(cells)
    words = f"The {len(rows)} rows with the largest loss"
    if not pictures and many > len(columns):
        shown = f"the first {len(columns)}"
        if result.extras.get("importances"):
            one = len(columns) == 1
            shown = "the one that matters most" if one else f"the {len(columns)} that matter most"
        words += f"; of {many} columns {shown}"
    body = table(words, head, lines)
    where = result.extras.get("worst_part", "validation")
    body += (
        f'<p class="small soft">Rows of the {esc(where)} part, by their number in the table. Look '
        "at them: a wrong label, a strange cell or a kind of row that is rare often stands here."
        "</p>"
    )
    return panel("The worst rows", body)


def _columns(result: Result, rows: Sequence[Mapping[str, Any]], room: int) -> list[str]:
    """The columns to show: those that matter most where that is known."""
    every = list(dict.fromkeys(str(c) for row in rows for c in (row.get("cells") or {})))
    ranked = [str(one["column"]) for one in _by_weight(result.extras.get("importances") or ())]
    known = set(every)
    first = [column for column in ranked if column in known]
    ordered = first + [column for column in every if column not in set(first)]
    kept: list[str] = []
    for column in ordered[:MOST_COLUMNS]:
        texts = [name(column, 20), *(name((row.get("cells") or {}).get(column, ""), 24)
                                     for row in rows)]  # fmt: skip
        room -= max(map(columns_of, texts)) + 3
        if room < 0 and kept:
            break
        kept.append(column)
    return kept


def _by_weight(importances: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return sorted(importances, key=lambda one: -float(one["mean"]))


def confusion(result: Result) -> str:
    """How often each class was taken for which."""
    names = classes_of(result)
    if not names:
        return ""
    counts = np.zeros((len(names), len(names)), int)
    np.add.at(counts, (np.asarray(result.exam.truth), np.asarray(result.exam.predicted)), 1)
    if len(names) > MOST_CLASSES:
        return panel("Which classes it mixes up", _most_confused(counts, names))
    head = "".join(f'<th scope="col">{esc(name(each, 20))}</th>' for each in names)
    lines = []
    for true, each in enumerate(names):
        cells = []
        for guess, count in enumerate(counts[true]):
            kind = "right" if true == guess else "wrong" if count else "zero"
            cells.append(f'<td class="{kind}">{count:,}</td>')
        lines.append(f'<tr><th scope="row">{esc(name(each, 24))}</th>{"".join(cells)}</tr>')
    body = "\n".join(lines)
    drawn = f"""<div class="scroll" tabindex="0" role="group" aria-label="Confusion matrix">
<table class="confusion">
<caption><span>Rows are the true class, columns the predicted one</span></caption>
<thead><tr><td class="corner"></td>{head}</tr></thead>
<tbody>
{body}
</tbody></table></div>
<p class="small soft">Of the test part. The diagonal is right; what stands beside it, in bold, is
mixed up.</p>"""
    return panel("Which classes it mixes up", drawn)


def _most_confused(counts: np.ndarray, names: Sequence[str]) -> str:
    """Of very many classes, the pairs that are mixed up most."""
    off = counts.copy()
    np.fill_diagonal(off, 0)
    order = np.argsort(-off, axis=None, kind="stable")[:MOST_ROWS]
    pairs = [divmod(int(k), len(names)) for k in order if off.flat[k]]
    if not pairs:
        return "<p>No test row was taken for another class.</p>"
    rows = [(esc(name(names[a])), esc(name(names[b])), f"{off[a, b]:,}") for a, b in pairs]
    head = (("true class", "wide"), ("taken for", "wide"), ("rows", "n"))
    return table(f"The {len(rows)} most frequent mistakes of {len(names)} classes", head, rows)


def residuals(result: Result) -> str:
    """Predicted over true values of the test part."""
    if result.context.problem.task != "regression":
        return ""
    truth = np.asarray(result.exam.truth, np.float64)
    predicted = np.asarray(result.exam.predicted, np.float64)
    finite = np.isfinite(truth) & np.isfinite(predicted)
    if not finite.any():
        return ""
    truth, predicted = truth[finite], predicted[finite]
    target = name(result.context.problem.target, 30)
    step = -(-len(truth) // 1500)  # of more points none would be seen

    def paint(axes: Axes) -> None:
        both = np.concatenate([truth, predicted])
        ends = float(both.min()), float(both.max())
        room = 0.04 * (ends[1] - ends[0] or 1.0)
        axes.plot(ends, ends, color=INK, linewidth=1, linestyle=(0, (2, 3)))
        axes.plot(truth[::step], predicted[::step], "o", color=BLUE, markersize=5, alpha=0.6,
                  markeredgewidth=0)  # fmt: skip
        axes.set_xlim(ends[0] - room, ends[1] + room)
        axes.set_ylim(ends[0] - room, ends[1] + room)
        plain_numbers(axes)
        axes.set_xlabel(f"true {target}", loc="right")
        axes.set_ylabel("predicted", loc="top")

    drawn = chart(f"Predicted over true {target}", "residuals", paint, (440, 400))
    error = np.abs(predicted - truth)
    half, most = (amount(float(np.quantile(error, share))) for share in (0.5, 0.9))
    body = f"""<div class="pair"><figure>{drawn}</figure>
<div class="beside"><p>Each point is a row of the test part{_thinned(step)}; on the dotted line a
prediction would be exact.</p>
<p>Half of the predictions are off by at most {half}, nine of ten by at most {most}.</p>
</div></div>"""
    return panel("How far it is off", body)


def _thinned(step: int) -> str:
    return f" (one in {step} is drawn)" if step > 1 else ""


def calibration(result: Result) -> str:
    """Whether of the rows given 70 % some 70 % are right."""
    given = result.extras.get("reliability")
    if given is None or not len(given["mean"]):
        return ""
    mean, share, count = (np.asarray(given[k], np.float64) for k in ("mean", "share", "count"))
    full = (count > 0) & np.isfinite(mean) & np.isfinite(share)
    mean, share, count = mean[full], share[full], count[full]
    if not len(mean):
        return ""

    def paint(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], color=INK, linewidth=1, linestyle=(0, (2, 3)))
        half = 1.96 * np.sqrt(share * (1 - share) / count)
        axes.vlines(mean, np.clip(share - half, 0, 1), np.clip(share + half, 0, 1), color=BLUE,
                    linewidth=1.2)  # fmt: skip
        axes.plot(mean, share, color=BLUE, linewidth=1.5)
        sizes = 5 + 9 * np.sqrt(count / count.max())
        for x, y, size in zip(mean, share, sizes, strict=True):
            axes.plot([x], [y], "o", color=BLUE, markersize=size, markeredgecolor=CARD)
        axes.set_xlim(-0.03, 1.03)
        axes.set_ylim(-0.03, 1.03)
        plain_numbers(axes)
        axes.set_xlabel("mean probability that was said", loc="right")
        axes.set_ylabel("share that came true", loc="top")

    drawn = chart(
        "Calibration: share that came true over the probability said",
        "calibration",
        paint,
        (440, 400),
    )
    rows = [
        (score(float(m)), score(float(s)), f"{int(c):,}")
        for m, s, c in zip(mean, share, count, strict=True)
    ]
    said = given.get("sentence", "")
    numbers = table("The same in numbers", (("said", "n"), ("came true", "n"), ("rows", "n")), rows)
    body = f"""<div class="pair"><figure>{drawn}</figure>
<div class="beside">{f"<p>{esc(sentence(said))}</p>" if said else ""}
<p>On the dotted line the model is as sure as it should be. Points below it: too sure; above it: too
careful. Larger points stand for more rows; upright lines are 95 % intervals.</p>
<details><summary>The same in numbers</summary>{numbers}</details></div></div>"""
    return panel("Do the probabilities mean what they say?", body)
