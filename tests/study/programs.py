"""Programs whose graphs the tests of `study` draw: small classics, hostile names, random ones.
Each builder makes its graph anew, so that a test may free it.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from shutil import which
from typing import Any

import numpy as np
import pytest
from graphviz.backend import dot_command
from hypothesis import strategies as st

from backlit import nn
from backlit.engine import Tensor, concatenate, cross_entropy, gradients, manual_seed, scope, tensor

HOSTILE = [
    "<script>alert(1)</script>",
    "</text></svg>",
    "a & b",
    '"quoted"',
    "it's",
    "{record|field}",
    "back\\slash\\n\\N\\G",
    "<b>bold</b>",
    "]]>",
    "<!-- comment -->",
    "\x00\x01\x1b[31mcontrol",
    "two\nlines\tand a tab",
    "\u202eright to left",
    "漢字テンソル",
    "🙂" * 40,
    "a\u0301\u0301\u0301",
    "x" * 5000,
    "a.b.c.d.e.f.g.h.i.j",
    "",
    "   ",
    "\ud800lone surrogate",
    "\ufffe\uffff",
    "%s {0} $HOME",
    "n0",
]


def leaf(value: Any, name: str | None = None, dtype: Any = np.float64) -> Tensor:
    """A leaf that requires a gradient."""
    return tensor(value, dtype=dtype, requires_grad=True, name=name)


def square() -> Tensor:
    x = leaf(3.0, "x")
    return x * x


def expression() -> Tensor:
    x, w, b = leaf(0.5, "x"), leaf(-1.25, "w"), leaf(0.3, "b")
    return (x * w + b).tanh()


def shared() -> Tensor:
    a = leaf(3.0, "a")
    b = a + a
    return b * b - a


def neurons() -> Tensor:
    """Two neurons in modules of their own, inside a module, and a third on top."""
    rng = np.random.default_rng(0)
    x = [tensor(rng.normal(), dtype=np.float64, name=f"x{i}") for i in range(2)]
    hidden = []
    for j in range(2):
        with scope("hidden"), scope(str(j)):
            total = leaf(0.1, f"b{j}")
            for i in range(2):
                total = total + x[i] * leaf(rng.normal(), f"w{j}{i}")
            hidden.append(total.tanh())
    with scope("out"):
        y = hidden[0] * leaf(0.7, "v0") + hidden[1] * leaf(-0.4, "v1")
    return (y - 1) ** 2


def broadcast() -> Tensor:
    rng = np.random.default_rng(0)
    x = tensor(rng.normal(size=(5, 3)), dtype=np.float64, name="x")
    w, b, s = leaf(rng.normal(size=3), "w"), leaf(rng.normal(size=(5, 1)), "b"), leaf(1.5, "s")
    return ((x * w + b) * s).tanh().mean()


def second_order() -> Tensor:
    x = leaf(0.7, "x")
    (dx,) = gradients((x * x).tanh(), x, create_graph=True)
    assert dx is not None
    return dx * dx


def mlp() -> Tensor:
    manual_seed(0)
    rng = np.random.default_rng(0)
    model = nn.MLP([2, 16, 16, 2])
    x, target = tensor(rng.normal(size=(100, 2)), name="x"), tensor(rng.integers(0, 2, 100))
    return cross_entropy(model(x), target)


def oddities() -> Tensor:
    """NaN and infinity, an empty array, a view, a concatenation, a gradient that is 0."""
    rng = np.random.default_rng(0)
    odd = leaf([[1.0, np.nan, -2.0], [0.0, np.inf, 3.0]], "odd")
    big = leaf(np.where(rng.random(400) < 0.1, np.nan, 1.0), "big")
    empty = leaf(np.zeros((0, 3)), "empty")
    dead = leaf([-1.0, -2.0], "dead")
    parts = concatenate([odd[0], odd[1] * 2.0, dead.relu()], 0)
    return parts.sum() + big.sum() + empty.sum()


def hostile() -> Tensor:
    y = leaf(1.0, "root")
    for i, name in enumerate(HOSTILE):
        with scope(name):
            y = (y * leaf(0.5 + i / 10, name)).tanh()
    return y


def graphviz_or_skip(monkeypatch: pytest.MonkeyPatch) -> str:
    """Graphviz's program, or that of the package graphviz-pure; the test is skipped without."""
    beside = os.path.dirname(sys.executable)
    program = which(str(dot_command.DOT_BINARY)) or which("graphviz-pure", path=beside)
    if program is None:
        pytest.skip("Graphviz's program is not installed")
    monkeypatch.setattr(dot_command, "DOT_BINARY", Path(program))
    return program


def chain(length: int) -> Tensor:
    w = leaf(0.999, "w")
    y = w
    for _ in range(length):
        y = y * w
    return y


PROGRAMS: dict[str, Callable[[], Tensor]] = {
    program.__name__: program
    for program in (square, expression, shared, neurons, broadcast, second_order, mlp, oddities,
                    hostile)
}  # fmt: skip

SHAPES = [(), (1,), (3,), (2, 1), (2, 3), (1, 1)]


@st.composite
def random_programs(draw: st.DrawFn) -> Tensor:
    """A random graph in float64: shared nodes, broadcasting, reductions, modules, constants."""
    numbers = st.integers(-8, 8).map(lambda k: k / 4)
    pool: list[Tensor] = []
    for i in range(draw(st.integers(1, 4))):
        shape = draw(st.sampled_from(SHAPES))
        size = int(np.prod(shape))
        values = draw(st.lists(numbers, min_size=size, max_size=size))
        data = np.array(values).reshape(shape)
        requires = i == 0 or draw(st.booleans())
        pool.append(tensor(data, dtype=np.float64, requires_grad=requires))
    for _ in range(draw(st.integers(1, 12))):
        with scope(draw(st.sampled_from(["", "a", "b", "a.inner"]))):
            x, y = draw(st.sampled_from(pool)), draw(st.sampled_from(pool))
            op = draw(st.sampled_from(["add", "sub", "mul", "tanh", "relu", "sum", "scale"]))
            if op in ("add", "sub", "mul"):
                pool.append({"add": x + y, "sub": x - y, "mul": x * y}[op])
            elif op == "sum":
                pool.append(x.sum(axis=0) if x.ndim else x.sum())
            elif op == "scale":
                pool.append(x * 0.5)
            else:
                pool.append(x.tanh() if op == "tanh" else x.relu())
    root = pool[0].sum()
    for x in pool[-3:]:
        root = root + x.tanh().sum()
    return root
