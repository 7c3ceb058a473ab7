"""What comes many times over, drawn once: a chain of equal modules as one box "× N", and a long
chain of additions as one "sum of k".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .contracting import Part, contract
from .folding import contents
from .model import SUM, Graph, Node

LEAST_TERMS, LEAST_TIMES, LONGEST_PERIOD = 4, 3, 4


def gather_sums(graph: Graph) -> Graph:
    """The graph with each chain of additions of four terms or more as one node.

    Only where every partial sum is used once, by the next addition of the chain, in the same
    module and shape: then each term gets the same gradient as the whole.

    >>> import backlit as bl
    >>> terms = [bl.tensor(float(i), requires_grad=True) for i in range(6)]
    >>> graph = gather_sums(bl.draw(sum(terms[1:], terms[0])).graph)
    >>> graph.nodes[-1].symbol, len(graph.nodes)
    ('sum of 6', 7)
    """
    chains: dict[int, list[int]] = {}  # by the last addition so far
    for node in graph.nodes:
        if node.op != "add" or node.problem or node.unseen:
            continue
        chain: list[int] = []
        for edge in graph.inputs_of[node.id]:
            before = graph.nodes[edge.src]
            if (
                edge.src in chains
                and len(graph.uses_of[edge.src]) == 1
                and edge.src != graph.root
                and before.value.shape == node.value.shape
                and before.module_path == node.module_path
            ):
                short, chain = sorted((chain, chains.pop(edge.src)), key=len)
                chain += short
        chain.append(node.id)
        chains[node.id] = chain
    parts = []
    for last, chain in chains.items():
        terms = 2 * len(chain) - (len(chain) - 1)
        if terms >= LEAST_TERMS:
            sums = replace(
                graph.nodes[last],
                symbol=f"sum of {terms}",
                formula=f"sum of {terms} terms",
                op=SUM,
                inside=f"{len(chain)} additions",
            )
            parts.append(Part(tuple(sorted(chain)), sums))
    return contract(graph, parts) if parts else graph


def gather_repeats(folded: Graph, whole: Graph, boxes: Sequence[tuple[int, ...]]) -> Graph:
    """The folded graph with each chain of equal boxes, three times or more, as one box.

    Equal are boxes in which the same ops work on the same shapes, and between which nothing but
    one result goes on. A period of up to four boxes is found (Linear, ReLU, Linear, ReLU, …).
    `whole` is the graph that `folded` was folded from, `boxes` its nodes in each box.
    """
    modules = [node.id for node in folded.nodes if node.kind == "module"]
    held = dict(zip(modules, boxes, strict=True))
    kinds = {i: _kind(whole, members) for i, members in held.items()}
    parts = []
    for chain in _chains(folded):
        at = 0
        while at < len(chain):
            period, times = _repeat([kinds[i] for i in chain], at)
            if times >= LEAST_TIMES:
                members = chain[at : at + period * times]
                inside = contents(whole.nodes[i] for box in members for i in held[box])
                parts.append(Part(tuple(members), _box(folded, members, period, times, inside)))
            at += period * times
    return contract(folded, parts) if parts else folded


def _kind(graph: Graph, members: tuple[int, ...]) -> object:
    """What a box does, such that equal boxes have equal values."""
    at = {i: k for k, i in enumerate(members)}
    return tuple(
        (
            graph.nodes[i].op or graph.nodes[i].kind,
            graph.nodes[i].value.shape,
            tuple(at.get(edge.src, -1) for edge in graph.inputs_of[i]),
        )
        for i in members
    )


def _chains(graph: Graph) -> list[list[int]]:
    """Boxes of one module, each but the last used by the next alone."""
    after: dict[int, int] = {}
    for node in graph.nodes:
        uses = graph.uses_of[node.id]
        if node.kind != "module" or len(uses) != 1 or node.id == graph.root:
            continue
        if node.problem or node.unseen:
            continue
        user = graph.nodes[uses[0].dst]
        if (
            user.kind == "module"
            and user.module_path == node.module_path
            and not user.problem
            and not user.unseen
        ):
            after.setdefault(node.id, user.id)
    entered: dict[int, int] = {}
    for user in after.values():
        entered[user] = entered.get(user, 0) + 1
    chains = []
    for node in graph.nodes:
        if node.kind == "module" and entered.get(node.id, 0) != 1:
            chain = [node.id]
            while chain[-1] in after and entered[after[chain[-1]]] == 1:
                chain.append(after[chain[-1]])
            chains.append(chain)
    return chains


def _repeat(kinds: Sequence[object], at: int) -> tuple[int, int]:
    """The shortest period that starts at `at` and comes three times or more; how many times."""
    for period in range(1, LONGEST_PERIOD + 1):
        times = 1
        while kinds[at : at + period] == kinds[at + times * period : at + (times + 1) * period]:
            times += 1
        if times >= LEAST_TIMES:
            return period, times
    return 1, 1


def _box(graph: Graph, members: Sequence[int], period: int, times: int, inside: str) -> Node:
    boxes = [graph.nodes[i] for i in members]
    last = boxes[-1]
    norms = [box.grad.norm if box.grad else None for box in boxes[period - 1 :: period]]
    return replace(
        last,
        name=f"{boxes[0].name} … {last.name}",
        count=times,
        op=f"{period} modules" if period > 1 else "module",
        symbol=", ".join(box.symbol for box in boxes[:period] if box.symbol),
        inside=inside,
        trend=tuple(norm for norm in norms if norm is not None) if None not in norms else (),
    )
