"""How near a training step comes to what the machine can do: its multiply-adds and its bytes,
divided by the rates measured in the group `limits`, are the least time that it could take."""

from dataclasses import dataclass
from itertools import pairwise

from .cases.limits import COPIED, FMA_FLOPS, MATMUL
from .cases.steps import EPOCHS, REPLAY

UPDATE_FLOPS = 14  # Adam, a parameter: two moments, two corrections, a root, a quotient
STATE_BYTES = 24  # a parameter and its two moments, read and written


@dataclass(frozen=True)
class Rates:
    """The most that was seen: float32 operations and bytes of memory, a second."""

    flops: float
    bytes: float


@dataclass(frozen=True)
class Reached:
    """One step: its work, the least time for it, and the times measured, all in seconds."""

    title: str
    flops: float
    bytes: float
    least: float
    own: float
    best_peer: float | None


def rates(rows: list[dict], threads: int) -> Rates | None:
    """The machine's rates from the rows of `limits`; None where they were not measured.

    The best round of the best system counts: a limit is what can be reached, not what is usual.
    """
    work = {
        "limit-fma": FMA_FLOPS * threads,
        "limit-matmul": 2.0 * MATMUL**3,
        "limit-copy": 2.0 * COPIED,
    }
    found = {
        row["name"]: max(work[row["name"]] / _seconds(row, cell["min"]) for cell in cells)
        for row in rows
        if row["name"] in work and (cells := list(row["cells"].values()))
    }
    products = [found[name] for name in ("limit-fma", "limit-matmul") if name in found]
    if not products or "limit-copy" not in found:
        return None
    return Rates(max(products), found["limit-copy"])


def step_flops(sizes: tuple[int, ...], batch: int) -> float:
    """Operations of a step: the products forward, for both gradients (the first layer's inputs
    need none), and Adam's update.

    >>> step_flops((2, 3), 10) == 2 * 10 * 2 * 3 * 2 + 14 * 9
    True
    """
    weights = [fan_in * fan_out for fan_in, fan_out in pairwise(sizes)]
    products = 2 * batch * (3 * sum(weights) - weights[0])
    return products + UPDATE_FLOPS * _parameters(sizes)


def step_bytes(sizes: tuple[int, ...], batch: int) -> float:
    """Bytes that a step must move if nothing were in caches before it, and all fitted within it:
    parameters and moments in and out, the batch in.
    """
    return STATE_BYTES * _parameters(sizes) + 4 * batch * sizes[0]


def reached(rows: list[dict], threads: int) -> list[Reached]:
    """The replayed steps, called one by one and within epochs, that were measured."""
    known = rates(rows, threads)
    if known is None:
        return []
    measured = {row["name"]: row for row in rows}
    found = []
    for group, where in ((REPLAY, ""), (EPOCHS, ", within epochs")):
        for case in group.cases:
            row = measured.get(case.name)
            if case.spec.get("read") or row is None or "backlit" not in row["cells"]:
                continue
            sizes, batch = case.spec["sizes"], case.spec["batch"]
            flops, moved = step_flops(sizes, batch), step_bytes(sizes, batch)
            peers = [cell["median"] for name, cell in row["cells"].items() if name != "backlit"]
            found.append(
                Reached(
                    title=f"{'-'.join(map(str, sizes))}, batch {batch}{where}",
                    flops=flops,
                    bytes=moved,
                    least=max(flops / known.flops, moved / known.bytes),
                    own=_seconds(row, row["cells"]["backlit"]["median"]),
                    best_peer=_seconds(row, min(peers)) if peers else None,
                )
            )
    return found


def _seconds(row: dict, value: float) -> float:
    return value * {"us": 1e-6, "ms": 1e-3, "s": 1.0}[row["unit"]]


def _parameters(sizes: tuple[int, ...]) -> int:
    return sum((fan_in + 1) * fan_out for fan_in, fan_out in pairwise(sizes))
