"""The eyes of a watch: what is called in the place of methods while its block runs, and what it
looks at then. A step is what lies between one backward and the next, or a call of a replayed step.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from math import isfinite
from threading import get_ident
from time import perf_counter
from typing import Any
from weakref import WeakKeyDictionary, WeakSet, ref

import numpy as np

from ..engine import NonFiniteLossError, Replay, Tensor, find_nan
from ..engine.around import around
from ..engine.births import Birth, birth_on_tape
from ..engine.programs.candidate import Candidate
from ..engine.programs.epochs import Epochs
from ..engine.programs.replay import replays
from ..engine.tape import changed_at, last_change, recorder, state
from ..nn import Module, Parameter
from .looks import Look, Records, Size, Snapshot, changed_since, measure
from .steps import batch_of, copied, loss_in, place_of
from .units import LatestCalls, look_at_units, rows_of

Call = Callable[..., Any]

SHARE = 0.003
"""Of a run's time, what looks at weights may take, and looks at activations as much again."""

UNITS = 0.2
"""Seconds after which activations are looked at first; they are at the end in any case."""


class Observer:
    """Writes down what a model does while it trains."""

    def __init__(self, model: Module, records: Records, limits: Mapping[str, float]):
        self.model, self.records, self.limits = model, records, limits
        self.spent = 0.0
        """Seconds of looking."""
        self.pace = Pace()
        self._calls = LatestCalls(int(self.limits["rows"]))
        self._start = {p: p.data.copy() for p in self.records.parameters.values()}
        self._ears = ExitStack()  # on the model's calls, while its arguments are wanted
        self._units_time = 0.0  # when to look at units
        self._open: tuple[Look, Snapshot] | None = None  # a look that waits for the update
        self._clock: float = math.inf  # the tape's, after the latest backward
        self._sentinel = min(
            (p for p in self.records.parameters.values() if p.needs), key=lambda p: p.size,
            default=None,
        )  # fmt: skip
        self._suspect = False  # whether the latest backward added to a gradient used before
        self._asleep = False  # while it looks itself
        self._inside = False  # a replayed step or run
        self._met: WeakSet[Replay] = WeakSet()
        self._columns: list[Tensor] = []  # of the latest run, those that the model is given
        self._fed: tuple[Any, ...] | None = None  # what the model was called with
        self._feeds: WeakKeyDictionary[Replay, list[int]] = WeakKeyDictionary()
        """Which arguments of a step the model is given."""
        self._recorded: dict[str, Size] = {}  # sizes at the end of backward, while recording
        self._alone: dict[Candidate, tuple[ref[Replay], int]] = {}
        """Programs of steps that are left alone, and where their countdowns were."""

    def hooks(self) -> ExitStack:
        """Be called in the place of methods, until this is closed."""
        with ExitStack() as hooks:
            hooks.enter_context(around(Tensor, "backward", self._backward))
            hooks.enter_context(around(Replay, "full_call", self._replayed))
            hooks.enter_context(_every_call_is_full())
            hooks.enter_context(around(Epochs, "_some", self._sliced))
            self._listen()
            hooks.callback(self._ears.close)
            hooks.callback(self._rouse)
            self._units_time = perf_counter() + UNITS
            return hooks.pop_all()

    def finish(self) -> None:
        """See the end of the latest step, and the units as they are now."""
        if self._sentinel is not None and changed_since(self._sentinel, self._clock):
            self.records.updates += 1
            self._updated(self._sentinel)
        self._close()
        self._units_time = 0.0
        self._look_at_units(self._columns, last=True)
        self._columns, self._fed = [], None
        self._calls = LatestCalls(int(self.limits["rows"]))

    def _listen(self) -> None:
        """Hear of the model's calls, until as many of its arguments are known as are needed."""
        self._ears.close()
        self._ears.enter_context(around(type(self.model), "__call__", self._called))

    # ---- what is called in the place of methods -------------------------------------------------

    def _called(self, original: Call, module: Module, *args: Any, **how: Any) -> Any:
        """A model of this class runs."""
        if module is self.model and state.grad and not self._asleep:
            self._fed = args
            if not self._inside:
                self._calls.add(args, how)
                if self._calls.full:
                    self._ears.close()  # until the next look at units
        return original(module, *args, **how)

    def _backward(self, original: Call, output: Tensor, *args: Any, **how: Any) -> None:
        """Backward runs: a step of an eager loop, or of one that is being recorded."""
        if self._asleep:
            return original(output, *args, **how)
        records, data = self.records, output.data
        if not self._inside:
            records.steps += 1
        if data.size == 1 and not isfinite(data.item()):
            self._lost(data.item(), partial(birth_on_tape, output))
        p = self._sentinel
        if p is not None and p.cell is not None:
            if (p.cell[0] if len(p.cell) == 1 else changed_at(p.cell)) > self._clock:
                self.records.updates += 1
                if self._suspect or p.grad is not None:
                    self._updated(p)
            elif self._suspect:
                self._suspect = _is_there(p.grad)
        if self._open is not None:
            self._close()
        original(output, *args, **how)
        self._clock = last_change[0]
        if self._inside:
            self._recorded = measure(records.parameters)
        elif self.pace.due(records.steps):
            self._look(data.item() if data.size == 1 else None, None)
            self._look_at_units()
        return None

    def _replayed(
        self, original: Call, step: Replay, args: tuple[Any, ...], how: dict[str, Any]
    ) -> Any:
        """A replayed function is called, and not left alone."""
        if self._asleep:
            return original(step, args, how)
        self._rouse(step)
        try:
            return self._looked_at(original, step, args, how)
        finally:
            step.quick = None
            self._leave_alone(step)

    def _looked_at(
        self, original: Call, step: Replay, args: tuple[Any, ...], how: dict[str, Any]
    ) -> Any:
        """A call of a replayed function, and what there is to see around it."""
        if step not in self._met:
            self._meet(step)
        self._fed = None
        if self._inside:  # by a run, which counts and looks
            result = original(step, args, how)
            self._learn_feed(step, args)
            return result
        records = self.records
        records.steps += 1
        before = self._snapshot() if self.pace.due(records.steps) else None
        self._inside = True
        try:
            result = self._guarded(original, step, args, how)
        finally:
            self._inside = False
        loss = loss_in(result)
        if loss is not None and not isfinite(loss):
            self._lost(loss, lambda: None)
        if self._fed is not None:
            self._learn_feed(step, args)
        elif not self._calls.full and (feed := self._feeds.get(step)):
            self._calls.add(tuple([args[k] for k in feed]), {})
        if before is not None:
            self._look(loss, before)
            self._look_at_units()
        return result

    # ---- steps left alone between two looks -----------------------------------------------------

    def _leave_alone(self, step: Replay) -> None:
        """Until the next look this step may run as if nobody watched, if what feeds the model is
        known: a program counts its calls, and a loss that is not finite stops one before its
        update.
        """
        program = step.last
        if (
            program is None
            or not program.quick
            or step.every
            or self._inside
            or self.records.births
            or not self._calls.full
            or _watches.get(get_ident(), 0) > 1  # each would count in its own way
        ):
            return
        calls = self.pace.calls(self.records.steps)
        if calls > 0:
            self._alone[program] = ref(step), calls + 1
            program.countdown = calls + 1
            program.program.guarded[0] = 1
            program.program.on_stop = partial(self._stopped, ref(step))
            step.quick = program

    def count(self) -> None:
        """Count the calls of the steps that are left alone."""
        for program, (step, countdown) in self._alone.items():
            self.records.steps += countdown - program.countdown
            self._alone[program] = step, program.countdown

    def _rouse(self, which: Replay | None = None) -> None:
        """The next call of a step, or of all, is looked at in full."""
        self.count()
        for program, (step, _) in list(self._alone.items()):
            if which is None or step() in (which, None):
                del self._alone[program]
                program.countdown = 0
                program.program.guarded[0], program.program.on_stop = 0, None
                if (found := step()) is not None:
                    found.quick = None

    def _sliced(self, original: Call, epochs: Epochs, t: int, stop: int) -> np.ndarray:
        """A run plays batches from number `t` on, at most to `stop`; a single one to look at."""
        self._rouse()
        if self._asleep or self._inside:
            return original(epochs, t, stop)
        if epochs.plan is None and epochs.step not in self._met:  # with a plan it runs already
            self._meet(epochs.step)
        records = self.records
        records.steps += 1
        due = self.pace.due(records.steps)
        most = 1 if due else self.pace.step - records.steps  # up to the next one
        before = self._snapshot() if due else None
        self._inside = True
        try:
            found = original(epochs, t, min(stop, t + most))
        except NonFiniteLossError as error:
            done = getattr(error, "batches_done", 0)
            records.steps += done
            self._lost(math.nan, lambda: self._birth_in(epochs.step, *batch_of(epochs, t + done)))
            raise
        finally:
            self._inside = False
        records.steps += len(found) - 1
        loss = float(found[-1, 0])
        if not isfinite(loss):
            self._lost(loss, lambda: None)
        self._columns = [epochs.columns[k] for k in self._feeds.get(epochs.step, ())]
        if before is not None:
            self._look(loss, before)
            self._look_at_units(self._columns)
        return found

    # ---- what it does then ----------------------------------------------------------------------

    def _look(self, loss: float | None, before: Snapshot | None) -> None:
        """Look at the weights; where the step is not over, its update is seen later."""
        began = perf_counter()
        records = self.records
        sizes = measure(records.parameters)
        if all(size.gradient is None for size in sizes.values()) and before is not None:
            for name, size in self._recorded.items():  # the step has cleared them already
                if name in sizes:
                    sizes[name].gradient = size.gradient
        self._recorded = {}
        if before is not None:
            before.compare(sizes)
            records.add(look := Look(records.steps, loss, sizes))
            self._choose_sentinel(look)
        elif any(size.gradient is not None for size in sizes.values()):
            look = Look(records.steps, loss, sizes)
            records.add(look)
            self._open = look, Snapshot(records.parameters)
        self._spent(began)

    def _close(self) -> None:
        """Complete a look whose step has made its update by now."""
        if self._open is None or not self._open[1].updated():
            return
        began = perf_counter()
        look, before = self._open
        before.compare(look.sizes)
        self._open = None
        self._choose_sentinel(look)
        self._spent(began)

    def _look_at_units(self, columns: Sequence[Tensor] = (), last: bool = False) -> None:
        """Look at the activations, on rows that the model has seen."""
        began = perf_counter()
        if recorder() is not None or began < self._units_time:
            return
        rows = int(self.limits["rows"])
        if columns:
            picked = [x.data for x in columns]
            stride = max(1, len(picked[0]) // rows)
            self._calls = LatestCalls(rows)
            self._calls.add(tuple([np.ascontiguousarray(x[::stride]) for x in picked]), {})
        calls = self._calls.latest()
        enough = sum(rows_of(args) for args, _ in calls) >= rows
        if calls and (enough or last) and not self.records.trouble:
            self._asleep = True
            try:
                level = self.limits["saturated"]
                if not self.records.units_at_start:
                    with _weights(self._start):
                        self.records.units_at_start = look_at_units(self.model, calls, level)
                self.records.units = look_at_units(self.model, calls, level)
            except Exception as problem:  # whatever it is, training goes on
                self.records.trouble = f"{type(problem).__name__}: {problem}"
            finally:
                self._asleep = False
            seconds = perf_counter() - began
            self.spent += seconds
            self._units_time = perf_counter() + seconds / SHARE
            if not last:
                self._calls.again()
                self._listen()

    def _choose_sentinel(self, look: Look) -> None:
        """A parameter that updates reach, and small."""
        moved = [p for name, p in self.records.parameters.items()
                 if name in look.sizes and look.sizes[name].moved]  # fmt: skip
        if moved and not any(p is self._sentinel for p in moved):
            self._sentinel = min(moved, key=lambda p: p.size)

    def _snapshot(self) -> Snapshot:
        """The weights before a step that is looked at."""
        began = perf_counter()
        snapshot = Snapshot(self.records.parameters)
        self._spent(began)
        return snapshot

    def _spent(self, began: float) -> None:
        """Looking took the time since; the next look waits until the run has earned it."""
        seconds = perf_counter() - began
        self.spent += seconds
        self.pace.rest(seconds)

    def _updated(self, p: Parameter) -> None:
        """Before backward, after an update of `p`: is its gradient still there?

        It is a fault only if the sum is used for another update, which is known a step later.
        """
        self.records.uncleared += self._suspect
        self._suspect = _is_there(p.grad)

    def _lost(self, loss: float, find: Callable[[], Birth | None]) -> None:
        """The loss is not finite: the first time, find out why."""
        if self.records.births:
            return
        self._asleep = True
        try:
            birth = find()
        except Exception:  # the step itself fails when it runs again
            birth = None
        finally:
            self._asleep = False
        self.records.births.append((self.records.steps, loss, birth))

    def _guarded(self, original: Call, step: Replay, args: Any, how: Any) -> Any:
        """A replayed step that stops before it updates anything by a loss that is not finite: then
        the birth can be found; after that it goes on.
        """
        if step.last is None or self.records.births:
            return original(step, args, how)
        program = step.last.program
        others = program.on_stop  # of a watch around this one

        def stopped(found: tuple[Any, ...] = ()) -> None:
            self._lost(math.nan, lambda: self._birth_in(step, *args, **how))
            if others is not None:
                others(found)

        program.guarded[0], program.on_stop = 1, None if step.guarded else stopped
        try:
            return original(step, args, how)
        except NonFiniteLossError:
            stopped()
            raise
        finally:
            program.guarded[0], program.on_stop = 0, None

    def _stopped(self, whose: ref[Replay], args: tuple[Any, ...]) -> None:
        """The same in a call of a step that was left alone."""
        step = whose()
        assert step is not None  # it is being called
        self._rouse(step)
        self.records.steps += 1
        self._lost(math.nan, lambda: self._birth_in(step, *args))

    def _birth_in(self, step: Replay, *args: Any, **how: Any) -> Birth | None:
        """Where a step's first NaN comes from; it is left as it stands."""
        leaves: set[Tensor] = {*self.records.parameters.values()}
        if step.last is not None:
            leaves |= {leaf for leaf, _ in (*step.last.grads, *step.last.needed)}
        gradients = [(x, x.grad, None if x.grad is None else x.grad.data.copy()) for x in leaves]
        try:
            return find_nan(step, *args, **how)
        finally:
            for leaf, gradient, numbers in gradients:
                leaf.grad = gradient
                if gradient is not None:
                    gradient.data[...] = numbers

    def _meet(self, step: Replay) -> None:
        """A step met for the first time is recorded anew, to see how it feeds the model."""
        self._met.add(step)
        self._listen()
        for candidate in [c for each in step.candidates.values() for c in each]:
            candidate.forget()
        step.candidates.clear()
        step.quick = step.last = None

    def _learn_feed(self, step: Replay, args: tuple[Any, ...]) -> None:
        """After a step that ran in Python: which of its arguments the model was given."""
        if self._fed is None or step in self._feeds:
            return
        places = [place_of(x, args) for x in self._fed]
        self._feeds[step] = [] if None in places else [k for k in places if k is not None]
        if None in places:  # computed within the step, in memory that a program uses again
            self._calls.add(tuple([copied(x) for x in self._fed]), {})


class Pace:
    """When to look: at the first steps and then at numbers that grow by a quarter, so that the
    second half of any run has some; and whenever SHARE of the time since has paid for the last.
    """

    def __init__(self) -> None:
        self.step = 1
        self.time = math.inf
        self._met = 0, perf_counter()

    def due(self, step: int) -> bool:
        """Whether to look at this step."""
        if step >= self.step:
            while self.step <= step:
                self.step += max(1, self.step // 4)
            return True
        return perf_counter() >= self.time

    def calls(self, step: int) -> int:
        """How many steps there are after this one until the next is to be looked at, if they take
        as long as those since it was asked last; at most twice as many as those.
        """
        (before, began), now = self._met, perf_counter()
        self._met = step, now
        each = (now - began) / max(step - before, 1)
        paid = int(min((self.time - now) / max(each, 1e-9), 2.0 * max(step - before, 4)))
        return min(self.step - step - 1, max(paid, 0))

    def rest(self, seconds: float) -> None:
        """Looking took so long."""
        self.time = perf_counter() + seconds / SHARE


_watches: dict[int, int] = {}
"""How many watches are open, by thread."""


@contextmanager
def _every_call_is_full() -> Iterator[None]:
    """Within this block a watch hears of all calls of replayed steps in this thread."""
    thread = get_ident()
    _watches[thread] = _watches.get(thread, 0) + 1
    for step in list(replays):
        step.quick = None
    try:
        yield
    finally:
        _watches[thread] -= 1
        if not _watches[thread]:
            del _watches[thread]


@contextmanager
def _weights(others: Mapping[Parameter, np.ndarray]) -> Iterator[None]:
    """Within this block parameters have other numbers; their own stay where they are."""
    own = {p: p.data for p in others}
    try:
        for p, data in others.items():
            p.data = data
        yield
    finally:
        for p, data in own.items():
            p.data = data


def _is_there(gradient: Tensor | None) -> bool:
    return gradient is not None and bool(gradient.data.any())
