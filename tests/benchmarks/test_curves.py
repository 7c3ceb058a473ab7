"""The charts by width, batch and depth: which points stand where, and the same file each time."""

import pytest

from benchmarks.cases import scaling

from .results import cell, result, row

pytest.importorskip("matplotlib")

from benchmarks.curves import PANELS, _lines, draw


def measured(name: str, own: float) -> dict:
    cells = {"backlit": cell(own, 1.1 * own), "jax": cell(5 * own, 5 * own)}
    return row(name, name) | {"cells": cells}


ROWS = [measured("width-16", 8.0), measured("width-64", 20.0), measured("depth-2", 25.0)]


def test_points_go_to_their_panel_in_the_order_of_the_cases():
    lines = _lines([*reversed(ROWS), row("step-2-16-16-2")])
    assert lines.keys() == PANELS.keys()
    assert [point[0] for point in lines["width"]["backlit"]] == [16, 64]
    assert lines["depth"]["jax"] == [(2, 125.0, 125.0, 125.0)]
    assert lines["batch"] == {}


def test_every_case_of_the_group_has_a_panel_and_a_look():
    assert {case.spec["panel"] for case in scaling.GROUP.cases} == PANELS.keys()
    rows = [measured(case.name, 10.0) for case in scaling.GROUP.cases]
    points = sum(len(line) for lines in _lines(rows).values() for line in lines.values())
    assert points == 2 * len(scaling.GROUP.cases)


def test_the_same_results_draw_the_same_file(tmp_path):
    draw(result(*ROWS), tmp_path / "a.svg")
    draw(result(*ROWS), tmp_path / "b.svg")
    picture = (tmp_path / "a.svg").read_text()
    assert picture == (tmp_path / "b.svg").read_text()
    assert "backlit, replayed" in picture
    assert "units in each of two hidden layers" in picture


def test_without_rows_of_the_group_there_is_nothing_to_draw(tmp_path):
    with pytest.raises(ValueError, match="no row of `scaling`"):
        draw(result(), tmp_path / "a.svg")
    assert list(tmp_path.iterdir()) == []
