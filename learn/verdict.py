"""What the numbers of a run say, in plain sentences with the numbers in them.
Rules of thumb with fixed thresholds; each sentence names its statistic."""

from __future__ import annotations

import math

from .loop import Fit
from .tasks import Task, Theory


def untrained_words(loss: float, theory: Theory) -> str:
    """Whether a network that knows nothing loses what it should.

    >>> untrained_words(2.31, Theory(2.303, "ln 10"))
    'as it should be'
    """
    off = loss / theory.value - 1
    if off > 0.20:
        return (
            f"{off:.0%} above: the random outputs are too large, the network is sure of "
            "itself before it has seen anything; training first has to unlearn that"
        )
    if off > 0.05:
        return f"{off:.0%} above: the random outputs are a little large, no harm"
    if off < -0.05:
        return f"{-off:.0%} below: a lucky start, or the answer stands among the inputs"
    return "as it should be"


def gap_words(fit: Fit, task: Task, rows: int) -> str:
    """Whether the network generalises or memorises, from the epoch that was kept and the last.

    `rows` are those of the validation part; few of them cannot show a small gap.
    """
    best, last = fit.best_epoch, fit.history[-1]
    gap = best.train_score - best.validation_score
    noise = _noise(best.validation_score, rows) if task.score_name == "accuracy" else 0.0
    words = (
        f"{task.score_name} {best.train_score:.3f} in training, {best.validation_score:.3f} in "
        f"validation, a gap of {gap:+.3f}"
    )
    if best.epoch == 0:
        return words + ": no epoch was better than the untrained network"
    if abs(gap) < noise:
        words += f", within the noise of {rows} rows (±{noise:.3f}): it generalises"
    elif gap >= 0.10:
        words += ": it memorises; a smaller network or more rows would help"
    elif gap <= -0.05:
        words += ": validation better than training is luck, or a leak between the parts"
    elif gap >= 0.03:
        words += ": some of the training rows are learned by heart"
    else:
        words += ": it generalises"
    if (
        last.validation_loss > 1.05 * best.validation_loss
        and last.train_loss < best.train_loss
        and best.validation_loss > 0
    ):
        rise = last.validation_loss / best.validation_loss - 1
        words += (
            f". After epoch {best.epoch} validation loss rose by {rise:.0%} while training loss "
            "still fell: later epochs overfit and were not kept"
        )
    elif best.epoch == last.epoch and fit.status == "finished":
        words += ". The last epoch was the best one: more epochs may gain more"
    return words + "."


def _noise(accuracy: float, rows: int) -> float:
    """Two standard errors of an accuracy, pulled from 0 and 1 as by A. Agresti and B. Coull."""
    share = (accuracy * rows + 2) / (rows + 4)
    return 2 * math.sqrt(share * (1 - share) / (rows + 4))


def interval_words(score: float, baseline: float, interval: tuple[float, float]) -> str:
    """Whether the test score is more than what the baseline gets."""
    if interval[0] > baseline:
        return "the whole interval lies above the baseline"
    if score > baseline:
        return "the interval reaches down to the baseline: this may be luck"
    return "no better than the baseline: nothing was learned"
