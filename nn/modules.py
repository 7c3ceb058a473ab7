"""Module, the part that models are built from: it holds parameters, and other modules.
A module keeps everything in its plain attributes; what it owns is found by walking them, in order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, Self

import numpy as np

from ..engine import Tensor, no_grad, tensor
from ..engine.tape import restructured, switched
from ..engine.tape import state as thread
from .parameters import Parameter, StateError, as_array, clear_gradients, differences, named


class IncompatibleKeys(NamedTuple):
    """What ``load_state_dict(strict=False)`` passed over."""

    missing_keys: list[str]
    unexpected_keys: list[str]


def held(name: str, value: object) -> Iterator[tuple[str, Module | Parameter]]:
    """The modules and parameters in an attribute: the value, or the items of lists and dicts."""
    if isinstance(value, (Module, Parameter)):
        yield name, value
    elif isinstance(value, (list, tuple)):
        for position, item in enumerate(value):
            yield from held(f"{name}.{position}", item)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from held(f"{name}.{key}", item)


def joined(path: str, name: str) -> str:
    """The dotted name of ``name`` inside ``path``."""
    return f"{path}.{name}" if path else name


class Module:
    """A part of a model: parameters, buffers and other modules in attributes, and ``forward``.

    Modules and parameters are found in attributes and in the lists, tuples and dicts among them, in
    the order in which they were first set. Their dotted names are those of PyTorch. A module that
    raises, or that draws a graph, is named by the same dotted path.

    >>> from backlit import nn
    >>> class Residual(nn.Module):
    ...     def __init__(self, width):
    ...         super().__init__()
    ...         self.inner = nn.Linear(width, width)
    ...     def forward(self, x):
    ...         return x + self.inner(x).relu()
    >>> model = Residual(4)
    >>> [name for name, _ in model.named_parameters()]
    ['inner.weight', 'inner.bias']
    >>> model
    Residual(
      (inner): Linear(in_features=4, out_features=4, bias=True)  # 20
    )  # 20 parameters
    """

    training: bool = True
    _name: str = ""  # under which name a parent holds it; the first parent names it
    _buffers: Mapping[str, bool] = {}  # name -> whether the state has it; replaced, never changed

    def __init__(self) -> None:
        self.training = True

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes; subclasses write it, callers call the module itself."""
        raise NotImplementedError(f"{type(self).__name__} has no forward(); define it")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run ``forward`` with the module's name on the path that errors and figures show."""
        before = thread.scope  # engine.scope() without the cost of a context manager
        if self._name:
            thread.scope = f"{before}.{self._name}" if before else self._name
        try:
            return self.forward(*args, **kwargs)
        except AttributeError as error:
            if error.obj is self and "training" not in self.__dict__:
                error.add_note(f"{type(self).__name__}.__init__() did not call super().__init__()")
            raise
        finally:
            thread.scope = before

    # ---- what it holds -------------------------------------------------------------------------

    def __setattr__(self, name: str, value: object) -> None:
        old = self.__dict__.get(name)
        if (
            isinstance(old, Parameter)
            and isinstance(value, Tensor)
            and not isinstance(value, Parameter)
        ):
            raise TypeError(
                f"{type(self).__name__}.{name} is a Parameter; a plain Tensor in its place would "
                f"not train. Write nn.Parameter(value), or {name}.copy_(value) under no_grad()"
            )
        self._adopt(name, value)
        if name == "training":
            if old is not None and old is not value:
                switched(self, old, value)
        elif old is not value and isinstance(
            value if old is None else old, (Tensor, Module, list, tuple, dict)
        ):
            restructured()
        object.__setattr__(self, name, value)

    def _adopt(self, name: str, value: object) -> None:
        """Name the modules and parameters in ``value`` by where this module will hold them."""
        for path, item in held(name, value):
            if isinstance(item, Parameter):
                named(item, path)
                continue
            if any(module is self for module in item.modules()):
                raise ValueError(
                    f"{type(self).__name__}.{path} would hold the module that it is part of; "
                    f"pass what the inner module needs as an argument instead"
                )
            item._name = item._name or path
            for inner, parameter in item.named_parameters():
                named(parameter, f"{path}.{inner}")

    def _attributes(self) -> Iterable[tuple[str, object]]:
        """The names and values that are searched for modules and parameters."""
        return self.__dict__.items()

    def _own(self) -> Iterator[tuple[str, Module | Parameter]]:
        for name, value in self._attributes():
            if isinstance(value, (Module, Parameter)):
                yield name, value
            elif isinstance(value, (list, tuple, dict)):
                yield from held(name, value)

    def register_buffer(self, name: str, value: Tensor | None, persistent: bool = True) -> None:
        """Set a Tensor that is part of the state and that training does not change.

        With ``persistent=False`` it is left out of ``state_dict()``.

        >>> from backlit import nn
        >>> from backlit.engine import zeros
        >>> module = nn.Module()
        >>> module.register_buffer("running_mean", zeros(3))
        >>> list(module.state_dict())
        ['running_mean']
        """
        if "." in name or not name:
            raise ValueError(f"a buffer's name has no dots and is not empty, got {name!r}")
        if hasattr(self, name) and name not in self._buffers:
            raise ValueError(f"{type(self).__name__} already has an attribute {name!r}")
        if value is not None and (not isinstance(value, Tensor) or isinstance(value, Parameter)):
            raise TypeError(f"buffer {name!r} must be a plain Tensor, got {type(value).__name__}")
        self._buffers = {**self._buffers, name: persistent}
        setattr(self, name, value)

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The modules held directly, with their names."""
        for name, item in self._own():
            if isinstance(item, Module):
                item._name = item._name or name  # it may have joined a list after that was set
                yield name, item

    def children(self) -> Iterator[Module]:
        """The modules held directly."""
        return (child for _, child in self.named_children())

    def named_modules(
        self, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """This module and all below it with dotted names, parents before children.

        >>> from backlit import nn
        >>> [name for name, _ in nn.MLP([2, 3, 1]).named_modules()]
        ['', '0', '1', '2']
        """
        seen: set[Module] = set()
        waiting: list[tuple[str, Module]] = [(prefix, self)]
        while waiting:
            path, module = waiting.pop()
            if remove_duplicate and module in seen:
                continue
            seen.add(module)
            yield path, module
            children = [(joined(path, name), child) for name, child in module.named_children()]
            waiting.extend(reversed(children))

    def modules(self) -> Iterator[Module]:
        """This module and all below it, each once."""
        return (module for _, module in self.named_modules())

    def named_parameters(
        self, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """All parameters with dotted names, a module's own before those of its children.

        A parameter held in two places comes once, under the first name.

        >>> from backlit import nn
        >>> [(name, p.shape) for name, p in nn.MLP([2, 3, 1]).named_parameters()]
        [('0.weight', (3, 2)), ('0.bias', (3,)), ('2.weight', (1, 3)), ('2.bias', (1,))]
        """
        seen: set[int] = set()
        for path, module in self.named_modules(prefix, remove_duplicate):
            for name, item in module._own():
                if isinstance(item, Parameter) and not (remove_duplicate and id(item) in seen):
                    seen.add(id(item))
                    path_and_name = joined(path, name)
                    yield path_and_name, named(item, path_and_name)

    def parameters(self) -> Iterator[Parameter]:
        """All parameters, each once, in the order of ``named_parameters``."""
        return (parameter for _, parameter in self.named_parameters())

    def named_buffers(self, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
        """All buffers that are set, with dotted names."""
        for path, module in self.named_modules(prefix):
            for name in module._buffers:
                value = getattr(module, name)
                if value is not None:
                    yield joined(path, name), value

    def buffers(self) -> Iterator[Tensor]:
        """All buffers that are set."""
        return (buffer for _, buffer in self.named_buffers())

    # ---- how it is used ------------------------------------------------------------------------

    def train(self, mode: bool = True) -> Self:
        """Switch this module and all below it to training, or to use with ``mode=False``.

        >>> from backlit import nn
        >>> model = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5)).eval()
        >>> model.training, model[1].training
        (False, False)
        """
        if not isinstance(mode, bool):
            raise TypeError(f"train(mode) takes True or False, got {mode!r}")
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Switch to use: dropout lets everything through. The same as ``train(False)``."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Freeze all parameters with ``False``, or thaw them."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters, or fill them with 0."""
        clear_gradients(self.parameters(), set_to_none)

    # ---- its state -----------------------------------------------------------------------------

    def _state(self) -> Iterator[tuple[str, Tensor]]:
        for path, module in self.named_modules(remove_duplicate=False):
            for name, item in module._own():
                if isinstance(item, Parameter):
                    yield joined(path, name), item
            for name, persistent in module._buffers.items():
                if persistent and getattr(module, name) is not None:
                    yield joined(path, name), getattr(module, name)

    def state_dict(self) -> dict[str, Tensor]:
        """Copies of all parameters and persistent buffers under their dotted names.

        >>> from backlit import nn
        >>> list(nn.Linear(2, 3).state_dict())
        ['weight', 'bias']
        """
        return {name: tensor(value.numpy(), dtype=value.dtype) for name, value in self._state()}

    def load_state_dict(
        self, state: Mapping[str, Tensor | np.ndarray], strict: bool = True
    ) -> IncompatibleKeys:
        """Write a state into the parameters and buffers in place; all of it, or nothing.

        ``state`` maps dotted names to Tensors or arrays whose shapes and dtypes are the module's.
        With ``strict=False`` names that only one side has are passed over and returned.

        Raises StateError that lists missing and unexpected names, other shapes and other dtypes.

        >>> from backlit import nn
        >>> first, second = nn.Linear(2, 3), nn.Linear(2, 3)
        >>> second.load_state_dict(first.state_dict())
        IncompatibleKeys(missing_keys=[], unexpected_keys=[])
        >>> (first.weight.numpy() == second.weight.numpy()).all()
        np.True_
        """
        own = dict(self._state())
        given = {name: as_array(name, value) for name, value in state.items()}
        keys = IncompatibleKeys(
            [name for name in own if name not in given],
            [name for name in given if name not in own],
        )
        faults: list[str] = []
        if strict:
            faults += [f"missing: {name}" for name in keys.missing_keys]
            faults += [f"unexpected: {name}" for name in keys.unexpected_keys]
        for name, target in own.items():
            if name in given:
                faults += differences(name, given[name], target)
        if faults:
            raise StateError(
                f"the state does not fit {type(self).__name__}:\n  " + "\n  ".join(faults)
            )
        with no_grad():
            for name, target in own.items():
                if name in given:
                    target.copy_(tensor(given[name], dtype=target.dtype))
        return keys

    # ---- how it shows itself -------------------------------------------------------------------

    def extra_repr(self) -> str:
        """What stands between the brackets of the module's own line."""
        return ""

    def _parts(self) -> Iterable[tuple[str, object]]:
        """The rows of the tree under the module's own line."""
        return self.named_children()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        from ..study.notebook import bundle  # which stands above; loaded by notebooks only

        return bundle(self)

    def __repr__(self) -> str:
        parameters = list(self.parameters())
        total = sum(parameter.size for parameter in parameters)
        frozen = sum(parameter.size for parameter in parameters if not parameter.requires_grad)
        noun = "parameter" if total == 1 else "parameters"
        return self._tree() + f"  # {total:,} {noun}" + (f", {frozen:,} frozen" if frozen else "")

    def _tree(self) -> str:
        lines = [f"{type(self).__name__}({self.extra_repr()}"]
        for name, part in self._parts():
            if isinstance(part, Module):
                text = part._tree()
                own = sum(item.size for _, item in part._own() if isinstance(item, Parameter))
                text += f"  # {own:,}" if own else ""
            else:
                text = getattr(part, "__name__", None) or repr(part)
            lines.append(f"({name}): {text}".replace("\n", "\n  "))
        return "\n  ".join(lines) + (")" if len(lines) == 1 else "\n)")
