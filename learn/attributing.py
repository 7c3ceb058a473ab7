"""What made the network think so: of the rows that it gets most wrong, how much each column of the
table moved its answer away from that for the average row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .checks.context import Context

if TYPE_CHECKING:
    from .models.candidate import Candidate

EXPLAINED = 6
"""Rows that are explained."""


def attributions(
    context: Context, chosen: Candidate, worst: Sequence[dict[str, Any]]
) -> dict[str, Any] | None:
    """Integrated gradients of the first of the worst rows; None unless a network is recommended.

    The output is the logit of the class that the network predicts, or the value in the target's
    unit. The way begins at the mean of the training rows' inputs. All inputs that were made from
    one column are added up; `gap` says how nearly the columns add up to the change of the output.
    """
    from .checks.importance import integrated_gradients
    from .models.looks import outputs_of

    train, validation, preparation = context.train, context.validation, context.preparation
    if chosen.name != "network" or chosen.model is None or not worst:
        return None
    assert train is not None
    assert validation is not None
    assert preparation is not None
    place = {int(row): k for k, row in enumerate(validation.rows)}
    worst = worst[:EXPLAINED]
    X = validation.X[[place[one["row"]] for one in worst]]
    baseline = train.X.mean(axis=0, dtype=np.float64).astype(np.float32)
    outputs = outputs_of(chosen.model, X)
    which = outputs.argmax(axis=1)
    found = integrated_gradients(chosen.model, X, which, baseline)
    scale, start = 1.0, outputs_of(chosen.model, baseline[None])[0].astype(np.float64)
    ends = outputs[np.arange(len(X)), which].astype(np.float64)
    if not preparation.classes:
        scale = float(getattr(context.task, "deviation", 1.0))
        mean = float(getattr(context.task, "mean", 0.0))
        start, ends = start * scale + mean, ends * scale + mean
    origin = np.asarray(preparation.columns, object)
    columns = list(dict.fromkeys(preparation.columns))
    by_column = scale * np.column_stack(
        [found.values[:, origin == name].sum(axis=1) for name in columns]
    )
    rows = [
        {
            "row": one["row"], "truth": one["truth"], "predicted": one["predicted"],
            "start": float(start[which[k]]), "end": float(ends[k]), "added": by_column[k],
        }
        for k, one in enumerate(worst)
    ]  # fmt: skip
    return {"columns": columns, "rows": rows, "gap": found.gap, "steps": found.steps}
