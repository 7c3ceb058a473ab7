"""Which cores to use, and whether they are undisturbed: a yardstick around every slice.
On shared and virtual machines a core can run at half its speed for seconds, and none says so."""

import os
import time
from pathlib import Path
from time import perf_counter

DISTURBED = 1.3  # times the best yardstick seen
PATIENCE = 1.0  # seconds to wait for a calm core before measuring all the same


class Cores:
    """Picks the calmest cores before a slice and judges them after it.

    The judgement does not see what was measured, so retaking a disturbed slice favours no system.
    With several threads a core that a system left idle can come back slow (the host of a virtual
    machine has lent it out): that costs a retake, and shows as "disturbed" in the JSON. Where
    processes cannot be pinned to cores, all of this process's cores count as one.
    """

    def __init__(self, count: int) -> None:
        self.all = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
        if self.all and count > len(self.all):
            raise ValueError(f"{count} threads were asked for, there are {len(self.all)} cores")
        self.count = count
        self.best = float("inf")

    def choose(self) -> set[int]:
        """The calmest `count` cores; waits a little where they are disturbed."""
        deadline = perf_counter() + PATIENCE
        while True:
            speeds = sorted((self._yardstick(core), core) for core in self.all or [-1])
            chosen = speeds[: self.count]
            if self._calm(max(seconds for seconds, _ in chosen)) or perf_counter() > deadline:
                return {core for _, core in chosen if core >= 0}
            time.sleep(0.05)

    def calm(self, cores: set[int]) -> bool:
        """Whether these cores run at the best speed seen so far."""
        return self._calm(max(self._yardstick(core) for core in cores or {-1}))

    def release(self) -> None:
        """Let this process use all its cores again."""
        if self.all:
            os.sched_setaffinity(0, self.all)

    def _calm(self, seconds: float) -> bool:
        return seconds <= DISTURBED * self.best

    def _yardstick(self, core: int) -> float:
        if core >= 0:
            os.sched_setaffinity(0, {core})
        seconds = min(_loop() for _ in range(3))
        self.best = min(self.best, seconds)
        return seconds


def pin(process: int, cores: set[int]) -> None:
    """Keep a process, with the threads it has, to these cores; new threads inherit them."""
    if not cores:
        return
    for thread in Path(f"/proc/{process}/task").iterdir():
        try:
            os.sched_setaffinity(int(thread.name), cores)
        except ProcessLookupError:
            continue  # the thread has just ended


def _loop() -> float:
    started = perf_counter()
    total = 0
    for i in range(10_000):
        total += i
    return perf_counter() - started
