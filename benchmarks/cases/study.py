"""What it costs to watch a run and to note lines, and how long pictures and pages take to make.
No peer draws these; they are held against the goals alone."""

from .case import Case, Group, Measure

ONLY = ("backlit",)


def _watched(name: str, sizes: tuple[int, ...]) -> Case:
    return Case(
        (
            Measure(f"unwatched-{name}", f"a step of {name}", "us", 1e6),
            Measure(f"watched-{name}", f"a step of {name}, watched", "us", 1e6, "watched"),
        ),
        ONLY,
        {"kind": "watched", "sizes": sizes, "batch": 32, "least": 2.0},
    )


def _pictures(nodes: int) -> Case:
    return Case(
        (
            Measure(f"draw-{nodes}", f"draw of {nodes:,} nodes", "ms", 1e3),
            Measure(f"page-{nodes}", f"stepping page of {nodes:,} nodes", "ms", 1e3, "page"),
            Measure(f"bytes-{nodes}", f"its size, {nodes:,} nodes", "kB", 1e-3, "bytes"),
        ),
        ONLY,
        {"kind": "pictures", "nodes": nodes},
    )


GROUP = Group(
    name="study",
    title="Studying: watched, traced, drawn",
    note="Watched: replayed steps, batch 32, a second with `bl.watch` around them, its opening and "
    "closing included, beside as many without. A line: what `bl.trace()` adds to an op of one "
    "number. Pictures are of scalar neurons, tanh(w x + b), and a sum over them, as SVG and as a "
    "stepping page.",
    cases=(
        _watched("2-16-16-2", (2, 16, 16, 2)),
        _watched("64-128-10", (64, 128, 10)),
        Case(
            (Measure("traced", "a line noted by `trace()`", "us", 1e6),),
            ONLY,
            {"kind": "traced", "ops": 10_000},
        ),
        _pictures(500),
        _pictures(5000),
    ),
)
