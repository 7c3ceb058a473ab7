"""The same models in PyTorch: names, shapes, outputs, gradients, losses, starting values."""

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from backlit import nn
from backlit.engine import manual_seed, tensor

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.peers


class Ours(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(np.ones(3))
        self.body = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3, bias=False))
        self.parts = nn.ModuleList([nn.Linear(3, 3), nn.Identity()])
        self.offset = nn.Parameter(np.zeros(3))

    def forward(self, x):
        return self.parts[0](self.body(x) * self.scale) + self.offset


class Theirs(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(3))
        self.body = torch.nn.Sequential(
            torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 3, bias=False)
        )
        self.parts = torch.nn.ModuleList([torch.nn.Linear(3, 3), torch.nn.Identity()])
        self.offset = torch.nn.Parameter(torch.zeros(3))

    def forward(self, x):
        return self.parts[0](self.body(x) * self.scale) + self.offset


def test_names_modules_outputs_and_gradients():
    ours, theirs = Ours(), Theirs()
    names = [name for name, _ in theirs.named_parameters()]
    assert [name for name, _ in ours.named_parameters()] == names
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert [n for n, _ in ours.named_modules()] == [n for n, _ in theirs.named_modules()]
    ours.load_state_dict({name: value.numpy() for name, value in theirs.state_dict().items()})

    x = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
    labels = np.array([0, 1, 2, 0, 1, 2])
    loss = nn.CrossEntropyLoss()(ours(tensor(x)), tensor(labels))
    wanted = torch.nn.CrossEntropyLoss()(theirs(torch.tensor(x)), torch.tensor(labels))
    loss.backward()
    wanted.backward()
    assert loss.item() == pytest.approx(wanted.item(), rel=1e-6)
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert a.grad is not None
        np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("kind", ["classes", "probabilities"])
@pytest.mark.parametrize("weighted", [False, True])
def test_cross_entropy(reduction, smoothing, kind, weighted):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(7, 4))
    target = rng.integers(0, 4, 7) if kind == "classes" else rng.dirichlet(np.ones(4), 7)
    weight = rng.random(4) + 0.5
    options = {"reduction": reduction, "label_smoothing": smoothing}
    loss = nn.CrossEntropyLoss(tensor(weight, dtype="float64") if weighted else None, **options)
    peer = torch.nn.CrossEntropyLoss(torch.tensor(weight) if weighted else None, **options)
    dtype = np.float64 if kind == "probabilities" else None
    got = loss(tensor(x, dtype="float64"), tensor(target, dtype=dtype))
    wanted = peer(torch.tensor(x), torch.tensor(target))
    np.testing.assert_allclose(got.numpy(), wanted.numpy(), rtol=1e-12)


def test_linear_starts_in_the_same_bounds():
    manual_seed(0)
    torch.manual_seed(0)
    ours, theirs = nn.Linear(50, 300), torch.nn.Linear(50, 300)
    for name in ("weight", "bias"):
        a, b = getattr(ours, name).numpy(), getattr(theirs, name).detach().numpy()
        assert abs(a).max() == pytest.approx(abs(b).max(), rel=0.02)
        assert a.std() == pytest.approx(b.std(), rel=0.1)


@pytest.mark.parametrize("name", ["linear", "sigmoid", "tanh", "relu", "leaky_relu", "selu"])
def test_gains(name):
    assert nn.init.calculate_gain(name) == pytest.approx(torch.nn.init.calculate_gain(name))


@pytest.mark.parametrize(
    "call",
    [
        lambda init, w: init.xavier_uniform_(w, gain=2.0),
        lambda init, w: init.xavier_normal_(w),
        lambda init, w: init.kaiming_uniform_(w, a=math.sqrt(5)),
        lambda init, w: init.kaiming_normal_(w, mode="fan_out", nonlinearity="relu"),
        lambda init, w: init.uniform_(w, -3, 1),
        lambda init, w: init.normal_(w, 2.0, 0.1),
    ],
)
def test_initialisers_draw_from_the_same_distribution(call):
    ours, theirs = nn.Parameter(np.zeros((200, 300))), torch.zeros(200, 300)
    manual_seed(0)
    torch.manual_seed(0)
    call(nn.init, ours)
    call(torch.nn.init, theirs)
    test: Any = stats.ks_2samp(ours.numpy().reshape(-1), theirs.numpy().reshape(-1))
    assert test.statistic < 0.012  # of 60,000 draws each; one in a thousand pairs is further apart


def test_a_file_of_safetensors_is_read_and_written_alike(tmp_path):
    safetensors = pytest.importorskip("safetensors.torch")
    ours, theirs = Ours(), Theirs()
    safetensors.save_file(theirs.state_dict(), tmp_path / "theirs.safetensors")
    nn.load(tmp_path / "theirs.safetensors", ours)
    nn.save(tmp_path / "ours.safetensors", ours)
    back = safetensors.load_file(tmp_path / "ours.safetensors")
    assert all(torch.equal(back[name], value) for name, value in theirs.state_dict().items())
