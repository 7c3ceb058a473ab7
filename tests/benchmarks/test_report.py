"""Results on disk and in the picture."""

import pytest

from benchmarks.goals import Goal, judge
from benchmarks.report import load, merged, save

from .results import cell, result, row


def test_a_result_comes_back(tmp_path):
    save(tmp_path / "new" / "results.json", result())
    again = load(tmp_path / "new" / "results.json")
    assert again["rows"][0]["cells"]["torch"]["samples"] == [320.0, 340.0]
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["results.json"]


@pytest.mark.parametrize("text", ["", "[]", '{"format": 99}', "not json"])
def test_other_files_are_refused(tmp_path, text):
    path = tmp_path / "results.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"results\.json"):
        load(path)


def test_goals_are_judged_by_medians_and_left_out_where_not_measured():
    name = "step-2-16-16-2"
    goals = (
        Goal("faster", 8.0, (name, "torch"), (name, "backlit"), at_least=True),
        Goal("short", 40.0, (name, "backlit")),
        Goal("elsewhere", 1.0, ("import", "backlit")),
    )
    assert [(g["text"], g["met"]) for g in judge([row()], goals)] == [
        ("faster", True),
        ("short", False),
    ]


def test_a_goal_over_several_rows_is_their_geometric_mean_against_the_best_of_each():
    rows = [row("a"), row("b"), row("c")]
    rows[1]["cells"]["torch"] = cell(20.5, 20.5)  # faster than jax: half of backlit's 41
    over, under = (("a", "b"), ("torch", "jax")), (("a", "b"), "backlit")
    (judged,) = judge(rows, (Goal("both", 1.0, over, under, at_least=True),))
    assert judged["value"] == pytest.approx((1.5 * 0.5) ** 0.5)
    assert not judged["met"]
    more = ("a", "b", "not measured")
    assert judge(rows, (Goal("all", 1.0, (more, "jax"), (more, "backlit")),)) == []


def test_the_chart_is_the_same_file_for_the_same_results(tmp_path):
    pytest.importorskip("matplotlib")
    from benchmarks.chart import draw

    draw(result(), tmp_path / "a.svg")
    draw(result(), tmp_path / "b.svg")
    picture = (tmp_path / "a.svg").read_text()
    assert picture == (tmp_path / "b.svg").read_text()
    assert "2-16-16-2, batch 100" in picture
    assert "torch" in picture


def test_a_chart_without_backlit_is_refused(tmp_path):
    pytest.importorskip("matplotlib")
    from benchmarks.chart import draw

    alone = row()
    alone["ratios"] = {}
    with pytest.raises(ValueError, match="backlit was not measured"):
        draw(result(alone), tmp_path / "a.svg")


def test_rows_that_are_measured_anew_take_the_place_of_their_names():
    before = result(row("a"), row("b"))
    now = result(row("b"))
    now["rows"][0]["cells"]["backlit"] = cell(1.0, 1.0)
    now["started"] = "2024-03-01T12:00:00+00:00"
    now["machine"]["load"] = [3.0, 3.0, 3.0]
    now["rows"].append(row("c"))
    now["versions"]["sklearn"] = "1.6"
    both = merged(before, now)
    assert [r["name"] for r in both["rows"]] == ["a", "b", "c"]
    assert both["rows"][0] == before["rows"][0]
    assert both["rows"][1] == now["rows"][0]
    assert both["updated"] == dict.fromkeys("bc", now["started"])
    assert both["versions"] == {**before["versions"], "sklearn": "1.6"}
    assert (both["started"], both["machine"]) == (before["started"], before["machine"])


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("machine", {"cpu": "Another"}, "another machine"),
        ("versions", {"torch": "1.0"}, "other versions"),
        ("plan", {"threads": 2}, "another plan"),
    ],
)
def test_rows_from_elsewhere_are_not_put_in(key, value, reason):
    with pytest.raises(ValueError, match=reason):
        merged(result(row("a")), {**result(row("a")), key: value})
