"""What the report's pictures need beside the findings: the worst rows, the confusion, groups,
importances, the tree in words, the learning curve, the plane over time. All on the validation part.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np

from .attributing import attributions
from .checks.context import Context, Part
from .data.words import plain
from .numerals import amount, decimal, signed

if TYPE_CHECKING:
    from .checks.reference import Reference
    from .models.candidate import Candidate
    from .models.loop import Epoch
    from .models.metrics import Metric

WORST = 20
CELLS = 8
"""Columns that are shown of a row."""
SHARES = (0.125, 0.25, 0.5, 1.0)
"""Of the training rows, for the learning curve."""
GRID = 72
"""Points of the plane across and up."""
MOMENTS = (0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233)
"""Epochs at which the plane is drawn."""


def collect(
    context: Context, chosen: Candidate, metric: Metric, positive: int | None,
    image_shape: tuple[int, int] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Everything that is worked out after training; keys as in report/html.py."""
    from .checks.groups import by_group
    from .checks.importance import permutation_importance

    preparation, problem = context.preparation, context.problem
    assert preparation is not None
    validation = context.validation
    assert validation is not None
    outputs = chosen.outputs(validation.X)
    worst = worst_rows(context, outputs, image_shape)
    found: dict[str, Any] = {
        "worst_rows": worst,
        "attributions": attributions(context, chosen, worst),
        "groups": [vars_of(one) for one in by_group(context, problem.sensitive, chosen)],
        "learning_curve": learning_curve(context, metric, positive),
        "drift_reference": remembered(context),
    }
    if image_shape is None:
        found["importances"] = [
            vars_of(one)
            for one in permutation_importance(
                chosen, validation, metric, preparation.columns, positive, seed=context.seed
            )
        ]
        found["tree"] = tree_words(context)
    if outputs.ndim == 2:
        found["reliability"] = calibrated(validation.truth, outputs, positive)
    return found


def vars_of(record: Any) -> dict[str, Any]:
    """A dataclass as a dictionary, its values as they are."""
    return {field.name: getattr(record, field.name) for field in fields(record)}


def calibrated(truth: np.ndarray, outputs: np.ndarray, positive: int | None) -> dict[str, Any]:
    """What was said and what came, bin by bin."""
    from .checks.calibration import reliability

    found = reliability(truth, outputs, positive)
    sentence = (
        f"expected calibration error {decimal(found.ece)} over {len(found.count)} bins of equally "
        f"many rows, Spiegelhalter's z {signed(found.z, 2)}"
    )
    return {"mean": found.said, "share": found.came, "count": found.count, "sentence": sentence}


def worst_rows(
    context: Context, outputs: np.ndarray, image_shape: tuple[int, int] | None
) -> list[dict[str, Any]]:
    """The rows of the validation part that lose most, the worst first."""
    from .models.metrics import row_losses

    validation, preparation = context.validation, context.preparation
    assert validation is not None
    assert preparation is not None
    losses = row_losses(validation.truth, outputs)
    shown = [n for n in context.table.names if n in set(preparation.columns)][:CELLS]
    classes = preparation.classes
    found = []
    for k in np.argsort(-losses, kind="stable")[:WORST]:
        row = int(validation.rows[k])
        cells = context.table.frame.iloc[row]
        entry: dict[str, Any] = {"row": row, "loss": float(losses[k]), "pixels": None}
        if classes:
            guess = int(outputs[k].argmax())
            entry |= {
                "truth": classes[int(validation.truth[k])],
                "predicted": classes[guess],
                "probability": float(outputs[k, guess]),
            }
        else:
            entry |= {
                "truth": amount(float(validation.truth[k]), 4),
                "predicted": amount(float(outputs[k]), 4),
                "probability": None,
            }
        if image_shape is None:
            entry["cells"] = {name: shown_cell(cells[name]) for name in shown}
        else:
            entry["cells"] = {}
            inputs = [n for n in context.table.names if n != context.problem.target]
            entry["pixels"] = cells[inputs].to_numpy(np.float64).reshape(image_shape)
        found.append(entry)
    return found


def remembered(context: Context) -> list[dict[str, str]]:
    """What `backlit drift` will compare new rows with, column by column."""
    found = []
    for column in reference_of(context).columns:
        if column.kind == "number":
            low, middle, high = (column.quantiles[k] for k in (0, len(column.quantiles) // 2, -1))
            seen = (
                f"always {plain(low)}"
                if low == high
                else f"{plain(low)} to {plain(high)}, in the middle {plain(middle)}"
            )
        else:
            seen = f"{len(column.levels)} levels: {', '.join(column.levels[:5])}"
            seen += ", …" if len(column.levels) > 5 else ""
        if column.missing:
            seen += f"; {column.missing} of {column.rows} missing"
        found.append({"column": column.name, "kind": column.kind, "seen": seen})
    return found


def reference_of(context: Context) -> Reference:
    """The training rows as `backlit drift` remembers them: the columns that became inputs."""
    from .checks.drift import Reference

    preparation, parts = context.preparation, context.parts
    assert preparation is not None
    assert parts is not None
    watched = tuple(dict.fromkeys(preparation.columns))
    return Reference.of(context.table.take(parts.train), watched)


def shown_cell(value: Any) -> str:
    """A cell as a reader wants it.

    >>> shown_cell(0.123456789), shown_cell(3), shown_cell(None), shown_cell("Rome")
    ('0.1235', '3', '', 'Rome')
    """
    if value is None or value != value:  # NaN
        return ""
    return plain(value) if isinstance(value, float) else str(value)


def tree_words(context: Context) -> list[str]:
    """The decision tree as sentences, in the table's own units."""
    from .models.tree_words import explain_tree, in_own_units

    preparation, train = context.preparation, context.train
    tree = next((c for c in context.candidates if c.name == "decision tree"), None)
    if tree is None or preparation is None or train is None:
        return []
    frame = context.table.frame

    def raw(k: int) -> tuple[str, np.ndarray] | None:
        column = preparation.columns[k]
        values = frame[column].to_numpy()[train.rows]
        numeric = values.dtype != object and preparation.names[k] == column
        return (column, values) if numeric else None

    asked = in_own_units(train.X, raw, preparation.names)
    return explain_tree(tree, preparation.names, preparation.classes, asked)


def learning_curve(context: Context, metric: Metric, positive: int | None) -> dict[str, Any]:
    """The network trained anew on fewer rows: would more rows help?"""
    from .models.loop import train

    part, validation, fit = context.train, context.validation, context.fit
    assert part is not None
    assert validation is not None
    task, build = context.task, context.build
    assert task is not None
    assert build is not None
    rows, trained, validated = [], [], []
    order = np.random.default_rng(context.seed).permutation(len(part.X))

    def scored(of: Part, outputs: np.ndarray) -> tuple[float, float, float]:
        score = metric.score(of.truth, outputs, positive)
        return (score, *metric.interval(of.truth, outputs, context.seed, positive, draws=200))

    for share in SHARES:
        kept = np.sort(order[: max(1, round(share * len(order)))])
        some = Part(part.X[kept], part.target[kept], part.truth[kept], part.rows[kept])
        if len(kept) < 10 or (task.outputs > 1 and len(np.unique(some.truth)) < 2):
            continue
        if share == 1 and fit is not None:
            model = fit
        else:
            model = train(
                build, task, some, validation, epochs=fit.epochs if fit else 50, lr=context.lr,
                batch_size=context.batch_size, seed=context.seed,
            )  # fmt: skip
        rows.append(len(kept))
        trained.append(scored(some, task.probabilities(model.outputs(some.X))))
        validated.append(scored(validation, task.probabilities(model.outputs(validation.X))))
    sentence = ""
    if len(rows) > 1:
        before, after = validated[-2][0], validated[-1][0]
        gain = after - before if metric.better == "higher" else before - after
        half = (validated[-1][2] - validated[-1][1]) / 2
        more = "more rows would help" if gain > half else "more rows would hardly help"
        sentence = (
            f"from {rows[-2]:,} to {rows[-1]:,} rows the validation score got better by "
            f"{metric.difference(gain).lstrip('+')}, its 95 % interval is "
            f"± {metric.difference(half).lstrip('+')}: {more}"
        )
    return {"rows": rows, "train": trained, "validation": validated, "sentence": sentence}


class Plane:
    """The class probabilities over two inputs while a network learns: call it after each epoch."""

    def __init__(self, context: Context, outputs: Callable[[np.ndarray], np.ndarray]) -> None:
        train, preparation = context.train, context.preparation
        assert train is not None
        assert preparation is not None
        self.context, self.outputs = context, outputs
        low, high = train.X.min(axis=0), train.X.max(axis=0)
        margin = 0.08 * (high - low)
        self.low, self.high = low - margin, high + margin
        across = np.linspace(self.low[0], self.high[0], GRID)
        up = np.linspace(self.high[1], self.low[1], GRID)  # row 0 is at the top
        self.grid = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2).astype(np.float32)
        self.epochs: list[int] = []
        self.frames: list[np.ndarray] = []

    @staticmethod
    def fits(context: Context) -> bool:
        """Whether there is a plane: two inputs, of a classification."""
        preparation = context.preparation
        return (
            preparation is not None
            and len(preparation.names) == 2
            and bool(preparation.classes)
            and len(set(preparation.columns)) == 2
            and all(context.table.frame[n].dtype.kind in "iuf" for n in preparation.columns)
        )

    def __call__(self, epoch: Epoch) -> None:
        """Draw the plane if this is one of the epochs to be shown."""
        if epoch.epoch in MOMENTS:
            self._draw(epoch.epoch)

    def _draw(self, number: int) -> None:
        probabilities = self.outputs(self.grid)
        self.epochs.append(number)
        self.frames.append(probabilities.reshape(GRID, GRID, -1))

    def done(self, best: int) -> dict[str, Any]:
        """All frames, with the network as it was kept among them; in the table's own units."""
        if best not in self.epochs:
            self._draw(best)
        order = np.argsort(self.epochs, kind="stable")
        context = self.context
        train, validation = context.train, context.validation
        assert train is not None
        assert validation is not None
        assert context.preparation is not None
        names = list(context.preparation.columns)
        raw = context.table.frame[names].to_numpy(np.float64)
        ends = []
        for k in range(2):  # inputs are raw numbers moved and scaled
            x, y = train.X[:, k].astype(np.float64), raw[train.rows, k]
            slope, start = np.polyfit(x, y, 1)
            ends.append((float(start + slope * self.low[k]), float(start + slope * self.high[k])))
        return {
            "names": tuple(names),
            "x": ends[0],
            "y": ends[1],
            "epochs": [self.epochs[i] for i in order],
            "shown": best,
            "probabilities": np.stack([self.frames[i] for i in order]),
            "points": raw[validation.rows],
            "truth": validation.truth,
        }
