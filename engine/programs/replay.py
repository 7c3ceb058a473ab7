"""`replay`: a function of tensors becomes a program. The first call records it, the second runs it
in both ways and compares every bit, and from then on a call is one native run.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Sequence
from threading import get_ident
from typing import Any

import numpy as np

from ..errors import ReplayError
from ..tape import last_change, recorder, recorders, state, structure, tick
from ..tensors import Tensor, wrap
from .program import Program
from .recorder import Recorder, owner, recording
from .same import Stale, compare, named_kind
from .trees import Leaf, flatten, rebuild

ATTEMPTS = 5
"""How often a function may do something else before it is given up."""

copyto = np.copyto

LIMIT = 32
"""Programs that one function keeps: for shapes, types, modes."""


def replay(function: Callable[..., Any]) -> Replay:
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

    >>> from backlit import replay
    >>> from backlit.engine import tensor
    >>> @replay
    ... def area(x):
    ...     return (x * x).sum()
    >>> [area(tensor([1.0, float(k)])).item() for k in range(4)]
    [1.0, 2.0, 5.0, 10.0]
    """
    return Replay(function)


class Candidate:
    """A program with what it takes for granted and what it leaves behind."""

    def __init__(self, seen: Recorder, inputs: list[Tensor], result: Any):
        self.program = Program(seen.ops)
        self.seen = seen
        self.kinds = [(x.data.shape, x.data.dtype, x.needs) for x in inputs]
        self.stamp = structure[0], state.grad, get_ident()
        self.buffers = [x.data for x in inputs]
        self.result = result
        self.tree, self.outputs = flatten(result)
        self.made = seen.made
        self.grads = {leaf: leaf.grad for leaf in seen.grads}
        """Leaves that get a gradient, and it."""
        self.needed: list[tuple[Tensor, Tensor | None]] = []
        """Leaves whose `.grad` must be what it was when a call begins."""
        self.held = self._outside()
        self.ready = False
        changed = dict.fromkeys(x for op in seen.ops for x in op.changed)
        self.cells = [x.cell for x in changed if x.cell is not None]
        self.single = isinstance(result, Tensor) and id(owner(result.data)) in self.made

    def _outside(self) -> list[tuple[Tensor, np.ndarray]]:
        """Tensors from outside, and the arrays that they must still have."""
        found = {}
        for op in self.seen.ops:
            for x, array in zip(op.inputs, op.arrays, strict=True):
                if id(owner(array)) not in self.made and x.needs:
                    found[x] = array
        return list(found.items())

    def holds(self) -> bool:
        """Whether what the program takes for granted is so."""
        for x, array in self.held:
            if x.data is not array:
                return False
        return all(leaf.grad is grad for leaf, grad in self.needed)

    def fits(self, args: tuple[Any, ...]) -> bool:
        """Whether these arguments, all of them tensors, and all else are as they were."""
        if self.stamp != (structure[0], state.grad, get_ident()) or len(args) != len(self.kinds):
            return False
        for x, (shape, dtype, needs) in zip(args, self.kinds, strict=True):
            if x.__class__ is not Tensor or x.needs is not needs:
                return False
            data = x.data
            if data.shape != shape or data.dtype is not dtype:
                return False
        return self.holds()

    def load(self, leaves: Sequence[Leaf]) -> None:
        """Write the arguments into the memory that the program reads."""
        for buffer, leaf in zip(self.buffers, leaves, strict=True):
            copyto(buffer, leaf.data if isinstance(leaf, Tensor) else leaf)

    def run(self) -> Any:
        self.program.run()
        return self.finish()

    def finish(self) -> Any:
        """What an eager run would have left: gradients, the clock; and fresh results."""
        for leaf, grad in self.grads.items():
            leaf.grad = grad
        if self.cells:
            now = last_change[0] = tick()
            for cell in self.cells:
                cell[0] = now
        return self.fresh()

    def fresh(self) -> Any:
        if self.single:
            return wrap(self.result.data.copy())
        return rebuild(self.tree, [self._fresh(x) for x in self.outputs])

    def _fresh(self, x: Leaf) -> Leaf:
        array = x.data if isinstance(x, Tensor) else x
        if isinstance(x, Tensor) and id(owner(array)) not in self.made:
            return x  # a tensor from outside, as it is
        return wrap(array.copy()) if isinstance(x, Tensor) else array.copy()


class Replay:
    """A function that is replayed; made by `replay`."""

    def __init__(self, function: Callable[..., Any]):
        functools.update_wrapper(self, function)
        self.function = function
        self.candidates: dict[Any, list[Candidate]] = {}
        self.attempts: dict[Any, int] = {}
        self.last: Candidate | None = None
        self._lock = threading.RLock()

    def __get__(self, owner: Any, kind: Any = None) -> Any:
        return self if owner is None else functools.partial(self, owner)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if recorders and recorder() is not None:  # inside another recording: a part of it
            return self.function(*args, **kwargs)
        if not kwargs and (last := self.last) and last.fits(args) and self._lock.acquire(False):
            try:
                last.load(args)
                return last.run()
            finally:
                self._lock.release()
        tree, leaves = flatten((args, kwargs))
        key = self._key(tree, leaves)
        with self._lock:
            for candidate in self.candidates.get(key, ()):
                if candidate.ready and candidate.holds():
                    self.last = candidate
                    candidate.load(leaves)
                    return candidate.run()
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
        waiting = [c for c in known if not c.ready]
        before = waiting[-1] if waiting else None
        snapshot = [] if before is None else [(a, a.copy()) for a in before.program.arrays()]
        entry = {} if before is None else {leaf: leaf.grad for leaf in before.grads}
        found = self._record(tree, leaves)
        if before is None:
            known.append(found)
            self._forget()
            return found.fresh()
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
        return self._verify(before, found, snapshot, persistent, leaves)

    def _record(self, tree: Any, leaves: list[Leaf]) -> Candidate:
        inputs: list[Tensor] = []
        for leaf in leaves:
            source = leaf.data if isinstance(leaf, Tensor) else leaf
            x = Tensor(source, source.dtype if source.dtype.kind == "f" and isinstance(leaf, Tensor)
                       else None)  # fmt: skip
            x.needs = isinstance(leaf, Tensor) and leaf.needs
            x.name = leaf.name if isinstance(leaf, Tensor) else None
            inputs.append(x)
        args, kwargs = rebuild(tree, list(inputs))
        stamp = structure[0]
        with recording() as seen:
            for x in inputs:
                seen.made[id(x.data)] = x.data
            result = self.function(*args, **kwargs)
        if structure[0] != stamp:
            raise ReplayError(
                f"{self._name} switches a module between training and use, freezes a parameter or "
                "rebuilds a part of the model while it runs; do that between the calls"
            )
        return Candidate(seen, inputs, result)

    def _verify(
        self, program: Candidate, eager: Candidate, snapshot: list[tuple[np.ndarray, np.ndarray]],
        persistent: list[tuple[np.ndarray, str]], leaves: list[Leaf],
    ) -> Any:  # fmt: skip
        """Run natively from where the eager run began; every bit must be the same."""
        outputs = [_bits(x) for x in eager.outputs]
        after = [(array, array.copy(), what) for array, what in persistent]
        grads = {leaf: _bits(grad) for leaf, grad in eager.grads.items()}
        for array, old in snapshot:
            if array.flags.writeable:
                array[...] = old
        program.load(leaves)
        result = program.run()
        wrong = [what for array, wanted, what in after if array.tobytes() != wanted.tobytes()]
        for leaf, wanted in grads.items():
            if _bits(leaf.grad) != wanted:
                wrong.append(f"the gradient of {leaf.name or named_kind(leaf.data)}")
        for k, (x, wanted) in enumerate(zip(program.outputs, outputs, strict=True)):
            if _bits(x) != wanted:
                wrong.append(f"result {k}")
        if wrong:
            for array, wanted, _ in after:  # what eager left stands
                array[...] = wanted
            raise ReplayError(
                f"{self._name}: the program and an eager run differ in {', '.join(wrong[:5])}. The "
                "likely cause is a value that Python computes anew at each call; give it as an "
                "argument"
            )
        program.ready = True
        self.last = program
        return result

    def _forget(self) -> None:
        while sum(map(len, self.candidates.values())) > LIMIT:
            del self.candidates[next(iter(self.candidates))]

    @property
    def _name(self) -> str:
        return getattr(self.function, "__qualname__", repr(self.function))

    @property
    def program(self) -> Program | None:
        """The program of the last call, whose text is its list of ops; None before one is ready."""
        return self.last.program if self.last else None


def _bits(x: Any) -> bytes | None:
    if x is None:
        return None
    return (x.data if isinstance(x, Tensor) else x).tobytes()
