"""What `report()` says of a program: its ops, how long each takes, its memory."""

from __future__ import annotations

from collections.abc import Iterable
from time import perf_counter

import numpy as np

from .program import Program, run_on_host

SECONDS = 200e-6
"""About how long each instruction is timed."""


def times(program: Program) -> list[float]:
    """Seconds that each op takes, one after the other, on the program's memory, which is what it
    was afterwards.
    """
    program.pointers.home()
    before = [(a, a.copy()) for a in program.arrays() if a.flags.writeable]
    found = [0.0] * len(program.ops)
    try:
        for begin, end, op in program.stretches:
            for k in range(begin, end):
                found[program.instructions[k].ops[0]] += _time(program, k)
            if op is not None:
                started = perf_counter()
                run_on_host(op)
                found[program.ops.index(op)] += perf_counter() - started
    finally:
        for array, old in before:
            array[...] = old
    return found


def _time(program: Program, k: int) -> float:
    """Seconds of one instruction: the least mean of a few rounds."""
    count, best = 1, np.inf
    for _ in range(4):
        code = np.repeat(program.code[k : k + 1], count, axis=0)
        started = perf_counter()
        program.enter(0, count, code, program.failed)
        best = min(best, (perf_counter() - started) / count)
        count = max(1, min(int(SECONDS / best), 10_000))
    return float(best)


def report(program: Program, title: str) -> str:
    """Instructions, memory and times in words and a table."""
    seconds = times(program)
    whole = sum(seconds) or 1.0
    own = {id(a) for a in program.own}
    outside = [a for a in program.arrays() if id(a) not in own]
    on_host = sum(op.on_host for op in program.ops)
    together = program.groups()
    lines = [
        title,
        f"  {len(program.ops)} of {program.recorded} recorded ops, {program.length} instructions, "
        + (f"{on_host} ops run in Python" if on_host else "none needs Python"),
        f"  {len(program.results)} results of {_bytes(program.results.values())} in "
        f"{_bytes(a.nbytes for a in program.own)} of memory, "
        f"{len(outside)} arrays from outside of {_bytes(a.nbytes for a in outside)}",
        f"  {whole * 1e6:,.1f} us, measured instruction by instruction",
        "",
        "       us  share  op",
    ]
    for k, (op, spent) in enumerate(zip(program.ops, seconds, strict=True)):
        mark = "  # in Python" if op.on_host else ""
        if together[k] is not None and together[k] != k:
            lines.append(f"                 | {op}")  # with the ones above
        else:
            lines.append(f"{spent * 1e6:9,.2f}  {spent / whole:5.0%}  {op}{mark}")
    return "\n".join(lines)


def _bytes(sizes: Iterable[int]) -> str:
    count = float(sum(sizes))
    for unit in ("bytes", "KB", "MB"):
        if count < 1024:
            return f"{count:.4g} {unit}"
        count /= 1024
    return f"{count:.4g} GB"
