"""The bench of an estimator of scikit-learn's kind, whoever's class it is: `fit` on digits."""

import warnings
from typing import Any

import numpy as np

from .bench import Bench


def fit_bench(kind: Any, spec: dict) -> Bench:
    """Fit an estimator `count` times; its first losses for the comparison."""
    with np.load(spec["file"]) as file:
        x, y = file["x_train"], file["y_train"]

    def fitted(epochs: int, shuffle: bool) -> Any:
        model = kind(
            tuple(spec["hidden"]), alpha=0.0, batch_size=spec["batch"], max_iter=epochs,
            learning_rate_init=spec["learning_rate"], n_iter_no_change=epochs, random_state=0,
            shuffle=shuffle,
        )  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it has not converged yet
            return model.fit(x, y)

    def run(count: int) -> None:
        for _ in range(count):
            fitted(spec["epochs"], True)

    def check() -> list[float]:
        return [float(loss) for loss in fitted(spec["checked"], False).loss_curve_]

    return Bench(run, check)
