"""`expand`: a graph of single numbers with the value and the gradients of the tensors' graph."""

import numpy as np
import pytest
from hypothesis import given, settings

import backlit as bl
from backlit.engine import GraphError, Tensor, cross_entropy, gradients, registry, scope, tensor
from backlit.engine.backward import reachable
from backlit.engine.kernels.elementwise import Elementwise
from backlit.engine.primitives import Primitive, apply
from backlit.study import expand
from backlit.study.expanding import RULES
from backlit.study.live import live

from .programs import HOSTILE, PROGRAMS, leaf, random_programs
from .samples import DIFFERENTIABLE, gradients_of, leaves_of, sample_loss

FEW = settings(max_examples=40, deadline=None)


def check(loss: Tensor, rtol: float = 1e-9, limit: int = 100_000) -> Tensor:
    """Element by element the gradients are the same; leaves keep their order."""
    single = expand(loss, limit=limit)
    for t in reachable([single]):
        assert t.size == 1
        assert t.dtype.kind == "b" or all(x.shape == () for x in t.inputs)
    np.testing.assert_allclose(single.data, loss.data, rtol=rtol, atol=rtol)
    found = {x.name: x for x in leaves_of(single)}
    single.backward(retain_graph=True)
    graph = live("expand", loss)
    for x, g in zip(leaves_of(loss), gradients_of(loss), strict=True):
        name = graph.graph.nodes[graph.ids[x]].name
        for place in np.ndindex(*x.shape):
            key = f"{name}[{', '.join(map(str, place))}]" if place else name
            expected = 0.0 if g is None else g[place]
            one = found.get(key)
            got = 0.0 if one is None or one.grad is None else one.grad.item()
            assert one is None or one.dtype == x.dtype
            np.testing.assert_allclose(got, expected, rtol=rtol, atol=rtol, err_msg=key)
    return single


@pytest.mark.parametrize("name", [n for n in PROGRAMS if n not in ("mlp", "hostile")])
def test_programs(name: str):
    check(PROGRAMS[name]())


@pytest.mark.parametrize("name", DIFFERENTIABLE)
@pytest.mark.parametrize("seed", [0, 1])
def test_every_op_of_the_registry(name: str, seed: int):
    """A new op that is neither element by element nor known is an error with its name."""
    loss = sample_loss(name, seed)
    if name in RULES or isinstance(getattr(registry[name].forward, "__self__", 0), Elementwise):
        check(loss, 1e-8)
    else:
        assert name not in FIRST
        with pytest.raises(GraphError, match=f"expand: {name} is not known in single numbers"):
            expand(loss)


FIRST = {"matmul", "linear", "pair_sum", "sum", "mean", "max", "min", "softmax", "log_softmax",
         "cross_entropy", "reshape", "transpose", "broadcast_to", "concatenate", "astype", "slice",
         "take", "put", "tanh", "where", "pow"}  # fmt: skip
"""What must be known, whatever comes."""


@FEW
@given(random_programs())
def test_random_graphs(loss: Tensor):
    check(loss)


def test_a_product_of_matrices_becomes_products_and_sums():
    w = leaf([[1.0, 2.0], [3.0, 4.0]], "w")
    x = tensor([[5.0], [6.0]], dtype=np.float64, name="x")
    single = check((w @ x).sum())
    made = [t.primitive.name for t in reachable([single])]  # type: ignore[union-attr]
    assert sorted(made) == ["add"] * 3 + ["mul"] * 4
    assert sorted(str(x.name) for x in leaves_of(single)) == [
        "w[0, 0]", "w[0, 1]", "w[1, 0]", "w[1, 1]",
    ]  # fmt: skip
    figure = bl.draw(single).text()
    assert "mul(w[0, 0], x[0, 0])  5" in figure


def test_ties_split_the_gradient_as_the_engine_does():
    x = leaf([[2.0, 1.0, 2.0, 2.0]], "x")
    check(x.max() * 3 + x.min(axis=1).sum() + x.max(axis=0).sum())


def test_cross_entropy_in_all_its_ways():
    rng = np.random.default_rng(0)
    for reduction in ("mean", "sum", "none"):
        x = leaf(rng.normal(size=(4, 3)), "x")
        loss = cross_entropy(x, [0, 2, 1, 2], ignore_index=2, reduction=reduction)
        check(loss.sum())
    big = leaf([[1000.0, -1000.0], [0.0, 800.0]], "big")
    check(cross_entropy(big, [1, 0]))


def test_stacks_of_matrices_and_vectors():
    rng = np.random.default_rng(0)
    a, b = leaf(rng.normal(size=(2, 1, 2, 3)), "a"), leaf(rng.normal(size=(4, 3, 2)), "b")
    check((a @ b).tanh().sum())
    v, m = leaf(rng.normal(size=3), "v"), leaf(rng.normal(size=(3, 2)), "m")
    check((v @ m).tanh().sum() + (m.T @ v).square().sum() + v @ v)


def test_float32_stays_float32_and_scopes_stay():
    with scope("layer"), scope("0"):
        loss = (tensor([1.0, 2.0], requires_grad=True, name="w") * 0.1).sum()
    single = check(loss, 1e-6)
    assert {t.scope for t in reachable([single])} == {"layer.0"}
    assert single.dtype == np.float32


def test_expanding_touches_nothing():
    loss = PROGRAMS["broadcast"]()
    leaves = leaves_of(loss)
    expand(loss).backward()
    assert all(x.grad is None for x in leaves)
    loss.backward()


def test_only_views_still_make_a_graph():
    x = leaf([[4.0]], "x")
    single = expand(x.reshape(1).reshape(()))
    assert single.primitive is not None
    check(x.reshape(1))


def test_a_graph_of_gradients():
    x = leaf([0.5, 0.7], "x")
    (dx,) = gradients((x * x).tanh().sum(), x, create_graph=True)
    assert dx is not None
    check((dx * dx).sum())


def test_hostile_names():
    for name in HOSTILE:
        single = expand((leaf([1.0, 2.0], name) * 2).sum())
        assert bl.draw(single).svg()


def test_too_large_says_where_and_what_to_do():
    with pytest.raises(GraphError, match=r"more than 2,000 single numbers \(in linear \(100, 16\)"):
        expand(PROGRAMS["mlp"]())
    with pytest.raises(GraphError, match="more than 3 single numbers"):
        expand(PROGRAMS["expression"](), limit=3)
    assert expand(PROGRAMS["expression"](), limit=6).item() == pytest.approx(-0.3140, abs=1e-4)
    big = leaf(np.zeros((1000, 1000)), "big")
    with pytest.raises(GraphError, match="take fewer rows"):
        expand(big.sum())
    for nonsense in (0, -1, 1.5, None):
        with pytest.raises(ValueError, match="the limit is a whole number"):
            expand(PROGRAMS["square"](), limit=nonsense)  # type: ignore[arg-type]


def test_what_cannot_be_taken_apart_is_named():
    odd = Primitive("odd", lambda x: x.data * 2, rules=(lambda g, ans, x: g * 2,),
                    uses=(frozenset(),), symbol="odd", formula="x", local=("2",))  # fmt: skip
    with pytest.raises(GraphError, match="odd is not known in single numbers"):
        expand(apply(odd, leaf([1.0, 2.0])).sum())
    loss = PROGRAMS["square"]()
    loss.backward()
    with pytest.raises(GraphError, match="freed"):
        expand(loss)
