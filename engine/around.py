"""Calls around the methods of a class, for whoever watches: put there while they are wanted and
taken away after. A method that nobody watches is the method itself and costs what it always did.
"""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator
from threading import get_ident
from typing import Any

Call = Callable[..., Any]


@contextlib.contextmanager
def around(owner: type, name: str, call: Call) -> Iterator[None]:
    """Within this block `x.name(...)` in this thread is `call(original, x, ...)`, for each x of the
    class; `call` runs the original, or not. Blocks nest; they may end in any order.

    >>> from backlit.engine import Tensor, tensor
    >>> from backlit.engine.around import around
    >>> def told(original, x):
    ...     print("backward from", x.item())
    ...     return original(x)
    >>> w = tensor(2.0, requires_grad=True)
    >>> with around(Tensor, "backward", told):
    ...     (w * w).backward()
    backward from 4.0
    """
    thread = get_ident()
    with _lock:
        method = _methods.get((owner, name))
        if method is None:
            method = _methods[owner, name] = _Method(owner, name)
        method.calls.setdefault(thread, []).append(call)
        method.link(thread)
    try:
        yield
    finally:
        with _lock:
            method.calls[thread].remove(call)
            method.link(thread)
            if not method.chains:
                method.put_back()
                del _methods[owner, name]


_lock = threading.Lock()
_methods: dict[tuple[type, str], _Method] = {}


class _Method:
    """A method that is watched: what it was, and what runs in its place in which thread."""

    def __init__(self, owner: type, name: str):
        self.owner, self.name = owner, name
        self.own = owner.__dict__.get(name)  # None where it is inherited
        self.plain: Call = getattr(owner, name)
        self.calls: dict[int, list[Call]] = {}
        self.chains: dict[int, Call] = {}
        plain, chains = self.plain, self.chains

        @functools.wraps(plain)
        def watched(*args: Any, **kwargs: Any) -> Any:
            return chains.get(get_ident(), plain)(*args, **kwargs)

        setattr(owner, name, watched)

    def link(self, thread: int) -> None:
        """Make one call of a thread's calls, the newest outermost."""
        chain = self.plain
        for call in self.calls[thread]:
            chain = functools.partial(call, chain)
        if self.calls[thread]:
            self.chains[thread] = chain
        else:
            del self.calls[thread], self.chains[thread]

    def put_back(self) -> None:
        """The method as it was."""
        if self.own is None:
            delattr(self.owner, self.name)
        else:
            setattr(self.owner, self.name, self.own)
