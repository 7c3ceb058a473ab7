"""The arrays every system starts from, made once a case from a seed and kept in an .npz file.
Run as a process (`python -m benchmarks.data SPEC FILE`): the measuring one never imports NumPy."""

import json
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .cases.steps import BATCHES

SEED = 20240229
Array = npt.NDArray[np.float32]


class StepData(NamedTuple):
    """A training problem: batches of (x float32 (N, features), y int64 (N,)), and the layers'
    initial (weight (out, in), bias (out,))."""

    batches: list[tuple[Array, npt.NDArray[np.int64]]]
    layers: list[tuple[Array, Array]]


def write(spec: dict, path: str | Path) -> None:
    """Make the arrays a spec speaks of; cases without data get an empty file."""
    makers = {
        "step": _step,
        "epochs": _rows,
        "operation": _operands,
        "gelu": _operands,
        "digits": _digits,
        "fit": _digits,
    }
    maker = makers.get(spec["kind"])
    np.savez(path, **(maker(spec) if maker else {}))  # pyright: ignore[reportArgumentType]


def read_step(path: str | Path) -> StepData:
    """The batches and initial weights of a training step."""
    with np.load(path) as file:
        batches = list(zip(file["x"], file["y"], strict=True))
        layers = [(file[f"w{i}"], file[f"b{i}"]) for i in range(len(file.files) // 2 - 1)]
    return StepData(batches, layers)


def read_rows(path: str | Path) -> tuple[Array, npt.NDArray[np.int64], list[tuple[Array, Array]]]:
    """All rows of x and y, and the layers' initial weights."""
    data = read_step(path)
    return (
        np.concatenate([x for x, _ in data.batches]),
        np.concatenate([y for _, y in data.batches]),
        data.layers,
    )


def read_operands(path: str | Path) -> list[Array]:
    """The operands of a single operation."""
    with np.load(path) as file:
        return [file[name] for name in file.files]


def _step(spec: dict) -> dict[str, np.ndarray]:
    return _training(spec["sizes"], BATCHES, spec["batch"])


def _rows(spec: dict) -> dict[str, np.ndarray]:
    return _training(spec["sizes"], spec["rows"] // spec["batch"], spec["batch"])


def _training(sizes: Sequence[int], batches: int, batch: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(SEED)
    x = rng.standard_normal((batches, batch, sizes[0]), dtype=np.float32)
    teacher = rng.standard_normal((sizes[0], sizes[-1]), dtype=np.float32)
    y = np.argmax(x @ teacher, axis=-1)
    # a fifth of the labels is drawn anew: the loss stays well above zero
    y = np.where(rng.random(y.shape) < 0.2, rng.integers(0, sizes[-1], y.shape), y)
    arrays = {"x": x, "y": y.astype(np.int64)}
    for i, (fan_in, fan_out) in enumerate(pairwise(sizes)):
        bound = 1 / np.sqrt(fan_in)
        arrays[f"w{i}"] = rng.uniform(-bound, bound, (fan_out, fan_in)).astype(np.float32)
        arrays[f"b{i}"] = rng.uniform(-bound, bound, fan_out).astype(np.float32)
    return arrays


def _operands(spec: dict) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(SEED)
    shapes = spec["shapes"]
    return {f"a{i}": rng.standard_normal(s, dtype=np.float32) for i, s in enumerate(shapes)}


def _digits(spec: dict) -> dict[str, np.ndarray]:
    """The 1,797 digits of scikit-learn, pixels from 0 to 1, a fifth kept for validation."""
    from sklearn.datasets import load_digits

    x, y = (np.asarray(column) for column in load_digits(return_X_y=True))
    x = (x / 16).astype(np.float32)
    rows = np.random.default_rng(SEED).permutation(len(x))
    train, valid = rows[: -len(rows) // 5], rows[-len(rows) // 5 :]
    return {"x_train": x[train], "y_train": y[train], "x_valid": x[valid], "y_valid": y[valid]}


if __name__ == "__main__":
    write(json.loads(sys.argv[1]), sys.argv[2])
