"""A tensor named in a user's script: the script is run where the caller stands, as Python would run
it, and an error in it is told in one line, with what had been computed until then.
"""

from __future__ import annotations

import difflib
import re
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from .errors import UsageError

NAMED = re.compile(r"(?P<path>.*\.py):(?P<name>.*)", re.DOTALL)


class ScriptError(UsageError):
    """An error in the user's script: its `cause`, the `names` that the script had by then, and
    `partial`, the last result that was computed before it, or None.
    """

    def __init__(self, message: str, cause: BaseException, path: Path) -> None:
        super().__init__(message)
        self.cause = cause
        self.names = _names(cause.__traceback__, path)
        self.partial = _newest(cause.__traceback__)


def is_script(what: str) -> bool:
    """Whether an argument names a script and not an expression, which has no colon in it.

    >>> is_script("model.py:loss"), is_script("model.py"), is_script("tanh(x)")
    (True, True, False)
    """
    return what.endswith(".py") or ":" in what


def tensor_of_script(what: str) -> tuple[Any, dict[str, object]]:
    """Run `model.py:loss`; the tensor of that name, and all names of the script.

    Raises UsageError where there is no such script or tensor, ScriptError where the script fails.
    """
    match = NAMED.fullmatch(what)
    if match is None or not match["name"].isidentifier():
        name = what if what.endswith(".py") else "model.py"
        raise UsageError(f"{what!r}: say which tensor of which script, as {name}:loss")
    path, name = Path(match["path"]), match["name"]
    if not path.is_file():
        raise UsageError(f"there is no script {path}")
    names = _run(path, name)
    found = names.get(name)
    from ..engine import Tensor

    if not isinstance(found, Tensor):
        tensors = [key for key, value in names.items() if isinstance(value, Tensor)]
        if name in names:
            what = f"{name} in {path} is no tensor but {type(found).__name__}"
        else:
            near = difflib.get_close_matches(name, tensors, 1)
            what = f"{path} has no {name}" + (f"; did you mean {near[0]}?" if near else "")
        listed = f"its tensors: {', '.join(tensors[:12])}" if tensors else "it has no tensors"
        raise UsageError(f"{what}; {listed}, at the top level, when it has run")
    return found, names


def _run(path: Path, wanted: str) -> dict[str, object]:
    """The script's names after it ran, as `python model.py` would run it."""
    argv, folders = sys.argv, sys.path[:]
    sys.argv = [str(path)]
    sys.path.insert(0, str(path.resolve().parent))
    try:
        return runpy.run_path(str(path), run_name="__main__")
    except SystemExit as leaving:
        names = _globals(leaving.__traceback__, path)
        if wanted in names and not leaving.code:
            return names
        raise ScriptError(f"{path} left by sys.exit({leaving.code!r})", leaving, path) from None
    except Exception as error:
        where = f"{path}{_line(error, path)}"
        raise ScriptError(f"{where}: {type(error).__name__}: {error}", error, path) from None
    finally:
        sys.argv, sys.path[:] = argv, folders


def _frames(trace: TracebackType | None) -> Iterator[tuple[Any, int]]:
    while trace is not None:
        yield trace.tb_frame, trace.tb_lineno
        trace = trace.tb_next


def _line(error: Exception, path: Path) -> str:
    """Where in the script it happened: `:12`, the innermost line of the script itself."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return f":{error.lineno}"
    lines = [
        line
        for frame, line in _frames(error.__traceback__)
        if frame.f_code.co_filename == str(path)
    ]
    return f":{lines[-1]}" if lines else ""


def _globals(trace: TracebackType | None, path: Path) -> dict[str, object]:
    """The names at the script's top level when it stopped."""
    for frame, _ in _frames(trace):
        if frame.f_code.co_filename == str(path):
            return dict(frame.f_globals)
    return {}


def _names(trace: TracebackType | None, path: Path) -> dict[str, object]:
    """The same, and those in the script's functions that were running: the innermost count."""
    names = _globals(trace, path)
    for frame, _ in _frames(trace):
        if frame.f_code.co_filename == str(path):
            names.update(frame.f_locals)
    return names


def _newest(trace: TracebackType | None) -> Any:
    """The last tensor with a graph that the stopped functions still hold, if any."""
    from ..engine import Tensor

    held = [
        value
        for frame, _ in _frames(trace)
        for value in list(frame.f_locals.values())
        if isinstance(value, Tensor) and not getattr(value, "freed", True)
    ]
    return max(held, key=lambda tensor: tensor.order, default=None)
