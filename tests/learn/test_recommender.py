"""Ratings: tastes that were put in are found, and where there are none the means are as good; the
baseline and the errors by hand; who is new; what it must refuse.
"""

import numpy as np
import pytest

from backlit.learn.errors import DataError, UsageError
from backlit.learn.models.recommender import DAMPING, recommender


def made(
    taste: float, ratings: int = 4000, noise: float = 0.5
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ratings that are a sum of user, item, `taste` times what suits, and noise."""
    draw = np.random.default_rng(0)
    p, q = draw.normal(size=(60, 2)), draw.normal(size=(50, 2))
    kind, good = 0.4 * draw.normal(size=60), 0.4 * draw.normal(size=50)
    users, items = draw.integers(0, 60, ratings), draw.integers(0, 50, ratings)
    suits = (p[users] * q[items]).sum(1)
    values = 3.5 + kind[users] + good[items] + taste * suits + noise * draw.normal(size=ratings)
    return users, items, values


def test_tastes_are_found():
    found = recommender(*made(0.7))
    assert found.better
    assert found.rmse < 0.7 < found.baseline  # the noise alone leaves 0.5
    assert found.interval[0] < found.rmse < found.interval[1]
    assert found.baseline_interval[0] < found.baseline < found.baseline_interval[1]
    assert found.gain == pytest.approx(found.baseline - found.rmse)
    assert "tastes differ" in " ".join(found.sentences)


def test_no_taste_is_claimed_where_there_is_none():
    found = recommender(*made(0))
    assert not found.better
    assert found.rmse < 1.06 * found.baseline
    assert found.baseline == pytest.approx(0.5, abs=0.06)
    assert "use the means" in " ".join(found.sentences)


def test_the_baseline_by_hand():
    users, items, values = made(0.5, 400)
    found = recommender(users, items, values, seed=4, epochs=1)
    order = np.random.default_rng(4).permutation(400)
    test, train = np.sort(order[40:80]), np.sort(order[80:])
    mean = values[train].mean()
    of_item = {
        i: (values[train][items[train] == i] - mean).sum() / ((items[train] == i).sum() + DAMPING)
        for i in range(50)
    }
    rest = values - mean - np.array([of_item[i] for i in items])
    of_user = {
        u: rest[train][users[train] == u].sum() / ((users[train] == u).sum() + DAMPING)
        for u in range(60)
    }
    said = [mean + of_item[i] + of_user[u] for u, i in zip(users[test], items[test], strict=True)]
    low, high = values[train].min(), values[train].max()
    errors = np.clip(said, low, high) - values[test]
    assert found.baseline == pytest.approx(np.sqrt((errors**2).mean()))
    assert found.constant == pytest.approx(np.sqrt(((values[test] - mean) ** 2).mean()))


def test_the_unit_of_the_ratings_does_not_matter():
    users, items, values = made(0.7, 1500)
    one = recommender(users, items, values, epochs=10)
    other = recommender(users, items, 1000 * values - 7, epochs=10)
    assert other.rmse == pytest.approx(1000 * one.rmse, rel=1e-3)


def test_the_same_seed_gives_the_same():
    first, second = (recommender(*made(0.5, 600), epochs=4) for _ in range(2))
    assert (first.rmse, first.interval) == (second.rmse, second.interval)
    assert first.recommend(3) == second.recommend(3)


def test_names_of_any_kind_and_who_is_new():
    users, items, values = made(0.7, 1500)
    names = [f"user {k}" for k in users]
    titles = [f"film\n{k}" for k in items]
    found = recommender(names, titles, values.tolist(), epochs=5)
    said = found.predict(["user 3", "nobody", "nobody"], ["film\n2", "film\n2", "nothing"])
    assert said[2] == pytest.approx(found.mean)
    assert said[1] != said[0]
    listed = found.recommend("user 3", 5)
    assert [value for _, value in listed] == sorted((v for _, v in listed), reverse=True)
    seen = {t for n, t in zip(names, titles, strict=True) if n == "user 3"}
    assert not seen & {title for title, _ in listed}
    with pytest.raises(UsageError, match="no user 'nobody'"):
        found.recommend("nobody")
    with pytest.raises(UsageError, match="no pairs"):
        found.predict(["user 3"], [])


def test_predictions_stay_between_the_ratings():
    users, items, values = made(1.5, 1500)
    found = recommender(users, items, np.clip(np.round(values), 1, 5))
    said = found.predict(np.repeat(np.arange(60), 50), np.tile(np.arange(50), 60))
    assert said.min() >= 1
    assert said.max() <= 5


@pytest.mark.parametrize(
    ("ratings", "error", "told"),
    [
        ([1.0] * 60, DataError, "all ratings are 1"),
        ([1.0] * 59 + [np.nan], DataError, "rating 59 is no number"),
        ([1.0, 2.0] * 10, UsageError, "60 users, 60 items, 20 ratings"),
    ],
)
def test_what_cannot_be_learned(ratings, error: type[Exception], told: str):
    with pytest.raises(error, match=told):
        recommender(range(60), range(60), ratings)
    with pytest.raises(DataError, match="50 ratings are the least"):
        recommender([1, 2], [1, 2], [1.0, 2.0])


def test_every_user_once():
    """Nobody of the test has been seen: the means of items are all there is."""
    found = recommender(range(200), [k % 5 for k in range(200)], [float(k % 5) for k in range(200)])
    assert np.isfinite(found.rmse)
    assert found.constant > found.baseline
