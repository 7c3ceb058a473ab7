"""The simple models that a network has to beat: a constant, a linear model, a decision tree.
Scikit-learn fits them, simple.py keeps them.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ...study.text import clean, count_text, number
from .candidate import Candidate
from .metrics import Metric, require_metric, row_losses
from .simple import Constant, Linear, Tree

if TYPE_CHECKING:
    from ..checks.context import Part
    from ..problem import Problem
    from .tasks import Task

DEPTHS = (1, 2, 3, 4, 6, 8, 12)
"""Levels that a decision tree may have."""
FOLDS = 3
CHOOSING_ROWS = 20_000
"""Rows at most on which the levels are chosen, or an unpruned tree is grown."""


def fit_simple(
    problem: Problem,
    task: Task,
    train: Part,
    validation: Part,
    metric: Metric | str,
    names: Sequence[str] = (),
    seed: int = 0,
) -> tuple[Candidate, ...]:
    """Baseline, linear model and decision tree, fitted on `train`, scored on `validation`.

    The linear model is a logistic regression (C = 1) or a ridge regression whose strength is chosen
    by leaving rows out; the tree has the fewest levels within one standard error of the best in a
    3-fold cross-validation on the training rows (L. Breiman et al., 1984), so the validation part
    chose nothing. `names` of the inputs are not needed for the fit. Models are `simple.Simple`.
    """
    metric = require_metric(metric) if isinstance(metric, str) else metric
    classes = getattr(task, "classes", ())
    positive = positive_number(problem, classes)
    constant = Constant(metric.constant(train.truth, len(classes) or None, positive))
    if classes and metric.needs == "probabilities":
        said = "always the shares of the classes"
    elif classes:
        said = f"always {clean(classes[int(constant.answer.argmax())])!r}"
    else:
        centre = "median" if metric.name == "mae" else "mean"
        said = f"always the {centre}, {number(float(constant.answer))}"
    linear = fit_linear(train, len(classes))
    tree = fit_tree(train, len(classes), metric, positive, seed)
    kinds = (
        ("baseline", said, constant),
        (
            "logistic regression" if classes else "linear regression",
            count_text(linear.weights.size + linear.bias.size, "parameter"),
            linear,
        ),
        ("decision tree", described_tree(tree), tree),
    )
    return tuple(
        candidate_of(name, words, model.outputs, train, validation, metric, positive, seed, model)
        for name, words, model in kinds
    )


def fit_unpruned(
    problem: Problem,
    task: Task,
    train: Part,
    validation: Part,
    metric: Metric | str,
    seed: int = 0,
) -> Candidate:
    """A tree that may grow until every training row is met: the lesson in memorising.

    It is no candidate for use; its training score beside its validation score says how far the
    rows can be learned by heart. Of more than 20,000 training rows as many are drawn.
    """
    metric = require_metric(metric) if isinstance(metric, str) else metric
    classes = getattr(task, "classes", ())
    if len(train.truth) > CHOOSING_ROWS:
        rows = np.sort(np.random.default_rng(seed).permutation(len(train.truth))[:CHOOSING_ROWS])
        train = replace(
            train, X=train.X[rows], target=train.target[rows], truth=train.truth[rows],
            rows=train.rows[rows],
        )  # fmt: skip
    tree = _grown(train.X, train.truth, len(classes), None, 1, seed)
    return candidate_of(
        "unpruned tree", described_tree(tree), tree.outputs, train, validation, metric,
        positive_number(problem, classes), seed, tree,
    )  # fmt: skip


def candidate_of(
    name: str,
    described: str,
    outputs: Callable[[np.ndarray], np.ndarray],
    train: Part,
    validation: Part,
    metric: Metric,
    positive: int | None = None,
    seed: int = 0,
    model: Any = None,
) -> Candidate:
    """A candidate from what it outputs: scores (higher is better), interval and loss filled in."""
    given = outputs(validation.X)
    score = metric.score(validation.truth, given, positive)
    interval = metric.interval(validation.truth, given, seed, positive)
    return Candidate(
        name=name,
        described=described,
        outputs=outputs,
        train_score=metric.signed(metric.score(train.truth, outputs(train.X), positive)),
        score=metric.signed(score),
        interval=metric.signed_interval(interval),
        loss=float(np.mean(row_losses(validation.truth, given))),
        model=model,
    )


def positive_number(problem: Problem, classes: Sequence[str]) -> int | None:
    """The number of the class that the problem looks for; None where it does not say.

    >>> from ..problem import Problem
    >>> positive_number(Problem("churned", positive="yes"), ("no", "yes"))
    1
    """
    if problem.positive is None or problem.positive not in classes:
        return None
    return list(classes).index(problem.positive)


def described_tree(tree: Tree) -> str:
    """A tree in a few words: 3 levels, 8 leaves."""
    leaves = f"{tree.leaves:,} " + ("leaf" if tree.leaves == 1 else "leaves")
    return f"{count_text(tree.levels, 'level')}, {leaves}"


def fit_linear(train: Part, classes: int) -> Linear:
    """Logistic regression for two classes or more, ridge regression for 0.

    In one thread: the products are small, and their bits must not depend on the machine's cores.
    """
    from threadpoolctl import threadpool_limits

    X = np.asarray(train.X, np.float64)
    if not X.shape[1]:
        return _blind(train.truth, classes)
    with threadpool_limits(limits=1, user_api="blas"):
        return _fitted_linear(X, train.truth, classes)


def _fitted_linear(X: np.ndarray, truth: np.ndarray, classes: int) -> Linear:
    if not classes:
        from sklearn.linear_model import RidgeCV

        ridge = RidgeCV(alphas=np.logspace(-2, 4, 13)).fit(X, truth)
        return Linear(np.asarray(ridge.coef_, np.float64), np.asarray(ridge.intercept_, np.float64))
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    known = np.unique(truth)
    if len(known) < 2:
        return _blind(truth, classes)
    model = LogisticRegression(C=1.0, max_iter=500)
    for iterations in (500, 10_000):
        model.set_params(max_iter=iterations)
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            model.fit(X, truth)
        if not any(issubclass(warning.category, ConvergenceWarning) for warning in said):
            break
    weights = np.zeros((X.shape[1], classes))
    # a class that no training row has is as good as impossible: e^-30 of the others
    bias = np.full(classes, -30.0)
    if len(known) == 2:
        intercept = np.asarray(model.intercept_)
        weights[:, known[1]], bias[known] = model.coef_[0], (0.0, float(intercept[0]))
    else:
        weights[:, known], bias[known] = model.coef_.T, model.intercept_
    return Linear(weights, bias)


def _blind(truth: np.ndarray, classes: int) -> Linear:
    """A linear model of nothing, where there are no inputs or one class only."""
    if not classes:
        return Linear(np.zeros(0), np.asarray(np.mean(truth), np.float64))
    shares = np.bincount(truth, minlength=classes) / len(truth)
    return Linear(np.zeros((0, classes)), np.log(np.maximum(shares, 1e-13)))


def fit_tree(
    train: Part, classes: int, metric: Metric, positive: int | None = None, seed: int = 0
) -> Tree:
    """A decision tree whose number of levels is chosen by cross-validation on the same rows."""
    rng = np.random.default_rng(seed)
    rows = rng.permutation(len(train.truth))[:CHOOSING_ROWS]
    X, truth = train.X[rows], train.truth[rows]
    least = 5 if len(train.truth) >= 100 else 1
    fold = np.empty(len(rows), np.int64)
    fold[np.argsort(truth, kind="stable")] = np.arange(len(rows)) % FOLDS  # all classes in each
    scored: list[tuple[int, float, float]] = []
    for depth in DEPTHS if len(rows) >= 2 * FOLDS else ():
        given = np.empty((len(rows), classes) if classes else len(rows))
        for k in range(FOLDS):
            inside, outside = fold != k, fold == k
            tree = _grown(X[inside], truth[inside], classes, depth, least, seed)
            given[outside] = tree.outputs(X[outside])
        score = metric.signed(metric.score(truth, given, positive))
        low, _ = metric.signed_interval(metric.interval(truth, given, seed, positive, draws=200))
        scored.append((depth, score, (score - low) / 1.96))
        if scored[-1][0] > 2 and score < max(s for _, s, _ in scored) - 2 * scored[-1][2]:
            break  # deeper ones only learn by heart
    known = [entry for entry in scored if math.isfinite(entry[1]) and math.isfinite(entry[2])]
    if not known:
        return _grown(train.X, train.truth, classes, DEPTHS[1], least, seed)
    _, best, error = max(known, key=lambda entry: entry[1])
    depth = next(depth for depth, score, _ in known if score >= best - error)
    return _grown(train.X, train.truth, classes, depth, least, seed)


def _grown(
    X: np.ndarray, truth: np.ndarray, classes: int, depth: int | None, least: int, seed: int
) -> Tree:
    """A tree by scikit-learn, as numbers.

    A leaf's probabilities are its counts and one row more that is shared out as the classes are in
    training (B. Cestnik, 1990): a pure leaf of five rows is not certain, and the log-loss finite.
    """
    if not X.shape[1]:
        X = np.zeros((len(truth), 1), np.float32)
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    kind = DecisionTreeClassifier if classes else DecisionTreeRegressor
    model = kind(max_depth=depth, min_samples_leaf=least, random_state=seed).fit(X, truth)
    tree = model.tree_
    nodes = np.arange(tree.node_count)
    leaf = tree.children_left < 0
    rows = tree.n_node_samples.astype(np.int64)
    if isinstance(model, DecisionTreeClassifier):
        shares = np.bincount(truth, minlength=classes) / len(truth)
        values = np.zeros((tree.node_count, classes))
        values[:, model.classes_] = tree.value[:, 0, :]
        values = (values * rows[:, None] + shares) / (rows[:, None] + 1)
    else:
        values = tree.value[:, 0, 0].copy()
    return Tree(
        feature=np.where(leaf, -1, tree.feature).astype(np.int64),
        threshold=np.where(leaf, 0.0, tree.threshold),
        left=np.where(leaf, nodes, tree.children_left).astype(np.int64),
        right=np.where(leaf, nodes, tree.children_right).astype(np.int64),
        values=values,
        rows=rows,
    )
