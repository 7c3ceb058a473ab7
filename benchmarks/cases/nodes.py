"""The price of one node of the graph: made forward, walked backward, freed, gc on.
Chains and fans of two lengths show whether the price stays the same as the graph grows."""

from .case import Case, Group, Measure

SYSTEMS = ("backlit", "torch")


def _case(name: str, kind: str, nodes: int, title: str) -> Case:
    # nodes divide the time of a run: the row is the time of one node
    measure = Measure(name, title, "us", 1e6 / nodes)
    return Case((measure,), SYSTEMS, {"kind": kind, "nodes": nodes}, tolerance=1e-6)


GROUP = Group(
    name="node",
    title="One node forward, backward and freed",
    note="A chain is c = c + x over single numbers. A fan is the sum of a stack of products x * x: "
    "an arm is its product, its place in the stack and two additions to one gradient. The garbage "
    "collector is on.",
    cases=(
        _case("node-add", "chain", 10_000, "add, in a chain of 10,000"),
        _case("chain-100k", "chain", 100_000, "add, in a chain of 100,000"),
        _case("fan-2k", "fan", 2_000, "one arm of a fan of 2,000"),
        _case("fan-20k", "fan", 20_000, "one arm of a fan of 20,000"),
    ),
)
