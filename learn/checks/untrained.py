"""The loss before anything is learned, beside what it must be: a network that knows nothing loses
ln C, or the variance of the target. What is far above or below says something about the start.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ...study.findings import Finding
from ..models.looks import loss_of, outputs_of
from ..numerals import amount, percent
from .rules import judged, limit
from .trying import blind_loss, is_classes, value_of

if TYPE_CHECKING:
    from .context import Context

NEAR = limit(
    "untrained_near", 0.05, "the untrained loss against its theory, either way, as it should be",
    "A. Karpathy, makemore 3: −ln(1/C); measured: digits −0.01 to 0.04 over ten seeds",
)  # fmt: skip
HIGH = limit(
    "untrained_high", 0.20, "the untrained cross-entropy above ln C",
    "measured: ten tables, ten seeds, 0.16 at most with the default initial weights",
)  # fmt: skip
HIGH_VALUES = limit(
    "untrained_high_values", 0.50, "the untrained squared error above the target's variance",
    "measured: diabetes, ten seeds, 0.29 at most with the default initial weights",
)  # fmt: skip
LOW = limit(
    "untrained_low", 0.20, "the untrained loss below its theory",
    "measured: ten tables, ten seeds, 0.17 at most by luck, below 0.05 in one of nine",
)  # fmt: skip
ABSURD = limit(
    "untrained_absurd", 9.0, "the untrained loss above its theory, from which on it is an error",
    "measured on digits: weights from N(0, 1) lose a hundred times as much as they should",
)  # fmt: skip


def untrained(context: Context) -> list[Finding]:
    """Judge the loss of a new network on the training rows.

    Between the entropy of the classes and ln C all is well: a last bias that knows how frequent
    the classes are begins at the former, one that does not at the latter.

    >>> from backlit.learn.checks.rules import LIMITS
    >>> LIMITS[NEAR].value, LIMITS[HIGH].value
    (0.05, 0.2)
    """
    if context.build is None or context.task is None or context.train is None:
        return []
    target, limits = context.train.target, context.limits
    with np.errstate(all="ignore"):
        outputs = outputs_of(context.build(), context.train.X)
        loss = loss_of(context.task, outputs, target)
    theory = context.task.theory
    classes, n = is_classes(target), len(target)
    wanted = f"{theory.text} = {amount(theory.value, 4)}"
    high = HIGH if classes else HIGH_VALUES
    if not math.isfinite(loss):
        return [
            judged(
                "untrained-loss", "error",
                f"the untrained network loses {loss} on {n:,} rows, for {wanted}: its numbers are "
                "too large to compute with, or a cell of the inputs is not a number",
                loss, high, limits, n,
                "look for NaN in the prepared inputs; smaller initial weights (nn.init)",
            )
        ]  # fmt: skip
    floor = min(theory.value, blind_loss(target)) if classes else theory.value
    off = loss / theory.value - 1
    below = loss / floor - 1 if floor else 0.0  # 0 where there is one class only
    told = f"the untrained network loses {amount(loss, 4)} on {n:,} rows, for {wanted}"
    near = value_of(NEAR, limits)
    if off > value_of(high, limits):
        absurd = off > value_of(ABSURD, limits)
        return [
            judged(
                "untrained-loss", "error" if absurd else "warning",
                f"{told}, {_above(off)}: {_large(outputs, loss - theory.value, classes)}",
                off, ABSURD if absurd else high, limits, n,
                "smaller weights at the start, of the last layer above all: nn.Linear's own, "
                "kaiming_uniform_ or xavier_uniform_; inputs scaled to mean 0 and deviation 1",
            )
        ]  # fmt: skip
    if below < -value_of(LOW, limits):
        return [
            judged(
                "untrained-loss", "warning",
                f"{told}, {percent(round(-below, 2))} less than knowing nothing allows: the "
                f"answer stands among "
                "the inputs, or the network was trained before",
                below, LOW, limits, n,
                "does build() give new weights? Is a column of the table another name of the "
                "target? Another seed tells luck from knowledge",
            )
        ]  # fmt: skip
    if below < -near:
        words, advice = (
            f"{percent(round(-below, 2))} below: a lucky start, as small networks on few rows "
            f"have, or a column "
            "that tells the answer",
            "see what the columns tell one by one",
        )
    elif off > near:
        words, advice = (
            f"{percent(round(off, 2))} above: outputs a little large, no harm",
            "nothing",
        )
    else:
        words, advice = "as it should be", "nothing"
    statistic = below if below < -near else off
    return [
        judged("untrained-loss", "note", f"{told}: {words}", statistic, NEAR, limits, n, advice)
    ]


def _above(off: float) -> str:
    return f"{percent(round(off, 2))} above" if off < 9 else f"{amount(off + 1)} times as much"


def _large(outputs: np.ndarray, excess: float, classes: bool) -> str:
    """Why a network that has seen nothing loses more than one that says nothing."""
    outputs = outputs.astype(np.float64)
    spread = float(outputs.std(axis=1).mean() if classes else outputs.std())
    if not classes:
        return (
            f"its outputs have a deviation of {amount(spread, 2)} where the target's is 1; "
            f"training first "
            "has to unlearn them"
        )
    return (
        f"over-confident before it has seen anything; its logits spread by {amount(spread, 2)} "
        f"within a "
        f"row (sqrt(2 × {amount(excess)}) = {amount(math.sqrt(2 * excess), 2)} would do it), and "
        f"training "
        "first has to unlearn them"
    )
