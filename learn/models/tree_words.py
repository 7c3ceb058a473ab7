"""A decision tree in words: a line for each question and each leaf, in the units of the table.
What a tree was fitted on is standardised, which nobody can read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ...study.text import clean, count_text, number
from .candidate import Candidate
from .simple import Tree


def explain_tree(
    candidate: Candidate,
    names: Sequence[str],
    classes: Sequence[str] = (),
    asked: Callable[[int, float], tuple[str, str]] | None = None,
    most: int = 60,
) -> list[str]:
    """A decision tree in words, a line for each question and each leaf, indented by level.

    Parameters
    ----------
    names : of the inputs, in order.
    classes : names of the classes; none for a regression.
    asked : gives the words of a question and of its opposite for (input, threshold); by default
        thresholds are told as the tree sees them, in standardised units. `in_own_units` makes one.
    most : lines at most; the last says how many are left out.
    """
    tree = candidate.model
    if not isinstance(tree, Tree):
        raise TypeError(f"{candidate.name} is not a tree of this module")

    def in_inputs(feature: int, threshold: float) -> tuple[str, str]:
        name = clean(names[feature])
        return f"{name} is at most {number(threshold)}", f"{name} is above {number(threshold)}"

    question = asked or in_inputs
    lines: list[str] = []
    stack: list[tuple[int, int, str]] = [(0, 0, "")]
    while stack:
        node, level, words = stack.pop()
        head = "  " * level + (f"if {words}: " if words else "")
        if tree.feature[node] < 0:
            lines.append(head + _leaf_text(tree, node, classes))
            continue
        if words:
            lines.append(head.rstrip(" :") + f" ({count_text(int(tree.rows[node]), 'row')}):")
        yes, no = question(int(tree.feature[node]), float(tree.threshold[node]))
        below = level + 1 if words else level
        stack.append((int(tree.right[node]), below, no))
        stack.append((int(tree.left[node]), below, yes))
    if len(lines) > most:
        lines[most - 1 :] = [f"… and {len(lines) - most + 1} lines more"]
    return lines


def _leaf_text(tree: Tree, node: int, classes: Sequence[str]) -> str:
    rows = count_text(int(tree.rows[node]), "training row")
    if not classes:
        return f"{number(float(tree.values[node]))}, the mean of {rows}"
    k = int(tree.values[node].argmax())
    return f"{clean(classes[k])}, with probability {tree.values[node, k]:.2f} from {rows}"


def in_own_units(
    X: np.ndarray, raw: Callable[[int], tuple[str, np.ndarray] | None], names: Sequence[str]
) -> Callable[[int, float], tuple[str, str]]:
    """Questions of a tree in the units of the table, for `explain_tree`.

    `X` (rows, inputs) is what the tree was fitted on, and `raw(input)` the column that the input
    was made from, with its numbers in the same rows; None where it is no number. A threshold is
    then told as the middle between the two raw values that it separates, which needs nothing of how
    the table was prepared but that order is kept. Inputs of two values are told as yes and no.
    """

    def asked(feature: int, threshold: float) -> tuple[str, str]:
        inputs = X[:, feature]
        left = inputs <= np.float32(threshold)
        known = raw(feature)
        if known is not None:
            name, values = clean(known[0]), np.asarray(known[1], np.float64)
            there = np.isfinite(values)
            if (left & there).any() and (~left & there).any():
                below, above = values[left & there].max(), values[~left & there].min()
                if below < above:
                    middle = number(_short_between(float(below), float(above)), 6)
                    return f"{name} is at most {middle}", f"{name} is above {middle}"
        name = clean(names[feature])
        if len(np.unique(inputs)) == 2:
            return f"not {name}", name
        return f"{name} is at most {number(threshold)}", f"{name} is above {number(threshold)}"

    return asked


def _short_between(low: float, high: float) -> float:
    """The number with the fewest digits at or above `low` and below `high`, near the middle.

    >>> _short_between(127.0, 128.0), _short_between(29.31, 30.05)
    (127.5, 30.0)
    """
    middle = low + (high - low) / 2
    for digits in range(1, 16):
        short = float(f"{middle:.{digits}g}")
        if low < short < high:
            return short
    return low
