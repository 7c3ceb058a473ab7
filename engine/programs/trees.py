"""Arguments and results as trees: tuples, lists and dicts of tensors, arrays and floats, and of
other things that stay as they are.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tensors import Tensor
from .floats import is_float, is_number

Leaf = Tensor | np.ndarray


def flatten(value: Any) -> tuple[Any, list[Any]]:
    """A hashable description of what a function returned, and its tensors, arrays and the numbers
    that are computed from its arguments, in order.
    """
    leaves: list[Any] = []
    return _describe(value, leaves, False), leaves


def flatten_arguments(value: Any) -> tuple[Any, list[Any]]:
    """The same for arguments, whose floats are leaves too."""
    leaves: list[Any] = []
    return _describe(value, leaves, True), leaves


class Static:
    """Something that is no tensor: itself where it can be compared, else this very object."""

    __slots__ = ("value",)

    def __init__(self, value: Any):
        self.value = value

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Static) or type(self.value) is not type(other.value):
            return False
        if isinstance(self.value, (int, float, str, bytes, type(None))):
            return repr(self.value) == repr(other.value)  # NaN is NaN, 0.0 is not -0.0
        return self.value is other.value

    def __hash__(self) -> int:
        if isinstance(self.value, (int, float, str, bytes, type(None))):
            return hash(repr(self.value))
        return id(self.value)


def _describe(value: Any, leaves: list[Any], floats: bool) -> Any:
    if isinstance(value, (Tensor, np.ndarray)):
        leaves.append(value)
        return Leaf
    if is_number(value) or (floats and is_float(value)):
        leaves.append(value)
        return type(value)
    if isinstance(value, np.generic):
        leaves.append(np.asarray(value))
        return Leaf
    kind = type(value)
    if kind is tuple or kind is list:
        return (kind, *[_describe(item, leaves, floats) for item in value])
    if kind is dict:
        return (dict, *[(key, _describe(item, leaves, floats)) for key, item in value.items()])
    return Static(value)


def is_flat(tree: Any) -> bool:
    """Whether a tree of (args, kwargs) is arguments by position, each a tensor, array or float."""
    _, args, kwargs = tree
    return kwargs == (dict,) and all(part is Leaf or isinstance(part, type) for part in args[1:])


def rebuild(tree: Any, leaves: list[Any]) -> Any:
    """The tree with other leaves."""
    return _build(tree, iter(leaves))


def _build(tree: Any, leaves: Any) -> Any:
    if tree is Leaf or isinstance(tree, type):
        return next(leaves)
    if isinstance(tree, Static):
        return tree.value
    if tree[0] is dict:
        return {key: _build(item, leaves) for key, item in tree[1:]}
    return tree[0](_build(item, leaves) for item in tree[1:])
