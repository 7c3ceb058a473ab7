"""What notebooks show of things themselves: pictures where they are quick, text always, never an
error.
"""

from typing import Any

import numpy as np
import pytest

from backlit import nn, replay
from backlit.engine import no_grad, tensor
from backlit.study.notebook import bundle, has_picture

from .programs import HOSTILE, PROGRAMS, chain, leaf


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_loss_shows_its_graph(name):
    loss = PROGRAMS[name]()
    shown = loss._repr_mimebundle_()
    assert shown["text/plain"] == repr(loss)
    assert shown["image/svg+xml"].startswith("<svg ")
    loss.backward()


def test_what_is_no_loss_is_text():
    x = leaf([1.0, 2.0], "x")
    for value in (x, x * 2.0, tensor(1.0), chain(500), tensor([[]])):
        assert value._repr_mimebundle_() == {"text/plain": repr(value)}
    with no_grad():
        assert list((x.sum())._repr_mimebundle_()) == ["text/plain"]


def test_a_graph_of_big_tensors_is_not_walked_unasked():
    x = leaf(np.ones((2000, 1500)), "x")
    assert not has_picture((x * x).sum())


def test_a_tensor_printed_while_a_step_is_recorded():
    seen = []

    @replay
    def step(x):
        loss = (x * x).sum()
        seen.append(loss._repr_mimebundle_())
        return loss

    step(leaf([1.0, 2.0]))
    assert [list(shown) for shown in seen] == [["text/plain"]]


def test_modules_and_replayed_functions():
    assert "image/svg+xml" in nn.MLP([2, 3, 1])._repr_mimebundle_()
    step = replay(lambda x: x * 2.0)
    assert list(step._repr_mimebundle_()) == ["text/plain"]
    for _ in range(2):
        step(tensor([1.0, 2.0]))
    assert "image/svg+xml" in step._repr_mimebundle_()


def test_nothing_is_ever_raised():
    class Broken(nn.Module):
        def __repr__(self) -> str:
            raise RuntimeError("no text")

        def named_modules(self, *args: Any, **kwargs: Any):
            raise RuntimeError("no picture")

    assert bundle(Broken()) == {"text/plain": "<Broken: RuntimeError: no text>"}

    class NoPicture(Broken):
        __repr__ = object.__repr__

    assert bundle(NoPicture())["text/plain"].endswith("no picture")
    for name in HOSTILE:
        x = leaf(1.0, name)
        assert "image/svg+xml" in (x * x)._repr_mimebundle_()


def test_a_freed_graph_and_one_changed_in_place():
    loss = PROGRAMS["mlp"]()
    loss.backward()
    assert "image/svg+xml" in loss._repr_mimebundle_()
    w = leaf([1.0, 2.0], "w")
    loss = (w * w).sum()
    with no_grad():
        w.fill_(0.0)
    shown = loss._repr_mimebundle_()
    assert list(shown) == ["text/plain"]
    assert "changed in place" in shown["text/plain"]
