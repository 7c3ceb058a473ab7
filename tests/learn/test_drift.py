"""Drift: real hours of bicycles, chance and change by simulation, what a reference remembers."""

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backlit.learn.checks.drift import compare, drift, psi, psi_bound
from backlit.learn.checks.joint_drift import told_apart
from backlit.learn.checks.reference import Reference
from backlit.learn.data.builtin import load
from backlit.learn.data.table import Table
from backlit.learn.errors import DataError

WATCHED = (
    "season", "month", "hour", "holiday", "weekday", "working day", "weather", "temperature",
    "feels like", "humidity", "wind speed",
)  # fmt: skip


@pytest.fixture(scope="module")
def bikes():
    return load("bikes")


def months(table, *wanted):
    return table.take([text[5:7] in wanted for text in table.column("time")])


def columns_of(report):
    return {one.column: one for one in report.columns}


# --- acceptance


def test_june_is_not_like_the_first_quarter(bikes):
    report = compare(months(bikes, "01", "02", "03"), months(bikes, "06"), WATCHED)
    assert report.drifted
    drifted = {one.column for one in report.columns if one.drifted}
    assert {"temperature", "feels like", "season", "month"} <= drifted
    assert "hour" not in drifted
    assert "weekday" not in drifted
    assert (report.joint_auc or 0) > 0.95
    sentences = [f.sentence for f in report.findings if f.level == "warning"]
    temperature = next(s for s in sentences if "'temperature' has drifted" in s)
    assert "the median went from 0.26" in temperature
    assert any("by all columns together" in s for s in sentences)


@pytest.mark.parametrize(("rows", "seeds"), [(8645, 20), (1600, 100), (500, 100)])
def test_halves_dealt_at_random_are_alike(bikes, rows, seeds):
    alarms = 0
    for seed in range(seeds):
        order = np.random.default_rng(seed).permutation(bikes.rows)[:rows]
        first, second = (bikes.take(np.sort(half)) for half in np.array_split(order, 2))
        reference = Reference.of(first, WATCHED, seed)
        alarms += compare(reference, second, seed=seed, joint=False).drifted
    assert alarms <= 0.05 * seeds


def test_all_columns_together_are_alike_too(bikes):
    alarms = 0
    for seed in range(20):
        order = np.random.default_rng(seed).permutation(bikes.rows)[:1200]
        first, second = (bikes.take(np.sort(half)) for half in np.array_split(order, 2))
        auc, interval = told_apart(Reference.of(first, WATCHED), second, WATCHED, seed)
        alarms += auc >= 0.6 and interval[0] > 0.5
        assert 0.4 < auc < 0.6
    assert alarms == 0


# --- one column


def normal(rows, seed=0, shift=0.0, scale=1.0):
    return {"x": np.random.default_rng(seed).normal(shift, scale, rows)}


@pytest.mark.parametrize("rows", [300, 900, 3000])
@pytest.mark.parametrize(("shift", "scale"), [(1.0, 1.0), (0.0, 2.0), (0.0, 0.3)])
def test_a_column_that_moved_or_widened(rows, shift, scale):
    report = compare(normal(rows), normal(rows, 1, shift, scale), joint=False)
    (one,) = report.columns
    assert one.drifted
    assert one.psi > 0.1 > one.psi_bound * (rows > 300)
    assert one.test == ("KS" if rows <= 1000 else "Wasserstein")
    assert report.findings[0].level == "warning"


def test_a_shift_too_small_to_matter_is_left_alone_however_many_rows():
    report = compare(normal(100_000), normal(100_000, 1, 0.04), joint=False)
    assert not report.drifted
    assert "none of 1 column has drifted" in report.findings[0].sentence


def test_ks_and_wasserstein_are_scipys():
    from scipy.stats import ks_2samp, wasserstein_distance

    before, now = normal(800)["x"], normal(700, 1, 0.3)["x"]
    (one,) = compare({"x": before}, {"x": now}, joint=False).columns
    theirs: Any = ks_2samp(before, now, method="asymp")
    assert (one.statistic, one.p) == (theirs.statistic, theirs.pvalue)
    before, now = normal(20_000)["x"], normal(20_000, 1, 0.3)["x"]
    (one,) = compare({"x": before}, {"x": now}, joint=False).columns
    distance = wasserstein_distance(before, now) / before.std()
    assert one.statistic == pytest.approx(distance, rel=0.03)
    assert one.p is None


def test_psi_by_hand():
    assert psi(np.array([50, 50]), np.array([50, 50])) == 0
    p, q = np.array([0.505, 0.495]), np.array([0.2, 0.8])
    expected = sum((a - b) * math.log(a / b) for a, b in zip(p, q, strict=True))
    counts = (np.array([50.5 * 1.01 - 0.5, 49.5 * 1.01 - 0.5]), np.array([20.2 - 0.5, 80.8 - 0.5]))
    assert psi(*counts) == pytest.approx(expected)


def test_the_bound_of_chance_is_what_chance_does():
    # PSI alone, above 0.1, cries wolf at 200 rows; with the bound it does so in 5 of 100
    rng = np.random.default_rng(0)
    alone = bounded = 0
    for _ in range(1500):
        before, now = (np.bincount(rng.integers(0, 10, 200), minlength=10) for _ in range(2))
        found = psi(before, now)
        alone += found > 0.1
        bounded += found > max(0.1, psi_bound(10, 200, 200, 0.05))
    assert alone / 1500 > 0.25
    assert bounded / 1500 == pytest.approx(0.05, abs=0.02)


def test_categories_that_shift_and_new_ones():
    rng = np.random.default_rng(0)
    before = {"c": rng.choice(["a", "b", "c"], 600, p=[0.6, 0.3, 0.1])}
    same = {"c": rng.choice(["a", "b", "c"], 600, p=[0.6, 0.3, 0.1])}
    moved = {"c": rng.choice(["a", "b", "c"], 600, p=[0.2, 0.7, 0.1])}
    new = {"c": rng.choice(["a", "b", "c", "zz"], 600, p=[0.55, 0.3, 0.1, 0.05])}
    assert not compare(before, same, joint=False).drifted
    (one,) = compare(before, moved, joint=False).columns
    assert any("went from" in reason for reason in one.reasons)
    (one,) = compare(before, new, joint=False).columns
    assert one.new_levels == ("zz",)
    assert one.new_share == pytest.approx(0.05, abs=0.03)
    assert any("which did not occur" in reason for reason in one.reasons)


def test_names_that_are_always_new_are_no_drift():
    rng = np.random.default_rng(0)
    shares = 1 / np.arange(1, 400)
    names = rng.choice([f"n{k}" for k in range(399)], 1200, p=shares / shares.sum())
    findings = drift({"c": names[:600]}, {"c": names[600:]})
    assert all(finding.level == "note" for finding in findings)
    assert any("no more than to be expected" in finding.sentence for finding in findings)


def test_cells_that_go_missing():
    before, now = normal(500), normal(500, 1)
    now["x"][:100] = np.nan
    report = compare(before, now, joint=False)
    (one,) = report.columns
    assert one.reasons == ("missing in 20 % of the rows, 0 % before",)
    assert (one.missing_before, one.missing_now) == (0.0, 0.2)
    now["x"][:] = np.nan
    (one,) = compare(before, now, joint=False).columns
    assert one.drifted
    assert one.rows == 0


def test_a_constant_that_changes():
    before = {"x": np.ones(400), "y": np.arange(400) % 7}
    assert not compare(before, before, joint=False).drifted
    one = columns_of(compare(before, {"x": np.full(400, 2.0), "y": np.arange(400) % 7}))["x"]
    assert one.drifted


def test_a_number_that_comes_as_text():
    before = normal(400)
    now = {"x": np.array([f"{v:.3f}" for v in normal(400, 1)["x"][:-1]] + ["unknown"], object)}
    (one,) = compare(before, now, joint=False).columns
    assert one.rows == 399
    assert not one.drifted


# --- all columns


def test_columns_that_go_together_in_another_way():
    rng = np.random.default_rng(0)

    def pair(sign):
        x = rng.normal(size=900)
        return {"x": x, "y": sign * x + 0.3 * rng.normal(size=900)}

    before, now = pair(1), pair(-1)
    report = compare(before, now)
    assert not any(one.drifted for one in report.columns)
    assert (report.joint_auc or 0) > 0.8
    joint = [f for f in report.findings if f.code == "joint drift"]
    assert joint[0].level == "warning"
    assert "no column alone has moved" in joint[0].sentence
    assert not compare(before, pair(1)).drifted


def joint_of(report):
    (found,) = [f for f in report.findings if f.code == "joint drift"]
    return found


@pytest.mark.parametrize("parted", [True, False])
def test_the_columns_that_have_not_moved_alone_are_asked_too(parted):
    """One column moves far; two others, which rose together, part or stay as they were."""
    rng = np.random.default_rng(0)

    def rows(shift, apart):
        a = rng.normal(size=900)
        b = rng.normal(size=900) if apart else a + rng.normal(0, 0.1, 900)
        return {"far": rng.normal(size=900) + shift, "a": a, "b": b}

    before, now = rows(0, False), rows(3, parted)
    report = compare(before, now)
    assert [one.column for one in report.columns if one.drifted] == ["far"]
    without = compare(
        {k: v for k, v in before.items() if k != "far"},
        {k: v for k, v in now.items() if k != "far"},
    )
    assert report.rest_auc == without.joint_auc  # the same forest on the same columns
    assert (report.joint_auc or 0) > 0.95
    assert ((report.rest_auc or 0) > 0.8) == parted
    text = joint_of(report).sentence
    assert "without the one that moved alone, by the other 2 columns, AUC" in text
    words = "in another way than before, too" if parted else "nothing else can be seen"
    assert words in text
    assert report.as_dict()["joint"]["without_drifted"]["auc"] == report.rest_auc


def test_where_all_have_moved_or_none_there_is_no_rest():
    rng = np.random.default_rng(0)
    for shift in (0, 3):
        report = compare(
            {"x": rng.normal(size=500), "y": rng.normal(size=500)},
            {"x": rng.normal(size=500) + shift, "y": rng.normal(size=500) + shift},
        )
        assert report.rest_auc is None
        assert "without" not in joint_of(report).sentence


def test_a_p_of_nothing_is_told_as_a_bound():
    report = compare({"x": np.zeros(300) + np.arange(300) / 300}, {"x": np.full(300, 9.0)})
    text = report.findings[0].sentence
    assert "p < 0.0001" in text
    assert "p = 0" not in text


def test_few_rows_are_too_few():
    report = compare(normal(150), normal(5000, 1, 5.0))
    assert not report.drifted
    assert report.columns == ()
    assert "150 rows before and 5,000 now are too few" in report.findings[0].sentence
    assert compare(normal(150), normal(150, 1, 5.0), limits={"drift_rows": 100}).drifted


def test_a_column_that_is_gone_is_an_error():
    with pytest.raises(DataError, match="no column 'x'"):
        compare(normal(300), {"y": np.arange(300.0)})
    with pytest.raises(DataError, match="no column 'z'"):
        Reference.of(normal(300), ["z"])


def test_dates_identifiers_and_texts_are_not_watched():
    table = {
        "id": np.arange(300),
        "day": [f"2024-{1 + k // 28 % 12:02d}-{1 + k % 28:02d}" for k in range(300)],
    }
    report = compare(table, table)
    assert report.columns == ()
    assert "no column to compare" in report.findings[0].sentence


def test_the_same_rows_give_the_same_report(bikes):
    first, second = months(bikes, "01", "02", "03"), months(bikes, "04")
    assert compare(first, second, WATCHED) == compare(first, second, WATCHED)


# --- what is remembered


def test_a_reference_goes_to_json_and_back(bikes):
    reference = Reference.of(months(bikes, "01", "02", "03"), WATCHED)
    text = json.dumps(reference.as_dict(), allow_nan=False)
    assert len(text) < 150_000
    back = Reference.from_dict(json.loads(text))
    assert back == reference
    june = months(bikes, "06")
    assert compare(back, june) == compare(reference, june)
    json.dumps(compare(back, june).as_dict(), allow_nan=False)


@pytest.mark.parametrize(
    "change",
    [
        {"format": 99}, {"columns": 3}, {"sample": {}}, {"rows": "many"},
        {"columns": [{"name": "x"}]},
    ],
)  # fmt: skip
def test_a_broken_record_is_refused(change):
    record = Reference.of(normal(300)).as_dict()
    with pytest.raises(DataError, match="not what is remembered"):
        Reference.from_dict({**record, **change})
    with pytest.raises(DataError):
        Reference.from_dict(None)


def test_bins_that_do_not_fit_are_refused():
    record = Reference.of(normal(300)).as_dict()
    record["columns"][0]["counts"] = record["columns"][0]["counts"][:-1]
    with pytest.raises(DataError, match="do not fit together"):
        Reference.from_dict(record)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.one_of(st.none(), st.floats(-1e6, 1e6), st.integers(-3, 3).map(float)),
        min_size=1, max_size=60,
    )
)  # fmt: skip
def test_counts_of_a_reference_are_its_rows(values):
    cells = np.array([np.nan if v is None else v for v in values])
    reference = Reference.of(Table.of({"x": cells, "one": np.arange(len(cells)) % 2}))
    for one in reference.columns:
        assert sum(one.counts) + one.missing == one.rows == len(values)
    json.dumps(reference.as_dict(), allow_nan=False)


def test_hostile_names():
    rng = np.random.default_rng(0)
    names = ["a\nb", "\x1b[31m", "</script>", "\u202e"]
    before: dict[str, Any] = {name: rng.normal(size=300) for name in names}
    now: dict[str, Any] = {name: rng.normal(3, 1, 300) for name in names}
    before["t\x00"] = ["x\n"] * 150 + ["y"] * 150
    now["t\x00"] = ["x\n"] * 200 + ["\x07new"] * 100
    for finding in drift(before, now):
        assert finding.sentence.isprintable()
