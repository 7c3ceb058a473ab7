"""The few statistics of the tables: percentile, median, spread, ratios between two systems.
Plain Python, because the process that measures must stay small (see `ru_maxrss` in the manual)."""

from collections.abc import Sequence

SPREAD = "(p90 - p10) / median"


def percentile(values: Sequence[float], fraction: float) -> float:
    """The value below which `fraction` of the values lie, linear between neighbours.

    >>> percentile([1.0, 2.0, 3.0, 4.0], 0.5)
    2.5
    """
    if not values:
        raise ValueError("a percentile of no values")
    ordered = sorted(values)
    place = fraction * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def median(values: Sequence[float]) -> float:
    """The middle value.

    >>> median([3.0, 1.0, 2.0])
    2.0
    """
    return percentile(values, 0.5)


def spread(values: Sequence[float]) -> float:
    """(p90 - p10) / median: 0.1 says that four rounds of five lie within 10 % of the median.

    >>> round(spread([9.0, 10.0, 11.0]), 3)
    0.16
    """
    middle = median(values)
    if middle == 0:
        return 0.0
    return (percentile(values, 0.9) - percentile(values, 0.1)) / middle


def summary(values: Sequence[float]) -> dict[str, float]:
    """Min, median and spread of one system's rounds."""
    return {"min": min(values), "median": median(values), "spread": spread(values)}


def ratio(peer: Sequence[float], own: Sequence[float]) -> dict[str, float]:
    """How many times `own` the peer takes: of the medians, and the extremes within one round.

    >>> ratio([4.0, 6.0], [2.0, 2.0])
    {'ratio': 2.5, 'low': 2.0, 'high': 3.0}
    """
    rounds = [a / b for a, b in zip(peer, own, strict=True)]
    return {"ratio": median(peer) / median(own), "low": min(rounds), "high": max(rounds)}


def difference(values: Sequence[float], reference: Sequence[float]) -> float:
    """The largest difference, relative to the largest magnitude of the reference.

    A NaN differs from everything, by 1e9.

    >>> difference([1.0, 2.2], [1.0, 2.0])
    0.1
    """
    if len(values) != len(reference):
        raise ValueError(f"{len(values)} values against {len(reference)}")
    scale = max((abs(r) for r in reference), default=0.0) or 1.0
    apart = [abs(v - r) / scale for v, r in zip(values, reference, strict=True)]
    return round(max((d if d < 1e9 else 1e9 for d in apart), default=0.0), 12)
