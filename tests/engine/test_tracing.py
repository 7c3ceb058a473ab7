"""Lines of ops: those of this file, noted while tracing is on and at no other time."""

import subprocess
import sys
import threading

import numpy as np

import backlit as bl
from backlit import nn
from backlit.engine import primitives, source_of, tensor, trace
from backlit.engine import tracing as module
from backlit.engine.tape import tick


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(3, 2)

    def forward(self, x):
        y = self.inner(x)
        return y.tanh()


def test_the_line_in_a_model_of_the_users_own():
    x = tensor([[1.0, 2.0, 3.0]])
    with trace():
        out = Net()(x)
    tanh, linear = source_of(out), source_of(out.inputs[0])
    assert tanh is not None
    assert linear is not None
    assert tanh.file == linear.file == __file__
    assert (linear.code, tanh.code) == ("y = self.inner(x)", "return y.tanh()")
    assert tanh.line == linear.line + 1
    assert str(tanh) == f"{__file__}:{tanh.line}: return y.tanh()"


def test_in_a_sequential_it_is_the_line_that_calls_the_model():
    model = nn.MLP([3, 4, 2])
    with trace():
        out = model(tensor([[1.0, 2.0, 3.0]]))
    found = source_of(out)
    assert found is not None
    assert found.code == "out = model(tensor([[1.0, 2.0, 3.0]]))"


def test_the_line_of_each_op_in_a_long_expression():
    x = tensor(2.0, requires_grad=True)
    with trace():
        out = (
            x.exp()
            + x.log()
        )  # fmt: skip
    lines = [source_of(t) for t in (*out.inputs, out)]
    assert [s.code for s in lines if s] == ["x.exp()", "+ x.log()", "x.exp()"]


def test_off_nothing_is_done():
    assert primitives.tick is tick
    x = tensor(2.0, requires_grad=True)
    assert source_of(x) is None
    assert source_of(x * x) is None
    with trace():
        assert primitives.tick is not tick
        y = x * x
        assert source_of(tensor(1.0) * 2) is None
    assert primitives.tick is tick
    y.backward()
    assert source_of(y) is not None


def test_a_switch_and_blocks_within_blocks():
    trace()
    try:
        with trace(False):
            assert not module.is_tracing()
            with trace():
                assert module.is_tracing()
            assert not module.is_tracing()
        assert module.is_tracing()
    finally:
        trace(False)
    assert not module.is_tracing()


def test_numbers_stay_the_clocks(monkeypatch):
    """Tracing changes no gradient and keeps the order of the tape; old lines are let go."""
    monkeypatch.setattr(module, "LAST", 127)
    monkeypatch.setattr(module, "_noted", [])
    x = tensor(1.5, requires_grad=True)
    with trace():
        y = x
        made = []
        for _ in range(300):
            y = y * 1.001
            made.append(y)
        y.backward()
    assert len(module._noted) == 128
    assert source_of(made[0]) is None
    assert source_of(made[-1]) is not None
    assert x.grad is not None
    assert abs(x.grad.item() - 1.001**300) < 1e-4
    assert [t.order for t in made] == sorted(t.order for t in made)


def test_ops_of_others():
    """A function of the user's that goes through the door itself is where its op stands."""
    half = bl.Primitive(
        "half", lambda x: x.data * np.float32(0.5), rules=(lambda g, ans, x: g * 0.5,)
    )

    def own(x):
        return bl.apply(half, x)

    with trace():
        y = own(tensor(2.0, requires_grad=True))
    found = source_of(y)
    assert found is not None
    assert found.code == "return bl.apply(half, x)"


def test_nobody_stands_behind():
    """An op that a thread calls without a function of the user's, and one at a module's top."""
    program = """
import threading
from backlit.engine import apply, registry, source_of, tensor, trace
x = tensor(2.0, requires_grad=True)
made = []
with trace():
    thread = threading.Thread(target=lambda: made.append(x.exp()))
    thread.start(); thread.join()
    y = apply(registry["exp"], x)
    z = x * x
print(source_of(made[0]).line, source_of(y).line, source_of(z).line)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["7", "9", "10"]


def test_code_without_a_file():
    names: dict[str, object] = {"x": tensor(2.0, requires_grad=True)}
    with trace():
        exec("y = x * x", names)
    found = source_of(names["y"])  # type: ignore[arg-type]
    assert found == ("<string>", 1, "")
    assert str(found) == "<string>:1"


def test_threads_and_replay():
    found = {}

    def work(k):
        x = tensor(2.0, requires_grad=True)
        for _ in range(500):
            found[k] = source_of(x.exp() if k else x.log())

    step = bl.replay(lambda x: (x * x).sum())
    with trace():
        threads = [threading.Thread(target=work, args=(k,)) for k in range(2)]
        for thread in threads:
            thread.start()
        results = [step(tensor([1.0, float(k)])).item() for k in range(5)]
        for thread in threads:
            thread.join()
    assert results == [1.0, 2.0, 5.0, 10.0, 17.0]
    assert found[0].code == found[1].code == "found[k] = source_of(x.exp() if k else x.log())"


def test_what_find_nan_needs_does_not_touch_the_users_switch():
    x = tensor(1.0, requires_grad=True)
    trace()
    try:
        assert bl.find_nan(lambda: x.log()) is None
        assert module.is_tracing()
        with module.needed():
            trace(False)
            assert module.is_tracing()
        assert not module.is_tracing()
    finally:
        trace(False)


def test_blocks_in_many_threads_end_with_tracing_off():
    """Also where one opens while another is open, and they end in the order in which they began."""
    barrier = threading.Barrier(2)
    told = []

    def work(first: bool):
        if first:
            with trace():
                barrier.wait()  # one is open: the other opens now
                barrier.wait()
            barrier.wait()
            return
        barrier.wait()
        with trace():
            barrier.wait()
            barrier.wait()  # the first has ended
            told.append(module.is_tracing())
        told.append(module.is_tracing())

    threads = [threading.Thread(target=work, args=(first,)) for first in (True, False)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told == [True, False]


def test_the_newest_setting_holds():
    try:
        trace()
        with trace(False):
            assert not module.is_tracing()
            with trace():
                assert module.is_tracing()
            assert not module.is_tracing()
        assert module.is_tracing()
        for _ in range(100):
            trace()
        assert len(module._settings) == 2
    finally:
        trace(False)
    assert not module.is_tracing()
