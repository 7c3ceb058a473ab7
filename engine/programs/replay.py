"""`replay`: a function of tensors becomes a program. The first call records it, the second runs it
in both ways and compares every bit, and from then on a call is one native run.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterable
from threading import get_ident
from time import perf_counter
from typing import Any

import numpy as np

from ..errors import ReplayError
from ..ops.random import Generator
from ..tape import recorder, recorders, state, structure
from ..tensors import Tensor, wrap
from .candidate import LONG, MISS, Candidate
from .epochs import Epochs
from .program import PASSES, Program
from .recorder import recording
from .report import report
from .same import Stale, compare, named_kind
from .trees import Leaf, flatten, is_flat, rebuild

ATTEMPTS = 5
"""How often a function may do something else before it is given up."""

LIMIT = 32
"""Programs that one function keeps: for shapes, types, modes."""


def replay(function: Callable[..., Any], passes: Iterable[str] = PASSES) -> Replay:
    """Make `function` of tensors and arrays a program that runs natively, bit for bit the same.

    The first call with arguments of given shapes and types runs eagerly and is recorded; the second
    runs eagerly and natively and compares all results; from then on the program runs. Parameters,
    optimizer state and random generators are read and changed where they lie. Results are fresh
    tensors without a graph.

    What a program does not see: plain Python state. The body runs on the first two calls and never
    again, so printing, appending and counting in it stop, and a Python number that it reads from
    outside keeps the value it had; what changes from call to call is given as an argument, or lives
    in a tensor, an optimizer, a module or a generator. Ints, bools, strings and floats among the
    arguments each have a program of their own.

    Raises ReplayError where the function reads a tensor's value in Python, or does something else
    at each call.

    `passes` names what is done to a recording before it runs, by default all there is; none changes
    a bit of a result.

    >>> from backlit import replay
    >>> from backlit.engine import tensor
    >>> @replay
    ... def area(x):
    ...     return (x * x).sum()
    >>> [area(tensor([1.0, float(k)])).item() for k in range(4)]
    [1.0, 2.0, 5.0, 10.0]
    """
    return Replay(function, passes)


class Replay:
    """A function that is replayed; made by `replay`."""

    def __init__(self, function: Callable[..., Any], passes: Iterable[str] = PASSES):
        functools.update_wrapper(self, function)
        self.function = function
        self.passes = frozenset(passes)
        if not self.passes <= PASSES:
            raise ValueError(f"there is no pass {min(self.passes - PASSES)!r}; {sorted(PASSES)}")
        self.candidates: dict[Any, list[Candidate]] = {}
        self.attempts: dict[Any, int] = {}
        self.last: Candidate | None = None
        """The program of the last call."""
        self.quick: Candidate | None = None
        """It, if it can be called without looking at the arguments' structure."""
        self.guarded = False
        self._lock = threading.RLock()

    def __get__(self, owner: Any, kind: Any = None) -> Any:
        return self if owner is None else functools.partial(self, owner)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if recorders and recorder() is not None:  # inside another recording: a part of it
            return self.function(*args, **kwargs)
        quick = self.quick
        if quick is not None and not kwargs and (found := quick.call(args)) is not MISS:
            return found
        tree, leaves = flatten((args, kwargs))
        key = self._key(tree, leaves)
        with self._lock:
            for candidate in self.candidates.get(key, ()):
                if candidate.ready and candidate.holds():
                    self._remember(candidate, tree)
                    return candidate.run(leaves)
            return self._learn(key, tree, leaves)

    def _key(self, tree: Any, leaves: list[Leaf]) -> Any:
        kinds = [
            (x.data.shape, x.data.dtype, x.needs) if isinstance(x, Tensor) else (x.shape, x.dtype)
            for x in leaves
        ]
        return tree, tuple(kinds), structure[0], state.grad, get_ident()

    def _learn(self, key: Any, tree: Any, leaves: list[Leaf]) -> Any:
        """Run eagerly and record; compare with an earlier recording, if there is one."""
        known = self.candidates.setdefault(key, [])
        known[:] = [c for c in known if c.ready or c.seen is not None]
        waiting = [c for c in known if not c.ready]
        before = waiting[-1] if waiting else None
        snapshot = [] if before is None else before.snapshot()
        entry = {} if before is None else {leaf: leaf.grad for leaf, _ in before.grads}
        found = self._record(tree, leaves, key[2])
        if before is None:
            known.append(found)
            self._forget()
            return found.fresh()
        assert before.seen is not None
        assert found.seen is not None
        try:
            persistent = compare(before.seen, found.seen)
        except Stale as problem:
            known[known.index(before)] = found
            self.attempts[key] = self.attempts.get(key, 0) + 1
            if self.attempts[key] >= ATTEMPTS:
                del self.candidates[key]
                raise ReplayError(f"{self._name}: {problem}") from None
            return found.fresh()
        before.needed = [
            (leaf, entry[leaf])
            for leaf, touched in found.seen.grads.items()
            if touched is not None or entry.get(leaf) is None
        ]
        return self._verify(before, found, snapshot, persistent, tree, leaves)

    def _record(self, tree: Any, leaves: list[Leaf], stamp: int) -> Candidate:
        inputs: list[Tensor] = []
        for leaf in leaves:
            source = leaf.data if isinstance(leaf, Tensor) else leaf
            x = Tensor(source, source.dtype if source.dtype.kind == "f" and isinstance(leaf, Tensor)
                       else None)  # fmt: skip
            x.needs = isinstance(leaf, Tensor) and leaf.needs
            x.name = leaf.name if isinstance(leaf, Tensor) else None
            inputs.append(x)
        args, kwargs = rebuild(tree, list(inputs))
        with recording(self.guarded) as seen:
            for x in inputs:
                seen.made[id(x.data)] = x.data
            result = self.function(*args, **kwargs)
        if seen.structure:
            raise ReplayError(
                f"{self._name} switches a module between training and use, freezes a parameter or "
                "rebuilds a part of the model while it runs; do that between the calls"
            )
        return Candidate(seen, inputs, result, self.passes, stamp)

    def _verify(
        self, program: Candidate, eager: Candidate, snapshot: list[tuple[np.ndarray, np.ndarray]],
        persistent: list[tuple[np.ndarray, str]], tree: Any, leaves: list[Leaf],
    ) -> Any:  # fmt: skip
        """Run natively from where the eager run began; every bit must be the same."""
        outputs = [_bits(x) for x in eager.outputs]
        after = [(array, array.copy(), what) for array, what in persistent]
        program.build()
        grads = {leaf: _bits(grad) for leaf, grad in eager.grads}
        if program.program.native and "threads" in self.passes:
            _restore(snapshot)
            program.load(leaves)
            program.program.share_out(program.program.run_timed())
        _restore(snapshot)
        started = perf_counter()
        result = program.run(leaves)
        program.binding.let_others_run(perf_counter() - started > LONG)
        wrong = [what for array, wanted, what in after if array.tobytes() != wanted.tobytes()]
        for leaf, wanted in grads.items():
            if _bits(leaf.grad) != wanted:
                wrong.append(f"the gradient of {leaf.name or named_kind(leaf.data)}")
        for k, (x, wanted) in enumerate(zip(program.outputs, outputs, strict=True)):
            if _bits(x) != wanted:
                wrong.append(f"result {k}")
        if wrong:
            program.forget()
            for array, wanted, _ in after:  # what eager left stands
                array[...] = wanted
            raise ReplayError(
                f"{self._name}: the program and an eager run differ in {', '.join(wrong[:5])}. The "
                "likely cause is a value that Python computes anew at each call; give it as an "
                "argument"
            )
        program.ready = True
        self._remember(program, tree)
        return result

    def _remember(self, program: Candidate, tree: Any) -> None:
        self.last = program
        self.quick = program if program.program.native and is_flat(tree) else None

    def _forget(self) -> None:
        while sum(map(len, self.candidates.values())) > LIMIT:
            for candidate in self.candidates.pop(next(iter(self.candidates))):
                candidate.forget()

    @property
    def _name(self) -> str:
        return getattr(self.function, "__qualname__", repr(self.function))

    def run(
        self, *data: Any, batch_size: int | None = 32, epochs: int = 1, shuffle: bool = False,
        on_epoch: Callable[[int, Any], Any] | None = None, generator: Generator | None = None,
        drop_last: bool = False, should_stop: Callable[[], bool] | None = None,
    ) -> list[Any]:  # fmt: skip
        """Whole epochs of the step over the rows of arrays, natively, with the bits of a loop
        `for batch in nn.batches(*data, batch_size, shuffle, generator): step(*batch)`.

        Parameters
        ----------
        data : arrays or tensors (N, ...), from which each batch takes the same rows.
        batch_size : rows of a batch; None for all. The last batch may be smaller; `drop_last`
            leaves it out.
        epochs : how many times to go through all rows.
        shuffle : a new order for each epoch, from `generator` or the default one.
        on_epoch : called as on_epoch(number from 1, result) after each epoch; it may look at the
            model, change the optimizer, and stop the run by returning False.
        should_stop : asked all 20 ms, between two steps; True ends the run there.

        Returns a list: for each epoch that ended what the step returns, each number (a tensor of
        one element) as the mean over the batches, by their rows.

        Raises NonFiniteLossError, naming the step, where backward starts from a number that is NaN
        or infinite; that step has updated nothing. Ctrl-C stops between two steps.

        >>> from backlit import nn, optim, replay
        >>> from backlit.engine import Generator
        >>> import backlit.nn.functional as F, numpy as np
        >>> model = nn.Linear(1, 1, generator=Generator(0))
        >>> opt = optim.SGD(model.parameters(), lr=0.1)
        >>> @replay
        ... def step(x, y):
        ...     loss = F.mse_loss(model(x), y)
        ...     opt.zero_grad()
        ...     loss.backward()
        ...     opt.step()
        ...     return loss
        >>> x = np.linspace(-1, 1, 20).reshape(20, 1)
        >>> history = step.run(x, 3 * x, batch_size=5, epochs=50, shuffle=True)
        >>> len(history), history[-1] < 1e-3
        (50, True)
        """
        work = Epochs(self, data, batch_size, epochs, shuffle, generator, drop_last)
        return work.run(on_epoch, should_stop)

    def guarded_call(self, args: list[Tensor]) -> Any:
        """A call that a loss which is not finite stops before anything is updated."""
        ready = self.ready_for([x.data for x in args])
        self.guarded = True
        if ready is not None:
            ready.program.guarded[0] = 1
        try:
            return self(*args)
        finally:
            self.guarded = False
            if ready is not None:
                ready.program.guarded[0] = 0

    def ready_for(self, arrays: list[np.ndarray]) -> Candidate | None:
        """The program that a call with tensors of these arrays would run now, if there is one."""
        tree, leaves = flatten((tuple([wrap(a) for a in arrays]), {}))
        for candidate in self.candidates.get(self._key(tree, leaves), ()):
            if candidate.ready and candidate.holds():
                return candidate
        return None

    def report(self) -> str:
        """Each program's ops and instructions, its memory, and how long each op takes, measured now
        on the program's own memory, which is left as it was.
        """
        ready = [c for each in self.candidates.values() for c in each if c.ready]
        if not ready:
            return f"{self._name}: no program yet; the second call with the same shapes makes one"
        return "\n\n".join(report(c.program, f"{self._name}{c.signature}") for c in ready)

    @property
    def program(self) -> Program | None:
        """The program of the last call, whose text is its list of ops; None before one is ready."""
        return self.last.program if self.last else None


def _restore(snapshot: list[tuple[np.ndarray, np.ndarray]]) -> None:
    for array, old in snapshot:
        if array.flags.writeable:
            array[...] = old


def _bits(x: Any) -> bytes | None:
    if x is None:
        return None
    return (x.data if isinstance(x, Tensor) else x).tobytes()
