"""A program against an eager run: both begin where the call began, and every bit that they leave
must be the same.
"""

from __future__ import annotations

from time import perf_counter
from typing import Any

import numpy as np

from ..tape import captured
from ..tensors import Tensor
from .arguments import Arguments
from .candidate import LONG, Candidate, array_of
from .floats import is_number
from .interrupts import interrupts_held
from .recorder import Recorder
from .same import Stale, compare, held, named_kind


class World:
    """What a program touches, as it was before an eager run of the same call."""

    def __init__(self, program: Candidate):
        self.program = program
        self.snapshot = [(a, a.copy()) for a in program.changes()]
        self.entry = {leaf: leaf.grad for leaf, _ in program.grads}
        self.entry.update((leaf, leaf.grad) for leaf, _ in program.needed)

    def compare(self, eager: Candidate) -> None:
        """Look at the eager run; raise Stale where it was no run of the program."""
        self.eager = eager
        first, second = self._recordings()
        changed = {id(array) for array, _ in self.snapshot}
        self.persistent = [each for each in compare(first, second) if id(each[0]) in changed]
        """The memory from outside that both runs change, with words for it."""
        self.touched = [
            leaf for leaf, grad in eager.grads if grad is not self.entry.get(leaf)
        ]  # fmt: skip
        """Leaves that have another `.grad` now."""

    def _recordings(self) -> tuple[Recorder, Recorder]:
        assert self.program.seen is not None
        assert self.eager.seen is not None
        return self.program.seen, self.eager.seen

    def learn(self, eager: Candidate) -> None:
        """The same for the first time: what the program takes for granted is seen from two runs."""
        self.compare(eager)
        first, second = self._recordings()
        program, started, given = self.program, second.grads, self.entry
        program.held = held(first, second)
        lasting = {
            id(x): x
            for a, b in zip(first.ops, second.ops, strict=True)
            for x, y in zip(a.inputs, b.inputs, strict=True)
            if x is y
        }
        captured.update(lasting)  # of all at once: each costs a weak reference
        needed = {
            leaf: grad
            for leaf, grad in given.items()
            if leaf in started and (started[leaf] is not None or grad is None)
        }
        needed.update((leaf, given[leaf]) for leaf in self._reads_gradient_of())
        program.needed = list(needed.items())
        set_here = {*self.touched, *started}
        program.grads = [(leaf, grad) for leaf, grad in program.grads if leaf in set_here]

    def _reads_gradient_of(self) -> list[Tensor]:
        """The leaves whose gradient from before the call ops read."""
        first, second = ({x for op in seen.ops for x in op.inputs} for seen in self._recordings())
        found = [leaf for leaf, grad in self.entry.items() if grad is not None and grad in second]
        for leaf in found:
            if self.entry[leaf] not in first:
                raise Stale(
                    f"the gradient of {_name(leaf)} was made outside, anew for each call; call "
                    "backward within the function, or replay what calls it"
                )
        return found

    def time(self, given: Arguments) -> None:
        """Run it once by itself, and have several threads run what takes long."""
        with interrupts_held():
            after = self._left()
            try:
                self._rewind()
                self.program.load(given)
                program = self.program.program
                program.share_out(program.run_timed())
            finally:
                self._restore(after)

    def replay(self, given: Arguments) -> tuple[Any, list[str]]:
        """Run the program natively; its results, and words for what differs from the eager run,
        which stands then.
        """
        program, eager = self.program, self.eager
        wanted, grads = _bits_of(eager), {leaf: leaf.grad for leaf, _ in eager.grads}
        bits = {leaf: _bits(grad) for leaf, grad in grads.items() if leaf in self._set()}
        wrong = [f"the gradient of {_name(x)}" for x in self.touched if x not in bits]
        with interrupts_held():
            after = self._left()
            good = False
            try:
                self._rewind()
                started = perf_counter()
                result = program.run(given)
                program.binding.let_others_run(perf_counter() - started > LONG)
                for (array, words), (_, old) in zip(self.persistent, after, strict=True):
                    if array.tobytes() != old.tobytes():
                        wrong.append(words)
                for leaf, those in bits.items():
                    if _bits(leaf.grad) != those:
                        wrong.append(f"the gradient of {_name(leaf)}")
                for (words, those), (_, mine) in zip(wanted, _bits_of(program), strict=True):
                    if mine != those:
                        wrong.append(words)
                good = not wrong
            finally:
                if not good:
                    self._restore(after)
                    for leaf, grad in grads.items():
                        leaf.grad = grad
                    eager.stand_ins.give_back(given)
        return result, wrong

    def _set(self) -> set[Tensor]:
        return {leaf for leaf, _ in self.program.grads}

    def _left(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """What the eager run left in memory from outside."""
        return [(array, array.copy()) for array, _ in self.persistent]

    def _rewind(self) -> None:
        self._restore(self.snapshot)

    @staticmethod
    def _restore(memory: list[tuple[np.ndarray, np.ndarray]]) -> None:
        for array, old in memory:
            if array.flags.writeable:
                array[...] = old


def _bits_of(run: Candidate) -> list[tuple[str, bytes]]:
    """Results and what is given back, with words for each."""
    found = []
    for k, x in enumerate(run.outputs):
        bits = repr(run.floats.now(x)).encode() if is_number(x) else array_of(x).tobytes()
        found.append((f"result {k}", bits))
    return found + [("an argument or its gradient", x.tobytes()) for x in run.stand_ins.left()]


def _bits(grad: Tensor | None) -> bytes | None:
    return None if grad is None else grad.data.tobytes()


def _name(leaf: Tensor) -> str:
    return leaf.name or named_kind(leaf.data)
