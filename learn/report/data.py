"""A result as data: one strict JSON object with everything that the page says, and tables as CSV,
for those who go on with other tools.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from ...study.findings import Finding
from ..models.candidate import Candidate
from ..result import Result, Step
from .heading import recommendation
from .words import classes_of, counted

FORMAT = 1
"""Raised when a key changes its meaning; new keys may come at any time."""
HISTORY = ("epoch", "train_loss", "validation_loss", "train_score", "validation_score")
FINDING = ("code", "level", "sentence", "statistic", "threshold", "n", "source", "advice")
PICTURES = ("graph", "plane_frames")
"""Extras that are pictures and no data."""


def strict(value: object) -> Any:
    """The same as JSON can hold it: numbers that are none become null, arrays lists, text loses
    lone surrogates. Raises TypeError for what has no place in JSON.

    >>> strict({"a": np.float32(0.5), 2: (float("nan"), np.arange(2)), "b": None})
    {'a': 0.5, '2': [None, [0, 1]], 'b': None}
    """
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, np.generic):
        return strict(value.item())
    if isinstance(value, np.ndarray):
        return [strict(item) for item in value.tolist()]
    if isinstance(value, Mapping):
        return {str(strict(str(key))): strict(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        items = sorted(value, key=str) if isinstance(value, (set, frozenset)) else value
        return [strict(item) for item in items]
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: strict(getattr(value, one.name)) for one in fields(value)}
    raise TypeError(f"JSON has no place for {type(value).__name__}")


def as_json(result: Result) -> dict[str, Any]:
    """All that a result says, as `json.dumps(..., allow_nan=False)` can write it.

    Scores are held as the result holds them: those of candidates with the sign that makes higher
    better. Numbers that are not finite are null.
    """
    context, exam, last = result.context, result.exam, result.verdict
    problem = context.problem
    told = {
        "format": FORMAT,
        "command": result.command,
        "seed": context.seed,
        "settings": result.settings,
        "versions": result.versions,
        "sha256": result.sha256,
        "table": {
            "name": context.table.name,
            "rows": context.table.rows,
            "columns": [str(column) for column in context.table.frame.columns],
        },
        "problem": {
            "target": problem.target, "task": problem.task, "metric": problem.metric,
            "positive": problem.positive, "groups": problem.groups, "time": problem.time,
            "sensitive": problem.sensitive, "ignored": problem.ignored,
            "cost": [[truth, predicted, cost] for (truth, predicted), cost in problem.cost.items()],
        },
        "classes": classes_of(result),
        "parts": _parts(result),
        "changes": _changes(result),
        "steps": steps_json(result.steps),
        "findings": counted(result.findings),
        "candidates": [
            _candidate(candidate) | {"recommended": candidate.name == last.recommended.name}
            for candidate in context.candidates
        ],
        "training": _training(result),
        "exam": {
            "rows": len(exam.rows), "score": exam.score, "interval_95": exam.interval,
            "baseline_score": exam.baseline_score, "looks": exam.looks,
        },
        "verdict": {
            "use": recommendation(result).text, "level": recommendation(result).level,
            "code": last.code, "headline": last.headline, "reasons": last.reasons,
            "recommended": last.recommended.name, "next": last.next,
        },
        "extras": {key: _lean(v) for key, v in result.extras.items() if key not in PICTURES},
    }  # fmt: skip
    return strict(told)


def steps_json(steps: Iterable[Step]) -> list[dict[str, Any]]:
    """Steps of a walk, of any kind, as JSON can hold them."""
    return [
        {
            "number": step.number,
            "key": step.key,
            "title": strict(step.title),
            "found": strict(step.found),
            "did": strict(step.did),
            "why": strict(step.why),
            "more": strict(step.more),
            "findings": findings_json(step.findings),
        }
        for step in steps
    ]


def findings_json(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """Findings as JSON can hold them, in their order.

    >>> findings_json([Finding("drift", "note", "too few", float("nan"), 200, 90, "", "")])
    [{'code': 'drift', 'level': 'note', 'sentence': 'too few', 'statistic': None, ...}]
    """
    return [{name: strict(getattr(finding, name)) for name in FINDING} for finding in findings]


def _lean(extra: object) -> Any:
    """An extra, without what JSON cannot hold."""
    try:
        return strict(extra)
    except TypeError:
        return None


def _parts(result: Result) -> dict[str, Any] | None:
    parts = result.context.parts
    if parts is None:
        return None
    sizes = zip(("train", "validation", "test"), map(int, parts.sizes), strict=True)
    return {**dict(sizes), "how": parts.how}


def _changes(result: Result) -> list[dict[str, Any]]:
    preparation = result.context.preparation
    if preparation is None:
        return []
    return [
        {name: getattr(change, name) for name in ("step", "column", "cells", "sentence")}
        for change in preparation.changes
    ]


def _candidate(candidate: Candidate) -> dict[str, Any]:
    return {
        "name": candidate.name, "described": candidate.described,
        "train_score": candidate.train_score, "score": candidate.score,
        "interval_95": candidate.interval, "loss": candidate.loss,
    }  # fmt: skip


def _training(result: Result) -> dict[str, Any] | None:
    fit, task = result.context.fit, result.context.task
    if fit is None:
        return None
    return {
        "status": fit.status, "message": fit.message, "best_epoch": fit.best,
        "loss": task.loss_name if task is not None else None,
        "theory": task.theory.value if task is not None else None,
        "history": [{name: getattr(epoch, name) for name in HISTORY} for epoch in fit.history],
    }  # fmt: skip


def _csv(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(head)
    for row in rows:
        writer.writerow([strict(str(cell)) for cell in row])
    return out.getvalue()


def _digits(value: float) -> str:
    """A number with nine digits, empty where it is none."""
    return f"{float(value):.9g}" if math.isfinite(value) else ""


def history_csv(result: Result) -> str:
    """A line for each epoch: losses and scores of both parts; epoch 0 is the untrained network."""
    fit = result.context.fit
    rows = [] if fit is None else [
        [epoch.epoch, *(_digits(getattr(epoch, name)) for name in HISTORY[1:])]
        for epoch in fit.history
    ]  # fmt: skip
    return _csv(HISTORY, rows)


def findings_csv(result: Result) -> str:
    """A line for each finding, in the order of the steps."""
    rows = [
        [step.number, step.key, finding.code, finding.level, finding.sentence,
         _digits(finding.statistic), _digits(finding.threshold), finding.n, finding.source,
         finding.advice]
        for step in result.steps
        for finding in step.findings
    ]  # fmt: skip
    return _csv(("step", "key", *FINDING), rows)


def predictions_csv(result: Result) -> str:
    """A line for each row of the test part: its number in the table, truth, prediction; for a
    classification the probability of each class too.
    """
    exam, classes = result.exam, classes_of(result)
    if not classes:
        rows = (
            [int(row), _digits(truth), _digits(guess), _digits(guess - truth)]
            for row, truth, guess in zip(exam.rows, exam.truth, exam.predicted, strict=True)
        )
        return _csv(("row", "truth", "predicted", "error"), rows)
    lines = []
    for i, row in enumerate(exam.rows):
        truth, guess = int(exam.truth[i]), int(exam.predicted[i])
        shares = [f"{float(share):.6f}" for share in exam.outputs[i]]
        lines.append([int(row), classes[truth], classes[guess], shares[guess], *shares])
    head = ("row", "truth", "predicted", "probability", *(f"p({name})" for name in classes))
    return _csv(head, lines)
