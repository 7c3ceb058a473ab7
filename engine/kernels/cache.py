"""Where compiled kernels are kept between processes: one private folder for each version of the
kernels' sources, of Numba and of its settings, so that nothing stale is ever loaded.
"""

import atexit
import hashlib
import os
import platform
import shutil
import stat
import tempfile
import time
import warnings
from functools import cache
from pathlib import Path

UNUSED_DAYS = 30


@cache
def stamp() -> str:
    """A name for everything compiled code depends on: sources, versions, Numba's settings."""
    import llvmlite
    import numba

    text = hashlib.sha256()
    for version in (numba.__version__, llvmlite.__version__, platform.python_version()):
        text.update(version.encode() + b"\0")
    for name in sorted(os.environ):
        if name.startswith("NUMBA_") and name != "NUMBA_CACHE_DIR":
            text.update(f"{name}={os.environ[name]}\0".encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        text.update(path.name.encode() + b"\0" + path.read_bytes())
    return text.hexdigest()[:16]


def root() -> Path:
    """The folder of all stamps: $BACKLIT_CACHE_DIR, $XDG_CACHE_HOME/backlit or ~/.cache/backlit."""
    chosen = os.environ.get("BACKLIT_CACHE_DIR")
    if chosen:
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base) / "backlit"


def _mine(folder: Path) -> bool:
    """Whether the folder is a real one, ours alone: what is loaded from it is run."""
    facts = folder.lstat()
    is_folder = folder.is_dir() and not folder.is_symlink()
    return is_folder and facts.st_uid == os.getuid() and not facts.st_mode & 0o022


def _safe(parent: Path) -> bool:
    """Whether nobody else can put another folder in the place of ours."""
    mode = parent.stat().st_mode
    return not mode & 0o022 or bool(mode & stat.S_ISVTX)


@cache
def say_once(message: str) -> None:
    """Warn, the first time that a message is to be said."""
    warnings.warn(f"backlit: {message}; see `backlit doctor`", RuntimeWarning, stacklevel=2)


@cache
def directory() -> Path:
    """The folder in use; where none can be had, one that lasts as long as this process."""
    folder = root() / stamp()
    try:
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = not folder.exists()
        folder.mkdir(mode=0o700, exist_ok=True)
        if _safe(folder.parent) and _mine(folder) and os.access(folder, os.W_OK | os.X_OK):
            os.utime(folder)
            if fresh:
                _sweep(folder.parent)
            return folder
        problem = f"{folder} is not ours alone"
    except OSError as error:
        problem = str(error)
    say_once(f"kernels cannot be kept ({problem}): they are compiled in each process")
    temporary = Path(tempfile.mkdtemp(prefix="backlit-"))
    atexit.register(shutil.rmtree, temporary, ignore_errors=True)
    return temporary


def is_kept() -> bool:
    """Whether compiled kernels outlast the process."""
    return directory().parent == root()


def _sweep(parent: Path) -> None:
    """Remove stamps that nobody has used for a month."""
    limit = time.time() - UNUSED_DAYS * 86400
    for folder in parent.iterdir():
        if len(folder.name) == 16 and _mine(folder) and folder.stat().st_mtime < limit:
            shutil.rmtree(folder, ignore_errors=True)


def keep_source(name: str, text: str) -> Path:
    """Write a generated source into the folder, once, whole or not at all; returns its path."""
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    path = directory() / f"{name}_{digest}.py"
    if not path.exists():
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=name)
        with os.fdopen(handle, "w") as file:
            file.write(text)
        os.replace(temporary, path)
    return path


def forget(path: Path) -> None:
    """Remove what Numba kept for a generated source: a broken file would fail at every call."""
    for file in (path.parent / "__pycache__").glob(f"{path.stem}.*"):
        file.unlink(missing_ok=True)
