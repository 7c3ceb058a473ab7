"""The process one system lives in: reads a request a line, answers a line, both JSON.
Requests: build (first call timed, results checked), slice (mean time of one run), drop, and weigh
(the memory of a step, in a process of its own)."""

import ctypes
import gc
import importlib
import json
import os
import signal
import sys
from time import perf_counter, process_time
from typing import TextIO

from .bench import Bench, System
from .weigh import weigh

MIN_RUNS = 3
LONG = 1.0  # seconds: of such runs a slice holds one, without a warm-up


def main(module: str, variant: str, threads: str) -> None:
    """Serve until stdin closes. What libraries print goes to stderr, stdout is the protocol."""
    _die_with_the_parent()
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    try:
        system: System = importlib.import_module(module).System(variant, int(threads))
        _say(out, {"versions": system.versions()})
    except Exception as error:
        _say(out, {"error": _words(error)})
        return
    _serve(system, out)


def _serve(system: System, out: TextIO) -> None:
    timer: Timer | None = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if request["do"] == "build":
                timer = Timer(system.build(request["spec"]))
                answer = timer.first()
            elif request["do"] == "slice" and timer:
                answer = timer.slice(request["seconds"])
            elif request["do"] == "weigh":
                answer = weigh(system, request["spec"])
            elif request["do"] == "drop":
                timer = None
                gc.collect()
                answer = {}
            else:
                answer = {"error": f"cannot {request['do']} now"}
        except Exception as error:
            answer = {"error": _words(error)}
        _say(out, answer)


class Timer:
    """Times one bench: the first call, then slices of about the time asked for."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.seconds_a_run = 0.0

    def first(self) -> dict:
        """The time of the first run, then the numbers to compare."""
        started = perf_counter()
        self.bench.run(1)
        first = perf_counter() - started
        self.bench.reset()
        return {"first": first, "check": self.bench.check()}

    def slice(self, seconds: float) -> dict:
        """The mean time of a run over about `seconds`, after an unmeasured warm-up."""
        if self.bench.measure:
            cpu, started = process_time(), perf_counter()
            found = self.bench.measure(seconds)
            wall = perf_counter() - started
            return found | {"cores": round((process_time() - cpu) / wall, 2)}
        self.bench.reset()
        if not self.seconds_a_run:
            self.seconds_a_run = self._estimate(seconds)
        long = self.seconds_a_run > LONG
        count = 1 if long else max(MIN_RUNS, int(seconds / self.seconds_a_run))
        if not long:
            self.bench.run(count // 10 + 1)
        gc.collect()
        cpu, started = process_time(), perf_counter()
        self.bench.run(count)
        wall = perf_counter() - started
        cpu = process_time() - cpu
        self.seconds_a_run = wall / count
        return {"seconds": wall / count, "runs": count, "cores": round(cpu / wall, 2)}

    def _estimate(self, seconds: float) -> float:
        count = 1
        while True:
            started = perf_counter()
            self.bench.run(count)
            wall = perf_counter() - started
            if wall > seconds / 4 or count > 1 << 24:
                return wall / count
            count *= 2


def _say(out: TextIO, answer: dict) -> None:
    out.write(json.dumps(answer) + "\n")
    out.flush()


def _words(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0]}"[:300]


def _die_with_the_parent() -> None:
    """A stopped process would outlive a parent that was killed; Linux can be asked not to."""
    if sys.platform == "linux":
        set_parent_death_signal = 1
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)


if __name__ == "__main__":
    main(*sys.argv[1:])
