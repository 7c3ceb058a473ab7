"""Small trainings on real tables, and what checks of training look at: prepared and trained as a
walk does it. Tests break one thing at a time and expect it to be named.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from sklearn import datasets as sets
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import accuracy_score, r2_score
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from backlit import nn
from backlit.learn.checks.context import Context, Part
from backlit.learn.models.candidate import Candidate
from backlit.learn.models.loop import Fit, train
from backlit.learn.models.networks import build as network
from backlit.learn.models.tasks import Classification, Regression
from backlit.learn.problem import Problem
from backlit.study.findings import Finding

RECIPES: dict[str, dict[str, Any]] = {
    "digits": {"hidden": (128,), "epochs": 60, "lr": 0.003, "batch_size": 32},
    "moons": {"hidden": (16, 16), "epochs": 100, "lr": 0.01, "batch_size": 32},
    "circles": {"hidden": (16, 16), "epochs": 60, "lr": 0.01, "batch_size": 32},
    "spirals": {"hidden": (32, 32), "epochs": 100, "lr": 0.01, "batch_size": 32},
    "blobs": {"hidden": (16,), "epochs": 40, "lr": 0.01, "batch_size": 32},
    "xor": {"hidden": (16, 16), "epochs": 60, "lr": 0.01, "batch_size": 32},
    "iris": {"hidden": (16,), "epochs": 60, "lr": 0.01, "batch_size": 16},
    "wine": {"hidden": (16,), "epochs": 60, "lr": 0.01, "batch_size": 16},
    "breast_cancer": {"hidden": (32,), "epochs": 60, "lr": 0.003, "batch_size": 16},
    "diabetes": {"hidden": (32,), "epochs": 60, "lr": 0.003, "batch_size": 32},
}
"""Settings under which each table is learned well."""

Build = Callable[[int, int], nn.Module]
"""A new network of so many inputs and outputs."""


@cache
def table(name: str, seed: int) -> Any:
    """X (rows, inputs) and y (rows,); of drawn points 1,000."""
    rng = np.random.default_rng(seed)
    if name == "moons":
        return sets.make_moons(1000, noise=0.15, random_state=seed)
    if name == "circles":
        return sets.make_circles(1000, noise=0.08, factor=0.5, random_state=seed)
    if name == "blobs":
        corners = np.array([[-1.6, 0.4], [0.4, 1.6], [1.6, -0.4], [-0.4, -1.6]])
        X, y, *_ = sets.make_blobs(1000, centers=corners, cluster_std=0.55, random_state=seed)
        return X, y
    if name == "spirals":
        y = np.arange(1000) % 3
        t = np.sqrt(rng.uniform(0.01, 1, 1000))
        angle = 2 * np.pi * (t + y / 3)
        points = np.column_stack([t * np.cos(angle), t * np.sin(angle)])
        return points + rng.normal(0, 0.045, (1000, 2)), y
    if name == "xor":
        X = rng.uniform(-1, 1, (1000, 2))
        return X + rng.normal(0, 0.05, (1000, 2)), ((X[:, 0] > 0) != (X[:, 1] > 0)).astype(int)
    loaded: Any = getattr(sets, f"load_{name}")()
    return loaded.data, loaded.target


def context_of(
    name: str,
    seed: int = 0,
    *,
    build: Build | None = None,
    task: Any = None,
    shuffled: bool = False,
    **settings: Any,
) -> Any:
    """Before training: 60 and 20 % of the rows, scaled; `shuffled` labels have no sense.

    It is a Context whose train, validation, task and build are there; `Any` spares the tests to say
    so each time. `build` makes another network than the recipe's; `settings` replace the recipe's.
    """
    X, y = table(name, seed)
    rng = np.random.default_rng(seed)
    if shuffled:
        y = rng.permutation(y)
    classes = name != "diabetes"
    parts = _parts(y if classes else np.argsort(np.argsort(y)) * 10 // len(y), rng)
    chosen = {**RECIPES[name], **settings}
    first = X[parts[0]]
    axis = None if name == "digits" else 0
    scale = first.std(axis=axis)
    X = ((X - first.mean(axis=axis)) / np.where(scale == 0, 1, scale)).astype(np.float32)
    if task is None:
        y_train = y[parts[0]]
        labels = [str(k) for k in range(int(y.max()) + 1)] if classes else []
        task = Classification(labels, y_train) if classes else Regression(y_train)
    make: Build = build or (lambda i, o: network(i, chosen["hidden"], o, seed))
    return Context(
        table=None,  # type: ignore[arg-type]
        problem=Problem("y", task="classification" if classes else "regression",
                        metric="accuracy" if classes else "r2"),
        seed=seed,
        train=Part(X[parts[0]], task.target(y[parts[0]]), y[parts[0]], parts[0]),
        validation=Part(X[parts[1]], task.target(y[parts[1]]), y[parts[1]], parts[1]),
        task=task,
        build=lambda: make(X.shape[1], task.outputs),
        lr=chosen["lr"],
        batch_size=chosen["batch_size"],
        limits={},
    )  # fmt: skip


def trained(name: str, seed: int = 0, *, patience: int | None = 5, **settings: Any) -> Any:
    """The same after training."""
    context = context_of(name, seed, **settings)
    return replace(context, fit=fitted(context, {**RECIPES[name], **settings}["epochs"], patience))


def fitted(context: Context, epochs: int, patience: int | None = 5) -> Fit:
    """A network trained as the context says."""
    assert context.task is not None
    assert context.train is not None
    assert context.validation is not None
    assert context.build is not None
    return train(
        context.build, context.task, context.train, context.validation, epochs=epochs,
        lr=context.lr, batch_size=context.batch_size, seed=context.seed, patience=patience,
        score=score_of(context),
    )  # fmt: skip


def score_of(context: Context) -> Callable[[np.ndarray, np.ndarray], float]:
    """Accuracy or R2, by scikit-learn."""
    if context.problem.task == "classification":
        return lambda truth, shares: float(accuracy_score(truth, shares.argmax(axis=1)))
    return lambda truth, values: float(r2_score(truth, values))


def _parts(strata: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
    """Row numbers for training and validation, each with its share of each stratum."""
    order = rng.permutation(len(strata))
    order = order[np.argsort(strata[order], kind="stable")]
    part = np.empty(len(order), np.int64)
    part[order] = np.resize([0, 1, 0, 2, 0], len(order))
    return [np.flatnonzero(part == k) for k in (0, 1)]


def only(found: list[Finding]) -> Finding:
    """The one finding there is."""
    assert len(found) == 1, found
    return found[0]


def errors(found: list[Finding]) -> list[str]:
    """The sentences of those that are errors."""
    return [str(finding) for finding in found if finding.level == "error"]


def candidates_of(context: Context) -> tuple[Candidate, ...]:
    """A baseline, a linear model, a tree and, if there is one, the network, by scikit-learn."""
    train, validation = context.train, context.validation
    assert train is not None
    assert validation is not None
    score = score_of(context)
    if context.problem.task == "classification":
        models = {
            "baseline": DummyClassifier(),
            "logistic regression": LogisticRegression(max_iter=2000),
            "decision tree": DecisionTreeClassifier(max_depth=6, random_state=0),
        }
    else:
        models = {
            "baseline": DummyRegressor(),
            "linear regression": LinearRegression(),
            "decision tree": DecisionTreeRegressor(max_depth=3, random_state=0),
        }
    found = []
    for name, model in models.items():
        model.fit(train.X, train.truth)
        found.append((name, getattr(model, "predict_proba", model.predict)))
    if context.fit is not None:
        task, fit = context.task, context.fit
        assert task is not None
        found.append(("network", lambda X: task.probabilities(fit.outputs(X))))
    return tuple(_candidate(name, outputs, score, train, validation) for name, outputs in found)


def _candidate(
    name: str, outputs: Callable[[np.ndarray], np.ndarray], score: Any, train: Part, part: Part
) -> Candidate:
    value, n = score(part.truth, outputs(part.X)), len(part.X)
    half = 1.96 * np.sqrt(max(value * (1 - value), 0.05) / n)
    return Candidate(
        name, name, outputs, score(train.truth, outputs(train.X)), value,
        (value - half, value + half), 0.0,
    )  # fmt: skip
