"""Whether later rows are still like those that were learned from: each column by itself, and all of
them together. What moves by chance is told apart from what has moved.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...study.findings import Finding
from ...study.text import count_text
from ..data.cells import as_texts, missing_in
from ..data.table import Table
from ..data.words import listed, quoted
from ..numerals import amount, decimal, p_value, percent
from .joint_drift import told_apart
from .reference import ColumnReference, Reference, numbers_in, place
from .rules import LIMITS, judged, limit

PSI = limit(
    "drift_psi", 0.1, "the population stability index of a column, and its chance bound",
    "N. Siddiqi, Credit Risk Scorecards; bound chi2 x (1/n + 1/m), B. Yurdakul, 2018: measured, "
    "without it 37 % false alarms at 200 rows",
)  # fmt: skip
DISTANCE = limit(
    "drift_distance", 0.1, "Wasserstein's distance in deviations, above 1,000 rows",
    "evidently: above 1,000 rows Kolmogorov and Smirnov's test sees what does not matter",
)  # fmt: skip
ALPHA = limit(
    "drift_alpha", 0.05, "false alarms of all tests of a comparison together",
    "C. Bonferroni: divided by the number of tests",
)  # fmt: skip
MISSING = limit(
    "drift_missing", 0.05, "how much the share of missing cells moved, and p under drift_alpha",
    "below, the fill-in does little harm",
)  # fmt: skip
JOINT = limit(
    "drift_auc", 0.6, "AUC of telling new rows from old ones, and its interval above 0.5",
    "S. Rabanser et al., 2019, on domain classifiers; 0.5 is alike",
)  # fmt: skip
LEAST = limit(
    "drift_rows", 200, "rows on either side, from below",
    "measured: under 200 rows chance moves a tenth of a column's rows from bin to bin",
)  # fmt: skip
KS_ROWS = 1000

Joint = tuple[float, tuple[float, float]]
"""The AUC of telling new rows from old ones, and its interval."""


@dataclass(frozen=True)
class ColumnDrift:
    """What became of one column."""

    column: str
    kind: str
    rows: int
    """New rows with a value."""
    psi: float
    psi_bound: float
    """What chance makes of the PSI."""
    test: str
    """"KS", "Wasserstein" or "" for categories."""
    statistic: float
    p: float | None
    """Of KS; None for the others."""
    missing_before: float
    missing_now: float
    new_levels: tuple[str, ...]
    new_share: float
    """The share of new rows whose level did not occur before."""
    reasons: tuple[str, ...]
    """Why it counts as drifted, in words; empty where it does not."""

    @property
    def drifted(self) -> bool:
        """Whether the column has moved beyond chance."""
        return bool(self.reasons)


@dataclass(frozen=True)
class DriftReport:
    """The comparison of new rows with a reference."""

    rows_before: int
    rows_now: int
    columns: tuple[ColumnDrift, ...]
    joint_auc: float | None
    """How well new rows are told from old ones by all columns; None where that was not tried."""
    joint_interval: tuple[float, float] | None
    rest_auc: float | None
    """The same by the columns that have not moved alone; None where all or none of them have."""
    rest_interval: tuple[float, float] | None
    findings: tuple[Finding, ...]

    @property
    def drifted(self) -> bool:
        """Whether anything has moved beyond chance."""
        return any(finding.level != "note" for finding in self.findings)

    def as_dict(self) -> dict[str, Any]:
        """The numbers of each column, for JSON."""
        from dataclasses import asdict

        return {
            "rows": [self.rows_before, self.rows_now],
            "drifted": self.drifted,
            "joint": {
                "auc": self.joint_auc,
                "interval": self.joint_interval,
                "without_drifted": {"auc": self.rest_auc, "interval": self.rest_interval},
            },
            "columns": [{**asdict(one), "drifted": one.drifted} for one in self.columns],
            "findings": [asdict(finding) for finding in self.findings],
        }


def drift(
    reference: Any,
    new: Any,
    columns: Sequence[str] | None = None,
    seed: int = 0,
    limits: Mapping[str, float] | None = None,
) -> list[Finding]:
    """What has moved between two tables, as findings; `compare` gives the numbers too."""
    return list(compare(reference, new, columns, seed, limits).findings)


def compare(
    reference: Any,
    new: Any,
    columns: Sequence[str] | None = None,
    seed: int = 0,
    limits: Mapping[str, float] | None = None,
    joint: bool = True,
) -> DriftReport:
    """Hold new rows against those that a model learned from.

    Parameters
    ----------
    reference : a Reference, or the table (or DataFrame) to make one of.
    new : a table or DataFrame with the same columns.
    columns : those to compare; by default all that the reference watches.
    limits : thresholds by name, instead of those in `rules.LIMITS`.
    joint : whether to try all columns together too, by a forest that tells old rows from new.

    A column has drifted where its PSI is above 0.1 and above what chance makes of it; where KS (up
    to 1,000 rows on the smaller side) or Wasserstein's distance (above) says so; where cells are
    missing more or less often than before; where levels came that the reference hardly allows for.
    Raises DataError where a column is missing in `new`.

    >>> rng = np.random.default_rng(0)
    >>> before, now = ({"x": rng.normal(size=500) + shift} for shift in (0, 2))
    >>> print(drift(before, now)[0].level)
    warning
    """
    limits = {name: known.value for name, known in LIMITS.items()} | dict(limits or {})
    if not isinstance(reference, Reference):
        reference = Reference.of(reference, columns, seed)
    new = Table.of(new)
    watched = [one for one in reference.columns if columns is None or one.name in columns]
    for one in watched:
        new.require(one.name, "which the reference has")
    n, m = reference.rows, new.rows
    least = limits[LEAST]
    if min(n, m) < least:
        text = (
            f"{n:,} rows before and {m:,} now are too few to tell drift from chance; "
            f"{amount(least)} on either side would do"
        )
        found = judged("drift", "note", text, min(n, m), LEAST, limits, min(n, m), "collect more")
        return DriftReport(n, m, (), None, None, None, None, (found,))
    if not watched:
        text = "no column to compare: dates, identifiers and free texts always move"
        found = judged("drift", "note", text, 0, PSI, limits, m, "")
        return DriftReport(n, m, (), None, None, None, None, (found,))
    alpha = limits[ALPHA] / (2 * len(watched) + 2 * joint)
    rows = tuple(
        _number(one, reference, new, alpha, limits, seed)
        if one.kind == "number"
        else _category(one, new, alpha, limits)
        for one in watched
    )
    whole = rest = None
    still = [one.column for one in rows if not one.drifted]
    if joint:
        whole = told_apart(reference, new, [one.name for one in watched], seed, alpha)
        if 0 < len(still) < len(rows):
            rest = told_apart(reference, new, still, seed, alpha)
    findings = [*_of_columns(rows, m, limits), *_of_all(whole, rest, rows, m, alpha, limits)]
    return DriftReport(
        n, m, rows, *(whole or (None, None)), *(rest or (None, None)), tuple(findings)
    )


def psi(before: np.ndarray, now: np.ndarray) -> float:
    """The population stability index of counts in the same bins; half a row is added to each.

    >>> round(psi(np.array([50, 50]), np.array([80, 20])), 3)
    0.406
    """
    p = (before + 0.5) / (before.sum() + 0.5 * len(before))
    q = (now + 0.5) / (now.sum() + 0.5 * len(now))
    return float(np.sum((p - q) * np.log(p / q)))


def psi_bound(bins: int, n: int, m: int, alpha: float) -> float:
    """What the PSI of n and m rows stays below by chance, but for `alpha` of the cases."""
    from scipy.stats import chi2

    return float(chi2.ppf(1 - alpha, max(1, bins - 1)) * (1 / n + 1 / m))


def _number(
    one: ColumnReference, reference: Reference, new: Table, alpha: float,
    limits: Mapping[str, float], seed: int,
) -> ColumnDrift:  # fmt: skip
    cells = new.column(one.name)
    values = numbers_in(cells)
    values = values[np.isfinite(values)]
    n, m = one.rows - one.missing, len(values)
    reasons: list[str] = []
    stability = bound = statistic = 0.0
    test, p = "", None
    if n and m:
        counts = np.asarray(one.counts)
        now = np.bincount(place(one.edges, values), minlength=len(counts))
        if len(counts) == 1:  # it never changed before; does it now?
            values_before = np.full(1, one.quantiles[0])
            counts = np.array([n, 0])
            now = np.array([int((values == values_before[0]).sum()), 0])
            now[1] = m - now[0]
        counts, now = _pooled(counts, now)
        stability, bound = psi(counts, now), psi_bound(len(counts), n, m, alpha)
        if stability > max(bound, limits[PSI]):
            reasons.append(
                f"PSI {amount(stability)} (limit {amount(limits[PSI])}, by chance "
                f"{amount(bound, 2)})"
            )
        test, statistic, p = _distance(one, reference, values, seed)
        if test == "KS" and p is not None and p < alpha:
            reasons.append(f"KS {decimal(statistic)}, {p_value(p)}")
        if test == "Wasserstein" and statistic >= limits[DISTANCE]:
            reasons.append(f"Wasserstein's distance {amount(statistic)} deviations")
        if reasons:
            before = one.quantiles[len(one.quantiles) // 2]
            reasons.append(
                f"the median went from {amount(before)} to {amount(float(np.median(values)))}"
            )
    gone = new.rows - m
    reasons += _missing(one, gone, new.rows, alpha, limits)
    return ColumnDrift(
        one.name, one.kind, m, stability, bound, test, statistic, p,
        one.missing / one.rows, gone / new.rows, (), 0.0, tuple(reasons),
    )  # fmt: skip


def _distance(
    one: ColumnReference, reference: Reference, values: np.ndarray, seed: int
) -> tuple[str, float, float | None]:
    """KS with p where either side has up to 1,000 rows, else Wasserstein's distance."""
    if min(one.rows - one.missing, len(values)) > KS_ROWS:
        shares = np.linspace(0, 1, len(one.quantiles))
        apart = np.abs(np.asarray(one.quantiles) - np.quantile(values, shares))
        inner = apart[1:-1]  # the ends are single rows
        return "Wasserstein", float(inner.mean() / one.deviation) if one.deviation else 0.0, None
    from scipy.stats import ks_2samp

    before = np.array([cell for cell in reference.sample[one.name] if cell is not None], np.float64)
    if not len(before):
        return "", 0.0, None
    if len(values) > KS_ROWS:
        values = np.random.default_rng(seed).permutation(values)[:KS_ROWS]
    found: Any = ks_2samp(before, values, method="asymp")
    return "KS", float(found.statistic), float(found.pvalue)


def _category(
    one: ColumnReference, new: Table, alpha: float, limits: Mapping[str, float]
) -> ColumnDrift:
    from scipy.stats import binom

    cells = new.column(one.name)
    gone = missing_in(cells)
    texts = as_texts(cells)[~gone]
    place_of = {level: k for k, level in enumerate(one.levels)}
    codes = np.array([place_of.get(text, len(place_of)) for text in texts], np.int64)
    now = np.bincount(codes, minlength=len(place_of) + 1)
    n, m = one.rows - one.missing, len(texts)
    reasons: list[str] = []
    stability = bound = 0.0
    levels = tuple(sorted({text for text in texts if text not in place_of}))
    if n and m:
        counts, now_pooled = _pooled(np.append(one.counts, 0), now, new=True)
        stability, bound = psi(counts, now_pooled), psi_bound(len(counts), n, m, alpha)
        if stability > max(bound, limits[PSI]):
            reasons.append(
                f"PSI {amount(stability)} (limit {amount(limits[PSI])}, by chance "
                f"{amount(bound, 2)})"
            )
            k = int(np.argmax(np.abs(now[:-1] / m - np.asarray(one.counts) / n)))
            shares = f"{percent(one.counts[k], n)} to {percent(now[k], m)}"
            reasons.append(f"{quoted(one.levels[k])} went from {shares}")
        # as many rows of new levels are to be expected as levels came only once before (I. Good,
        # 1953): of both together the new rows have their part by chance
        once = one.singles + 1
        if levels and float(binom.sf(now[-1] - 1, once + now[-1], m / (n + m))) < alpha:
            reasons.append(
                f"{count_text(int(now[-1]), 'row')} with {listed(levels, 3)}, which did not occur"
            )
    reasons += _missing(one, int(gone.sum()), new.rows, alpha, limits)
    return ColumnDrift(
        one.name, one.kind, m, stability, bound, "", 0.0, None, one.missing / one.rows,
        float(gone.mean()), levels, float(now[-1] / m) if m else 0.0, tuple(reasons),
    )  # fmt: skip


def _pooled(
    before: np.ndarray, now: np.ndarray, new: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Counts whose rare bins are put together: under 5 rows expected on the smaller side.

    With `new` the last bin holds levels that did not occur before: they belong to the rare ones.
    """
    n, m = before.sum(), now.sum()
    rare = (before + now) / (n + m) * min(n, m) < 5
    if new:
        rare[-1] = True
    if not rare.any():
        return before, now
    return (
        np.append(before[~rare], before[rare].sum()),
        np.append(now[~rare], now[rare].sum()),
    )


def _missing(
    one: ColumnReference, gone: int, rows: int, alpha: float, limits: Mapping[str, float]
) -> list[str]:
    """Whether cells are missing more or less often than they were."""
    from scipy.stats import fisher_exact

    before, now = one.missing / one.rows, gone / rows
    if abs(now - before) < limits[MISSING]:
        return []
    table = [[one.missing, one.rows - one.missing], [gone, rows - gone]]
    tested: Any = fisher_exact(table)
    if float(tested.pvalue) >= alpha:
        return []
    return [
        f"missing in {percent(gone, rows)} of the rows, {percent(one.missing, one.rows)} before"
    ]


def _of_columns(
    rows: Sequence[ColumnDrift], m: int, limits: Mapping[str, float]
) -> list[Finding]:  # fmt: skip
    findings = []
    advice = "has the world changed, or how it is measured? predictions for such rows are guesses"
    for one in sorted((one for one in rows if one.drifted), key=lambda one: -one.psi):
        text = f"{quoted(one.column)} has drifted: {'; '.join(one.reasons)} (n = {m:,})"
        findings.append(judged("drift", "warning", text, one.psi, PSI, limits, m, advice))
    for one in rows:
        if one.new_levels and not one.drifted:
            text = (
                f"{quoted(one.column)} has {count_text(len(one.new_levels), 'new level')} in "
                f"{percent(one.new_share, 1)} of the rows, no more than to be expected: "
                f"{listed(one.new_levels, 3)}"
            )
            findings.append(judged("new levels", "note", text, one.psi, PSI, limits, m, ""))
    if not any(one.drifted for one in rows):
        most = max(rows, key=lambda one: one.psi)
        text = (
            f"none of {count_text(len(rows), 'column')} has drifted; the largest PSI is "
            f"{amount(most.psi, 2)}, of {quoted(most.column)} (n = {m:,})"
        )
        findings.append(judged("drift", "note", text, most.psi, PSI, limits, m, ""))
    return findings


def _of_all(
    whole: Joint | None, rest: Joint | None, rows: Sequence[ColumnDrift], m: int,
    alpha: float, limits: Mapping[str, float],
) -> list[Finding]:  # fmt: skip
    """All columns together, and those that have not moved alone: do these say more?"""
    if whole is None:
        return []
    moved = sum(one.drifted for one in rows)
    numbers = f"{_joint_text(whole, alpha)}, n = {m:,}"
    if not _told(whole, limits):
        text = f"new rows cannot be told from old ones by all columns together: {numbers}"
        return [judged("joint drift", "note", text, whole[0], JOINT, limits, m, "")]
    text = f"new rows can be told from old ones by all columns together: {numbers}"
    if not moved:
        text += "; no column alone has moved, so they go together in another way than before"
    if rest is not None:
        left = len(rows) - moved
        without = f"; without {'the one' if moved == 1 else f'the {moved:,}'} that moved alone, by "
        text += without + f"the other {count_text(left, 'column')}, {_joint_text(rest, alpha)}: "
        text += (
            "they go together in another way than before, too" if _told(rest, limits) and left > 1
            else "it has changed, too" if _told(rest, limits)
            else "nothing else can be seen to have changed"
        )  # fmt: skip
    advice = "score the model on new rows with known answers, and train it on them too"
    return [judged("joint drift", "warning", text, whole[0], JOINT, limits, m, advice)]


def _told(joint: Joint, limits: Mapping[str, float]) -> bool:
    """Whether rows are told apart well, and by more than chance."""
    auc, (low, _) = joint
    return auc >= limits[JOINT] and low > 0.5


def _joint_text(joint: Joint, alpha: float) -> str:
    auc, (low, high) = joint
    return f"AUC {decimal(auc)}, {percent(1 - alpha)} interval {decimal(low)} to {decimal(high)}"
