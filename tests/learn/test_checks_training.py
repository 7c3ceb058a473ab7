"""What is broken is named, on real digits and on small tables; what is healthy is left in peace."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from backlit import Generator, nn
from backlit.engine import Tensor, tensor
from backlit.learn.checks.blind import blind
from backlit.learn.checks.context import Check
from backlit.learn.checks.mixing import mixing
from backlit.learn.checks.one_batch import one_batch
from backlit.learn.checks.rates import rates
from backlit.learn.checks.units import units
from backlit.learn.checks.untrained import untrained
from backlit.learn.checks.verdict import judge
from backlit.learn.models.tasks import Classification
from backlit.nn import functional as F

from .trainings import RECIPES, candidates_of, context_of, errors, only, trained

CHECKS: tuple[Check, ...] = (untrained, one_batch, blind, units, rates, mixing)


class Ends(nn.Module):
    """An MLP with something at its end."""

    def __init__(self, inputs: int, outputs: int, end: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.body = nn.MLP([inputs, 64, 64, outputs], generator=Generator(0))
        self.end = end

    def forward(self, x: Tensor) -> Tensor:
        return self.end(self.body(x))


def ending(end: Callable[[Tensor], Tensor]) -> Callable[[int, int], nn.Module]:
    return lambda inputs, outputs: Ends(inputs, outputs, end)


def drawn(initialise: Callable[[Tensor], object], activation: type[nn.Module] = nn.ReLU):
    """An MLP whose matrices are drawn otherwise."""

    def make(inputs: int, outputs: int) -> nn.Module:
        model = nn.MLP([inputs, 64, 64, outputs], activation, generator=Generator(0))
        for parameter in model.parameters():
            if parameter.ndim == 2:
                initialise(parameter)
        return model

    return make


def standard_normal(weight: Tensor) -> Tensor:
    return nn.init.normal_(weight, 0, 1, Generator(1))


# ---- healthy ------------------------------------------------------------------------------------


def healthy(name: str, seed: int) -> None:
    before = context_of(name, seed)
    for check in (untrained, one_batch, blind, mixing):
        assert not errors(check(before)), (name, seed)
    context = trained(name, seed)
    found = [finding for check in CHECKS for finding in check(context)]
    assert not errors(found), (name, seed)
    assert {check.__module__.rpartition(".")[2] for check in CHECKS if not check(context)} == set()
    verdict = judge(context, found)
    assert verdict.code == "good", (name, seed, verdict)
    assert not errors(verdict.findings)


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_an_error_where_training_goes_well(name: str, seed: int):
    healthy(name, seed)


@pytest.mark.long
@pytest.mark.parametrize("name", RECIPES)
def test_nothing_is_an_error_with_many_seeds(name: str):
    for seed in range(3, 30):
        healthy(name, seed)


def test_a_healthy_run_of_digits_has_no_warning_either():
    found = [finding for check in CHECKS for finding in check(trained("digits"))]
    assert [finding.code for finding in found] == [
        "untrained-loss", "one-batch", "blind", "units", "learning-rate", "mixing",
    ]  # fmt: skip
    assert {finding.level for finding in found} == {"note"}


@pytest.mark.parametrize(
    "build",
    [
        lambda i, o: nn.Linear(i, o, generator=Generator(0)),
        lambda i, o: nn.MLP([i, 64, o], nn.Tanh, generator=Generator(0)),
        lambda i, o: nn.MLP([i, 64, o], nn.Sigmoid, generator=Generator(0)),
        lambda i, o: nn.MLP([i, 64, 64, 64, 64, o], generator=Generator(0)),
        lambda i, o: nn.MLP([i, 256, o], dropout=0.5),
        lambda i, o: nn.MLP([i, 64, o], bias=False, generator=Generator(0)),
    ],
)
def test_other_healthy_networks_are_no_error_either(build):
    context = trained("digits", build=build, lr=3e-3, epochs=30)
    found = [finding for check in CHECKS for finding in check(context)]
    assert not errors(found)
    assert judge(context, found).code in ("good", "still learning")


@pytest.mark.parametrize("batch_size", [1, 7, 512, 10_000])
def test_batches_of_any_size_are_no_error(batch_size: int):
    context = trained("iris", batch_size=batch_size, lr=0.01, epochs=100)
    assert not errors([finding for check in CHECKS for finding in check(context)])


# ---- the loss -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "end", "words", "bound"),
    [
        ("digits", lambda y: y.softmax(1), "a softmax is applied before the loss's own", "1.461"),
        ("digits", lambda y: y.sigmoid(), "a sigmoid comes before the loss", "1.461"),
        ("moons", lambda y: y.softmax(1), "a softmax is applied before the loss's own", "0.313"),
        ("iris", lambda y: y.softmax(1), "a softmax is applied before the loss's own", "0.551"),
    ],
)
def test_softmax_applied_twice_is_named(name, end, words, bound):
    finding = only(one_batch(context_of(name, build=ending(end))))
    assert (finding.code, finding.level) == ("softmax-twice", "error")
    assert words in finding.sentence
    assert bound in finding.sentence


def test_softmax_in_the_loss_is_named_too():
    class Twice(Classification):
        def loss(self, outputs: Tensor, target: Tensor) -> Tensor:
            return F.cross_entropy(outputs.softmax(1), target)

    digits = context_of("digits")
    task = Twice([str(k) for k in range(10)], digits.train.truth)
    finding = only(one_batch(replace(digits, task=task)))
    assert finding.code == "softmax-twice"
    assert "that is where cross-entropy stops" in finding.sentence


def test_a_score_does_not_hide_a_softmax_applied_twice():
    context = trained("digits", build=ending(lambda y: y.softmax(1)))
    found = one_batch(context)
    assert judge(context).code != "suspicious"
    verdict = judge(context, found)
    assert verdict.code in ("suspicious", "still learning")
    assert any("logits between 0 and 1" in reason for reason in verdict.reasons)
    assert any("cross_entropy takes logits" in advice for advice in verdict.next)


def test_log_softmax_at_the_end_does_no_harm():
    assert (
        only(one_batch(context_of("digits", build=ending(lambda y: F.log_softmax(y, 1))))).level
        == "note"
    )


# ---- no way from the inputs to the loss ---------------------------------------------------------


@pytest.mark.parametrize("end", [lambda y: y.detach(), lambda y: y * 0.0])
@pytest.mark.parametrize("name", ["digits", "moons", "diabetes"])
def test_inputs_that_do_not_reach_the_loss_are_named(name, end):
    finding = only(one_batch(context_of(name, build=ending(end))))
    assert (finding.code, finding.level) == ("no-way-to-the-inputs", "error")
    assert "no gradient reaches the inputs" in finding.sentence
    assert "body.0.weight" in finding.sentence


def test_a_layer_of_dead_units_stands_in_the_way():
    def make(inputs: int, outputs: int) -> nn.Module:
        model = nn.MLP([inputs, 64, 64, outputs], generator=Generator(0))
        nn.init.constant_(model[2].bias, -100.0)
        return model

    finding = only(one_batch(context_of("digits", build=make)))
    assert finding.code == "no-way-to-the-inputs"
    assert "2.weight" in finding.sentence


def test_many_sigmoids_are_stuck_and_their_gradients_fade():
    def make(inputs: int, outputs: int) -> nn.Module:
        return nn.MLP([inputs, *[32] * 12, outputs], nn.Sigmoid, generator=Generator(0))

    context = trained("digits", build=make, lr=1e-3, epochs=10)
    assert only(one_batch(context)).level == "error"
    assert "fading-gradients" in [finding.code for finding in units(context)]
    assert only(blind(context)).level == "error"
    assert judge(context).code in ("underfitting", "nothing to learn")


# ---- initial weights ----------------------------------------------------------------------------


def test_weights_from_a_standard_normal_are_named():
    finding = only(untrained(context_of("digits", build=drawn(standard_normal))))
    assert (finding.code, finding.level) == ("untrained-loss", "error")
    assert finding.statistic > 50
    assert "over-confident" in finding.sentence


def test_weights_from_a_standard_normal_saturate_tanh():
    context = trained("digits", build=drawn(standard_normal, nn.Tanh), lr=1e-3, epochs=20)
    assert {finding.code for finding in units(context)} == {"saturated-units"}
    assert only(untrained(context)).level in ("warning", "error")


def test_he_weights_in_the_last_layer_are_a_warning():
    def he(weight: Tensor) -> Tensor:
        return nn.init.kaiming_normal_(weight, nonlinearity="relu", generator=Generator(1))

    finding = only(untrained(context_of("digits", build=drawn(he))))
    assert (finding.code, finding.level) == ("untrained-loss", "warning")
    assert "sqrt(2 ×" in finding.sentence


def test_a_network_that_was_trained_before_is_noticed():
    context = trained("digits")
    finding = only(untrained(replace(context, build=lambda: context.fit.model)))
    assert finding.level == "warning"
    assert "trained before" in finding.sentence


# ---- the learning rate --------------------------------------------------------------------------


@pytest.mark.parametrize("hidden", [(128,), (64, 64)])
def test_a_learning_rate_too_low_is_named(hidden):
    context = trained("digits", lr=1e-5, hidden=hidden)
    finding = only(rates(context))
    assert (finding.code, finding.level) == ("learning-rate-low", "warning")
    assert "1e-5 is too low" in finding.sentence
    assert judge(context).code == "still learning"


@pytest.mark.parametrize("name", ["digits", "moons", "iris", "breast_cancer", "diabetes"])
def test_a_learning_rate_far_too_low_is_an_error(name):
    context = trained(name, lr=1e-6)
    assert (only(rates(context)).code, only(rates(context)).level) == ("learning-rate-low", "error")
    assert judge(context).code in ("underfitting", "still learning")


def test_a_rate_out_of_all_reason_is_told_one_to_take():
    advice = only(rates(trained("moons", lr=1e-30))).advice
    assert advice.startswith("a learning rate such as ")
    assert 1e-5 < float(advice.rsplit(maxsplit=1)[1]) < 1e-2


@pytest.mark.parametrize("name", RECIPES)
def test_a_learning_rate_too_high_is_named(name):
    context = trained(name, lr=10)
    finding = only(rates(context))
    assert (finding.code, finding.level) == ("learning-rate-high", "error")
    assert "10 is too high" in finding.sentence
    assert judge(context).code in ("underfitting", "diverged")


@pytest.mark.parametrize("name", ["digits", "diabetes"])
def test_a_rate_that_makes_the_loss_infinite_is_named(name):
    context = trained(name, lr=1e25)
    assert context.fit.status == "diverged"
    finding = only(rates(context))
    assert (finding.code, finding.level) == ("learning-rate-high", "error")
    assert "the loss became infinite or NaN" in finding.sentence
    verdict = judge(context, [finding, *units(context)])
    assert verdict.code == "diverged"
    assert "a learning rate such as 0.001" in verdict.next


@pytest.mark.parametrize("hidden", [(128,), (64, 64)])
def test_units_that_a_high_rate_kills_are_named(hidden):
    context = trained("digits", lr=0.1, hidden=hidden)
    dead = [finding for finding in units(context) if finding.code == "dead-units"]
    assert dead[0].level == "error"
    assert dead[0].statistic > 0.8
    assert dead[0].n == 1078
    assert only(rates(context)).code == "learning-rate-high"
    verdict = judge(context)
    assert verdict.code == "underfitting"
    assert "give 0 on all of" in verdict.headline


@pytest.mark.parametrize("name", ["digits", "moons", "iris", "breast_cancer"])
def test_usual_learning_rates_are_not_blamed(name):
    for lr in (1e-4, 1e-3, 1e-2):
        assert only(rates(trained(name, lr=lr, epochs=20))).code == "learning-rate"


def test_a_learning_rate_can_be_judged_before_training():
    assert only(rates(context_of("digits"))).code == "learning-rate"
    assert only(rates(context_of("digits", lr=1.0))).code == "learning-rate-high"


# ---- rows that see each other -------------------------------------------------------------------


def without_mean(y: Tensor) -> Tensor:
    return y - y.mean(0, keepdims=True)


class OnlyInTraining(nn.Module):
    """Subtracts the batch's mean while it trains."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.body = nn.MLP([inputs, 16, outputs], generator=Generator(0))

    def forward(self, x: Tensor) -> Tensor:
        y = self.body(x)
        return without_mean(y) if self.training else y


class BehindTheTape(OnlyInTraining):
    """Adds the batch's mean as a constant: no gradient tells."""

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x) + tensor(self.body(x).numpy().mean(axis=0, keepdims=True))


@pytest.mark.parametrize(
    ("build", "modes"),
    [
        (ending(without_mean), "training and evaluation modes"),
        (ending(lambda y: y.softmax(0)), "training and evaluation modes"),
        (OnlyInTraining, "training mode"),
        (BehindTheTape, "training and evaluation modes"),
    ],
)
def test_rows_that_see_each_other_are_named(build, modes):
    finding = only(mixing(context_of("digits", build=build)))
    assert (finding.code, finding.level) == ("mixing", "error")
    assert f"in {modes} " in finding.sentence


def test_dropout_is_not_taken_for_mixing():
    def make(inputs: int, outputs: int) -> nn.Module:
        return nn.MLP([inputs, 64, 64, outputs], dropout=0.5)

    context = context_of("digits", build=make)
    assert [finding.statistic for finding in mixing(context)] == [0.0]
    assert only(one_batch(context)).level == "note"


# ---- labels without sense -----------------------------------------------------------------------


def senseless(name: str, seed: int) -> None:
    context = trained(name, seed, shuffled=True)
    for each in (context, replace(context, candidates=candidates_of(context))):
        verdict = judge(each)
        assert verdict.code == "nothing to learn", (name, seed, verdict)
        assert "generalises" not in verdict.headline


@pytest.mark.parametrize("name", RECIPES)
def test_shuffled_labels_are_nothing_to_learn(name: str):
    senseless(name, 0)


@pytest.mark.parametrize("patience", [5, None])
def test_shuffled_digits_are_nothing_to_learn_however_long(patience):
    context = trained("digits", shuffled=True, patience=patience, epochs=40)
    assert only(blind(context)).level == "error"
    assert judge(context).code == "nothing to learn"


@pytest.mark.long
@pytest.mark.parametrize("name", RECIPES)
def test_shuffled_labels_are_nothing_to_learn_with_many_seeds(name: str):
    said = [judge(trained(name, seed, shuffled=True)).code for seed in range(40)]
    assert said.count("nothing to learn") >= 39  # chance: 0.6 % for each model


def test_the_healthy_context_of_these_tests_goes_beyond_the_patience():
    fit = trained("digits", patience=5).fit
    assert fit.best > 5
    assert fit.status == "early"


def test_labels_moved_by_one_row_are_caught():
    """A join that slips by one row: the classic of rows and labels that part."""
    digits = context_of("digits")
    slipped = replace(digits.train, target=np.roll(digits.train.target, 1))
    assert only(blind(replace(digits, train=slipped))).level == "error"
