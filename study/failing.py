"""The graph as far as it got: an error that stopped the forward becomes a figure, with the op that
failed in red. All that is needed lies in the error's traceback: the op, its operands, the line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import FrameType
from typing import Any

from ..engine import GraphError, Tensor, apply
from ..engine.primitives import Primitive
from ..nn import Module
from .births import mark_births
from .contracting import unknown
from .model import Edge, Graph, Node
from .places import place_at
from .record import Recorder, Use
from .text import clean, shape_text, shorten

PACKAGE = __name__.partition(".")[0] + "."
LONGEST_SOURCE = 60


@dataclass(frozen=True, slots=True)
class Failure:
    """What an error tells of the op that raised it, and of the line that called for it."""

    name: str
    primitive: Primitive | None
    operands: tuple[Tensor, ...]
    module_path: str
    caller: FrameType | None
    line: int


def record_failure(
    error: BaseException, names: Mapping[str, object] | None = None, module: Any = None
) -> tuple[Graph, Recorder]:
    """The view model of what had been computed when `error` was raised, the failing op last; and
    what recorded it.

    Without `names` tensors are called as in the function that failed. GraphError where no op of
    backlit raised the error, or where its traceback is gone.

    >>> import backlit as bl
    >>> x, w = bl.zeros((2, 3)), bl.zeros((2, 4))
    >>> try:
    ...     x @ w
    ... except bl.ShapeError as error:
    ...     graph, _ = record_failure(error, names={"x": x, "w": w})
    >>> [node.name for node in graph.nodes], graph.nodes[-1].problem[:7]
    (['x', 'w', 'matmul'], 'matmul:')
    """
    failure = find_failure(error)
    if names is None:
        seen = failure.caller.f_locals if failure.caller is not None else {}
        names = {
            name: value
            for name, value in seen.items()
            if isinstance(value, Tensor) and value.name is None
        }
    stopped_at = Use(failure.module_path, failure.operands)
    recorder = Recorder(failure.operands, names, module, stopped_at)
    nodes, edges = recorder.nodes(), recorder.edges()
    failed = len(nodes)
    for slot, operand in enumerate(failure.operands):
        src = recorder.number_of(operand)
        assert src is not None
        edges.append(Edge(len(edges), src, failed, slot, "", "", None, None, None, ()))
    nodes.append(_failed(error, failure, nodes, edges))
    graph = Graph(tuple(nodes), tuple(edges), (), failed, modules=recorder.modules)
    return mark_births(graph), recorder


def _failed(error: BaseException, failure: Failure, nodes: list[Node], edges: list[Edge]) -> Node:
    operands = [nodes[edge.src] for edge in edges if edge.dst == len(nodes)]
    said = [clean(error).strip() or type(error).__name__]
    told = " and ".join(
        f"{shorten(node.name, 24)} {shape_text(node.value.shape)}" for node in operands
    )
    if told:
        said.append(f"Operands: {told}.")
    source = None
    if failure.caller is not None:
        source = place_at(failure.caller.f_code.co_filename, failure.line)
        where, _, text = str(source).partition(": ")
        said.append(f"At {where}: {shorten(text, LONGEST_SOURCE)}".rstrip(": "))
    primitive = failure.primitive
    return Node(
        id=len(nodes),
        kind="op",
        op=failure.name,
        symbol=primitive.symbol if primitive else failure.name,
        formula=primitive.formula if primitive else "",
        name=failure.name,
        named=True,
        module_path=clean(failure.module_path),
        value=unknown((), ""),
        grad=None,
        grad_state="none",
        problem="\n".join(said),
        source=source,
    )


def find_failure(error: BaseException) -> Failure:
    """The op that raised an error, from the error's traceback."""
    frames: list[tuple[FrameType, int]] = []
    step = error.__traceback__
    while step is not None:
        frames.append((step.tb_frame, step.tb_lineno))
        step = step.tb_next
    if not frames:
        raise GraphError(
            f"draw: this {type(error).__name__} has no traceback, so nothing is known of where it "
            "happened; draw the error that `except` caught"
        )
    outside = [k for k, (frame, _) in enumerate(frames) if not _is_ours(frame)]
    start = outside[-1] + 1 if outside else 0
    caller, line = frames[start - 1] if start else (None, 0)
    path = ".".join(
        frame.f_locals["self"]._name
        for frame, _ in frames
        if frame.f_code is Module.__call__.__code__ and frame.f_locals["self"]._name
    )
    for frame, _ in reversed(frames[start:]):
        if frame.f_code is apply.__code__:
            made = frame.f_locals["primitive"]
            return Failure(made.name, made, frame.f_locals["inputs"], path, caller, line)
    found = None
    for frame, _ in frames[start:]:  # the function that was called, or the innermost module
        code, module = frame.f_code, frame.f_locals.get("self")
        given = [frame.f_locals.get(name) for name in code.co_varnames[: code.co_argcount]]
        several = [one if isinstance(one, (list, tuple)) else [one] for one in given]
        operands = tuple(x for one in several for x in one if isinstance(x, Tensor))
        if operands and code.co_name == "forward" and isinstance(module, Module):
            name = type(module).__name__
            found = Failure(name, None, operands, path, caller, line)
        elif operands and found is None and not code.co_name.startswith("_"):
            found = Failure(code.co_name, None, operands, path, caller, line)
    if found is not None:
        return found
    raise GraphError(
        f"draw: no op of backlit raised this {type(error).__name__}, so there is no graph that "
        "leads to it; draw the tensor that was computed last"
    )


def _is_ours(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__", "")).startswith(PACKAGE)
