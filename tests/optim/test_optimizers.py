"""Optimizers against NumPy oracles, their bookkeeping, and what they refuse.
Steps are driven by given gradients, so that nothing but the optimizer is tested.
"""

import copy
import math
from typing import Any

import numpy as np
import pytest

from backlit import nn, optim
from backlit.engine import ones, tensor

from . import cases
from .oracles import AdaptiveMoments, Momentum, descend


def parameters(dtype: Any = np.float64) -> list[nn.Parameter]:
    return [nn.Parameter(start, dtype=dtype) for start in cases.starts()]


def run(optimizer, params, gradients, steps=slice(None)):
    for step in range(cases.STEPS)[steps]:
        for parameter, given in zip(params, gradients, strict=True):
            g = given[step]
            parameter.grad = None if g is None else tensor(g, dtype=parameter.dtype)
        optimizer.step()
    return [parameter.numpy().copy() for parameter in params]


FAMILIES = [
    *((optim.SGD, Momentum, options) for options in cases.SGD),
    *((optim.Adam, AdaptiveMoments, options) for options in cases.ADAM),
    *((optim.AdamW, AdaptiveMoments, options) for options in cases.ADAM),
]


@pytest.mark.parametrize(("dtype", "rtol"), [(np.float64, 1e-10), (np.float32, 1e-5)])
@pytest.mark.parametrize(
    ("optimizer", "oracle", "options"),
    FAMILIES,
    ids=[f"{family[0].__name__}-{cases.label(family[2])}" for family in FAMILIES],
)
def test_fifty_steps_are_the_papers(optimizer, oracle, options, dtype, rtol):
    params = parameters(dtype)
    got = run(optimizer(params, **options), params, cases.gradients())
    more = {"decoupled": True} if optimizer is optim.AdamW else {}
    for value, start, given in zip(got, cases.starts(), cases.gradients(), strict=True):
        wanted = descend(oracle(**options, **more), start, given)
        assert value.dtype == dtype
        scale = abs(wanted).max()
        np.testing.assert_allclose(value, wanted, rtol=rtol, atol=rtol * scale)


@pytest.mark.parametrize("optimizer", [optim.SGD, optim.Adam, optim.AdamW])
def test_one_group_may_mix_dtypes_and_layouts(optimizer):
    params = [*parameters(np.float64)[:2], *parameters(np.float32)[:2]]
    gradients = cases.gradients()[:2] * 2
    options: Any = {"momentum": 0.9} if optimizer is optim.SGD else {}
    together = run(optimizer(params, lr=0.01, **options), params, gradients)
    alone = [*parameters(np.float64)[:2], *parameters(np.float32)[:2]]
    for parameter, given, wanted in zip(alone, gradients, together, strict=True):
        one = optimizer([parameter], lr=0.01, **options)
        for g in given:
            parameter.grad = tensor(g.T, dtype=parameter.dtype).transpose()  # not contiguous
            one.step()
        assert parameter.numpy().tobytes() == wanted.tobytes()


def test_the_defaults_are_the_papers():
    for optimizer, oracle in (
        (optim.SGD, Momentum()),
        (optim.Adam, AdaptiveMoments()),
        (optim.AdamW, AdaptiveMoments(weight_decay=0.01, decoupled=True)),
    ):
        params = parameters()
        got = run(optimizer(params), params, cases.gradients())
        wanted = descend(oracle, cases.starts()[0], cases.gradients()[0])
        np.testing.assert_allclose(got[0], wanted, rtol=1e-10)


def test_training_reaches_the_minimum():
    x = nn.Parameter(tensor([3.0, -2.0]))
    for optimizer in (
        optim.SGD([x], lr=0.1, momentum=0.5),
        optim.Adam([x], lr=0.1),
        optim.AdamW([x], lr=0.1, weight_decay=0.0),
    ):
        nn.init.constant_(x, 3.0)
        for _ in range(400):
            loss = (x - tensor([1.0, 2.0])).square().sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        np.testing.assert_allclose(x.numpy(), [1, 2], atol=1e-3)


def test_parameters_change_where_they_lie_and_stay_leaves():
    x = nn.Parameter(tensor([1.0]))
    address = x.numpy().ctypes.data
    x.grad = ones(1)
    optim.SGD([x], lr=0.5).step()
    assert x.numpy().ctypes.data == address
    assert x.is_leaf
    assert x.requires_grad
    assert x.tolist() == [0.5]


def test_a_step_is_seen_by_a_graph_that_needs_the_old_numbers():
    x = nn.Parameter(tensor([1.0]))
    loss = (x * x).sum()
    x.grad = ones(1)
    optim.SGD([x], lr=0.5).step()
    with pytest.raises(RuntimeError):
        loss.backward()


def test_a_step_without_gradients_does_nothing():
    params = parameters()
    optimizer = optim.Adam(params)
    optimizer.step()
    assert all((p.numpy() == s).all() for p, s in zip(params, cases.starts(), strict=True))
    assert optimizer.state_dict()["state"] == {}


def test_zero_grad():
    x = nn.Parameter(tensor([1.0]))
    optimizer = optim.SGD([x])
    (x * x).sum().backward()
    optimizer.zero_grad(set_to_none=False)
    assert x.grad is not None
    assert x.grad.tolist() == [0]
    optimizer.zero_grad()
    assert x.grad is None


# ---- hyperparameters and groups ----------------------------------------------------------------


def test_a_changed_hyperparameter_counts_from_the_next_step():
    x = nn.Parameter(tensor([1.0]))
    optimizer = optim.SGD([x], lr=0.5)
    (group,) = optimizer.param_groups
    x.grad = ones(1)
    changes = [
        lambda: None,
        lambda: group.__setitem__("lr", 0.25),
        lambda: group.update(lr=0.125),
        lambda: group.update({"lr": 1.0, "maximize": True}),
        lambda: group.__ior__({"lr": 0.5}),
    ]
    seen = []
    for change in changes:
        change()
        optimizer.step()
        seen.append(x.item())
    assert seen == [0.5, 0.25, 0.125, 1.125, 1.625]
    assert group["lr"] == 0.5
    assert dict(group)["maximize"] is True


def test_momentum_may_be_switched_on_later():
    rng = np.random.default_rng(0)
    g = [rng.normal(size=3) for _ in range(6)]
    x = nn.Parameter(np.zeros(3), dtype=np.float64)
    optimizer = optim.SGD([x], lr=0.1, dampening=0.5)
    for step, gradient in enumerate(g):
        if step == 3:
            optimizer.param_groups[0]["momentum"] = 0.9
        x.grad = tensor(gradient, dtype=np.float64)
        optimizer.step()
    plain = descend(Momentum(lr=0.1, dampening=0.5), np.zeros(3), g[:3])
    wanted = descend(Momentum(lr=0.1, momentum=0.9, dampening=0.5), plain, g[3:])
    np.testing.assert_allclose(x.numpy(), wanted, rtol=1e-12)


def test_groups_have_hyperparameters_of_their_own():
    one, two, three = (nn.Parameter(tensor([1.0])) for _ in range(3))
    optimizer = optim.SGD([{"params": [one]}, {"params": [two], "lr": 0.5}], lr=0.25)
    optimizer.add_param_group({"params": [three], "lr": 1.0})
    for x in (one, two, three):
        x.grad = ones(1)
    optimizer.step()
    assert [x.item() for x in (one, two, three)] == [0.75, 0.5, 0.0]
    assert [group["lr"] for group in optimizer.param_groups] == [0.25, 0.5, 1.0]
    assert optimizer.param_groups[1]["params"][0] is two


def test_a_scheduler_may_keep_notes_in_a_group():
    (group,) = optim.SGD([nn.Parameter(tensor([1.0]))]).param_groups
    group.setdefault("initial_lr", group["lr"])
    assert group["initial_lr"] == 1e-3
    assert dict(group.items()) == dict(zip(group.keys(), group.values(), strict=True))


def test_a_copy_of_a_group_is_a_plain_dict():
    (group,) = optim.SGD([nn.Parameter(tensor([1.0]))]).param_groups
    for twin in (group.copy(), copy.copy(group)):
        twin["lr"] = 7.0
        assert type(twin) is dict
    assert group["lr"] == 1e-3


def test_a_model_and_its_optimizer_can_be_copied_together():
    model = nn.Linear(2, 1)
    optimizer = optim.Adam(model.parameters(), lr=0.5)
    for p in model.parameters():
        p.grad = ones(p.shape)
    optimizer.step()
    twin, other = copy.deepcopy((model, optimizer))
    before = model.weight.tolist()
    other.param_groups[0]["lr"] = 0.0
    other.step()
    assert twin.weight.tolist() == before
    other.param_groups[0]["lr"] = 0.25
    other.step()
    assert model.weight.tolist() == before
    assert twin.weight.tolist() != before
    assert other.state_dict()["state"][0]["step"] == 3
    assert optimizer.state_dict()["state"][0]["step"] == 1


def test_parameters_of_a_group_are_fixed():
    (group,) = optim.SGD([nn.Parameter(tensor([1.0]))]).param_groups
    with pytest.raises(ValueError, match="add_param_group"):
        group["params"] = []
    with pytest.raises(TypeError, match="cannot be removed"):
        del group["lr"]
    with pytest.raises(TypeError, match="cannot be removed"):
        group.pop("lr")


BAD = [
    (optim.SGD, {"lr": -0.1}, "lr must be a finite number of at least 0, got -0.1"),
    (optim.SGD, {"lr": math.nan}, "got nan"),
    (optim.SGD, {"lr": math.inf}, "got inf"),
    (optim.SGD, {"lr": "fast"}, "got 'fast'"),
    (optim.SGD, {"lr": None}, "got None"),
    (optim.SGD, {"momentum": -1}, "momentum"),
    (optim.SGD, {"weight_decay": -1}, "weight_decay"),
    (optim.SGD, {"nesterov": True}, "nesterov needs a momentum"),
    (optim.SGD, {"nesterov": True, "momentum": 0.9, "dampening": 0.1}, "no dampening"),
    (optim.Adam, {"lr": -0.1}, "lr"),
    (optim.Adam, {"eps": -1e-8}, "eps"),
    (optim.Adam, {"eps": math.nan}, "eps"),
    (optim.Adam, {"betas": (1.0, 0.999)}, r"betas\[0\] must be from 0 to below 1"),
    (optim.Adam, {"betas": (0.9, -0.1)}, r"betas\[1\]"),
    (optim.Adam, {"betas": 0.9}, "two numbers"),
    (optim.Adam, {"betas": (0.9,)}, "two numbers"),
    (optim.AdamW, {"weight_decay": math.nan}, "weight_decay"),
]


@pytest.mark.parametrize(("optimizer", "options", "message"), BAD)
def test_hyperparameters_that_cannot_be_meant(optimizer, options, message):
    x = nn.Parameter(tensor([1.0]))
    with pytest.raises(ValueError, match=message):
        optimizer([x], **options)
    (group,) = optimizer([x]).param_groups
    before = dict(group)
    with pytest.raises(ValueError, match=message):
        group.update(options)
    assert dict(group) == before


def test_parameters_that_cannot_be_optimized():
    x = nn.Parameter(tensor([1.0]))
    x.name = "layer.weight"
    model: Any = nn.Linear(2, 3)
    with pytest.raises(ValueError, match="no parameters"):
        optim.SGD([])
    with pytest.raises(ValueError, match="no parameters"):
        optim.SGD(iter(()))
    with pytest.raises(TypeError, match=r"in a list.*got Parameter"):
        optim.SGD(x)
    with pytest.raises(TypeError, match=r"model\.parameters\(\), got Linear"):
        optim.SGD(model)
    with pytest.raises(TypeError, match="parameter 0 is a tuple"):
        optim.SGD(model.named_parameters())
    with pytest.raises(ValueError, match=r"parameter 1 was computed from others"):
        optim.SGD([x, x * 2])
    with pytest.raises(ValueError, match=r"layer\.weight\) stands in the list twice"):
        optim.SGD([x, x])
    with pytest.raises(ValueError, match=r"layer\.weight is in another group"):
        optim.SGD([{"params": [x]}, {"params": [x]}])
    with pytest.raises(TypeError, match="int64"):
        optim.SGD([tensor([1, 2])])
    with pytest.raises(TypeError, match="SGD has no learning_rate; it has lr, "):
        optim.SGD([{"params": [x], "learning_rate": 0.1}])


def test_a_refused_group_is_not_added():
    x, y = nn.Parameter(tensor([1.0])), nn.Parameter(tensor([1.0]))
    optimizer = optim.SGD([x])
    for group in ({"params": [y], "lr": -1}, {"params": [x]}, {"params": []}, {}):
        with pytest.raises(ValueError, match=r"lr|another group|no parameters"):
            optimizer.add_param_group(group)
    assert len(optimizer.param_groups) == 1


def test_a_frozen_parameter_waits():
    x = nn.Parameter(tensor([1.0]), requires_grad=False)
    optimizer = optim.SGD([x], lr=0.5)
    optimizer.step()
    x.requires_grad_()
    (x * 1).sum().backward()
    optimizer.step()
    assert x.tolist() == [0.5]


def test_repr_shows_the_settings():
    optimizer = optim.AdamW(nn.Linear(2, 3).parameters(), lr=0.01)
    assert repr(optimizer) == (
        "AdamW(\n  lr=0.01, betas=(0.9, 0.999), eps=1e-08, weight_decay=0.01, maximize=False"
        "  # 2 parameters\n)"
    )


# ---- state -------------------------------------------------------------------------------------

STATEFUL = [
    (optim.SGD, {"lr": 0.1, "momentum": 0.9, "dampening": 0.3}),
    (optim.SGD, {"lr": 0.1}),
    (optim.Adam, {"lr": 0.05, "weight_decay": 0.1}),
    (optim.AdamW, {"lr": 0.05}),
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("optimizer", "options"), STATEFUL)
def test_a_resumed_run_is_the_run_bit_for_bit(optimizer, options, dtype):
    gradients = cases.gradients()
    params = parameters(dtype)
    first = optimizer(params, **options)
    run(first, params, gradients, slice(20))
    first.param_groups[0]["lr"] = 0.02
    saved = first.state_dict()
    twins = [nn.Parameter(p) for p in params]
    whole = run(first, params, gradients, slice(20, None))

    second = optimizer(twins, lr=7.0)
    second.load_state_dict(saved)
    assert dict(second.param_groups[0])["lr"] == 0.02
    resumed = run(second, twins, gradients, slice(20, None))
    assert [a.tobytes() for a in whole] == [b.tobytes() for b in resumed]


def test_a_state_is_a_copy_and_has_pytorchs_form():
    params = parameters()
    optimizer = optim.Adam([{"params": params[:1]}, {"params": params[1:], "lr": 0.5}])
    run(optimizer, params, cases.gradients(), slice(10))
    state = optimizer.state_dict()
    assert [group["params"] for group in state["param_groups"]] == [[0], [1, 2]]
    assert state["param_groups"][1]["lr"] == 0.5
    assert {i: sorted(s) for i, s in state["state"].items()} == {
        i: ["exp_avg", "exp_avg_sq", "step"] for i in range(3)
    }
    assert [s["step"] for s in state["state"].values()] == [10, 10, 6]
    before = state["state"][0]["exp_avg"].numpy().copy()
    run(optimizer, params, cases.gradients(), slice(10, 12))
    assert (state["state"][0]["exp_avg"].numpy() == before).all()
    assert state["state"][0]["step"] == 10


def test_loading_writes_into_the_moments_that_are_there():
    params = parameters()
    optimizer = optim.Adam(params)
    run(optimizer, params, cases.gradients(), slice(5))
    saved = optimizer.state_dict()
    run(optimizer, params, cases.gradients(), slice(5, 9))
    addresses = [s["exp_avg"].numpy().ctypes.data for s in optimizer.state.values()]
    optimizer.load_state_dict(saved)
    assert [s["exp_avg"].numpy().ctypes.data for s in optimizer.state.values()] == addresses
    again = optimizer.state_dict()["state"]
    for index, state in saved["state"].items():
        assert state["step"] == again[index]["step"]
        assert state["exp_avg"].tolist() == again[index]["exp_avg"].tolist()


def test_loading_a_fresh_state_forgets():
    params = parameters()
    optimizer = optim.Adam(params)
    fresh = optimizer.state_dict()
    run(optimizer, params, cases.gradients(), slice(5))
    optimizer.load_state_dict(fresh)
    assert optimizer.state_dict()["state"] == {}


def broken_states():
    def group(state):
        state["param_groups"].append(state["param_groups"][0])

    def count(state):
        state["param_groups"][0]["params"].append(9)

    def shape(state):
        state["state"][1]["exp_avg"] = tensor(np.zeros(4), dtype=np.float64)

    def dtype(state):
        state["state"][1]["exp_avg"] = tensor(np.zeros(5))

    def missing(state):
        del state["state"][2]["exp_avg_sq"]

    def unknown(state):
        state["state"][0]["max_exp_avg_sq"] = state["state"][0]["exp_avg_sq"]

    def option(state):
        state["param_groups"][0]["lr"] = -1

    return [
        (group, r"groups of \[3, 3\] parameters given, of \[3\] needed"),
        (count, r"groups of \[4\]"),
        (shape, r"shape of exp_avg of 1: \(4,\) given, \(5,\) needed"),
        (dtype, "dtype of exp_avg of 1: float32 given, float64 needed"),
        (missing, "2: .*needed"),
        (unknown, "max_exp_avg_sq"),
        (option, "lr must be"),
    ]


@pytest.mark.parametrize(("spoil", "message"), broken_states())
def test_a_state_that_does_not_fit_changes_nothing(spoil, message):
    params = parameters()
    optimizer = optim.Adam(params)
    run(optimizer, params, cases.gradients(), slice(5))
    state = optimizer.state_dict()
    before = repr(state)
    spoil(state)
    for name in ("exp_avg", "exp_avg_sq"):
        state["state"][0][name] = tensor(np.full((3, 2), 9.0), dtype=np.float64)
    with pytest.raises(ValueError, match=message):
        optimizer.load_state_dict(state)
    assert repr(optimizer.state_dict()) == before
