"""What backlit has promised itself, as numbers over the rows of a result.
A goal is judged when its rows were measured; it fails no run, it is printed."""

from dataclasses import dataclass
from math import prod

from .cases import chains

Names = str | tuple[str, ...]


@dataclass(frozen=True)
class Goal:
    """`over` divided by `under` (row, system), or `over` alone, at least or at most `limit`.

    With several systems the least of their medians counts, with several rows the geometric mean of
    their values; `over` and `under` have the same number of rows.
    """

    text: str
    limit: float
    over: tuple[Names, Names]
    under: tuple[Names, Names] | None = None
    at_least: bool = False


def _faster(row: str, limit: float, text: str) -> Goal:
    return Goal(text, limit, (row, "torch"), (row, "backlit"), at_least=True)


PEERS = ("torch", "torch-fused", "torch-compile", "jax")


def _ahead(row: str, limit: float, text: str) -> Goal:
    """How many times as fast as the fastest peer."""
    return Goal(text, limit, (row, PEERS), (row, "backlit"), at_least=True)


def _linear(long: str, short: str, text: str) -> Goal:
    # quadratic time would give 10; the longer graph leaves the cache and pays for that
    return Goal(text, 2.0, (long, "backlit"), (short, "backlit"))


def _light(row: str, text: str) -> Goal:
    return Goal(text, 1.3, (row, "backlit"), (row, "numba"))


def _growth(long: str, short: str, text: str) -> Goal:
    # ten times the instructions: linear is 10, quadratic 100
    return Goal(text, 20.0, (long, "backlit"), (short, "backlit"))


CHAINS = tuple(case.name for case in chains.GROUP.cases)
TORCHES = ("torch", "torch-fused")

GOALS = (
    _ahead("replay-2-16-16-2", 7.0, "replayed 2-16-16-2: times as fast as the best peer"),
    _ahead("replay-64-128-10", 3.0, "replayed 64-128-10: times as fast as the best peer"),
    _ahead("replay-784-256-128-10", 1.1, "replayed 784-256-128-10, against the best peer"),
    _ahead("replay-784-2048-2048-10", 0.85, "replayed 784-2048-2048-10, against the best peer"),
    _ahead("epochs-2-16-16-2", 2.0, "epochs of 2-16-16-2: times as fast as the best peer"),
    _ahead("epochs-64-128-10", 2.5, "epochs of 64-128-10: times as fast as the best peer"),
    _ahead("epochs-784-256-128-10", 1.1, "epochs of 784-256-128-10, against the best peer"),
    _faster("step-2-16-16-2", 5.0, "step 2-16-16-2: times as fast as torch eager"),
    _faster("step-64-128-10", 5.0, "step 64-128-10: times as fast as torch eager"),
    _faster("step-784-256-128-10", 1.0, "step 784-256-128-10: times as fast as torch eager"),
    Goal(
        "step 784-2048-2048-10: time against torch eager's",
        1.2,
        ("step-784-2048-2048-10", "backlit"),
        ("step-784-2048-2048-10", "torch"),
    ),
    Goal(
        "nine elementwise ops: times as fast as the best fused peer, geometric mean",
        1.2,
        (CHAINS, chains.FUSED),
        (CHAINS, "backlit"),
        at_least=True,
    ),
    Goal(
        "MLPClassifier.fit on digits: times as fast as scikit-learn",
        8.0,
        ("fit-digits", "sklearn"),
        ("fit-digits", "backlit"),
        at_least=True,
    ),
    _faster("digits", 2.5, "digits to 96 %: times as fast as torch"),
    Goal(
        "memory of a large step: backlit's against the best torch's",
        1.0,
        ("memory-step", "backlit"),
        ("memory-step", TORCHES),
    ),
    Goal("a program of 100 instructions made, ms", 5.0, ("made-100", "backlit")),
    _growth("made-1000", "made-100", "made: 1,000 instructions against 100"),
    _growth("ready-1000", "ready-100", "made and verified: 1,000 instructions against 100"),
    Goal(
        "a step after 100,000 steps against one after 100",
        1.1,
        ("memorised-100k", "backlit"),
        ("memorised-100", "backlit"),
    ),
    *(
        Goal(
            f"a watched step of {name} against one that is not",
            1.05,
            (f"watched-{name}", "backlit"),
            (f"unwatched-{name}", "backlit"),
        )
        for name in ("2-16-16-2", "64-128-10")
    ),
    Goal("a line noted by trace(), us", 0.25, ("traced", "backlit")),
    Goal("draw of 500 nodes, ms", 150.0, ("draw-500", "backlit")),
    Goal("draw of 5,000 nodes, ms", 1500.0, ("draw-5000", "backlit")),
    Goal("stepping page of 500 nodes, ms", 200.0, ("page-500", "backlit")),
    Goal("stepping page of 5,000 nodes, ms", 1500.0, ("page-5000", "backlit")),
    Goal("stepping page of 500 nodes, kB", 350.0, ("bytes-500", "backlit")),
    Goal("stepping page of 5,000 nodes, kB", 4000.0, ("bytes-5000", "backlit")),
    Goal("backlit learn moons with an empty cache, s", 20.0, ("learn-cold", "backlit")),
    Goal("one add node, forward and backward, us", 3.5, ("node-add", "backlit")),
    _linear("chain-100k", "node-add", "a node in a chain of 100,000, against 10,000"),
    _linear("fan-20k", "fan-2k", "an arm in a fan of 20,000, against 2,000"),
    _light("import", "import backlit, against import numba"),
    _light("import-parts", "import of engine, nn and optim, against import numba"),
    _faster("script", 2.0, "script: times as fast as torch's"),
    _faster("script-memory", 1.0, "script: torch's peak memory against backlit's"),
)


def judge(rows: list[dict], goals: tuple[Goal, ...] = GOALS) -> list[dict]:
    """Each goal whose numbers are there: its text, value, limit and whether it is met."""
    medians = {
        (row["name"], system): cell["median"]
        for row in rows
        for system, cell in row["cells"].items()
    }
    judged = []
    for goal in goals:
        over = _least(medians, goal.over)
        under = _least(medians, goal.under) if goal.under else [1.0] * len(over)
        if not over or not under:
            continue
        ratios = [a / b for a, b in zip(over, under, strict=True)]
        value = prod(ratios) ** (1 / len(ratios))
        met = value >= goal.limit if goal.at_least else value <= goal.limit
        sign = "at least" if goal.at_least else "at most"
        wanted = f"{sign} {goal.limit:g}"
        judged.append({"text": goal.text, "value": value, "wanted": wanted, "met": met})
    return judged


def _least(medians: dict[tuple[str, str], float], place: tuple[Names, Names]) -> list[float]:
    """For each row the least median of the systems; nothing where a row has none."""
    rows, systems = (names if isinstance(names, tuple) else (names,) for names in place)
    found = [[medians[row, s] for s in systems if (row, s) in medians] for row in rows]
    return [min(values) for values in found] if all(found) else []
