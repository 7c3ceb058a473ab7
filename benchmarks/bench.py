"""What a system hands to the worker for one case: something to run, to reset and to check.
Each file in `systems/` builds these; `worker.py` times them and knows no library."""

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Protocol

from .stats import median


def _nothing() -> None:
    """The reset of a bench that keeps no state."""


@dataclass(frozen=True)
class Bench:
    """One case in one library.

    run: does the work `count` times and returns when it is really done.
    check: numbers that every system must agree on; called once, before any timing.
    reset: back to the initial state, before each slice.
    measure: takes the times itself, over about as many seconds as it is given, and names them;
        for what is not one piece of work done again and again.
    """

    run: Callable[[int], None]
    check: Callable[[], list[float]]
    reset: Callable[[], None] = _nothing
    measure: Callable[[float], dict[str, float]] | None = None


def self_measured(once: Callable[[], dict[str, float]]) -> Bench:
    """A bench that takes its times itself: medians of what `once` finds, again and again."""

    def measure(seconds: float) -> dict[str, float]:
        ends = perf_counter() + seconds
        found = [once()]
        while perf_counter() < ends:
            found.append(once())
        return {name: median([each[name] for each in found]) for name in found[0]}

    def run(count: int) -> None:
        for _ in range(count):
            once()

    return Bench(run, lambda: [], measure=measure)


class System(Protocol):
    """One library in a worker: made with (variant, threads), it builds benches from specs."""

    def versions(self) -> dict[str, str]:
        """The versions to name in the header."""
        ...

    def build(self, spec: dict) -> Bench:
        """The bench for a case's spec; raises where the library has no such thing."""
        ...
