"""What changes between two calls of a replayed function: each change gives a new recording, is read
where it lies, or is a clear error. Never is a result stale: all bits are those of an eager twin.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import backlit.nn.functional as F
from backlit import nn, optim
from backlit.engine import (
    Generator,
    ReplayError,
    Tensor,
    gradients,
    manual_seed,
    no_grad,
    replay,
    tensor,
)
from backlit.engine.tape import recorders, structure
from backlit.engine.tensors import wrap


class Net(nn.Module):
    """A model with a bit of everything that can be switched."""

    def __init__(self) -> None:
        super().__init__()
        g = Generator(5)
        self.layers = nn.Sequential(nn.Linear(4, 6, generator=g), nn.Tanh())
        self.drop = nn.Dropout(0.3)
        self.head = nn.Linear(6, 3, generator=g)
        self.register_buffer("shift", tensor(np.full(6, 0.25)))
        self.shift: Tensor

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.drop(self.layers(x) + self.shift))


class Twin:
    """A model, an optimizer, and a step, replayed or not."""

    def __init__(self, use: Callable[[Any], Any], optimizer: str = "SGD", zero: bool = True):
        manual_seed(3)
        self.generator_state = None
        self.zero = zero
        self.model = Net()
        self.opt: Any = getattr(optim, optimizer)(self.model.parameters(), lr=0.05)
        self.recorded = 0
        self.step = use(self.body)

    def body(self, x: Tensor, y: Tensor) -> Any:
        self.recorded += 1
        logits = self.model(x)
        loss = F.cross_entropy(logits, y)
        if self.zero:
            self.opt.zero_grad()
        loss.backward()
        self.opt.step()
        return loss, logits.detach()

    def state(self) -> list[Any]:
        rows: list[Any] = [None if p.grad is None else p.grad.tolist() for p in self.parameters()]
        rows += [p.tolist() for p in self.parameters()]
        rows += [b.tolist() for b in self.model.buffers()]
        saved = self.opt.state_dict()["state"]
        return rows + [
            [k, name, value.tolist() if isinstance(value, Tensor) else value]
            for k in saved
            for name, value in saved[k].items()
        ]

    def parameters(self) -> list[Tensor]:
        return list(self.model.parameters())


def batch(k: int, rows: int = 6, dtype: str = "float32") -> tuple[Tensor, Tensor]:
    rng = np.random.default_rng(k)
    return tensor(rng.standard_normal((rows, 4)), dtype=dtype), tensor(rng.integers(0, 3, rows))


def plain(f: Any) -> Any:
    return f


def twins(change: Callable[[Twin], Any], **options: Any) -> Twin:
    """Train a replayed and an eager twin; after some steps change both, again later."""
    found = []
    for use in (plain, replay):
        twin = Twin(use, **options)
        seen = []
        for k in range(12):
            if k in (5, 9):
                change(twin)
            seen.append([t.tolist() for t in twin.step(*batch(k))] + twin.state())
        found.append(seen)
    for k, (wanted, mine) in enumerate(zip(*found, strict=True)):
        assert wanted == mine, f"step {k}"
    assert twin.step.program is not None
    return twin


def freeze_head(twin: Twin) -> None:
    weight = twin.model.head.weight
    weight.requires_grad_(not weight.requires_grad)
    weight.grad = None


def replace_memory(twin: Twin) -> None:
    weight = twin.model.head.weight
    weight.data = weight.data * np.float32(0.5)


def replace_memory_by_the_same(twin: Twin) -> None:
    weight = twin.model.head.weight
    old = weight.data
    weight.data = old.copy()
    old[...] = np.nan


def replace_buffers_memory(twin: Twin) -> None:
    twin.model.shift.data = twin.model.shift.data + np.float32(1)


def frozen_then_replaced(twin: Twin) -> None:
    bias = twin.model.head.bias
    if bias is not None:
        bias.requires_grad_(False)
        bias.grad = None
        bias.data = bias.data + np.float32(1)


def change_buffer(twin: Twin) -> None:
    with no_grad():
        twin.model.shift.copy_(twin.model.shift * 2)


def replace_buffer(twin: Twin) -> None:
    twin.model.shift = twin.model.shift * 2


def replace_parameter(twin: Twin) -> None:
    twin.model.head.weight = nn.Parameter(twin.model.head.weight.detach() * 0.5)
    rebuild_optimizer(twin)


def rebuild_optimizer(twin: Twin) -> None:
    twin.opt = type(twin.opt)(twin.model.parameters(), lr=0.05)


def add_layer(twin: Twin) -> None:
    twin.model.layers.append(nn.Linear(6, 6, generator=Generator(1)))


def remove_layer(twin: Twin) -> None:
    if len(twin.model.layers) > 1:
        twin.model.layers = nn.Sequential(twin.model.layers[0])


def replace_layer(twin: Twin) -> None:
    twin.model.head = nn.Linear(6, 3, generator=Generator(9))
    rebuild_optimizer(twin)


def load_model(twin: Twin) -> None:
    saved = twin.model.state_dict()
    twin.model.load_state_dict({name: value * 0.5 for name, value in saved.items()})


def load_optimizer(twin: Twin) -> None:
    saved = twin.opt.state_dict()
    for row in saved["state"].values():
        for name, value in row.items():
            row[name] = value + 1 if name == "step" else value * 0.5
    saved["param_groups"][0]["lr"] = 0.2
    twin.opt.load_state_dict(saved)


def add_group(twin: Twin) -> None:
    late = getattr(twin, "late", None) or nn.Parameter(np.ones(3))
    twin.opt.add_param_group({"params": [nn.Parameter(np.ones(3)), late], "lr": 1.0})


def set_option(**options: Any) -> Callable[[Twin], None]:
    def change(twin: Twin) -> None:
        group = twin.opt.param_groups[0]
        group.update({k: v if group[k] != v else type(v)(0) for k, v in options.items()})

    return change


CHANGES: dict[str, Any] = {
    "requires_grad": freeze_head,
    "frozen, then replaced": frozen_then_replaced,
    "p.data": replace_memory,
    "p.data with the same numbers": replace_memory_by_the_same,
    "a buffer's data": replace_buffers_memory,
    "a buffer in place": change_buffer,
    "a buffer": replace_buffer,
    "a parameter": replace_parameter,
    "a layer added": add_layer,
    "a layer removed": remove_layer,
    "a layer replaced": replace_layer,
    "train and eval": lambda twin: twin.model.train(not twin.model.training),
    "a part's train and eval": lambda twin: twin.model.drop.train(not twin.model.drop.training),
    "gradients dropped": lambda twin: twin.model.zero_grad(),
    "gradients zeroed": lambda twin: twin.model.zero_grad(set_to_none=False),
    "one gradient dropped": lambda twin: setattr(twin.model.head.weight, "grad", None),
    "a gradient given": lambda twin: setattr(
        twin.model.head.weight, "grad", tensor(np.ones((3, 6)))
    ),
    "a model's state": load_model,
    "an optimizer's state": load_optimizer,
    "a group added": add_group,
    "the optimizer": rebuild_optimizer,
    "lr": set_option(lr=0.3),
    "maximize": set_option(maximize=True),
    "weight decay": set_option(weight_decay=0.1),
    "manual_seed": lambda twin: manual_seed(11),
}


@pytest.mark.parametrize("zero", [True, False])
@pytest.mark.parametrize("optimizer", ["SGD", "Adam"])
@pytest.mark.parametrize("name", CHANGES)
def test_a_change_between_calls(name: str, optimizer: str, zero: bool):
    twins(CHANGES[name], optimizer=optimizer, zero=zero)


@pytest.mark.parametrize(
    "options",
    [{"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}, {"momentum": 0.5, "dampening": 0.5}],
)
def test_momentum_switched_on_and_off(options: dict[str, Any]):
    twins(set_option(**options))


def test_a_changed_learning_rate_is_read_and_not_recorded_anew():
    def change(twin: Twin) -> None:
        twin.opt.param_groups[0]["lr"] *= 0.5

    twin = twins(change)
    assert twin.recorded == 2


def test_what_switches_back_finds_its_program():
    twin = twins(CHANGES["train and eval"])
    assert twin.recorded == 4


def test_another_shape_and_another_dtype():
    found = []
    for use in (plain, replay):
        manual_seed(0)
        model = Net().eval()
        step = use(lambda x, model=model: model(x))
        rows = []
        for k, rows_of in enumerate((3, 3, 3, 5, 5, 5, 3, 5, 1, 1, 1)):
            rows.append(step(batch(k, rows_of)[0]).tolist())
        found.append(rows)
    assert found[0] == found[1]
    square = replay(lambda x: x * x)
    for dtype in ("float32", "float64", "int64", "float32", "float64", "int64") * 2:
        out = square(tensor([3], dtype=dtype))
        assert out.dtype == np.dtype(dtype)
        assert out.item() == 9


def test_grad_mode():
    w = tensor([2.0], requires_grad=True)
    x = tensor([3.0])

    def function(x: Tensor) -> Any:
        y = w * x
        return gradients(y, w)[0] if y.requires_grad else y * 0 - 1

    step = replay(function)
    for _ in range(4):
        assert step(x).item() == 3
        with no_grad():
            assert step(x).item() == -1


def test_a_second_and_a_later_thread_draw_from_their_own_generators():
    """Threads' numbers are used again: a program of a dead thread must not draw its numbers."""
    step = replay(nn.Dropout(0.5))
    seen: list[Any] = []

    def work() -> None:
        seen.append([step(tensor(np.ones(16))).tolist() for _ in range(4)])

    for _ in range(3):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert seen[0] == seen[1] == seen[2]
    assert seen[0][2] != seen[0][3]


def test_an_array_from_outside_is_read_at_each_run():
    scale, wide = np.ones(3, np.float32), np.ones((2, 3))
    strided, counts, number = np.ones((3, 2), np.float32).T, np.ones(3, int), np.ones(())

    def function(x: Tensor) -> Any:
        a = x * scale + x * wide + wide * x
        return (
            a + strided,
            tensor(scale) * x,
            a * counts,
            a * number,
            nn.Identity()(F.relu(tensor(wide))),
        )

    step = replay(function)
    for k in range(6):
        for array in (scale, wide, strided, counts, number):
            array[...] = k // 3 + 1
        x = tensor(np.arange(3.0) + k)
        assert [t.tolist() for t in step(x)] == [t.tolist() for t in function(x)]


def test_the_array_under_a_tensor_that_was_made_from_it_is_not_its_memory():
    source = np.ones(3, np.float32)

    def function(x: Tensor) -> Tensor:
        mine = tensor(source)
        mine += x
        return mine

    step = replay(function)
    for k in range(5):
        assert step(tensor(np.full(3, k, float))).tolist() == [1 + k] * 3
        assert source.tolist() == [1, 1, 1]


def test_reading_a_tensor_from_outside_is_an_error():
    count = tensor(0.0)
    step = replay(lambda x: x * 2 if count.item() < 2 else x)
    with pytest.raises(ReplayError, match=r"item\(\) reads .* a tensor from outside"):
        [step(tensor([1.0])) for _ in range(3)]
    copied = replay(lambda x: x * tensor(count))
    with pytest.raises(ReplayError, match=r"tensor\(\) reads .* a tensor from outside"):
        [copied(tensor([1.0])) for _ in range(3)]


def test_rows_chosen_by_a_counter_in_python_are_another_program():
    rows, counter = tensor([[1.0], [1.0], [1.0], [5.0], [6.0], [7.0]]), iter(range(100))
    step = replay(lambda x: rows[next(counter)] * x)
    with pytest.raises(ReplayError, match="op 0 was"):
        [step(tensor([1.0])) for _ in range(8)]


def test_gradients_read_from_outside_must_be_those_of_the_recording():
    """A replayed optimizer step after an eager backward: its gradients are new at each call."""
    model = nn.Linear(4, 3)
    opt = optim.SGD(model.parameters(), lr=0.0)  # so that all gradients have the same bits

    def backward() -> None:
        model.zero_grad()
        model(tensor(np.ones((2, 4)))).sum().backward()

    step = replay(lambda: opt.step())

    def both() -> None:
        backward()
        step()

    with pytest.raises(ReplayError, match=r"gradient of weight was made outside"):
        [both() for _ in range(10)]


def test_gradients_that_one_program_makes_and_another_reads_and_drops():
    found = []
    for use in (plain, replay):
        twin = Twin(plain, optimizer="Adam")

        def forward(x: Tensor, y: Tensor, twin: Twin = twin) -> Tensor:
            loss = F.cross_entropy(twin.model(x), y)
            loss.backward()
            return loss

        def update(x: Tensor, twin: Twin = twin) -> Tensor:
            optim.clip_grad_norm_(twin.model.parameters(), 0.1)
            twin.opt.step()
            twin.opt.zero_grad()
            return x + 0

        first, second = use(forward), use(update)
        seen = []
        for k in range(10):
            seen.append(first(*batch(k)).tolist())
            if k % 2:  # two batches are one step
                seen.append(twin.state())
                second(tensor([1.0]))
            seen.append(twin.state())
        found.append(seen)
    assert found[0] == found[1]


def test_a_gradient_set_by_hand_within():
    found = []
    for use in (plain, replay):
        model: Any = nn.Linear(4, 3, generator=Generator(0))

        def step(x: Tensor, model: Any = model) -> None:
            model.zero_grad()
            model(x).square().sum().backward()
            with no_grad():
                grad: Any = model.weight.grad
                model.weight.grad = grad * 0.5
            model.bias.grad = None

        step = use(step)
        for k in range(6):
            step(batch(k)[0])
            assert model.bias.grad is None
        found.append(model.weight.grad.tolist())
    assert found[0] == found[1]


# -- an exception while recording leaves no trace


class Boom(Exception):
    pass


@contextlib.contextmanager
def failing(kind: type[BaseException]):
    with pytest.raises(kind):
        yield


@pytest.mark.parametrize("kind", [Boom, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("place", ["forward", "backward", "before the update", "after it"])
@pytest.mark.parametrize("calls", [0, 1, 4])
def test_an_exception_while_recording_leaves_what_eager_leaves(place: str, kind: Any, calls: int):
    found = []
    for use in (plain, replay):
        twin = Twin(plain, optimizer="Adam")
        bad = [False]

        def rule(g: Tensor, x: Tensor) -> Any:
            raise kind

        def step(x: Tensor, y: Tensor, twin: Twin = twin, bad: Any = bad) -> Tensor:
            logits = twin.model(x)
            if bad[0] and place == "forward":
                raise kind
            loss = F.cross_entropy(logits, y)
            twin.opt.zero_grad()
            if bad[0] and place == "backward":
                with pytest.MonkeyPatch.context() as patch:
                    from backlit.engine.ops import contract

                    patch.setattr(contract, "matmul", rule)
                    patch.setattr("backlit.engine.backward.accumulate_", rule)
                    patch.setattr("backlit.engine.backward.own", lambda *what: rule(*what[:2]))
                    loss.backward()
            loss.backward()
            if bad[0] and place == "before the update":
                raise kind
            twin.opt.step()
            if bad[0] and place == "after it":
                raise kind
            return loss

        step = use(step)
        for k in range(calls):
            step(*batch(k))
        before = structure[0]
        bad[0] = True
        # with a program the body would not run: other shapes are recorded
        with failing(kind):
            step(*batch(50, rows=7))
        assert not recorders
        assert structure[0] == before
        bad[0] = False
        states = [twin.state()]
        for k in range(4):
            states.append([step(*batch(k, rows=7)).tolist(), twin.state()])
        found.append(states)
    assert found[0] == found[1]


def test_an_exception_in_the_second_call_can_be_tried_again():
    bad = [False]

    def function(x: Tensor) -> Tensor:
        if bad[0]:
            raise Boom
        return x * 3

    step = replay(function)
    step(tensor([1.0]))
    bad[0] = True
    with pytest.raises(Boom):
        step(tensor([1.0]))
    bad[0] = False
    assert [step(tensor([float(k)])).item() for k in range(4)] == [0, 3, 6, 9]
    assert step.program is not None


def test_switching_within_is_an_error_that_leaves_the_switch_as_eager():
    layer = nn.Dropout(0.5)

    def function(x: Tensor) -> Tensor:
        layer.eval()
        return layer(x)

    with pytest.raises(ReplayError, match="switches a module"):
        replay(function)(tensor([1.0]))
    assert not layer.training
    assert not recorders


def test_a_tensor_made_around_an_array_is_read_where_it_lies():
    array = np.ones(2, np.float32)
    outside = wrap(array)
    step = replay(lambda x: x + outside)
    for k in range(5):
        array[:] = k
        assert step(tensor([1.0, 2.0])).tolist() == [1 + k, 2 + k]


def test_flags_of_tensors_that_no_program_uses_change_none():
    step = replay(lambda x: gradients((x * x).sum(), x)[0])
    for k in range(6):
        x = tensor([1.0 * k])
        x.requires_grad_()
        step(x)
        tensor([1.0]).requires_grad_().requires_grad_(False)
        nn.Parameter(np.ones(2))
    assert sum(map(len, step.candidates.values())) == 1


def test_a_plain_tensor_that_is_frozen_and_thawed():
    w = tensor([2.0], requires_grad=True)
    recorded = []

    @replay
    def step(x: Tensor) -> Any:
        recorded.append(w.requires_grad)
        y = (x * w).sum()
        if y.requires_grad:
            w.grad = None
            y.backward()
        return y.detach()

    for k in range(16):
        if k % 4 == 0:
            w.requires_grad_(k % 8 == 0)
            w.grad = None
        step(tensor([1.0 * k]))
        assert (w.grad is None) == (k % 8 > 3)
        assert w.grad is None or w.grad.item() == k
    assert recorded == [True, True, False, False]
