"""Module: what it finds in its attributes, how it names that, how state goes in and out.
The traps are those of other frameworks: lost layers, shared names, half-loaded states.
"""

import copy
from typing import Any

import numpy as np
import pytest

from backlit import nn
from backlit.engine import ShapeError, Tensor, no_grad, ones, tensor, zeros


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(2, 3)
        self.scale = nn.Parameter([1.0])
        self.blocks = [nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 3)]
        self.heads = {"mean": nn.Linear(3, 1), "spread": nn.Linear(3, 1)}
        self.register_buffer("seen", zeros(()))
        self.seen: Tensor
        self.note = "not a module"

    def forward(self, x):
        x = self.first(x) * self.scale
        for block in self.blocks:
            x = block(x)
        return self.heads["mean"](x), self.heads["spread"](x)


NAMES = [
    "scale",
    "first.weight",
    "first.bias",
    "blocks.0.weight",
    "blocks.0.bias",
    "blocks.2.weight",
    "blocks.2.bias",
    "heads.mean.weight",
    "heads.mean.bias",
    "heads.spread.weight",
    "heads.spread.bias",
]


def test_parameters_come_in_order_under_dotted_names():
    net = Net()
    assert [name for name, _ in net.named_parameters()] == NAMES
    assert [id(p) for p in net.parameters()] == [id(p) for _, p in net.named_parameters()]
    assert [p.name for p in net.parameters()] == NAMES
    assert list(net.state_dict()) == ["scale", "seen", *NAMES[1:]]


def test_modules_and_children():
    net = Net()
    assert [name for name, _ in net.named_modules()] == [
        "", "first", "blocks.0", "blocks.1", "blocks.2", "heads.mean", "heads.spread",
    ]  # fmt: skip
    assert next(net.modules()) is net
    assert list(net.children()) == [net.first, *net.blocks, *net.heads.values()]
    assert [name for name, _ in net.named_buffers()] == ["seen"]
    assert next(net.buffers()) is net.seen


def test_names_are_known_when_the_parameter_is_set_without_any_walk():
    outer = nn.Sequential(nn.MLP([2, 3, 1]))
    assert outer[0][2].weight.name == "0.2.weight"


def test_a_layer_appended_to_a_plain_list_is_found_and_named():
    net = Net()
    net.blocks.append(nn.Linear(3, 5))
    assert "blocks.3.weight" in dict(net.named_parameters())
    assert net.blocks[3].weight.name == "blocks.3.weight"
    with pytest.raises(ShapeError, match=r"blocks\.3"):
        net.blocks[3](zeros((1, 7)))


def test_walking_a_part_does_not_shorten_names():
    net = Net()
    list(net.blocks[0].named_parameters())
    assert net.blocks[0].weight.name == "blocks.0.weight"


def test_a_slice_does_not_rename_the_layers_of_the_model():
    model = nn.MLP([2, 3, 3, 1])
    tail = model[2:]
    assert list(tail.state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert model[2].weight.name == "2.weight"
    with pytest.raises(ShapeError, match=r"module 2\b"):
        model[2:](zeros((1, 7)))


def test_a_shared_parameter_comes_once_but_stands_twice_in_the_state():
    net: Any = nn.Module()
    net.encoder, net.decoder = nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False)
    net.decoder.weight = net.encoder.weight
    assert [name for name, _ in net.named_parameters()] == ["encoder.weight"]
    both = [name for name, _ in net.named_parameters(remove_duplicate=False)]
    assert both == ["encoder.weight", "decoder.weight"]
    assert list(net.state_dict()) == ["encoder.weight", "decoder.weight"]


def test_a_shared_module_comes_once():
    layer = nn.Linear(3, 3)
    model = nn.Sequential(layer, nn.Tanh(), layer)
    assert [name for name, _ in model.named_modules()] == ["", "0", "1"]
    assert len(list(model.parameters())) == 2
    assert "12 parameters" in repr(model)


def test_a_module_cannot_hold_the_one_that_holds_it():
    outer, inner = nn.Module(), nn.Module()
    outer.inner = inner
    with pytest.raises(ValueError, match="part of"):
        inner.outer = outer
    with pytest.raises(ValueError, match="part of"):
        inner.itself = inner


def test_assigning_again_keeps_the_place():
    net = Net()
    net.first = nn.Linear(2, 3)
    assert [name for name, _ in net.named_parameters()] == NAMES
    del net.first
    assert [name for name, _ in net.named_parameters()] == [n for n in NAMES if "first" not in n]


def test_a_plain_tensor_is_no_parameter_and_cannot_replace_one():
    layer: Any = nn.Linear(2, 3)
    layer.last_input = tensor([1.0], requires_grad=True)
    assert list(layer.state_dict()) == ["weight", "bias"]
    with pytest.raises(TypeError, match=r"nn\.Parameter"):
        layer.weight = zeros((3, 2))
    layer.bias = None
    assert list(layer.state_dict()) == ["weight"]


def test_parameter_copies_and_keeps_a_tensors_dtype():
    source = tensor([1.0, 2.0], dtype=np.float64)
    parameter = nn.Parameter(source)
    assert isinstance(parameter, nn.Parameter)
    assert parameter.dtype == np.float64
    assert parameter.requires_grad
    assert not np.shares_memory(parameter.numpy(), source.numpy())
    assert nn.Parameter(np.ones(2)).dtype == np.float32
    assert nn.Parameter([1.0], dtype="float64").dtype == np.float64
    assert not nn.Parameter([1.0], requires_grad=False).requires_grad
    with pytest.raises(TypeError):
        nn.Parameter([1, 2])
    assert type(parameter * 2) is type(source)


def test_train_and_eval_reach_everything():
    net: Any = Net()
    assert net.training
    assert net.eval() is net
    assert not any(module.training for module in net.modules())
    assert net.train() is net
    assert all(module.training for module in net.modules())
    with pytest.raises(TypeError, match="True or False"):
        net.train("yes")


def test_freezing_and_forgetting_gradients():
    net = Net()
    assert net.requires_grad_(False) is net
    assert not any(p.requires_grad for p in net.parameters())
    assert "42 parameters, 42 frozen" in repr(net)
    net.requires_grad_()
    for p in net.parameters():
        p.grad = ones(p.shape)
    net.zero_grad(set_to_none=False)
    assert all(p.grad is not None and (p.grad.numpy() == 0).all() for p in net.parameters())
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())


def test_state_dict_holds_copies():
    layer = nn.Linear(2, 3)
    state = layer.state_dict()
    before = state["weight"].numpy().copy()
    assert not state["weight"].requires_grad
    with no_grad():
        layer.weight.fill_(7.0)
    assert (state["weight"].numpy() == before).all()


@pytest.mark.parametrize("form", [lambda t: t, lambda t: t.numpy()])
def test_loading_writes_in_place_and_takes_tensors_or_arrays(form):
    first, second = Net(), Net()
    addresses = [p.numpy().ctypes.data for p in second.parameters()]
    state = {name: form(value) for name, value in first.state_dict().items()}
    second.load_state_dict(state)
    assert [p.numpy().ctypes.data for p in second.parameters()] == addresses
    for one, other in zip(first.parameters(), second.parameters(), strict=True):
        assert one.numpy().tobytes() == other.numpy().tobytes()
        assert other.requires_grad


def test_a_state_of_something_else_is_refused():
    state: Any = {"bias": [1.0, 2.0, 3.0]}
    with pytest.raises(TypeError, match="'bias' must be a Tensor or an array, got list"):
        nn.Linear(2, 3).load_state_dict(state)


def test_a_state_that_does_not_fit_says_all_that_is_wrong_and_changes_nothing():
    layer = nn.Linear(2, 3)
    before = layer.state_dict()
    wrong = {"weight": np.zeros((2, 3)), "extra": np.zeros(1, np.float32)}
    with pytest.raises(nn.StateError) as caught:
        layer.load_state_dict(wrong)
    text = str(caught.value)
    assert "missing: bias" in text
    assert "unexpected: extra" in text
    assert "shape of weight: (2, 3) given, (3, 2) needed" in text
    assert "dtype of weight: float64 given, float32 needed" in text
    half = {"bias": np.zeros(3, np.float32), "weight": np.zeros(5, np.float32)}
    with pytest.raises(nn.StateError):
        layer.load_state_dict(half)
    for name, value in layer.state_dict().items():
        assert (value.numpy() == before[name].numpy()).all()


def test_without_strict_names_may_differ_but_not_shapes():
    layer: Any = nn.Linear(2, 3)
    keys = layer.load_state_dict({"bias": np.ones(3, np.float32), "x": ones(1)}, strict=False)
    assert keys.missing_keys == ["weight"]
    assert keys.unexpected_keys == ["x"]
    assert layer.bias.tolist() == [1, 1, 1]
    with pytest.raises(nn.StateError):
        layer.load_state_dict({"bias": np.ones(4, np.float32)}, strict=False)


def test_loading_is_seen_by_a_graph_that_needs_the_old_numbers():
    layer = nn.Linear(2, 3)
    loss = layer(tensor([[1.0, 2.0]], requires_grad=True)).sum()
    layer.load_state_dict(nn.Linear(2, 3).state_dict())
    with pytest.raises(RuntimeError):
        loss.backward()


def test_buffers():
    module = nn.Module()
    module.register_buffer("kept", ones(2))
    module.register_buffer("lost", ones(2), persistent=False)
    module.register_buffer("empty", None)
    assert list(module.state_dict()) == ["kept"]
    assert [name for name, _ in module.named_buffers()] == ["kept", "lost"]
    module.kept = zeros(2)
    assert module.state_dict()["kept"].tolist() == [0, 0]
    for name in ("", "a.b", "training"):
        with pytest.raises(ValueError, match=r"dots|already"):
            module.register_buffer(name, ones(1))
    with pytest.raises(TypeError, match="plain Tensor"):
        module.register_buffer("p", nn.Parameter([1.0]))


def test_forgetting_super_init_is_hinted_at_where_it_matters():
    class Half(nn.Linear):
        def __init__(self):
            pass

    with pytest.raises(AttributeError) as caught:
        Half()(zeros((1, 2)))
    assert "super().__init__()" in "".join(caught.value.__notes__)

    class Plain(nn.Module):
        def __init__(self):
            self.layer = nn.Linear(2, 3)

    plain = Plain()  # without parameters of its own there is nothing to miss
    assert plain.training
    assert list(plain.state_dict()) == ["layer.weight", "layer.bias"]
    plain.eval()
    assert not plain.layer.training


def test_a_missing_attribute_is_an_attribute_error():
    with pytest.raises(AttributeError, match="wieght"):
        getattr(nn.Linear(2, 3), "wieght")  # noqa: B009
    assert not hasattr(nn.Module(), "weight")


def test_a_module_without_forward_says_so():
    with pytest.raises(NotImplementedError, match=r"Module has no forward"):
        nn.Module()(1)


def test_errors_and_nodes_carry_the_path_and_the_path_ends_with_the_call():
    model = nn.Sequential(nn.Identity(), nn.Sequential(nn.Linear(2, 3), nn.ReLU()))
    out = model(zeros((1, 2)))
    assert out.scope == "1.1"
    with pytest.raises(ShapeError, match=r"1\.0"):
        model(zeros((1, 5)))
    assert (model(zeros((1, 2))) * 2).scope == ""


def test_repr_is_a_tree_with_the_number_of_parameters():
    assert repr(nn.ReLU()) == "ReLU()  # 0 parameters"
    net = nn.Sequential(nn.MLP([2, 3, 1]), nn.Dropout(0.1))
    assert repr(net) == (
        "Sequential(\n"
        "  (0): MLP(\n"
        "    (0): Linear(in_features=2, out_features=3, bias=True)  # 9\n"
        "    (1): ReLU()\n"
        "    (2): Linear(in_features=3, out_features=1, bias=True)  # 4\n"
        "  )\n"
        "  (1): Dropout(p=0.1)\n"
        ")  # 13 parameters"
    )
    assert "(heads.mean): Linear" in repr(Net())


def test_a_model_can_be_copied():
    net = Net()
    twin = copy.deepcopy(net)
    with no_grad():
        twin.first.weight.fill_(3.0)
    assert not (net.first.weight.numpy() == 3).any()
    assert [p.name for p in twin.parameters()] == NAMES
    assert all(isinstance(p, nn.Parameter) and p.requires_grad for p in twin.parameters())


def test_a_thousand_nested_modules_are_walked_without_recursion():
    model = nn.Linear(1, 1)
    for _ in range(1000):
        outer = nn.Module()
        object.__setattr__(outer, "inner", model)
        model = outer
    assert len(list(model.named_modules())) == 1001
    assert next(model.named_parameters())[0].endswith("inner.weight")
