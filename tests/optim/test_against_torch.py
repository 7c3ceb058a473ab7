"""The same steps in PyTorch: parameters, states and clipping, for every flag."""

import math

import numpy as np
import pytest

from backlit import nn, optim
from backlit.engine import tensor

from . import cases

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.peers

CASES = [
    *(("SGD", options) for options in cases.SGD),
    *(("Adam", options) for options in cases.ADAM),
    *(("AdamW", options) for options in cases.ADAM),
]


def both(dtype):
    ours = [nn.Parameter(start, dtype=dtype) for start in cases.starts()]
    theirs = [torch.nn.Parameter(torch.tensor(p.numpy().copy())) for p in ours]
    return ours, theirs


def run(optimizer, params, make, steps):
    for step in range(cases.STEPS)[steps]:
        for parameter, given in zip(params, cases.gradients(), strict=True):
            g = given[step]
            parameter.grad = None if g is None else make(g)
        optimizer.step()


@pytest.mark.parametrize(("dtype", "rtol"), [(np.float64, 1e-10), (np.float32, 1e-5)])
@pytest.mark.parametrize(
    ("name", "options"), CASES, ids=[f"{name}-{cases.label(options)}" for name, options in CASES]
)
def test_fifty_steps_and_a_change_of_hands(name, options, dtype, rtol):
    """25 steps in each, then each goes on from the other's state."""
    ours, theirs = both(dtype)
    own, peer = getattr(optim, name)(ours, **options), getattr(torch.optim, name)(theirs, **options)

    def make(g):
        return tensor(g, dtype=dtype)

    def make_theirs(g):
        return torch.tensor(np.asarray(g, dtype))

    def compare():
        for a, b in zip(ours, theirs, strict=True):
            wanted = b.detach().numpy()
            np.testing.assert_allclose(
                a.numpy(), wanted, rtol=rtol, atol=rtol * abs(wanted).max(initial=0)
            )

    run(own, ours, make, slice(25))
    run(peer, theirs, make_theirs, slice(25))
    compare()
    state = peer.state_dict()
    arrays = {
        index: {k: v.numpy() if torch.is_tensor(v) else v for k, v in entry.items()}
        for index, entry in state["state"].items()
    }
    own.load_state_dict({"state": arrays, "param_groups": state["param_groups"]})
    run(own, ours, make, slice(25, None))
    run(peer, theirs, make_theirs, slice(25, None))
    compare()


@pytest.mark.parametrize("norm_type", [1.0, 2.0, 3.0, math.inf])
@pytest.mark.parametrize("max_norm", [0.1, 100.0])
def test_clipping(norm_type, max_norm):
    ours, theirs = both(np.float64)
    for a, b, given in zip(ours, theirs, cases.gradients(), strict=True):
        a.grad, b.grad = tensor(given[4], dtype=np.float64), torch.tensor(np.asarray(given[4]))
    total = optim.clip_grad_norm_(ours, max_norm, norm_type)
    wanted = torch.nn.utils.clip_grad_norm_(theirs, max_norm, norm_type)
    assert total.item() == pytest.approx(wanted.item(), rel=1e-12)
    optim.clip_grad_value_(ours, 0.05)
    torch.nn.utils.clip_grad_value_(theirs, 0.05)
    for a, b in zip(ours, theirs, strict=True):
        assert a.grad is not None
        np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), rtol=1e-10)
