"""Writing a file so that the old or the new is there at any moment: at kill -9, on a full disk.
A temporary file beside the target is filled, flushed to the disk and moved over it in one step.
"""

from __future__ import annotations

import contextlib
import glob
import os
import secrets
from collections.abc import Iterable
from typing import Any

try:
    import fcntl
except ImportError:  # Windows, where a file that is open cannot be deleted anyway
    fcntl = None

SUFFIX = ".backlit-part"


def write_atomically(path: str | os.PathLike[str], chunks: Iterable[Any]) -> None:
    """Replace the file at ``path`` by the chunks (bytes or contiguous arrays), or leave it alone.

    A link is followed, the mode is 0666 less the umask, and parts that killed writers of the same
    file left behind are removed. Raises OSError, whose message says that nothing was changed.
    """
    target = os.path.realpath(path)
    try:
        remove_stale_parts(target)
        part, descriptor = create_part(target)
        try:
            with os.fdopen(descriptor, "wb") as file:
                for chunk in chunks:
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
                os.replace(part, target)  # still locked: no other writer takes it for stale
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(part)
            raise
    except OSError as error:
        reason = f"{error.strerror or error}; nothing was written, an older file is untouched"
        raise OSError(error.errno, reason, os.fspath(path)) from error
    sync_folder(os.path.dirname(target))


def create_part(target: str) -> tuple[str, int]:
    """A new file beside the target, locked for as long as its writer lives."""
    folder, name = os.path.split(target)
    while True:
        part = os.path.join(folder, f".{name}.{secrets.token_hex(6)}{SUFFIX}")
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        if fcntl is None:
            return part, descriptor
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:  # 0: another writer swept it before the lock
            return part, descriptor
        os.close(descriptor)


def remove_stale_parts(target: str) -> None:
    """Remove parts of the same target whose writer is gone: nobody holds their lock."""
    folder, name = os.path.split(target)
    for part in glob.glob(f".{glob.escape(name)}.*{SUFFIX}", root_dir=folder, include_hidden=True):
        with contextlib.suppress(OSError):
            remove_unless_locked(os.path.join(folder, part))


def remove_unless_locked(part: str) -> None:
    if fcntl is None:
        os.unlink(part)
        return
    descriptor = os.open(part, os.O_WRONLY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.unlink(part)
    finally:
        os.close(descriptor)


def sync_folder(folder: str) -> None:
    """Make the new name itself survive a power cut, where folders can be opened."""
    if hasattr(os, "O_DIRECTORY"):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
