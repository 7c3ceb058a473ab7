"""A finished run as it lies on disk, ready to predict: the preparation, the recommended model and
what is remembered of the rows it learned from. JSON and safetensors, no pickle.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..study.findings import Finding
from .errors import DataError, UsageError
from .rundir import parse_json, read_file, read_record

if TYPE_CHECKING:
    import pandas as pd

    from .checks.drift import Reference
    from .data.preparation import Preparation
    from .data.table import Table
    from .result import Result

PREPARED, NETWORK = "prepared.json", "model.safetensors"
FORMAT = "backlit prepared 1"
BLOCK = 50_000
"""Rows of a file that are predicted at a time."""


def prepared_bytes(result: Result) -> bytes:
    """What `Saved.load` needs beside the network's weights, as JSON."""
    from .extras import reference_of
    from .models.simple import as_dict

    context, chosen = result.context, result.verdict.recommended
    simple = None if chosen.name == "network" else as_dict(chosen.model)
    preparation = context.preparation
    assert preparation is not None
    record = {
        "format": FORMAT,
        "target": context.problem.target,
        "recommended": {"name": chosen.name, "described": chosen.described, "model": simple},
        "preparation": preparation.as_dict(),
        "reference": reference_of(context).as_dict(),
    }
    return (json.dumps(record, allow_nan=False, ensure_ascii=False) + "\n").encode()


@dataclass(frozen=True)
class Saved:
    """A run that can predict.

    >>> Saved.load("no/such/folder")
    Traceback (most recent call last):
        ...
    backlit.learn.errors.UsageError: no/such/folder is no run of backlit's: ...
    """

    folder: Path
    target: str
    name: str
    """Of the recommended model."""
    preparation: Preparation
    outputs: Callable[[np.ndarray], np.ndarray]
    reference: Reference

    @classmethod
    def load(cls, folder: str | Path) -> Saved:
        """The run in a folder that `backlit learn` wrote.

        Raises UsageError for a folder that holds no finished run, DataError for damaged files.
        """
        from .checks.drift import Reference
        from .data.preparation import Preparation

        folder = Path(folder)
        record = read_record(folder)
        if record.get("finished") is not True:
            raise UsageError(
                f"the run in {folder} has not come to its end: wait for it, or learn again"
            )
        prepared = parse_json(read_file(folder, PREPARED, record), folder / PREPARED)
        if prepared.get("format") != FORMAT:
            raise DataError(f"{folder / PREPARED} is of another version of backlit; learn again")
        recommended = prepared["recommended"]
        if recommended["model"] is None:
            read_file(folder, NETWORK, record)  # the weights are those that the run wrote
        try:
            preparation = Preparation.from_dict(prepared["preparation"])
            outputs = outputs_of(recommended["model"], folder / NETWORK)
            require_fit(preparation, outputs)
            return cls(
                folder,
                str(prepared["target"]),
                str(recommended["name"]),
                preparation,
                outputs,
                Reference.from_dict(prepared["reference"]),
            )
        except (LookupError, TypeError, ValueError, OverflowError) as error:
            raise DataError(
                f"the files in {folder} do not fit together ({error}); learn again"
            ) from None

    def predict(self, table: Table) -> pd.DataFrame:
        """Predictions for rows with the same columns: see `predictions`."""
        return predictions(self.preparation, self.outputs, table, self.target)

    def warnings(self, table: Table) -> list[str]:
        """What is new about these rows: categories, numbers out of range, extra columns."""
        return self.preparation.warnings(table)

    def drift(self, table: Table) -> list[Finding]:
        """Whether the world has moved: the rows compared with those that were learned from."""
        from .checks.drift import drift

        return drift(self.reference, table)


def predictions(
    preparation: Preparation,
    outputs: Callable[[np.ndarray], np.ndarray],
    table: Table,
    target: str,
) -> pd.DataFrame:
    """One row for each of the table: the prediction, for classes with its probability and those of
    all classes. A file is prepared block by block, so that a large one takes little memory.
    """
    import pandas as pd

    size = BLOCK if table.lines is not None else table.rows  # an error names its line, or its row
    begins = range(0, max(table.rows, 1), max(size, 1))
    blocks = (table.take(range(k, min(k + size, table.rows))) for k in begins)
    given = np.concatenate([np.asarray(outputs(preparation.matrix(block))) for block in blocks])
    label = f"predicted {target}"
    if given.ndim == 1:
        return pd.DataFrame({label: given})
    classes = np.array(preparation.classes, dtype=object)
    best = given.argmax(axis=1)
    columns: dict[str, Any] = {label: classes[best], "probability": given.max(axis=1)}
    columns |= {f"p({name})": given[:, k] for k, name in enumerate(classes)}
    return pd.DataFrame(columns)


def outputs_of(simple: dict[str, Any] | None, network: Path) -> Callable[[np.ndarray], np.ndarray]:
    """What the recommended model gives for prepared rows."""
    if simple is not None:
        from .models.simple import from_dict

        return from_dict(simple).outputs
    from .models.looks import outputs_of as network_outputs
    from .models.networks import load_network

    model, task, _ = load_network(network)
    return lambda X: task.probabilities(network_outputs(model, X))


def require_fit(preparation: Preparation, outputs: Callable[[np.ndarray], np.ndarray]) -> None:
    """Raise ValueError where a model does not take the inputs, or give the classes, of a
    preparation: one of their files is damaged, or of another run.
    """
    inputs, classes = len(preparation.names), len(preparation.classes)
    given = np.shape(outputs(np.zeros((1, inputs), np.float32)))
    if given != ((1, classes) if classes else (1,)):
        raise ValueError(f"{classes} classes, but the model's outputs for a row are {given[1:]}")
