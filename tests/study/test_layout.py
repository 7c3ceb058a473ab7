"""Layouts: nothing overlaps, values flow down, edges meet their ports, the same bytes every time.
The built-in layout throughout; Graphviz's where the program is there, its failures always.
"""

import stat
import sys
from itertools import combinations
from pathlib import Path

import pytest
from graphviz.backend import dot_command
from hypothesis import given, settings

from backlit import nn
from backlit.engine import stack, tensor
from backlit.study import Graph, draw, graphviz_program
from backlit.study.cards import Card, make_cards
from backlit.study.graphviz_program import LayoutError
from backlit.study.groups import group_by_module
from backlit.study.layout import layout
from backlit.study.placement import Placement
from backlit.study.text import width

from .programs import PROGRAMS, chain, graphviz_or_skip, leaf, random_programs

Rect = tuple[float, float, float, float]  # left, top, right, bottom
CLOSE = 0.11  # what rounding may move


def rects(cards: tuple[Card, ...], placed: Placement) -> list[Rect]:
    return [
        (x, y, x + card.width, y + card.height)
        for card, (x, y) in zip(cards, placed.places, strict=True)
    ]


def labels(cards: tuple[Card, ...], placed: Placement) -> list[Rect]:
    """Where the texts beside edges stand."""
    found = []
    for card, (x, y) in zip(cards, placed.places, strict=True):
        for port, lines in zip(card.ports, card.labels, strict=True):
            for line in lines:
                long = width(line.text, line.size)
                left = x + port + line.x - (long if line.anchor == "end" else 0.0)
                base = y - card.zone + line.y
                found.append((left, base - 0.8 * line.size, left + long, base + 0.2 * line.size))
    return found


def overlap(a: Rect, b: Rect) -> bool:
    return (
        a[0] < b[2] - CLOSE and b[0] < a[2] - CLOSE and a[1] < b[3] - CLOSE and b[1] < a[3] - CLOSE
    )


def inside(a: Rect, b: Rect) -> bool:
    return (
        a[0] >= b[0] - CLOSE
        and a[1] >= b[1] - CLOSE
        and a[2] <= b[2] + CLOSE
        and a[3] <= b[3] + CLOSE
    )


def check(graph: Graph, engine: str = "layered") -> None:
    cards = make_cards(graph)
    placed = layout(graph, engine, cards)
    boxes, texts = rects(cards, placed), labels(cards, placed)
    page = (0.0, 0.0, placed.width, placed.height)
    for a, b in combinations(boxes + texts, 2):
        assert not overlap(a, b)
    assert all(inside(box, page) for box in boxes + texts)
    for edge in graph.edges:
        above, below = boxes[edge.src], boxes[edge.dst]
        assert above[3] < below[1], "values flow down"
        route = placed.routes[edge.id]
        assert len(route) % 3 == 1
        x, y = placed.places[edge.dst]
        assert route[-1] == pytest.approx((x + cards[edge.dst].ports[edge.slot], y), abs=CLOSE)
        assert route[0][1] >= above[3] - 2
    check_frames(graph, boxes, placed)


def check_frames(graph: Graph, boxes: list[Rect], placed: Placement) -> None:
    """A frame holds the nodes of its module and of the modules inside it, and nothing else."""
    frames = [(f.x, f.y, f.x + f.width, f.y + f.height) for f in placed.frames]
    for a, b in combinations(frames, 2):
        assert not overlap(a, b) or inside(b, a), "frames nest or stand apart"
    _, group_of = group_by_module(graph)
    for i, box in enumerate(boxes):
        around = [f.path for f, frame in zip(placed.frames, frames, strict=True)
                  if overlap(box, frame)]  # fmt: skip
        assert all(inside(box, frame) for frame in frames if overlap(box, frame))
        assert around == [group.path for group in group_of[i].chain()[1:]]


@pytest.mark.parametrize("name", PROGRAMS)
def test_nothing_overlaps_in_the_classics(name):
    check(draw(PROGRAMS[name]()).graph)


@settings(max_examples=60, deadline=None)
@given(random_programs())
def test_nothing_overlaps_in_random_graphs(loss):
    check(draw(loss).graph)


def check_rows(graph: Graph) -> None:
    """No overlap in a graph too big to compare all pairs: cards in order of their tops."""
    cards = make_cards(graph)
    placed = layout(graph, cards=cards)
    boxes = sorted(rects(cards, placed), key=lambda box: (box[1], box[0]))
    for i, box in enumerate(boxes):
        for other in boxes[i + 1 :]:
            if other[1] >= box[3]:
                break
            assert not overlap(box, other)
    for edge in graph.edges:
        assert placed.places[edge.src][1] < placed.places[edge.dst][1]


def test_a_deep_chain_that_shares_one_leaf():
    graph = draw(chain(5000)).graph
    check_rows(graph)
    assert layout(graph).width < 1000, "a chain is drawn as a column"


def test_a_wide_fan():
    x = leaf(1.0, "x")
    check_rows(draw(stack([x * 2.0 for _ in range(1500)], 0).sum()).graph)


def test_leaves_that_return_at_the_far_end_do_not_blow_the_layout_up():
    leaves = [leaf(1.0 + i) for i in range(400)]
    y = leaves[0]
    for w in leaves[1:] + leaves:
        y = y + w
    check_rows(draw(y).graph)


def test_what_backward_does_not_reach_stands_apart():
    model = nn.MLP([2, 3, 2])
    idle = nn.Linear(2, 2)
    model.idle = idle
    check(draw(model(tensor([[1.0, 2.0]])).sum(), module=model).graph)


def test_the_main_line_through_a_network_is_straight():
    graph = draw(PROGRAMS["mlp"]()).graph
    cards = make_cards(graph)
    placed = layout(graph, cards=cards)
    main = [node.id for node in graph.nodes if node.kind == "op"]
    outlets = [placed.places[i][0] + cards[i].outlet for i in main]
    assert max(outlets) - min(outlets) < 2.0


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_same_layout_every_time(name):
    graph = draw(PROGRAMS[name]()).graph
    assert layout(graph) == layout(graph)


def test_an_unknown_layout_lists_what_there_is():
    with pytest.raises(ValueError, match="unknown layout 'neato'; there are layered, dot"):
        draw(PROGRAMS["square"](), layout="neato")


def program(folder: Path, body: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program in the place of Graphviz's."""
    path = folder / "dot"
    path.write_text(f"#!{sys.executable}\nimport sys, time\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(dot_command, "DOT_BINARY", path)


def test_without_graphviz_the_error_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setattr(dot_command, "DOT_BINARY", tmp_path / "nothing here")
    figure = draw(PROGRAMS["square"](), layout="dot")
    with pytest.raises(LayoutError, match=r"apt install graphviz.*layout='layered'"):
        figure.svg()


def test_a_graphviz_that_fails_is_told_with_its_words(tmp_path, monkeypatch):
    program(tmp_path, "sys.exit('syntax error in line 1')", monkeypatch)
    with pytest.raises(LayoutError, match="failed with code 1: syntax error in line 1"):
        draw(PROGRAMS["square"](), layout="dot").svg()


def test_a_graphviz_that_takes_too_long_is_stopped(tmp_path, monkeypatch):
    program(tmp_path, "time.sleep(60)", monkeypatch)
    monkeypatch.setattr(graphviz_program, "SECONDS", 0.2)
    with pytest.raises(LayoutError, match="took more than"):
        draw(PROGRAMS["square"](), layout="dot").svg()


def test_the_answer_of_graphviz_is_read(tmp_path, monkeypatch):
    """What dot 16.1 answered for x * x, in points from the bottom left."""
    answer = """{"bb": "0,0,280,237", "objects": [
        {"name": "n0", "pos": "140,198"}, {"name": "n1", "pos": "140,62"}],
        "edges": [{"id": "0", "pos": "140,160 140,150 120,140 120,124"},
                  {"id": "1", "pos": "140,160 140,150 160,140 160,124"}]}"""
    program(tmp_path, f"sys.stdin.read()\nprint({answer!r})", monkeypatch)
    graph = draw(PROGRAMS["square"]()).graph
    placed = layout(graph, "dot")
    assert (placed.width, placed.height) == (312.0, 269.0)
    cards = make_cards(graph)
    for i, route in enumerate(placed.routes):
        x, y = placed.places[1]
        assert route[0] == (156.0, 93.0)
        assert route[-1] == pytest.approx((x + cards[1].ports[i], y), abs=CLOSE)


@pytest.mark.parametrize("name", PROGRAMS)
def test_graphviz_lays_out_the_classics(name, monkeypatch):
    graphviz_or_skip(monkeypatch)
    check(draw(PROGRAMS[name]()).graph, "dot")
