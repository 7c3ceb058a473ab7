"""`run`: whole epochs of a replayed step. Batches are gathered, programs played and results
collected in native code, in slices of 20 ms between which Python may stop it; what a program cannot
do yet, or never can, goes through the step one batch at a time, with the same bits.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Any

import numpy as np

from ..errors import NonFiniteLossError, ReplayError, ShapeError
from ..kernels.build import F32, F64, I64, U8
from ..ops.random import Generator, default_generator, permutation
from ..tape import no_grad
from ..tensors import Tensor, wrap
from . import machine
from .candidate import Candidate
from .instructions import memory_at
from .interrupts import interrupts_held
from .program import Program
from .recorder import recording
from .trees import flatten, rebuild

SLICE = 0.02
"""Seconds between looks at Ctrl-C."""

NUMBERS = {F32: 0, F64: 1, I64: 2, U8: 3}
"""The machine's kinds of numbers."""


class Epochs:
    """A run over rows of data, epoch after epoch."""

    def __init__(
        self, step: Any, data: tuple[Any, ...], batch_size: int | None, epochs: int, shuffle: bool,
        generator: Generator | None, drop_last: bool,
    ):  # fmt: skip
        self.step = step
        self.columns = [_column(k, x) for k, x in enumerate(data)]
        lengths = sorted({len(x) for x in self.columns})
        if len(lengths) != 1 or not lengths[0]:
            raise ShapeError(f"run: arrays of one length above 0, not of {lengths or 'nothing'}")
        self.rows = lengths[0]
        self.size = self.rows if batch_size is None else positive("batch_size", batch_size)
        self.full = self.rows // self.size
        self.rest = 0 if drop_last else self.rows - self.full * self.size
        self.batches = self.full + (self.rest > 0)
        if not self.batches:
            raise ValueError(f"drop_last leaves no batch: {self.rows} rows, batches of {self.size}")
        self.epochs = positive("epochs", epochs)
        self.shuffle = shuffle
        self.generator = generator
        self.order: np.ndarray | None = None
        self.shuffler: Program | None = None
        self.drawn_from: Any = None
        self.parts: list[Candidate | None] = [None, None]
        self.plan: np.ndarray | None = None
        self.plan_keeps: list[Any] = []
        self.seconds = 0.0
        """Of one batch in native code."""
        self.tree: Any = None
        self.weights = np.full(self.batches, self.size, np.float64)
        if self.rest:
            self.weights[-1] = self.rest

    def run(
        self,
        on_epoch: Callable[[int, Any], Any] | None,
        should_stop: Callable[[], bool] | None,
    ) -> list[Any]:
        """The mean results of each epoch that ended."""
        history: list[Any] = []
        total = self.epochs * self.batches
        values: list[np.ndarray] = []
        t = 0
        while t < total:
            stop = self.batches * (t // self.batches + 1) if on_epoch else total
            try:
                with interrupts_held() as interrupted:
                    while t < stop and not interrupted:
                        if should_stop and should_stop():
                            return history
                        found = self._some(t, stop)
                        values.append(found)
                        t += len(found)
            except Exception as error:
                done = t + getattr(error, "batches_done", 0)
                at = f"epoch {done // self.batches + 1}, batch {done % self.batches + 1}"
                if isinstance(error, NonFiniteLossError):
                    told = NonFiniteLossError(f"step {done + 1} ({at}): {error}")
                    told.place = done // self.batches + 1, done % self.batches + 1
                    raise told from None
                error.add_note(f"in step {done + 1} of run(): {at}")
                raise
            whole = np.concatenate(values)
            ended = len(whole) // self.batches
            history += self._means(whole[: ended * self.batches])
            values = [whole[ended * self.batches :]]
            if on_epoch and t == stop and on_epoch(len(history), history[-1]) is False:
                break
        return history

    def _some(self, t: int, stop: int) -> np.ndarray:
        """Play batches from number `t` on, at most to `stop`; what they give, a row for each."""
        k = t % self.batches
        if k == 0 and self.shuffle:
            self._shuffle()
        end = self._native_until(t, stop)
        if end == t:
            return self._one(k)
        if self.plan is None:
            self._make_plan()
        count = max(1, int(SLICE / self.seconds)) if self.seconds else 1
        end = min(end, t + count)
        results = np.empty((end - t, self._width()), np.float64)
        started = perf_counter()
        with self._guarded():
            status = self._enter(t, end, self.plan, results)
        spent = perf_counter() - started
        last = end - 1 if not status else status - 1
        for number in range(t, last + 1) if self.step.every else ():
            self._part(number % self.batches).countdown -= 1
        if status == 0 or last > t:
            before = (last if not status else last - 1) % self.batches
            self._part(before).leave()
        if status:
            self._failed(status - 1, t)
        self.seconds = max(spent / (end - t), 1e-7)
        return results

    def _failed(self, number: int, begin: int) -> None:
        """Raise what the program of a batch raises, saying how many batches went well."""
        try:
            self._part(number % self.batches).program.fail()
        except Exception as error:
            error.batches_done = number - begin  # type: ignore[attr-defined]
            raise

    def _part(self, k: int) -> Candidate:
        part = self.parts[1 if self.rest and k == self.batches - 1 else 0]
        assert part is not None
        return part

    # -- which batches run natively

    def _native_until(self, t: int, stop: int) -> int:
        """The batch before which a native run from `t` on has to end; `t` itself for none."""
        k = t % self.batches
        full, rest = self._ready(0), self._ready(1)
        if not self._steady([part for part in (full, rest) if part is not None]):
            return t
        if (full or not self.full) and (rest or not self.rest):
            end = stop
        elif k < self.full and full:
            end = t + self.full - k
        else:
            return t
        return self._before_verifying(t, end)

    def _before_verifying(self, t: int, end: int) -> int:
        """The same, for programs that are verified every so many calls: those run one by one."""
        due = [part.countdown for part in self.parts if part is not None and part.countdown]
        if not due:
            return end
        if self._part(t % self.batches).countdown == 1:
            return t
        return min(end, t + max(1, min(due) - 1))

    def _ready(self, which: int) -> Candidate | None:
        """The program for batches of the full size, or for the last one, if it can run now."""
        part = self.parts[which]
        if part is not None and part.current():
            return part
        size = (self.size if self.full else 0, self.rest)[which]
        if not size:
            return None
        part = self.step.ready_for([x.data[:size] for x in self.columns])
        if part is None or not part.program.native or not _is_numbers(part):
            part = None
        if part is not self.parts[which]:
            self.parts[which], self.plan = part, None
        return part

    @staticmethod
    def _steady(parts: list[Candidate]) -> bool:
        """Whether each program leaves the gradients that the others start from."""
        for one in parts:
            left = dict(one.grads)
            for other in parts:
                if any(left.get(leaf, grad) is not grad for leaf, grad in other.needed):
                    return False
        return True

    # -- one batch at a time

    def _one(self, k: int) -> np.ndarray:
        """A batch by a call of the step."""
        begin = k * self.size
        index: Any = slice(begin, min(begin + self.size, self.rows))
        if self.order is not None:
            index = self.order[index]
        result = self.step.guarded_call([wrap(x.data[index]) for x in self.columns])
        tree, leaves = flatten(result)
        if not leaves:
            raise ReplayError(
                "run() collects what the step returns, and it returns no tensor; return the loss"
            )
        arrays = [x.data if isinstance(x, Tensor) else x for x in leaves]
        for array in arrays:
            if array.size != 1:
                raise ReplayError(
                    f"run() averages what the step returns: numbers, not shape {array.shape}; "
                    "return its mean, or call the step itself batch by batch"
                )
        self.tree = tree
        return np.array([[float(array.item()) for array in arrays]])

    # -- natively

    def _shuffle(self) -> None:
        """Draw the order of an epoch, as `permutation` does; the first time it is recorded."""
        source = self.generator or default_generator()
        if self.shuffler is not None and self.drawn_from is source:
            self.shuffler.run()
            return
        with no_grad(), recording() as seen:
            order = permutation(self.rows, generator=source)
        self.order, self.drawn_from, self.plan = order.data, source, None
        self.shuffler = Program(seen, [order.data])

    def _make_plan(self) -> None:
        """The words that the machine reads; see `machine.epochs_runner`."""
        self.plan_keeps = []
        shuffler = self.shuffler
        last = self._words(1) if self.parts[1] and self.rest else None
        words = [
            self.batches,
            memory_at(shuffler.code) if shuffler else 0,
            shuffler.length if shuffler else 0,
            memory_at(self.order) if self.order is not None else 0,
            memory_at(self._any().program.failed),
            self._width(),
            memory_at(last) if last is not None else 0,
            *(self._words(0) if self.parts[0] else [0, 0, self.size, 0, 0, 0]),
        ]
        self.plan = np.array(words, np.int64)
        self._enter = machine.epochs_runner()

    def _words(self, which: int) -> np.ndarray:
        """The part of a plan for one program."""
        part = self.parts[which]
        assert part is not None
        feeds = [
            (memory_at(x.data), memory_at(buffer), x.data.nbytes // self.rows)
            for x, buffer in zip(self.columns, part.buffers, strict=True)
        ]
        numbers = [(memory_at(a), NUMBERS[a.dtype]) for a in _numbers(part)]
        tables = np.array(feeds, np.int64), np.array(numbers, np.int64)
        words = np.array(
            [memory_at(part.program.code), part.program.length, (self.size, self.rest)[which],
             len(feeds), memory_at(tables[0]), memory_at(tables[1])], np.int64,
        )  # fmt: skip
        self.tree = part.tree
        self.plan_keeps += [part, words, *tables]
        return words

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        """Within this block a loss that is not finite stops the programs."""
        for part in self.parts:
            if part is not None:
                part.program.pointers.home()
        flags = [part.program.guarded for part in self.parts if part is not None]
        for flag in flags:
            flag[0] = 1
        try:
            yield
        finally:
            for flag in flags:
                flag[0] = 0

    def _any(self) -> Candidate:
        return next(part for part in self.parts if part is not None)

    def _width(self) -> int:
        return len(self._any().outputs)

    def _means(self, rows: np.ndarray) -> list[Any]:
        """Of each epoch the mean of its batches, each counting as many times as it has rows."""
        each = rows.reshape(-1, self.batches, rows.shape[1]) * self.weights[:, None]
        means = (each.sum(1) / self.weights.sum()).tolist()
        return [rebuild(self.tree, mean) for mean in means]


def _numbers(part: Candidate) -> list[np.ndarray]:
    return [x.data if isinstance(x, Tensor) else x for x in part.outputs]


def _is_numbers(part: Candidate) -> bool:
    """Whether the machine can collect what a program gives."""
    found = _numbers(part)
    return bool(found) and all(a.size == 1 and a.dtype in NUMBERS for a in found)


def _column(k: int, data: Any) -> Tensor:
    """An argument as rows, one after the other in memory."""
    x = data.detach() if isinstance(data, Tensor) else Tensor(data)
    if x.ndim == 0:
        raise ShapeError(f"run: argument {k} must have rows, it is a single number")
    return wrap(np.ascontiguousarray(x.data))


def positive(name: str, value: Any) -> int:
    """A count of at least 1."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{name} must be an int, got {value!r}")
    if value < 1:
        raise ValueError(f"{name} must be at least 1, got {value}")
    return int(value)
