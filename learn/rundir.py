"""The folder of a run: claimed before training, locked while its run is at work, marked unfinished
until the last file is in it. All files are written beside their places and then moved there, so a
full disk leaves an earlier run whole; the record has the sha256 of each."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from .errors import DataError, RunFolderError, UsageError

try:
    import fcntl
except ImportError:  # Windows: there a folder cannot be locked
    fcntl = None

FORMAT = "backlit run"
RECORD = "run.json"  # says who wrote the folder, and whether the run came to its end
CHECKPOINT = "checkpoint.safetensors"  # of a run on its way
STAGED = ".backlit-staged"  # ends the name of the folder that new files are written to first
MOST = 200_000_000
"""Bytes of a file that is read."""


class RunFolder:
    """A claimed run folder, used as a context manager.

    Entering refuses what is in the way: a folder that holds anything, unless `overwrite` is set
    and its run.json says that backlit wrote it; with `resume` it must hold a run that was killed.
    While it is claimed no other process gets it, whatever it asks for. Leaving by an exception
    gives the claim back: an earlier run stays as it was, a new folder goes away, unless there is a
    checkpoint in it to go on from. Raises RunFolderError.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "run"
    >>> with RunFolder(path) as folder:
    ...     folder.finish({"notes.txt": b"all went well"}, {"seed": 0})
    >>> sorted(file.name for file in path.iterdir())
    ['notes.txt', 'run.json']
    >>> RunFolder(path).__enter__()
    Traceback (most recent call last):
        ...
    backlit.learn.errors.RunFolderError: ... holds a finished run; --overwrite replaces it, ...
    """

    def __init__(self, path: Path, overwrite: bool = False, resume: bool = False) -> None:
        """Note the place; nothing is touched yet."""
        self.path = path
        self.overwrite = overwrite
        self.resume = resume
        self._made: list[Path] = []  # folders made here, outermost first
        self._claimed = False
        self._finished = False
        self._lock: int | None = None

    def __enter__(self) -> Self:
        """Claim the folder, or say why it cannot be had."""
        try:
            _guarded(self.path, self._claim)
        except BaseException:
            self._give_back()
            self._unlock()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give back a claim that came to nothing."""
        if not self._finished:
            self._give_back()
        self._unlock()

    @property
    def checkpoint(self) -> Path:
        """Where a run on its way writes itself down."""
        return self.path / CHECKPOINT

    def looks(self, sha256: str, seed: int) -> int:
        """How often finished runs here have looked at the test part of this table and seed."""
        record = _record_or_none(self.path) or {}
        told = record.get("test_looks")
        if not isinstance(told, dict) or told.get("sha256") != sha256 or told.get("seed") != seed:
            return 0
        count = told.get("count")
        return count if isinstance(count, int) and count > 0 else 0

    def finish(self, files: dict[str, bytes], record: dict[str, Any]) -> None:
        """Write the files, then the record that makes the run a finished one.

        Files that backlit wrote here earlier and that this run does not have are removed; files
        that it did not write stay.
        """
        _guarded(self.path, lambda: self._write_all(files, record))

    def _give_back(self) -> None:
        """Remove what claiming made, as far as nothing else has come into it."""
        try:
            if self._claimed and [file.name for file in self.path.iterdir()] == [RECORD]:
                (self.path / RECORD).unlink()
            for folder in reversed(self._made):
                folder.rmdir()
        except OSError:
            pass  # the error on its way out matters more; the folder is marked unfinished

    def _claim(self) -> None:
        if self.path.exists() and not self.path.is_dir():
            raise RunFolderError(f"{self.path} is a file, not a folder; choose another --out")
        if self.path.is_dir() and any(self.path.iterdir()):
            self._take_lock()
            self._check_replaceable()
            with tempfile.TemporaryFile(dir=self.path):
                pass  # it can be written
            if not self.resume:
                self.checkpoint.unlink(missing_ok=True)
            return
        if self.resume:
            raise RunFolderError(
                f"there is no run in {self.path} to go on with; leave out --resume"
            )
        missing = [folder for folder in (self.path, *self.path.parents) if not folder.exists()]
        for folder in reversed(missing):
            folder.mkdir(exist_ok=True)
            self._made.append(folder)
        self._take_lock()
        try:
            with open(self.path / RECORD, "xb") as file:
                self._claimed = True
                file.write(_as_json({"format": FORMAT, "finished": False}))
        except FileExistsError:
            raise RunFolderError(f"another run has just taken {self.path}") from None

    def _take_lock(self) -> None:
        """Lock the folder itself: no file lies about, and the system lets go when a process ends,
        however it ends."""
        if fcntl is None:
            return
        self._lock = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._made.clear()  # the folder is the other's now
            raise RunFolderError(
                f"another run is at work in {self.path}; wait for its end, or choose another --out"
            ) from None
        except OSError:
            self._unlock()  # a file system without locks

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _check_replaceable(self) -> None:
        record = _record_or_none(self.path)
        if record is None:
            raise RunFolderError(
                f"{self.path} exists and backlit did not write it (no {RECORD} of a run in it), "
                "so not even --overwrite touches it; choose another --out"
            )
        if self.resume:
            if not self.checkpoint.exists():
                raise RunFolderError(
                    f"{self.path} has no checkpoint of a run that was killed; leave out --resume"
                )
            return
        if not self.overwrite:
            state = "a finished run" if record.get("finished") else "an unfinished run"
            onward = "--resume goes on with it, " if self.checkpoint.exists() else ""
            raise RunFolderError(
                f"{self.path} holds {state}; {onward}--overwrite replaces it, --out names another "
                "folder"
            )

    def _write_all(self, files: dict[str, bytes], record: dict[str, Any]) -> None:
        from ..nn.atomic import sync_folder

        before = _record_or_none(self.path) or {}
        sums = {name: _sha256(files[name]) for name in sorted(files)}
        earlier = dict.fromkeys(_own_names(before), "")
        unfinished = {
            "format": FORMAT, "finished": False, "files": earlier | sums,
            "test_looks": record.get("test_looks"),  # the look was taken, whatever comes now
        }  # fmt: skip
        whole = {**record, "format": FORMAT, "finished": True, "files": sums}
        for stale in self.path.glob(f".*{STAGED}"):  # of a run that was killed in here
            shutil.rmtree(stale, ignore_errors=True)
        with tempfile.TemporaryDirectory(
            STAGED, ".", self.path, ignore_cleanup_errors=True
        ) as staged:
            place = Path(staged)
            begun, ended = place / "begun", place / "ended"
            _write(begun, _as_json(unfinished))
            _write(ended, _as_json(whole))
            for name, content in files.items():
                _write(place / f"_{name}", content)
            # All of it is on the disk; from here on files are only moved, which needs no room.
            os.replace(begun, self.path / RECORD)
            for name in files:
                os.replace(place / f"_{name}", self.path / name)
            for name in earlier:
                if name not in files:
                    (self.path / name).unlink(missing_ok=True)
            sync_folder(str(self.path))
            os.replace(ended, self.path / RECORD)
            sync_folder(str(self.path))
            self._finished = True
        self.checkpoint.unlink(missing_ok=True)


def read_record(folder: Path) -> dict[str, Any]:
    """The run.json of a folder that backlit wrote.

    Raises UsageError for a folder that is not there or has none, DataError for one that cannot be
    read or is damaged.
    """
    path = folder / RECORD
    if not path.exists():
        raise UsageError(
            f"{folder} is no run of backlit's: it has no {RECORD}; "
            "name a folder that `backlit learn` wrote, such as runs/customers"
        )
    record = read_json(path)
    if record.get("format") != FORMAT:
        raise DataError(f"{path} is no record of a run of backlit's; name another folder")
    return record


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file. Raises DataError where there is none."""
    return parse_json(read_bytes(path), path)


def read_bytes(path: Path) -> bytes:
    """What is in a file of a run. Raises DataError where it cannot be read."""
    try:
        if path.stat().st_size > MOST:
            raise DataError(f"{path} is larger than backlit writes it; learn again")
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}; learn again") from None


def parse_json(content: bytes, path: Path) -> dict[str, Any]:
    """The JSON object that a file's content is. Raises DataError where it is none."""
    try:
        record = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is damaged ({error}); learn again") from None
    if not isinstance(record, dict):
        raise DataError(f"{path} is damaged: no JSON object; learn again")
    return record


def read_file(folder: Path, name: str, record: dict[str, Any]) -> bytes:
    """The content of a file of a finished run, which must be the one that the run wrote.

    Raises DataError for a file that is missing, damaged, edited or of another run.
    """
    path, sums = folder / name, record.get("files")
    content = read_bytes(path)
    wrote = sums.get(name) if isinstance(sums, dict) else None
    if wrote is None:
        raise DataError(f"{folder / RECORD} does not say what {name} must hold; learn again")
    if _sha256(content) != wrote:
        raise DataError(
            f"{path} is not the file that this run wrote: it is damaged, was edited, or belongs to "
            "another run; learn again"
        )
    return content


def _record_or_none(folder: Path) -> dict[str, Any] | None:
    """The run.json of a folder that backlit wrote, else None."""
    with contextlib.suppress(UsageError, DataError, OSError):
        return read_record(folder)
    return None


def _own_names(record: dict[str, Any]) -> list[str]:
    """Plain file names that an earlier record lists; anything that points elsewhere is ignored."""
    names = record.get("files", {})
    if not isinstance(names, dict):
        return []
    return [n for n in names if n not in ("", ".", "..") and "/" not in n]


def _write(path: Path, content: bytes) -> None:
    """A new file, on the disk when this returns."""
    with open(path, "xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _as_json(record: dict[str, Any]) -> bytes:
    return (json.dumps(record, indent=1, allow_nan=False) + "\n").encode()


def _guarded(path: Path, action: Callable[[], None]) -> None:
    """Run an action; word what the system refuses."""
    try:
        action()
    except RunFolderError:
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise RunFolderError(
            f"cannot write {path}: {reason}; choose another place with --out"
        ) from error
