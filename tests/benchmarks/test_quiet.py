"""The choice of cores, with yardsticks that are told, not timed."""

import pytest

from benchmarks import quiet
from benchmarks.quiet import Cores


@pytest.fixture
def cores(monkeypatch):
    """Three cores whose yardsticks are read from a dict."""
    speeds = {0: 1.0, 1: 1.0, 2: 1.0}

    def told(self: Cores, core: int) -> float:
        self.best = min(self.best, speeds[core])
        return speeds[core]

    monkeypatch.setattr(Cores, "_yardstick", told)
    monkeypatch.setattr(quiet, "PATIENCE", 0.0)
    found = Cores(1)
    found.all = [0, 1, 2]
    return found, speeds


def test_the_calmest_core_is_chosen(cores):
    found, speeds = cores
    speeds.update({0: 2.0, 1: 1.5})
    assert found.choose() == {2}


def test_two_threads_get_two_cores(cores):
    found, speeds = cores
    found.count = 2
    speeds[1] = 3.0
    assert found.choose() == {0, 2}


def test_calm_is_judged_by_the_best_ever_seen(cores):
    found, speeds = cores
    assert found.choose() == {0}
    assert found.calm({0})
    speeds[0] = 1.0 * quiet.DISTURBED + 0.1
    assert not found.calm({0})
    assert not found.calm({0, 1})
    assert found.calm({1})


def test_after_some_patience_a_disturbed_core_is_taken(cores):
    found, speeds = cores
    found.choose()
    speeds.update({0: 9.0, 1: 8.0, 2: 7.0})
    assert found.choose() == {2}


def test_more_threads_than_cores_are_refused():
    with pytest.raises(ValueError, match="100000 threads were asked for"):
        Cores(100_000)
