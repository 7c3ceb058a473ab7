"""Checkpoints: a run that is killed over and over ends with the bits of one that never stopped; a
file that is of another run, or broken, is refused and says why.
"""

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import backlit as bl
from backlit import nn
from backlit.learn.checks.context import Part
from backlit.learn.models import checkpoints
from backlit.learn.models.checkpoints import Checkpoint, CheckpointError
from backlit.learn.models.loop import Fit, train
from backlit.learn.models.tasks import Classification, Regression


@pytest.fixture(autouse=True)
def written_every_epoch(monkeypatch):
    monkeypatch.setattr(checkpoints, "EVERY", 0.0)


def parts(rows: int = 150, seed: int = 0) -> tuple[Part, Part]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, 3)).astype(np.float32)
    y = (X[:, 0] * X[:, 1] > 0).astype(np.int64)
    first, second = np.split(np.arange(rows), [rows * 2 // 3])
    return Part(X[first], y[first], y[first], first), Part(X[second], y[second], y[second], second)


def model() -> nn.Module:
    """With dropout from the default generator and from one of its own."""
    own = bl.Generator(7)
    return nn.Sequential(
        nn.Linear(3, 16, generator=bl.Generator(1)),
        nn.ReLU(),
        nn.Dropout(0.2),
        nn.Linear(16, 8, generator=bl.Generator(2)),
        nn.Tanh(),
        nn.Dropout(0.1, own),
        nn.Linear(8, 2, generator=bl.Generator(3)),
    )


def go(path: Path | None, epochs: int = 6, data: tuple[Part, Part] | None = None, **how) -> Fit:
    given = {"lr": 0.01, "batch_size": 16, "seed": 3, "patience": None, **how}
    data = data or parts()
    task = Classification("ab", data[0].truth)
    score = lambda truth, outputs: float((outputs.argmax(1) == truth).mean())  # noqa: E731
    return train(model, task, *data, epochs=epochs, score=score, checkpoint=path, **given)


def digest(fit: Fit) -> str:
    """Of everything that a run says."""
    text = repr((fit.history, fit.looks, fit.best, fit.status, fit.message, fit.where))
    found = hashlib.sha256(text.encode())
    for name, value in sorted(fit.model.state_dict().items()):
        found.update(name.encode() + value.numpy().tobytes() + fit.weights[name].tobytes())
    return found.hexdigest()


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "momentum"])
def test_a_run_that_goes_on_has_the_bits_of_one_that_never_stopped(optimizer, tmp_path):
    whole = go(None, 6, optimizer=optimizer)
    path = tmp_path / "run"
    for epochs in (0, 1, 4, 6, 6):  # more epochs may be asked for
        bl.manual_seed(epochs)  # whatever was drawn before
        bl.uniform((3,))
        fit = go(path, epochs, optimizer=optimizer)
    assert digest(fit) == digest(whole)
    assert len(fit.looks) == len(fit.history) == 7


def test_early_stopping_is_the_same_after_a_pause(tmp_path):
    noise = parts()
    rng = np.random.default_rng(1)
    for part in noise:
        part.target[:] = rng.integers(0, 2, len(part.target))
    whole = go(None, 60, noise, patience=3)
    assert whole.status == "early"
    stop = len(whole.history) - 2
    go(tmp_path / "run", stop, noise, patience=3)
    assert digest(go(tmp_path / "run", 60, noise, patience=3)) == digest(whole)
    assert digest(go(tmp_path / "run", 60, noise, patience=3)) == digest(whole)


def test_an_interrupted_run_is_gone_on_with_from_its_last_whole_epoch(tmp_path):
    asked = []

    def should_stop() -> bool:
        asked.append(None)
        return len(asked) == 9

    fit = go(tmp_path / "run", 6, should_stop=should_stop)
    assert fit.status == "interrupted"
    assert 1 < len(fit.history) < 7
    assert digest(go(tmp_path / "run", 6)) == digest(go(None, 6))


def test_a_run_that_diverged_diverges_again_at_the_same_place(tmp_path):
    whole = go(None, 6, lr=1e38, optimizer="sgd")
    assert whole.status == "diverged"
    for _ in range(2):
        assert digest(go(tmp_path / "run", 6, lr=1e38, optimizer="sgd")) == digest(whole)


def test_the_epochs_that_were_there_are_told_again(tmp_path):
    go(tmp_path / "run", 3)
    told = []
    go(tmp_path / "run", 5, on_epoch=lambda epoch: told.append(epoch.epoch))
    assert told == [0, 1, 2, 3, 4, 5]


KILLED = """
import sys, time
sys.path.insert(0, sys.argv[1])
from test_checkpoints import go
from backlit.learn.models import checkpoints

checkpoints.EVERY = 0.0
go(sys.argv[2], 60, on_epoch=lambda epoch: time.sleep(0.02))
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs kill -9")
@pytest.mark.parametrize("kills", [2, pytest.param(8, marks=pytest.mark.long)])
def test_killed_over_and_over_it_ends_with_the_same_bits(kills, tmp_path):
    """kill -9 at moments that nobody chose; each run goes on where the last one was killed."""
    path = tmp_path / "run.safetensors"
    command = [sys.executable, "-c", KILLED, str(Path(__file__).parent), str(path)]
    epochs = [0]
    for kill in range(kills):
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, env=os.environ) as run:
            while not path.exists() or _epochs(path) < epochs[-1] + 3:
                time.sleep(0.005)
                assert run.poll() is None
            time.sleep(0.007 * kill)
            run.send_signal(signal.SIGKILL)
        assert run.returncode == -signal.SIGKILL
        epochs.append(_epochs(path))
    assert epochs[-1] < 60
    assert digest(go(path, 60)) == digest(go(None, 60))
    assert [file.name for file in tmp_path.iterdir()] == [path.name]  # nothing half done is left


def _epochs(path: Path) -> int:
    return len(nn.load(path)["history"]) - 1


# ---- what is refused ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"lr": 0.02}, "lr: 0.01 there, 0.02 here"),
        ({"batch_size": 8}, "batch_size: 16 there, 8 here"),
        ({"seed": 4}, "seed: 3 there, 4 here"),
        ({"optimizer": "sgd"}, "optimizer: 'adam' there, 'sgd' here"),
        ({"patience": 5}, "patience: None there, 5 here"),
        ({"data": parts(seed=1)}, "data: as many rows and inputs, but other cells"),
        ({"data": parts(120)}, "rows: 100 training and 50 validation rows there, 80 training and"),
        ({"epochs": 2}, "has 3 epochs, and 2 were asked for"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused(change, named, tmp_path):
    path = tmp_path / "run"
    go(path, 3)
    before = path.read_bytes()
    with pytest.raises(CheckpointError, match=r"the checkpoint \S+run ") as error:
        go(path, **{"epochs": 5, **change})
    assert named in str(error.value)
    assert re.search("[0-9a-f]{32}", str(error.value)) is None  # words, no sums
    assert path.read_bytes() == before


def test_another_network_is_refused(tmp_path):
    path = tmp_path / "run"
    go(path, 2)
    data = parts()
    other = nn.MLP([3, 4, 2], generator=bl.Generator(0))
    with pytest.raises(
        CheckpointError, match=r"layers: Sequential, .* parameters there, 3-4-2, 26 parameters here"
    ):
        train(
            other, Classification("ab", data[0].truth), *data, epochs=2, lr=0.01, batch_size=16,
            seed=3, patience=None, checkpoint=path,
        )  # fmt: skip


def test_a_broken_file_is_refused_wherever_it_is_broken(tmp_path):
    path = tmp_path / "run"
    go(path, 2)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    places = [0, 8, len(whole) // 3, len(whole) - 1, *rng.integers(0, len(whole), 20)]
    for place in places:
        broken = bytearray(whole)
        broken[place] ^= 1 << int(rng.integers(0, 7))
        path.write_bytes(broken)
        with pytest.raises(CheckpointError):
            go(path, 2)
    for length in (0, 7, 100, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(CheckpointError, match="Delete it to begin anew"):
            go(path, 2)
    path.write_bytes(whole)
    go(path, 2)


@pytest.mark.parametrize("record", ["null", "[]", "{}", "not JSON", '{"format": "else"}'])
def test_a_file_that_is_no_checkpoint_is_refused(record, tmp_path):
    path = tmp_path / "run"
    nn.save(path, nn.Linear(1, 1), metadata={"backlit": record})
    with pytest.raises(CheckpointError, match="cannot be gone on from"):
        go(path, 2)
    nn.save(path, nn.Linear(1, 1))
    with pytest.raises(CheckpointError, match="no checkpoint of a training run"):
        go(path, 2)


def test_a_folder_that_is_not_there_is_an_error_of_the_system(tmp_path):
    with pytest.raises(OSError, match="nothing was written"):
        go(tmp_path / "missing" / "run", 1)


def test_states_wait_in_memory_between_writes(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "EVERY", 1000.0)
    path = tmp_path / "run"
    seen = []
    go(path, 4, on_epoch=lambda epoch: seen.append(_epochs(path)))
    assert seen == [0, 0, 0, 0, 0]
    assert _epochs(path) == 4


def test_a_regression_goes_on_too(tmp_path):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(90, 2)).astype(np.float32)
    truth = 1e6 + 50 * X[:, 0].astype(float)
    task = Regression(truth[:60])

    def part(rows: slice) -> Part:
        return Part(X[rows], task.target(truth[rows]), truth[rows], np.arange(90)[rows])

    def fit(epochs: int, path: Path | None) -> Fit:
        return train(
            lambda: nn.MLP([2, 8, 1]), task, part(slice(60)), part(slice(60, 90)), epochs=epochs,
            lr=0.01, batch_size=13, seed=0, checkpoint=path,
        )  # fmt: skip

    fit(2, tmp_path / "run")
    assert digest(fit(5, tmp_path / "run")) == digest(fit(5, None))


def test_the_file_tells_what_it_is_of(tmp_path):
    path = tmp_path / "run"
    go(path, 1)
    record = json.loads(nn.read_metadata(path)["backlit"])
    assert record["identity"]["lr"] == "0.01"
    state = Checkpoint(path, record["identity"]).load()
    assert state
    assert [epoch.epoch for epoch in state.history] == [0, 1]
    assert {"model.0.weight", "best.0.weight", "optimizer.0.exp_avg"} <= state.arrays.keys()
