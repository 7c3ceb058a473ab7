"""Who likes what: ratings as a sum of how kind the user is, how good the item is, and how well the
two suit each other; with the first two alone as the baseline that the third has to beat.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ... import nn
from ...engine import Generator, Tensor, embedding, mse_loss, no_grad, tensor
from ..errors import DataError, UsageError
from .descent import Descent, descend

Values = Sequence[Any] | np.ndarray
"""A list, an array, or a column of a table."""

DAMPING = 5.0
"""Ratings at the mean that each user's and item's own are averaged with, in the baseline."""

DECAY = 0.1
"""What the squares of the factors and biases of a rating cost (Koren, Bell, Volinsky 2009);
measured on ratings made of known tastes: 0.02 overfits 2,000 of them, 0.2 underfits 20,000."""

RESAMPLES = 1000
"""Samples of users that an interval is read off."""


class Factors(nn.Module):
    """Users (rows,) and items (rows,) by number to ratings (rows,) in deviations. Number 0
    stands for whoever was not seen in training, of whom nothing is known.
    """

    def __init__(self, users: int, items: int, factors: int, generator: Generator) -> None:
        super().__init__()
        self.users = nn.Embedding(users + 1, factors, padding_idx=0, generator=generator)
        self.items = nn.Embedding(items + 1, factors, padding_idx=0, generator=generator)
        with no_grad():
            for table in (self.users, self.items):
                table.weight.copy_(table.weight * 0.1)
        self.user_bias = nn.Parameter(np.zeros(users + 1))
        self.item_bias = nn.Parameter(np.zeros(items + 1))

    def parts(self, users: Tensor, items: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The factors and biases of the users and items of some ratings."""
        return (
            self.users(users), self.items(items),
            embedding(self.user_bias, users, 0), embedding(self.item_bias, items, 0),
        )  # fmt: skip

    def forward(self, users: Tensor, items: Tensor) -> Tensor:
        p, q, b, c = self.parts(users, items)
        return (p * q).sum(1) + b + c


@dataclass(frozen=True)
class Recommender:
    """Trained factors. `rmse` and `baseline` are root mean squared errors on the same test ratings,
    in the ratings' unit, with 95 % intervals over users; `gain` is their difference.
    """

    model: Factors
    users: tuple[Any, ...]
    items: tuple[Any, ...]
    mean: float
    spread: float
    limits: tuple[float, float]
    """The lowest and the highest rating seen: predictions stay between them."""
    rmse: float
    interval: tuple[float, float]
    baseline: float
    baseline_interval: tuple[float, float]
    constant: float
    """The error of always saying the mean."""
    gain: float
    gain_interval: tuple[float, float]
    sizes: tuple[int, int, int]
    seen: frozenset[tuple[int, int]]
    """Pairs of user and item number that have been rated."""
    descent: Descent

    @property
    def better(self) -> bool:
        """Whether the factors beat the baseline by more than chance."""
        return self.gain_interval[0] > 0

    @property
    def sentences(self) -> tuple[str, ...]:
        """What was found, in words."""
        (low, high), (least, most) = self.interval, self.gain_interval
        verdict = (
            "tastes differ, and the factors have found some of it"
            if self.better
            else "no taste was found beyond how kind users and how good items are: "
            "use the means, they are simpler"
        )
        return (
            f"{sum(self.sizes):,} ratings of {len(self.items):,} items by {len(self.users):,} users"
            f": learned from {self.sizes[0]:,}, stopped by {self.sizes[1]:,}, tested with "
            f"{self.sizes[2]:,}.",
            f"Root mean squared error {self.rmse:.3f} [{low:.3f}, {high:.3f}]; the means of user "
            f"and item give {self.baseline:.3f}, always saying {self.mean:.2f} gives "
            f"{self.constant:.3f}.",
            f"The factors gain {self.gain:.3f} [{least:.3f}, {most:.3f}]: {verdict}.",
            self.descent.sentence,
        )

    def predict(self, users: Values, items: Values) -> np.ndarray:
        """Ratings (rows,) float64 of pairs; of a user or an item that was not seen only the other
        one's part is known.
        """
        if len(users) != len(items):
            raise UsageError(f"{len(users)} users and {len(items)} items are no pairs")
        return self._rated(_numbers(users, self.users), _numbers(items, self.items))

    def recommend(self, user: Any, n: int = 10) -> list[tuple[Any, float]]:
        """The `n` items that this user has not rated and would rate highest, with the ratings.

        Raises UsageError for a user who is not known.
        """
        (number,) = _numbers([user], self.users)
        if not number:
            raise UsageError(f"there is no user {user!r}; who is new gets what most like")
        numbers = np.arange(1, len(self.items) + 1)
        open_ = np.array([(number, k) not in self.seen for k in numbers])
        numbers = numbers[open_]
        rated = self._rated(np.full(len(numbers), number), numbers)
        order = np.argsort(-rated, kind="stable")[:n]
        return [(self.items[numbers[k] - 1], float(rated[k])) for k in order]

    def _rated(self, users: np.ndarray, items: np.ndarray) -> np.ndarray:
        with no_grad():
            found = self.model(tensor(users), tensor(items)).numpy().astype(np.float64)
        return np.clip(self.mean + self.spread * found, *self.limits)


def _plain(values: Values) -> list[Any]:
    """The entries of a list, an array or a column of a table, as Python has them."""
    return np.asarray(values).tolist() if hasattr(values, "dtype") else list(values)


def _numbers(values: Values, known: tuple[Any, ...]) -> np.ndarray:
    """The numbers of values, from 1; 0 for those that are not known."""
    number = {value: k for k, value in enumerate(known, 1)}
    return np.array([number.get(value, 0) for value in _plain(values)], np.int64)


def recommender(
    users: Values, items: Values, ratings: Sequence[float] | np.ndarray, factors: int = 8,
    seed: int = 0, epochs: int = 100,
) -> Recommender:  # fmt: skip
    """Learn from ratings: three sequences of one length, one entry for each rating. 80 % of them
    are learned from, 10 % decide when to stop, 10 % are the test.

    Raises DataError where there are fewer than 50 ratings, a rating is no number, or all are alike.

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> users, items = rng.integers(0, 40, 1500), rng.integers(0, 30, 1500)
    >>> found = recommender(users, items, 3.0 + (users % 2 == items % 2))
    >>> found.better, found.rmse < 0.2 < found.baseline
    (True, True)
    """
    values = np.asarray(ratings, np.float64).reshape(-1)
    if not len(users) == len(items) == len(values):
        raise UsageError(
            f"{len(users)} users, {len(items)} items, {len(values)} ratings: one of each a rating"
        )
    if len(values) < 50:
        raise DataError(f"50 ratings are the least to learn from, not {len(values)}")
    if not np.isfinite(values).all():
        raise DataError(f"rating {int(np.argmin(np.isfinite(values)))} is no number")
    if np.ptp(values) == 0:
        raise DataError(f"all ratings are {values[0]:g}: there is nothing to tell apart")
    order = np.random.default_rng(seed).permutation(len(values))
    tenth = max(1, len(values) // 10)
    train, validation, test = (
        np.sort(part) for part in (order[2 * tenth :], order[:tenth], order[tenth : 2 * tenth])
    )
    every = _plain(users), _plain(items)
    known, known_items = (tuple(dict.fromkeys(side[k] for k in train)) for side in every)
    u, i = (_numbers(side, names) for side, names in zip(every, (known, known_items), strict=True))
    mean = float(values[train].mean())
    spread = float(values[train].std()) or 1.0
    model = Factors(len(known), len(known_items), factors, Generator(seed))
    target = ((values - mean) / spread).astype(np.float32)

    def measure(users: Tensor, items: Tensor, rating: Tensor) -> Tensor:
        return mse_loss(model(users, items), rating)

    def loss(users: Tensor, items: Tensor, rating: Tensor) -> Tensor:
        p, q, b, c = model.parts(users, items)
        missed = mse_loss((p * q).sum(1) + b + c, rating)
        size = p.square().sum() + q.square().sum() + b.square().sum() + c.square().sum()
        return missed + size * (DECAY / rating.shape[0])

    descent = descend(
        model, loss, (u[train], i[train], target[train]),
        (u[validation], i[validation], target[validation]),
        seed=seed, measure=measure, lr=5e-3, batch_size=64, epochs=epochs,
        patience=6,
    )  # fmt: skip
    limits = float(values[train].min()), float(values[train].max())
    with no_grad():
        said = mean + spread * model(tensor(u[test]), tensor(i[test])).numpy().astype(np.float64)
    means = _means(u, i, values, train, mean, (len(known), len(known_items)))[test]
    wrong = [
        (np.clip(guess, *limits) - values[test]) ** 2 for guess in (said, means, np.full(1, mean))
    ]
    pairs = frozenset(zip(u.tolist(), i.tolist(), strict=True))
    samples = [_resampled(errors, u[test], seed) for errors in wrong[:2]]
    rmse, baseline, constant = (float(np.sqrt(errors.mean())) for errors in wrong)
    return Recommender(
        model, known, known_items, mean, spread, limits, rmse, _interval(samples[0]),
        baseline, _interval(samples[1]), constant, baseline - rmse,
        _interval(samples[1] - samples[0]), (len(train), len(validation), len(test)), pairs,
        descent,
    )  # fmt: skip


def _means(
    u: np.ndarray, i: np.ndarray, values: np.ndarray, train: np.ndarray, mean: float,
    sizes: tuple[int, ...],
) -> np.ndarray:  # fmt: skip
    """The baseline's ratings: the mean, and what items and then users differ from it, damped."""

    def differing(numbers: np.ndarray, rest: np.ndarray, size: int) -> np.ndarray:
        sums = np.bincount(numbers[train], rest[train], size + 1)
        counts = np.bincount(numbers[train], minlength=size + 1)
        found = sums / (counts + DAMPING)
        found[0] = 0
        return found[numbers]

    of_items = differing(i, values - mean, sizes[1])
    return mean + of_items + differing(u, values - mean - of_items, sizes[0])


def _resampled(errors: np.ndarray, users: np.ndarray, seed: int) -> np.ndarray:
    """Root mean squared errors of samples of users, the same samples for every model: ratings of
    one user are not independent. With fewer than 20 users ratings are drawn instead.
    """
    _, group = np.unique(users, return_inverse=True)
    if group.max() < 19:
        group = np.arange(len(errors))
    sums, counts = np.bincount(group, errors), np.bincount(group)
    drawn = np.random.default_rng(seed).integers(0, len(sums), (RESAMPLES, len(sums)))
    return np.sqrt(sums[drawn].sum(1) / counts[drawn].sum(1))


def _interval(samples: np.ndarray) -> tuple[float, float]:
    low, high = np.percentile(samples, [2.5, 97.5])
    return float(low), float(high)
