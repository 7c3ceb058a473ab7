"""The passes over a program: chains of elementwise ops, merged updates, memory used again, big
arguments read where they lie. Each must leave every bit as it was, and each must do something.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import backlit.nn.functional as F
from backlit import nn, optim
from backlit.engine import (
    Generator,
    GraphError,
    Tensor,
    get_num_threads,
    gradients,
    maximum,
    no_grad,
    replay,
    set_num_threads,
    tensor,
    where,
)
from backlit.engine.programs import binding, chains, reuse
from backlit.engine.programs.program import PASSES, Program

ROWS, COLUMNS = 37, 53  # more than a block, and no multiple of anything


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks and big arrays at sizes that tests reach."""
    monkeypatch.setattr(chains, "BLOCK", 64)
    monkeypatch.setattr(binding, "BIG", 1)


def gelu(x: Tensor) -> Tensor:
    return 0.5 * x * (1 + (0.7978845608 * (x + 0.044715 * x * x * x)).tanh())


def instructions(step: Any) -> int:
    assert isinstance(step.program, Program)
    return step.program.length


def played(function: Callable[..., Any], *args: Tensor, **how: Any) -> Any:
    """The replayed function after three calls, the last of which gave the bits of eager."""
    step = replay(function, **how)
    found = [step(*args) for _ in range(3)]
    assert bits(found[-1]) == bits(function(*args))
    return step


def bits(x: Any) -> list[bytes]:
    return [t.detach().numpy().tobytes() for t in (x if isinstance(x, (tuple, list)) else [x])]


# -- chains


def test_a_chain_of_elementwise_ops_is_one_instruction():
    x = tensor(np.linspace(-3, 3, 5000))
    step = played(gelu, x)
    assert instructions(step) == 1
    assert instructions(played(gelu, x, passes=PASSES - {"chains"})) == 9
    lines = str(step.program).splitlines()
    assert len(lines) == 9
    assert all(" | " in line for line in lines)
    assert step.report().count("\n                 | ") == 8


OPS: list[Callable[..., Tensor]] = [
    lambda a, b: a + b,
    lambda a, b: a * b[:1],
    lambda a, b: a - b[:, :1],
    lambda a, b: a * 0.3 + 2,
    lambda a, b: a.tanh(),
    lambda a, b: a[:, ::-1] * 0.5,
    lambda a, b: a[::-1] + b,
    lambda a, b: (a > b).astype(a.dtype),
    lambda a, b: where(a < 0, b, a),
    lambda a, b: maximum(a, b) / (b * b + 1),
    lambda a, b: a.reshape(COLUMNS, ROWS).T + b,
    lambda a, b: a.astype("float64").astype(a.dtype) - a.sum() * 0.01,
    lambda a, b: (a.reshape(-1) * 2).reshape(ROWS, COLUMNS),
    lambda a, b: a.mean(0, keepdims=True) + b,
]

recipes = st.lists(
    st.tuples(st.integers(0, len(OPS) - 1), st.integers(0, 15), st.integers(0, 15)),
    min_size=1, max_size=14,
)  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(
    recipes, st.sampled_from(["float32", "float64"]),
    st.lists(st.integers(0, 15), min_size=1, max_size=3),
    st.sets(st.sampled_from(sorted(PASSES))) | st.just(set(PASSES)), st.integers(1, 2),
)  # fmt: skip
def test_random_chains_have_the_bits_of_eager(
    recipe: Any, dtype: str, ends: list[int], passes: set[str], threads: int
):
    weight = tensor(np.linspace(-1, 1, ROWS * COLUMNS).reshape(ROWS, COLUMNS), dtype=dtype,
                    requires_grad=True)  # fmt: skip
    kept = tensor(np.ones((ROWS, COLUMNS)), dtype=dtype)

    def step(x: Tensor, y: Tensor) -> Any:
        found = [x, y, weight, kept * 1]
        for op, i, j in recipe:
            found.append(OPS[op](found[i % len(found)], found[j % len(found)]))
        (slope,) = gradients((found[-1] * weight).sum(), weight)
        assert slope is not None
        with no_grad():
            kept.copy_(kept * 0.5 + found[-1].tanh())
        return [*(found[k % len(found)] for k in ends), slope]

    before = get_num_threads()
    patch = pytest.MonkeyPatch()
    patch.setattr(chains, "BLOCK", 64)
    patch.setattr(binding, "BIG", 1)
    try:
        set_num_threads(threads)
        native = replay(step, passes=passes)
        for seed in range(5):
            rng = np.random.default_rng(seed)
            x, y = (tensor(rng.standard_normal((ROWS, COLUMNS)), dtype=dtype) for _ in range(2))
            start = kept.numpy().copy()
            wanted, left = bits(step(x, y)), kept.numpy().tobytes()
            kept.copy_(start)
            assert bits(native(x, y)) == wanted
            assert kept.numpy().tobytes() == left
    finally:
        patch.undo()
        set_num_threads(before)


def test_a_chain_ends_where_an_op_needs_other_elements_of_an_earlier_one(small: None):
    x = tensor(np.arange(300.0))
    assert instructions(played(lambda a: (a * 2) + (a * 2)[::-1], x)) > 1
    flipped = played(lambda a: (b := a + 1)[::-1] * b, x)
    assert instructions(flipped) > 1


def test_a_chain_of_too_many_values_is_cut(small: None):
    def wide(x: Tensor) -> Tensor:
        many = [x * (k + 0.5) for k in range(200)]
        total = many[0]
        for one in reversed(many):
            total = total + one
        return total

    step = played(wide, tensor(np.linspace(0, 1, 100)))
    assert 1 < instructions(step) < 200


def test_gradient_sums_are_a_part_of_chains():
    def slope(x: Tensor) -> Tensor:
        (g,) = gradients((x * x * x * x + x.exp() * x).sum(), x)
        assert g is not None
        return g

    x = tensor(np.linspace(-1, 1, 3000), requires_grad=True)
    with_chains = instructions(played(slope, x))
    assert with_chains < instructions(played(slope, x, passes=PASSES - {"chains"}))


def test_empty_and_single_numbers_are_replayed():
    played(gelu, tensor(np.zeros((0, 3))))
    played(gelu, tensor(0.25))
    played(lambda a: a.T + a, tensor(np.arange(6.0).reshape(1, 6)))


# -- arguments and results where they lie


def test_big_arguments_are_read_where_they_lie_and_results_are_fresh(small: None):
    step = played(gelu, tensor(np.linspace(-2, 2, 100)))
    first = tensor(np.linspace(-1, 1, 100))
    second = tensor(np.linspace(0, 5, 100))
    one, other = step(first), step(second)
    assert bits(one) == bits(gelu(first))
    assert bits(other) == bits(gelu(second))
    first.fill_(3.0)
    assert bits(step(first)) == bits(gelu(first))
    assert bits(other) == bits(gelu(second)), "a later call must not write into what was returned"


def test_arrays_of_any_layout_follow_one_that_was_read_where_it_lay(small: None):
    step = played(gelu, tensor(np.zeros((10, 12))))
    wide = np.random.default_rng(0).standard_normal((10, 24)).astype(np.float32)
    for x in (tensor(wide[:, :12]), tensor(wide)[:, ::2], tensor(wide[:, 12:]), wide[:, :12]):
        assert bits(step(x)) == bits(gelu(x if isinstance(x, Tensor) else tensor(x)))


def test_an_argument_that_the_program_changes_is_read_as_it_was(small: None):
    w = tensor(np.arange(50.0))

    def step(x: Tensor) -> Tensor:
        with no_grad():
            w.copy_(w * 0.5)
        return x * 2

    native = replay(step)
    for _ in range(4):
        before = w.numpy().copy()
        assert native(w).tolist() == (2 * before).tolist()
        assert w.tolist() == (before / 2).tolist()
        assert native(tensor(np.ones(50))).tolist() == [2.0] * 50


def test_runs_follow_calls(small: None):
    """A run gathers batches into the program's memory, to which rows must point again."""
    w = nn.Parameter(tensor(np.ones(3)))
    opt = optim.SGD([w], lr=0.01)

    @replay
    def step(x: Tensor) -> Tensor:
        loss = ((x @ w) ** 2).mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
        return loss

    data = np.random.default_rng(0).standard_normal((12, 3)).astype(np.float32)
    found = []
    for mixed in (True, False):
        w.data[:] = 1
        for _ in range(3):
            if mixed:
                step.run(data, batch_size=4)
            else:
                for k in range(0, 12, 4):
                    step(tensor(data[k : k + 4]))
            step(tensor(data[4:8]))
        found.append(bits(w))
    assert found[0] == found[1]


def test_a_result_that_is_returned_twice_or_is_an_argument_is_copied(small: None):
    def step(x: Tensor) -> tuple[Tensor, ...]:
        y = x * 2
        return y, y, x, y[1:], y.sum()

    native = played(step, tensor(np.arange(9.0)))
    x = tensor(np.arange(9.0) + 1)
    first, second, same, *_ = native(x)
    first.fill_(0)
    assert second.tolist() == (x * 2).tolist()
    same.fill_(0)
    assert x.tolist() == (np.arange(9.0) + 1).tolist()


# -- merged updates


def accumulation(parameters: int) -> tuple[Any, list[Tensor]]:
    leaves = [tensor(np.full(k + 1, 0.5), requires_grad=True) for k in range(parameters)]

    def step(x: Tensor) -> Tensor:
        loss = x.sum()
        for leaf in leaves:
            loss = loss + (leaf * leaf).sum()
        loss.backward()
        return loss

    return step, leaves


def test_gradients_that_are_kept_are_added_to_in_one_instruction():
    step, leaves = accumulation(5)
    native = replay(step, passes=PASSES)
    for _ in range(5):
        native(tensor([1.0]))
    grads = [leaf.grad.tolist() for leaf in leaves if leaf.grad is not None]
    assert grads == [[5.0] * (k + 1) for k in range(5)]
    plain = replay(accumulation(5)[0], passes=PASSES - {"merged"})
    for _ in range(5):
        plain(tensor([1.0]))
    assert instructions(native) == instructions(plain) - 4


def test_two_additions_to_the_same_tensor_stay_in_order():
    x = tensor([1e8, 1.0, -1e8], requires_grad=True)
    weights = tensor([1.0, 1e-3, 3.0])

    def step(y: Tensor) -> Tensor:
        (x * y).sum().backward()
        (x * weights).sum().backward()
        return x.sum()

    native = replay(step)
    eager = tensor([1e8, 1.0, -1e8], requires_grad=True)
    y = tensor([0.1, 0.2, 0.3])
    for _ in range(5):
        native(y)
        (eager * y).sum().backward()
        (eager * weights).sum().backward()
    assert x.grad is not None
    assert eager.grad is not None
    assert bits(x.grad) == bits(eager.grad)


# -- memory that is used again


def test_results_that_nobody_needs_any_more_give_their_memory_away():
    def deep(x: Tensor) -> Tensor:
        for _ in range(20):
            x = (x @ x).tanh()
        return x

    x = tensor(np.eye(40))
    lean, plain = played(deep, x), played(deep, x, passes=PASSES - {"reuse"})
    sizes = [sum(a.nbytes for a in step.program.own) for step in (lean, plain)]
    assert sizes[0] <= 6 * x.data.nbytes
    assert sizes[1] >= 40 * x.data.nbytes


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 6)), min_size=1, max_size=40))
def test_what_lives_at_the_same_time_never_shares_memory(lives: list[tuple[int, int]]):
    gaps = reuse._Gaps()
    living: dict[int, tuple[int, int, int]] = {}
    for now, (size, length) in enumerate(lives):
        start = gaps.take(size)
        for other, stop, _ in living.values():
            assert start + size <= other or stop <= start
        living[now] = start, start + size, now + length
        for key, (begin, stop, last) in list(living.items()):
            if last <= now:
                gaps.give(begin, stop - begin)
                del living[key]
    assert gaps.end <= sum(size for size, _ in lives)


@pytest.mark.parametrize("name", sorted(PASSES))
def test_each_pass_can_be_left_out(name: str):
    model = nn.MLP([3, 8, 2])
    opt = optim.Adam(model.parameters())

    def step(x: Tensor) -> Tensor:
        loss = gelu(model(x)).sum()
        opt.zero_grad()
        loss.backward()
        opt.step()
        return loss

    native = replay(step, passes=PASSES - {name})
    for _ in range(4):
        native(tensor(np.ones((5, 3))))
    assert native.program is not None


def test_what_a_program_changed_is_known_to_graphs_that_are_older():
    w = tensor([2.0, 3.0], requires_grad=True)

    def step(x: Tensor) -> Tensor:
        with no_grad():
            w.copy_(w * x)
        return w.sum()

    native = replay(step)
    for k in range(40):  # of which some programs are given up again
        native(tensor(np.full(2, 1.0)))
        native(tensor(np.ones((k + 1, 2))[0]))
        older = (w * w).sum()
        native(tensor([1.0, 2.0]))
        with pytest.raises(GraphError, match="changed in place"):
            older.backward()
        (w * w).sum().backward()


def test_programs_that_are_given_up_leave_nothing_in_a_tensor():
    w = tensor(np.ones(3), requires_grad=True)

    @replay
    def step(x: Tensor) -> Tensor:
        with no_grad():
            w.copy_(w * 0.5)
        return x.sum()

    for n in range(1, 50):
        for _ in range(3):
            step(tensor(np.ones(n)))
    assert w.cell is not None
    assert len(w.cell) <= 34
    older = (w * w).sum()
    step(tensor(np.ones(49)))
    with pytest.raises(GraphError, match="changed in place"):
        older.backward()


def test_a_result_that_somebody_has_is_never_written_again(small: None):
    step = played(gelu, tensor(np.linspace(-2, 2, 100)))
    xs = [tensor(np.linspace(-1, k, 100)) for k in range(1, 9)]
    held = [step(x) for x in xs]
    views = [step(x).numpy()[10:20] for x in xs]
    parts = [step(x)[30:40] for x in xs]
    for x, one, view, part in zip(xs, held, views, parts, strict=True):
        wanted = gelu(x)
        assert bits(one) == bits(wanted)
        assert view.tobytes() == wanted.numpy()[10:20].tobytes()
        assert bits(part) == bits(wanted[30:40])
    dropped = step(xs[0]).data.ctypes.data
    assert step(xs[1]).data.ctypes.data == dropped, "memory that nobody has is used again"


# -- products and losses


def trained(dtype: str, passes: frozenset[str], sizes: tuple[int, ...] = (7, 33, 18, 5)) -> Any:
    """A replayed step, after a few calls, its parameters, and the data."""
    model = nn.MLP(list(sizes), dtype=np.dtype(dtype), generator=Generator(3))
    opt = optim.Adam(model.parameters())

    def step(x: Tensor, y: Tensor) -> Tensor:
        loss = F.cross_entropy(model(x), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
        return loss

    rng = np.random.default_rng(0)
    x = tensor(rng.standard_normal((29, sizes[0])), dtype=dtype)
    y = tensor(rng.integers(0, sizes[-1], 29))
    native = replay(step, passes=passes)
    for _ in range(5):
        native(x, y)
    return native, [p.numpy().tobytes() for p in model.parameters()], (x, y)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "fewer"), [("epilogues", 4), ("softmaxes", 1)])
def test_what_belongs_together_is_done_together(name: str, fewer: int, dtype: str):
    """Two relus and their two gates; a loss and its gradient."""
    whole, parameters, _ = trained(dtype, PASSES)
    without, others, _ = trained(dtype, PASSES - {name})
    assert instructions(whole) == instructions(without) - fewer
    assert parameters == others


def test_a_relu_whose_operand_is_read_twice_stays_alone():
    a = tensor(np.random.default_rng(0).standard_normal((20, 30)))
    b = tensor(np.random.default_rng(1).standard_normal((30, 10)))
    assert instructions(played(lambda a, b: (a @ b).relu(), a, b)) == 1
    step = played(lambda a, b: ((c := a @ b).relu(), c), a, b)
    assert instructions(step) == 2
    assert instructions(played(lambda a, b: (a @ b).relu() + (a @ b).sum(), a, b)) > 1


def test_nan_and_zeros_of_both_signs_pass_a_relu_that_a_product_does():
    a = tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 0.0], [float("nan"), 1.0], [0.0, -1.0]])
    b = tensor([[1.0, -1.0, 0.0, -0.0, 1e-30], [2.0, -2.0, -0.0, 0.0, -1e-30]])
    for dtype in ("float32", "float64"):
        played(lambda a, b: (a @ b).relu(), a.astype(dtype), b.astype(dtype))


def test_a_class_that_there_is_not_is_named_where_loss_and_gradient_are_one():
    native, _, (x, y) = trained("float32", PASSES)
    wrong = y.numpy().copy()
    wrong[11] = 5
    with pytest.raises(IndexError, match="11"):
        native(x, tensor(wrong))
    native(x, y)
