"""Tables without a target: structure that was put in is found, and noise, single clouds and columns
that have nothing to do with each other are called what they are.
"""

import signal
import threading
import warnings
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score, silhouette_score

from backlit.learn.data.table import Table
from backlit.learn.errors import DataError, UsageError
from backlit.learn.models.autoencoder import autoencode
from backlit.learn.models.clusters import clusters
from backlit.learn.models.components import components
from backlit.learn.models.descent import descend, halves
from backlit.learn.models.masked import masked_columns
from backlit.learn.models.matrix import Matrix
from backlit.learn.unsupervised import Exploration, explore


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def scaled(X: np.ndarray) -> np.ndarray:
    return (X - X.mean(0)) / X.std(0)


def blobs(k: int, rows: int = 240, inputs: int = 5, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """`k` round groups far apart, whose centres are not a grid of the columns."""
    draw = rng(seed)
    centres = np.linalg.qr(draw.normal(size=(inputs, inputs)))[0][:, np.arange(k) % inputs].T
    centres *= np.where(np.arange(k) < inputs, 12, -12)[:, None]
    truth = np.arange(rows) % k
    return scaled(centres[truth] + draw.normal(size=(rows, inputs))), truth


NOISE = rng(9).normal(size=(240, 5))


# -- clusters


@pytest.mark.parametrize("k", [2, 4, 6])
def test_blobs_are_found_and_counted(k: int):
    X, truth = blobs(k, seed=k)
    found = clusters(Matrix.of(X))
    assert found.found, found.doubt
    assert found.k == k
    assert adjusted_rand_score(truth, found.labels) == 1
    assert found.silhouette == pytest.approx(silhouette_score(X, truth), abs=1e-5)
    assert found.sizes == tuple(sorted(np.bincount(truth).tolist(), reverse=True))
    assert [trial.k for trial in found.trials] == list(range(2, 11))
    for number in range(k):
        np.testing.assert_allclose(
            found.centres[number], X[found.labels == number].mean(0), atol=1e-4
        )


@pytest.mark.parametrize("seed", range(4))
def test_noise_has_no_groups(seed: int):
    found = clusters(Matrix.of(rng(seed).normal(size=(200, 4))), seed=seed)
    assert not found.found


def test_one_long_cloud_is_no_two_groups():
    """Its halves are clearer than those of a round one, which shuffling makes of it."""
    t = rng().normal(size=300)
    X = scaled(np.column_stack([t, t, -t, t]) + 0.3 * rng(1).normal(size=(300, 4)))
    found = clusters(Matrix.of(X))
    assert found.silhouette > found.null
    assert found.doubt == "cloud"


def test_two_values_in_a_column_are_no_groups_of_rows():
    """Each column alone falls into two; together they say nothing."""
    X = rng().integers(0, 2, (300, 4)) * 2.0 - 1 + 0.1 * rng(1).normal(size=(300, 4))
    found = clusters(Matrix.of(X))
    assert found.doubt in ("columns", "unstable")


def test_rows_far_from_all_do_not_hide_the_groups():
    X, truth = blobs(3)
    X[[5, 50]] = 80, -80, 80, 80, 80
    found = clusters(Matrix.of(X))
    assert (found.k, found.found, found.far) == (3, True, 2)
    others = np.setdiff1d(np.arange(len(X)), [5, 50])
    assert adjusted_rand_score(truth[others], found.labels[others]) == 1


def test_few_different_rows_make_no_error():
    for kinds in (1, 2, 3, 4):
        X = np.repeat(rng().normal(size=(kinds, 3)), 12, 0)
        found = clusters(Matrix.of(X))
        assert len(found.labels) == len(X)
        assert found.k <= kinds
    with pytest.raises(DataError, match="needs at least 10 rows"):
        clusters(Matrix.of(np.zeros((9, 2))))


# -- components


def test_components_are_scikit_learns():
    X = rng().normal(size=(60, 4)) @ rng(1).normal(size=(4, 4))
    found = components(Matrix.of(X))
    theirs = PCA().fit(X.astype(np.float32).astype(float))
    np.testing.assert_allclose(found.explained, theirs.explained_variance_ratio_, rtol=1e-6)
    rebuilt = found.rebuilt(X, 2)
    wanted = PCA(2).fit(X).inverse_transform(PCA(2).fit_transform(X))
    np.testing.assert_allclose(rebuilt, wanted, atol=1e-4)
    np.testing.assert_allclose(found.rebuilt(X, 4), X, atol=1e-5)


def test_as_many_components_count_as_were_put_in():
    hidden = rng().normal(size=(300, 2))
    X = scaled(np.repeat(hidden, 4, 1) + 0.5 * rng(1).normal(size=(300, 8)))
    found = components(Matrix.of(X))
    assert found.count == 2
    assert found.needed(0.8) >= 2
    assert sorted(len(words.split(", ")) for words in found.words) == [4, 4]
    assert components(Matrix.of(NOISE)).count == 0
    assert components(Matrix.of(NOISE)).words == ()


def test_shuffled_columns_keep_each_column_and_its_inputs_together():
    X = np.column_stack([np.arange(50), np.arange(50) * 2, rng().normal(size=50)])
    matrix = Matrix.of(X, ["a = 1", "a = 2", "b"], ["a", "a", "b"])
    other = matrix.shuffled(3)
    np.testing.assert_array_equal(np.sort(other.X, 0), np.sort(matrix.X, 0))
    np.testing.assert_array_equal(other.X[:, 1], 2 * other.X[:, 0])
    assert not np.array_equal(other.X[:, 0], matrix.X[:, 0])
    np.testing.assert_array_equal(other.X, matrix.shuffled(3).X)


def test_straightened_and_cloud_keep_means_and_covariances():
    t = rng().uniform(-2, 2, 4000)
    matrix = Matrix.of(np.column_stack([t, t**2, t + rng(1).normal(size=4000)]))
    for other in (matrix.straightened(0), matrix.cloud(0)):
        np.testing.assert_allclose(other.X.mean(0), matrix.X.mean(0), atol=0.1)
        np.testing.assert_allclose(np.cov(other.X.T), np.cov(matrix.X.T), atol=0.2)
        assert abs(np.corrcoef(other.X[:, 0] ** 2, other.X[:, 1])[0, 1]) < 0.3


def test_a_matrix_says_what_is_wrong_with_it():
    with pytest.raises(DataError, match="row 1, input 0 is nan"):
        Matrix.of(np.array([[1.0], [np.nan]]))
    with pytest.raises(DataError, match="not of shape"):
        Matrix.of(np.zeros(3))
    with pytest.raises(DataError, match="no column"):
        Matrix.of(np.zeros((3, 0)))
    with pytest.raises(DataError, match="2 inputs, but 1 names"):
        Matrix.of(np.zeros((3, 2)), ["a"])


# -- autoencoder


def test_digits_are_bent_and_the_network_beats_pca():
    digits: Any = load_digits()
    X = digits.data[:700]
    X = (X - X.mean()) / X.std()
    found = autoencode(Matrix.of(X), code=6, epochs=60)
    train = np.setdiff1d(np.arange(len(X)), found.validation)
    straight = PCA(6).fit(X[train])
    kept = X[found.validation]
    left = ((straight.inverse_transform(straight.transform(kept)) - kept) ** 2).sum()
    share = left / ((kept - X[train].mean(0)) ** 2).sum()
    assert found.pca_error == pytest.approx(share, rel=1e-3)
    assert found.bent
    assert found.error < 0.85 * found.pca_error
    assert found.codes(X).shape == (700, 6)


def test_a_flat_table_is_as_well_done_by_pca():
    hidden = rng().normal(size=(300, 2))
    X = scaled(hidden @ rng(1).normal(size=(2, 6)) + 0.2 * rng(2).normal(size=(300, 6)))
    found = autoencode(Matrix.of(X), code=2)
    assert not found.bent
    assert found.error == pytest.approx(found.pca_error, abs=0.05)
    assert found.error < 0.3 < found.null


def test_the_row_that_does_not_fit_is_the_worst():
    t = rng().normal(size=300)
    X = scaled(np.column_stack([t, -t, t]) + 0.1 * rng(1).normal(size=(300, 3)))
    X[17] = 2, 2, 2
    found = autoencode(Matrix.of(X))
    assert found.worst[0] == 17
    assert found.odd[0] == 17
    assert found.odd.size <= 3
    assert len(found.faults) == len(found.worst)
    assert autoencode(Matrix.of(NOISE)).odd.size == 0


def test_what_cannot_be_brought_down():
    with pytest.raises(DataError, match="needs at least 20 rows"):
        autoencode(Matrix.of(np.zeros((19, 2))))
    with pytest.raises(UsageError, match="at least 1 number"):
        autoencode(Matrix.of(NOISE), code=0)


# -- masked columns


def test_copies_are_told_from_each_other_and_noise_from_nothing():
    a, b, noise = rng().normal(size=(3, 400))
    noisy = b + 0.8 * rng(1).normal(size=400)
    matrix = Matrix.of(np.column_stack([a, noise, a, b, noisy]), ["a", "noise", "copy", "b", "b'"])
    found = masked_columns(matrix)
    told = {score.column: score for score in found.told}
    assert set(told) == {"a", "copy", "b", "b'"}
    assert told["a"].told_by == ("copy",)
    assert told["copy"].told_by == ("a",)
    assert told["b"].told_by == ("b'",)
    assert told["a"].skill > 0.85
    # Of a normal number known up to a noise of 0.8 the best guess has 0.62 of the error left.
    assert told["b"].skill == pytest.approx(1 - 0.8 / np.hypot(1, 0.8), abs=0.12)
    assert told["a"].guess == pytest.approx(np.sqrt(2 / np.pi), rel=0.2)  # E|x| of a normal one
    assert found.embedding(matrix).shape[0] == 400


def test_categories_are_scored_against_their_mode():
    k = np.where(rng().random(400) < 0.6, 0, rng(1).integers(1, 3, 400))
    flip = rng(2).integers(0, 2, 400)
    inputs = np.column_stack([k == 0, k == 1, k == 2, k, flip]).astype(float)
    names = ["c = x", "c = y", "c = z", "k", "flip"]
    found = masked_columns(Matrix.of(inputs, names, ["c", "c", "c", "k", "flip"]))
    scores = {score.column: score for score in found.scores}
    assert scores["c"].kind == "category"
    assert scores["c"].error == 0
    assert scores["c"].guess == pytest.approx(0.4, abs=0.12)
    assert scores["c"].skill == 1
    assert scores["k"].kind == "number"
    assert {score.column for score in found.told} == {"c", "k"}


def test_cells_that_were_missing_are_not_asked_for():
    """What was filled in would be easily told: half of the column is one number."""
    a, b = rng().normal(size=(2, 400))
    known = np.ones((400, 2), bool)
    known[::2, 0] = False
    a[::2] = 0
    found = masked_columns(Matrix.of(np.column_stack([a, b]), ["a", "b"], None, known))
    assert found.scores[0].guess == pytest.approx(np.sqrt(2 / np.pi), rel=0.15)
    assert found.told == ()


@pytest.mark.parametrize("seed", range(3))
def test_no_column_of_noise_is_told(seed: int):
    assert masked_columns(Matrix.of(rng(seed + 20).normal(size=(200, 6))), seed=seed).told == ()


def test_one_column_cannot_be_told():
    with pytest.raises(DataError, match="two columns at least"):
        masked_columns(Matrix.of(np.zeros((30, 2)), ["a = 1", "a = 2"], ["a", "a"]))


# -- the descent


def test_the_best_weights_are_kept_and_the_seed_decides():
    from backlit import nn
    from backlit.engine import Generator, Tensor, mse_loss, tensor

    X = rng().normal(size=(40, 3)).astype(np.float32)
    y = rng(1).normal(size=(40, 1)).astype(np.float32)

    def trained() -> tuple[Any, nn.Module]:
        model = nn.MLP([3, 32, 1], generator=Generator(0))

        def loss(x: Tensor, y: Tensor) -> Tensor:
            return mse_loss(model(x), y)

        found = descend(model, loss, (X[:20], y[:20]), (X[20:], y[20:]), seed=3, lr=1e-2)
        assert loss(tensor(X[20:]), tensor(y[20:])).item() == pytest.approx(found.validation)
        return found, model

    (found, model), (again, other) = trained(), trained()
    assert found.stopped  # noise: it can only be memorised
    assert found.best == min(range(len(found.losses)), key=lambda k: found.losses[k][1])
    assert found == again
    for a, b in zip(model.parameters(), other.parameters(), strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    assert not model.training


def test_ctrl_c_stops_a_descent():
    from backlit import nn
    from backlit.engine import mse_loss

    model = nn.Linear(1, 1)
    X = np.zeros((64, 1), np.float32)
    press = threading.Timer(0.3, signal.raise_signal, [signal.SIGINT])
    press.start()
    with pytest.raises(KeyboardInterrupt):
        descend(model, lambda x: mse_loss(model(x), x), (X,), (X,), seed=0,
                epochs=10**7, patience=10**7)  # fmt: skip
    press.join()


def test_halves_are_all_rows_once():
    for rows in (2, 3, 10, 101):
        train, judged = halves(rows, 0.2, 0)
        assert sorted([*train, *judged]) == list(range(rows))
        assert min(len(train), len(judged)) >= 1


# -- all together


def told(found: Exploration) -> dict[str, str]:
    return {finding.code: finding.sentence for finding in found.findings}


def test_noise_is_called_noise():
    found = explore(Table.of(NOISE, "noise"))
    assert {"no_clusters", "no_components", "not_bent", "no_odd_rows", "none_told"} <= set(
        told(found)
    )
    assert all(finding.level == "note" for finding in found.findings)
    assert [step.number for step in found.steps] == [1, 2, 3, 4, 5]
    assert found.headline == (
        "No groups of rows, no direction above chance, nothing bent, "
        "0 of 5 columns told by the others."
    )
    assert "No groups" in str(found)
    assert "No direction stands out" in str(found)
    assert "No column can be told" in str(found)


def test_what_was_put_in_is_told_with_hostile_names():
    X, truth = blobs(3)
    name = "<b>evil\n\x1b[31m\u202e"
    data = {name: X[:, 0], "copy": X[:, 0], "b": X[:, 1], "c": X[:, 2], "gone": X[:, 3]}
    data["gone"] = np.where(rng().random(240) < 0.2, np.nan, data["gone"])
    data["kind"] = np.array(["u", "v", "w"])[truth]
    found = explore(Table.of(data))
    assert found.clusters is not None
    assert found.clusters.k == 3
    assert {"clusters", "components", "told", "copy"} <= set(told(found))
    text = str(found) + "".join(told(found).values())
    assert not {"\x1b", "\u202e"} & set(text)
    assert found.matrix.known is not None
    assert not found.matrix.known.all()
    codes = [finding.code for finding in found.findings]
    assert codes.index("copy") < codes.index("clusters")  # warnings before notes


def test_the_same_seed_gives_the_same_words_and_bits():
    data = {"a": NOISE[:60, 0], "b": NOISE[:60, 1] + NOISE[:60, 0], "c": ["x", "y"] * 30}
    first, second = (explore(Table.of(data), seed=5) for _ in range(2))
    assert str(first) == str(second)
    assert first.findings == second.findings
    assert first.steps == second.steps


@pytest.mark.parametrize(
    "data",
    [
        {"a": [1.0, 2.0] * 30, "b": [3.0, 7.0] * 30, "c": ["u", "v"] * 30},
        {"a": NOISE[:20, 0], "b": NOISE[:20, 1]},
        {"a": NOISE[:60, 0] * 1e30, "b": np.where(np.arange(60) == 3, 1e9, 1e-9)},
        {f"x{k}": rng(k).normal(size=22) for k in range(40)},
        {"a": [1.0] * 59 + [2.0], "b": [True, False] * 30},
    ],
    ids=["few rows differ", "twenty rows", "huge", "wide", "one cell"],
)
def test_odd_tables_make_no_warnings(data: Any):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = explore(Table.of(data))
    assert len(found.steps) == 5
    assert all(np.isfinite(finding.statistic) for finding in found.findings)
    assert "nan" not in str(found)


def test_one_column_too_few_rows_nothing_left():
    found = explore(Table.of({"a": NOISE[:, 0], "always": [1.0] * 240}))
    assert found.clusters is None
    assert [step.key for step in found.steps] == ["table"]
    assert "only column left" in str(found)
    assert found.headline.startswith("A single column")
    with pytest.raises(DataError, match="19 rows"):
        explore(Table.of({"a": NOISE[:19, 0]}))
    with pytest.raises(DataError, match="no column left"):
        explore(Table.of({"always": [1.0] * 30}))


def test_of_many_rows_some_are_drawn(monkeypatch: pytest.MonkeyPatch):
    from backlit.learn import unsupervised

    monkeypatch.setattr(unsupervised, "MOST", 50)
    found = explore(Table.of(NOISE))
    assert len(found.rows) == len(found.matrix) == 50
    assert (np.diff(found.rows) > 0).all()
    assert "50 rows drawn at random" in str(found)
