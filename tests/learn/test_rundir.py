"""The run folder: claimed, refused, given back, overwritten, and never half a run unmarked."""

import errno
import json
import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from backlit.learn.errors import RunFolderError
from backlit.learn.rundir import RunFolder, read_record

FILES = {"report.html": b"<p>", "model.safetensors": b"weights"}


def written(path: Path, files: dict[str, bytes] = FILES, overwrite: bool = False) -> Path:
    with RunFolder(path, overwrite) as folder:
        folder.finish(files, {"seed": 0})
    return path


ENTERED = """
import os, sys
from pathlib import Path
from backlit.learn.rundir import RunFolder
RunFolder(Path(sys.argv[1]), overwrite=True).__enter__()
print("claimed", flush=True)
sys.stdin.read()
os._exit(0)
"""


def claimed(path: Path) -> subprocess.Popen[str]:
    """A process whose run is at work in the folder, until its standard input is closed."""
    process = subprocess.Popen(
        [sys.executable, "-c", ENTERED, path],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "claimed\n"
    return process


def killed(path: Path) -> Path:
    """The folder of a run that was killed after its claim."""
    process = claimed(path)
    process.kill()
    process.communicate()
    return path


def contents(path: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in path.iterdir()}


def test_a_finished_run(tmp_path):
    path = written(tmp_path / "deep" / "down" / "run")
    record = json.loads(contents(path).pop("run.json"))
    assert record == {
        "format": "backlit run",
        "finished": True,
        "files": {name: sha256(FILES[name]).hexdigest() for name in sorted(FILES)},
        "seed": 0,
    }
    assert {name: contents(path)[name] for name in FILES} == FILES
    assert set(contents(path)) == {*FILES, "run.json"}


def test_marked_unfinished_from_the_claim_to_the_last_file(tmp_path):
    with RunFolder(tmp_path / "run") as folder:
        record = read_record(folder.path)
        assert record is not None
        assert record["finished"] is False
        folder.finish({}, {})
    record = read_record(tmp_path / "run")
    assert record is not None
    assert record["finished"] is True


def test_an_existing_run_is_refused(tmp_path):
    path = written(tmp_path / "run")
    before = contents(path)
    with pytest.raises(RunFolderError, match="holds a finished run; --overwrite replaces it"):
        written(path)
    assert contents(path) == before


def test_overwrite_replaces_what_backlit_wrote_and_nothing_else(tmp_path):
    path = written(tmp_path / "run")
    (path / "notes.txt").write_text("mine")
    written(path, {"report.html": b"new"}, overwrite=True)
    assert set(contents(path)) == {"report.html", "run.json", "notes.txt"}
    assert (path / "report.html").read_bytes() == b"new"
    assert (path / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    "record", [None, "", "{", "[]", '{"format": "other"}', "[" * 100_000, "\0", '{"finished": 1}']
)
def test_a_folder_of_somebody_else_is_never_touched(tmp_path, record):
    path = tmp_path / "mine"
    path.mkdir()
    (path / "thesis.tex").write_text("years of work")
    if record is not None:
        (path / "run.json").write_text(record)
    before = contents(path)
    with pytest.raises(RunFolderError, match="not even --overwrite touches it"):
        written(path, overwrite=True)
    assert contents(path) == before


def test_a_record_cannot_send_overwrite_elsewhere(tmp_path):
    (tmp_path / "victim.txt").write_text("safe")
    path = written(tmp_path / "run")
    record = json.loads((path / "run.json").read_text())
    record["files"] = dict.fromkeys(["../victim.txt", str(tmp_path / "victim.txt"), "..", ""], 7)
    (path / "run.json").write_text(json.dumps(record))
    written(path, overwrite=True)
    assert (tmp_path / "victim.txt").read_text() == "safe"


def test_an_empty_folder_is_taken(tmp_path):
    written(tmp_path)
    assert (tmp_path / "run.json").exists()


def test_a_run_that_fails_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError), RunFolder(tmp_path / "a" / "b"):
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_fails_leaves_the_earlier_one(tmp_path):
    path = written(tmp_path / "run")
    before = contents(path)
    with pytest.raises(RuntimeError), RunFolder(path, overwrite=True):
        raise RuntimeError
    assert contents(path) == before


def test_an_unfinished_run_is_refused_and_can_be_overwritten(tmp_path):
    path = killed(tmp_path / "run")
    with pytest.raises(RunFolderError, match="holds an unfinished run"):
        written(path)
    written(path, overwrite=True)


def test_two_runs_cannot_claim_one_folder(tmp_path):
    with RunFolder(tmp_path / "run") as folder:
        with pytest.raises(RunFolderError):
            written(folder.path)
        folder.finish(FILES, {})
    assert set(contents(tmp_path / "run")) == {*FILES, "run.json"}


@pytest.mark.parametrize("earlier", [False, True], ids=["new", "overwritten"])
def test_a_folder_whose_run_is_at_work_is_refused_until_that_ends(earlier, tmp_path):
    path = tmp_path / "run"
    if earlier:
        written(path)
    process = claimed(path)
    before = contents(path)
    for how in ({}, {"overwrite": True}, {"resume": True}):
        with pytest.raises(RunFolderError, match="another run is at work in"):
            RunFolder(path, **how).__enter__()
    assert contents(path) == before
    process.kill()  # a lock must not outlive its process
    process.communicate()
    written(path, overwrite=True)


def test_a_folder_that_another_run_locks_just_after_it_was_made_stays(tmp_path, monkeypatch):
    fcntl = pytest.importorskip("fcntl")

    def taken(*arguments):
        raise BlockingIOError(errno.EWOULDBLOCK, "")

    monkeypatch.setattr(fcntl, "flock", taken)
    with pytest.raises(RunFolderError, match="another run is at work"):
        RunFolder(tmp_path / "run").__enter__()
    assert (tmp_path / "run").is_dir()


def test_a_file_system_without_locks_is_no_reason_to_fail(tmp_path, monkeypatch):
    fcntl = pytest.importorskip("fcntl")

    def unknown(*arguments):
        raise OSError(errno.ENOLCK, "No locks available")

    with RunFolder(tmp_path / "run") as folder:
        monkeypatch.setattr(fcntl, "flock", unknown)
        folder.finish(FILES, {})
    written(tmp_path / "run", overwrite=True)
    monkeypatch.undo()
    assert set(contents(tmp_path / "run")) == {*FILES, "run.json"}


def test_a_file_in_the_way(tmp_path):
    (tmp_path / "run").write_text("")
    with pytest.raises(RunFolderError, match="is a file"):
        written(tmp_path / "run")
    with pytest.raises(RunFolderError, match="Not a directory"):
        written(tmp_path / "run" / "below")


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder that nobody can write")
def test_a_place_that_cannot_be_written():
    with pytest.raises(RunFolderError, match="cannot write /proc/backlit"):
        written(Path("/proc/backlit"))


def test_a_name_that_is_too_long(tmp_path):
    with pytest.raises(RunFolderError, match="too long"):
        written(tmp_path / ("x" * 300))


@pytest.mark.parametrize("at", range(4))
def test_a_full_disk_leaves_an_earlier_run_whole(at, tmp_path, monkeypatch):
    path = written(tmp_path / "run")
    before, sync, calls = contents(path), os.fsync, []

    def full(descriptor):
        calls.append(descriptor)
        if len(calls) == at + 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunFolderError, match="No space left on device"):
        written(path, dict.fromkeys(FILES, b"new"), overwrite=True)
    assert contents(path) == before


def test_what_a_killed_writer_left_is_swept(tmp_path):
    path = written(tmp_path / "run")
    (path / ".abc.backlit-staged").mkdir()
    (path / ".abc.backlit-staged" / "_report.html").write_text("half")
    written(path, overwrite=True)
    assert set(contents(path)) == {*FILES, "run.json"}


def test_a_full_disk_leaves_a_folder_marked_unfinished(tmp_path, monkeypatch):
    path = tmp_path / "run"
    replace, calls = os.replace, []

    def fails(*arguments):
        calls.append(arguments)
        if len(calls) == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        replace(*arguments)

    monkeypatch.setattr(os, "replace", fails)
    with pytest.raises(RunFolderError, match="No space left on device"):
        written(path)
    record = read_record(path)
    assert record is not None
    assert record["finished"] is False
    assert not [name for name in contents(path) if name.startswith(".")]


def test_looks_are_counted_over_runs_that_were_cut_off(tmp_path, monkeypatch):
    """A run that ends while its files are written has looked at the test part all the same."""
    path = tmp_path / "run"

    def looked(seed: int = 0) -> int:
        with RunFolder(path, overwrite=True) as folder:
            count = folder.looks("table", seed) + 1
            looks = {"count": count, "sha256": "table", "seed": seed}
            folder.finish(FILES, {"test_looks": looks})
        return count

    assert [looked(), looked()] == [1, 2]
    replace, calls = os.replace, []

    def fails(*arguments):
        calls.append(arguments)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        replace(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", fails)
        with pytest.raises(RunFolderError):
            looked()
    assert looked() == 4
    assert looked(seed=1) == 1  # other rows
