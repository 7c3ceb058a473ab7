"""Programs and modules as pictures: rows and lanes against the program itself, well-formed SVG."""

from itertools import combinations, pairwise
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import backlit.nn.functional as F
from backlit import nn, optim, replay
from backlit.engine import ReplayError, manual_seed, tensor
from backlit.study import draw
from backlit.study.outline import MOST_ROWS, outline
from backlit.study.replayed import MOST_LANES
from backlit.study.replayed import MOST_ROWS as MOST_OPS
from backlit.study.text import width
from backlit.study.themes import THEMES

SVG = "{http://www.w3.org/2000/svg}"


def trained(widths: list[int], hostile: str = "") -> Any:
    manual_seed(0)
    model = nn.MLP(widths)
    if hostile:
        model[0]._name = hostile
    optimizer = optim.SGD(model.parameters(), lr=0.1)

    @replay
    def step(x, y):
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    x, y = np.ones((8, widths[0])), np.zeros(8, int)
    for _ in range(2):
        step(tensor(x), tensor(y))
    return step


def texts(svg: str) -> list[Any]:
    return list(ElementTree.fromstring(svg).iter(f"{SVG}text"))


def test_rows_are_the_ops_of_the_program():
    step = trained([2, 4, 2])
    figure = draw(step)
    rows, ops = figure.timeline.rows, step.program.ops
    assert [row.name for row in rows] == [op.primitive.name for op in ops]
    assert [row.module_path for row in rows] == [op.scope for op in ops]
    phases = [row.phase for row in rows]
    assert phases == sorted(phases, key=["forward", "backward", "update"].index)
    assert set(phases) == {"forward", "backward", "update"}
    assert all(row.seconds > 0 or row.together for row in rows)
    assert "(8, 2) · (4, 2) · (4,) → (8, 4)" in figure.svg()


def wide() -> Any:
    """A step with chains that run in one pass, and memory that is used again."""
    manual_seed(0)
    model = nn.MLP([4, 16, 16, 2])
    optimizer = optim.SGD(model.parameters(), lr=0.1)

    @replay
    def step(x, y):
        loss = F.cross_entropy((model(x).tanh() * 2.0 + 1.0).sigmoid(), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    for _ in range(2):
        step(tensor(np.ones((32, 4))), tensor(np.zeros(32, int)))
    return step


def test_no_two_values_are_at_one_place_at_one_time():
    shown = draw(wide()).timeline
    assert any(memory.shared for memory in shown.memory)
    reused = 0
    for memory in shown.memory:
        for one, other in combinations(memory.lives, 2):
            apart = one.start + one.nbytes <= other.start or other.start + other.nbytes <= one.start
            assert apart or one.last < other.first or other.last < one.first
            reused += not apart
        assert all(life.start + life.nbytes <= memory.nbytes for life in memory.lives)
    assert reused, "some place holds two values, one after the other"


def test_a_value_lives_from_its_write_to_its_last_read():
    step = wide()
    ops, rows = step.program.ops, {}
    for memory in draw(step).timeline.memory:
        for life in memory.lives:
            rows.setdefault(life.first, []).append(life)
    groups = step.program.groups()
    for i, op in enumerate(ops):
        if op.out is None:
            continue
        at = op.out.__array_interface__["data"][0]
        later = next(
            (k for k in range(i + 1, len(ops))
             if ops[k].out is not None and ops[k].out.__array_interface__["data"][0] == at),
            len(ops),
        )  # fmt: skip
        readers = [
            k for k in range(i + 1, later + 1) if k < len(ops)
            for a in ops[k].arrays if a.__array_interface__["data"][0] == at
        ]  # fmt: skip
        if groups[i] is not None and readers and {groups[k] for k in readers} == {groups[i]}:
            assert i not in rows, "it never reaches memory"
        else:
            (life,) = rows[i]
            assert life.last == max([i, *readers])
            assert life.nbytes == op.out.nbytes


def test_what_runs_in_one_pass_is_told():
    step = wide()
    rows, groups = draw(step).timeline.rows, step.program.groups()
    assert [row.together for row in rows] == [
        group is not None and group != k for k, group in enumerate(groups)
    ]
    assert any(row.together for row in rows)
    assert "in the same pass" in draw(step).svg()
    assert all((row.seconds == 0) == row.together for row in rows)


def test_drawing_changes_nothing_that_the_program_does():
    step, twin = trained([2, 4, 2]), trained([2, 4, 2])
    x, y = tensor(np.ones((8, 2))), tensor(np.zeros(8, int))
    draw(step).svg()
    assert step(x, y).item() == twin(x, y).item()
    assert step.draw(theme="dark").theme == "dark"


def test_a_long_program_has_a_row_for_each_module():
    step = trained([3] * 70 + [2])
    figure = draw(step)
    rows = figure.timeline.rows
    assert len(step.program.ops) > MOST_OPS >= len(rows)
    assert "each row stands for all ops in a row of one module" in figure.svg()
    counts = [row.name.split() for row in rows]
    ops = sum(int(count[0]) if count[-1] in ("op", "ops") else 1 for count in counts)
    assert ops == len(step.program.ops)
    assert sum(not memory.shared for memory in figure.timeline.memory) == MOST_LANES
    assert "smaller results not shown" in figure.text()


@pytest.mark.parametrize("theme", THEMES)
def test_the_svg_is_well_formed_and_nothing_is_cut_off(theme):
    for figure in (draw(trained([2, 4, 2], "</text><b>"), theme), draw(nn.MLP([3, 9, 2]), theme)):
        svg = figure.svg()
        root = ElementTree.fromstring(svg)
        for text in texts(svg):
            start = {"start": 0.0, None: 0.0}[text.get("text-anchor")]
            long = width(text.text or "", float(text.get("font-size", "0")))
            assert start <= float(text.get("x", "0"))
            assert float(text.get("x", "0")) + long <= float(root.get("width", "0")) + 0.1
            assert float(text.get("y", "0")) <= float(root.get("height", "0"))
        assert "<b>" not in svg
        assert figure.html().count("<svg ") == 2
        assert figure.text()
        assert figure._repr_mimebundle_()["image/svg+xml"] == svg


def test_columns_do_not_run_into_each_other():
    for figure in (draw(trained([2, 4, 2])), draw(nn.MLP([3, 9, 2]))):
        rows: dict[str, list[tuple[float, float]]] = {}
        for text in texts(figure.svg()):
            x, size = float(text.get("x", "0")), float(text.get("font-size", "0"))
            rows.setdefault(text.get("y", ""), []).append((x, x + width(text.text or "", size)))
        for row in rows.values():
            row.sort()
            assert all(a[1] <= b[0] for a, b in pairwise(row))


def test_a_function_without_a_program():
    step = replay(lambda x: x * 2.0)
    with pytest.raises(ReplayError, match="the second call with the same shapes makes one"):
        draw(step)


def test_ops_in_python_are_marked():
    @replay
    def step(x):
        return x[np.array([0, 1])].sum() + x.astype("float64").sum().astype("float32")

    for _ in range(2):
        step(tensor(np.ones(3)))
    program = step.program
    assert program is not None
    hosted = [op.on_host for op in program.ops]
    assert [row.in_python for row in draw(step).timeline.rows] == hosted
    assert ("in Python" in draw(step).text()) == any(hosted)


def test_the_outline_has_every_parameter_once():
    manual_seed(0)
    model = nn.MLP([4, 8, 3])
    shared = model[0].weight
    model.tied = [shared, nn.Parameter(np.ones((2, 2)))]
    F.cross_entropy(model(np.ones((5, 4))), tensor(np.zeros(5, int))).backward()
    entries, hidden = outline(model)
    assert hidden == 0
    assert sum(entry.value is not None for entry in entries) == len(list(model.parameters()))
    assert entries[0].numbers == sum(p.size for p in model.parameters())
    text = draw(model).text()
    assert f"norm {0}" not in text
    assert "tied.1" in text
    grad = shared.grad
    assert grad is not None
    assert f"{np.linalg.norm(grad.data):.3g}" in text


def test_outlines_of_frozen_empty_and_huge_modules():
    frozen = nn.Linear(2, 2)
    frozen.weight.requires_grad = False
    assert "frozen" in draw(frozen).svg()
    assert draw(nn.ReLU()).svg()
    huge = nn.Sequential(*[nn.Sequential(nn.Linear(1, 1)) for _ in range(MOST_ROWS)])
    figure = draw(huge)
    assert len(figure.entries) <= MOST_ROWS
    assert "parts nested deeper not shown" in figure.svg()
