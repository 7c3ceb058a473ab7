"""A training run on the disk: all that it needs to go on after it was killed, with the same bits as
if it had never stopped. One safetensors file, replaced in one step, believed only when it is whole.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, field
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import numpy as np

from ... import nn
from ...engine import Generator
from ...nn.atomic import write_atomically
from ...nn.tensorfile import encoded, read_arrays
from ...optim import Optimizer
from ...study.text import clean, shorten
from ..errors import LearnError
from ..versions import backlit_version
from .looks import Epoch, Layer, Look
from .networks import describe

if TYPE_CHECKING:
    from ..checks.context import Part
    from .tasks import Task

FORMAT = "backlit checkpoint 1"

EVERY = 2.0
"""Seconds between two writes; between them, and at the end, states wait in memory."""


class CheckpointError(LearnError, ValueError):
    """A checkpoint that is of another run, or that cannot be read."""


@dataclass
class State:
    """A run after one of its epochs."""

    arrays: dict[str, np.ndarray]
    """Model and optimizer by name, and the best weights so far."""
    numbers: dict[str, Any]
    """What the optimizer remembers beside arrays; where random generators stand."""
    history: list[Epoch]
    looks: list[Look] = field(default_factory=list)


class Checkpoint:
    """The file of one run. `identity` says by name what decides the run's bits."""

    def __init__(self, path: str | os.PathLike[str], identity: Mapping[str, str]) -> None:
        self.path = Path(path)
        self.identity = dict(identity)
        self._latest: State | None = None
        self._written = -math.inf

    def load(self) -> State | None:
        """The state in the file; None where there is no file.

        Raises CheckpointError for a file of another run, with all that differs, and for one that is
        damaged or no checkpoint; OSError where it cannot be read.
        """
        try:
            with open(self.path, "rb") as file:
                arrays = read_arrays(file, str(self.path))
            record = json.loads(nn.read_metadata(self.path).get("backlit", "null"))
        except FileNotFoundError:
            return None
        except (nn.StateError, ValueError) as error:
            raise self._refused(str(error)) from None
        if not isinstance(record, dict) or record.get("format") != FORMAT:
            raise self._refused("it is no checkpoint of a training run")
        given = record.get("identity", {})
        others = _differences(given if isinstance(given, dict) else {}, self.identity)
        if others:
            raise self._refused("it is of another run: " + "; ".join(others))
        digest = record.pop("sha256", "")
        if digest != _digest(arrays, record):
            raise self._refused("it is damaged: its numbers are not those that were written")
        return _unpacked(arrays, record)

    def keep(self, state: State) -> None:
        """Remember the state after an epoch, and write it if the last write was long enough ago."""
        self._latest = state
        if monotonic() - self._written >= EVERY:
            self.write()

    def write(self) -> None:
        """Write the latest state, unless the file has it. Raises OSError."""
        if self._latest is None:
            return
        arrays, record = _packed(self._latest)
        record |= {"format": FORMAT, "identity": self.identity}
        record["sha256"] = _digest(arrays, record)
        text = json.dumps(record, sort_keys=True)
        write_atomically(self.path, encoded(arrays, {"backlit": text}))
        self._latest, self._written = None, monotonic()

    def _refused(self, why: str) -> CheckpointError:
        return CheckpointError(
            f"the checkpoint {self.path} cannot be gone on from: {why}. Delete it to begin anew, "
            "or name another file"
        )


def identity_of(
    model: nn.Module, task: Task, train: Part, validation: Part, **settings: Any
) -> dict[str, str]:
    """What decides the bits of a run: settings, data, the network with its first weights, and the
    version that computes. Sums of what is long stand behind what says in words how it differs.
    """
    data = hashlib.sha256()
    for part in (train, validation):
        for array in (part.X, part.target):
            data.update(f"{array.dtype}{array.shape}".encode())
            data.update(np.ascontiguousarray(array).data)
    network = hashlib.sha256(repr(model).encode())
    for name, value in model.state_dict().items():
        network.update(name.encode())
        network.update(value.numpy().tobytes())
    described = json.dumps(task.describe(), sort_keys=True)
    return {
        **{name: repr(value) for name, value in settings.items()},
        "rows": f"{len(train.X):,} training and {len(validation.X):,} validation rows",
        "inputs": str(train.X.shape[1]),
        "network's layers": describe(model),
        "task": hashlib.sha256(described.encode()).hexdigest(),
        "data": data.hexdigest(),
        "network": network.hexdigest(),
        "backlit": backlit_version(),
    }


_SUMS = {
    "task": (("rows", "data"), "task: other classes, or another target"),
    "data": (
        ("rows", "inputs"),
        "data: as many rows and inputs, but other cells; the table, or what is done to it, has "
        "changed",
    ),
    "network": (
        ("inputs", "network's layers"),
        "network: the same layers, but other first weights",
    ),
}
"""Of each sum: what else explains that it differs, and how that is said where nothing else does."""


def _differences(there: Mapping[str, Any], here: Mapping[str, str]) -> list[str]:
    """In words, how the run of a checkpoint differs from this one."""
    other = [name for name, value in here.items() if there.get(name) != value]
    told = []
    for name in other:
        if name not in _SUMS:
            shown = (shorten(clean(each), 80) for each in (there.get(name, "nothing"), here[name]))
            told.append("{}: {} there, {} here".format(name, *shown))
        elif not {"seed", *_SUMS[name][0]} & set(other):
            told.append(_SUMS[name][1])
    return told


# ---- the parts of a run that change ------------------------------------------------------------


def state_of(
    model: nn.Module,
    optimizer: Optimizer,
    generators: Sequence[Generator],
    best: Mapping[str, np.ndarray],
    history: list[Epoch],
    looks: list[Look],
) -> State:
    """A copy of all that the next epoch begins from."""
    arrays = {f"model.{name}": value.numpy() for name, value in model.state_dict().items()}
    arrays |= {f"best.{name}": value for name, value in best.items()}
    saved = optimizer.state_dict()
    rest: dict[str, dict[str, Any]] = {}
    for index, memory in saved["state"].items():
        rest[str(index)] = {}
        for name, value in memory.items():
            if isinstance(value, int):
                rest[str(index)][name] = value
            else:
                arrays[f"optimizer.{index}.{name}"] = value.numpy()
    numbers = {
        "optimizer": {"state": rest, "param_groups": saved["param_groups"]},
        "generators": [generator.state() for generator in generators],
    }
    return State(arrays, numbers, list(history), list(looks))


def go_on_from(
    state: State, model: nn.Module, optimizer: Optimizer, generators: Sequence[Generator]
) -> dict[str, np.ndarray]:
    """Put model, optimizer and generators where they were; gives back the best weights.

    Raises StateError, KeyError or ValueError where the state does not fit them.
    """
    groups: dict[str, dict[str, np.ndarray]] = {"model": {}, "best": {}}
    memory: dict[int, dict[str, Any]] = {}
    for name, array in state.arrays.items():
        kind, _, inner = name.partition(".")
        if kind == "optimizer":
            index, _, what = inner.partition(".")
            memory.setdefault(int(index), {})[what] = array
        else:
            groups[kind][inner] = array
    for index, numbers in state.numbers["optimizer"]["state"].items():
        memory.setdefault(int(index), {}).update(numbers)
    hyper = [
        {name: tuple(value) if isinstance(value, list) and name != "params" else value
         for name, value in group.items()}
        for group in state.numbers["optimizer"]["param_groups"]
    ]  # fmt: skip
    model.load_state_dict(groups["model"])
    optimizer.load_state_dict({"state": memory, "param_groups": hyper})
    for generator, where in zip(generators, state.numbers["generators"], strict=True):
        generator.load_state(where)
    return groups["best"]


# ---- their form in the file ------------------------------------------------------------

_LAYER = ("weight", "gradient", "update", "units", "dead", "saturated")


def _packed(state: State) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Arrays and JSON. Long lists of numbers are arrays too: a header has a limit."""
    names = [layer.name for layer in state.looks[0].layers] if state.looks else []
    table = [
        [[_number(getattr(layer, what)) for what in _LAYER] for layer in look.layers]
        for look in state.looks
    ]
    arrays = dict(state.arrays)
    arrays["history"] = np.array([astuple(epoch) for epoch in state.history], np.float64)
    arrays["looks"] = np.array(table, np.float64).reshape(len(table), len(names), len(_LAYER))
    arrays["looked"] = np.array([(look.epoch, look.rows) for look in state.looks], np.int64)
    return arrays, {"numbers": state.numbers, "layers": names}


def _unpacked(arrays: dict[str, np.ndarray], record: dict[str, Any]) -> State:
    history = [Epoch(int(row[0]), *row[1:]) for row in arrays.pop("history").tolist()]
    tables, looked = arrays.pop("looks"), arrays.pop("looked")
    looks = [
        Look(
            epoch,
            rows,
            tuple(
                Layer(name, *(_value(what, x) for what, x in zip(_LAYER, row, strict=True)))
                for name, row in zip(record["layers"], table, strict=True)
            ),
        )
        for (epoch, rows), table in zip(looked.tolist(), tables.tolist(), strict=True)
    ]
    return State(arrays, record["numbers"], history, looks)


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _value(what: str, number: float) -> Any:
    if math.isnan(number):
        return None
    return int(number) if what == "units" else number


def _digest(arrays: Mapping[str, np.ndarray], record: Mapping[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps(record, sort_keys=True).encode())
    for name, array in sorted(arrays.items()):
        digest.update(f"{name}{array.dtype}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def generators_of(model: nn.Module, others: Iterable[Generator]) -> list[Generator]:
    """The generators that a run draws from: the given ones, and those that modules hold."""
    found = list(others)
    for module in model.modules():
        for value in vars(module).values():
            if isinstance(value, Generator) and not any(value is each for each in found):
                found.append(value)
    return found
