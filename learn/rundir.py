"""The folder of a run: claimed before training, marked unfinished until the last file is in it.
Each file is written beside its place and moved there in one step, so none is ever half a file."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from .errors import RunFolderError

FORMAT = "backlit run"
RECORD = "run.json"  # says who wrote the folder, and whether the run came to its end
CHECKPOINT = "checkpoint.safetensors"  # of a run on its way


class RunFolder:
    """A claimed run folder, used as a context manager.

    Entering refuses what is in the way: a folder that holds anything, unless `overwrite` is set
    and its run.json says that backlit wrote it; with `resume` it must hold a run that was killed.
    Leaving by an exception gives the claim back: an earlier run stays as it was, a new folder goes
    away, unless there is a checkpoint in it to go on from. Raises RunFolderError.

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

    def __enter__(self) -> Self:
        """Claim the folder, or say why it cannot be had."""
        try:
            _guarded(self.path, self._claim)
        except BaseException:
            self._give_back()
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

    @property
    def checkpoint(self) -> Path:
        """Where a run on its way writes itself down."""
        return self.path / CHECKPOINT

    def looks(self, sha256: str, seed: int) -> int:
        """How often finished runs here have looked at the test part of this table and seed."""
        record = read_record(self.path) or {}
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
        try:
            with open(self.path / RECORD, "xb") as file:
                file.write(_as_json({"format": FORMAT, "finished": False}))
        except FileExistsError:
            raise RunFolderError(f"another run has just taken {self.path}") from None
        self._claimed = True

    def _check_replaceable(self) -> None:
        record = read_record(self.path)
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
        from ..nn.atomic import write_atomically

        before = read_record(self.path) or {}
        unfinished = {
            "format": FORMAT, "finished": False, "files": before.get("files", []),
            "test_looks": record.get("test_looks"),  # the look was taken, whatever comes now
        }  # fmt: skip
        write_atomically(self.path / RECORD, [_as_json(unfinished)])
        for name, content in files.items():
            write_atomically(self.path / name, [content])
        for name in _own_names(before):
            if name not in files:
                (self.path / name).unlink(missing_ok=True)
        whole = {**record, "format": FORMAT, "finished": True, "files": sorted(files)}
        write_atomically(self.path / RECORD, [_as_json(whole)])
        self.checkpoint.unlink(missing_ok=True)
        self._finished = True


def read_record(folder: Path) -> dict[str, Any] | None:
    """The run.json of a folder that backlit wrote, else None."""
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) and record.get("format") == FORMAT else None


def _own_names(record: dict[str, Any]) -> list[str]:
    """Plain file names that an earlier record lists; anything that points elsewhere is ignored."""
    names = record.get("files", [])
    if not isinstance(names, list):
        return []
    return [n for n in names if isinstance(n, str) and n not in ("", ".", "..") and "/" not in n]


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
