"""Coarser steps for the stepping page: an op or a module at a time, and the sentence for what
happened since the last stop. They name no numbers, so that they hold for any.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from typing import Any

from .model import Graph, Step
from .text import count_text, shorten

NAMED = 8  # of the operands that an op sends something to, so many are named


def coarse_steps(graph: Graph) -> list[list[tuple[int, str]]]:
    """For an op and for a module at a time: the number of each last step, from 1, with a sentence
    where it stands for several.

    >>> import backlit as bl
    >>> x = bl.tensor(3.0, requires_grad=True, name="x")
    >>> ops, modules = coarse_steps(bl.draw((x * x).tanh()).graph)
    >>> ops[4], modules[2]
    ((6, 'n1 (*) sends back to x, x'), (6, 'outside of modules: backward, 3 steps through 2 ops'))
    """
    nodes = graph.nodes

    def op(step: Step) -> Any:
        return step.kind, step.nodes[0] if step.kind in ("forward", "seed", "backward") else 0

    def module(step: Step) -> Any:
        inside = step.kind in ("forward", "backward")
        return step.kind, nodes[step.nodes[0]].module_path if inside else ""

    return [_stops(graph, op), _stops(graph, module)]


def _stops(graph: Graph, key: Callable[[Step], Any]) -> list[tuple[int, str]]:
    found, k = [], 0
    for _, group in groupby(graph.steps, key):
        steps = list(group)
        k += len(steps)
        found.append((k, _told(graph, steps) if len(steps) > 1 else ""))
    return found


def _told(graph: Graph, steps: list[Step]) -> str:
    """Several steps in one sentence."""
    nodes, kind = graph.nodes, steps[-1].kind
    made = nodes[steps[-1].nodes[0]]
    ops = len({step.nodes[0] for step in steps})
    if kind == "backward" and ops == 1 and len(steps) <= NAMED:
        names = ", ".join(nodes[step.nodes[1]].name for step in steps)
        return f"{made.name} ({made.symbol}) sends back to {names}"
    where = "the leaves"
    if kind in ("forward", "backward"):
        where = shorten(made.module_path, 60) or "outside of modules"
    through = f" through {count_text(ops, 'op')}" if kind == "backward" else ""
    return f"{where}: {kind}, {count_text(len(steps), 'step')}{through}"
