"""What the checks of training are made of, against SciPy and scikit-learn; and checks among ruins:
nothing there, one row, NaN, huge numbers, an interrupt, a second call.
"""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats
from sklearn.metrics import log_loss

from backlit import Generator, nn
from backlit.engine import Tensor, default_generator, dropout, uniform
from backlit.learn.checks.blind import blind, constant_outputs, paired_errors
from backlit.learn.checks.context import Check, Context, Part
from backlit.learn.checks.mixing import mixing
from backlit.learn.checks.one_batch import a_batch, one_batch, twice_softmax
from backlit.learn.checks.rates import first_step, rates
from backlit.learn.checks.rules import LIMITS, limits_with
from backlit.learn.checks.trying import blind_loss, descend, drawing, in_mode, row_losses
from backlit.learn.checks.units import units
from backlit.learn.checks.untrained import untrained
from backlit.learn.checks.verdict import judge
from backlit.learn.models.looks import Epoch, Layer, Look
from backlit.learn.models.loop import Fit
from backlit.learn.models.tasks import Classification, Regression
from backlit.learn.problem import Problem
from backlit.study.findings import LIMITS as WATCHED
from backlit.study.findings import Finding

from .trainings import context_of, only, trained

CHECKS: tuple[Check, ...] = (untrained, one_batch, blind, units, rates, mixing)


# ---- numbers ------------------------------------------------------------------------------------


@given(st.integers(0, 10**6), st.integers(1, 20), st.integers(2, 6))
@settings(max_examples=50, deadline=None)
def test_row_losses_are_cross_entropies(seed: int, rows: int, classes: int):
    rng = np.random.default_rng(seed)
    logits, y = rng.normal(0, 5, (rows, classes)), rng.integers(0, classes, rows)
    shares = np.exp(logits - logits.max(1, keepdims=True))
    shares /= shares.sum(1, keepdims=True)
    each = [log_loss([t], [p], labels=range(classes)) for t, p in zip(y, shares, strict=True)]
    np.testing.assert_allclose(row_losses(logits, y), each, rtol=1e-6, atol=1e-9)


def test_row_losses_of_values_are_squares():
    outputs, target = np.array([[1.0], [3.0]]), np.array([[0.0], [1.0]], np.float32)
    np.testing.assert_array_equal(row_losses(outputs, target), [1.0, 4.0])


def test_row_losses_of_huge_logits_are_finite():
    losses = row_losses(np.array([[1e30, -1e30], [0.0, 0.0]]), np.array([1, 0]))
    assert losses[0] == 2e30
    assert losses[1] == pytest.approx(math.log(2))


@given(st.lists(st.integers(0, 5), min_size=1, max_size=50))
def test_the_blind_loss_is_the_entropy(labels: list[int]):
    y = np.array(labels)
    assert blind_loss(y) == pytest.approx(stats.entropy(np.bincount(y)), abs=1e-12)


@given(st.lists(st.floats(-100, 100), min_size=2, max_size=30))
def test_standard_errors_are_those_of_a_t_test(values: list[float]):
    x = np.array(values)
    if x.std() < 1e-6:
        return
    known: Any = stats.ttest_1samp(x, 0.0)
    assert paired_errors(x) == pytest.approx(known.statistic, rel=1e-9)


def test_standard_errors_of_equal_differences_have_no_end():
    assert paired_errors(np.full(5, 2.0)) == math.inf
    assert paired_errors(np.full(5, -2.0)) == -math.inf
    assert paired_errors(np.zeros(5)) == 0.0


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_no_logits_between_0_and_1_lose_less(classes: int):
    def loss(logits: np.ndarray) -> float:
        return float(row_losses(logits[None], np.array([0]))[0])

    least = optimize.minimize(loss, np.full(classes, 0.5), bounds=[(0, 1)] * classes)
    assert least.fun == pytest.approx(twice_softmax(classes), rel=1e-6)


def test_constant_outputs_are_the_best_there_are():
    y = np.array([0] * 70 + [1] * 30)
    best = row_losses(np.tile(constant_outputs(y, 2), (100, 1)), y).mean()
    assert best == pytest.approx(blind_loss(y), rel=1e-3)
    t = np.array([[1.0], [2.0], [6.0]], np.float32)
    np.testing.assert_allclose(constant_outputs(t, 1), [3.0])


def test_the_first_step_of_adam_moves_weights_by_its_rate():
    context = context_of("digits", hidden=(64, 64), lr=0.01)
    model = context.build()
    deviations = [p.data.std() for p in model.parameters() if p.ndim == 2]
    assert first_step(context) == pytest.approx(0.01 / min(deviations), rel=0.35)


@given(st.integers(0, 1000), st.integers(2, 200), st.integers(2, 5))
@settings(max_examples=30, deadline=None)
def test_a_batch_has_all_classes_and_no_row_twice(seed: int, rows: int, classes: int):
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 6, (rows, 2)).astype(np.float32)
    y = rng.integers(0, classes, rows)
    batch = a_batch(Part(X, y, y, np.arange(rows)), seed)
    assert len(batch) <= 32
    assert len(np.unique(X[batch], axis=0)) == len(batch)
    assert np.array_equal(batch, a_batch(Part(X, y, y, np.arange(rows)), seed))
    if len(np.unique(X, axis=0)) == rows and rows <= 32:
        assert sorted(batch) == list(range(rows))


# ---- limits -------------------------------------------------------------------------------------


def test_each_limit_says_what_it_bounds_and_where_it_comes_from():
    assert all(limit.bounds and limit.source for limit in LIMITS.values())
    for name in ("dead_error", "dead_warning", "vanishing", "exploding", "first_to_last"):
        assert LIMITS[name] == WATCHED[name]


def test_given_limits_are_obeyed_and_said():
    context = trained("digits", lr=0.1)
    dead = units(context)[0]
    assert (dead.level, dead.threshold, dead.source) == ("error", 0.4, LIMITS["dead_error"].source)
    context = replace(context, limits=limits_with({"dead_error": 0.99}))
    warned = units(context)[0]
    assert (warned.level, warned.threshold) == ("warning", 0.1)
    low = replace(context_of("digits"), limits=limits_with({"untrained_near": 0.001}))
    assert only(untrained(low)).source == "given"


# ---- nothing of the caller changes --------------------------------------------------------------


def test_checks_change_nothing_and_say_the_same_again():
    before = trained("digits", lr=0.1)
    X, weights = before.train.X.copy(), before.fit.weights["0.weight"].copy()
    generator = default_generator().state()
    first = [finding for check in CHECKS for finding in check(before)]
    uniform((3,))  # what is drawn in between does not matter
    generator = default_generator().state()
    assert [finding for check in CHECKS for finding in check(before)] == first
    assert default_generator().state() == generator
    np.testing.assert_array_equal(before.train.X, X)
    np.testing.assert_array_equal(before.fit.weights["0.weight"], weights)
    assert before.fit.model.training


def test_dropout_draws_from_a_stream_of_its_own():
    context = context_of(
        "moons", build=lambda i, o: nn.MLP([i, 16, o], dropout=0.3, generator=None)
    )
    one = context.build()
    state = default_generator().state()
    for check in (untrained, mixing):
        check(replace(context, build=lambda: one))
    assert default_generator().state() == state


class Interrupts(nn.Module):
    """Ctrl-C comes while it runs, after it has drawn."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 2, generator=Generator(0))
        self.eval()
        self.layer.train()

    def forward(self, x: Tensor) -> Tensor:
        dropout(x, 0.5, True)
        raise KeyboardInterrupt


@pytest.mark.parametrize("check", [one_batch, blind, rates, mixing])
def test_an_interrupt_leaves_modes_and_generator_as_they_were(check: Check):
    model = Interrupts()
    context = replace(context_of("moons"), build=lambda: model)
    state = default_generator().state()
    with pytest.raises(KeyboardInterrupt):
        check(context)
    assert default_generator().state() == state
    if check is not blind:  # its loop puts the new network that it is given into training mode
        assert (model.training, model.layer.training) == (False, True)


def test_modes_come_back_one_by_one():
    model = nn.MLP([2, 4, 2], dropout=0.5)
    model.eval()
    model[2].train()
    with in_mode(model, True):
        assert all(module.training for module in model.modules())
    assert [module.training for module in model.modules()].count(True) == 1


def test_drawing_comes_back_after_an_error():
    state = default_generator().state()
    with pytest.raises(AttributeError), drawing(5):
        uniform((2,)).nonsense()  # type: ignore[attr-defined]
    assert default_generator().state() == state


def test_descend_says_infinite_where_a_loss_is_no_number():
    moons = context_of("moons")
    X = np.full((8, 2), np.nan, np.float32)
    losses = descend(
        moons.build(), moons.task, X, moons.train.target[:8], lr=0.1, epochs=5, batch_size=8, seed=0
    )
    assert losses == [math.inf]


# ---- ruins --------------------------------------------------------------------------------------


def small(X: np.ndarray, y: np.ndarray, classes: int = 2) -> Context:
    """A context of a few rows, all of them in both parts."""
    X = X.astype(np.float32)
    if np.issubdtype(y.dtype, np.integer):
        task: Any = Classification([str(k) for k in range(classes)], y)
        kind = "classification"
    else:
        task, kind = Regression(y), "regression"
    part = Part(X, task.target(y), y, np.arange(len(y)))
    return Context(
        table=None,  # type: ignore[arg-type]
        problem=Problem("y", task=kind),
        train=part, validation=part, task=task, batch_size=8, lr=0.01,
        build=lambda: nn.MLP([X.shape[1], 8, task.outputs], generator=Generator(0)),
    )  # fmt: skip


@pytest.mark.parametrize("check", CHECKS)
def test_where_nothing_is_there_nothing_is_said(check: Check):
    empty = Context(table=None, problem=Problem("y"))  # type: ignore[arg-type]
    assert check(empty) == []
    assert check(replace(empty, build=lambda: nn.MLP([2, 2]))) == []


@pytest.mark.parametrize("check", [untrained, one_batch, blind, rates, mixing])
@pytest.mark.parametrize("rows", [1, 2, 3])
def test_few_rows(check: Check, rows: int):
    rng = np.random.default_rng(0)
    found = check(small(rng.normal(size=(rows, 2)), np.arange(rows) % 2))
    assert all(isinstance(finding, Finding) for finding in found)
    if rows == 1 and check in (one_batch, blind, mixing):
        assert found == []


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize(
    "X",
    [
        np.full((40, 2), np.nan), np.full((40, 2), np.inf), np.full((40, 2), 1e30),
        np.zeros((40, 2)), np.ones((40, 2)), np.full((40, 2), 1e-30),
        np.where(np.arange(80).reshape(40, 2) == 7, np.nan, 1.0),
    ],
)  # fmt: skip
def test_inputs_that_cannot_be_learned_from(check: Check, X: np.ndarray):
    context = small(X, np.arange(40) % 2)
    for finding in check(context):
        assert finding.sentence
    if check is untrained and not np.isfinite(X).all():
        assert only(check(context)).level == "error"
    if check is blind and X.any() and (X[0] == X).all():
        assert only(check(context)).level == "error"


@pytest.mark.parametrize("check", CHECKS)
def test_one_class_that_is_all_there_is(check: Check):
    context = small(np.random.default_rng(0).normal(size=(40, 3)), np.zeros(40, np.int64))
    check(context)


def test_many_classes_and_few_rows_of_each():
    rng = np.random.default_rng(0)
    context = small(rng.normal(size=(120, 5)), np.arange(120) % 60, classes=60)
    assert only(untrained(context)).level == "note"
    assert only(one_batch(context)).level in ("note", "warning")


def test_frequent_classes_known_beforehand_are_no_lucky_start():
    """A last bias that starts at the classes' frequencies loses H(y), far below ln C."""
    rng = np.random.default_rng(0)
    y = (rng.uniform(size=2000) < 0.03).astype(np.int64)
    context = small(rng.normal(size=(2000, 2)), y)

    def build() -> nn.Module:
        model = nn.MLP([2, 8, 2], generator=Generator(0))
        model[2].weight.data[:] *= 0.01
        model[2].bias.data[:] = [math.log(0.97), math.log(0.03)]
        return model

    finding = only(untrained(replace(context, build=build)))
    assert finding.level == "note"
    assert "as it should be" in finding.sentence
    assert only(untrained(context)).level == "note"


@pytest.mark.parametrize("columns", [1, 2])
@pytest.mark.parametrize("classes", [2, 4])
def test_few_columns_that_say_nothing_are_no_error_of_the_network(columns: int, classes: int):
    """Nobody can tell 32 rows apart by one column of noise and 8 units."""
    for seed in range(3):
        rng = np.random.default_rng(seed)
        context = small(rng.normal(size=(400, columns)), rng.integers(0, classes, 400), classes)
        context = replace(context, seed=seed)
        assert only(one_batch(context)).level != "error"
    rng = np.random.default_rng(9)
    values = small(rng.normal(size=(400, columns)), rng.normal(size=400))
    assert only(one_batch(values)).level != "error"


def test_values_far_from_standard_are_no_error():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    context = small(X, 5e6 + 1e5 * np.abs(X[:, 0]))
    assert only(untrained(context)).level == "note"
    assert only(one_batch(context)).level == "note"


# ---- looks that were written by hand ------------------------------------------------------------


def looked(layers: list[Layer], rows: int, losses: tuple[float, ...] = (2.0, 1.5, 1.2, 1.0)) -> Any:
    """A context whose looks are these layers, four times."""
    fit = Fit(nn.MLP([2, 2]))
    fit.history = [Epoch(k, loss, loss, 0.5, 0.5) for k, loss in enumerate(losses)]
    begin = [replace(layer, dead=0.0 if layer.dead is not None else None) for layer in layers]
    fit.looks = [Look(k, rows, tuple(layers if k else begin)) for k in range(len(losses))]
    return replace(context_of("moons"), fit=fit)


def layer(name: str = "0.weight", **seen: Any) -> Layer:
    return replace(Layer(name, 1.0, 0.1, 1e-3, 100, 0.0, None), **seen)


@pytest.mark.parametrize(
    ("dead", "rows", "level"),
    [
        (0.05, 2000, "note"), (0.11, 2000, "warning"), (0.39, 2000, "warning"),
        (0.41, 2000, "error"), (0.41, 999, "warning"), (0.39, 999, "note"), (1.0, 2, "warning"),
    ],
)  # fmt: skip
def test_dead_units_are_judged_by_share_and_rows(dead: float, rows: int, level: str):
    finding = only(units(looked([layer(dead=dead)], rows)))
    assert finding.level == level
    assert finding.n == rows
    if rows < 1000 and level != "note":
        assert f"{rows:,} rows (there are no more)" in finding.sentence


@pytest.mark.parametrize(
    ("before", "dead", "level"),
    [(0.0, 0.625, "error"), (0.5, 0.625, "warning"), (0.625, 0.625, "warning"),
     (0.5, 0.875, "error"), (1.0, 1.0, "error")],
)  # fmt: skip
def test_units_that_never_lived_were_not_killed(before: float, dead: float, level: str):
    context = looked([layer(units=8, dead=dead)], 3296)
    first = replace(context.fit.looks[0], layers=(layer(units=8, dead=before),))
    context.fit.looks[0] = first
    finding = only(units(context))
    assert finding.level == level
    assert f"{round(8 * before)} did before training" in finding.sentence


def test_dead_units_of_a_network_that_has_learned_all_are_no_error():
    context = looked([layer(dead=0.5)], 2000, (2.0, 0.1, 0.01, 0.001))
    assert only(units(context)).level == "warning"


@pytest.mark.parametrize(
    ("layers", "code"),
    [
        ([layer(dead=None, saturated=0.51)], "saturated-units"),
        ([layer(gradient=1e-9), layer("2.weight", gradient=1e-10)], "vanishing-gradients"),
        ([layer(gradient=0.0)], "vanishing-gradients"),
        ([layer(gradient=101.0)], "exploding-gradients"),
        ([layer(gradient=1e-5), layer("2.weight", gradient=0.1)], "fading-gradients"),
        ([layer(gradient=1e-3), layer("2.weight", gradient=10.0)], "units"),  # the ratio alone
        ([layer(gradient=1e-5), layer("2.weight", gradient=1e-3)], "units"),
        ([layer(gradient=math.nan)], "units"),
        ([layer(gradient=None, weight=None)], "units"),
        ([layer(weight=0.0)], "units"),
    ],
)
def test_gradients_are_judged_by_their_size(layers: list[Layer], code: str):
    assert only(units(looked(layers, 2000))).code == code


def test_hostile_layers_are_cleaned():
    finding = only(units(looked([layer("a\x1b[2J\nb", dead=0.9)], 2000)))
    assert "\x1b" not in finding.sentence
    assert "\n" not in finding.sentence


def test_looks_without_layers_say_so():
    assert only(units(looked([], 2000))).level == "note"
    assert only(rates(looked([], 2000))).code == "learning-rate"


@pytest.mark.parametrize(
    ("losses", "code", "level"),
    [
        ((2.0, 1.9, 1.89, 1.88), "learning-rate-low", "error"),
        ((2.0, 1.7, 1.6, 1.5), "learning-rate-low", "warning"),
        ((2.0, 0.5, 0.1, 0.019), "learning-rate", "note"),  # it has learned all
        ((2.0, 1.0, 3.1, 1.0), "learning-rate-high", "error"),
        ((2.0, 1.0, 2.9, 1.0), "learning-rate-low", "warning"),
    ],
)
def test_curves_tell_of_the_learning_rate(losses, code, level):
    context = looked([layer(update=1e-5)], 2000, losses)
    context.fit.best = 3
    finding = only(rates(context))
    assert (finding.code, finding.level) == (code, level)


def test_a_loss_that_began_at_0_divides_nothing():
    context = looked([layer()], 2000, (0.0, 0.0, 0.0, 0.0))
    assert only(rates(context)).level == "note"
    assert units(context)


def test_a_verdict_on_two_rows_is_a_verdict():
    context = small(np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([0, 1]))
    fit = Fit(context.build(), weights={})  # type: ignore[misc]
    fit.history = [Epoch(0, 0.7, 0.7, 0.5, 0.5)]
    assert judge(replace(context, fit=fit)).code == "nothing to learn"
