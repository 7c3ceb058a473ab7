"""`audit(loss)`: every op of a real graph against finite differences, at the numbers that it met.
Each op is computed again in float64, where differences are worth something.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ..engine import Tensor, apply, backward_steps, no_grad
from ..engine.ops.shape import sum_to
from ..engine.tensors import F32, F64, wrap
from .live import Live, live
from .model import Node
from .text import number, shape_text, shorten
from .verdicts import Audit, Check

EVERY = 32  # operands of no more elements are checked element by element
PROBES = 6  # of others, so many elements and as many directions through all of them
STEP = 1e-6
CLOSE = 1e-4


def audit(loss: Tensor, names: Mapping[str, object] | None = None) -> Audit:
    """Check every op that `loss` was computed by, at the numbers of this run.

    Three checks: the recorded value against the op computed again in float64; the rule of each
    operand against central differences in float64, under a random upstream gradient (all elements
    of small operands; some, and some directions through all, of big ones); what this backward sends
    against the same rule in float64. No `.grad` is touched, nothing is freed.

    Parameters
    ----------
    loss : one number, whose graph is alive.
    names : what to call tensors, as {"x": x, …} or `locals()`.

    Raises GraphError where there is no living graph, or where it cannot be walked.

    >>> import backlit as bl
    >>> w = bl.tensor([0.5, -1.0], requires_grad=True, name="w")
    >>> report = bl.audit((w * w).tanh().sum())
    >>> report.ok, report.first
    (True, None)
    >>> print(report)
    3 ops, 4 rules checked: all agree with finite differences; the largest difference is ...
    """
    found = live("audit", loss, names)
    flows = {
        (step.out, slot): (step.upstream, flow)
        for step in backward_steps(loss)
        for slot, flow in enumerate(step.contributions)
    }
    checks: list[Check] = []
    with no_grad(), np.errstate(all="ignore"):
        for node, out in zip(found.graph.nodes, found.tensors, strict=True):
            if out.primitive is not None:
                checks += _Auditor(found, node, out).checks(flows)
    return Audit(tuple(checks))


Flows = Mapping[tuple[Tensor, int], tuple[Tensor, Tensor | None]]


class _Auditor:
    """The checks of one op, computed again in float64."""

    def __init__(self, found: Live, node: Node, out: Tensor) -> None:
        self.found = found
        self.node = node
        self.out = out
        self.inputs = [_double(x.data) for x in out.inputs]
        self.params = {
            key: F64 if isinstance(value, np.dtype) and value == F32 else value
            for key, value in out.params.items()
        }
        self.value = self._forward(self.inputs)
        rng = np.random.default_rng(node.id)
        self.rng = rng
        finite = np.isfinite(self.value)
        self.upstream = np.where(finite, rng.uniform(0.5, 1.5, self.value.shape), 0.0)

    def _forward(self, inputs: list[np.ndarray]) -> np.ndarray:
        assert self.out.primitive is not None
        return apply(self.out.primitive, *map(wrap, inputs), **self.params).data

    def checks(self, flows: Flows) -> Iterator[Check]:
        yield self._value()
        for slot, x in enumerate(self.out.inputs):
            if x.requires_grad and x.dtype.kind == "f":
                yield self._rule(slot, flows.get((self.out, slot)))

    def _check(self, verdict: str, error: float, what: str = "", slot: int | None = None) -> Check:
        node = self.node
        operand = "" if slot is None else self._operand(slot)
        where = f" in module {node.module_path}" if node.module_path else ""
        operands = ", ".join(self._operand(k) for k in range(len(self.inputs)))
        message = f"{_short(node)} = {node.op}({operands}){where}: {what}" if what else ""
        return Check(node.op, node.name, node.module_path, operand, verdict, error, message)

    def _operand(self, slot: int) -> str:
        return _short(self.found.graph.nodes[self.found.ids[self.out.inputs[slot]]])

    # -- the value

    def _value(self) -> Check:
        recorded, again = _double(self.out.data), self.value
        both = np.isfinite(recorded) & np.isfinite(again)
        if recorded.dtype != F64 or not both.any():
            return self._check("right" if recorded.dtype != F64 else "not finite", 0.0)
        sizes = [np.abs(x[np.isfinite(x)]).max(initial=0.0) for x in (again, *self.inputs)
                 if x.dtype == F64]  # fmt: skip
        scale = max(sizes) or 1.0
        gap = np.where(both, np.abs(recorded - again), 0.0) / scale
        error = float(gap.max(initial=0.0))
        if error > (1e-4 if self.out.dtype == F32 else 1e-10):
            at = np.unravel_index(int(gap.argmax()), gap.shape)
            what = (
                f"its value{_at(at)} is {number(float(recorded[at]))}, but its operands now give "
                f"{number(float(again[at]))}: the kernel is wrong, or an operand was changed since"
            )
            return self._check("wrong", error, what)
        return self._check("right", error)

    # -- the rules

    def _rule(self, slot: int, flow: tuple[Tensor, Tensor | None] | None) -> Check:
        x = self.inputs[slot]
        found = self._rule_says(slot, self.upstream)
        if isinstance(found, str):
            return self._check("wrong", np.inf, found, slot)
        verdicts: list[tuple[str, float]] = []
        for along, at in self._probes(x, found):
            verdict, error, numeric = self._probe(slot, found, along)
            if verdict == "wrong":
                if at is None:
                    what = "along a random direction"
                    said = number(float((found * along).sum()))
                else:
                    what, step = f"element{_at(at)}" if at else "the gradient", float(along[at])
                    said, numeric = number(float(found[at])), numeric / step
                return self._check(
                    "wrong", error,
                    f"the rule for {self._operand(slot)} (operand {slot}) gives {said} for {what} "
                    f"under a random upstream gradient, the finite difference {number(numeric)}",
                    slot,
                )  # fmt: skip
            verdicts.append((verdict, error))
        wrong = self._sent(slot, flow)
        if wrong is not None:
            return wrong
        right = [error for verdict, error in verdicts if verdict == "right"]
        if right or not verdicts:
            return self._check("right", max(right, default=0.0), slot=slot)
        return self._check(verdicts[0][0], 0.0, slot=slot)

    def _rule_says(self, slot: int, upstream: np.ndarray) -> np.ndarray | str:
        """What the rule gives in float64; text where it gives no gradient for this operand."""
        assert self.out.primitive is not None
        x, rule = self.inputs[slot], self.out.primitive.rule(slot)
        if rule is None:
            return np.zeros(x.shape)
        tensors = [wrap(each) for each in self.inputs]
        flow = rule(wrap(upstream), wrap(self.value), *tensors, **self.params)
        if flow is None:
            return np.zeros(x.shape)
        given = flow.shape
        try:
            if given != x.shape:
                flow = sum_to(flow, x.shape)
        except (ValueError, IndexError):
            return (
                f"the rule for {self._operand(slot)} (operand {slot}) gives the shape "
                f"{shape_text(given)} for an operand of shape {shape_text(x.shape)}"
            )
        return flow.data

    def _probes(
        self, x: np.ndarray, found: np.ndarray
    ) -> Iterator[tuple[np.ndarray, tuple[int, ...] | None]]:
        """Steps to take from x: along one element each, or along all at once."""
        steps = STEP * np.where(x == 0, 1e-3, np.abs(x))
        steps = np.where(np.isfinite(x), steps, 0.0)
        places = list(np.ndindex(*x.shape))
        if x.size > EVERY:
            order = np.argsort(-np.abs(np.nan_to_num(found.reshape(-1))), kind="stable")
            some = [*order[: PROBES // 2], *self.rng.choice(x.size, PROBES // 2, replace=False)]
            places = [tuple(int(k) for k in np.unravel_index(i, x.shape)) for i in some]
            sure = np.where(np.isfinite(found), steps, 0.0)
            for _ in range(PROBES):
                yield sure * self.rng.uniform(-1, 1, x.shape), None
        for at in places:
            along = np.zeros(x.shape)
            along[at] = steps[at]
            if steps[at]:
                yield along, at

    def _probe(
        self, slot: int, found: np.ndarray, along: np.ndarray
    ) -> tuple[str, float, float]:  # fmt: skip
        """Compare along a step: the verdict, the relative error, and the central difference."""
        up, down = self._moved(slot, along), self._moved(slot, -along)
        central = self._weighed(up - down) / 2
        said = float(np.where(along != 0, found * along, 0.0).sum())
        if not np.isfinite(central):
            return "not finite", 0.0, central
        if not np.isfinite(said):
            return "wrong", np.inf, central
        size = max(float(np.abs(np.where(along != 0, found * along, 0.0)).sum()), abs(central))
        noise = 1e-15 * float(np.abs(self.upstream * np.nan_to_num(self.value)).sum())
        error = abs(said - central)
        if error <= CLOSE * size + noise:
            return "right", error / size if size else 0.0, central
        forward, back = self._weighed(up - self.value), self._weighed(self.value - down)
        half = self._weighed(self._moved(slot, along / 2) - self._moved(slot, -along / 2))
        bent = abs(forward - back) > 1e-2 * max(abs(forward), abs(back)) + noise
        low, high = min(forward, back), max(forward, back)
        if bent and low - CLOSE * size - noise <= said <= high + CLOSE * size + noise:
            return "kink", 0.0, central
        if not bent and abs(half - central) > 1e-2 * size + noise:
            return "kink", 0.0, central  # a jump: the difference does not shrink with the step
        return "wrong", error / size, central

    def _moved(self, slot: int, along: np.ndarray) -> np.ndarray:
        inputs = list(self.inputs)
        inputs[slot] = np.asarray(inputs[slot] + along)  # NumPy's sum of () and () is no array
        return self._forward(inputs)

    def _weighed(self, change: np.ndarray) -> float:
        return float((self.upstream * np.where(self.upstream == 0, 0.0, change)).sum())

    def _sent(self, slot: int, flow: tuple[Tensor, Tensor | None] | None) -> Check | None:
        """What this run's backward sent, against the same rule in float64."""
        if flow is None or flow[1] is None:
            return None
        upstream = _double(flow[0].data)
        again = self._rule_says(slot, upstream)
        sent = _double(flow[1].data)
        assert not isinstance(again, str)
        both = np.isfinite(sent) & np.isfinite(again)
        largest = [np.abs(x[np.isfinite(x)]).max(initial=0.0) for x in (again, upstream)]
        reach = max([1.0, *(np.abs(x[np.isfinite(x)]).max(initial=0.0) for x in self.inputs)])
        bound = 1e-3 * largest[0] + 1e-5 * largest[1] * reach
        if F32 not in (self.out.dtype, *(x.dtype for x in self.out.inputs)):
            bound *= 1e-6
        gap = np.where(both, np.abs(sent - again), 0.0)
        if float(gap.max(initial=0.0)) <= bound:
            return None
        at = np.unravel_index(int(gap.argmax()), gap.shape)
        what = (
            f"backward sent {number(float(sent[at]))} to {self._operand(slot)}{_at(at)}, but the "
            f"rule in float64 gives {number(float(again[at]))}"
        )
        return self._check("wrong", float(gap.max()), what, slot)


def _double(array: np.ndarray) -> np.ndarray:
    """Floats as float64, a copy; other numbers as they are."""
    return array.astype(F64) if array.dtype.kind == "f" else array


def _at(place: tuple[Any, ...]) -> str:
    return f" [{', '.join(str(int(k)) for k in place)}]" if place else ""


def _short(node: Node) -> str:
    return shorten(node.name, 28)
