"""The recorder: it hears of each op at the door of tensors, of each kernel at the door of kernels,
and writes both down while a function runs.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..errors import NonFiniteLossError, ReplayError
from ..kernels import door
from ..kernels.door import Call
from ..ops.shape import astype
from ..primitives import Primitive
from ..tape import recorder, recorders, state
from ..tensors import FLOATS, Tensor, to_array, wrap
from .arguments import StandIns
from .floats import Floats, is_number


@dataclass(slots=True, eq=False)
class Op:
    """One op that ran: what, on what, and the kernels that computed it.

    `calls` holds (kernel, [begin, end, argument, ...]); without any, Python has to run the op.
    """

    primitive: Primitive
    inputs: tuple[Tensor, ...]
    changed: tuple[Tensor, ...]
    arrays: tuple[np.ndarray, ...]
    params: dict[str, Any]
    out: np.ndarray | None
    calls: tuple[tuple[Call, tuple[Any, ...]], ...]
    on_host: bool
    scope: str
    grad_mode: bool

    def __str__(self) -> str:
        each = [f"{a.dtype.name}{list(a.shape)}" for a in self.arrays]
        if len(each) > 6:
            each[4:-1] = [f"... {len(each) - 5} more ..."]
        shapes = ", ".join(each)
        out = "" if self.out is None else f" -> {self.out.dtype.name}{list(self.out.shape)}"
        at = f"  # {self.scope}" if self.scope else ""
        return f"{self.primitive.name}({shapes}){out}{at}"

    def written(self) -> list[np.ndarray]:
        """The arrays that it writes: its result, or those that it changes."""
        if self.out is not None:
            return [self.out]
        changed = {id(x) for x in self.changed}
        found = [a for x, a in zip(self.inputs, self.arrays, strict=True) if id(x) in changed]
        return found or [self.arrays[0]]  # a sum in the making


@dataclass(eq=False)
class Recorder:
    """What a thread did, in order."""

    ops: list[Op] = field(default_factory=list)
    grads: dict[Tensor, Tensor | None] = field(default_factory=dict)
    """Leaves that backward gave a gradient, and what stood in their `.grad` before."""
    made: dict[int, np.ndarray] = field(default_factory=dict)
    """The memory of results and arguments, by identity."""
    roots: list[tuple[np.ndarray, int]] = field(default_factory=list)
    """Where backward started from one number: it, and how many ops had run."""
    structure: int = 0
    """What this thread changed meanwhile of the tape's `structure`."""
    guarded: bool = False
    """Whether a root that is not finite stops the function before it updates anything."""
    floats: Floats = field(default_factory=lambda: Floats(()))
    """The floats among the arguments."""
    reads: list[tuple[Tensor, str]] = field(default_factory=list)
    """Tensors that are no results and whose numbers Python read, and how."""
    stand_ins: StandIns | None = None

    def __post_init__(self) -> None:
        self._calls: list[tuple[Call, tuple[Any, ...]]] = []
        self._hosted = door.hosted

    def hear(self, row: np.ndarray, *given: Any) -> None:
        """A kernel ran through a door, in this thread."""
        self._calls.append((door.calls[id(row)][0], given))

    def note(
        self, primitive: Primitive, inputs: tuple[Tensor, ...], params: dict[str, Any],
        out: Tensor | None, changed: tuple[Tensor, ...] = (),
    ) -> None:  # fmt: skip
        """An op ran: the kernels heard of since the last one are its own."""
        calls, self._calls = tuple(self._calls), []
        hosted, self._hosted = self._hosted, door.hosted
        arrays = tuple([x.data for x in inputs])
        result = None if out is None else out.data
        if result is not None:
            memory = owner(result)
            is_view = primitive.view and any(owner(a) is memory for a in arrays)
            if is_view:
                return
            self.made[id(memory)] = memory
        on_host = not calls or hosted != door.hosted
        calls = () if on_host else calls
        self.ops.append(
            Op(
                primitive,
                inputs,
                changed,
                arrays,
                params,
                result,
                calls,
                on_host,
                state.scope,
                state.grad,
            )
        )

    def root(self, x: Tensor) -> None:
        """Backward is about to start here."""
        if x.data.size == 1 and self.knows(x):
            self.roots.append((x.data, len(self.ops)))

    def changes(self, changed: tuple[Tensor, ...]) -> None:
        """Tensors are about to be changed in place."""
        if self.guarded:
            for value, _ in self.roots:
                check_finite(value)

    def gradient(self, leaf: Tensor) -> None:
        """Backward is about to give a leaf a gradient."""
        if self.stand_ins is not None:
            self.stand_ins.refuse(leaf)
        self.grads.setdefault(leaf, leaf.grad)

    def operand(self, value: Any, like: Tensor) -> Tensor | None:
        """The operand that an op beside `like` gets for what is no tensor, if a program has to read
        it at each run: an argument that is a float, or an array.
        """
        if is_number(value):
            made = self.floats.operand(value, like)
            self.made[id(made.data)] = made.data
            return made
        if type(value) is np.ndarray:
            floats = like.data.dtype.kind == "f" and value.dtype.kind in (
                "f" if value.ndim else "fiu"
            )
            return self.array(value, like.data.dtype if floats else None, copy=False)
        return None

    def array(self, value: np.ndarray, dtype: Any, copy: bool) -> Tensor | None:
        """An array from outside as `Tensor(value, dtype)`, which a program reads where it lies;
        None for what cannot be read so.
        """
        wanted = to_array(np.empty((0,) * value.ndim, value.dtype), dtype).dtype
        own = value.dtype if value.dtype in FLOATS else None
        if (value.dtype.kind == "f" and own is None) or to_array(value, own) is not value:
            return None  # float16, another byte order, or odd strides
        if value.dtype == wanted and value.flags.c_contiguous and not copy:
            return wrap(value)
        return astype(wrap(value), wanted)

    def knows(self, x: Tensor) -> bool:
        """Whether a tensor is an argument or a result of what is recorded."""
        return id(owner(x.data)) in self.made

    def refuse(self, x: Tensor, how: str) -> None:
        """A value is read in Python: an error if a program would not read it again."""
        if self.knows(x):
            raise ReplayError(
                f"{how} reads a number while a step is recorded: the program would never read it "
                "again. Return the tensor from the step and read it outside, or compute with "
                "tensors (bl.where instead of if)"
            )
        self.reads.append((x, how))


def check_finite(value: np.ndarray) -> None:
    """Raise where a loss is NaN or infinite."""
    if not np.isfinite(value).all():
        raise NonFiniteLossError(f"the loss is {value.item()}; nothing was updated by it")


def owner(array: np.ndarray) -> np.ndarray:
    """The array whose memory a view shows."""
    base = array.base
    while base is not None and isinstance(base, np.ndarray):
        array, base = base, base.base
    return array


@contextmanager
def recording(guarded: bool = False, stand_ins: StandIns | None = None) -> Iterator[Recorder]:
    """Within this block all that this thread does is written down."""
    mine = Recorder(guarded=guarded, stand_ins=stand_ins)
    if stand_ins is not None:
        mine.floats = Floats(stand_ins.arguments.floats)
        mine.made.update((id(x.data), x.data) for x in stand_ins.tensors)
    with listening(mine):
        yield mine


@contextmanager
def listening(listener: Any) -> Iterator[None]:
    """Within this block `listener`, a recorder or what answers like one, hears this thread."""
    if recorder() is not None:
        raise ReplayError("this thread records already")
    thread = threading.get_ident()
    with _lock:
        recorders[thread] = listener
        _listen()
    try:
        yield
    finally:
        with _lock:
            del recorders[thread]
            _listen()


_lock = threading.Lock()


def _hear(row: np.ndarray, *given: Any) -> None:
    mine = recorder()
    if mine is not None:
        mine.hear(row, *given)


def _listen() -> None:
    door.listen(_hear if recorders else None)
