"""What is measured: the groups of cases in the order of the tables, and how names choose them.
Nothing here imports a numeric library; a spec is plain data that travels to the workers."""

from fnmatch import fnmatch

from . import (
    chains,
    estimators,
    kernels,
    limits,
    memory,
    nodes,
    programs,
    scaling,
    starts,
    steps,
    study,
)
from .case import Case, Group

GROUPS: tuple[Group, ...] = (
    steps.REPLAY,
    steps.EPOCHS,
    steps.GROUP,
    nodes.GROUP,
    starts.IMPORT,
    starts.SCRIPT,
    starts.DIGITS,
    estimators.GROUP,
    chains.GROUP,
    memory.GROUP,
    programs.GROUP,
    study.GROUP,
    kernels.GROUP,
    limits.GROUP,
    scaling.GROUP,
)


def choose(names: list[str]) -> list[Case]:
    """The cases named by a group, a row or a pattern, in the order of the tables; for no names
    those of all usual groups.

    >>> [case.name for case in choose(["node-add", "import"])]
    ['node-add', 'import', 'import-parts']
    """
    chosen = []
    unused = set(names)
    for group in GROUPS:
        for case in group.cases:
            hits = {name for name in names if _means(name, group, case)}
            unused -= hits
            if hits or (group.usual and not names):
                chosen.append(case)
    if unused:
        rows = [m.name for group in GROUPS for case in group.cases for m in case.measures]
        raise ValueError(
            f"nothing is called {sorted(unused)[0]!r}; groups: "
            f"{', '.join(group.name for group in GROUPS)}; rows: {', '.join(rows)}"
        )
    return chosen


def _means(name: str, group: Group, case: Case) -> bool:
    rows = [measure.name for measure in case.measures]
    return name == group.name or any(fnmatch(row, name) for row in rows)
