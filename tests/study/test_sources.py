"""`to_source`: the text is run, and gives the engine's loss and gradients: for every op of the
registry, for the programs that other tests draw, for random graphs, under hostile names.
"""

import ast
import threading
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

import backlit as bl
from backlit.engine import GraphError, Tensor, gradients, registry, scope, tensor
from backlit.engine.primitives import Primitive, apply
from backlit.engine.tape import recorders
from backlit.study import to_source
from backlit.study.sources import Source

from .programs import HOSTILE, PROGRAMS, chain, leaf, random_programs
from .samples import DIFFERENTIABLE, gradients_of, leaves_of, sample_loss

FEW = settings(max_examples=60, deadline=None)


def run(source: Source) -> tuple[Any, dict[str, Any]]:
    """What the source returns, with its own arguments. NumPy warns of NaN; the engine does not."""
    space: dict[str, Any] = {}
    exec(compile(source, "source", "exec"), space)
    before = {name: array.copy() for name, array in source.arguments.items()}
    with np.errstate(all="ignore"):
        found = space["backprop"](**source.arguments)
    for name, array in source.arguments.items():
        np.testing.assert_array_equal(array, before[name], "the source changed an argument")
    return found


def check(loss: Tensor, rtol: float = 1e-9) -> Source:
    """Values and gradients are the engine's, in type and shape too."""
    source = to_source(loss)
    assert all(x.grad is None for x in leaves_of(loss))
    value, found = run(source)
    np.testing.assert_allclose(value, loss.data, rtol=rtol, atol=rtol, equal_nan=True)
    expected = [g for g in gradients_of(loss) if g is not None]
    assert len(found) == len(expected)
    asked = [name for name in source.arguments if name in found]
    assert asked == list(found)
    for name, g in zip(asked, expected, strict=True):
        assert np.shape(found[name]) == g.shape
        assert np.asarray(found[name]).dtype == g.dtype
        np.testing.assert_allclose(found[name], g, rtol=rtol, atol=rtol, err_msg=name)
    return source


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs(name: str):
    check(PROGRAMS[name](), 1e-4 if name == "mlp" else 1e-9)


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_every_op_of_the_registry(name: str):
    check(sample_loss(name))
    check(sample_loss(name, seed=1, dtype=np.float32), 1e-4)


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_the_gradient_of_every_op_as_a_graph(name: str):
    """With create_graph the rules' ops are a graph, and have rules again."""
    loss = sample_loss(name)
    found = gradients(loss, leaves_of(loss), create_graph=True, allow_unused=True)
    parts = [(g * g).sum() for g in found if g is not None and g.requires_grad]
    if parts:
        total = parts[0]
        for part in parts[1:]:
            total = total + part
        check(total, 1e-7)


@FEW
@given(random_programs())
def test_random_graphs(loss: Tensor):
    check(loss)


def test_the_whole_of_a_small_source():
    x, w, b = leaf(0.5, "x"), leaf(-1.25, "w"), leaf(0.3, "b")
    assert check((x * w + b).tanh()) == (
        "import numpy as np\n"
        "\n"
        "\n"
        "def backprop(x, w, b):\n"
        "    # x: scalar float64\n"
        "    # w: scalar float64\n"
        "    # b: scalar float64\n"
        "    # forward\n"
        "    n2 = x * w\n"
        "    n4 = n2 + b\n"
        "    n5 = np.tanh(n4)\n"
        "    # backward\n"
        "    d_n5 = np.ones_like(n5)\n"
        "    d_n4 = d_n5 * (1.0 - n5 * n5)\n"
        "    d_n2 = d_n4\n"
        "    d_b = d_n4\n"
        "    d_x = d_n2 * w\n"
        "    d_w = d_n2 * x\n"
        '    return n5, {"x": d_x, "w": d_w, "b": d_b}\n'
    )


def test_other_numbers_give_other_gradients():
    """The function is the program, not this run: called elsewhere it is right there."""
    source = to_source(PROGRAMS["broadcast"]())
    space: dict[str, Any] = {}
    exec(source, space)
    rng = np.random.default_rng(5)
    other = {name: rng.normal(size=array.shape) for name, array in source.arguments.items()}
    value, found = space["backprop"](**other)
    w, b, s = (leaf(other[name], name) for name in "wbs")
    loss = ((tensor(other["x"], dtype=np.float64) * w + b) * s).tanh().mean()
    assert value == pytest.approx(loss.item())
    loss.backward()
    for name, x in zip("wbs", (w, b, s), strict=True):
        assert x.grad is not None
        np.testing.assert_allclose(found[name], x.grad.data)


def test_brackets_are_where_they_must_be():
    """Operators of every pair, so that Python groups the text as the graph was grouped."""
    a, b, c = leaf(1.7, "a"), leaf(-0.6, "b"), leaf(2.3, "c")
    binary = [
        lambda x, y: x + y,
        lambda x, y: x - y,
        lambda x, y: x * y,
        lambda x, y: x / y,
        lambda x, y: -(x - y),
        lambda x, y: (x * x) ** y,
        lambda x, y: x.maximum(y),
    ]
    total = a * 0
    for first in binary:
        for second in binary:
            total = total + first(second(a, b), c) + first(c, second(a, b))
    check(total * -2.5 - -1.0)
    (da,) = gradients(total, a, create_graph=True)
    assert da is not None
    check(da)


def test_shared_gradients_do_not_run_into_each_other():
    """One gradient is the first part of two sums."""
    a, b = leaf([1.0, 2.0], "a"), leaf([3.0, 4.0], "b")
    s = a + b
    check((a * b + s * s + (s + a) + (b + s) * a).sum())
    both = bl.concatenate([a, b], 0)
    check((both * both).sum() + (a + b).tanh().sum() + a.sum())


def test_indices_masks_and_big_index_arrays():
    x = leaf(np.arange(60.0).reshape(20, 3), "x")
    many = np.random.default_rng(0).integers(0, 20, 50)
    rows = tensor([3, 3, 5])
    loss = (
        x[1:9:2, -1].sum() + (x[many] * 2).sum() + x[rows].tanh().sum() + x[..., None, 0].sum()
        + x[np.arange(20) > 15].square().sum() + x[2].sum()
    )  # fmt: skip
    source = check(loss)
    assert "c: (50,) int64" in source
    assert "x[1:9:2, -1]" in source


def test_constants_and_conditions():
    x = leaf([0.5, -0.5], "x")
    loss = bl.where(x > 0, x * 2, -x).sum() + (x * np.array([1.5, 2.5])).sum() * 1e-30
    source = check(loss)
    assert "1e-30" in source
    odd = x.sum() * float("inf") + x.sum() * float("nan")
    assert "np.inf" in check(odd)
    assert np.isnan(run(to_source(odd))[1]["x"]).all()


def test_modules_are_named_in_comments():
    with scope("a"), scope("b"):
        y = leaf(1.0, "w") * 2
    assert "    # in a.b\n" in to_source(y)


def test_hostile_names_are_no_code():
    names = [*HOSTILE, "np", "backprop", "def", "d_w", "w", "w", "None", "x'); import os #", "1"]
    y = leaf(1.0, "root")
    for name in names:
        with scope(name):
            y = (y * leaf(0.9, name)).tanh()
    source = check(y)
    tree = ast.parse(source)
    assert [type(node).__name__ for node in tree.body] == ["Import", "FunctionDef"]
    function = tree.body[1]
    assert isinstance(function, ast.FunctionDef)
    arguments = [argument.arg for argument in function.args.args]
    assert len(arguments) == len(set(arguments)) == len(names) + 1
    assert all(name.isascii() for name in arguments)
    stored = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and n.id not in arguments}
    assert all(name[0] in "dn" for name in stored)


def test_an_op_without_numpy_text_is_called_by_its_record():
    cube = Primitive(
        "cube", lambda x: np.asarray(x.data**3), rules=(lambda g, ans, x: g * 3 * x * x,),
        uses=(frozenset({0}),), numpy=lambda x: x**3, symbol="³", formula="x³", local=("3x²",),
    )  # fmt: skip
    x = leaf(2.0, "x")
    registry["cube"] = cube
    try:
        source = check(apply(cube, x) * 2)
    finally:
        del registry["cube"]
    assert 'registry["cube"].numpy(x)' in source
    assert "from backlit.engine import registry" in source
    nameless = Primitive("odd", lambda x: np.array(x.data), rules=(lambda g, ans, x: g,),
                         uses=(frozenset(),), symbol="odd", formula="x", local=("1",))  # fmt: skip
    with pytest.raises(GraphError, match="odd has no NumPy form"):
        to_source(apply(nameless, x))


def test_a_deep_chain_is_a_long_source():
    source = check(chain(3000), 1e-6)
    assert source.count("\n") > 6000


def test_where_there_is_no_graph_it_says_so():
    loss = PROGRAMS["square"]()
    loss.backward()
    with pytest.raises(GraphError, match="freed it; ask before"):
        to_source(loss)
    with pytest.raises(GraphError, match="is a leaf"):
        to_source(leaf(1.0))
    with pytest.raises(GraphError, match="one number"):
        to_source(leaf([1.0, 2.0]) * 2)
    x = leaf([1.0], "x")
    changed = (x * x).sum()
    with bl.no_grad():
        x += 1.0
    with pytest.raises(GraphError, match="changed in place"):
        to_source(changed)


def test_nothing_is_left_listening():
    x = leaf(1.0)
    to_source(x * x)
    assert not recorders
    broken = Primitive("broken", lambda x: np.array(x.data), rules=(lambda g, ans, x: 1 / 0,),
                       uses=(frozenset(),), symbol="b", formula="x", local=("1",))  # fmt: skip
    with pytest.raises(ZeroDivisionError):
        to_source(apply(broken, x))
    assert not recorders


def test_two_threads_write_each_its_own():
    found: dict[int, str] = {}

    def work(k: int) -> None:
        for _ in range(20):
            x = leaf([1.0, float(k)], f"x{k}")
            found[k] = to_source((x * float(k + 2)).tanh().sum())

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for k in range(4):
        x = leaf([1.0, float(k)], f"x{k}")
        assert found[k] == to_source((x * float(k + 2)).tanh().sum())
    assert not recorders


def test_while_a_step_is_recorded_it_is_an_error():
    x = leaf([1.0, 2.0], "x")

    @bl.replay
    def step(t: Tensor) -> Tensor:
        to_source((t * x).sum())
        return t * 2

    with pytest.raises(bl.ReplayError):
        step(tensor([1.0, 2.0], dtype=np.float64))
    assert not recorders


def test_a_source_is_text(tmp_path):
    source = to_source(PROGRAMS["mlp"](), names={"batch": 3})
    assert isinstance(source, str)
    assert repr(source) == str(source)
    path = tmp_path / "source.py"
    path.write_text(source, encoding="utf-8")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        compile(path.read_text(encoding="utf-8"), "source", "exec")
