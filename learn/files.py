"""The files of a run, as bytes by name: the report, the graph, the stepping page, the weights, what
predicting needs, tables of numbers, and the record. rundir.py puts them in their place.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from ..engine import Tensor, tensor
from .result import Result
from .saved import NETWORK, PREPARED, prepared_bytes

GRAPH_ROWS = 8
"""Rows of the batch whose graph is drawn: the graph is the same, the drawing lighter."""
WALK_ROWS = 4
"""Rows of the batch that the stepping page shows."""


def files_of(result: Result, name: str = "table") -> dict[str, bytes]:
    """All files of a run except run.json, by name."""
    from .report.data import findings_csv, history_csv, predictions_csv
    from .report.html import render

    light, dark = graphs(result)
    result.extras["graph"] = {"light": light, "dark": dark, "rows": GRAPH_ROWS}
    result.extras["sources"] = sources_of(name, result)
    result.extras["files"] = FILES
    return {
        "report.html": render(result).encode(errors="replace"),
        "graph.svg": light,
        "backprop.html": stepping_page(result),
        NETWORK: network_bytes(result),
        PREPARED: prepared_bytes(result),
        "predictions.csv": predictions_csv(result).encode(errors="replace"),
        "history.csv": history_csv(result).encode(),
        "findings.csv": findings_csv(result).encode(errors="replace"),
    }


FILES = {
    "backprop.html": "one update, to step through",
    "graph.svg": "the graph of the loss",
    NETWORK: "the network's weights",
    PREPARED: "the preparation and the recommended model: `backlit predict` reads it",
    "predictions.csv": "the test part",
    "history.csv": "every epoch",
    "findings.csv": "every finding",
    "run.json": "all of this page as JSON",
}
"""What lies beside the page."""


def sources_of(name: str, result: Result) -> dict[str, str]:
    """Words about where the data come from."""
    from .data.catalogue import BUILTIN

    builtin = BUILTIN.get(name)
    if builtin is not None:
        told = {"table": builtin.title, "source": builtin.source, "licence": builtin.licence}
        return told | ({"mind": builtin.note} if builtin.note else {})
    origin = result.context.table.origin
    return {"file": origin.name} if origin is not None else {}


def record_of(result: Result) -> dict[str, Any]:
    """What run.json says."""
    from .report.data import as_json

    looks = {
        "sha256": result.sha256,
        "seed": result.settings["seed"],
        "count": result.exam.looks,
    }
    return {**as_json(result), "test_looks": looks}


def batch_of(result: Result, rows: int) -> tuple[Tensor, Tensor]:
    """The first rows of the training part as tensors: inputs and targets."""
    train = result.context.train
    assert train is not None
    return tensor(train.X[:rows]), tensor(train.target[:rows])


def graphs(result: Result) -> tuple[bytes, bytes]:
    """The graph of the loss of a few training rows as two SVGs: light and dark."""
    from ..study import Figure, draw

    context = result.context
    assert context.fit is not None
    assert context.task is not None
    x, target = batch_of(result, GRAPH_ROWS)
    model = context.fit.model
    loss = context.task.loss(model(x), target)
    light = draw(loss, names={"x": x, "target": target}, module=model)
    return light.svg().encode(), Figure(light.graph, theme="dark").svg().encode()


def stepping_page(result: Result) -> bytes:
    """One update by a few training rows as a page to step through, on a copy of the network."""
    from ..optim import Adam
    from ..study import walk

    context = result.context
    assert context.build is not None
    assert context.fit is not None
    assert context.task is not None
    model = context.build()
    model.load_state_dict(context.fit.model.state_dict())
    model.eval()
    x, target = batch_of(result, WALK_ROWS)
    loss = context.task.loss(model(x), target)
    page = walk(
        loss, names={"x": x, "target": target}, module=model,
        optimizer=Adam(model.parameters(), lr=context.lr),
    )  # fmt: skip
    return page.html().encode()


def network_bytes(result: Result) -> bytes:
    """The weights, and what is needed to use them, as a safetensors file."""
    from ..nn import MLP, save
    from .models.networks import save_network, sizes_of

    context = result.context
    assert context.fit is not None
    model = context.fit.model
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / NETWORK
        if isinstance(model, MLP) and sizes_of(model):
            save_network(path, model, context.task)  # type: ignore[arg-type]
        else:
            save(path, model)
        return path.read_bytes()
