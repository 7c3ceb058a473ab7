"""The memory that training steps of a network need, measured from within a process of its own.
What is there in any case is taken off: code, parameters, optimizer state, the harness's arrays."""

import ctypes
import gc
import tempfile
from itertools import pairwise
from pathlib import Path

from .bench import System
from .cases.steps import BATCHES, NETWORKS

SMALLER = "784-256-128-10"  # runs the same code, so that none of it is loaded while we weigh
STEPS = 3
FLOAT = 4  # bytes
KEPT = 4  # copies of the parameters: themselves, Adam's two moments, the initial ones for resets


def weigh(system: System, spec: dict) -> dict:
    """Megabytes beyond what must be there, at the peak of the first steps and of later ones.

    Gives also the losses of the first steps, "check". Linux alone can forget a peak; elsewhere
    NotImplementedError.
    """
    _load_code(system, spec)
    before = _now() + _needed(spec["sizes"], spec["batch"])
    bench = system.build(spec)
    _forget_peak()
    losses = bench.check()
    first = _peak() - before
    _forget_peak()
    bench.run(STEPS)
    return {
        "first_megabytes": first / 1e6,
        "megabytes": (_peak() - before) / 1e6,
        "check": losses,
    }


def _load_code(system: System, spec: dict) -> None:
    from .data import write  # NumPy, which every system here has loaded by now

    sizes, batch = NETWORKS[SMALLER]
    small = spec | {"sizes": sizes, "batch": batch}
    with tempfile.TemporaryDirectory() as folder:
        small["file"] = str(Path(folder) / "data.npz")
        write(small, small["file"])
        bench = system.build(small)
        bench.check()
        bench.run(STEPS)


def _needed(sizes: list[int], batch: int) -> int:
    """Bytes of parameters, moments and initial values, and of the batches (float32, int64).

    >>> _needed([2, 3], 1)
    272
    """
    parameters = sum((fan_in + 1) * fan_out for fan_in, fan_out in pairwise(sizes))
    return KEPT * FLOAT * parameters + BATCHES * batch * (FLOAT * sizes[0] + 8)


def _now() -> int:
    _tidy()
    return _field("VmRSS")


def _peak() -> int:
    return _field("VmHWM")


def _forget_peak() -> None:
    """From here on the peak is that of what comes."""
    _tidy()
    reset_peak = "5"  # proc(5)
    try:
        Path("/proc/self/clear_refs").write_text(reset_peak)
    except OSError:
        raise NotImplementedError("this system cannot forget a process's peak of memory") from None


def _tidy() -> None:
    """Give back what is free: a process's memory shows what is used, not what was."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim:
        trim(0)


def _field(name: str) -> int:
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        raise NotImplementedError("memory is read from /proc, which is not here") from None
    kilobytes = next(line.split()[1] for line in lines if line.startswith(name))
    return int(kilobytes) * 1024
