"""The simple models that a network has to beat: a constant, a linear model, a decision tree; and
the choice among candidates, which is the simplest unless another wins by more than the noise.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ...study.text import clean, count_text, number
from .candidate import Candidate
from .metrics import Metric, predicted, redrawn, require_metric, row_losses
from .simple import Constant, Linear, Tree

if TYPE_CHECKING:
    from ..checks.context import Part
    from ..problem import Problem
    from .tasks import Task

DEPTHS = (1, 2, 3, 4, 6, 8, 12)
"""Levels that a decision tree may have."""
FOLDS = 3
CHOOSING_ROWS = 20_000
"""Rows at most on which the levels are chosen."""


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
    rows can be learned by heart.
    """
    metric = require_metric(metric) if isinstance(metric, str) else metric
    classes = getattr(task, "classes", ())
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
    """Logistic regression for two classes or more, ridge regression for 0."""
    X = np.asarray(train.X, np.float64)
    if not X.shape[1]:
        return _blind(train.truth, classes)
    if not classes:
        from sklearn.linear_model import RidgeCV

        ridge = RidgeCV(alphas=np.logspace(-2, 4, 13)).fit(X, train.truth)
        return Linear(np.asarray(ridge.coef_, np.float64), np.asarray(ridge.intercept_, np.float64))
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    known = np.unique(train.truth)
    if len(known) < 2:
        return _blind(train.truth, classes)
    model = LogisticRegression(C=1.0, max_iter=500)
    for iterations in (500, 10_000):
        model.set_params(max_iter=iterations)
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            model.fit(X, train.truth)
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


@dataclass(frozen=True)
class Comparison:
    """Two candidates on the same rows: whether the less simple one is better beyond the noise."""

    simpler: Candidate
    other: Candidate
    difference: float
    """Of the scores, signed so that above 0 the other is better."""
    wins: bool
    n: int
    words: str
    """The statistic with its numbers."""


def compared(
    simpler: Candidate,
    other: Candidate,
    validation: Part,
    metric: Metric,
    positive: int | None = None,
    seed: int = 0,
    alpha: float = 0.05,
) -> Comparison:
    """Compare two candidates pair by pair.

    Accuracy by McNemar's exact test (1947) on the rows that only one of them has right; every other
    metric by the 1 - alpha interval of the difference in a bootstrap that draws the same rows for
    both (1,000 draws). Metrics that count classes see little in a few hundred rows: there a
    candidate that is no worse by the metric also wins where its rows lose less cross-entropy, by a
    paired normal test, for that is how sure and how right it is (T. Gneiting, A. Raftery, 2007).
    """
    result = _by_metric(simpler, other, validation, metric, positive, seed, alpha)
    if result.wins or metric.needs != "classes" or not result.difference >= 0:
        return result
    truth, X = validation.truth, validation.X
    first, second = (row_losses(truth, c.outputs(X)) for c in (simpler, other))
    gain = first - second
    error = float(gain.std()) / math.sqrt(len(gain))
    z = float(gain.mean()) / error if error > 0 else 0.0
    if math.erfc(abs(z) / math.sqrt(2)) >= alpha or z <= 0:
        return result
    words = (
        f"{result.words}; its rows lose {number(float(second.mean()), 3)} against "
        f"{number(float(first.mean()), 3)}, {number(z, 2)} standard errors less"
    )
    return replace(result, wins=True, words=words)


def _by_metric(
    simpler: Candidate, other: Candidate, validation: Part, metric: Metric, positive: int | None,
    seed: int, alpha: float,
) -> Comparison:  # fmt: skip
    """The comparison by the metric alone."""
    truth = validation.truth
    first, second = (np.asarray(c.outputs(validation.X)) for c in (simpler, other))
    difference = metric.signed(metric.score(truth, second, positive)) - metric.signed(
        metric.score(truth, first, positive)
    )
    n = len(truth)
    if metric.name == "accuracy":
        right_first, right_second = predicted(first) == truth, predicted(second) == truth
        b = int(np.sum(right_second & ~right_first))
        c = int(np.sum(right_first & ~right_second))
        p = mcnemar(b, c)
        words = (
            f"McNemar: {count_text(b, 'row')} right by it alone, {c:,} by the other alone, "
            f"p = {number(p, 2)}, n = {n:,}"
        )
        return Comparison(simpler, other, difference, b > c and p < alpha, n, words)
    strata = truth if metric.task == "classification" else np.zeros(n, np.int64)
    rng = np.random.default_rng(seed)
    draws, step, parts = 1000, max(1, 2_000_000 // n), []
    with np.errstate(all="ignore"):
        for start in range(0, draws, step):
            weights = redrawn(strata, min(step, draws - start), rng)
            a, b = (metric.weighted(truth, given, weights, positive) for given in (first, second))
            parts.append(b - a if metric.better == "higher" else a - b)
    drawn = np.concatenate(parts)
    drawn = drawn[np.isfinite(drawn)]
    if not len(drawn) or not math.isfinite(difference):
        return Comparison(simpler, other, difference, False, n, f"not to be compared, n = {n:,}")
    low, high = np.quantile(drawn, [alpha / 2, 1 - alpha / 2])
    words = (
        f"difference {signed_text(difference)}, paired bootstrap {100 * (1 - alpha):.3g} % "
        f"interval {signed_text(low)} to {signed_text(high)}, n = {n:,}"
    )
    return Comparison(simpler, other, difference, bool(low > 0 and difference > 0), n, words)


def mcnemar(b: int, c: int) -> float:
    """The two-sided p of McNemar's exact test: b and c of b + c tosses of a fair coin.

    >>> mcnemar(0, 5), mcnemar(0, 0)
    (0.0625, 1.0)
    """
    from scipy.stats import binom

    if b + c == 0:
        return 1.0
    return float(min(1.0, 2 * binom.cdf(min(b, c), b + c, 0.5)))


def recommend(
    candidates: Sequence[Candidate],
    validation: Part,
    metric: Metric | str,
    positive: int | None = None,
    seed: int = 0,
) -> tuple[Candidate, str]:
    """The candidate to use, and a sentence that says why with the numbers.

    Candidates come in order of simplicity. The first is held until one after it is better by more
    than the noise; each comparison is held to 5 % divided by their number (C. Bonferroni).
    """
    metric = require_metric(metric) if isinstance(metric, str) else metric
    chosen, lost, won = candidates[0], [], ""
    alpha = 0.05 / max(1, len(candidates) - 1)
    for other in candidates[1:]:
        result = compared(chosen, other, validation, metric, positive, seed, alpha)
        if result.wins:
            won = (
                f"its {metric.name} of {_score(other, metric)} beats the {_score(chosen, metric)} "
                f"of the {chosen.name} ({result.words})"
            )
            chosen, lost = other, []
        else:
            worse = "is no better" if result.difference <= 0 else "is better only within the noise"
            lost.append(f"the {other.name}, {_score(other, metric)}, {worse} ({result.words})")
    if not won:
        head = f"nothing beats the baseline, whose {metric.name} is {_score(chosen, metric)}"
    else:
        head = f"the {chosen.name} is recommended: {won}"
    return chosen, "; ".join([head, *lost])


def _score(candidate: Candidate, metric: Metric) -> str:
    return metric.text(metric.signed(candidate.score))


def signed_text(value: float) -> str:
    """A difference with its sign.

    >>> signed_text(0.0312), signed_text(-0.5)
    ('+0.031', '−0.5')
    """
    return ("+" if value > 0 else "") + number(float(value), 2)


def explain_tree(
    candidate: Candidate,
    names: Sequence[str],
    classes: Sequence[str] = (),
    asked: Callable[[int, float], tuple[str, str]] | None = None,
    most: int = 60,
) -> list[str]:
    """A decision tree in words, a line for each question and each leaf, indented by level.

    Parameters
    ----------
    names : of the inputs, in order.
    classes : names of the classes; none for a regression.
    asked : gives the words of a question and of its opposite for (input, threshold); by default
        thresholds are told as the tree sees them, in standardised units. `in_own_units` makes one.
    most : lines at most; the last says how many are left out.
    """
    tree = candidate.model
    if not isinstance(tree, Tree):
        raise TypeError(f"{candidate.name} is not a tree of this module")

    def in_inputs(feature: int, threshold: float) -> tuple[str, str]:
        name = clean(names[feature])
        return f"{name} is at most {number(threshold)}", f"{name} is above {number(threshold)}"

    question = asked or in_inputs
    lines: list[str] = []
    stack: list[tuple[int, int, str]] = [(0, 0, "")]
    while stack:
        node, level, words = stack.pop()
        head = "  " * level + (f"if {words}: " if words else "")
        if tree.feature[node] < 0:
            lines.append(head + _leaf_text(tree, node, classes))
            continue
        if words:
            lines.append(head.rstrip(" :") + f" ({count_text(int(tree.rows[node]), 'row')}):")
        yes, no = question(int(tree.feature[node]), float(tree.threshold[node]))
        below = level + 1 if words else level
        stack.append((int(tree.right[node]), below, no))
        stack.append((int(tree.left[node]), below, yes))
    if len(lines) > most:
        lines[most - 1 :] = [f"… and {len(lines) - most + 1} lines more"]
    return lines


def _leaf_text(tree: Tree, node: int, classes: Sequence[str]) -> str:
    rows = count_text(int(tree.rows[node]), "training row")
    if not classes:
        return f"{number(float(tree.values[node]))}, the mean of {rows}"
    k = int(tree.values[node].argmax())
    return f"{clean(classes[k])}, with probability {tree.values[node, k]:.2f} from {rows}"


def in_own_units(
    X: np.ndarray, raw: Callable[[int], tuple[str, np.ndarray] | None], names: Sequence[str]
) -> Callable[[int, float], tuple[str, str]]:
    """Questions of a tree in the units of the table, for `explain_tree`.

    `X` (rows, inputs) is what the tree was fitted on, and `raw(input)` the column that the input
    was made from, with its numbers in the same rows; None where it is no number. A threshold is
    then told as the middle between the two raw values that it separates, which needs nothing of how
    the table was prepared but that order is kept. Inputs of two values are told as yes and no.
    """

    def asked(feature: int, threshold: float) -> tuple[str, str]:
        inputs = X[:, feature]
        left = inputs <= np.float32(threshold)
        known = raw(feature)
        if known is not None:
            name, values = clean(known[0]), np.asarray(known[1], np.float64)
            there = np.isfinite(values)
            if (left & there).any() and (~left & there).any():
                below, above = values[left & there].max(), values[~left & there].min()
                if below < above:
                    middle = number(_short_between(float(below), float(above)), 6)
                    return f"{name} is at most {middle}", f"{name} is above {middle}"
        name = clean(names[feature])
        if len(np.unique(inputs)) == 2:
            return f"not {name}", name
        return f"{name} is at most {number(threshold)}", f"{name} is above {number(threshold)}"

    return asked


def _short_between(low: float, high: float) -> float:
    """The number with the fewest digits at or above `low` and below `high`, near the middle.

    >>> _short_between(127.0, 128.0), _short_between(29.31, 30.05)
    (127.5, 30.0)
    """
    middle = low + (high - low) / 2
    for digits in range(1, 16):
        short = float(f"{middle:.{digits}g}")
        if low < short < high:
            return short
    return low
