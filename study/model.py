"""The view model: what a picture of a graph needs to know, as plain data.
Every picture (SVG, HTML, DOT, text, JSON) is made from these dataclasses and from nothing else.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field, fields
from typing import Any, Literal

NodeKind = Literal["input", "const", "param", "op", "output", "module"]
GradState = Literal["none", "not run", "zero", "set", "no path"]
StepKind = Literal["forward", "seed", "backward", "accumulate", "update"]

SMALL = 64  # to this many elements the model keeps every number; above, a tile
SUM = "sum of terms"  # the op of a node that stands for a long chain of additions
FULL = 400  # graphs of more nodes have no tiles, and pictures of them compact cards


@dataclass(frozen=True, slots=True)
class Tile:
    """An array reduced to at most 32 x 32 cells, each the element of largest magnitude there.

    `cells` is base64 of one signed byte per cell, row by row: `scale * byte / 127` is the value,
    -128 stands for NaN.
    """

    rows: int
    cols: int
    scale: float
    cells: str


@dataclass(frozen=True, slots=True)
class Values:
    """The numbers of one array: all of them (`data`, flat) when few, else a `tile`; and statistics.

    `low`, `high` and `norm` are over the finite elements (None when there are none), `zeros` is the
    share of exact zeros, `nans` and `infs` are counts. `histogram` counts the finite elements of a
    big array in equal steps from `low` to `high`.
    """

    shape: tuple[int, ...]
    dtype: str
    data: tuple[float, ...] | None
    tile: Tile | None
    low: float | None
    high: float | None
    norm: float | None
    zeros: float
    nans: int
    infs: int
    histogram: tuple[int, ...] = ()

    @property
    def size(self) -> int:
        """Number of elements.

        >>> from backlit.study.values import summarise
        >>> import numpy as np
        >>> summarise(np.zeros((3, 4))).size
        12
        """
        return math.prod(self.shape)

    @property
    def scalar(self) -> float | None:
        """The number itself where there is exactly one."""
        return self.data[0] if self.data is not None and len(self.data) == 1 else None


@dataclass(frozen=True, slots=True)
class Place:
    """A line of the user's program: the file's name without its folder, the number from 1, and the
    line with up to two before and after it, of which the first is number `first`.
    """

    file: str
    line: int
    first: int
    texts: tuple[str, ...]

    def __str__(self) -> str:
        text = self.texts[self.line - self.first].strip() if self.texts else ""
        return f"{self.file}:{self.line}" + (f": {text}" if text else "")


@dataclass(frozen=True, slots=True)
class Node:
    """A tensor of the graph, and the op that made it.

    `id` follows creation order, so the same program gives the same picture. `grad_state` is "none"
    (needs no gradient), "not run" (not computed, or not kept), "zero", "set" or "no path" (needs a
    gradient, yet nothing of the loss depends on it). `problem` is what went wrong here: the error
    that stopped the forward, or a NaN made of finite numbers. `source` is the line of the program
    that made it, where `trace()` was on.

    A node of a folded graph may stand for several: for a module (kind "module") or a long sum.
    `inside` then says what it holds, `count` how many equal modules in a row it is, `trend` the
    norm of the gradient at the result of each of them. `unseen` counts the uses and operands that
    the figure leaves out.
    """

    id: int
    kind: NodeKind
    op: str
    symbol: str
    formula: str
    name: str
    named: bool
    module_path: str
    value: Values
    grad: Values | None
    grad_state: GradState
    problem: str = ""
    inside: str = ""
    count: int = 1
    trend: tuple[float, ...] = ()
    unseen: int = 0
    source: Place | None = None

    @property
    def is_leaf(self) -> bool:
        """Whether no op made it: an input, a constant or a parameter."""
        return self.kind in ("input", "const", "param")


@dataclass(frozen=True, slots=True)
class Edge:
    """One operand of one op: `x * x` has two. Values flow from `src` to `dst`, gradients back.

    `operand` is what the op's formula calls it, `local` the derivative (or the vector-Jacobian
    product, in `g`) as text from the primitive's record. `factor` is the local derivative as a
    number where operand and result are single numbers; `contribution` is what this use adds to the
    gradient of `src`, after the axes in `summed` were summed away to undo broadcasting. In a folded
    graph an edge may stand for `count` uses.
    """

    id: int
    src: int
    dst: int
    slot: int
    operand: str
    local: str
    factor: float | None
    upstream: Values | None
    contribution: Values | None
    summed: tuple[int, ...]
    count: int = 1

    @property
    def vjp(self) -> str:
        """What flows back, in terms of `g`, the gradient that arrives: `local` times `g`.

        A record may give both, as "derivative: product".

        >>> Edge(0, 0, 1, 0, "x", "1/y", None, None, None, ()).vjp
        'g · (1/y)'
        """
        derivative, _, vjp = self.local.partition(": ")
        if vjp or not derivative or re.search(r"\bg", derivative):
            return vjp or derivative
        if derivative in ("1", "-1") or derivative.startswith("1 where"):
            return derivative.replace("1", "g", 1).replace("½", "½g")
        simple = re.fullmatch(r"[\w²ᵀ]+(\(\w+\))?²?", derivative)
        return f"g · {derivative}" if simple else f"g · ({derivative})"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened, in the order in which the engine did it."""

    kind: StepKind
    nodes: tuple[int, ...]
    edges: tuple[int, ...]
    sentence: str
    numbers: dict[str, float]


@dataclass(frozen=True, slots=True)
class Graph:
    """A recorded forward and backward: `nodes[i].id == i`, `edges[i].id == i`.

    `freed` says that the engine had already let go of the graph: structure, values and the
    gradients of leaves are there, the rest was not kept. `modules` has the class of each module by
    its path, where the drawn module was given.
    """

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    steps: tuple[Step, ...]
    root: int
    freed: bool = False
    modules: dict[str, str] = field(default_factory=dict)
    inputs_of: dict[int, tuple[Edge, ...]] = field(init=False, repr=False, compare=False)
    uses_of: dict[int, tuple[Edge, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        into: dict[int, list[Edge]] = {node.id: [] for node in self.nodes}
        out_of: dict[int, list[Edge]] = {node.id: [] for node in self.nodes}
        for edge in self.edges:
            into[edge.dst].append(edge)
            out_of[edge.src].append(edge)
        object.__setattr__(self, "inputs_of", {i: tuple(edges) for i, edges in into.items()})
        object.__setattr__(self, "uses_of", {i: tuple(edges) for i, edges in out_of.items()})

    @property
    def letter(self) -> str:
        """What gradients are gradients of: the root's name where it is short, else L."""
        root = self.nodes[self.root]
        return root.name if root.named and len(root.name) <= 2 else "L"

    def to_json(self) -> str:
        """The whole model as JSON; NaN and infinities are the strings "nan", "inf", "-inf".

        >>> import backlit as bl
        >>> x = bl.tensor(3.0, requires_grad=True, name="x")
        >>> import json
        >>> [node["name"] for node in json.loads(bl.draw(x * x).graph.to_json())["nodes"]]
        ['x', 'n1']
        """
        return json.dumps(plain(self), allow_nan=False, ensure_ascii=True, separators=(",", ":"))


def plain(value: Any) -> Any:
    """A dataclass as dicts, lists, strings and finite numbers: what JSON can hold.

    >>> plain((1, float("nan"), None))
    [1, 'nan', None]
    """
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if value is None or isinstance(value, (str, int)):
        return value
    if isinstance(value, (tuple, list)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    return {f.name: plain(getattr(value, f.name)) for f in fields(value) if f.init}
