"""The same training on inputs that are all 0: a network that sees nothing must end worse than one
that sees the rows, by more than chance; else the inputs were of no use.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ...study.findings import Finding
from ..models.loop import train as training
from ..numerals import amount, percent, standard_errors
from .rules import judged, limit
from .trying import is_classes, row_losses, value_of

if TYPE_CHECKING:
    from ..models.loop import Fit
    from .context import Context, Part

BLIND = limit(
    "blind", 2.0, "standard errors by which a network without inputs loses more, from below",
    "A. Karpathy, A recipe for training neural networks: input-independent baseline; two standard "
    "errors are 97.7 % one-sided; measured: ten tables, ten seeds, 3.2 at least with "
    "their labels, 2.6 at most with shuffled ones",
)  # fmt: skip
NOTHING = limit(
    "blind_nothing", 1.0, "standard errors likewise: from there to two it may be weak, or chance",
    "measured: credit, where columns say little, 1.6 and more on 200 rows",
)  # fmt: skip
EPOCHS = 20
STEPS = 2000
"""What the blind network gets at most: it has a constant to learn, and no more."""


def blind(context: Context) -> list[Finding]:
    """Train a new network on zeroed inputs, and compare what validation rows lose, row by row.

    The seeing one is the trained network of `context.fit`; before training there is one that is
    trained as shortly as the blind one, and keeps its best epoch as any training does. Rows lose
    cross-entropy or squared error. Where a learning rate is so bad that the blind network does not
    even learn how frequent classes are, or the mean, those are what it is taken to say.

    >>> from backlit.learn.checks.rules import LIMITS
    >>> LIMITS[BLIND].value
    2.0
    """
    train, validation, task = context.train, context.validation, context.task
    build = context.build
    if build is None or task is None or train is None or validation is None:
        return []
    if len(validation.X) < 2 or not train.X.any():
        return []
    batches = -(-len(train.X) // context.batch_size)
    epochs = max(1, min(EPOCHS, STEPS // batches))

    def learned(train: Part, validation: Part) -> Fit:
        return training(
            build, task, train, validation, epochs=epochs, lr=context.lr,
            batch_size=context.batch_size, seed=context.seed,
        )  # fmt: skip

    with np.errstate(all="ignore"):
        fit = context.fit if context.fit is not None else learned(train, validation)
        nothing = np.zeros_like(validation.X)
        unseeing = learned(replace(train, X=np.zeros_like(train.X)), replace(validation, X=nothing))
        outputs = unseeing.outputs(nothing)
        constant = np.tile(constant_outputs(train.target, task.outputs), (len(outputs), 1))
        without = row_losses(outputs, validation.target)
        if not without.mean() < (known := row_losses(constant, validation.target)).mean():
            outputs, without = constant, known
        answers = fit.outputs(validation.X)
        seen = row_losses(answers, validation.target)
        errors = paired_errors(without - seen)
    n = len(seen)
    told = (
        f"on {n:,} validation rows the network loses {amount(float(seen.mean()))}; one trained on "
        f"inputs that are all 0 loses {amount(float(without.mean()), zeros=True)}"
    )
    if not math.isfinite(float(seen.mean())):
        return [
            judged(
                "blind", "error", f"{told}: no numbers to compare", 0.0, BLIND, context.limits, n,
                "a smaller learning rate; see the first NaN (bl.find_nan)",
            )
        ]  # fmt: skip
    if errors >= value_of(BLIND, context.limits):
        return [
            judged(
                "blind", "note", f"{told}: the inputs are used ({standard_errors(errors)})",
                errors, BLIND, context.limits, n, "nothing",
            )
        ]  # fmt: skip
    if is_classes(validation.target):
        right = [each.argmax(axis=1) == validation.target for each in (answers, outputs)]
        more = paired_errors(right[0].astype(np.float64) - right[1])
        if more >= value_of(BLIND, context.limits):
            return [
                judged(
                    "blind", "warning",
                    f"{told}: it is right more often ({percent(float(right[0].mean()))} for "
                    f"{percent(float(right[1].mean()))}), but so sure of itself where it is wrong "
                    f"that its "
                    "loss is no better",
                    errors, BLIND, context.limits, n,
                    "a smaller learning rate; probabilities of this network mean little",
                )
            ]  # fmt: skip
    if errors >= value_of(NOTHING, context.limits):
        return [
            judged(
                "blind", "warning",
                f"{told}, {standard_errors(errors)}: the inputs say little, or nothing; so few "
                "rows cannot tell",
                errors, BLIND, context.limits, n,
                "more validation rows; other columns",
            )
        ]  # fmt: skip
    return [
        judged(
            "blind", "error",
            f"{told}, {standard_errors(errors)}: the inputs were of no use",
            errors, BLIND, context.limits, n,
            ("No epoch was of use: look at the learning rate first. " if fit.best == 0 else "")
            + "Are rows and labels still those that belong together (a shuffle, a join, a sort of "
            "one of them)? Do the columns say anything of the target?",
        )
    ]  # fmt: skip


def constant_outputs(target: np.ndarray, outputs: int) -> np.ndarray:
    """The best outputs (outputs,) for rows of which nothing is known: logits, or the mean.

    >>> np.exp(constant_outputs(np.array([0, 0, 1]), 2)).round(2).tolist()  # one more of each
    [0.6, 0.4]
    """
    if is_classes(target):
        counts = np.bincount(target, minlength=outputs) + 1
        return np.log(counts / counts.sum())
    return target.astype(np.float64).reshape(len(target), -1).mean(axis=0)


def paired_errors(differences: np.ndarray) -> float:
    """A mean of paired differences over its standard error; infinite where all are the same.

    >>> round(paired_errors(np.array([1.0, 2.0, 3.0])), 4)  # 2 / (1 / sqrt(3))
    3.4641
    """
    mean = float(differences.mean())
    error = float(differences.std(ddof=1)) / math.sqrt(len(differences))
    if error:
        return mean / error
    return math.copysign(math.inf, mean) if mean else 0.0
