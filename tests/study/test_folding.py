"""Folded figures: modules as boxes, repeats, long sums, the neighbourhood of one tensor. The chain
rule must hold in what is drawn, nothing may overlap, and the figure says what it hides.
"""

import json
import math
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import backlit.nn.functional as F
from backlit import nn
from backlit.engine import manual_seed, scope, tensor
from backlit.study import Graph, draw
from backlit.study.folding import fold
from backlit.study.model import FULL
from backlit.study.repeats import gather_sums

from .programs import PROGRAMS, chain, leaf, random_programs
from .test_layout import check as check_layout
from .test_model import check_factors, check_gradients, check_steps, check_sums

FEW = settings(max_examples=40, deadline=None)


class Block(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x):
        return x + self.down(self.up(x).relu())


def blocks(count: int, width: int = 3) -> tuple[Any, nn.Module]:
    manual_seed(0)
    model = nn.Sequential(*[Block(width) for _ in range(count)], nn.Linear(width, 1))
    x = tensor(np.random.default_rng(0).normal(size=(4, width)), name="x")
    return model(x).square().mean(), model


def adding(terms: int) -> Any:
    leaves = [leaf(float(i), f"t{i}") for i in range(terms)]
    total = leaves[0]
    for one in leaves[1:]:
        total = total + one
    return total.tanh()


def check_view(graph: Graph) -> None:
    """What is held of every drawn graph, of one that was cut down as well."""
    assert [node.id for node in graph.nodes] == list(range(len(graph.nodes)))
    assert [edge.id for edge in graph.edges] == list(range(len(graph.edges)))
    assert all(edge.src < edge.dst for edge in graph.edges)
    for node in graph.nodes:
        assert [edge.slot for edge in graph.inputs_of[node.id]] == list(
            range(len(graph.inputs_of[node.id]))
        )
    check_sums(graph)
    check_factors(graph)
    check_layout(graph)


@pytest.mark.parametrize("depth", [0, 1, 2])
@pytest.mark.parametrize("name", PROGRAMS)
def test_folded_classics(name, depth):
    loss = PROGRAMS[name]()
    figure = draw(loss, depth=depth)
    check_view(figure.view.graph)
    assert figure.to_json() == draw(loss).to_json(), "the data stay whole"
    check_steps(figure.graph)
    if name != "oddities":
        check_gradients(figure.graph, loss)


@FEW
@given(random_programs(), st.integers(0, 2))
def test_folded_random_graphs(loss, depth):
    check_view(draw(loss, depth=depth).view.graph)


@FEW
@given(random_programs(), st.integers(0, 3), st.data())
def test_neighbourhoods_in_random_graphs(loss, hops, data):
    graph = draw(loss).graph
    center = data.draw(st.sampled_from(graph.nodes))
    named = next(node for node in graph.nodes if node.name == center.name)
    view = draw(loss, focus=center.name, hops=hops).view
    check_layout(view.graph)
    # by the adjacency matrix, an oracle that shares nothing with the search
    size = len(graph.nodes)
    near = np.eye(size, dtype=int)
    for edge in graph.edges:
        near[edge.src, edge.dst] = near[edge.dst, edge.src] = 1
    reach = np.linalg.matrix_power(near, hops)[named.id] > 0
    assert [node.name for node in view.graph.nodes] == [
        node.name for node in graph.nodes if reach[node.id]
    ]
    for node in view.graph.nodes:
        uses = len(view.graph.uses_of[node.id]) + len(view.graph.inputs_of[node.id])
        whole = next(n for n in graph.nodes if n.value is node.value or n.name == node.name)
        assert uses + node.unseen == len(graph.uses_of[whole.id]) + len(graph.inputs_of[whole.id])


def test_a_box_stands_for_its_module():
    loss, model = blocks(2)
    graph: Any = draw(loss, module=model, depth=0).view.graph
    assert [node.name for node in graph.nodes] == ["x", "0", "1", "2", "n20", "n21"]
    whole: Any = draw(loss, module=model).graph
    box, result = graph.nodes[1], next(n for n in whole.nodes if n.op == "add")
    assert (box.kind, box.value, box.grad) == ("module", result.value, result.grad)
    norms = [n.grad.norm for n in whole.nodes if n.kind == "param" and n.module_path[0] == "0"]
    assert box.inside == (
        f"4 ops · 4 parameters of 45 numbers · norm of their gradient {math.hypot(*norms):.3g}"
    )
    assert [edge.count for edge in graph.inputs_of[1]] == [2], "x goes to up and past it"


def test_depth_opens_one_level_after_the_other():
    with scope("a"), scope("b"):
        y = leaf(2.0, "x") * 3.0
        with scope("c"):
            y = y.tanh()
    with scope("a"):
        y = y + 1.0
    loss = y * y
    names = [
        {n.name for n in draw(loss, depth=d).view.graph.nodes if n.kind == "module"}
        for d in range(4)
    ]
    assert names == [{"a"}, {"a.b"}, {"a.b.c"}, set()]


def test_a_chain_of_equal_modules_is_one_box():
    loss, model = blocks(5)
    figure = draw(loss, module=model, depth=0)
    box: Any = figure.view.graph.nodes[1]
    assert (box.name, box.count, len(box.trend)) == ("0 … 4", 5, 5)
    whole = draw(loss, module=model).graph
    ends = [n.grad.norm for n in whole.nodes if n.op == "add" and n.grad]
    assert list(box.trend) == ends
    assert ">× 5 Block<" in figure.svg()
    assert "20 ops" in figure.svg()
    check_view(figure.view.graph)


def test_a_period_of_several_modules_is_found():
    manual_seed(0)
    model = nn.MLP([3, 3, 3, 3, 3, 2])
    loss = model(np.ones((2, 3))).sum()
    graph = draw(loss, module=model, depth=0).view.graph
    assert [(n.name, n.count) for n in graph.nodes if n.kind == "module"] == [
        ("0 … 7", 4),
        ("8", 1),
    ]
    assert graph.nodes[1].op == "2 modules"
    assert ">× 4 Linear, ReLU<" in draw(loss, module=model, depth=0).svg()
    assert ">× 4 (2 modules)<" in draw(loss, depth=0).svg()


@pytest.mark.parametrize("change", ["shape", "op", "shared result"])
def test_what_differs_is_no_repeat(change):
    manual_seed(0)
    x = tensor(np.ones((2, 3)), name="x")
    y, loss = x, None
    for i in range(4):
        with scope(str(i)):
            out = 4 if change == "shape" and i == 1 else 3
            y = y @ tensor(np.ones((y.shape[1], out)), requires_grad=True)
            y = y.sigmoid() if change == "op" and i == 1 else y.tanh()
        if change == "shared result" and i == 1:
            loss = y.sum()
    loss = y.sum() if loss is None else loss + y.sum()
    graph = draw(loss, depth=0).view.graph
    assert sum(node.kind == "module" for node in graph.nodes) == 4
    check_view(graph)


def test_a_long_sum_is_one_node():
    figure = draw(adding(6), depth=0)
    graph: Any = figure.view.graph
    (total,) = [node for node in graph.nodes if node.symbol == "sum of 6"]
    assert [graph.nodes[edge.src].name for edge in graph.inputs_of[total.id]] == [
        f"t{i}" for i in range(6)
    ]
    assert {edge.contribution.scalar for edge in graph.inputs_of[total.id]} == {total.grad.scalar}
    assert "∂/∂t3 = 1" in figure.svg()
    assert "5 additions are drawn as 1 long sum." in figure.svg()
    check_view(graph)


@FEW
@given(random_programs())
def test_long_sums_keep_the_chain_rule(loss):
    check_view(gather_sums(draw(loss).graph))


def test_short_sums_and_partial_sums_used_elsewhere_stay():
    assert len(draw(adding(3), depth=0).view.graph.nodes) == len(draw(adding(3)).graph.nodes)
    a, b, c, d = (leaf(float(i), name) for i, name in enumerate("abcd"))
    partial = a + b
    loss = (partial + c + d) * partial
    assert all(node.symbol != "sum of 4" for node in draw(loss, depth=0).view.graph.nodes)


def test_a_sum_that_broadcasts_stays():
    x, rows = leaf([1.0, 2.0], "x"), leaf(np.ones((3, 2)), "rows")
    loss = (x + 1.0 + 2.0 + rows).sum()
    check_view(draw(loss, depth=0).view.graph)
    assert any(node.op == "add" for node in draw(loss, depth=0).view.graph.nodes)


def test_a_module_with_several_results_tells_norms_only():
    x = leaf(2.0, "x")
    with scope("two"):
        a, b = x * 3.0, x.tanh()
    with scope("one"):
        y = a * b
    graph: Any = draw(y + 1.0, depth=0).view.graph
    two = next(node for node in graph.nodes if node.name == "two")
    assert (two.op, two.value.dtype, two.grad) == ("2 results", "", None)
    (edge,) = graph.uses_of[two.id]
    whole: Any = draw(y + 1.0).graph
    flows = [e.contribution.norm for e in whole.inputs_of[whole.root - 2]]
    assert edge.count == 2
    assert edge.contribution.norm == pytest.approx(math.hypot(*flows))
    assert "2 uses" in draw(y + 1.0, depth=0).svg()


def test_a_large_graph_folds_by_itself_and_says_so():
    loss, model = blocks(60)
    figure = draw(loss, module=model)
    assert len(figure.graph.nodes) > FULL
    assert len(figure.view.graph.nodes) <= FULL
    hidden = len(figure.graph.nodes) - sum(n.kind != "module" for n in figure.view.graph.nodes)
    for told in (figure.svg(), figure.text(), figure.to_dot().source):
        assert f"{hidden} nodes of {len(figure.graph.nodes)} are inside boxes" in told
    check_view(figure.view.graph)
    shown = [node for node in figure.view.graph.nodes if node.value.size > 64]
    assert all(node.value.tile is not None for node in shown)


def test_only_what_is_drawn_of_a_large_graph_has_tiles():
    manual_seed(0)
    model = nn.MLP([9] * 120 + [2])
    loss = F.cross_entropy(model(np.ones((8, 9))), tensor(np.zeros(8, int)))
    figure = draw(loss, module=model)
    big = [node for node in figure.graph.nodes if node.value.size > 64]
    with_tile = [node for node in big if node.value.tile is not None]
    assert 0 < len(with_tile) <= len(figure.view.graph.nodes) < len(big)
    assert "not kept" not in figure.svg()
    assert all(node.value.tile is None for node in draw(loss, show=()).graph.nodes)


def test_a_large_graph_without_modules_is_compact():
    figure = draw(chain(FULL + 1))
    assert figure.view.show == frozenset()
    assert draw(chain(FULL + 1), show={"value"}).view.show == {"value"}


def test_show_chooses_what_cards_tell():
    loss = PROGRAMS["shared"]()
    told = {
        "value": ">value<",
        "grad": "∂L/∂a<",
        "local": "∂/∂a = −1",
    }
    for chosen in ([], ["value"], ["grad"], ["local"], ["value", "local"], list(told)):
        svg = draw(loss, show=chosen).svg()
        assert {name for name, mark in told.items() if mark in svg} == set(chosen)
    assert draw(loss, show="grad").svg() == draw(loss, show=["grad"]).svg()
    for name in PROGRAMS:
        for chosen in ((), ("value",), ("grad",), ("local",)):
            check_layout(draw(PROGRAMS[name](), show=chosen).view.graph)


def test_focus_by_tensor_and_by_name():
    x, w = leaf(2.0, "x"), leaf(3.0, "w")
    h = x * w
    loss = (h.tanh() + 1.0).exp()
    by_tensor = draw(loss, focus=w, hops=1)
    assert [node.name for node in by_tensor.view.graph.nodes] == ["w", "n2"]
    assert by_tensor.svg() == draw(loss, focus="w", hops=1).svg()
    assert "5 nodes of 7 hidden" in by_tensor.svg()
    assert "+ 2 edges not shown" in by_tensor.svg()
    assert [n.name for n in draw(loss, focus=h, hops=0).view.graph.nodes] == ["n2"]
    assert draw(loss, focus=w, hops=9).view.graph == draw(loss).graph


def test_focus_on_what_is_not_there():
    x = leaf(2.0, "x")
    loss = x * x
    with pytest.raises(ValueError, match=r"focus is a tensor 'y' of shape \(\) that this result"):
        draw(loss, focus=leaf(1.0, "y"))
    with pytest.raises(ValueError, match="nothing is called 'y'; names are x"):
        draw(loss, focus="y")
    with pytest.raises(TypeError, match="not int"):
        draw(loss, focus=3)  # type: ignore[call-overload]


@pytest.mark.parametrize("name", ["depth", "hops"])
@pytest.mark.parametrize("value", [-1, 1.5, "2"])
def test_depth_and_hops_are_whole_numbers(name, value):
    options: Any = {name: value}
    with pytest.raises(ValueError, match=f"{name} is a whole number from 0 on"):
        draw(PROGRAMS["square"](), **options)


def test_an_unknown_word_in_show():
    with pytest.raises(ValueError, match="value, grad, local; not 'loss'"):
        draw(PROGRAMS["square"](), show={"loss", "value"})


def test_nothing_to_fold_is_no_remark():
    figure = draw(PROGRAMS["square"](), depth=0)
    assert figure.view.remarks == ()
    assert fold(figure.graph, 0) == figure.graph


def test_a_freed_graph_folds():
    loss, model = blocks(4)
    loss.backward()
    figure = draw(loss, module=model, depth=0)
    assert "retain_graph=True" in figure.svg()
    assert json.loads(figure.to_json())["freed"]
    check_layout(figure.view.graph)


def test_a_sum_of_thousands_of_terms():
    figure = draw(adding(3000), depth=0)
    assert len(figure.graph.nodes) == 6000
    assert [node.symbol for node in figure.view.graph.nodes if node.symbol][:1] == ["sum of 3000"]
    assert "chain rule of 3000 edges not shown" in draw(adding(300), depth=0).svg().replace(
        "300 edges", "3000 edges"
    )


def test_sums_of_sums_in_a_tree():
    level = [leaf(float(i), f"t{i}") for i in range(16)]
    while len(level) > 1:
        level = [a + b for a, b in zip(level[::2], level[1::2], strict=True)]
    graph = draw(level[0].tanh(), depth=0).view.graph
    assert [node.symbol for node in graph.nodes if not node.is_leaf] == ["sum of 16", "tanh"]
    check_view(graph)


@pytest.mark.parametrize("depth", [0, 3])
def test_hostile_module_names_in_boxes(depth):
    svg = draw(PROGRAMS["hostile"](), depth=depth).svg()
    ElementTree.fromstring(svg)
    assert "<script" not in svg
    assert "\u202e" not in svg
    assert draw(PROGRAMS["hostile"](), depth=depth).to_dot().source


@pytest.mark.parametrize("option", ["names", "module", "show", "depth", "focus"])
def test_options_of_graphs_are_refused_elsewhere(option):
    options: Any = {option: 1 if option == "depth" else ()}
    with pytest.raises(ValueError, match=f"{option} is for graphs"):
        draw(nn.Linear(1, 1), **options)


def test_the_text_tells_of_boxes_and_of_what_is_left_out():
    loss, model = blocks(5)
    text = draw(loss, module=model, depth=0).text()
    assert "0 … 4  × 5 Block(x)" in text
    assert "20 ops · 20 parameters of 225 numbers" in text
    assert "∂L/∂4 = (4, 3)" in text
    assert "edges not shown" in draw(loss, module=model, focus="0.up.weight", hops=1).text()
    x = leaf(2.0, "x")
    with scope("two"):
        a, b = x * 3.0, x.tanh()
    with scope("one"):
        y = a * b
    assert "→ two  2 uses  norm" in draw(y + 1.0, depth=0).text()


def test_html_of_paper_is_on_paper():
    figure = draw(PROGRAMS["square"](), theme="paper")
    assert figure.html().count(figure.svg()) == 2


@FEW
@given(random_programs(), st.integers(0, 2), st.integers(0, 2), st.data())
def test_focus_and_depth_together(loss, hops, depth, data):
    whole = draw(loss).graph
    name = data.draw(st.sampled_from(whole.nodes)).name
    figure = draw(loss, focus=name, hops=hops, depth=depth)
    near = draw(loss, focus=name, hops=hops).view.graph
    check_layout(figure.view.graph)
    # every edge of the whole graph that touches what is near is drawn, inside a box, or counted
    drawn = sum(edge.count for edge in figure.view.graph.edges)
    assert drawn <= sum(edge.count for edge in near.edges)
    assert sum(node.unseen for node in figure.view.graph.nodes) == sum(n.unseen for n in near.nodes)
