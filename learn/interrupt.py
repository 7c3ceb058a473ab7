"""Ctrl-C that lets the work come to a good end: the first press asks, the second insists.
Where no handler can be set (a thread other than the main one) Ctrl-C stays what it was."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType
from typing import Any, Self


class Interruptible:
    """Inside `with`, the first SIGINT sets `asked`, the second raises KeyboardInterrupt.

    >>> with Interruptible() as ctrl_c:
    ...     signal.raise_signal(signal.SIGINT)
    ...     ctrl_c.asked
    True
    """

    def __init__(self) -> None:
        """Not asked yet."""
        self.asked = False
        self._before: Any = None
        self._set = False

    def __enter__(self) -> Self:
        """Take over SIGINT, unless this process was told to ignore it."""
        try:
            if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
                self._before = signal.signal(signal.SIGINT, self._heard)
                self._set = True
        except ValueError:  # not the main thread
            pass
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give SIGINT back."""
        if self._set:
            signal.signal(signal.SIGINT, self._before)

    def _heard(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
