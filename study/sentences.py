"""The story of a graph: every step of forward and backward, in order, as a sentence with numbers.
The order is the engine's own: newest node first, each leaf's gradient complete when all is done.
"""

from __future__ import annotations

from .model import Edge, Graph, Node, Step, Values
from .text import number, shape_text, summed_text
from .wording import grad_label, term


def narrate(graph: Graph, walked: list[int]) -> tuple[Step, ...]:
    """Forward, the seed, backward edge by edge along the ops in `walked`, then the leaves.

    >>> from backlit.engine import tensor
    >>> from backlit.study.record import record
    >>> x = tensor(3.0, requires_grad=True)
    >>> for step in record(x * x, names={"x": x}).steps:
    ...     print(step.sentence)
    n1 = mul(x, x) = 9
    seed: ∂L/∂n1 = 1
    n1 (*) → x: local 3 · upstream 1 = 3; ∂L/∂x = 0 + 3
    n1 (*) → x: local 3 · upstream 1 = 3; ∂L/∂x = 3 + 3
    x.grad receives 6
    """
    nodes, root = graph.nodes, graph.nodes[graph.root]
    steps = [_forward(graph, node) for node in nodes if not node.is_leaf]
    if root.grad is None or root.grad.scalar is None:
        return tuple(steps)
    seed = root.grad.scalar
    steps.append(
        Step(
            "seed",
            (root.id,),
            (),
            f"seed: {grad_label(graph, root)} = {number(seed)}",
            {"after": seed},
        )
    )
    sums: dict[int, float] = {}
    arrivals: dict[int, int] = {}
    for dst in walked:
        for edge in graph.inputs_of[dst]:
            if edge.contribution is not None:
                arrivals[edge.src] = arrivals.get(edge.src, 0) + 1
                steps.append(_backward(graph, edge, edge.contribution, sums, arrivals[edge.src]))
    for leaf in arrivals:
        node = nodes[leaf]
        if node.is_leaf and node.grad is not None:
            steps.append(
                Step(
                    "accumulate",
                    (leaf,),
                    (),
                    f"{node.name}.grad receives {_shown(node.grad)}",
                    _numbers(after=node.grad.scalar),
                )
            )
    return tuple(steps)


def _forward(graph: Graph, node: Node) -> Step:
    inputs = graph.inputs_of[node.id]
    if not node.value.dtype:
        return Step("forward", (node.id,), (), f"{node.name} failed: {problem_text(node)}", {})
    operands = ", ".join(graph.nodes[edge.src].name for edge in inputs)
    return Step(
        "forward",
        (node.id,),
        tuple(edge.id for edge in inputs),
        f"{node.name} = {node.op}({operands}) = {_shown(node.value)}",
        _numbers(value=node.value.scalar),
    )


def _backward(graph: Graph, edge: Edge, flow: Values, sums: dict[int, float], arrival: int) -> Step:
    """What one use of a node adds to its gradient; `sums` holds the gradients so far."""
    src, dst = graph.nodes[edge.src], graph.nodes[edge.dst]
    start = f"{dst.name} ({dst.symbol}) → {src.name}: "
    ends = (dst.id, src.id)
    if flow.scalar is None:
        summed = f", {summed_text(edge.summed)}" if edge.summed else ""
        rest = "" if arrival == 1 else f"; contribution {arrival} is added to the ones before"
        return Step(
            "backward",
            ends,
            (edge.id,),
            f"{start}{edge.vjp}{summed} = {_shown(flow)}{rest}",
            _numbers(norm=flow.norm),
        )
    before = sums.get(src.id, 0.0)
    after = sums[src.id] = before + flow.scalar
    upstream = edge.upstream.scalar if edge.upstream else None
    product = edge.vjp
    if edge.factor is not None and upstream is not None:
        product = f"local {number(edge.factor)} · upstream {number(upstream)}"
    return Step(
        "backward",
        ends,
        (edge.id,),
        f"{start}{product} = {number(flow.scalar)}; {grad_label(graph, src)} = {number(before)} + "
        f"{term(flow.scalar)}",
        _numbers(
            local=edge.factor,
            upstream=upstream,
            contribution=flow.scalar,
            before=before,
            after=after,
        ),
    )


def problem_text(node: Node) -> str:
    """What went wrong at a node, as one paragraph."""
    lines = [line.rstrip(".") for line in node.problem.split("\n")]
    return ". ".join(lines)


def _shown(values: Values) -> str:
    """A number, or the shape and norm of many."""
    if values.scalar is not None:
        return number(values.scalar)
    norm = "" if values.norm is None else f", norm {number(values.norm)}"
    return f"{shape_text(values.shape)}{norm}"


def _numbers(**numbers: float | None) -> dict[str, float]:
    return {name: value for name, value in numbers.items() if value is not None}
