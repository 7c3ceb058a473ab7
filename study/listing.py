"""The graph as text: forward from top to bottom, then backward with the chain rule at each use.
For terminals, logs and screen readers; nothing is left out but the numbers of big arrays.
"""

from __future__ import annotations

from .model import Edge, Graph, Node, Values
from .svg import headline
from .text import columns, count_text, number, shape_text, shorten, summed_text
from .views import View, make_view
from .wording import derivative_text, in_names, result_name, terms_text

NAME = 28


def list_graph(graph: Graph) -> str:
    """Forward and backward: a line for each node, and one for each use that a gradient takes.

    >>> import backlit as bl
    >>> x = bl.tensor(3.0, requires_grad=True, name="x")
    >>> print(list_graph(bl.draw(x * x).graph))
    L = x · x = 9
    1 op · 1 parameter of 1 number
    <BLANKLINE>
    forward
      x   param      3
      n1  mul(x, x)  9
    <BLANKLINE>
    backward
      ∂L/∂n1 = 1
        → x  ∂/∂x = x  3 × 1 = 3
        → x  ∂/∂x = x  3 × 1 = 3
      ∂L/∂x = 6 = 3 + 3
    """
    return list_view(make_view(graph))


def list_view(view: View) -> str:
    """What a figure shows of a graph, as text."""
    graph = view.graph
    rows = [_forward(graph, node) for node in graph.nodes]
    lines = [*headline(view.whole), *view.remarks, "", "forward", *_table(rows)]
    for node in graph.nodes:
        if node.problem:
            lines += [
                "",
                f"  {_name(node)}:",
                *(f"    {said}" for said in node.problem.split("\n")),
            ]
    if not view.whole.nodes[view.whole.root].value.dtype:
        return "\n".join(lines) + "\n"  # the forward stopped, so nothing came back
    lines += ["", "backward"]
    for node in reversed(graph.nodes):
        if not node.is_leaf:
            lines += _backward(graph, node)
    lines += [line for node in graph.nodes if node.is_leaf for line in _gradient(graph, node)]
    return "\n".join(lines) + "\n"


def _forward(graph: Graph, node: Node) -> tuple[str, ...]:
    operands = ", ".join(_name(graph.nodes[edge.src]) for edge in graph.inputs_of[node.id])
    op = node.symbol or "module" if node.kind == "module" else node.op
    made = node.kind if node.is_leaf else f"{op}({operands})"
    if node.count > 1:
        made = f"× {node.count} {made}"
    value = _values(node.value) if node.value.dtype else "failed" if node.problem else node.op
    where = [f"in {shorten(node.module_path, 40)}"] if node.module_path else []
    where += [node.inside] if node.kind == "module" else []
    where += [f"{count_text(node.unseen, 'edge')} not shown"] if node.unseen else []
    return _name(node), made, value, " · ".join(where)


def _backward(graph: Graph, node: Node) -> list[str]:
    lines = _gradient(graph, node)
    rows = []
    for edge in graph.inputs_of[node.id]:
        if edge.contribution is not None:
            rows.append((f"  → {_name(graph.nodes[edge.src])}", *_chain_rule(graph, edge)))
    return lines + _table(rows)


def _gradient(graph: Graph, node: Node) -> list[str]:
    if node.grad_state == "none":
        return []
    label = f"  ∂{graph.letter}/∂{shorten(result_name(node), NAME)} = "
    if node.grad is None:
        word = "not kept" if graph.freed and node.grad_state == "not run" else node.grad_state
        return [label + word]
    uses = [edge.contribution for edge in graph.uses_of[node.id] if edge.contribution is not None]
    numbers = [use.scalar for use in uses if use.scalar is not None]
    if len(uses) < 2:
        paths = ""
    elif len(numbers) == len(uses) <= 8:
        paths = " " + terms_text(numbers)
    else:
        paths = f", sum of {len(uses)} paths"
    return [label + _values(node.grad) + paths]


def _chain_rule(graph: Graph, edge: Edge) -> tuple[str, ...]:
    flow, upstream = edge.contribution, edge.upstream
    assert flow is not None
    if not flow.dtype:  # of several results of a module
        norm = "" if flow.norm is None else f"norm {number(flow.norm)}"
        return count_text(edge.count, "use"), norm
    if edge.factor is None or upstream is None or upstream.scalar is None:
        summed = f", {summed_text(edge.summed)}" if edge.summed else ""
        return in_names(graph, graph.nodes[edge.dst], edge.vjp) + summed, _values(flow)
    product = f"{number(edge.factor)} × {number(upstream.scalar)}"
    return derivative_text(graph, edge), f"{product} = {_values(flow)}"


def _values(values: Values) -> str:
    """One number, a few numbers, or shape, range and norm."""
    if values.scalar is not None:
        return number(values.scalar)
    shape = shape_text(values.shape)
    if values.data is not None and values.size <= 4:
        return f"{shape} [{', '.join(number(value) for value in values.data)}]"
    if values.low is None or values.high is None or values.norm is None:
        return shape
    odd = f" {values.nans} NaN" * bool(values.nans) + f" {values.infs} inf" * bool(values.infs)
    return f"{shape} {number(values.low)} … {number(values.high)} norm {number(values.norm)}{odd}"


def _name(node: Node) -> str:
    """A name as it stands in lines."""
    return shorten(node.name, NAME)


def _table(rows: list[tuple[str, ...]]) -> list[str]:
    """Rows in columns, each as wide as its widest cell, up to a limit."""
    if not rows:
        return []
    wide = [min(max(columns(row[c]) for row in rows), 48) for c in range(len(rows[0]))]
    return [
        "  "
        + "  ".join(
            cell + " " * (room - columns(cell)) for cell, room in zip(row, wide, strict=True)
        ).rstrip()
        for row in rows
    ]
