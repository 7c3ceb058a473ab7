"""Each fault that a watch speaks of, in a network that really has it; and what it must not do:
change a bit of the run, stay behind, or cry where nothing is wrong.
"""

import threading
from typing import Any

import numpy as np
import pytest

import backlit as bl
import backlit.nn.functional as F
from backlit import nn, optim
from backlit.engine import NonFiniteLossError, Replay, Tensor
from backlit.engine.programs.epochs import Epochs
from backlit.study import LIMITS, Finding, Watch

from .tables import digits

X, Y = digits()
WAYS = ["eager", "replayed", "run"]


def a_step(model, optimizer, clear=True):
    def step(x, y):
        loss = F.cross_entropy(model(x), y)
        if clear:
            optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return step


def train(step, way, epochs=6, data=(X, Y), size=32):
    """The same training as a loop, as calls of a replayed step, or as one native run."""
    generator = bl.Generator(0)
    if way == "run":
        bl.replay(step).run(
            *data, batch_size=size, epochs=epochs, shuffle=True, generator=generator
        )
        return
    step = bl.replay(step) if way == "replayed" else step
    for _ in range(epochs):
        for batch in nn.batches(*data, batch_size=size, shuffle=True, generator=generator):
            step(*batch)


def watched(model, optimizer, way="eager", clear=True, **how) -> Watch:
    with bl.watch(model, optimizer) as seen:
        train(a_step(model, optimizer, clear), way, **how)
    return seen


def found(seen: Watch, code: str) -> Finding:
    """The finding of that code; the report names it, and each number is one."""
    matching = [finding for finding in seen.findings if finding.code == code]
    assert len(matching) == 1, str(seen)
    assert code in str(seen)
    assert matching[0].n >= 1
    assert matching[0].source
    assert matching[0].advice
    return matching[0]


def codes(seen: Watch) -> set[str]:
    return {finding.code for finding in seen.findings}


def mlp(*sizes: int, seed: int = 0, activation: Any = nn.ReLU):
    return nn.MLP(sizes, activation=activation, generator=bl.Generator(seed))


def standard_normal(model):
    for p in model.parameters():
        nn.init.normal_(p, 0, 1, bl.Generator(p.size))
    return model


# ---- faults --------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
def test_dead_units_by_adam_at_a_tenth(way):
    model = mlp(64, 64, 64, 10)
    seen = watched(model, optim.Adam(model.parameters(), lr=0.1), way)
    finding = found(seen, "dead-units")
    assert finding.statistic > 0.4
    assert finding.threshold == LIMITS["dead_error"].value
    assert finding.n >= 1000
    assert "layer 2" in finding.sentence
    with bl.no_grad():
        hidden = model[:4](bl.tensor(X)).numpy()
    assert abs((hidden == 0).all(0).mean() - finding.statistic) < 0.1
    assert found(seen, "update-leap").statistic > 1


def test_a_layer_that_is_dead_from_the_start():
    model = mlp(64, 64, 10)
    with bl.no_grad():
        model[0].bias.fill_(-50.0)
    seen = watched(model, optim.SGD(model.parameters(), lr=0.1), epochs=2)
    finding = found(seen, "dead-units")
    assert (finding.level, finding.statistic) == ("error", 1.0)
    assert "64 did" in finding.sentence
    zero = found(seen, "no-gradient")
    assert "0.weight" in zero.sentence
    assert "2.weight" in zero.sentence
    assert "exactly 0" in zero.sentence


@pytest.mark.parametrize("way", WAYS)
def test_units_saturated_by_standard_normal_weights(way):
    model = standard_normal(mlp(64, 64, 64, 10, activation=nn.Tanh))
    seen = watched(model, optim.SGD(model.parameters(), lr=0.1), way)
    finding = [f for f in seen.findings if f.code == "saturated-units"]
    assert [f.level for f in finding] == ["warning", "warning"]
    assert all(f.statistic > 0.5 and f.n >= 1000 for f in finding)
    sigmoid = standard_normal(mlp(64, 64, 10, activation=nn.Sigmoid))
    seen = watched(sigmoid, optim.SGD(sigmoid.parameters(), lr=0.1), way)
    assert found(seen, "saturated-units").statistic > 0.5


def test_gradients_that_explode_by_standard_normal_weights():
    model = standard_normal(mlp(64, 64, 64, 64, 64, 64, 64, 10))
    seen = watched(model, optim.SGD(model.parameters(), lr=1e-12), epochs=1)
    assert found(seen, "exploding-gradients").statistic > 100


@pytest.mark.parametrize("way", WAYS)
def test_gradients_that_fade_on_their_way_through_sigmoids(way):
    model = mlp(64, *[32] * 8, 10, activation=nn.Sigmoid)
    seen = watched(model, optim.SGD(model.parameters(), lr=0.1), way)
    finding = found(seen, "fading-gradients")
    assert finding.statistic < 1e-3
    assert "0.weight" in finding.sentence


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("optimizer", [optim.Adam, optim.SGD])
def test_a_learning_rate_too_small(optimizer, way):
    model = mlp(64, 64, 64, 10)
    seen = watched(model, optimizer(model.parameters(), lr=1e-5), way)
    assert codes(seen) == {"update-low"}
    assert found(seen, "update-low").statistic < 1e-4


@pytest.mark.parametrize("way", WAYS)
def test_a_learning_rate_of_ten(way):
    model = mlp(64, 64, 64, 10)
    seen = watched(model, optim.SGD(model.parameters(), lr=10.0), way)
    assert found(seen, "update-leap").statistic > 0.5
    assert found(seen, "vanishing-gradients").level == "error"
    assert found(seen, "dead-units").level == "error"


def test_updates_that_stay_large():
    """Labels by the dice and a learning rate to match: the weights never settle."""
    model = mlp(64, 64, 10, activation=nn.Tanh)
    labels = np.random.default_rng(0).integers(0, 10, len(X))
    step = optim.SGD(model.parameters(), lr=0.5, momentum=0.9)
    seen = watched(model, step, data=(X, labels), epochs=8)
    assert found(seen, "update-high").statistic > 1e-2


@pytest.mark.parametrize("way", WAYS)
def test_a_forgotten_zero_grad(way):
    model = mlp(64, 32, 10)
    seen = watched(model, optim.SGD(model.parameters(), lr=1e-3), way, clear=False)
    finding = found(seen, "gradients-not-cleared")
    assert finding.level == "error"
    assert "zero_grad" in finding.advice


def test_a_forgotten_zero_grad_where_only_the_head_trains():
    model = mlp(64, 4, 10)  # the smallest parameter is one that nobody updates
    optimizer = optim.SGD(model[2].parameters(), lr=1e-3)
    assert found(watched(model, optimizer, clear=False), "gradients-not-cleared")


def test_a_frozen_layer_is_noted():
    model = mlp(64, 32, 10)
    model[0].requires_grad_(False)
    seen = watched(model, optim.Adam(model.parameters()), epochs=2)
    finding = found(seen, "frozen")
    assert finding.level == "note"
    assert "0.weight and 0.bias do not train" in finding.sentence
    assert codes(seen) == {"frozen"}


class Cut(nn.Module):
    """A layer whose result is detached, and one that is never called."""

    def __init__(self):
        super().__init__()
        self.body = nn.Linear(64, 32)
        self.spare = nn.Linear(32, 32)
        self.head = nn.Linear(32, 10)

    def forward(self, x):
        return self.head(self.body(x).relu().detach())


@pytest.mark.parametrize("way", WAYS)
def test_parameters_that_never_get_a_gradient(way):
    model = Cut()
    seen = watched(model, optim.Adam(model.parameters()), way, epochs=2)
    finding = found(seen, "no-gradient")
    assert finding.level == "error"
    for name in ("body.weight", "body.bias", "spare.weight", "spare.bias"):
        assert name in finding.sentence
    assert "head" not in finding.sentence


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("told", [True, False])
def test_parameters_that_no_optimizer_knows(way, told):
    model = mlp(64, 32, 10)
    optimizer = optim.Adam(model[2].parameters())
    with bl.watch(model, optimizer if told else None) as seen:
        train(a_step(model, optimizer), way, epochs=2)
    finding = found(seen, "not-optimized")
    assert finding.level == "warning"
    assert "0.weight and 0.bias" in finding.sentence
    assert "2." not in finding.sentence


class LogOfProbability(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Linear(64, 10, generator=bl.Generator(0))

    def forward(self, x):
        return (self.body(x) * 300.0).softmax(1).log()


@pytest.mark.parametrize("way", WAYS)
def test_the_birth_of_an_infinity_is_named(way):
    model = nn.Sequential(LogOfProbability())
    optimizer = optim.SGD(model.parameters(), lr=1e-3)

    def step(x, t):
        loss = -(model(x) * t).sum(1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    seen = bl.watch(model, optimizer)
    one_hot = np.eye(10, dtype=np.float32)[Y]
    with bl.trace(), seen:
        if way == "run":
            with pytest.raises(NonFiniteLossError):
                train(step, way, 2, (X, one_hot))
        else:
            train(step, way, 2, (X, one_hot))
    finding = found(seen, "nan")
    assert finding.level == "error"
    assert "log in module 0 made -inf" in finding.sentence
    assert "test_watch.py" in finding.sentence
    assert "return (self.body(x) * 300.0).softmax(1).log()" in finding.sentence
    assert "log_softmax" in finding.advice


@pytest.mark.parametrize("calm", [3, 120])  # the second is long enough to be merely counted
def test_a_replayed_step_goes_on_as_it_would_have(calm):
    """A loss that is not finite is looked into before the update, which then happens as ever."""

    def run(watching):
        model = nn.Sequential(LogOfProbability())
        optimizer = optim.SGD(model.parameters(), lr=1e-9)

        @bl.replay
        def step(x, scale):
            loss = (model(x * scale)).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            return loss

        batch = bl.tensor(X[:32] * 1e-3)
        scales = [*[1.0] * calm, 1e4, 1.0]
        if not watching:
            return [step(batch, bl.tensor(s)).item() for s in scales], None
        with bl.watch(model, optimizer) as seen:
            return [step(batch, bl.tensor(s)).item() for s in scales], seen

    (plain, _), (told, seen) = run(False), run(True)
    np.testing.assert_array_equal(plain, told)
    assert np.isfinite(plain[:calm]).all()
    assert not np.isfinite(plain[calm:]).any()
    assert seen is not None
    assert seen.records.steps == len(plain)
    assert seen.records.births[0][0] == calm + 1
    assert "log in module 0 made -inf" in found(seen, "nan").sentence


def test_after_the_block_a_step_stops_at_nothing():
    """While it is merely counted, a step is told to stop before an update by a loss of NaN."""
    model = mlp(64, 8, 10)
    optimizer = optim.SGD(model.parameters(), lr=0.01)
    step = bl.replay(a_step(model, optimizer))
    x, y = bl.tensor(X[:32]), bl.tensor(Y[:32])
    with bl.watch(model, optimizer) as seen:
        for _ in range(100):
            step(x, y)
        assert step.quick is not None
        assert step.quick in seen._observer._alone
        assert step.quick.program.guarded[0] == 1
    assert step.last is not None
    assert step.last.program.guarded[0] == 0
    assert step.last.countdown == 0
    assert seen.records.steps == 100
    assert np.isnan(step(bl.tensor(X[:32] * np.nan), y).item())
    assert np.isnan(model[0].weight.numpy()).all()


@pytest.mark.parametrize("every", [None, 7])
def test_every_call_is_counted(every):
    """Two steps in turns, batches of two sizes, a run between, also while they are left alone."""
    model = mlp(64, 8, 10)
    optimizer = optim.SGD(model.parameters(), lr=0.01)
    first, second = (bl.replay(a_step(model, optimizer), verify_every=every) for _ in range(2))
    other = bl.replay(lambda x: (x * x).sum())  # ready before the block
    wide, small = ((bl.tensor(X[:n]), bl.tensor(Y[:n])) for n in (32, 16))
    for _ in range(3):
        other(wide[0])
    with bl.watch(model, optimizer) as seen:
        for k in range(900):
            (first if k % 3 else second)(*(small if k % 10 == 9 else wide))
            if k % 300 == 7:
                other(wide[0])
            if k == 450:
                first.run(X[:320], Y[:320], batch_size=32, epochs=2)
                assert seen.report()
        alone = {step() for step, _ in seen._observer._alone.values()} & {first, second}
    assert seen.records.steps == 900 + 20 + 3
    assert alone == (set() if every else {first, second})  # one that is verified never is
    numbers = [look.step for look in seen.records.looks]
    assert numbers == sorted(set(numbers))
    for step in (first, second, other):
        for _ in range(5):
            step(*wide[: 1 if step is other else 2])
    assert seen.records.steps == 923


def test_looks_come_when_they_are_due_though_steps_are_left_alone():
    """They are at the numbers that grow by a quarter, or earlier where time has paid for one."""
    model = mlp(64, 8, 10)
    optimizer = optim.SGD(model.parameters(), lr=0.01)
    step = bl.replay(a_step(model, optimizer))
    x, y = bl.tensor(X[:32]), bl.tensor(Y[:32])
    with bl.watch(model, optimizer) as seen:
        for _ in range(3000):
            step(x, y)
    due, number = set(), 1
    while number <= 3000:
        due.add(number)
        number += max(1, number // 4)
    assert due <= {look.step for look in seen.records.looks}


def test_a_gradient_that_is_not_finite():
    w = nn.Parameter(np.array([[0.0, 1.0]], np.float32))
    model = nn.Module()
    model.weight = w
    with bl.watch(model) as seen:
        (w.sqrt()).sum().backward()
    finding = found(seen, "nan")
    assert "the gradient of weight was not finite in step 1" in finding.sentence
    assert "find_nan" in finding.advice


# ---- what is no fault ----------------------------------------------------------------------------


def test_accumulating_gradients_is_no_fault():
    model = mlp(64, 32, 10)
    optimizer = optim.Adam(model.parameters())
    with bl.watch(model, optimizer) as seen:
        for k, (x, y) in enumerate(nn.batches(X, Y, batch_size=32)):
            F.cross_entropy(model(x), y).backward()
            if k % 4 == 3:
                optimizer.step()
                optimizer.zero_grad(set_to_none=k % 8 == 3)
    assert not seen.findings, str(seen)
    assert seen.records.updates == 14


def test_another_loss_that_reaches_the_model_is_no_fault():
    """Two players: the second's loss leaves gradients in the first, which clears them in time."""
    first, second = mlp(8, 16, 1), mlp(8, 8)
    optimizers = [optim.SGD(m.parameters(), lr=0.01) for m in (first, second)]
    x = bl.tensor(X[:32, 20:28])
    with bl.watch(first, optimizers[0]) as seen:
        for _ in range(50):
            for optimizer, loss in zip(
                optimizers, (lambda: first(x).square().mean(), lambda: first(second(x)).mean()),
                strict=True,
            ):  # fmt: skip
                optimizer.zero_grad()
                loss().backward()
                optimizer.step()
    assert "gradients-not-cleared" not in codes(seen), str(seen)


def test_a_loop_by_hand_without_any_optimizer():
    model = mlp(64, 32, 10)
    with bl.watch(model) as seen:
        for x, y in nn.batches(X, Y, batch_size=32):
            model.zero_grad()
            F.cross_entropy(model(x), y).backward()
            with bl.no_grad():
                for p in model.parameters():
                    p -= p.grad * 0.05  # type: ignore[operator]
    assert not seen.findings, str(seen)
    assert all(look.sizes["0.weight"].update for look in seen.records.looks)


def test_updates_are_measured_as_they_were():
    """By hand: lr times the gradient is the update."""
    model = mlp(4, 8, 2)
    x, y = bl.tensor(X[:64, 20:24]), bl.tensor(Y[:64] % 2)
    wanted = []
    with bl.watch(model) as seen:
        for _ in range(8):
            model.zero_grad()
            F.cross_entropy(model(x), y).backward()
            w = model[0].weight
            g = w.grad.numpy().astype(np.float64)
            norm = np.linalg.norm(w.numpy().astype(np.float64))
            wanted.append((np.linalg.norm(g) / norm, 0.1 * g.std() / w.numpy().std()))
            with bl.no_grad():
                for p in model.parameters():
                    p -= p.grad * 0.1  # type: ignore[operator]
    assert [look.step for look in seen.records.looks[:2]] == [1, 2]
    for look in seen.records.looks:
        size: Any = look.sizes["0.weight"]
        gradient, update = wanted[look.step - 1]
        assert size.gradient / size.weight == pytest.approx(gradient, rel=1e-4)
        assert size.update == pytest.approx(update, rel=1e-3)


# ---- what it must not do -------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
def test_not_a_bit_of_the_run_changes(way):
    def run(watching):
        bl.manual_seed(5)
        model = nn.MLP([64, 32, 10], dropout=0.3)
        optimizer = optim.Adam(model.parameters(), lr=0.003)
        step = a_step(model, optimizer)
        if watching:
            with bl.watch(model, optimizer) as seen:
                train(step, way, epochs=3)
            assert seen.records.units
            assert model.training
            assert all(module.training for module in model.modules())
        else:
            train(step, way, epochs=3)
        return [p.numpy().tobytes() for p in model.parameters()]

    assert run(True) == run(False)


def hooks():
    return [
        Tensor.__dict__["backward"], nn.Module.__dict__["__call__"], Replay.__dict__["__call__"],
        Epochs.__dict__["_some"], "__call__" in nn.MLP.__dict__,
    ]  # fmt: skip


def test_nothing_stays_behind():
    before = hooks()
    model = mlp(64, 32, 10)
    optimizer = optim.Adam(model.parameters())
    watched(model, optimizer, epochs=1)
    assert hooks() == before
    seen = bl.watch(model)
    with pytest.raises(KeyboardInterrupt), seen:
        raise KeyboardInterrupt
    assert hooks() == before
    assert "no step was seen" in str(seen)


def test_two_watches_and_one_that_is_opened_twice():
    one, two = mlp(64, 32, 10), mlp(64, 16, 10)
    optimizer = optim.SGD([*one.parameters(), *two.parameters()], lr=0.05)
    with bl.watch(one, optimizer) as first:
        with bl.watch(two, optimizer) as second:
            for x, y in nn.batches(X, Y, batch_size=64):
                optimizer.zero_grad()
                (F.cross_entropy(one(x), y) + F.cross_entropy(two(x), y)).backward()
                optimizer.step()
        with pytest.raises(RuntimeError, match="open already"), first:
            pass
    assert first.records.steps == second.records.steps == 29
    assert [u.dead.size for u in first.records.units] == [32]
    assert [u.dead.size for u in second.records.units] == [16]
    assert not first.findings
    assert not second.findings
    with first:  # another stretch of the same run adds to what was seen
        pass
    assert first.records.steps == 29


def test_a_watch_hears_its_own_thread_alone():
    model = mlp(64, 32, 10)
    optimizer = optim.Adam(model.parameters())
    other = mlp(64, 32, 10)
    thread = threading.Thread(
        target=lambda: train(a_step(other, optim.Adam(other.parameters())), "eager", 2)
    )
    with bl.watch(model, optimizer) as seen:
        thread.start()
        train(a_step(model, optimizer), "eager", 1)
        thread.join()
    assert seen.records.steps == 57


def test_a_forward_that_fails_when_it_is_looked_at_costs_the_units_alone():
    class Moody(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = mlp(64, 32, 10)

        def forward(self, x):
            if not self.training:
                raise ValueError("only for\x1b[31m training")
            return self.inner(x)

    model = Moody()
    seen = watched(model, optim.Adam(model.parameters()), epochs=1)
    assert "activations were not seen: ValueError: only for" in str(seen)
    assert "\x1b" not in str(seen)
    assert model.training
    assert model.inner.training


def test_activations_by_function_in_a_model_of_the_users_own():
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(64, 32), nn.Linear(32, 10)
            with bl.no_grad():
                self.a.bias -= 100.0  # type: ignore[operator]

        def forward(self, x, *, scale):
            return self.b((self.a(x) * scale).relu())

    model = Own()
    with bl.watch(model) as seen:
        for x, y in nn.batches(X, Y, batch_size=32):
            F.cross_entropy(model(x, scale=2.0), y).backward()
    (units,) = seen.records.units
    assert (units.kind, units.dead.size, units.rows >= 1000) == ("relu", 32, True)
    assert found(seen, "dead-units").statistic == 1.0


def test_too_few_rows_are_no_judgement():
    model = mlp(64, 64, 10)
    with bl.no_grad():
        model[0].bias.fill_(-50.0)
    with bl.watch(model) as seen:
        F.cross_entropy(model(bl.tensor(X[:20])), bl.tensor(Y[:20])).backward()
    assert "64 of 64 units dead on 20 rows" in str(seen)
    assert not seen.findings


def test_a_step_recorded_before_the_watch_is_seen_all_the_same():
    model = mlp(64, 32, 10)
    optimizer = optim.SGD(model.parameters(), lr=1e-3)
    step = bl.replay(a_step(model, optimizer, clear=False))
    batches = list(nn.batches(X, Y, batch_size=64, drop_last=True))
    for batch in batches:
        step(*batch)
    with bl.watch(model, optimizer) as seen:
        for batch in batches:
            step(*batch)
    assert found(seen, "gradients-not-cleared")
    assert [u.rows >= 1000 for u in seen.records.units] == [True]


# ---- what one gives it ---------------------------------------------------------------------------


def test_limits_can_be_others():
    model = mlp(64, 32, 10)
    optimizer = optim.Adam(model.parameters())
    with bl.watch(model, optimizer, limits={"update_leap": 1e-3}) as seen:
        train(a_step(model, optimizer), "eager", 1)
    finding = found(seen, "update-leap")
    assert (finding.threshold, finding.source) == (1e-3, "given")
    with pytest.raises(ValueError, match="did you mean 'update_leap'"):
        bl.watch(model, limits={"update_leaps": 1})
    for wrong in (-1, float("nan"), True, "much"):
        with pytest.raises(ValueError, match="a number of at least 0"):
            bl.watch(model, limits={"update_leap": wrong})  # type: ignore[dict-item]


def test_wrong_arguments_are_told():
    model = mlp(2, 2)
    with pytest.raises(TypeError, match="a Module, not list"):
        bl.watch([model])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="the optimizer is a generator"):
        bl.watch(model, model.parameters())  # type: ignore[arg-type]


def test_the_table_of_limits_is_complete():
    for limit in LIMITS.values():
        assert limit.value > 0
        assert limit.bounds
        assert limit.source


def test_a_model_without_parameters_and_odd_ones():
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.empty = nn.Parameter(np.zeros((0, 3), np.float32))
            self.one = nn.Parameter(np.zeros((), np.float32))
            self.double = nn.Parameter(np.ones((2, 2)), dtype="float64")

        def forward(self, x):
            return self.one * x + self.double.sum().astype("float32") + self.empty.sum()

    model = Odd()
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    with bl.watch(model, optimizer) as seen:
        for _ in range(5):
            optimizer.zero_grad()
            (model(bl.tensor([1.0])) ** 2).sum().backward()
            optimizer.step()
    assert seen.records.steps == 5
    assert "double" in str(seen)
    with bl.watch(nn.ReLU()) as seen:
        bl.tensor([1.0], requires_grad=True).sum().backward()
    assert not seen.findings
    assert str(seen)


def test_looks_are_bounded_in_number():
    model = nn.Module()
    w = model.w = nn.Parameter(np.ones((2, 2), np.float32))
    with bl.watch(model) as seen:
        seen._observer.pace.due = lambda step: True  # type: ignore[method-assign]
        for _ in range(2000):
            model.zero_grad()
            (w * w).sum().backward()
    steps = [look.step for look in seen.records.looks]
    assert len(steps) <= 512
    assert steps == sorted(set(steps))
    assert steps[0] == 1
    assert steps[-1] == 2000
