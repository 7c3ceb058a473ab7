"""The parameters of the estimators, checked before anything is computed: each that cannot be meant
is named, with what it may be.
"""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np

from .perceptron import ACTIVATIONS

NUMBERS = {
    "alpha": (0, np.inf),
    "tol": (0, np.inf),
    "learning_rate_init": (0, np.inf),
    "epsilon": (0, np.inf),
    "momentum": (0, 1),
    "beta_1": (0, 1),
    "beta_2": (0, 1),
    "validation_fraction": (0, 1),
}
"""From which number on, and below which."""
POSITIVE = ("learning_rate_init", "epsilon")
CHOICES = {"activation": tuple(ACTIVATIONS), "solver": ("adam", "sgd")}


def check_parameters(estimator: Any) -> None:
    """Raise ValueError for a parameter of an estimator that cannot be trained with."""
    given = estimator.get_params(deep=False)
    sizes = given["hidden_layer_sizes"]
    if not all(_is_count(n) for n in (list(sizes) if np.iterable(sizes) else [sizes])):
        raise ValueError(f"hidden_layer_sizes are integers from 1 on, got {sizes!r}")
    for name, choices in CHOICES.items():
        if not isinstance(given[name], str) or given[name] not in choices:
            raise ValueError(f"{name} is one of {', '.join(choices)}, got {given[name]!r}")
    if not _is_count(given["max_iter"]):
        raise ValueError(f"max_iter is an integer from 1 on, got {given['max_iter']!r}")
    size = given["batch_size"]
    if not _is_count(size) and not (isinstance(size, str) and size == "auto"):
        raise ValueError(f'batch_size is an integer from 1 on, or "auto", got {size!r}')
    patience = given["n_iter_no_change"]
    if not _is_count(patience) and not (isinstance(patience, float) and patience == np.inf):
        raise ValueError(f"n_iter_no_change is an integer from 1 on, or inf, got {patience!r}")
    for name, (least, below) in NUMBERS.items():
        value = given[name]
        number = float(value) if isinstance(value, Real) and not _is_bool(value) else np.nan
        if not least <= number < below or (name in POSITIVE and not number > 0):
            least_words = f"above {least}" if name in POSITIVE else f"from {least}"
            raise ValueError(f"{name} is a number {least_words} to below {below}, got {value!r}")


def hidden_sizes(given: Any) -> list[int]:
    """The units of each hidden layer; a single number stands for one layer.

    >>> hidden_sizes(8), hidden_sizes((8, 4)), hidden_sizes(())
    ([8], [8, 4], [])
    """
    return [int(n) for n in (given if np.iterable(given) else [given])]


def _is_count(value: Any) -> bool:
    return isinstance(value, Integral) and not _is_bool(value) and int(value) >= 1


def _is_bool(value: Any) -> bool:
    return isinstance(value, (bool, np.bool_))
