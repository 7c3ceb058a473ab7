"""Times whole processes, as a shell would: wall time and peak memory from the kernel's accounts.
The counterpart of `client.py` for the cases whose work is to start, compute and exit."""

import os
import subprocess
import sys
import tempfile
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from time import perf_counter

from .client import SystemFailed
from .threads import environment

SCRIPTS = Path(__file__).resolve().parent / "scripts"


class Launcher:
    """Runs one command line again and again; has the same three methods as a worker.

    In the arguments and in the values of `variables` (of the environment), "{scripts}" stands for
    the scripts' folder, "{kept}" for a folder that stays from run to run, with the case's data,
    "{folder}" for the one that a run starts in, new and empty.
    """

    def __init__(
        self,
        arguments: list[str],
        threads: int,
        kept: str,
        variables: dict[str, str] | None = None,
    ) -> None:
        self.arguments, self.variables = arguments, variables or {}
        self.env = environment(threads)
        # names instead of absolute paths keep those out of the specs
        self.places = {"{scripts}": str(SCRIPTS), "{kept}": kept}

    def build(self, spec: dict) -> dict:
        """The first run (bytecode and kernel caches may be cold), and the numbers it printed."""
        sample = self.slice(0.0, set())
        missing = [name for name in spec["prints"] if name not in sample]
        if missing:
            raise SystemFailed(f"it printed no {missing[0]}")
        return {"first": sample["seconds"], "check": [sample[name] for name in spec["prints"]]}

    def slice(self, seconds: float, cores: set[int]) -> dict:
        """One run, however long it takes: {"seconds", "megabytes", "cores"} and what it printed
        as a name and a number.
        """
        if cores:
            os.sched_setaffinity(0, cores)  # the new process inherits it
        # Not in the checkout: its folders must not stand on the path of the measured process.
        with (
            tempfile.TemporaryDirectory() as folder,
            tempfile.TemporaryFile() as out,
            tempfile.TemporaryFile() as noise,
        ):
            command = [sys.executable, *(self._filled(text, folder) for text in self.arguments)]
            own = {name: self._filled(text, folder) for name, text in self.variables.items()}
            started = perf_counter()
            process = subprocess.Popen(
                command, stdout=out, stderr=noise, env=self.env | own, cwd=folder
            )
            _, status, usage = os.wait4(process.pid, 0)
            wall = perf_counter() - started
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode:
                noise.seek(0)
                lines = noise.read().decode(errors="replace").strip().splitlines() or [""]
                raise SystemFailed(f"exit code {process.returncode}: {lines[-1]}"[:300])
            out.seek(0)
            printed = _numbers(out.read().decode())
        return printed | {
            "seconds": wall,
            "megabytes": usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6,
            "cores": round((usage.ru_utime + usage.ru_stime) / wall, 2),
        }

    def drop(self) -> None:
        """Nothing is kept between runs."""

    def _filled(self, text: str, folder: str) -> str:
        for name, place in (self.places | {"{folder}": folder}).items():
            text = text.replace(name, place)
        return text


def _numbers(text: str) -> dict[str, float]:
    """Numbers by the word before each.

    >>> _numbers("read 1797 rows, accuracy 0.961, and out")
    {'read': 1797.0, 'accuracy': 0.961}
    """
    found = {}
    for name, word in pairwise(text.replace(",", " ").split()):
        with suppress(ValueError):
            found[name] = float(word)
    return found
