"""What an exploration found, in sentences: one step for each method, its claims as findings that
carry the number they were held against.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..study.findings import Finding
from ..study.text import count_text
from .data.words import listed, quoted
from .models.autoencoder import Reconstruction
from .models.clusters import MARGIN, SHUFFLES, STABLE, Clusters
from .models.components import SHUFFLES as REARRANGED
from .models.components import Components
from .models.masked import ColumnScore, MaskedColumns
from .models.matrix import Matrix
from .numerals import amount, decimal
from .result import Step

if TYPE_CHECKING:
    from .data.preparation import Preparation
    from .data.table import Table

TOLD = 8
"""Columns, directions and rows that are listed one by one."""

COPY = 0.9
"""The share of the error that goes, from which on a column is as good as a copy of another."""

SHUFFLED = "the same table with shuffled columns"


def _note(code: str, sentence: str, statistic: float, threshold: float, n: int) -> Finding:
    return Finding(code, "note", sentence, float(statistic), float(threshold), n, SHUFFLED, "")


def _share(x: float) -> str:
    """A share as a sentence says it.

    >>> _share(0.234), _share(0.004), _share(-0.2)
    ('23 %', '0.4 %', '−20 %')
    """
    digits = 1 if 0 < abs(x) < 0.0995 else 0
    return f"{decimal(100 * x, digits)} %"


def table_step(table: Table, rows: np.ndarray, preparation: Preparation, matrix: Matrix) -> Step:
    """How the table became numbers, and why every claim has a null."""
    found = [
        f"{count_text(table.rows, 'row')}, {count_text(len(table.names), 'column')}: "
        f"{count_text(len(matrix.groups), 'column')} made into "
        f"{count_text(matrix.X.shape[1], 'input')}.",
        *table.notes,
    ]
    if len(rows) < table.rows:
        found.append(f"{len(rows):,} rows drawn at random are looked at.")
    found += [f"Not used: {quoted(name)}, {why}." for name, why in preparation.left_out.items()]
    if len(matrix.groups) == 1:
        found.append(
            f"{quoted(matrix.columns[0])} is the only column left: with nothing beside it there is "
            "no structure to look for; draw its histogram."
        )
    return Step(
        1, "table", "The table as numbers", tuple(found),
        tuple(change.sentence for change in preparation.changes),
        "Distances and squares need numbers on comparable scales; no column is the answer here, "
        "all count alike.",
        "Without a target nothing says which answer is right, and every method finds something in "
        "anything. So each result is held against the same table with every column shuffled by "
        "itself: it has the same columns, but nothing to find. Only what is clearer counts.",
    )  # fmt: skip


def clusters_step(found: Clusters, rows: int) -> Step:
    """Whether the rows fall into groups."""
    numbers = (
        f"silhouette {decimal(found.silhouette, 2)}; tables with shuffled columns reach "
        f"{decimal(found.null, 2)}, "
        f"single clouds of the same covariances {decimal(found.cloud, 2)}"
    )
    marks: list[str] = []
    if found.found:
        *sizes, last = (f"{size:,}" for size in found.sizes)
        head = (
            f"{found.k} groups of {', '.join(sizes)} and {last} rows: {numbers}. "
            f"Other starts find the same groups (agreement {decimal(found.stability, 2)})."
        )
        marks = [
            f"Group {k + 1} ({count_text(size, 'row')}): {mark}."
            for k, (size, mark) in enumerate(zip(found.sizes, found.marks, strict=True))
        ]
    else:
        doubts = {
            "same": "the rows are not different enough to be divided",
            "columns": f"{numbers}. What looks like groups is in the columns one by one",
            "cloud": f"{numbers}. It is one long cloud, cut in {found.k}",
            "few": f"the smallest of {found.k} has {min(found.sizes)} of {rows:,} rows: these "
            "stand out, but are no group",
            "unstable": f"{numbers}. But other starts find other groups (agreement "
            f"{decimal(found.stability, 2)}, {STABLE} is asked)",
        }
        head = f"No groups: {doubts[found.doubt]}."
    if found.far:
        marks.append(
            f"{count_text(found.far, 'row')} far from all others took no part in the search."
        )
    code = "clusters" if found.found else "no_clusters"
    return Step(
        2, "clusters", "Groups of rows", (head, *marks),
        (
            f"k-means for 2 to {max((t.k for t in found.trials), default=2)} groups, several "
            f"starts each; the number by the silhouette, against {SHUFFLES} shuffled tables and as "
            "many clouds.",
        ),
        "k-means divides any table into any number of groups; the question is whether they are "
        "really there.",
        "The silhouette asks of each row how much nearer it lies to its own group than to the next "
        "one: 1 is far apart, 0 is a cut through a single cloud. If other starts give other "
        "groups, the groups are the method's and not the table's.",
        (_note(code, head, found.silhouette, max(found.null, found.cloud) + MARGIN, rows),),
    )  # fmt: skip


def components_step(found: Components, rows: int) -> Step:
    """Along which directions the rows differ."""
    first, null = float(found.explained[0]), float(found.null[0])
    if found.count:
        explain = "explains" if found.count == 1 else "explain"
        together = float(found.explained[: found.count].sum())
        head = (
            f"{count_text(found.count, 'direction')} {explain} more than in any of {REARRANGED} "
            f"shuffled tables: {_share(together)} of the variance"
            f"{'' if found.count == 1 else ' together'}; "
            f"for 80 % it takes {found.needed(0.8)} of {len(found.explained)}."
        )
    else:
        head = (
            f"No direction stands out: the first explains {_share(first)} of the variance, in "
            f"shuffled tables up to {_share(null)}."
        )
    lines = [
        f"Direction {k + 1} ({_share(float(found.explained[k]))}, shuffled at most "
        f"{_share(float(found.null[k]))}): {words}."
        for k, words in enumerate(found.words[:TOLD])
    ]
    return Step(
        3, "components", "Directions in which rows differ", (head, *lines),
        (f"Principal component analysis, against {REARRANGED} shuffled tables.",),
        "If columns move together, few directions say most of what many columns say.",
        "Each direction is a sum of columns, the first the one along which rows differ most, the "
        "next ones at right angles to it. Some direction is always the longest: it counts if it is "
        "longer than where columns are independent (parallel analysis).",
        (_note("components" if found.count else "no_components", head, first, null, rows),),
    )  # fmt: skip


def autoencoder_step(found: Reconstruction, matrix: Matrix, table: Table) -> Step:
    """What rows can be brought down to, and which do not fit in."""
    judged = len(found.validation)
    numbers = count_text(found.code, "number")
    brought = (
        f"{numbers} {'rebuilds' if found.code == 1 else 'rebuild'} a row but for "
        f"{_share(found.error)} of the variance; in the shuffled table {_share(found.null)} are "
        "left."
    )
    difference = (
        f"PCA with as many leaves {_share(found.pca_error)}, the network gains "
        f"{_share(found.gain)} ± {_share(2 * found.gain_error)}"
    )
    bent = (
        f"{difference}: the relations between the columns are bent, straight lines do not say all."
        if found.bent
        else f"{difference}: nothing bent was found in {count_text(judged, 'validation row')}; "
        "PCA is simpler and does as well."
    )
    odd = [
        f"{table.where(int(row))} ({amount(float(found.row_errors[row]), 2)} times, most in "
        f"{quoted(matrix.names[fault])})"
        for row, fault in zip(found.worst, found.faults, strict=True)
        if row in found.odd
    ][:TOLD]
    limit = (
        f"a row stands out from {amount(float(found.limit), 2)} times on, the worst of the "
        f"shuffled table has "
        f"{amount(float(found.null_worst), 2)}"
    )
    findings = [
        _note("rebuilt", brought, found.error, found.null, judged),
        Finding(
            "bent" if found.bent else "not_bent", "note", bent, found.gain,
            max(2 * found.gain_error, found.straight_gain), judged,
            "two standard errors, and a table of the same covariances", "",
        ),
    ]  # fmt: skip
    worst = float(found.row_errors[found.worst[0]])
    if odd:
        rows = f"Rows unlike the others, by the median row's error: {', '.join(odd)}; {limit}."
        findings.append(
            Finding(
                "odd_rows", "warning", rows, worst, found.limit, len(matrix),
                f"{SHUFFLED}, and Tukey's fence",
                "look at these rows: typing errors, other units, or the rare cases you look for",
            )
        )  # fmt: skip
    else:
        rows = (
            "No row stands out: all are rebuilt."
            if worst < 1
            else (
                f"No row stands out: the worst, {table.where(int(found.worst[0]))}, has "
                f"{amount(float(worst), 2)} times the median row's error; {limit}."
            )
        )
        findings.append(_note("no_odd_rows", rows, worst, found.limit, len(matrix)))
    return Step(
        4, "autoencoder", "Rows from a few numbers", (brought, bent, rows),
        (
            f"An autoencoder with a code of {numbers} (as many as PCA needs for 80 %, at most 8 "
            f"and half of the inputs), judged by {count_text(judged, 'row')} it had not seen.",
            found.descent.sentence,
        ),
        "What can be rebuilt from little has structure; what cannot be rebuilt is new, or wrong.",
        "An autoencoder is a network that learns to give back its input through a narrow place. "
        "PCA does so with straight lines alone, so that it is the baseline here.",
        tuple(findings),
    )  # fmt: skip


def masked_step(found: MaskedColumns, rows: int) -> Step:
    """Which columns can be told from the others."""
    told = found.told
    best = max(found.scores, key=lambda score: score.skill)
    chance = f"in the shuffled table at most {_share(found.null)}"
    if told:
        head = (
            f"{len(told)} of {count_text(len(found.scores), 'column')} can be told from the others:"
            f" of the best, {quoted(best.column)}, {_share(best.skill)} of the error of guessing "
            f"goes, {chance}."
        )
    else:
        head = (
            f"No column can be told from the others: of {quoted(best.column)} "
            f"{_share(max(best.skill, 0.0))} of the error of guessing goes, {chance}."
        )
    lines = [_told(score) for score in told[:TOLD]]
    if len(told) > TOLD:
        lines.append(f"So can {listed([score.column for score in told[TOLD:]])}.")
    names = {score.column for score in told}
    rest = [score.column for score in found.scores if score.column not in names]
    if told and rest:
        lines.append(f"Not told from the others: {listed(rest)}.")
    findings = [_note("told" if told else "none_told", head, best.skill, found.null, rows)]
    findings += [
        Finding(
            "copy", "warning",
            f"{quoted(score.column)} says almost the same as {_others(score)}: "
            f"{_share(score.skill)} of the error of guessing goes.",
            score.skill, COPY, rows, "one tenth of the error left",
            "leave it out; what is said twice counts twice in every distance",
        )
        for score in told
        if score.skill >= COPY
    ]  # fmt: skip
    return Step(
        5, "masked", "Columns told from each other", (head, *lines),
        (
            "A network learned to fill in columns hidden at random, and was asked for each column "
            "of rows it had not seen.",
            found.descent.sentence,
        ),
        "A column that others can tell is partly redundant; one that none can tell is news.",
        "Language models learn in this way too: hide a part, predict it from the rest. What the "
        "network makes of a row on the way can stand for the row in other methods "
        "(MaskedColumns.embedding).",
        tuple(findings),
    )  # fmt: skip


def _others(score: ColumnScore) -> str:
    return listed(score.told_by) if score.told_by else "the other columns"


def _told(score: ColumnScore) -> str:
    if score.kind == "number":
        how = f"{decimal(score.error, 2)} deviations off on average, the median is "
        f"{decimal(score.guess, 2)} off"
    else:
        how = f"wrong in {_share(score.error)}, the most frequent value in {_share(score.guess)}"
    by = "no single other is needed"
    if score.told_by:
        by = f"mostly by {listed(score.told_by)}"
    return f"{quoted(score.column)}: {_share(score.skill)} of the error goes ({how}), {by}."
