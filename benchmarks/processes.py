"""Times whole processes, as a shell would: wall time and peak memory from the kernel's accounts.
The counterpart of `client.py` for the cases whose work is to start, compute and exit."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

from .client import SystemFailed
from .threads import environment

SCRIPTS = Path(__file__).resolve().parent / "scripts"


class Launcher:
    """Runs one command line again and again; has the same three methods as a worker."""

    def __init__(self, arguments: list[str], threads: int) -> None:
        # "{scripts}" keeps absolute paths out of the specs, and so out of the JSON
        filled = [text.replace("{scripts}", str(SCRIPTS)) for text in arguments]
        self.command = [sys.executable, *filled]
        self.env = environment(threads)

    def build(self, spec: dict) -> dict:
        """The first run (bytecode and kernel caches may be cold), and the number it printed."""
        sample = self.slice(0.0, set())
        return {"first": sample["seconds"], "check": sample["printed"] if spec["prints"] else []}

    def slice(self, seconds: float, cores: set[int]) -> dict:
        """One run, however long it takes: {"seconds", "megabytes", "cores", "printed"}."""
        if cores:
            os.sched_setaffinity(0, cores)  # the new process inherits it
        # Not in the checkout: its folders must not stand on the path of the measured process.
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as noise:
            started = perf_counter()
            process = subprocess.Popen(
                self.command, stdout=out, stderr=noise, env=self.env, cwd=tempfile.gettempdir()
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
        return {
            "seconds": wall,
            "megabytes": usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6,
            "cores": round((usage.ru_utime + usage.ru_stime) / wall, 2),
            "printed": printed,
        }

    def drop(self) -> None:
        """Nothing is kept between runs."""


def _numbers(text: str) -> list[float]:
    found = []
    for word in text.split():
        try:
            found.append(float(word))
        except ValueError:
            continue
    return found
