"""Replay: a program's results are those of an eager run, bit for bit; what it cannot see is an
error or a new recording, never a stale result.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import backlit.nn.functional as F
from backlit import nn, optim
from backlit.engine import (
    ClassIndexError,
    Replay,
    ReplayError,
    Tensor,
    apply,
    gradients,
    manual_seed,
    registry,
    replay,
    tensor,
    where,
)

from .test_registry import COMPUTED, DRAWS, as_tensor, drawn


def problem(dtype: str = "float32", sizes: tuple[int, ...] = (4, 8, 3), **options: Any):
    """A model, its optimizer and a training step; the same at each call."""
    generator = nn_generator()
    model = nn.MLP(list(sizes), generator=generator, dtype=np.dtype(dtype))
    opt = options.pop("optimizer", optim.Adam)(model.parameters(), lr=1e-2, **options)

    def step(x: Tensor, y: Tensor) -> Any:
        logits = model(x)
        loss = F.cross_entropy(logits, y)
        opt.zero_grad()
        loss.backward()
        opt.step()
        return loss, (logits.argmax(1) == y).astype("float32").mean()

    return model, opt, step


def nn_generator():
    from backlit.engine import Generator

    return Generator(7)


def data(dtype: str = "float32", n: int = 10, seed: int = 0) -> tuple[Tensor, Tensor]:
    rng = np.random.default_rng(seed)
    return tensor(rng.standard_normal((n, 4)), dtype=dtype), tensor(rng.integers(0, 3, n))


def same(a: nn.Module, b: nn.Module) -> None:
    for p, q in zip(a.parameters(), b.parameters(), strict=True):
        assert p.numpy().tobytes() == q.numpy().tobytes()
        assert (p.grad is None) == (q.grad is None)
        if p.grad is not None and q.grad is not None:
            assert p.grad.numpy().tobytes() == q.grad.numpy().tobytes()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("optimizer", "options"),
    [(optim.Adam, {}), (optim.AdamW, {}), (optim.SGD, {}), (optim.SGD, {"momentum": 0.9})],
)
def test_fifty_training_steps_are_those_of_eager(dtype: str, optimizer: Any, options: Any):
    eager, _, plain = problem(dtype, optimizer=optimizer, **options)
    played, _, step = problem(dtype, optimizer=optimizer, **options)
    step = replay(step)
    for k in range(50):
        x, y = data(dtype, seed=k)
        wanted, found = plain(x, y), step(x, y)
        assert [t.item() for t in wanted] == [t.item() for t in found]
    same(eager, played)
    assert step.program is not None


@pytest.mark.parametrize("name", [name for name in COMPUTED if name not in DRAWS])
def test_every_op_is_replayed_on_new_numbers(name: str):
    record = registry[name]
    step = replay(lambda *xs: apply(record, *xs, **params))
    for seed in range(4):
        operands, params = drawn(record, seed)
        inputs = [as_tensor(x, np.dtype(np.float32)) for x in operands]
        found = step(*inputs)
        wanted = apply(record, *inputs, **params)
        assert found.numpy().tobytes() == wanted.numpy().tobytes()


def test_dropout_draws_the_stream_of_an_eager_loop():
    found = []
    for wrap in (lambda f: f, replay):
        manual_seed(3)
        layer = nn.Dropout(0.5)
        step = wrap(lambda x, layer=layer: layer(x))
        found.append([step(tensor(np.ones(50))).tolist() for _ in range(6)])
    assert found[0] == found[1]
    assert found[1][4] != found[1][5]


def test_manual_seed_between_calls_is_seen():
    step = replay(lambda x: nn.Dropout(0.5)(x))
    for _ in range(3):
        manual_seed(5)
        first = step(tensor(np.ones(50))).tolist()
        manual_seed(5)
        assert step(tensor(np.ones(50))).tolist() == first


def test_a_learning_rate_that_changes_takes_effect():
    eager, one, plain = problem()
    played, two, step = problem()
    step = replay(step)
    x, y = data()
    for k in range(8):
        for opt in (one, two):
            opt.param_groups[0]["lr"] = 0.01 * (k + 1)
        plain(x, y)
        step(x, y)
    same(eager, played)


def test_switches_and_loads_between_calls_are_seen():
    eager, one, plain = problem()
    played, two, step = problem()
    step = replay(step)
    x, y = data()
    saved = eager.state_dict()
    moments: Any = None
    for k in range(12):
        if k == 4:
            moments = one.state_dict(), two.state_dict()
        if k == 6:
            eager.load_state_dict(saved)
            played.load_state_dict(saved)
            one.load_state_dict(moments[0])
            two.load_state_dict(moments[1])
        if k == 9:
            for model in (eager, played):
                next(model.parameters()).requires_grad_(False)
        assert plain(x, y)[0].item() == step(x, y)[0].item()
    same(eager, played)


def test_training_and_use_have_programs_of_their_own():
    model = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5))
    calls = []

    @replay
    def forward(x: Tensor) -> Tensor:
        calls.append(model.training)
        return model(x)

    x, _ = data()
    for _ in range(3):
        for mode in (True, False):
            model.train(mode)
            out = [forward(x).tolist() for _ in range(3)]
            assert (out[1] == out[2]) is not mode
    assert len(calls) == 4  # two of each, however often it is switched


def test_gradients_that_are_kept_are_added_to():
    eager, played = (
        nn.Linear(4, 3, generator=nn_generator()),
        nn.Linear(4, 3, generator=nn_generator()),
    )

    def backward_of(model: nn.Module) -> Any:
        return lambda x, y: F.cross_entropy(model(x), y).backward()

    plain, step = backward_of(eager), replay(backward_of(played))
    x, y = data()
    for k in range(12):
        plain(x, y)
        step(x, y)
        same(eager, played)
        if k % 4 == 3:
            eager.zero_grad()
            played.zero_grad()


def test_other_shapes_and_structures():
    step = replay(lambda pair, scale, flag: {"sum": (pair[0] + pair[1]) * scale, "flag": flag})
    for n in (3, 5, 3, 5, 3, 5):
        for flag in (True, False):
            a, b = np.arange(n, dtype=np.float32), np.ones(n, np.float32)
            out = step((a, tensor(b)), tensor(2.0), flag)
            assert out["flag"] is flag
            assert out["sum"].tolist() == ((a + b) * 2).tolist()


def test_second_derivatives():
    def curvature(x: Tensor, v: Tensor) -> Tensor:
        x.requires_grad_()
        (g,) = gradients((x**3).sum(), x, create_graph=True)
        (hv,) = gradients((g * v).sum(), x)
        assert hv is not None
        return hv

    step = replay(curvature)
    for k in range(4):
        x = np.array([1.0, 2.0 + k], np.float32)
        assert step(x, np.array([1.0, 2.0], np.float32)).tolist() == [6, 12 * (2 + k)]


def test_results_are_fresh():
    step = replay(lambda x: x * 2)
    kept = [step(tensor([float(k)])) for k in range(5)]
    assert [t.item() for t in kept] == [0, 2, 4, 6, 8]


@pytest.mark.parametrize(
    "read", [lambda t: t.item(), bool, float, lambda t: t.tolist(), lambda t: t.numpy()]
)
def test_reading_a_value_while_recording_is_an_error(read: Any):
    step = replay(lambda x: (read((x * x).sum()), x)[1])
    with pytest.raises(ReplayError, match="while a step is recorded"):
        step(tensor([1.0]))
    assert tensor([2.0]).item() == 2  # the recording left no trace


def test_a_mask_or_a_copy_made_from_an_argument_is_an_error():
    """Equal in the first calls, it would be a constant of the program ever after."""
    x = tensor([1.0, 2.0])
    for step in (lambda x, k: x[k > 0], lambda x, k: x + tensor(k)):
        with pytest.raises(ReplayError, match="while a step is recorded"):
            replay(step)(x, tensor([0, 1]))


def test_a_tensor_of_indices_is_an_operand():
    table = tensor(np.arange(12.0).reshape(4, 3), requires_grad=True)

    def step(k: Tensor) -> Any:
        table.grad = None
        picked = table[k, 1:]
        (picked * picked).sum().backward()
        return picked, table.grad

    played = replay(step)
    for seed in range(6):
        k = tensor(np.random.default_rng(seed).integers(-4, 4, 5))
        for one, other in zip(step(k), played(k), strict=True):
            np.testing.assert_array_equal(one.numpy(), other.numpy())
    with pytest.raises(ClassIndexError, match="out of bounds"):
        played(tensor([0, 1, 2, 3, 4]))


def test_numbers_that_python_makes_anew_are_an_error():
    rng = np.random.default_rng(0)
    step = replay(lambda x: x + rng.standard_normal(3))
    with pytest.raises(ReplayError, match="made by Python"):
        [step(tensor([1.0, 2.0, 3.0])) for _ in range(8)]


def test_a_function_that_does_something_else_each_time_is_an_error():
    counter = iter(range(100))
    step = replay(lambda x: x * x if next(counter) % 2 else x + x)
    with pytest.raises(ReplayError, match="op 0 was"):
        [step(tensor([1.0])) for _ in range(8)]


def test_an_error_while_recording_leaves_no_trace():
    def step(x: Tensor) -> Tensor:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        replay(step)(tensor([1.0]))
    assert replay(lambda x: x + 1)(tensor([1.0])).item() == 2


def test_an_error_in_a_program_is_the_ops_own():
    step = replay(lambda x, y: F.cross_entropy(x, y))
    x, y = data()
    x = tensor(x.numpy()[:, :3])
    for _ in range(3):
        step(x, y)
    with pytest.raises(ClassIndexError, match="row 2 has class 9"):
        step(x, tensor([0, 1, 9, *[0] * 7]))
    assert step(x, y).item() == F.cross_entropy(x, y).item()


def test_choices_by_where_and_nested_replays():
    inner = replay(lambda x: where(x > 0, x, -x))
    outer = replay(lambda x: inner(x) + 1)
    for k in range(4):
        assert outer(tensor([-1.0 - k, 2.0])).tolist() == [2 + k, 3]


def test_clipping_is_a_part_of_the_program():
    found = []
    for use in (lambda f: f, replay):
        model, opt, _ = problem()

        def step(x: Tensor, y: Tensor, model: Any = model, opt: Any = opt) -> Any:
            loss = F.cross_entropy(model(x) * 50, y)
            opt.zero_grad()
            loss.backward()
            norm = optim.clip_grad_norm_(model.parameters(), 0.5)
            opt.step()
            return loss, norm

        step = use(step)
        norms = [step(*data(seed=k))[1].item() for k in range(8)]
        found.append((model, norms))
    assert isinstance(step, Replay)
    assert step.program is not None
    assert step.program.native
    assert found[0][1] == found[1][1]
    assert max(norms) > 0.5
    same(found[0][0], found[1][0])


def test_a_gradient_that_is_not_finite_is_named_by_the_program_too():
    model, _, _ = problem()

    @replay
    def step(x: Tensor) -> Any:
        for p in model.parameters():
            p.grad = None
        model(x).sum().backward()
        return optim.clip_grad_norm_(model.parameters(), 1.0)

    x = np.ones((3, 4), np.float32)
    for _ in range(3):
        step(tensor(x))
    x[1, 2] = np.inf
    with pytest.raises(optim.NonFiniteGradientError, match=r"the gradient of 0\.weight holds"):
        step(tensor(x))
