"""A handful of rows learned by heart: what cannot do that cannot learn at all. Where the loss stops
instead says what is wrong: softmax applied twice, or no way from the inputs to the loss.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ... import nn
from ...engine import tensor
from ...study.findings import Finding
from ...study.judging import named
from ..models.looks import loss_of, outputs_of
from ..numerals import amount, decimal
from .rules import judged, limit
from .trying import (
    blind_loss,
    descend,
    drawing,
    in_mode,
    is_classes,
    value_of,
)

if TYPE_CHECKING:
    from .context import Context, Part

REACHED = limit(
    "one_batch_loss", 0.01, "the loss on one batch that training on it alone must reach",
    "A. Karpathy, A recipe for training neural networks; measured: ten tables, 8 to 300 steps; "
    "of a squared error it is the share of the batch's variance",
)  # fmt: skip
STEPS = limit(
    "one_batch_steps", 300, "steps in which one batch must be learned",
    "measured: digits 16, two inputs and four clouds 300",
)  # fmt: skip
STUCK = limit(
    "one_batch_stuck", 0.5, "the loss on one batch that is stuck, of that of knowing nothing",
    "measured: ten tables, 0.03 at most with their labels; 0.5 with shuffled ones, two inputs",
)  # fmt: skip
ROWS = 32
RATES = (1e-2, 3e-2, 1e-3)
"""Learning rates of Adam, tried in turn until one of them gets there: the context's own is judged
elsewhere."""

PLATEAU = 0.02
"""How near, relatively, the loss lies to a plateau that is known."""


@dataclass(frozen=True)
class Attempt:
    """How training on one batch ended."""

    model: nn.Module
    loss: float
    steps: int
    outputs: np.ndarray
    target: np.ndarray


def one_batch(context: Context) -> list[Finding]:
    """Train new networks on at most 32 different rows, with their labels and with shuffled ones.

    One finding: that it works, or what stands in the way. Where the columns say little and are few,
    32 rows may be too many to tell apart; so a network that is stuck is given two of them, and only
    one that cannot learn these is an error.

    >>> round(twice_softmax(10), 3)  # the least loss of softmax applied twice, for 10 classes
    1.461
    """
    if context.build is None or context.task is None or context.train is None:
        return []
    rows = a_batch(context.train, context.seed)
    X, target = context.train.X[rows], context.train.target[rows]
    blind = blind_loss(target)
    if len(rows) < 2 or not blind:
        return []
    limits = context.limits
    goal = value_of(REACHED, limits) * (1.0 if is_classes(target) else blind)
    with np.errstate(all="ignore"):
        true = _learn(context, X, target, goal)
        if not true.loss < goal and (problem := _softmax_twice(context, true)):
            return [problem]
        stuck = not true.loss < value_of(STUCK, limits) * blind
        hopeless = stuck and not _learns_two(context, X, target)
        if hopeless and (problem := _no_way(context, X, true, blind)):
            return [problem]
        shuffled = np.random.default_rng(context.seed).permutation(target)
        random = _learn(context, X, shuffled, goal)
    told = f"{len(rows)} rows to be learned by heart: {_ended(true, goal)}; with shuffled labels "
    told += _ended(random, goal)
    if hopeless:
        return [
            judged(
                "one-batch", "error", f"{told}, where knowing nothing loses {amount(blind)}",
                true.loss / blind, STUCK, limits, len(rows),
                "a network that cannot learn a few rows by heart cannot learn many: draw the loss "
                "(bl.draw) and see what lies between the inputs and it; more units, relu",
            )
        ]  # fmt: skip
    if not true.loss < goal:
        told += "; two rows alone are learned" if stuck else ""
        return [
            judged(
                "one-batch", "warning", told, true.loss, REACHED, limits, len(rows),
                "more units, or columns that say more; initial weights of the usual size",
            )
        ]  # fmt: skip
    if not random.loss < goal:
        told += ", as labels without a pattern take more units, or inputs"
    return [judged("one-batch", "note", told, true.loss, REACHED, limits, len(rows), "nothing")]


def a_batch(part: Part, seed: int) -> np.ndarray:
    """Positions of at most 32 rows of different inputs, of all classes alike as far as they go."""
    order = np.random.default_rng(seed).permutation(len(part.X))
    if is_classes(part.target):
        order = order[np.argsort(_turns(part.target[order]), kind="stable")]
    order = order[: 8 * ROWS]
    _, first = np.unique(part.X[order], axis=0, return_index=True)
    return order[np.sort(first)][:ROWS]


def _turns(labels: np.ndarray) -> np.ndarray:
    """Of each label, how many of its kind came before."""
    by_class = np.argsort(labels, kind="stable")
    starts = np.searchsorted(labels[by_class], labels[by_class], side="left")
    turns = np.empty(len(labels), np.int64)
    turns[by_class] = np.arange(len(labels)) - starts
    return turns


def twice_softmax(classes: int) -> float:
    """The least cross-entropy of logits that lie between 0 and 1: ln(1 + (C - 1) / e)."""
    return math.log1p((classes - 1) / math.e)


def _learn(context: Context, X: np.ndarray, target: np.ndarray, goal: float) -> Attempt:
    """The best of some learning rates, the first that gets there."""
    assert context.build is not None
    assert context.task is not None
    best: Attempt | None = None
    for lr in RATES:
        model = context.build()
        losses = descend(
            model, context.task, X, target, lr=lr,
            epochs=int(value_of(STEPS, context.limits)), batch_size=len(X), seed=context.seed,
            enough=lambda loss: loss < goal,
        )  # fmt: skip
        outputs = outputs_of(model, X)
        loss = min(losses[-1], loss_of(context.task, outputs, target))  # the latter without dropout
        attempt = Attempt(model, loss, len(losses), outputs, target)
        if best is None or not best.loss <= attempt.loss:
            best = attempt
        if loss < goal:
            break
    assert best is not None
    return best


def _learns_two(context: Context, X: np.ndarray, target: np.ndarray) -> bool:
    """Whether two rows of different targets are learned, at least by half."""
    flat = target.reshape(len(X), -1)
    two = [0, int(np.argmax((flat != flat[0]).any(axis=1)))]
    blind = blind_loss(target[two])
    enough = value_of(STUCK, context.limits) * blind
    return _learn(context, X[two], target[two], enough).loss < enough


def _ended(attempt: Attempt, goal: float) -> str:
    steps = f"{attempt.steps} step" + ("" if attempt.steps == 1 else "s")
    if attempt.loss < goal:
        return f"loss below {amount(goal, 2)} after {steps}"
    return f"loss {amount(attempt.loss)} after {steps}"


# ---- what stands in the way ---------------------------------------------------------------------


def _softmax_twice(context: Context, tried: Attempt) -> Finding | None:
    """Whether the loss lies where that of squashed logits has to stop."""
    classes, n = tried.outputs.shape[1], len(tried.target)
    if not is_classes(tried.target) or classes < 2:
        return None
    bound = twice_softmax(classes)
    within = bool(np.all((tried.outputs >= -1e-6) & (tried.outputs <= 1 + 1e-6)))
    constant = float(np.ptp(tried.outputs, axis=0).max()) < 1e-6  # that has another reason
    at_bound = abs(tried.loss / bound - 1) < PLATEAU
    if constant or not (at_bound or (within and tried.loss > bound)):
        return None
    return judged(
        "softmax-twice", "error",
        f"on {n} rows alone the loss stops at {decimal(tried.loss)}; "
        f"{_squashed(tried.outputs, within)}; logits between 0 and 1 cannot lose less "
        f"than ln(1 + {classes - 1}/e) = {decimal(bound)} for {classes} classes",
        tried.loss, REACHED, context.limits, n,
        "let the network end in its last linear layer: cross_entropy takes logits and "
        "has the softmax in it",
    )  # fmt: skip


def _no_way(context: Context, X: np.ndarray, tried: Attempt, blind: float) -> Finding | None:
    """Whether the loss is that of knowing nothing, and what gets no gradient."""
    if not tried.loss > blind * (1 - PLATEAU):
        return None
    size, without = _gradients(context, X, tried)
    reason = (
        "no gradient reaches the inputs" if size == 0
        else f"the gradient at the inputs is {amount(size, 2)}"
    )  # fmt: skip
    stopped = f"; the gradient of {named(without)} is 0 or missing" if without else ""
    return judged(
        "no-way-to-the-inputs", "error",
        f"on {len(X)} rows alone the loss stops at {amount(tried.loss)}, what knowing nothing "
        f"about "
        f"them loses ({amount(blind)}): {reason}{stopped}",
        tried.loss / blind, STUCK, context.limits, len(X),
        "is each layer called in forward(), and its result used? A detach(), no_grad or NumPy "
        "in between cuts the way; dead relu units and inputs of 0 let nothing through",
    )  # fmt: skip


def _squashed(outputs: np.ndarray, within: bool) -> str:
    if not within:
        return "that is where cross-entropy stops when it is given softmax's result"
    if np.allclose(outputs.sum(axis=1), 1, atol=1e-4):
        return "each row of the outputs adds up to 1: a softmax is applied before the loss's own"
    return "all outputs lie between 0 and 1: a sigmoid comes before the loss, which has its own"


def _gradients(context: Context, X: np.ndarray, tried: Attempt) -> tuple[float, list[str]]:
    """The size of the gradient at the inputs, and the parameters that get none."""
    assert context.task is not None
    x = tensor(X, requires_grad=True)
    with in_mode(tried.model, True), drawing(context.seed):
        tried.model.zero_grad()
        loss = context.task.loss(tried.model(x), tensor(tried.target))
        if loss.requires_grad:
            loss.backward()
    size = 0.0 if x.grad is None else float(np.linalg.norm(x.grad.numpy()))
    without = [
        name for name, p in tried.model.named_parameters()
        if p.grad is None or not p.grad.numpy().any()
    ]  # fmt: skip
    return size, without
