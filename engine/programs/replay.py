"""`replay`: a function of tensors becomes a program. The first call records it, the second runs it
in both ways and compares every bit, and from then on a call is one native run.
"""

from __future__ import annotations

import functools
import threading
import weakref
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ..errors import ReplayError
from ..ops.random import Generator
from ..paused import collector_paused
from ..tape import recorder, recorders, state, structure
from ..tensors import Tensor, wrap
from .arguments import Arguments, StandIns
from .candidate import MISS, Candidate, here
from .epochs import Epochs, positive
from .program import PASSES, Program
from .recorder import recording
from .report import report
from .same import Stale
from .verify import World

ATTEMPTS = 5
"""How often a function may do something else before it is given up."""

LIMIT = 32
"""Programs that one function keeps: for shapes, types, modes."""


def replay(
    function: Callable[..., Any],
    verify_every: int | None = None,
    passes: Iterable[str] = PASSES,
) -> Replay:
    """Make `function` of tensors and arrays a program that runs natively, bit for bit the same.

    The first call with arguments of given shapes and types runs eagerly and is recorded; the second
    runs eagerly and natively and compares all results; from then on the program runs. Parameters,
    optimizer state and random generators are read and changed where they lie, and so are arrays
    from outside. Results are fresh tensors without a graph.

    Floats among the arguments are read at each call, by one program for all values, where they go
    into ops, also through + - * / // % and **; where Python compares one, or gives it to another
    function, each value has a program of its own. So has each int, bool and string.

    What a program does not see: plain Python state. The body runs on the first two calls and never
    again, so printing, appending and counting in it stop, and a Python number that it reads from
    outside keeps the value it had; what changes from call to call is given as an argument, or lives
    in a tensor, an array, an optimizer, a module or a generator.

    Raises ReplayError where the function reads a tensor's value in Python, or does something else
    at each call.

    Parameters
    ----------
    verify_every : every so many calls a program is verified again as the second call was, and so is
        every so manieth step of `run`; what differs is a ReplayError. It finds Python state that
        has changed.
    passes : names what is done to a recording before it runs, by default all there is; none changes
        a bit of a result.

    >>> from backlit import replay
    >>> from backlit.engine import tensor
    >>> @replay
    ... def area(x, scale):
    ...     return (x * x * scale).sum()
    >>> [area(tensor([1.0, float(k)]), k / 2).item() for k in range(4)]
    [0.0, 1.0, 5.0, 15.0]
    """
    return Replay(function, verify_every, passes)


replays: weakref.WeakSet[Replay] = weakref.WeakSet()
"""All there are, for those who want to know of every call."""


class Replay:
    """A function that is replayed; made by `replay`."""

    def __init__(
        self,
        function: Callable[..., Any],
        verify_every: int | None = None,
        passes: Iterable[str] = PASSES,
    ):
        functools.update_wrapper(self, function)
        self.function = function
        self.passes = frozenset(passes)
        if not self.passes <= PASSES:
            raise ValueError(f"there is no pass {min(self.passes - PASSES)!r}; {sorted(PASSES)}")
        self.every = 0 if verify_every is None else positive("verify_every", verify_every)
        self.candidates: dict[Any, list[Candidate]] = {}
        self.attempts: dict[Any, int] = {}
        self.read: dict[Any, tuple[int, ...]] = {}
        """Which floats the function reads in Python, so that they decide which program it is."""
        self.last: Candidate | None = None
        """The program of the last call."""
        self.quick: Candidate | None = None
        """It, if it can be called without looking at the arguments' structure."""
        self.guarded = False
        self._lock = threading.RLock()
        replays.add(self)

    def __get__(self, owner: Any, kind: Any = None) -> Any:
        return self if owner is None else functools.partial(self, owner)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if recorders and recorder() is not None:  # inside another recording: a part of it
            return self.function(*args, **kwargs)
        quick = self.quick
        if quick is not None and not kwargs and quick.countdown != 1:
            found = quick.call(args)
            if found is not MISS:
                return found
        return self.full_call(args, kwargs)

    def full_call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A call that is not one native run, or about which somebody wants to know."""
        given = Arguments(args, kwargs)
        with self._lock:
            base = self._base(given)
            ready = self._ready(base, given)
            if ready is None:
                return self._learn(base, given)
            if ready.countdown == 1:
                return self._verify_again(ready, given)
            self._remember(ready)
            return ready.run(given)

    def _base(self, given: Arguments) -> Any:
        """What decides which program can run, but for the values of floats."""
        return *given.key(), structure[0], state.grad, here.thread

    def _key(self, base: Any, given: Arguments) -> Any:
        return base, tuple([repr(given.floats[k]) for k in self.read.get(base, ())])

    def _ready(self, base: Any, given: Arguments) -> Candidate | None:
        """The program that can run now, if there is one."""
        for candidate in self.candidates.get(self._key(base, given), ()):
            if candidate.ready and candidate.holds():
                return candidate
        return None

    def _learn(self, base: Any, given: Arguments) -> Any:
        """Run eagerly and record; compare with earlier recordings, if there are any."""
        key = self._key(base, given)
        worlds = [World(c) for c in self.candidates.get(key, ()) if not c.ready]
        found = self._record(given, base[-3])
        read = {*self.read.get(base, ()), *found.floats.fixed()}
        self.read[base] = tuple(sorted(read))
        if key != (key := self._key(base, given)):
            worlds = []
        known = self.candidates.setdefault(key, [])
        world = next((w for w in worlds if w.program.began == found.began), None)
        if world is None:
            known.append(found)
            self._forget()
            return found.fresh(given)
        try:
            with collector_paused():
                world.learn(found)
        except Stale as problem:
            known[known.index(world.program)] = found
            self.attempts[key] = self.attempts.get(key, 0) + 1
            if self.attempts[key] >= ATTEMPTS:
                del self.candidates[key], self.attempts[key]
                raise ReplayError(f"{self._name}: {problem}") from None
            return found.fresh(given)
        except ReplayError:
            known.remove(world.program)
            raise
        self.attempts.pop(key, None)
        return self._accept(world, given)

    def _accept(self, world: World, given: Arguments) -> Any:
        """A recording that has been made twice becomes a program, if it is one."""
        program = world.program
        with collector_paused():
            program.build(keep=self.every > 0)
        if program.program.native and "threads" in self.passes:
            world.time(given)
        result = self._verify(world, given)
        program.ready = True
        self._remember(program)
        return result

    def _record(self, given: Arguments, stamp: int) -> Candidate:
        stand_ins = StandIns(given)
        try:
            with recording(self.guarded, stand_ins) as seen:
                args, kwargs = stand_ins.build(seen.floats.numbers)
                result = self.function(*args, **kwargs)
            if seen.structure:
                raise ReplayError(
                    f"{self._name} switches a module between training and use, freezes a parameter "
                    "or rebuilds a part of the model while it runs; do that between the calls"
                )
        except BaseException:
            stand_ins.give_back(given)
            raise
        return Candidate(seen, stand_ins, result, self.passes, stamp)

    def _verify_again(self, program: Candidate, given: Arguments) -> Any:
        """A call of a program that has been verified before, compared with an eager run anew."""
        world = World(program)
        found = self._record(given, program.structure)
        try:
            world.compare(found)
            result = self._verify(world, given)
        except (Stale, ReplayError) as problem:
            self._give_up(program)
            found.stand_ins.give_back(given)
            raise ReplayError(
                f"verify_every={self.every} found that {self._name} does no longer what its "
                f"program does: {problem}. The likely cause is Python state that has changed; give "
                "it as an argument, or keep it in a tensor"
            ) from None
        self._remember(program)
        return result

    def _verify(self, world: World, given: Arguments) -> Any:
        """Run natively from where the eager run began; every bit must be the same."""
        result, wrong = world.replay(given)
        if wrong:
            self._give_up(world.program)
            raise ReplayError(
                f"{self._name}: the program and an eager run differ in {', '.join(wrong[:5])}. The "
                "likely cause is a value that Python computes anew at each call; give it as an "
                "argument"
            )
        world.program.countdown = self.every
        return result

    def _give_up(self, program: Candidate) -> None:
        for each in self.candidates.values():
            if program in each:
                each.remove(program)
                program.forget()
        self.last = self.quick = None

    def _remember(self, program: Candidate) -> None:
        self.last = program
        self.quick = program if program.quick else None

    def _forget(self) -> None:
        while sum(map(len, self.candidates.values())) > LIMIT:
            oldest = next(iter(self.candidates))
            self.candidates[oldest].pop(0).forget()
            if not self.candidates[oldest]:
                del self.candidates[oldest]
        kept = {base for base, _ in self.candidates}
        self.read = {base: read for base, read in self.read.items() if base in kept}
        self.attempts = {key: n for key, n in self.attempts.items() if key in self.candidates}

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
        self.guarded, self.quick = True, None
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
        given = Arguments(tuple([wrap(a) for a in arrays]), {})
        return self._ready(self._base(given), given)

    def report(self) -> str:
        """Each program's ops and instructions, its memory, and how long each op takes, measured now
        on the program's own memory, which is left as it was.
        """
        ready = [c for each in self.candidates.values() for c in each if c.ready]
        if not ready:
            return f"{self._name}: no program yet; the second call with the same shapes makes one"
        return "\n\n".join(report(c.program, f"{self._name}{c.signature}") for c in ready)

    def draw(self, theme: str = "light") -> Any:
        """The program of the last call as a picture, with the time of each op: `bl.draw(step)`."""
        from ...study.figures import draw  # which stands above; loaded when asked for

        return draw(self, theme)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        from ...study.notebook import bundle

        return bundle(self)

    @property
    def program(self) -> Program | None:
        """The program of the last call, whose text is its list of ops; None before one is ready."""
        return self.last.program if self.last else None
