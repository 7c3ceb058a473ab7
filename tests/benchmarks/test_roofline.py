"""The limit by hand: work counted for small networks, rates and parts from rows that are told."""

import pytest

from benchmarks import tables
from benchmarks.cases.limits import COPIED, FMA_FLOPS, MATMUL
from benchmarks.roofline import rates, reached, step_bytes, step_flops

from .results import cell, result, row


def limits(fma: float | None, matmul: float | None, copy: float | None) -> list[dict]:
    """Rows of these times in us, from one system each; what is None is not there."""
    times = {"limit-fma": fma, "limit-matmul": matmul, "limit-copy": copy}
    return [
        row(name, name) | {"cells": {"numpy": cell(time, 2 * time)}}
        for name, time in times.items()
        if time
    ]


def test_the_work_of_a_step_counted_by_hand():
    # forward 3 products of a row; both gradients of the second layer, the weights' of the first
    by_loop = sum(
        2 * batch_row_products
        for batch_row_products in (2 * 3, 3 * 4)  # forward
        + (2 * 3, 3 * 4)  # gradients of weights
        + (3 * 4,)  # gradient of the hidden layer
    )
    assert step_flops((2, 3, 4), batch=5) == 5 * by_loop + 14 * (3 * 3 + 4 * 4)
    assert step_bytes((2, 3, 4), batch=5) == 24 * (3 * 3 + 4 * 4) + 4 * 5 * 2


def test_the_best_round_of_the_best_limit_counts():
    fma = FMA_FLOPS / 100e-6
    slower, faster = (2 * MATMUL**3 / rate * 1e6 for rate in (fma / 2, fma * 2))
    for matmul, best in ((slower, fma), (faster, 2 * fma)):
        found = rates(limits(100.0, matmul, 1000.0), 1)
        assert found
        assert found.flops == pytest.approx(best)
        assert found.bytes == pytest.approx(2 * COPIED / 1000e-6)


def test_every_thread_multiplies_and_adds():
    one, two = rates(limits(100.0, None, 1000.0), 1), rates(limits(100.0, None, 1000.0), 2)
    assert one
    assert two
    assert two.flops == pytest.approx(2 * one.flops)
    assert two.bytes == one.bytes


@pytest.mark.parametrize("missing", [(None, None, 1.0), (1.0, 1.0, None), (None, None, None)])
def test_without_a_measured_limit_there_is_no_part_of_it(missing):
    rows = [row("replay-2-16-16-2"), *limits(*missing)]
    assert rates(rows, 1) is None
    assert reached(rows, 1) == []
    assert tables.limit(rows, 1) == ""


def test_a_step_is_held_against_the_longer_of_its_two_times():
    # 40 to 42 us of backlit, 60 to 63 of jax, the best peer
    rows = [row("replay-2-16-16-2"), row("replay-2-16-16-2-read"), row("step-2-16-16-2")]
    flops, moved = step_flops((2, 16, 16, 2), 100), step_bytes((2, 16, 16, 2), 100)
    (by_flops,) = reached([*rows, *limits(100.0, None, 1e-3)], 1)
    assert by_flops.least == pytest.approx(flops / (FMA_FLOPS / 100e-6))
    (by_bytes,) = reached([*rows, *limits(1e-3, None, 1e6)], 1)
    assert by_bytes.least == pytest.approx(moved / (2 * COPIED))
    assert by_flops.own == pytest.approx(41e-6)
    assert by_flops.best_peer == pytest.approx(61.5e-6)


def test_the_readme_shows_the_part_that_was_reached():
    rows = [row("replay-2-16-16-2"), row("epochs-2-16-16-2"), *limits(100.0, None, 1000.0)]
    text = tables.readme(result(*rows))
    lines = [line for line in text.splitlines() if line.startswith("| 2-16-16-2, batch 100")]
    cells = [[text.strip() for text in line.strip("|").split("|")] for line in lines]
    table = [line for line in cells if len(line) == 7]
    assert [line[0] for line in table] == [
        "2-16-16-2, batch 100",
        "2-16-16-2, batch 100, within epochs",
    ]
    part = step_flops((2, 16, 16, 2), 100) / (FMA_FLOPS / 100e-6) / 41e-6
    assert table[0][5] == f"**{part:.0%}**"
    assert "200 GFLOP/s" in text
