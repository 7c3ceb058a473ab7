"""Parameter groups: the parameters that share hyperparameters, as a dict that can be changed.
The update kernels read the hyperparameters from a cell, which every change rewrites at once.
"""

from __future__ import annotations

import math
from collections import UserDict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn

import numpy as np

from ..engine import ReplayError, Tensor, tensor
from ..engine.tape import recorder, recorders, restructured

Check = Callable[[Mapping[str, Any]], None]
Numbers = Callable[[Mapping[str, Any]], tuple[float, ...]]


class Group(UserDict):
    """Hyperparameters by name and ``params``, as PyTorch's; what is set counts from the next step.

    ``cell`` is a float64 Tensor: the hyperparameters in the kernel's order.

    >>> from backlit import nn, optim
    >>> group = optim.SGD(nn.Linear(2, 3).parameters(), lr=0.1).param_groups[0]
    >>> group["lr"] = 0.05
    >>> group["lr"] = float("nan")
    Traceback (most recent call last):
    ValueError: lr must be a finite number of at least 0, got nan
    """

    def __init__(
        self,
        params: list[Tensor],
        options: Mapping[str, Any],
        check: Check,
        numbers: Numbers,
    ) -> None:
        check(options)
        self.check, self.numbers = check, numbers
        self.params = params
        self.data = {"params": params, **options}
        self.cell = tensor(numbers(options), dtype=np.float64)

    def __setitem__(self, name: str, value: Any) -> None:
        self.update({name: value})

    def update(self, *others: Any, **options: Any) -> None:
        """Set several at once; either all are good, or nothing is changed."""
        changes = dict(*others, **options)
        if changes.pop("params", self.params) is not self.params:
            raise ValueError("the parameters of a group are fixed; use add_param_group")
        if recorders and recorder():
            raise ReplayError(
                f"this sets {', '.join(changes)} of an optimizer while a step is recorded: the "
                "program would never set it again. Set it between the calls; it takes effect at "
                "the next one"
            )
        wanted = {**self.data, **changes}
        self.check(wanted)
        self.cell.data[:] = self.numbers(wanted)
        if any(bool(self.data.get(name)) is not bool(wanted[name]) for name in changes):
            restructured()  # a momentum that is switched on takes another kernel
        self.data = wanted

    def __ior__(self, other: Any) -> Group:
        self.update(other)
        return self

    def copy(self) -> Any:
        """The hyperparameters and the list of parameters in a plain dict, without the cell."""
        return dict(self.data)

    def __copy__(self) -> Any:
        return self.copy()

    def __delitem__(self, name: str) -> NoReturn:
        raise TypeError(f"{name!r} cannot be removed from a group")


def parameter_list(params: Iterable[Tensor]) -> list[Tensor]:
    """The parameters of a group as a list, each checked."""
    if isinstance(params, Tensor) or not isinstance(params, Iterable):
        raise TypeError(
            "an optimizer takes parameters in a list, such as model.parameters(), "
            f"got {type(params).__name__}"
        )
    checked = list(params)
    if not checked:
        raise ValueError("the optimizer got no parameters; was the generator used up before?")
    seen: set[int] = set()
    for position, parameter in enumerate(checked):
        label = f"parameter {position}"
        if not isinstance(parameter, Tensor):
            raise TypeError(f"{label} is a {type(parameter).__name__}, not a Tensor")
        if parameter.name:
            label += f" ({parameter.name})"
        if not parameter.is_leaf:
            raise ValueError(
                f"{label} was computed from others; optimize what it was computed from, or "
                "detach() it and call requires_grad_()"
            )
        if parameter.dtype.kind != "f":
            raise TypeError(f"{label} is {parameter.dtype}; only floats can be optimized")
        if id(parameter) in seen:
            raise ValueError(f"{label} stands in the list twice")
        seen.add(id(parameter))
    return checked


def bounded(name: str, value: Any, below: float = math.inf) -> None:
    """Refuse what is not a number from 0 to less than ``below``."""
    try:
        good = 0 <= float(value) < below
    except (TypeError, ValueError):
        good = False
    if not good:
        wanted = f"from 0 to below {below}" if below < math.inf else "a finite number of at least 0"
        raise ValueError(f"{name} must be {wanted}, got {value!r}")
