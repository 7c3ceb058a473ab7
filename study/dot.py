"""The graph for Graphviz: a `graphviz.Digraph` that the user can go on working with.
Names are hostile input here too: a label is escaped for every kind of Graphviz label.
"""

from __future__ import annotations

import graphviz

from .groups import Group, group_by_module, outside_in
from .model import Edge, Graph, Node, Values
from .text import number, shape_text, shorten, summed_text, wrap_columns
from .themes import THEMES
from .views import View, make_view
from .wording import grad_label, in_names, signed

FONT = "monospace"


def to_dot(graph: Graph) -> graphviz.Digraph:
    """The graph as a `graphviz.Digraph`: modules are clusters, nodes are named n0, n1, …

    Rendering it (`.render()`, `.pipe()`) needs Graphviz's program, looking at `.source` does not.

    >>> import backlit as bl
    >>> x = bl.tensor(3.0, requires_grad=True, name="x")
    >>> "n0 -> n1" in to_dot(bl.draw(x * x).graph).source
    True
    """
    return view_to_dot(make_view(graph))


def view_to_dot(view: View) -> graphviz.Digraph:
    """What a figure shows of a graph, as a `graphviz.Digraph`; what it hides is its label."""
    graph = view.graph
    theme = THEMES["light"]
    dot = graphviz.Digraph(
        "backlit",
        graph_attr={"rankdir": "TB", "fontname": FONT, "fontsize": "11"},
        node_attr={"shape": "box", "style": "filled", "fontname": FONT, "fontsize": "10"},
        edge_attr={"fontname": FONT, "fontsize": "9", "color": theme.line},
    )
    if view.remarks:
        dot.attr(label=_joined([line for said in view.remarks for line in wrap_columns(said, 80)]))
    whole, _ = group_by_module(graph)
    groups = outside_in(whole)
    parts: dict[Group, graphviz.Digraph] = {whole: dot}
    for i, group in enumerate(groups[1:]):
        parts[group] = graphviz.Digraph(f"cluster_{i}")
        parts[group].attr(
            label=label_text(shorten(group.path, 40)), color=theme.frame[1], style="rounded"
        )
    for group in groups:
        for i in group.nodes:
            node = graph.nodes[i]
            fill, border = theme.cards["problem" if node.problem else node.kind]
            style = (
                "filled,dashed"
                if node.kind == "const"
                else ("filled" if node.is_leaf else "filled,rounded")
            )
            parts[group].node(
                f"n{i}",
                label=_joined(_node_lines(graph, node)),
                fillcolor=fill,
                color=border,
                style=style,
            )
    for group in reversed(groups[1:]):
        assert group.parent is not None
        parts[group.parent].subgraph(parts[group])
    for edge in graph.edges:
        dot.edge(f"n{edge.src}", f"n{edge.dst}", label=_joined(_edge_lines(graph, edge)))
    return dot


def label_text(text: str) -> str:
    """`text` for a Graphviz label, taken literally in plain, record and HTML-like places.

    >>> label_text('<b>|{a}"')
    '\\\\<b\\\\>\\\\|\\\\{a\\\\}"'
    """
    return "".join("\\" + char if char in "\\<>{}|" else char for char in text)


def _joined(lines: list[str]) -> str:
    return "\\n".join(label_text(line) for line in lines if line)


def _node_lines(graph: Graph, node: Node) -> list[str]:
    name = shorten(node.name, 40)
    if node.is_leaf:
        lines = [f"{name}  {node.kind}"]
    elif node.kind == "module":
        times = f"× {node.count} " * (node.count > 1) + node.symbol
        lines = [f"{name}  {times}".rstrip(), *node.inside.split(" · ")]
    else:
        lines = [f"{name}  {node.symbol}", in_names(graph, node, node.formula)]
    for said in node.problem.split("\n"):
        lines += wrap_columns(said, 44, 9)
    if not node.value.dtype:
        return lines
    lines.append(_values_text("value", node.value))
    if node.grad is not None:
        lines.append(_values_text(grad_label(graph, node), node.grad))
    elif node.grad_state != "none":
        lines.append(f"{grad_label(graph, node)}: {node.grad_state}")
    return lines


def _values_text(caption: str, values: Values) -> str:
    if values.scalar is not None:
        return f"{caption} = {number(values.scalar)}"
    norm = "" if values.norm is None else f" norm {number(values.norm, 3)}"
    return f"{caption} {shape_text(values.shape)}{norm}"


def _edge_lines(graph: Graph, edge: Edge) -> list[str]:
    flow = edge.contribution
    if flow is None:
        return []
    if edge.factor is not None and edge.upstream is not None and flow.scalar is not None:
        upstream = edge.upstream.scalar or 0.0
        return [f"{number(edge.factor)} × {number(upstream)}", f"= {signed(flow.scalar)}"]
    lines = [in_names(graph, graph.nodes[edge.dst], edge.vjp)]
    if edge.summed:
        lines.append(summed_text(edge.summed))
    return lines
