"""The files of a run, as bytes by name: report, graph, weights, predictions, and the record.
Nothing here touches the run folder; rundir.py puts what is made here in its place."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .. import nn
from ..engine import softmax, tensor
from ..study import Figure, draw
from .experiment import Outcome
from .loop import outputs_of
from .pictures import Plane
from .report import Extras, render
from .versions import versions

GRAPH_ROWS = 8  # a small batch: the graph is the same, the drawing lighter


def files_of(outcome: Outcome) -> dict[str, bytes]:
    """All files of a run except run.json, by name."""
    light, dark = graph_figures(outcome)
    prepared = outcome.prepared
    plane = probabilities = None
    if prepared.dataset.task == "classification" and prepared.dataset.inputs == 2:
        plane = Plane.around(prepared.dataset.X)
        outputs = outputs_of(prepared.model, prepared.scaler.apply(plane.grid()))
        probabilities = softmax(tensor(outputs)).numpy()
    extras = Extras(versions(), light, dark, GRAPH_ROWS, plane, probabilities)
    return {
        "report.html": render(outcome, extras).encode(),
        "graph.svg": light,
        "model.safetensors": model_bytes(outcome),
        "predictions.csv": predictions_csv(outcome).encode(errors="replace"),
    }


def graph_figures(outcome: Outcome) -> tuple[bytes, bytes]:
    """The graph of the loss of a few training rows as two SVGs: light and dark."""
    prepared = outcome.prepared
    part = prepared.part(prepared.split.train[:GRAPH_ROWS])
    x, target = tensor(part.X), tensor(part.target)
    loss = prepared.task.loss(prepared.model(x), target)
    light = draw(loss, names={"x": x, "target": target}, module=prepared.model)
    dark = Figure(light.graph, theme="dark")
    return light.svg().encode(), dark.svg().encode()


def model_bytes(outcome: Outcome) -> bytes:
    """The weights, and what is needed to use them, as a safetensors file."""
    prepared = outcome.prepared
    use = {
        "dataset": prepared.dataset.name,
        "sizes": prepared.sizes,
        "classes": prepared.dataset.class_names,
        "input_mean": prepared.scaler.mean.tolist(),
        "input_scale": prepared.scaler.scale.tolist(),
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        nn.save(path, prepared.model, metadata={"backlit": json.dumps(use)})
        return path.read_bytes()


def predictions_csv(outcome: Outcome) -> str:
    """One line per test row: its number, the truth, the prediction and how sure it was."""
    data, exam = outcome.prepared.dataset, outcome.exam
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if data.task == "classification":
        names = data.class_names
        writer.writerow(["row", "true", "predicted", "probability"])
        for i, row in enumerate(exam.rows):
            true, guess = exam.truth[i], exam.predicted[i]
            sure = f"{exam.probabilities[i, guess]:.6f}"
            writer.writerow([row, names[true], names[guess], sure])
    else:
        writer.writerow(["row", "true", "predicted"])
        for row, true, guess in zip(exam.rows, exam.truth, exam.predicted, strict=True):
            writer.writerow([row, f"{true:.9g}", f"{guess:.9g}"])
    return text.getvalue()


def record_of(outcome: Outcome) -> dict[str, Any]:
    """What run.json says: settings, versions, sizes, every epoch, the metrics."""
    prepared, fit, exam = outcome.prepared, outcome.fit, outcome.exam
    task = prepared.task
    return {
        "settings": prepared.settings.as_dict(),
        "command": prepared.settings.command(),
        "versions": versions(),
        "dataset": {
            "name": prepared.dataset.name,
            "task": prepared.dataset.task,
            "rows": prepared.dataset.rows,
            "inputs": prepared.dataset.inputs,
            "classes": list(prepared.dataset.class_names),
            "source": prepared.dataset.source,
            "licence": prepared.dataset.licence,
            "parts": dict(zip(("train", "validation", "test"), prepared.split.sizes, strict=True)),
        },
        "model": {"sizes": list(prepared.sizes), "parameters": prepared.parameters},
        "status": fit.status,
        "message": fit.message,
        "metrics": {
            "score": task.score_name,
            "test_score": exam.score,
            "test_interval_95": list(exam.interval),
            "test_loss": exam.loss,
            "baseline": task.baseline,
            "baseline_score": exam.baseline_score,
            "untrained_loss": prepared.untrained_loss,
            "untrained_theory": task.theory.value,
            "best_epoch": fit.best,
        },
        "history": [asdict(epoch) for epoch in fit.history],
    }
