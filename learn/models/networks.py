"""The walk's network: how it is made from sizes and a seed, and what is remembered of it beside its
weights, so that a file of weights can be used without the table that it came from.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from ... import nn
from ...engine import Generator
from ..errors import DataError, UsageError
from .tasks import Classification, Regression, task_of

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
}
FORMAT = "backlit network 1"


def build(
    inputs: int,
    hidden: Sequence[int],
    outputs: int,
    seed: int,
    activation: str = "relu",
    dropout: float = 0.0,
) -> nn.MLP:
    """A new, untrained multi-layer perceptron; the same seed gives the same weights.

    Raises UsageError for sizes below 1, an activation that is not known, and a network that does
    not fit into this machine's memory.

    >>> model = build(64, (128,), 10, seed=0)
    >>> model.state_dict()["0.weight"].shape, describe(model)
    ((128, 64), '64-128-10, 9,610 parameters')
    """
    sizes = (inputs, *hidden, outputs)
    if any(isinstance(n, bool) or not isinstance(n, int) or n < 1 for n in sizes):
        raise UsageError(f"the sizes of a network are integers from 1 on, not {list(sizes)}")
    if activation not in ACTIVATIONS:
        raise UsageError(f"an activation is one of {', '.join(ACTIVATIONS)}, not {activation!r}")
    refuse_giants(parameters_of(sizes))
    return nn.MLP(list(sizes), ACTIVATIONS[activation], dropout, generator=Generator(seed))


def parameters_of(sizes: Sequence[int]) -> int:
    """How many weights and biases a network of these sizes has.

    >>> parameters_of((64, 128, 10))
    9610
    """
    return sum((fan_in + 1) * fan_out for fan_in, fan_out in pairwise(sizes))


def sizes_of(model: nn.Module) -> tuple[int, ...]:
    """The features of the input and of each linear layer's output; () for another kind of network.

    >>> sizes_of(nn.MLP([2, 16, 16, 2]))
    (2, 16, 16, 2)
    """
    layers = [each for each in model.modules() if isinstance(each, nn.Linear)]
    sizes = tuple(
        [layers[0].in_features, *(each.out_features for each in layers)] if layers else ()
    )
    fits = all(a.out_features == b.in_features for a, b in pairwise(layers))
    return sizes if isinstance(model, nn.MLP) and fits else ()


def describe(model: nn.Module) -> str:
    """A network in a few words."""
    count = sum(parameter.size for parameter in model.parameters())
    sizes = "-".join(map(str, sizes_of(model))) or type(model).__name__
    return f"{sizes}, {count:,} parameter{'s' * (count != 1)}"


def refuse_giants(parameters: int) -> None:
    """Weights, gradients and Adam's two moments must fit into memory before any is allocated."""
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # not known on this system
        return
    need = parameters * 4 * 4
    if need > memory // 2:
        raise UsageError(
            f"a network of {parameters:,} parameters needs {need / 2**30:,.0f} GB to train; "
            f"this machine has {memory / 2**30:,.0f} GB; choose smaller --hidden"
        )


def remembered(
    model: nn.Module, task: Classification | Regression, more: Mapping[str, Any] | None = None
) -> dict[str, str]:
    """What a file of weights says beside them, as texts by name: sizes, activation, task, `more`.

    `more` is anything that JSON can hold: how inputs are prepared, for one.
    """
    sizes = sizes_of(model)
    if not sizes:
        raise UsageError(
            f"{type(model).__name__} is no nn.MLP: a file could not say how to build it again. "
            "Save its weights with bl.save(path, model)"
        )
    kinds = {kind: name for name, kind in ACTIVATIONS.items()}
    used = {kinds[type(each)] for each in model.modules() if type(each) in kinds}
    drops = {each.p for each in model.modules() if isinstance(each, nn.Dropout)}
    record = {
        "format": FORMAT,
        "sizes": list(sizes),
        "activation": used.pop() if len(used) == 1 else "relu",
        "dropout": max(drops, default=0.0),
        "task": task.describe(),
        "more": dict(more or {}),
    }
    return {"backlit": json.dumps(record, sort_keys=True, ensure_ascii=False)}


def save_network(
    path: str | os.PathLike[str],
    model: nn.Module,
    task: Classification | Regression,
    more: Mapping[str, Any] | None = None,
) -> None:
    """Write weights and what is `remembered` as one safetensors file, in one step."""
    nn.save(path, model, metadata=remembered(model, task, more))


def load_network(
    path: str | os.PathLike[str],
) -> tuple[nn.MLP, Classification | Regression, dict[str, Any]]:
    """The network of a file, ready to be used, its task, and `more`.

    Raises DataError for a file that is none of `save_network`'s, or does not fit together; OSError
    where it cannot be read.

    >>> import tempfile
    >>> import numpy as np
    >>> path = Path(tempfile.mkdtemp()) / "model.safetensors"
    >>> save_network(path, build(2, (3,), 1, 0), Regression(np.array([1.0, 2.0])), {"unit": "m"})
    >>> model, task, more = load_network(path)
    >>> describe(model), task.describe(), more
    ('2-3-1, 13 parameters', {'kind': 'regression', 'mean': 1.5, 'deviation': 0.5}, {'unit': 'm'})
    """
    try:
        text = nn.read_metadata(path).get("backlit", "")
        record = json.loads(text) if text else {}
        if not isinstance(record, dict) or record.get("format") != FORMAT:
            raise DataError("it has no record of a network, so it is not one that this walk saved")
        task = task_of(record["task"])
        sizes = record["sizes"]
        model = build(
            sizes[0], sizes[1:-1], sizes[-1], 0, record["activation"], float(record["dropout"])
        )
        if task.outputs != sizes[-1]:
            raise DataError(f"the task needs {task.outputs} outputs, the network has {sizes[-1]}")
        return nn.load(path, model).eval(), task, dict(record["more"])
    except nn.StateError as error:
        raise DataError(str(error)) from None
    except (DataError, UsageError, KeyError, TypeError, IndexError, ValueError) as error:
        raise DataError(f"{Path(path)} cannot be used as a network: {error}") from None
