"""What a training step of a large network needs beyond the parameters and the optimizer's state.
Each sample is a new process, because a peak can be known only of a whole one."""

from .case import Case, Group, Measure
from .steps import SYSTEMS, spec_of

NETWORK = "784-2048-2048-10"

GROUP = Group(
    name="memory",
    title="Peak memory of a step beyond parameters and state",
    note=f"{NETWORK}, batch 512, Adam, each sample a new process: the peak of resident memory "
    "(VmHWM) above what the process had before the network was made, code being loaded by a "
    "smaller network; less the parameters, Adam's two moments and the harness's own arrays. The "
    "first row holds recording and verification, or compilation.",
    cases=(
        Case(
            (
                Measure("memory-first", "the first three steps", "MB", 1.0, "first_megabytes"),
                Measure("memory-step", "three steps after them", "MB", 1.0, "megabytes"),
            ),
            tuple(system for system in SYSTEMS if system != "torch-compile"),
            spec_of(NETWORK, read=False, replayed=True) | {"checked": 3},
            tolerance=1e-2,
            most=5,
            weighed=True,
        ),
    ),
)
