"""A network that rebuilds each row from a few numbers, beside PCA, which does the same with
straight lines: whether the table is bent, and which rows fit in worst.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ... import nn
from ...engine import Generator, Tensor, mse_loss, no_grad, tensor
from ..errors import UsageError
from .components import components
from .descent import CHUNK, Descent, descend, halves
from .matrix import Matrix, enough, one_thread

WORST = 10
"""Rows that are named."""

FLOOR = 1e-3
"""The share of the variance under which an error is none to speak of."""


class Autoencoder(nn.Module):
    """Rows (rows, inputs) to a code (rows, code) and back, through a hidden layer each way; tanh
    in them, since a code of few numbers with dead units would be of fewer still.
    """

    def __init__(self, inputs: int, hidden: int, code: int, generator: Generator) -> None:
        super().__init__()
        how = {"activation": nn.Tanh, "generator": generator}
        self.encoder = nn.MLP([inputs, hidden, code], **how)
        self.decoder = nn.MLP([code, hidden, inputs], **how)

    def forward(self, x: Tensor) -> Tensor:
        return self.decoder(self.encoder(x))


@dataclass(frozen=True)
class Reconstruction:
    """What was rebuilt, and how well. `error` and `pca_error` are shares of the variance that the
    autoencoder and PCA with as many components leave on the validation rows, which neither has
    learned from; `gain` is their difference, with its standard error over rows. `null` is `error`
    where columns are shuffled, `straight_gain` is `gain` where covariances are all there is.
    """

    model: Autoencoder
    code: int
    error: float
    pca_error: float
    gain: float
    gain_error: float
    null: float
    straight_gain: float
    straight_gain_error: float
    row_errors: np.ndarray
    """(rows,): the squared error of each row over that of the median row."""
    null_worst: float
    """The largest of these in the shuffled table."""
    worst: np.ndarray
    """The rows that are rebuilt worst, the worst first."""
    faults: tuple[int, ...]
    """Of each of them the input that is farthest off."""
    validation: np.ndarray
    """The rows that were judged by."""
    descent: Descent

    @property
    def bent(self) -> bool:
        """Whether the network leaves less than PCA by more than two standard errors, and by more
        than in a table of straight lines.
        """
        spread = float(np.hypot(self.gain_error, self.straight_gain_error))
        more = self.gain - self.straight_gain
        return self.gain > 2 * self.gain_error and more > 2 * spread

    @property
    def limit(self) -> float:
        """The error, in that of the median row, from which on a row stands out: above all in the
        shuffled table, and far above the others' (Tukey's fence, on logarithms).
        """
        logs = np.log(np.maximum(self.row_errors, FLOOR))
        low, high = np.percentile(logs, [25, 75])
        return max(self.null_worst, float(np.exp(high + 1.5 * (high - low))))

    @property
    def odd(self) -> np.ndarray:
        """Of the worst rows those that stand out."""
        return self.worst[self.row_errors[self.worst] > self.limit]

    def codes(self, X: np.ndarray) -> np.ndarray:
        """Rows (rows, inputs) as codes (rows, code): few numbers in the place of many."""
        return through(self.model.encoder, X)


def through(model: nn.Module, X: np.ndarray) -> np.ndarray:
    """What a network makes of rows, some thousand at a time."""
    X = np.ascontiguousarray(X, dtype=np.float32)
    with no_grad():
        parts = [
            model(tensor(X[begin : begin + CHUNK])).numpy() for begin in range(0, len(X), CHUNK)
        ]
    return np.concatenate(parts)


def autoencode(
    matrix: Matrix, seed: int = 0, code: int | None = None, epochs: int = 300
) -> Reconstruction:
    """Train an autoencoder on four fifths of the rows and judge it by the rest.

    `code` is how many numbers a row is brought down to; by default as many as PCA needs for 80 %
    of the variance, at most 8 and half of the inputs. Raises DataError for fewer than 20 rows,
    UsageError for a code of nothing.

    >>> import numpy as np
    >>> t = np.random.default_rng(0).uniform(-2, 2, 300)
    >>> bow = autoencode(Matrix.of(np.column_stack([t, t**2 - 1.3])), code=1)
    >>> bow.bent, bow.error < bow.pca_error / 2
    (True, True)
    """
    enough(matrix, 20, "an autoencoder")
    train, judged = halves(len(matrix), 0.2, seed)
    if code is None:
        needed = components(matrix.take(train), shuffles=0).needed(0.8)
        code = min(needed, 8, max(1, matrix.X.shape[1] // 2))
    elif code < 1:
        raise UsageError(f"a code is at least 1 number, not {code}")
    with one_thread():
        tables = matrix, matrix.shuffled(seed), matrix.straightened(seed)
        real, null, bare = (_trained(one, train, judged, code, seed, epochs) for one in tables)
    gain, gain_error = _mean(real.straight - real.left)
    straight_gain, straight_gain_error = _mean(bare.straight - bare.left)
    worst = np.argsort(-real.rows, kind="stable")[:WORST]
    off = np.abs(through(real.model, matrix.X[worst]) - matrix.X[worst])
    return Reconstruction(
        real.model, code, float(real.left.mean()), float(real.straight.mean()), gain, gain_error,
        float(null.left.mean()), straight_gain, straight_gain_error, real.rows,
        float(null.rows.max()), worst, tuple(off.argmax(1).tolist()), judged, real.descent,
    )  # fmt: skip


def _mean(differences: np.ndarray) -> tuple[float, float]:
    """The mean of what rows gain, and its standard error."""
    spread = differences.std(ddof=1) if len(differences) > 1 else np.inf
    return float(differences.mean()), float(spread / np.sqrt(len(differences)))


class _Trained(NamedTuple):
    """An autoencoder and what it and PCA leave of each validation row, in the mean variance; `rows`
    as in Reconstruction."""

    model: Autoencoder
    left: np.ndarray
    straight: np.ndarray
    rows: np.ndarray
    descent: Descent


def _trained(
    matrix: Matrix, train: np.ndarray, judged: np.ndarray, code: int, seed: int, epochs: int
) -> _Trained:
    learned = matrix.take(train)
    inputs = matrix.X.shape[1]
    model = Autoencoder(inputs, int(np.clip(4 * inputs, 16, 128)), code, Generator(seed))
    descent = descend(
        model, lambda x: mse_loss(model(x), x), (learned.X,), (matrix.X[judged],), seed=seed,
        epochs=epochs, patience=20,
    )  # fmt: skip
    X = matrix.X.astype(np.float64)
    left = ((through(model, matrix.X) - X) ** 2).sum(1)
    pca = components(learned, shuffles=0)
    straight = ((pca.rebuilt(X[judged], code) - X[judged]) ** 2).sum(1)
    unit = ((X[judged] - pca.mean) ** 2).sum(1).mean() or 1.0
    middle = max(float(np.median(left)), FLOOR * unit)
    return _Trained(model, left[judged] / unit, straight / unit, left / middle, descent)
