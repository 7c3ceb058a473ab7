"""GELU by its tanh formula, nine elementwise ops, written once for every library's arrays.
It is the formula of `F.gelu(approximate="tanh")`."""

from collections.abc import Callable
from typing import Any

SLOPE = 0.7978845608028654  # sqrt(2 / pi)
CUBIC = 0.044715


def gelu(x: Any, tanh: Callable[[Any], Any]) -> Any:
    """0.5 x (1 + tanh(SLOPE (x + CUBIC x³))), for an array x and its library's tanh.

    >>> import numpy as np
    >>> gelu(np.array([-1.0, 0.0, 1.0]), np.tanh).round(4).tolist()
    [-0.1588, 0.0, 0.8412]
    """
    return 0.5 * x * (1.0 + tanh(SLOPE * (x + CUBIC * (x * x * x))))
