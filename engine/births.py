"""The birth of a NaN: which op made the first number that is not finite, of which operands, where
in the program, and what to do. `find_nan` runs a step once more, with checks; nothing is updated.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np

from .around import around
from .backward import BackwardStep, backward_steps, reachable
from .errors import ReplayError
from .listener import Undoing
from .primitives import Primitive
from .programs.recorder import listening, owner
from .programs.replay import Replay
from .programs.trees import flatten, rebuild
from .tape import recorder, state
from .tensors import Tensor, as_tensor
from .tracing import Source, caller, needed, source_of

Stage = Literal["forward", "backward", "given"]

FIXES = {
    "log": "log is -inf at 0 and NaN below: log(x + 1e-8), or maximum(x, 1e-8) first; for the log "
    "of a softmax use log_softmax, for a loss cross_entropy on logits",
    "div": "keep the divisor away from 0: x / (y + 1e-8), or where(y == 0, ...) on the divisor",
    "sqrt": "the root of a negative number is NaN and its slope at 0 infinite: sqrt(x + 1e-8)",
    "pow": "a negative base needs a whole exponent, and 0 an exponent that is not negative",
    "exp": "exp of more than 88 is infinite in float32: subtract the largest entry first, or use "
    "softmax, sigmoid, softplus or a loss on logits, which do so themselves",
}
"""What to do, by the op."""

TOO_LARGE = (
    "the numbers outgrew the type: a smaller learning rate, clip_grad_norm_, smaller initial "
    "weights, or inputs scaled to mean 0 and deviation 1"
)
"""What to do where an op has no rule of its own: it can only have overflowed."""

FIXES_GIVEN = {
    "parameter": "an update spoiled it: look at the step before, with a smaller learning rate, "
    "clip_grad_norm_ (which refuses such gradients), or find_nan on that step",
    "operand": "look at the data: np.isfinite(X).all(axis=1) tells the rows",
}


@dataclass(frozen=True)
class Birth:
    """Where the first number that is not finite came from.

    `stage` is "forward", "backward" (the op's gradient was not finite, its upstream gradient and
    operands were), or "given": an operand held it and no op that was seen had made it.
    """

    stage: Stage
    op: str
    module: str
    """The path of the module in which the op ran; "" outside of modules."""
    operands: tuple[str, ...]
    """Each operand's name, shape, type and range, and its number at the place, where it has one."""
    value: float
    place: tuple[int, ...]
    """The index of the first such number in what the op made."""
    count: int
    size: int
    source: Source | None
    """The line of the program, where it is known."""
    fix: str
    """What to do about it."""

    @property
    def told(self) -> str:
        """What happened in a sentence, without operands and advice."""
        at = f" in module {self.module}" if self.module else ""
        index = f" at {list(self.place)}" if self.place else ""
        share = f" ({self.count:,} of {self.size:,} numbers)" if self.size > 1 else ""
        made = {
            "forward": f"{self.op}{at} made {self.value}",
            "backward": f"the gradient of {self.op}{at} became {self.value}",
            "given": f"{self.op}{at} was given {self.value}, which no op before had made",
        }[self.stage]
        return f"{made}{index}{share}"

    def __str__(self) -> str:
        lines = [self.told]
        lines += [f"  {operand}" for operand in self.operands]
        if self.source:
            lines.append(f"  at {self.source}")
        return "\n".join([*lines, f"  try: {self.fix}"])


def find_nan(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Birth | None:
    """Run `function(*args, **kwargs)` with checks; tell where its first NaN or infinity came from.

    A step of training, replayed or not, a model, a loss: anything that computes with tensors. Where
    backward starts, and in each of backward's steps, numbers must be finite; an infinity that
    reaches neither the loss, nor a gradient, nor the result is nobody's fault and is passed over.
    The run ends before the first update, so parameters and optimizers stay as they are; what the
    function changed in place or drew from generators until then is taken back; `zero_grad` and
    backward do their work. After a NonFiniteLossError, which comes before the update too, this
    finds what was wrong.

    Returns None where all is finite.

    Raises what the function raises, and ReplayError within a function that is being recorded.

    >>> from backlit.engine import find_nan, tensor
    >>> p = tensor([0.5, 0.0], requires_grad=True)
    >>> def loss(p):
    ...     return -p.log().sum()
    >>> birth = find_nan(loss, p)
    >>> birth.op, birth.value, birth.place, birth.source.code
    ('log', -inf, (1,), 'return -p.log().sum()')
    """
    if recorder() is not None:
        raise ReplayError("find_nan: this thread is being recorded; call it outside of the step")
    if isinstance(function, partial) and isinstance(function.func, Replay):  # a step in a class
        args, function = (*function.args, *args), function.func
    if isinstance(function, Replay):  # whose arrays become tensors
        tree, leaves = flatten((args, kwargs))
        args, kwargs = rebuild(tree, [as_tensor(x) for x in leaves])
        function = function.function
    if not callable(function):
        raise TypeError(
            f"find_nan: {type(function).__name__} cannot be run again; give the step or the loss "
            "as a function: find_nan(step, x, y), find_nan(lambda: loss_of(model(x)))"
        )
    checker = _Checker()
    grad_mode = state.grad
    with around(Tensor, "backward", checker.backward), needed(), listening(checker):
        try:
            return checker.judge(function(*args, **kwargs))
        except _Ended as end:
            return end.birth
        finally:
            state.grad = grad_mode
            checker.undo()


def birth_on_tape(loss: Tensor) -> Birth | None:
    """The same from a loss whose graph is alive, without running anything again: of the ops on the
    tape the first whose result is not finite. None where all of them are.
    """
    for out in reversed(reachable([loss])):
        if not finite(out.data):
            made: Primitive = out.primitive  # type: ignore[assignment]
            return birth_of(made, out.inputs, out, out.scope, source_of(out))
    return None


def finite(array: np.ndarray) -> bool:
    """Whether all numbers are finite."""
    return array.dtype.kind != "f" or bool(np.isfinite(array).all())


class _Ended(BaseException):
    """Ends the run: no `except Exception` of the function holds it up."""

    def __init__(self, birth: Birth | None):
        super().__init__()
        self.birth = birth


class _Checker(Undoing):
    """Hears of each op and follows numbers that are not finite."""

    def __init__(self) -> None:
        super().__init__()
        self.births: dict[int, Birth] = {}
        """By the memory in which such numbers lie, how the first of them came to be."""
        self.kept: list[np.ndarray] = []  # that memory, which nobody may have in its place
        self.deaf = False
        self.walking = False
        self.walked = False

    def note(
        self, primitive: Primitive, inputs: tuple[Tensor, ...], params: dict[str, Any],
        out: Tensor | None, changed: tuple[Tensor, ...] = (),
    ) -> None:  # fmt: skip
        """An op ran."""
        super().note(primitive, inputs, params, out, changed)
        if self.deaf:
            return
        for x in changed if out is None else (out,):
            if finite(x.data):
                continue
            others = [y for y in inputs if not any(y is z for z in changed)]
            known = [self.births.get(id(owner(y.data))) for y in others if not finite(y.data)]
            first = next((birth for birth in known if birth is not None), None)
            memory = owner(x.data)
            self.kept.append(memory)
            self.births[id(memory)] = first or birth_of(primitive, others, x, state.scope, caller())

    def changes(self, changed: tuple[Tensor, ...]) -> None:
        """Tensors are about to be changed in place: in backward those are gradients, after it that
        is the update.
        """
        if self.walking:
            return
        if self.walked:
            raise _Ended(None)
        super().changes(changed)

    def backward(
        self, original: Callable[..., None], output: Tensor, *args: Any, **how: Any
    ) -> None:
        """Backward is about to start."""
        if not finite(output.data):
            raise _Ended(self.of(output))
        gradient = args[0] if args else how.get("gradient")
        self.deaf = True
        for step in backward_steps(output, None if gradient is None else [gradient]):
            if (birth := _birth_in(step)) is not None:
                raise _Ended(birth)
        self.deaf, self.walking = False, True
        original(output, *args, **how)
        self.walking, self.walked = False, True

    def of(self, x: Tensor) -> Birth:
        """How a tensor that is not finite came to be so."""
        known = self.births.get(id(owner(x.data))) or birth_on_tape(x)
        if known is not None:
            return known
        place, value, count = _first(x.data)
        operand = _described(x, x.name or "the tensor", place, x.shape)
        return Birth(
            "given", "the function", "", (operand,), value, place, count, x.size, None,
            FIXES_GIVEN["operand"],
        )  # fmt: skip

    def judge(self, result: Any) -> Birth | None:
        """The function ended: its result."""
        for x in flatten(result)[1]:
            x = as_tensor(x)
            if not finite(x.data):
                return self.of(x)
        return None


def birth_of(
    primitive: Primitive, inputs: Sequence[Tensor], out: Tensor, scope: str, source: Source | None
) -> Birth:
    """The birth in `out`, the result of an op on `inputs`."""
    place, value, count = _first(out.data)
    names = operand_names(primitive, len(inputs))
    operands = tuple(
        _described(x, x.name or name, place, out.shape)
        for x, name in zip(inputs, names, strict=True)
    )
    bad = next((x for x in inputs if not finite(x.data)), None)
    if bad is None:
        stage, fix = "forward", FIXES.get(primitive.name, TOO_LARGE)
    else:
        stage = "given"
        fix = FIXES_GIVEN["parameter" if bad.needs and bad.primitive is None else "operand"]
    return Birth(stage, primitive.name, scope, operands, value, place, count, out.size, source, fix)


def _birth_in(step: BackwardStep) -> Birth | None:
    """The birth in a step of backward, if there is one."""
    out, upstream = step.out, step.upstream
    primitive: Primitive = out.primitive  # type: ignore[assignment]
    for c in (*step.contributions, upstream):
        if c is None or finite(c.data):
            continue
        place, value, count = _first(c.data)
        named = zip(out.inputs, operand_names(primitive, len(out.inputs)), strict=True)
        operands = (
            _described(upstream, "upstream gradient", place, c.shape),
            *[_described(x, x.name or name, place, c.shape) for x, name in named],
        )
        fix = FIXES.get(primitive.name, TOO_LARGE)
        return Birth(
            "backward", primitive.name, out.scope, operands, value, place, count, c.size,
            source_of(out), fix,
        )  # fmt: skip
    return None


def operand_names(primitive: Primitive, count: int) -> list[str]:
    """What the formula of an op calls its operands: the names that its rules use."""
    rules = primitive.rules
    names: list[str] = []
    for rule in rules if isinstance(rules, tuple) else ():
        if rule is not None:
            code = rule.__code__
            found = code.co_varnames[2 : code.co_argcount]
            names = max(names, list(found[:count]), key=len)
    return names + [f"operand {k}" for k in range(len(names), count)]


def _first(array: np.ndarray) -> tuple[tuple[int, ...], float, int]:
    """The index of the first number that is not finite, the number, and how many there are."""
    bad = ~np.isfinite(array)
    place = tuple(int(i) for i in np.argwhere(bad)[0])
    return place, float(array[place]), int(bad.sum())


def _described(x: Tensor, label: str, place: tuple[int, ...], shape: tuple[int, ...]) -> str:
    """An operand in a line: its name, shape and type, its range, its number at the place."""
    array = x.data
    label = "".join(c if c.isprintable() else " " for c in label)
    text = f"{label} {array.shape} {array.dtype}"
    if array.size == 1:
        return f"{text} = {array.item():.4g}"
    if array.dtype.kind == "f" and array.size:
        good = array[np.isfinite(array)]
        text += f", {good.min():.4g} .. {good.max():.4g}" if good.size else ", nothing finite"
        if good.size < array.size:
            text += f", {array.size - good.size:,} not finite"
    if array.shape == shape:
        text += f", {array[place]:.4g} there"
    return text
