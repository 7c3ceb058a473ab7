"""What options of the command line take: numbers within bounds, each refused with its text."""

from __future__ import annotations

import argparse
from typing import Any


def sizes(text: str) -> tuple[int, ...]:
    """Layer sizes such as 64,64.

    >>> sizes("64, 64")
    (64, 64)
    """
    return tuple(positive_int(size) for size in text.split(","))


def positive_int(text: str) -> int:
    """A whole number from 1 to 2**31 - 1.

    >>> positive_int("32")
    32
    """
    value = _number(int, text, "a whole number of 1 or more")
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 1 or more")
    if value >= 2**31:
        raise argparse.ArgumentTypeError(f"{text!r} is above 2**31 - 1")
    return value


def positive_float(text: str) -> float:
    """A number above 0 that is not infinite."""
    value = _number(float, text, "a number above 0")
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value


def seed(text: str) -> int:
    """A whole number from 0 to 2**63 - 1."""
    value = _number(int, text, "a whole number of 0 or more")
    if not 0 <= value < 2**63:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 to 2**63 - 1")
    return value


def _number(kind: type, text: str, wanted: str) -> Any:
    try:
        return kind(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not {wanted}") from None
