"""Run folders under attack: damaged and swapped files, disks that are full, places that cannot be
written, kills while files are written. Afterwards a run is whole, or says that it is not.
"""

import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from backlit.learn.command import main

from .walking import GOOD, LINES, command_line, complaint


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("good.csv").write_text(GOOD)


RUNS = {
    "truncated": (b'{"format": "backlit ru', "run.json is damaged"),
    "empty": (b"", "run.json is damaged"),
    "no JSON": (b"hello", "run.json is damaged"),
    "a list": (b"[]", "no JSON object"),
    "deep": (b"[" * 100_000, "run.json is damaged"),
    "another's": (b'{"name": "node"}', "no record of a run of backlit's"),
    "unfinished": (b'{"format": "backlit run", "finished": "no"}', "not come to its end"),
    "without sums": (b'{"format": "backlit run", "finished": true}', "does not say what"),
    "missing": (None, "it has no run.json"),
}


@pytest.mark.parametrize("name", RUNS)
def test_a_damaged_run_json_is_one_line(name, finished, capsys):
    content, told = RUNS[name]
    shutil.copytree(finished, "run")
    path = Path("run/run.json")
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    for command in ("predict", "drift"):
        assert main([command, "run", "good.csv"]) == 2
        assert told in complaint(capsys)


@pytest.fixture(scope="module")
def by_network(tmp_path_factory) -> Path:
    """A run that recommends its network, and the like of it with another seed beside."""
    place = tmp_path_factory.mktemp("network")
    X = np.random.default_rng(0).normal(size=(800, 4))
    far = np.where(np.abs(X.sum(axis=1)) > 1.35, "far", "near")  # a line cannot, a tree hardly can
    table = pd.DataFrame(X, columns=[*"abcd"]).assign(y=far)
    table.to_csv(place / "far.csv", index=False)
    table[:20].drop(columns="y").to_csv(place / "new.csv", index=False)
    for seed in "01":
        given = ["--target", "y", "--hidden", "16", "--epochs", "40", "--lr", "0.01", "--quiet"]
        given += ["--seed", seed, "--out", str(place / seed)]
        assert main(["learn", str(place / "far.csv"), *given]) == 0
    prepared = json.loads((place / "0/prepared.json").read_text(encoding="utf-8"))
    assert prepared["recommended"]["model"] is None
    return place


@pytest.mark.parametrize("how", ["swapped", "truncated", "empty", "one bit", "missing"])
def test_weights_of_another_run_or_damaged_ones_never_predict(how, by_network, capsys):
    shutil.copytree(by_network / "0", "run")
    shutil.copy(by_network / "new.csv", "new.csv")
    assert main(["predict", "run", "new.csv"]) == 0
    capsys.readouterr()
    path = Path("run/model.safetensors")
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.unlink()
    if how != "missing":
        other = (by_network / "1/model.safetensors").read_bytes()
        path.write_bytes(
            {"swapped": other, "truncated": content[:-9], "empty": b"", "one bit": content}[how]
        )
    for command in ("predict", "drift"):
        assert main([command, "run", "new.csv"]) == 2
        said = complaint(capsys)
        assert "run/model.safetensors" in said
        assert "learn again" in said


def test_a_limit_on_the_size_of_files_leaves_the_earlier_run_whole(finished):
    resource = pytest.importorskip("resource")
    shutil.copytree(finished, "run")
    before = {file.name: file.read_bytes() for file in Path("run").iterdir()}

    def limited() -> None:  # the report is larger, the checkpoint smaller
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    done = subprocess.run(
        command_line("run", "--overwrite", "--seed", "1"), preexec_fn=limited, check=False,
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr == (
        "backlit: error: cannot write run: File too large; choose another place with --out\n"
    )
    now = {file.name: file.read_bytes() for file in Path("run").iterdir()}
    now.pop("checkpoint.safetensors", None)  # of the run that was not written
    assert now == before


@pytest.mark.parametrize("delay", [0.0, 0.005, 0.02])
@pytest.mark.parametrize("earlier", [False, True], ids=["new", "overwritten"])
def test_killed_while_files_are_written_it_is_whole_or_says_not(earlier, delay, finished, capsys):
    if earlier:
        shutil.copytree(finished, "run")
    process = subprocess.Popen(command_line("run", "--overwrite"), stdout=subprocess.DEVNULL)
    while not any(Path("run").glob(".*-staged")) and process.poll() is None:
        time.sleep(0.0005)
    time.sleep(delay)
    process.kill()
    process.communicate()
    code = main(["predict", "run", "good.csv"])
    said = capsys.readouterr()
    if code == 0:
        assert said.out.count("\n") == len(LINES)
    else:
        assert code == 2
        assert "has not come to its end" in said.err
        assert main(["learn", *command_line("run", "--resume")[4:]]) == 0
    for name in ("prepared.json", "model.safetensors", "predictions.csv"):
        assert Path("run", name).read_bytes() == (finished / name).read_bytes()
    assert main(["learn", *command_line("run", "--overwrite")[4:]]) == 0
    assert not [file.name for file in Path("run").iterdir() if file.name.startswith(".")]


@pytest.mark.parametrize("out", ["shut", "shut/below", "run"])
def test_a_folder_that_may_not_be_written_is_one_line(out, finished):
    shutil.copytree(finished, "run")
    Path("shut").mkdir()
    for folder in ("shut", "run"):
        os.chmod(folder, 0o555)
    plain = []
    if os.geteuid() == 0:  # without its rights root is like others
        if shutil.which("setpriv") is None:
            pytest.skip("root may write everywhere")
        plain = ["setpriv", "--inh-caps=-all", "--bounding-set=-all"]
    done = subprocess.run(
        [*plain, *command_line(out, "--overwrite")], check=False, capture_output=True, text=True,
        timeout=60,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr == (
        f"backlit: error: cannot write {out}: Permission denied; choose another place with --out\n"
    )
    assert not any(Path("shut").iterdir())
