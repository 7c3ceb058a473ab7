"""The records a benchmark is described by: a case is run, a measure is a row of a table.
One case can fill several rows: a script gives a wall time and a peak memory."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Measure:
    """One row: `key` names the number in a sample, `scale` brings it to `unit`."""

    name: str
    title: str
    unit: str
    scale: float
    key: str = "seconds"


@dataclass(frozen=True)
class Case:
    """One piece of work that several systems do.

    spec: told to the worker, or with "commands" (system: arguments) run as processes.
    tolerance: the largest relative difference between the systems' checked numbers.
    patience: rounds are multiplied by it where a sample is short and noisy.
    most: rounds at most, none of them retaken, where a sample takes long; 0 for no such limit.
    weighed: each sample is the memory of a step in a new process, not a time.
    """

    measures: tuple[Measure, ...]
    systems: tuple[str, ...]
    spec: dict = field(default_factory=dict)
    tolerance: float = 1e-4
    patience: int = 1
    most: int = 0
    weighed: bool = False

    @property
    def name(self) -> str:
        """The first row's name."""
        return self.measures[0].name


@dataclass(frozen=True)
class Group:
    """Cases of one table; `note` is the sentence under it. A group that is not `usual` is measured
    only if it is named."""

    name: str
    title: str
    note: str
    cases: tuple[Case, ...]
    usual: bool = True
