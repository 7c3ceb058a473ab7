"""What else a program of backlit promises: it is ready at once, warm and cold, and a step costs
the same however long a network has trained. No peer is held beside these, only the goals."""

from .case import Case, Group, Measure

ONLY = ("backlit",)


def _ready(name: str, instructions: int) -> Case:
    title = f"a program of about {instructions:,} instructions"
    return Case(
        (
            Measure(f"made-{name}", f"{title}, made", "ms", 1e3),
            Measure(f"ready-{name}", f"{title}, made and verified", "ms", 1e3, "verified"),
        ),
        ONLY,
        {"kind": "ready", "instructions": instructions},
    )


def _learn(name: str, title: str, environment: dict[str, str], most: int) -> Case:
    return Case(
        (Measure(name, title, "s", 1.0),),
        ONLY,
        {
            "prints": [],
            "commands": {"backlit": ["-m", "backlit", "learn", "moons", "--quiet"]},
            "environment": environment,
        },
        most=most,
    )


GROUP = Group(
    name="programs",
    title="Programs: ready, and steady",
    note="Made and verified: what two calls take besides the function itself, a training step of a "
    "deep, narrow network. Made: the same less a verification, which is what a call takes "
    "besides the function under `verify_every=1`. The step: replayed 2-16-16-2, batch 100, on "
    "separable labels that never change; 100 steps from the 100th and from the 100,000th on. "
    "`backlit learn moons` is a whole process; cold: with an empty BACKLIT_CACHE_DIR, where every "
    "kernel is compiled.",
    cases=(
        _ready("100", 100),
        _ready("1000", 1000),
        Case(
            (
                Measure("memorised-100", "a step, after 100 steps", "us", 1e6),
                Measure("memorised-100k", "a step, after 100,000 steps", "us", 1e6, "late"),
            ),
            ONLY,
            {"kind": "memorised", "sizes": (2, 16, 16, 2), "batch": 100, "steps": (100, 100_000)},
        ),
        _learn("learn-warm", "backlit learn moons, warm", {}, most=5),
        _learn("learn-cold", "backlit learn moons, cold", {"BACKLIT_CACHE_DIR": "{folder}/c"}, 3),
    ),
)
