"""What changes parameters by their gradients, sorted by complexity: SGD, Adam, AdamW.
The base class keeps groups and state; an optimizer says what the step of one parameter takes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ..engine import (
    Tensor,
    adam_update,
    advance_,
    momentum_update,
    no_grad,
    sgd_update,
    tensor,
)
from ..engine.creation import zeros_beside
from ..engine.tape import outdated, restructured
from ..nn.parameters import StateError, as_array, clear_gradients, differences
from .groups import Group, bounded, parameter_list

Parameters = Iterable[Tensor] | Iterable[dict[str, Any]]


class Optimizer:
    """Groups of parameters with their hyperparameters, and what is remembered of each parameter.

    ``params`` are leaf Tensors, or dicts of ``params`` and the hyperparameters special to that
    group. A subclass names what it ``remembers`` and writes ``check``, ``numbers``, ``counts``,
    ``prepare`` and ``update``.
    """

    remembers: tuple[str, ...] = ()  # the state of a parameter that has made a step

    def __init__(self, params: Parameters, defaults: Mapping[str, Any]) -> None:
        self.defaults = dict(defaults)
        self.param_groups: list[Group] = []
        self.state: defaultdict[Tensor, dict[str, Any]] = defaultdict(dict)
        is_row = isinstance(params, Iterable) and not isinstance(params, Tensor)
        given: Any = list(params) if is_row else params
        if is_row and given and isinstance(given[0], Mapping):
            for group in given:
                self.add_param_group(group)
        else:
            self.add_param_group({"params": given})

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        """Optimize more parameters, with the defaults where ``group`` does not say otherwise.

        Raises ValueError for an empty group and for a parameter that is no leaf or is here already,
        TypeError for a hyperparameter that the optimizer does not have.
        """
        options = dict(group)
        params = parameter_list(options.pop("params", ()))
        unknown = sorted(options.keys() - self.defaults.keys())
        if unknown:
            raise TypeError(
                f"{type(self).__name__} has no {', '.join(unknown)}; "
                f"it has {', '.join(self.defaults)}"
            )
        known = {id(parameter) for other in self.param_groups for parameter in other.params}
        for parameter in params:
            if id(parameter) in known:
                raise ValueError(f"{parameter.name or 'a parameter'} is in another group already")
        options = {**self.defaults, **options}
        self.param_groups.append(Group(params, options, self.check, self.numbers))
        restructured()

    # ---- what a subclass writes ----------------------------------------------------------------

    def check(self, options: Mapping[str, Any]) -> None:
        """Raise ValueError for hyperparameters that cannot be meant."""
        raise NotImplementedError

    def numbers(self, options: Mapping[str, Any]) -> tuple[float, ...]:
        """The hyperparameters in the order in which the kernel reads them, without the step."""
        raise NotImplementedError

    def counts(self, group: Group) -> bool:
        """Whether the kernel reads the number of the step."""
        raise NotImplementedError

    def prepare(
        self, parameter: Tensor, gradient: Tensor, state: dict[str, Any], group: Group
    ) -> tuple[Tensor, ...]:
        """The operands that the step of one parameter takes.

        ``state`` is what is remembered of the parameter, empty before its first step but for
        ``step``, the counter of its steps.
        """
        raise NotImplementedError

    def update(self, operands: list[Tensor], group: Group) -> None:
        """Change parameters in place, given the operands of each in a row, and last the counter of
        their steps, where it counts, and the hyperparameters.
        """
        raise NotImplementedError

    # ---- what a training loop calls ------------------------------------------------------------

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget all gradients, or fill them with 0."""
        for group in self.param_groups:
            clear_gradients(group.params, set_to_none)

    def step(self) -> None:
        """Change every parameter that has a gradient; the others are passed over in silence."""
        with no_grad():
            for group in self.param_groups:
                parameters = [each for each in group.params if each.grad is not None]
                if not self.counts(group):
                    self._step_together(parameters, (group.cell,), group)
                    continue
                for counter, those in self._by_counter(parameters, group).items():
                    advance_(counter)
                    self._step_together(those, (counter, group.cell), group)

    def _step_together(
        self, parameters: list[Tensor], shared: tuple[Tensor, ...], group: Group
    ) -> None:
        """One step of parameters that have made the same number of steps."""
        prepare, states = self.prepare, self.state
        row: list[Tensor] = []
        for parameter in parameters:
            gradient: Any = parameter.grad
            row += prepare(parameter, gradient, states[parameter], group)
        if row:
            row += shared
            self.update(row, group)

    def _by_counter(self, parameters: list[Tensor], group: Group) -> dict[Tensor, list[Tensor]]:
        """The parameters that make a step, by the counter of their steps: who always step together
        have one, and who stays behind keeps it.
        """
        states = self.state
        found: dict[Tensor, list[Tensor]] = {}
        fresh = None
        for parameter in parameters:
            counter = states[parameter].get("step")
            if counter is None:
                if fresh is None:
                    fresh = tensor(0.0, dtype=np.float64)
                counter = states[parameter]["step"] = fresh
            if counter in found:
                found[counter].append(parameter)
            else:
                found[counter] = [parameter]
        for parameter in group.params if len(parameters) < len(group.params) else ():
            stays: Any = states[parameter].get("step") if parameter.grad is None else None
            if stays in found:
                own = copied(stays)
                outdated()
                found[own] = found.pop(stays)
                for other in found[own]:
                    states[other]["step"] = own
        return found

    # ---- its state -----------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """A copy of all that another run needs to go on exactly as this one would.

        As in PyTorch: ``state`` by the parameter's number, and ``param_groups`` with these numbers
        in the place of the parameters.
        """
        parameters = [parameter for group in self.param_groups for parameter in group.params]
        number = {id(parameter): index for index, parameter in enumerate(parameters)}
        return {
            "state": {
                index: {name: saved(self.state[parameter], name) for name in self.remembers}
                for index, parameter in enumerate(parameters)
                if self.state.get(parameter) and self.remembers[-1] in self.state[parameter]
            },
            "param_groups": [
                {**group, "params": [number[id(parameter)] for parameter in group.params]}
                for group in self.param_groups
            ],
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from a state, written in place; all of it is taken, or nothing.

        Raises StateError where the groups, or the names, shapes or dtypes of what is remembered
        are not those of this optimizer; ValueError for hyperparameters that cannot be meant.
        """
        groups = state_dict["param_groups"]
        sizes = [len(group["params"]) for group in groups]
        own_sizes = [len(group.params) for group in self.param_groups]
        if sizes != own_sizes:
            raise StateError(
                f"the state does not fit {type(self).__name__}: "
                f"groups of {sizes} parameters given, of {own_sizes} needed"
            )
        states: dict[Tensor, dict[str, Any]] = {}
        faults: list[str] = []
        for group, own in zip(groups, self.param_groups, strict=True):
            self.check({**own, **group})
            for index, parameter in zip(group["params"], own.params, strict=True):
                given = state_dict["state"].get(index, {})
                given = {name: value for name, value in given.items() if value is not None}
                label = f"{parameter.name or index}"
                if given and set(given) != set(self.remembers):
                    faults.append(f"{label}: {sorted(given)} given, {list(self.remembers)} needed")
                    continue
                states[parameter] = given
                for name, value in given.items():
                    if name != "step":
                        array = as_array(name, value)
                        faults += differences(f"{name} of {label}", array, parameter)
        if faults:
            raise StateError(
                f"the state does not fit {type(self).__name__}:\n  " + "\n  ".join(faults)
            )
        for group, own in zip(groups, self.param_groups, strict=True):
            own.update({name: value for name, value in group.items() if name != "params"})
        restructured()
        for own in self.param_groups:
            counters: dict[int, Tensor] = {}
            for parameter in own.params:
                remember(self.state[parameter], states[parameter], counters)

    def __repr__(self) -> str:
        lines = [
            ", ".join(f"{name}={group[name]!r}" for name in self.defaults)
            + f"  # {len(group.params)} parameter{'s' if len(group.params) > 1 else ''}"
            for group in self.param_groups
        ]
        return f"{type(self).__name__}(\n  " + "\n  ".join(lines) + "\n)"


def copied(value: Tensor) -> Tensor:
    """A copy without a graph."""
    return tensor(value.numpy(), dtype=value.dtype)


def saved(state: Mapping[str, Tensor], name: str) -> Any:
    """What a state dictionary has of a parameter's state: the count of steps as an int."""
    return int(state[name].item()) if name == "step" else copied(state[name])


def remember(
    state: dict[str, Tensor], given: Mapping[str, Any], counters: dict[int, Tensor]
) -> None:
    """Write what was saved into a parameter's state: into the tensors that are there already.

    ``counters`` has the counter of those parameters whose number of steps is the same.
    """
    for name in state.keys() - given.keys():
        del state[name]
    if given:  # a momentum buffer alone says that there was a step
        steps = int(given.get("step", 1))
        if steps not in counters:
            counters[steps] = tensor(float(steps), dtype=np.float64)
        state["step"] = counters[steps]
    for name, value in given.items():
        if name == "step":
            continue
        array = as_array(name, value)
        saved = tensor(array, dtype=array.dtype)
        if name in state:
            state[name].copy_(saved)
        else:
            state[name] = saved


class SGD(Optimizer):
    """``parameter -= lr * gradient``, with momentum, Nesterov's or not, if asked for.

    The first velocity is the gradient itself; later ``momentum * velocity + (1 - dampening) *
    gradient``. ``weight_decay`` adds ``weight_decay * parameter`` to the gradient; ``maximize``
    goes uphill. Numbers as in PyTorch. Sutskever et al. 2013.

    >>> from backlit import nn, optim
    >>> from backlit.engine import tensor
    >>> weight = nn.Parameter(tensor([1.0]))
    >>> opt = optim.SGD([weight], lr=0.5)
    >>> (weight * weight).sum().backward()
    >>> opt.step()
    >>> weight.tolist()
    [0.0]
    """

    remembers = ("momentum_buffer",)

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def check(self, options: Mapping[str, Any]) -> None:
        for name in ("lr", "momentum", "dampening", "weight_decay"):
            bounded(name, options[name])
        if options["nesterov"] and (options["momentum"] == 0 or options["dampening"] != 0):
            raise ValueError("nesterov needs a momentum above 0 and no dampening")

    def numbers(self, options: Mapping[str, Any]) -> tuple[float, ...]:
        return tuple(float(options[name]) for name in self.defaults)

    def counts(self, group: Group) -> bool:
        return bool(group.data["momentum"])

    def prepare(
        self, parameter: Tensor, gradient: Tensor, state: dict[str, Any], group: Group
    ) -> tuple[Tensor, ...]:
        if not group.data["momentum"]:
            return parameter, gradient
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = zeros_beside(parameter, 1)
        return parameter, gradient, state["momentum_buffer"]

    def update(self, operands: list[Tensor], group: Group) -> None:
        (momentum_update if group.data["momentum"] else sgd_update)(*operands)


class Adam(Optimizer):
    """Steps of about ``lr``, whatever the size of the gradients. Kingma, Ba 2015.

    ``betas`` are the decay rates of the running mean of gradients and of their squares, ``eps`` is
    added outside the root. ``weight_decay`` adds ``weight_decay * parameter`` to the gradient (see
    AdamW); ``maximize`` goes uphill. Numbers as in PyTorch.

    >>> from backlit import nn, optim
    >>> from backlit.engine import tensor
    >>> weight = nn.Parameter(tensor([1.0, 1000.0]))
    >>> opt = optim.Adam([weight], lr=0.5)
    >>> (weight * weight).sum().backward()
    >>> opt.step()
    >>> [round(value, 4) for value in weight.tolist()]
    [0.5, 999.5]
    """

    remembers = ("step", "exp_avg", "exp_avg_sq")
    decoupled = 0.0  # whether weight decay shrinks the parameter instead of joining the gradient

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def check(self, options: Mapping[str, Any]) -> None:
        for name in ("lr", "eps", "weight_decay"):
            bounded(name, options[name])
        try:
            first, second = options["betas"]
        except (TypeError, ValueError):
            raise ValueError(f"betas must be two numbers, got {options['betas']!r}") from None
        bounded("betas[0]", first, 1.0)
        bounded("betas[1]", second, 1.0)

    def numbers(self, options: Mapping[str, Any]) -> tuple[float, ...]:
        rates = options["lr"], *options["betas"], options["eps"], options["weight_decay"]
        return *map(float, rates), self.decoupled, float(options["maximize"])

    def counts(self, group: Group) -> bool:
        return True

    def prepare(
        self, parameter: Tensor, gradient: Tensor, state: dict[str, Any], group: Group
    ) -> tuple[Tensor, ...]:
        if "exp_avg" not in state:
            state["exp_avg"] = zeros_beside(parameter, 1)
            state["exp_avg_sq"] = zeros_beside(parameter, 2)
        return parameter, gradient, state["exp_avg"], state["exp_avg_sq"]

    def update(self, operands: list[Tensor], group: Group) -> None:
        adam_update(*operands)


class AdamW(Adam):
    """Adam whose weight decay shrinks the parameter itself, by ``lr * weight_decay`` a step.

    Loshchilov, Hutter 2019.

    >>> from backlit import nn, optim
    >>> optim.AdamW(nn.Linear(2, 3).parameters())
    AdamW(
      lr=0.001, betas=(0.9, 0.999), eps=1e-08, weight_decay=0.01, maximize=False  # 2 parameters
    )
    """

    decoupled = 1.0

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, maximize)
