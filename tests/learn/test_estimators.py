"""The estimators: scikit-learn's own checks, its networks as oracle weight by weight, and what
pipelines, searches and pickles ask of them.
"""

import copy
import pickle
import subprocess
import sys
import warnings
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix
from sklearn import base, neural_network
from sklearn.datasets import load_digits, load_iris
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

import backlit as bl
from backlit.learn.models import estimators

MLPClassifier: Any = estimators.MLPClassifier  # their types are told by scikit-learn's mixins
MLPRegressor: Any = estimators.MLPRegressor
clone: Any = base.clone

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

SKIPPED = {
    "check_array_api_input": "asks for $SCIPY_ARRAY_API, which is read when scipy is imported",
    "check_classifiers_multilabel_output_format_decision_function": "it has none",
}
FAILED = {
    "check_sample_weight_equivalence_on_dense_data": "asks for seven digits, which float32 has not "
    "after a run; test_weights_are_repeated_rows asks for four",
}


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_scikit_learns_checks_pass(kind):
    """With warnings as errors, but for the one that says that max_iter was reached."""
    results = check_estimator(
        kind(), expected_failed_checks=FAILED, on_skip=None, on_fail="raise"
    )  # raises what is not expected
    by_status = {status: set() for status in ("passed", "skipped", "xfail")}
    for result in results:
        by_status[result["status"]].add(result["check_name"])
    assert by_status["skipped"] <= SKIPPED.keys()
    assert by_status["xfail"] == FAILED.keys()
    assert len(results) > 50


# ---- scikit-learn's networks as oracle ---------------------------------------------------


def table(outputs: str, rows: int = 70) -> tuple[np.ndarray, np.ndarray]:
    """Inputs of size 1 and a target of each kind."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(rows, 4)).astype(np.float32)
    values = X @ rng.normal(size=(4, 3)) + 0.1 * rng.normal(size=(rows, 3))
    return X, {
        "two classes": np.where(values[:, 0] > 0, "yes", "no"),
        "classes": np.array([7, -1, 3])[values.argmax(axis=1)],
        "labels": (values > 0).astype(int),
        "value": values[:, 0],
        "values": values,
    }[outputs]


def both(outputs: str) -> tuple[Any, Any]:
    """Our estimator and scikit-learn's for such a target."""
    if outputs.startswith("value"):
        return MLPRegressor, neural_network.MLPRegressor
    return MLPClassifier, neural_network.MLPClassifier


def assert_same_network(own, other, rtol=2e-4):
    for mine, theirs in zip(
        [*own.coefs_, *own.intercepts_], [*other.coefs_, *other.intercepts_], strict=True
    ):
        assert mine.shape == theirs.shape
        np.testing.assert_allclose(mine, theirs, rtol=rtol, atol=2e-5)


@pytest.mark.parametrize("outputs", ["two classes", "classes", "labels", "value", "values"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    "settings",
    [
        {"activation": "relu"},
        {"activation": "tanh", "solver": "sgd", "learning_rate_init": 0.05},
        {"activation": "logistic", "solver": "sgd", "nesterovs_momentum": False},
        {"activation": "identity", "solver": "sgd", "momentum": 0.0, "alpha": 0.3},
        {"hidden_layer_sizes": (6, 5), "alpha": 0.0, "beta_1": 0.8, "beta_2": 0.99},
    ],
)
def test_weights_are_scikit_learns(outputs, weighted, settings):
    """Without shuffling a run is the same arithmetic, from the same first weights."""
    X, y = table(outputs)
    weight = np.random.default_rng(1).uniform(0.5, 2, len(X)) if weighted else None
    if weighted:  # the penalty of a batch goes by its weight, here by the mean one
        settings = {**settings, "alpha": 0.0}
    given = {"hidden_layer_sizes": (8,), "batch_size": 35, "max_iter": 4, "shuffle": False}
    own, other = (kind(**{**given, **settings}, random_state=3) for kind in both(outputs))
    own.fit(X, y, sample_weight=weight)
    other.fit(X, y, sample_weight=weight)
    assert_same_network(own, other)
    np.testing.assert_allclose(own.predict(X), other.predict(X), rtol=1e-3, atol=1e-4) if (
        outputs.startswith("value")
    ) else np.testing.assert_array_equal(own.predict(X), other.predict(X))
    for name in ("n_layers_", "n_outputs_", "out_activation_", "n_iter_", "t_", "n_features_in_"):
        assert getattr(own, name) == getattr(other, name), name
    if not outputs.startswith("value"):
        np.testing.assert_array_equal(own.classes_, other.classes_)
        np.testing.assert_allclose(own.predict_proba(X), other.predict_proba(X), atol=1e-5)
        np.testing.assert_allclose(
            own.predict_log_proba(X), other.predict_log_proba(X), rtol=1e-3, atol=1e-5
        )
    if not settings.get("alpha", 1):
        share = 1 / y.shape[1] if outputs == "values" else 1  # theirs is the mean of the outputs
        np.testing.assert_allclose(np.array(own.loss_curve_) * share, other.loss_curve_, rtol=2e-4)


def test_digits_are_learned_as_well_as_scikit_learn_learns_them():
    X, y = load_digits(return_X_y=True)
    X, given = X / 16, dict[str, Any](batch_size=32, max_iter=8, random_state=0)
    own = MLPClassifier((64,), **given).fit(X[:1200], y[:1200])
    other = neural_network.MLPClassifier((64,), **given).fit(X[:1200], y[:1200])
    assert own.score(X[1200:], y[1200:]) > other.score(X[1200:], y[1200:]) - 0.02
    assert own.loss_ == pytest.approx(other.loss_, rel=0.15)


@pytest.mark.parametrize("outputs", ["classes", "value"])
def test_it_stops_where_scikit_learn_stops(outputs):
    X, y = table(outputs)
    given = {
        "batch_size": 35, "max_iter": 200, "tol": 3e-3, "n_iter_no_change": 4, "alpha": 0.0,
        "shuffle": False, "random_state": 0, "learning_rate_init": 0.02,
    }  # fmt: skip
    own, other = (kind(hidden_layer_sizes=(8,), **given).fit(X, y) for kind in both(outputs))
    assert own.n_iter_ == other.n_iter_ < 200
    assert own.best_loss_ == pytest.approx(other.best_loss_, rel=1e-3)
    assert len(own.loss_curve_) == own.n_iter_


@pytest.mark.parametrize("outputs", ["two classes", "value", "labels"])
def test_early_stopping_is_scikit_learns(outputs):
    X, y = table(outputs, 120)
    given = {
        "batch_size": 30, "max_iter": 60, "early_stopping": True, "validation_fraction": 0.25,
        "n_iter_no_change": 3, "shuffle": False, "random_state": 5, "learning_rate_init": 0.02,
        "tol": 1e-3,
    }  # fmt: skip
    own, other = (kind(hidden_layer_sizes=(8,), **given).fit(X, y) for kind in both(outputs))
    assert own.n_iter_ == other.n_iter_
    np.testing.assert_allclose(own.validation_scores_, other.validation_scores_, atol=1e-3)
    assert own.best_loss_ is None
    kept = own.validation_scores_.index(max(own.validation_scores_)) + 1
    assert own.best_validation_score_ == own.validation_scores_[kept - 1]
    until = clone(own).set_params(max_iter=kept).fit(X, y)  # ends with its last epoch, the best
    np.testing.assert_array_equal(own.coefs_[0], until.coefs_[0])


@pytest.mark.parametrize("outputs", ["classes", "labels", "value"])
def test_partial_fit_is_scikit_learns(outputs):
    X, y = table(outputs)
    own, other = (
        kind(hidden_layer_sizes=(8,), shuffle=False, random_state=0) for kind in both(outputs)
    )
    first = {} if outputs == "value" else {"classes": [0, 1, 2]}
    if outputs == "classes":
        first = {"classes": [-1, 3, 7]}
    for rows in (slice(0, 30), slice(30, 70), slice(0, 30)):
        own.partial_fit(X[rows], y[rows], **first)
        other.partial_fit(X[rows], y[rows], **first)
    assert_same_network(own, other)
    assert (own.t_, own.n_iter_) == (other.t_, other.n_iter_)


# ---- weights of rows ---------------------------------------------------------------------


@pytest.mark.parametrize("outputs", ["two classes", "classes", "value"])
def test_weights_are_repeated_rows(outputs):
    X, y = table(outputs)
    times = np.random.default_rng(0).integers(0, 4, len(X))
    rows = np.repeat(np.arange(len(X)), times)
    kind, _ = both(outputs)
    model = kind((8,), max_iter=20, random_state=0, shuffle=False, batch_size=10_000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a batch is larger than the table
        weighted = clone(model).fit(X, y, sample_weight=times)
        repeated = clone(model).fit(X[rows], y[rows])
    assert_same_network(weighted, repeated, rtol=1e-3)


def test_rows_of_weight_0_are_not_there():
    X, y = table("classes")
    weight = (np.arange(len(X)) % 3 > 0).astype(float)
    model = MLPClassifier((8,), max_iter=5, random_state=0, batch_size=16)
    with_weights = clone(model).fit(X, y, sample_weight=weight)
    without = clone(model).fit(X[weight > 0], y[weight > 0])
    np.testing.assert_allclose(with_weights.predict_proba(X), without.predict_proba(X), atol=1e-5)
    with pytest.raises(ValueError, match=r"nothing to learn from|at least one non-zero number"):
        model.fit(X, y, sample_weight=np.zeros(len(X)))
    with pytest.raises(ValueError, match=r"[Nn]egative"):
        model.fit(X, y, sample_weight=np.full(len(X), -1.0))


# ---- copies ------------------------------------------------------------------------------


def through_joblib(model, folder):
    joblib.dump(model, folder / "model")
    return joblib.load(folder / "model")


@pytest.mark.parametrize(
    "copied",
    [
        lambda model, folder: pickle.loads(pickle.dumps(model)),
        lambda model, folder: copy.deepcopy(model),
        through_joblib,
    ],
    ids=["pickle", "deepcopy", "joblib"],
)
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_a_copy_predicts_and_goes_on_with_the_same_bits(copied, solver, tmp_path):
    X, y = table("classes")
    model = MLPClassifier((8,), solver=solver, max_iter=3, batch_size=16, random_state=0).fit(X, y)
    twin = copied(model, tmp_path)
    np.testing.assert_array_equal(model.predict_proba(X), twin.predict_proba(X))
    model.partial_fit(X, y)
    assert (model.predict_proba(X) != twin.predict_proba(X)).any()  # they share nothing
    twin.partial_fit(X, y)
    np.testing.assert_array_equal(model.predict_proba(X), twin.predict_proba(X))
    assert twin.loss_curve_ == model.loss_curve_


def test_a_clone_is_not_fitted():
    X, y = table("value")
    model = MLPRegressor((4,), alpha=0.1, max_iter=2).fit(X, y)
    fresh = clone(model)
    assert fresh.get_params() == model.get_params()
    with pytest.raises(NotFittedError):
        fresh.predict(X)
    assert not hasattr(fresh, "coefs_")


def test_a_grid_search_in_two_processes_over_a_pipeline():
    X, y = load_iris(return_X_y=True)
    pipeline = make_pipeline(
        StandardScaler(), MLPClassifier((8,), max_iter=15, batch_size=16, random_state=0)
    )
    grid = {
        "mlpclassifier__learning_rate_init": [1e-5, 0.02],
        "mlpclassifier__hidden_layer_sizes": [(4,), (8, 8)],
    }
    with joblib.parallel_config("loky", inner_max_num_threads=1):
        search = GridSearchCV(pipeline, grid, cv=3, n_jobs=2).fit(X, y)
    assert search.best_params_["mlpclassifier__learning_rate_init"] == 0.02
    assert search.best_score_ > 0.9
    serial = GridSearchCV(pipeline, grid, cv=3).fit(X, y)
    np.testing.assert_array_equal(
        search.cv_results_["mean_test_score"], serial.cv_results_["mean_test_score"]
    )


def test_names_of_columns_are_kept_and_must_be_the_same():
    X, y = table("two classes")
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    model = MLPClassifier((8,), max_iter=3, random_state=0).fit(frame, y)
    assert model.feature_names_in_.tolist() == ["a", "b", "c", "d"]
    assert set(model.predict(frame)) <= {"yes", "no"}
    with pytest.raises(ValueError, match="must be in the same order"):
        model.predict(frame[["b", "a", "c", "d"]])


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_parameters_go_round(kind):
    given = {"hidden_layer_sizes": (3, 2), "alpha": 0.5, "batch_size": 7, "shuffle": False}
    model = kind(**given)
    assert {name: model.get_params()[name] for name in given} == given
    twin = kind().set_params(**model.get_params())
    assert twin.get_params() == model.get_params()
    with pytest.raises(ValueError, match="Invalid parameter 'hiden'"):
        model.set_params(hiden=3)


# ---- how runs are decided ----------------------------------------------------------------


def test_the_random_state_decides_every_bit():
    X, y = table("classes")

    def fitted(seed):
        bl.uniform((5,))  # what others draw does not matter
        return MLPClassifier((8,), max_iter=3, batch_size=16, random_state=seed).fit(X, y)

    before = bl.default_generator().state()["draws"]
    first, again, other = fitted(1), fitted(1), fitted(2)
    assert bl.default_generator().state()["draws"] == before + 3
    np.testing.assert_array_equal(first.predict_proba(X), again.predict_proba(X))
    assert (first.predict_proba(X) != other.predict_proba(X)).any()
    np.testing.assert_array_equal(
        fitted(np.random.RandomState(1)).predict_proba(X), first.predict_proba(X)
    )


def test_what_is_printed_changes_nothing(capsys):
    """Epochs that cannot be the last are run in one go; with verbose one by one."""
    X, y = table("classes")
    given = {"tol": 0.01, "n_iter_no_change": 3, "batch_size": 16, "random_state": 0}
    quiet = MLPClassifier((8,), learning_rate_init=0.02, **given).fit(X, y)
    assert not capsys.readouterr().out
    loud = MLPClassifier((8,), learning_rate_init=0.02, verbose=True, **given).fit(X, y)
    assert loud.loss_curve_ == quiet.loss_curve_
    assert loud.n_iter_ == quiet.n_iter_ < 200
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"Iteration 1, loss = {loud.loss_curve_[0]:.8f}"
    assert lines[-1] == "No gain of 0.010000 for 3 epochs in a row. Stopping."


def test_reaching_max_iter_is_a_warning():
    X, y = table("classes")
    with pytest.warns(ConvergenceWarning, match=r"3 epochs \(max_iter\) are done"):
        MLPClassifier((8,), max_iter=3).fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        MLPClassifier((8,), max_iter=300, tol=0.1).fit(X, y)


def test_never_stopping():
    X, y = table("value")
    model = MLPRegressor((2,), max_iter=30, n_iter_no_change=np.inf, tol=1e3).fit(X, y)
    assert model.n_iter_ == 30


def test_a_warm_start_goes_on():
    X, y = table("classes")
    model = MLPClassifier((8,), max_iter=3, warm_start=True, random_state=0).fit(X, y)
    first = model.loss_curve_[-1]
    model.fit(X, y)
    assert len(model.loss_curve_) == 6
    assert model.loss_curve_[3] < first
    with pytest.raises(ValueError, match="begin a new one"):
        model.fit(X, np.where(y == 3, 4, y))
    labels = table("labels")[1][:, :2]
    with pytest.raises(ValueError, match="warm_start goes on with a network of 3 outputs"):
        model.fit(X, labels)


# ---- what is refused ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        {"hidden_layer_sizes": (8, 0)},
        {"hidden_layer_sizes": 2.5},
        {"hidden_layer_sizes": (True,)},
        {"activation": "gelu"},
        {"solver": "lbfgs"},
        {"solver": None},
        {"alpha": -1},
        {"alpha": np.nan},
        {"batch_size": 0},
        {"batch_size": "all"},
        {"batch_size": 2.0},
        {"learning_rate_init": 0},
        {"learning_rate_init": np.inf},
        {"max_iter": 0},
        {"max_iter": True},
        {"tol": -1e-3},
        {"momentum": 1.0},
        {"beta_1": 1},
        {"beta_2": -0.1},
        {"epsilon": 0.0},
        {"validation_fraction": 1.0},
        {"n_iter_no_change": 0},
    ],
)
@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_a_wrong_parameter_is_named(kind, wrong):
    X, y = table("two classes" if kind is MLPClassifier else "value")
    model = kind(**wrong)
    with pytest.raises(ValueError, match=next(iter(wrong))):
        model.fit(X, y)
    with pytest.raises(ValueError, match=next(iter(wrong))):
        model.partial_fit(X, y)
    with pytest.raises(NotFittedError):
        model.predict(X)


def test_a_loss_that_is_no_number_says_what_to_do():
    X, y = table("value")
    model = MLPRegressor((8,), learning_rate_init=1e30, solver="sgd", random_state=0)
    with pytest.raises(ValueError, match=r"lower learning_rate_init \(1e\+30\)"):
        model.fit(X, y)
    with pytest.raises(NotFittedError):
        model.predict(X)
    with pytest.raises(ValueError, match="too large for float32"):
        MLPRegressor().fit(X, y * 1e300)
    with pytest.raises(ValueError, match="too large"):
        MLPRegressor().fit(X.astype(float) * 1e300, y)


def test_classes_that_cannot_be():
    X, y = table("classes")
    with pytest.raises(ValueError, match=r"one class only, \['a'\]"):
        MLPClassifier().fit(X, ["a"] * len(X))
    with pytest.raises(ValueError, match="Unknown label type"):
        MLPClassifier().fit(X, table("value")[1])
    with pytest.raises(ValueError, match="first call of partial_fit needs classes"):
        MLPClassifier().partial_fit(X, y)
    model = MLPClassifier().partial_fit(X, y, classes=[-1, 3, 7, 9])
    assert model.predict_proba(X).shape == (len(X), 4)
    with pytest.raises(ValueError, match="are not those of the first call"):
        model.partial_fit(X, y, classes=[-1, 3])
    with pytest.raises(ValueError, match=r"classes \[8\]"):
        model.partial_fit(X, np.full(len(X), 8))


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_sparse_inputs_are_refused_in_words(kind):
    X, y = table("two classes" if kind is MLPClassifier else "value")
    with pytest.raises(TypeError, match=r"Sparse data .* dense data is required.*toarray"):
        kind().fit(csr_matrix(X), y)
    model = kind((4,), max_iter=2).fit(X, y)
    with pytest.raises(TypeError, match=r"Sparse data .* dense data is required.*toarray"):
        model.predict(csr_matrix(X))


def test_early_stopping_needs_rows_to_keep_aside():
    X, y = table("value")
    with pytest.raises(ValueError, match="raise validation_fraction"):
        MLPRegressor(early_stopping=True, validation_fraction=0.01).fit(X, y)
    with pytest.raises(ValueError, match="set early_stopping=False"):
        MLPRegressor(early_stopping=True).partial_fit(X, y)


def test_a_batch_larger_than_the_table_is_said():
    X, y = table("value")
    with pytest.warns(UserWarning, match="all are one batch"):
        MLPRegressor(batch_size=1000, max_iter=2).fit(X, y)


@pytest.mark.parametrize(
    "labels", [["", "\x00"], [True, False], ["a" * 10_000, "b"], [-(2**62), 2**62], [0.0, 1.0]]
)
def test_labels_of_any_kind(labels):
    X, _ = table("value")
    y = np.array(labels, dtype=object if isinstance(labels[0], str) else None)
    y = y[(X[:, 0] > 0).astype(int)]
    model = MLPClassifier((8,), learning_rate_init=0.05, random_state=0).fit(X, y)
    assert model.score(X, y) > 0.95
    assert set(model.predict(X).tolist()) == set(labels)


def test_without_scikit_learn_it_says_what_to_install():
    code = """
import sys
sys.modules["sklearn"] = None
from backlit.learn.errors import MissingPackageError
try:
    from backlit.learn.models.estimators import MLPClassifier
except MissingPackageError as error:
    print(error)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 'run: pip install "backlit[learn]"' in run.stdout
