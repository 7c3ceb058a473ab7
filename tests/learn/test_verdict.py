"""The verdict: each of its words on a training that deserves it, and its numbers against SciPy."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from backlit.engine import Tensor
from backlit.learn.checks.context import Context, Part
from backlit.learn.checks.evidence import _end, evidence
from backlit.learn.checks.mixing import mixing
from backlit.learn.checks.standing import (
    BEATS,
    Standing,
    baseline_score,
    of_candidate,
    of_network,
    possible,
    scale_of,
)
from backlit.learn.checks.verdict import judge
from backlit.learn.models.looks import Epoch
from backlit.learn.models.loop import Fit, train
from backlit.nn import MLP
from backlit.nn import functional as F
from backlit.study.findings import Finding

from .trainings import candidates_of, context_of, fitted, trained


def few(part: Part, rows: int) -> Part:
    """The first rows of a part."""
    return Part(part.X[:rows], part.target[:rows], part.truth[:rows], part.rows[:rows])


def with_wrong_labels(part: Part, share: float) -> Part:
    """Some rows carry the label of another row."""
    rng = np.random.default_rng(0)
    wrong = rng.permutation(len(part.X))[: int(share * len(part.X))]
    target, truth = part.target.copy(), part.truth.copy()
    target[wrong] = (target[wrong] + 1) % 2
    truth[wrong] = (truth[wrong] + 1) % 2
    return Part(part.X, target, truth, part.rows)


def told(context: Context) -> str:
    verdict = judge(context)
    return " ".join([verdict.headline, *verdict.reasons, *verdict.next])


# ---- each word ----------------------------------------------------------------------------------


def test_a_healthy_training_is_good():
    code, headline, reasons, findings, advice = judge(trained("digits"))
    assert code == "good"
    assert "0.958" in headline
    assert any(
        "the baseline 0.100: 77.6 standard errors, more than chance" in reason for reason in reasons
    )
    assert {finding.level for finding in findings} == {"note"}
    assert {finding.code for finding in findings} == {"gain", "gap", "overfitting-later"}
    assert advice


def test_few_rows_and_many_weights_are_memorising():
    context = context_of("digits")
    context = replace(context, train=few(context.train, 60))
    context = replace(context, fit=fitted(context, 100))
    verdict = judge(context)
    assert verdict.code == "memorising"
    assert "by heart: accuracy 1.000 there" in verdict.headline
    assert [f.code for f in verdict.findings if f.level == "warning"] == ["gap"]


def test_rows_that_come_later_may_have_changed():
    context = context_of("digits")
    context = replace(
        context, train=few(context.train, 60), problem=replace(context.problem, time="day")
    )
    verdict = judge(replace(context, fit=fitted(context, 100)))
    assert verdict.code == "memorising"
    assert "or what they show has changed since" in verdict.headline
    assert any("drift" in advice for advice in verdict.next)


def test_validation_better_than_training_is_suspicious():
    context = context_of("moons")
    context = replace(context, train=with_wrong_labels(context.train, 0.3))
    context = replace(context, fit=fitted(context, 30))
    verdict = judge(context)
    assert verdict.code == "suspicious"
    assert "Too good to be true" in verdict.headline
    assert any("stand in both parts" in advice for advice in verdict.next)


@pytest.mark.parametrize("epochs", [1, 2, 3, 10])
def test_a_run_that_ends_too_early_is_still_learning(epochs: int):
    context = trained("digits", lr=1e-3 if epochs < 4 else 1e-4, epochs=epochs)
    assert judge(context).code == "still learning"
    assert "still falls" in judge(context).headline


def test_a_network_too_small_is_underfitting():
    context = trained("spirals", hidden=(1,), epochs=100)
    context = replace(context, candidates=candidates_of(context))
    verdict = judge(context)
    assert verdict.code == "underfitting"
    assert "decision tree: 0." in " ".join(verdict.reasons)


def test_what_a_tree_can_do_is_not_called_nothing():
    """The columns say a lot; the network, whose rate is far too low, has not heard it."""
    context = trained("spirals", lr=1e-7)
    assert judge(context).code == "underfitting"
    context = replace(context, candidates=candidates_of(context))
    verdict = judge(context)
    assert verdict.code == "underfitting"
    assert "decision tree" in evidence(context).beating


def test_a_broken_off_run_has_diverged():
    class Explodes(type(context_of("moons").task)):
        def loss(self, outputs: Tensor, target: Tensor) -> Tensor:
            return F.cross_entropy(outputs, target) * math.inf

    moons = context_of("moons")
    context = replace(moons, task=Explodes("ab", moons.train.truth))
    context = replace(context, fit=fitted(context, 5))
    verdict = judge(context)
    assert verdict.code == "diverged"
    assert "untrained weights are all there is" in verdict.headline


def test_a_run_that_diverges_later_keeps_its_best_epoch():
    context = trained("moons")
    context.fit.status, context.fit.message = "diverged", "the loss became infinite in epoch 99"
    verdict = judge(context)
    assert verdict.code == "diverged"
    assert f"the weights of epoch {context.fit.best} were kept" in verdict.headline


def test_errors_of_other_checks_take_the_good_away():
    context = trained("moons")
    assert judge(context, mixing(context)).code == "good"  # notes do not
    leak = Finding("leak", "error", "column b tells all", 1.0, 0.999, 100, "", "drop column b")
    verdict = judge(context, [leak])
    assert verdict.code == "suspicious"
    assert "1 error, leak" in verdict.headline
    assert "column b tells all" in verdict.reasons
    assert "drop column b" in verdict.next


def test_memorised_nonsense_is_nothing_to_learn():
    context = trained("digits", shuffled=True, patience=None, epochs=60)
    last = context.fit.history[-1]
    assert last.train_score > 0.8  # by heart
    assert judge(context).code == "nothing to learn"


def test_an_empty_network_has_no_word():
    with pytest.raises(ValueError, match="needs a fit"):
        judge(context_of("moons"))


def test_verdicts_are_the_same_each_time_and_change_nothing():
    context = trained("iris")
    weights = {name: value.numpy().copy() for name, value in context.fit.model.state_dict().items()}
    assert judge(context) == judge(context)
    for name, value in context.fit.model.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), weights[name])
    assert context.fit.model.training


def test_limits_can_be_given():
    context = trained("digits")
    assert judge(replace(context, limits={"verdict_gap": 0.02})).code == "memorising"
    strict = judge(replace(context, limits={"verdict_gain": 0.99}))
    assert strict.code == "underfitting"
    assert {f.source for f in strict.findings if f.code == "gain"} != {"given"}


# ---- its numbers --------------------------------------------------------------------------------


def history(losses: list[float]) -> Fit:
    fit = Fit(MLP([1, 1]))
    fit.history = [Epoch(k, loss, loss, 0.5, 0.5) for k, loss in enumerate(losses)]
    fit.best = int(np.argmin(losses))
    return fit


def test_the_slope_is_that_of_a_regression():
    rng = np.random.default_rng(0)
    losses = (2 - 0.01 * np.arange(101) + rng.normal(0, 0.05, 101)).tolist()
    line: Any = stats.linregress(np.arange(20), losses[-20:])
    slope, fall = _end(history(losses))
    assert slope == pytest.approx(-line.slope / line.stderr)
    assert fall == pytest.approx(-line.slope * 19)


def test_a_loss_that_stands_still_has_no_slope():
    assert _end(history([1.0] * 30)) == (0.0, 0.0)
    assert _end(history([1.0])) == (0.0, 0.0)
    straight = _end(history([10.0 - k for k in range(9)]))
    assert straight[0] > 1e6
    assert straight[1] == pytest.approx(3.0)


def test_a_run_that_was_stopped_early_is_not_asked_for_its_end():
    fit = history([2 - 0.1 * k for k in range(11)])
    assert _end(fit)[0] > 2
    fit.status = "early"
    assert _end(fit) == (0.0, 0.0)


def test_the_baseline_is_what_dummies_get():
    for name in ("digits", "breast_cancer", "diabetes"):
        context = context_of(name)
        known = candidates_of(context)[0].score
        assert baseline_score(context) == pytest.approx(known, abs=1e-9)
        full = replace(context, candidates=candidates_of(context))
        assert baseline_score(full) == known


def test_a_metric_that_only_candidates_know_is_asked_of_them():
    context = trained("breast_cancer")
    context = replace(context, problem=replace(context.problem, metric="roc_auc"))
    assert math.isnan(baseline_score(context))
    verdict = judge(context)
    assert verdict.code in ("good", "nothing to learn")
    assert "nan" not in told(context)


def test_the_standing_of_a_network_is_that_of_its_candidate():
    context = trained("digits")
    alone = of_network(context)
    full = of_network(replace(context, candidates=candidates_of(context)))
    assert alone.score == full.score
    assert alone.fewer == pytest.approx(full.fewer, rel=1e-6)


@pytest.mark.parametrize("name", ["digits", "diabetes"])
def test_a_training_without_a_score_is_scored_all_the_same(name: str):
    context = trained(name)
    plain = replace(context, fit=train(
        context.build, context.task, context.train, context.validation, epochs=60, lr=context.lr,
        batch_size=context.batch_size, seed=0,
    ))  # fmt: skip
    assert math.isnan(plain.fit.history[0].train_score)
    ours, known = of_network(plain), of_network(context)
    assert ours.score == pytest.approx(known.score, abs=1e-6)
    assert ours.train_score == pytest.approx(known.train_score, abs=1e-6)
    assert judge(plain).code == "good"


def test_fewer_is_a_paired_t():
    context = trained("diabetes")
    part, train = context.validation, context.train
    values = context.task.predict(context.fit.outputs(part.X))
    known = (part.truth - train.truth.mean()) ** 2
    paired: Any = stats.ttest_rel(known, (part.truth - values) ** 2)
    assert of_network(context).fewer == pytest.approx(paired.statistic, rel=1e-4)


def test_the_error_of_r2_is_near_the_bootstrap():
    context = trained("diabetes")
    part = context.validation
    values = context.task.predict(context.fit.outputs(part.X))
    rng = np.random.default_rng(0)
    drawn = []
    for _ in range(2000):
        rows = rng.integers(0, len(values), len(values))
        drawn.append(1 - np.mean((part.truth - values)[rows] ** 2) / part.truth.var())
    assert of_network(context).error == pytest.approx(np.std(drawn), rel=0.1)


def test_losses_are_measured_by_the_baseline():
    assert scale_of("rmse", -50.0) == 50.0
    assert possible("rmse", -50.0) == 50.0
    assert possible("accuracy", 0.6) == pytest.approx(0.4)
    diabetes = trained("diabetes")
    candidates = candidates_of(diabetes)

    def rmse(score: float) -> float:
        return -50 * math.sqrt(max(1 - score, 0.0))

    negated = tuple(
        replace(
            each, score=rmse(each.score), train_score=rmse(each.train_score),
            interval=(rmse(each.score) - 5, rmse(each.score) + 5),
        )
        for each in candidates
    )  # fmt: skip
    context = replace(
        diabetes, candidates=negated, problem=replace(diabetes.problem, metric="rmse")
    )
    verdict = judge(context)
    assert verdict.code == "good"
    assert "root mean square error 33." in verdict.headline


def test_beating_takes_more_than_chance():
    standing = Standing("tree", 0.6, 0.56, 0.02, 0.0)
    assert standing.beats(0.5, {})
    assert not standing.beats(0.52, {})
    assert standing.beats(0.52, {BEATS: 1.0})
    assert replace(standing, fewer=4.0).beats(0.55, {})
    assert not replace(standing, fewer=4.0).beats(0.57, {})


def test_a_candidate_that_is_sure_and_wrong_is_no_nan():
    context = trained("moons")
    sure = replace(
        candidates_of(context)[0],
        outputs=lambda X: np.tile([0.0, 1.0], (len(X), 1)),
    )
    assert math.isfinite(of_candidate(sure, context).fewer)


def test_hostile_names_are_cleaned():
    context = trained("moons")
    evil = replace(candidates_of(context)[1], name="tree\x1b[2J\n<script>")
    assert "\x1b" not in told(replace(context, candidates=(evil,)))
