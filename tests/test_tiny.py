"""The whole product in miniature, on one page: tensors, gradients, a network, an optimizer, a loss,
saving, drawing. If you read one test, read this one.
"""

from pathlib import Path

import numpy as np

import backlit as bl
import backlit.nn.functional as F
from backlit import nn, optim
from backlit.engine import backward_steps, gradients, registry, tensor

XOR = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
LABELS = tensor([0, 1, 1, 0])


def test_a_gradient():
    x = tensor(3.0, requires_grad=True)
    y = x * x + 2 * x
    y.backward()
    assert x.grad is not None
    assert (y.item(), x.grad.item()) == (15.0, 8.0)


def test_a_gradient_of_a_gradient():
    x = tensor(2.0, requires_grad=True)
    (dx,) = gradients(x**3, x, create_graph=True)
    assert dx is not None
    (ddx,) = gradients(dx, x)
    assert ddx is not None
    assert (dx.item(), ddx.item()) == (12.0, 12.0)


def test_backward_as_a_sequence_of_steps():
    x = tensor(3.0, requires_grad=True)
    made = [step.out.primitive for step in backward_steps((x * x).tanh())]
    assert made == [registry["tanh"], registry["mul"]]


def test_a_network_learns_xor():
    """The problem that one layer cannot learn."""
    bl.manual_seed(0)
    model = nn.MLP([2, 16, 2])
    opt = optim.Adam(model.parameters(), lr=0.05)
    first = F.cross_entropy(model(tensor(XOR)), LABELS).item()
    assert abs(first - np.log(2)) < 0.5
    for _ in range(150):
        loss = F.cross_entropy(model(tensor(XOR)), LABELS)
        opt.zero_grad()
        loss.backward()
        opt.step()
    assert F.cross_entropy(model(tensor(XOR)), LABELS).item() < 0.05
    with bl.no_grad():
        assert model(tensor(XOR)).argmax(1).tolist() == LABELS.tolist()


def test_a_step_by_hand():
    """What an optimizer does, without one."""
    bl.manual_seed(1)
    w = tensor([[0.0], [0.0]], requires_grad=True)
    b = tensor([0.0], requires_grad=True)
    x = bl.engine.normal((64, 2))
    y = x @ tensor([[2.0], [-3.0]]) + 0.5
    for _ in range(100):
        w.grad = b.grad = None
        F.mse_loss(x @ w + b, y).backward()
        assert w.grad is not None
        assert b.grad is not None
        with bl.no_grad():
            w -= 0.1 * w.grad
            b -= 0.1 * b.grad
    np.testing.assert_allclose(w.numpy(), [[2], [-3]], atol=1e-3)
    np.testing.assert_allclose(b.numpy(), [0.5], atol=1e-3)


def test_weights_are_saved_and_loaded(tmp_path: Path):
    bl.manual_seed(2)
    model, twin = nn.MLP([2, 8, 2]), nn.MLP([2, 8, 2])
    bl.save(tmp_path / "model.safetensors", model)
    bl.load(tmp_path / "model.safetensors", twin)
    np.testing.assert_array_equal(model(tensor(XOR)).numpy(), twin(tensor(XOR)).numpy())


def test_the_graph_is_drawn(tmp_path: Path):
    model = nn.MLP([2, 4, 2])
    bl.draw(F.cross_entropy(model(tensor(XOR)), LABELS)).save(tmp_path / "graph.svg")
    assert "<svg" in (tmp_path / "graph.svg").read_text()
