"""Where ops stand in the user's program: while `trace()` is on, each remembered op notes the line
that called it, and `source_of(tensor)` tells it. Off, as it is at first, nothing is done at all.
"""

from __future__ import annotations

import contextlib
import linecache
import os
import sys
import threading
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, NamedTuple

from . import primitives
from .primitives import outsiders
from .tape import tick
from .tensors import Tensor

LAST = (1 << 16) - 1
"""The lines of so many ops and one are kept, the newest; a power of two less one."""


class Source(NamedTuple):
    """A line of a program: its file, its number from 1, and its text, "" where no file has it."""

    file: str
    line: int
    code: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" + (f": {self.code}" if self.code else "")


class _Setting:
    """What a call of `trace` asks for: until the thread's next one or, as a block, until its end.
    The newest setting holds for all threads.
    """

    def __init__(self, on: bool):
        self.on, self.thread, self.is_block = on, threading.get_ident(), False
        with _lock:  # the thread's latest one stays: it holds again if this becomes a block
            own = [s for s in _settings if s.thread == self.thread and not s.is_block]
            for old in own[:-1]:
                _settings.remove(old)
            _settings.append(self)
            _settle()

    def __enter__(self) -> None:
        self.is_block = True

    def __exit__(self, *error: object) -> None:
        with _lock:
            if self in _settings:
                _settings.remove(self)
            _settle()


@contextlib.contextmanager
def needed() -> Iterator[None]:
    """Within this block lines are noted whatever the user says; threads may need them at once."""
    _need(1)
    try:
        yield
    finally:
        _need(-1)


_settings: list[_Setting] = []
_needs = [0]
"""How many blocks need lines to be noted."""
_lock = threading.Lock()


def _need(more: int) -> None:
    with _lock:
        _needs[0] += more
        _settle()


def _settle() -> None:
    """Note lines as long as anybody wants them."""
    if not _noted:
        _noted.extend([None] * (LAST + 1))
    wanted = _needs[0] > 0 or (bool(_settings) and _settings[-1].on)
    _clock.tick = _noting if wanted else tick


def trace(on: bool = True) -> _Setting:
    """Have ops note the line of the user's program that called them, in all threads.

    `with trace():` does so for a block, `trace()` until `trace(False)`. The line is that of the
    innermost call from outside backlit: in a model of the user's own the line in its `forward`,
    in an `nn.Sequential` the line that calls the model. Ops that are remembered for backward are
    noted; those that a replayed step runs natively are not, as no Python runs for them. Lines of
    the newest 65,536 ops are kept.

    >>> from backlit.engine import source_of, tensor, trace
    >>> x = tensor(2.0, requires_grad=True)
    >>> with trace():
    ...     y = x * x
    >>> source_of(y).code
    'y = x * x'
    """
    return _Setting(on)


def is_tracing() -> bool:
    """Whether ops note their lines."""
    return _clock.tick is _noting


def source_of(x: Tensor) -> Source | None:
    """The line whose op made a tensor; None for leaves, and for ops that ran without `trace()`."""
    if not isinstance(x, Tensor):
        raise TypeError(f"source_of: lines are of Tensors, not of {type(x).__name__}")
    if x.primitive is None:
        return None
    found = _noted[x.order & LAST] if _noted else None
    return None if found is None or found[0] != x.order else _source(*found[1:])


def caller() -> Source | None:
    """The line of the user's program that runs at this moment."""
    frame = _outside(sys._getframe(1))
    return None if frame is None else _source(frame.f_code, frame.f_lasti)


_clock: Any = primitives  # the door asks its module's `tick` for an op's number: there we listen
_frame = sys._getframe
_noted: list[tuple[int, CodeType, int] | None] = []
"""Of the newest ops the number and where each was called: resolved when it is asked for."""

_PACKAGE = str(Path(__file__).parents[1]) + os.sep


class _Files(dict[str, bool]):
    """By file, whether it is backlit's own."""

    def __missing__(self, file: str) -> bool:
        own = self[file] = file.startswith(_PACKAGE)
        return own


_own = _Files()


def _noting() -> int:
    """The clock's next number, for the op that is being made; its line is noted."""
    order = tick()
    try:  # behind this function stand the door and the op's function, and then who called it
        frame = _frame(2 if outsiders else 3)
    except ValueError:
        frame = _frame(2)
    code = frame.f_code
    if _own[code.co_filename]:
        frame = _outside(frame)
        if frame is None:
            return order
        code = frame.f_code
    _noted[order & LAST] = order, code, frame.f_lasti
    return order


def _outside(frame: FrameType | None) -> FrameType | None:
    """The innermost frame that is not backlit's."""
    while frame is not None and _own[frame.f_code.co_filename]:
        frame = frame.f_back
    return frame


def _source(code: CodeType, instruction: int) -> Source:
    line = next(islice(code.co_positions(), instruction // 2, None))[0] or code.co_firstlineno
    file = code.co_filename
    return Source(file, line, linecache.getline(file, line).strip())
