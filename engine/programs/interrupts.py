"""Ctrl-C while something must not be left half done: it waits for the end."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def interrupts_held() -> Iterator[list[Any]]:
    """Within this block Ctrl-C is written into the list, and does its work at the end: a step is
    never left half done. In other threads, which get no signals, nothing changes.
    """
    seen: list[Any] = []
    before: Any = None
    if threading.current_thread() is threading.main_thread():
        before = signal.getsignal(signal.SIGINT)
    if not callable(before):
        yield seen
        return
    signal.signal(signal.SIGINT, lambda *what: seen.append(what))
    try:
        yield seen
    finally:
        signal.signal(signal.SIGINT, before)
        if seen:
            before(*seen[0])
