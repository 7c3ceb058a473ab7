"""What a replayed function does to its arguments (gradients, changes in place, flags) is done to
the caller's tensors; and kinds of functions that are replayed: gradients, products with Hessians,
methods, nested calls, accumulation, clipping, early stopping.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import backlit.engine as bl
import backlit.nn.functional as F
from backlit import nn, optim
from backlit.engine import Generator, ReplayError, Tensor, gradients, no_grad, replay, tensor


def plain(f: Any) -> Any:
    return f


def leaf(k: int, shape: tuple[int, ...] = (3,), dtype: str = "float32") -> Tensor:
    return tensor(np.random.default_rng(k).standard_normal(shape), dtype=dtype, requires_grad=True)


def shown(x: Any) -> Any:
    return None if x is None else (x.tolist(), x.requires_grad, shown(x.grad))


def both(function: Callable[..., Any], calls: Callable[[Any], Any]) -> Any:
    """What calls of a function and of its replayed twin show must be the same."""
    step = replay(function)
    wanted, found = calls(function), calls(step)
    assert wanted == found
    assert step.program is not None
    return step


def square(x: Tensor) -> Tensor:
    loss = (x * x * x).sum()
    loss.backward()
    return loss.detach()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_an_argument_gets_its_gradient(dtype: str):
    def calls(f: Any) -> Any:
        found = []
        for k in range(5):
            x = leaf(k, dtype=dtype)
            found += [f(x).item(), shown(x)]
            assert x.grad is not None
            assert x.grad.dtype == np.dtype(dtype)
        return found

    both(square, calls)


def test_gradients_of_an_argument_add_up_in_the_same_tensor():
    def calls(f: Any) -> Any:
        x, found = leaf(0), []
        for k in range(12):
            if k in (5, 10):
                x.grad = None
            before = x.grad
            f(x)
            assert before is None or x.grad is before
            found.append(shown(x))
        return found

    both(square, calls)


def test_each_caller_has_a_gradient_of_his_own():
    step = replay(square)
    kept = []
    for k in range(6):
        x = tensor([float(k)], requires_grad=True)
        step(x)
        kept.append(x.grad)
    assert [g.item() for g in kept if g is not None] == [3.0 * k * k for k in range(6)]


def test_one_tensor_given_twice():
    def function(x: Tensor, y: Tensor) -> Tensor:
        loss = (x * y * y).sum()
        loss.backward()
        return loss.detach()

    def calls(f: Any) -> Any:
        found = []
        for k in range(4):
            x, y = leaf(k), leaf(k + 9)
            found += [f(x, x).item(), shown(x), f(x, y).item(), shown(x), shown(y)]
        return found

    both(function, calls)


def test_two_backward_passes_and_a_gradient_read_and_dropped_within():
    def function(x: Tensor, keep: bool) -> Any:
        (x * x).sum().backward()
        (x * x * x).sum().backward()
        seen: Any = x.grad
        if not keep:
            x.grad = None
        return seen * 1

    def calls(f: Any) -> Any:
        x, found = leaf(0), []
        for k in range(12):
            found += [f(x, k % 3 > 0).tolist(), shown(x)]
        return found

    both(function, calls)


def test_a_fast_gradient_sign_step():
    def function(x: Tensor, eps: float) -> Tensor:
        x.grad = None
        (x.tanh() * x).sum().backward()
        assert x.grad is not None
        return x.detach() + eps * x.grad.sign()

    both(function, lambda f: [f(leaf(k), 0.1 * k).tolist() for k in range(6)])


def test_only_those_get_a_gradient_that_ask_for_one():
    def function(x: Tensor, y: Tensor) -> Tensor:
        loss = (x * y).sum()
        if loss.requires_grad:
            loss.backward()
        return loss.detach()

    def calls(f: Any) -> Any:
        found = []
        for k in range(16):
            x, y = leaf(k).requires_grad_(k % 2 > 0), leaf(k + 1).requires_grad_(k % 4 > 1)
            found += [f(x, y).item(), shown(x), shown(y)]
        return found

    both(function, calls)


def test_a_function_that_asks_for_gradients_of_its_argument():
    def function(x: Tensor) -> Tensor:
        x.requires_grad_()
        (x * x).sum().backward()
        return x.detach() * 2

    def calls(f: Any) -> Any:
        found = []
        for k in range(5):
            x = leaf(k).detach()
            for _ in range(2):
                f(x)
                found.append(shown(x))
        return found

    both(function, calls)
    step = replay(function)
    arrays = [np.full(2, k, np.float32) for k in range(4)]
    assert [step(a).tolist() for a in arrays] == [[2.0 * k] * 2 for k in range(4)]


@pytest.mark.parametrize("when", [0, 1, 3])
def test_an_argument_that_was_computed_cannot_be_walked_into(when: int):
    step = replay(square)
    for k in range(when):
        step(leaf(k))
    x = leaf(0)
    with pytest.raises(ReplayError, match="argument that was computed outside"):
        step(x * 2)
    assert x.grad is None
    assert (
        step((x * 2).detach().requires_grad_()).item()
        == square((x * 2).detach().requires_grad_()).item()
    )


def test_gradients_of_a_computed_argument_are_returned():
    def slope(x: Tensor) -> Any:
        return gradients((x * x).sum(), x)[0]

    both(slope, lambda f: [f(leaf(k) * 2).tolist() for k in range(5)])


def test_changes_in_place_reach_the_caller():
    def function(state: Tensor, x: Tensor) -> Tensor:
        state.copy_(state * 0.5 + x)
        state += 1
        return state * 2

    def calls(f: Any) -> Any:
        state, wide, found = tensor([1.0, 2.0]), tensor(np.zeros((2, 4))), []
        for k in range(6):
            found += [f(state, tensor([1.0 * k, 2.0])).tolist(), state.tolist()]
            found += [f(wide[:, 1], tensor([1.0 * k, 2.0])).tolist(), wide.tolist()]
        return found

    both(function, calls)


def test_a_change_in_place_is_seen_by_a_graph_that_needs_the_old_numbers():
    step = replay(lambda x: x.fill_(3.0))
    for _ in range(4):
        x, w = tensor([1.0]), leaf(0, (1,))
        y = w * x
        step(x)
        with pytest.raises(bl.GraphError, match="changed in place"):
            y.backward()


def test_an_error_after_backward_leaves_the_gradient():
    def function(x: Tensor) -> Tensor:
        square(x)
        raise KeyError("mine")

    step, x, y = replay(function), leaf(0), leaf(0)
    for f, one in ((function, x), (step, y)):
        with pytest.raises(KeyError, match="mine"):
            f(one)
    assert shown(x) == shown(y)


def test_results_are_those_of_the_call_however_they_are_used():
    step = replay(lambda x: {"y": x * 2, "same": x, "z": [x + 1, None, "word", (x.T,)]})
    kept = [step(tensor([[1.0 * k, 2.0]])) for k in range(5)]
    for k, found in enumerate(kept):
        assert found["y"].tolist() == [[2.0 * k, 4]]
        assert found["same"].tolist() == [[1.0 * k, 2]]
        assert found["z"][0].tolist() == [[1.0 * k + 1, 3]]
        assert found["z"][1:3] == [None, "word"]
        assert found["z"][3][0].tolist() == [[1.0 * k], [2]]


# -- kinds of functions


def model_and_data() -> tuple[nn.Module, Tensor, Tensor]:
    rng = np.random.default_rng(0)
    model = nn.MLP([4, 6, 3], generator=Generator(2))
    return model, tensor(rng.standard_normal((8, 4))), tensor(rng.integers(0, 3, 8))


def test_inference_under_no_grad():
    model, x, _ = model_and_data()

    @replay
    @no_grad()
    def predict(x: Tensor) -> Tensor:
        return model(x).softmax()

    for k in range(5):
        wanted = model(x * k).softmax()
        found = predict(x * k)
        assert found.tolist() == wanted.tolist()
        assert not found.requires_grad


def test_the_gradient_of_a_model_and_a_product_with_its_hessian():
    model, x, y = model_and_data()
    params = list(model.parameters())

    def gradient(x: Tensor) -> Any:
        return gradients(F.cross_entropy(model(x), y), params)

    def product(x: Tensor, *v: Tensor) -> Any:
        slopes: Any = gradients(F.cross_entropy(model(x), y), params, create_graph=True)
        along = sum((g * u).sum() for g, u in zip(slopes, v, strict=True))
        return gradients(along, params)  # type: ignore[arg-type]

    v = [tensor(np.random.default_rng(k).standard_normal(p.shape)) for k, p in enumerate(params)]
    both(gradient, lambda f: [[g.tolist() for g in f(x * k)] for k in range(5)])
    both(product, lambda f: [[g.tolist() for g in f(x * k, *v)] for k in range(5)])
    assert all(p.grad is None for p in params)


def test_methods():
    class Scorer:
        def __init__(self, scale: float):
            self.scale = tensor(scale)

        @replay
        def score(self, x: Tensor, bias: float = 0.0) -> Tensor:
            return x * self.scale + bias

    one, two = Scorer(2.0), Scorer(3.0)
    for k in range(5):
        x = tensor([1.0 * k])
        assert one.score(x).item() == 2.0 * k
        assert two.score(x, 1.0).item() == 3.0 * k + 1
        assert two.score(x, bias=2.0).item() == 3.0 * k + 2


def test_nested_replays_are_parts_of_the_outer_one():
    inner = replay(square)
    outer = replay(lambda x: inner(x) + inner(x * 1.0 if not x.requires_grad else x))
    for k in range(5):
        x, y = leaf(k), leaf(k)
        assert outer(x).item() == (square(y) + square(y)).item()
        assert shown(x) == shown(y)
    assert not inner.candidates


def test_accumulation_clipping_and_early_stopping():
    """Two batches a step, clipped, stopped by the loss on other data: all in a Python loop."""
    found = []
    for use in (plain, replay):
        model, x, y = model_and_data()
        opt = optim.AdamW(model.parameters(), lr=0.05)

        def accumulate(x: Tensor, y: Tensor, share: float, model: Any = model) -> Tensor:
            loss = F.cross_entropy(model(x), y) * share
            loss.backward()
            return loss

        def update(model: Any = model, opt: Any = opt) -> Tensor:
            norm = optim.clip_grad_norm_(model.parameters(), 0.5)
            opt.step()
            opt.zero_grad()
            return norm

        @no_grad()
        def validate(x: Tensor, y: Tensor, model: Any = model) -> Tensor:
            return F.cross_entropy(model(x), y)

        first, second, third = use(accumulate), use(update), use(validate)
        best, seen, epoch = 9.0, [], 0
        while epoch < 40:
            epoch += 1
            for k in (0, 4):
                seen.append(first(x[k : k + 4], y[k : k + 4], 0.5).item())
            seen.append(second().item())
            loss = third(x * 0.9, y).item()
            seen.append(loss)
            if loss > best - 3e-2:
                break
            best = loss
        seen.append(epoch)
        seen.append([p.tolist() for p in model.parameters()])
        assert 3 < epoch < 39
        found.append(seen)
    assert found[0] == found[1]


def test_a_parameter_as_an_argument_and_its_gradient_as_another():
    def function(p: Tensor, g: Any) -> Tensor:
        with no_grad():
            p -= g * 0.1
        return p * 1

    def calls(f: Any) -> Any:
        p, found = leaf(0), []
        for _ in range(5):
            (p * p).sum().backward()
            found += [f(p, p.grad).tolist(), shown(p)]
        return found

    both(function, calls)
