"""Primitives and the one door: every number that backlit makes is made by `apply`. A primitive is
one record in one place; the registry holds them all, for tests, documentation and pictures.
"""

from __future__ import annotations

import dis
import functools
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .errors import DtypeError, ShapeError
from .kernels.abi import MAX_DIMS
from .tape import last_change, recorder, recorders, state, tick
from .tensors import BOOL, FLOATS, INT, Tensor, new

Rule = Callable[..., Any]
PACKAGE = __name__.partition(".")[0] + "."


outsiders: list[str] = []
"""Names of primitives from outside backlit, whose functions are not backlit's either."""


@dataclass(frozen=True, eq=False, slots=True)
class Primitive:
    """One op: how it is computed, how its gradient is, and what to tell about it.

    `forward(*tensors, **params)` returns the array of the result; a NumPy scalar, which NumPy makes
    of arrays without dimensions, becomes an array. `rules` has one formula for each
    operand, `rule(g, ans, *inputs, **params)`, in tensor functions; None where no gradient flows.
    A primitive of any number of operands has one rule, which gives the contributions of all.
    """

    name: str
    forward: Callable[..., np.ndarray]
    rules: tuple[Rule | None, ...] | Rule | None = None
    symbol: str = ""
    formula: str = ""
    local: tuple[str, ...] = ()
    kinks: str = ""
    doc: str = ""
    view: bool = False
    """Whether the result shares the first operand's memory."""
    broadcasts: bool = True
    """Whether a rule may give a gradient of more than its operand's shape: backward sums it."""
    in_place: bool = False
    """Whether the first operand is changed and returned."""
    draws: bool = False
    """Whether it moves a generator on."""
    samples: Callable[[np.random.Generator], list[Any]] | None = None
    """Operands (and last, if a dict, parameters) inside the domain: what tests draw from."""
    numpy: Callable[..., Any] | None = None
    """The same function in NumPy, for tests and for NumPy's ufuncs applied to tensors."""
    uses: tuple[frozenset[int], ...] = field(default=(), repr=False)
    """For each rule, which of (ans, *inputs) it reads: -1 is ans."""

    def __post_init__(self) -> None:
        """Ops of others are checked at each call, which costs backlit's own nothing."""
        module = getattr(self.forward, "__module__", None) or ""
        if not module.startswith(PACKAGE) and not self.in_place:
            object.__setattr__(self, "forward", _checked(self.name, self.forward))
            outsiders.append(self.name)

    def rule(self, slot: int) -> Rule | None:
        """The rule of one operand."""
        rules = self.rules
        if rules is None:
            return None
        if not isinstance(rules, tuple):
            return lambda g, ans, *inputs, **params: rules(g, ans, *inputs, **params)[slot]
        return rules[slot]


def _checked(name: str, forward: Callable[..., Any]) -> Callable[..., np.ndarray]:
    """A forward whose result is an array that kernels can read, or an error."""

    @functools.wraps(forward)
    def checked(*inputs: Tensor, **params: Any) -> np.ndarray:
        made = forward(*inputs, **params)
        if isinstance(made, np.generic):
            made = np.asarray(made)
        if not isinstance(made, np.ndarray):
            raise DtypeError(
                f"{name}: its forward returned {type(made).__name__}; it is given tensors and "
                "returns a NumPy array, as np.exp(x.data)"
            )
        if made.dtype not in (*FLOATS, INT, BOOL):
            raise DtypeError(
                f"{name}: its forward returned an array of {made.dtype}; tensors hold float32, "
                "float64, int64 or bool, so end it with .astype(x.dtype)"
            )
        return made

    return checked


registry: dict[str, Primitive] = {}
"""All primitives by name."""


def primitive(name: str, forward: Callable[..., np.ndarray], **facts: Any) -> Primitive:
    """Make a primitive and put it into the registry; the facts are Primitive's fields."""
    if name in registry:
        raise ValueError(f"there is a primitive {name!r} already; names are unique")
    rules = facts.get("rules")
    if isinstance(rules, tuple):
        facts["uses"] = tuple(_reads(rule) for rule in rules)
    facts.setdefault("symbol", name)
    record = Primitive(name, forward, **facts)
    registry[name] = record
    return record


def _reads(rule: Rule | None) -> frozenset[int]:
    """Which of (ans, *inputs) a formula (g, ans, *inputs) reads: the rest may change in place."""
    if rule is None:
        return frozenset()
    code = rule.__code__
    names = code.co_varnames[: code.co_argcount]
    if rule is passes:
        return frozenset()
    if code.co_flags & 0x04 or code.co_cellvars:  # *inputs, or a name that an inner function reads
        return frozenset(range(-1, 64))
    read: set[str] = set()
    steps = list(dis.get_instructions(code))
    for step, after in itertools.pairwise(steps):
        if step.opname.startswith("LOAD_FAST"):
            loaded = step.argval if isinstance(step.argval, tuple) else (step.argval,)
            if after.opname == "LOAD_ATTR" and after.argval in ("shape", "ndim", "size", "dtype"):
                loaded = loaded[:-1]  # x.shape does not change with x's numbers
            read.update(loaded)
    return frozenset(k - 2 for k, name in enumerate(names) if k > 0 and name in read)


def passes(g: Tensor, ans: Tensor, x: Tensor, y: Tensor | None = None) -> Tensor:
    """The rule of an operand whose gradient is the upstream one: a sum's."""
    return g


NONE: dict[str, Any] = {}
"""The parameters of an op without any: one for all."""


def apply(primitive: Primitive, *inputs: Tensor, **params: Any) -> Tensor:
    """The one door: compute, and remember what backward will need.

    >>> from backlit.engine import apply, registry, tensor
    >>> apply(registry["exp"], tensor([0.0, 1.0]))
    tensor([1.       , 2.7182817])
    """
    out = new(Tensor)
    out.data = primitive.forward(*inputs, **params) if params else primitive.forward(*inputs)
    out.needs = False
    out.primitive = out.grad = out.name = out.cell = None
    if primitive.view:
        base = inputs[0]
        if base.cell is None:
            base.cell = [0]
        out.cell = base.cell
        if out.data.ndim > MAX_DIMS:
            raise ShapeError(
                f"{primitive.name}: a tensor has at most {MAX_DIMS} dimensions, "
                f"this would have {out.data.ndim}"
            )
    if state.grad and primitive.rules is not None:
        for x in inputs:
            if x.needs:
                out.needs = True
                out.primitive = primitive
                out.inputs = inputs
                out.params = params or NONE
                out.order = tick()
                out.scope = state.scope
                out.freed = False
                break
    if recorders and (writer := recorder()):
        writer.note(primitive, inputs, params, out)
    return out


def apply_in_place(
    primitive: Primitive, inputs: tuple[Tensor, ...], changed: tuple[Tensor, ...], **params: Any
) -> None:
    """The door for updates: the tensors in `changed`, some of `inputs`, change where they lie. One
    that nobody else has seen yet need not be among them.
    """
    recording = state.grad
    for x in changed:
        if x.primitive is not None or (recording and x.needs):
            x.check_in_place(primitive.name)
    writer = recorder() if recorders else None
    if writer is not None and changed:
        writer.changes(changed)
    primitive.forward(*inputs, **params)
    if writer is not None:
        writer.note(primitive, inputs, params, None, changed)
    if changed:
        now = last_change[0] = tick()
        for x in changed:
            cell = x.cell
            if cell:
                cell[0] = now
            else:
                x.cell = [now]
