"""What is said: lines without rich, sentences about the start and the gap."""

import io
import sys

import pytest

from backlit.learn.loop import Epoch, Fit
from backlit.learn.tasks import Theory
from backlit.learn.terminal import Terminal
from backlit.learn.verdict import gap_words, interval_words, untrained_words

LN10 = Theory(2.302585, "ln 10")


class Watched(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def epochs() -> list[Epoch]:
    return [Epoch(k, 1 / (1 + k), 0.5, 1 / (1 + k), 0.5) for k in range(1001)]


def test_ten_lines_for_a_thousand_epochs(epochs):
    stream = io.StringIO()
    with Terminal(stream).progress(1000, "accuracy") as on_epoch:
        for epoch in epochs:
            on_epoch(epoch)
    lines = stream.getvalue().splitlines()
    assert 8 <= len(lines) <= 11
    assert "epoch    1/1000" in lines[0]
    assert "epoch 1000/1000" in lines[-1]


def test_without_rich_a_terminal_gets_lines(monkeypatch, epochs):
    monkeypatch.setitem(sys.modules, "rich", None)
    monkeypatch.setitem(sys.modules, "rich.console", None)
    monkeypatch.setitem(sys.modules, "rich.progress", None)
    stream = Watched()
    with Terminal(stream).progress(1000, "accuracy") as on_epoch:
        for epoch in epochs:
            on_epoch(epoch)
    assert "epoch 1000/1000" in stream.getvalue()
    assert "\x1b" not in stream.getvalue()


@pytest.mark.parametrize(
    ("compiled", "kept", "said"),
    [(True, True, ""), (False, True, "First run"), (False, False, "Kernels")],
)
def test_a_first_run_says_why_it_takes_longer(monkeypatch, tmp_path, compiled, kept, said):
    from backlit.engine.kernels import cache

    if compiled:
        (tmp_path / "kernel.nbc").write_bytes(b"")
    monkeypatch.setattr(cache, "directory", lambda: tmp_path)
    monkeypatch.setattr(cache, "is_kept", lambda: kept)
    stream = io.StringIO()
    Terminal(stream).first_run()
    assert stream.getvalue().startswith(said)
    assert bool(stream.getvalue()) == bool(said)


def test_quiet_is_quiet(epochs):
    stream = Watched()
    with Terminal(stream, quiet=True).progress(1000, "accuracy") as on_epoch:
        on_epoch(epochs[1])
    assert stream.getvalue() == ""


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        (2.31, "as it should be"),
        (2.5, "9% above: the random outputs are a little large"),
        (3.5, "52% above: the random outputs are too large"),
        (1.9, "17% below: a lucky start, or the answer stands among the inputs"),
    ],
)
def test_the_untrained_loss_in_words(loss, words):
    assert untrained_words(loss, LN10).startswith(words)


def fit(train: float, validation: float, later: float = 0.5) -> Fit:
    """A fit whose first epoch is the best; `later` is the last validation loss."""
    return Fit(
        [
            Epoch(0, 2.0, 0.1, 2.0, 0.1),
            Epoch(1, 0.4, train, 0.5, validation),
            Epoch(2, 0.3, train, later, validation),
        ],
        best=1,
    )


@pytest.mark.parametrize(
    ("train", "validation", "rows", "words"),
    [
        (1.0, 0.8, 400, "it memorises"),
        (1.0, 0.95, 400, "learned by heart"),
        (0.97, 0.95, 400, "within the noise of 400 rows"),
        (0.97, 0.95, 40_000, ": it generalises"),
        (0.8, 0.95, 400, "luck, or a leak"),
    ],
)
def test_the_gap_in_words(moons, train, validation, rows, words):
    said = gap_words(fit(train, validation), moons.prepared.task, rows)
    assert words in said
    assert f"a gap of {train - validation:+.3f}" in said


def test_overfitting_in_words(moons):
    said = gap_words(fit(0.97, 0.95, later=0.75), moons.prepared.task, 400)
    assert "After epoch 1 validation loss rose by 50%" in said
    best_last = fit(0.97, 0.95, later=0.4)
    best_last.best = 2
    assert "The last epoch was the best one" in gap_words(best_last, moons.prepared.task, 400)


def test_nothing_learned_in_words(moons):
    none = fit(0.9, 0.9)
    none.best = 0
    assert "no epoch was better than the untrained" in gap_words(none, moons.prepared.task, 400)
    assert interval_words(0.9, 0.5, (0.8, 0.95)).startswith("the whole interval lies above")
    assert interval_words(0.6, 0.5, (0.4, 0.7)).endswith("this may be luck")
    assert interval_words(0.4, 0.5, (0.3, 0.5)).startswith("no better than the baseline")
