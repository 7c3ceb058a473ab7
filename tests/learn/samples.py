"""Results to render, made from real data without the walk: scikit-learn splits, fits and scores,
small networks are trained on the engine. Only documented fields are filled, by plain records.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from types import SimpleNamespace as Record
from typing import Any, cast

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_digits, make_moons
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss, r2_score
from sklearn.model_selection import train_test_split
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, export_text

from backlit import nn, optim
from backlit.engine import manual_seed, no_grad, softmax, tensor
from backlit.learn.checks.context import Context, Part
from backlit.learn.models.candidate import Candidate
from backlit.learn.problem import Problem
from backlit.learn.result import Exam, Result, Step, Verdict
from backlit.nn import functional as F
from backlit.study import draw
from backlit.study.figures import Figure
from backlit.study.findings import Finding

NAN = float("nan")


def finding(
    level: str, sentence: str, statistic: float, threshold: float, n: int, **more: str
) -> Finding:
    """A finding with a code, a source and an advice."""
    told = {"code": "sample", "source": "measured on handwritten digits", "advice": ""} | more
    return Finding(told["code"], cast(Any, level), sentence, statistic, threshold, n,
                   told["source"], told["advice"])  # fmt: skip


def wilson(right: int, n: int) -> tuple[float, float]:
    z, p = 1.96, right / n
    middle, half = p + z * z / (2 * n), z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return float((middle - half) / (1 + z * z / n)), float((middle + half) / (1 + z * z / n))


class Made:
    """A table split, prepared, fitted: what a sample result is put together from."""

    train: Any
    validation: Any
    test: Any

    def __init__(self, name: str, X: Any, y: Any, names: list[str],
                 classes: tuple[str, ...], hidden: int, epochs: int) -> None:  # fmt: skip
        self.name, self.names, self.classes = name, names, classes
        self.raw, self.y = np.asarray(X, np.float64), y
        rows = np.arange(len(X))
        stratify = y if classes else None
        rest, self.test = train_test_split(rows, test_size=0.2, random_state=0, stratify=stratify)
        self.train, self.validation = train_test_split(
            rest, test_size=0.25, random_state=0, stratify=None if stratify is None else y[rest]
        )
        mean, scale = self.raw[self.train].mean(0), self.raw[self.train].std(0)
        self.X = ((self.raw - mean) / np.where(scale > 0, scale, 1)).astype(np.float32)
        self.center = float(y[self.train].mean()), float(y[self.train].std())
        self.frames: list[np.ndarray] = []
        self.plane = None if X.shape[1] != 2 else plane_of(self.raw, mean, scale)
        self.learn(hidden, epochs)

    def learn(self, hidden: int, epochs: int) -> None:
        """Train a network, writing down losses, scores and looks."""
        manual_seed(0)
        self.model = nn.MLP([self.X.shape[1], hidden, hidden, max(len(self.classes), 1)])
        optimizer = optim.Adam(self.model.parameters(), lr=3e-3)
        order = np.random.default_rng(0)
        history, seen, self.frame_epochs = [], [], []
        for epoch in range(epochs + 1):
            before = {n: p.data.copy() for n, p in self.model.named_parameters()}
            if epoch:
                rows = order.permutation(self.train)
                for start in range(0, len(rows), 32):
                    before = {n: p.data.copy() for n, p in self.model.named_parameters()}
                    self.step(optimizer, rows[start : start + 32])
            history.append(self.measured(epoch))
            seen.append(self.look(epoch, before))
            if self.plane is not None and (epoch < 5 or epoch % 5 == 0):
                self.frames.append(self.outputs(self.plane["grid"]))
                self.frame_epochs.append(epoch)
        losses = [e.validation_loss for e in history]
        self.fit = Record(history=history, best=int(np.argmin(losses)), status="finished",
                          message="", looks=seen, findings=())  # fmt: skip

    def target(self, rows: Any) -> np.ndarray:
        if self.classes:
            return self.y[rows].astype(np.int64)
        return ((self.y[rows, None] - self.center[0]) / self.center[1]).astype(np.float32)

    def loss(self, outputs: Any, rows: Any) -> Any:
        compare = F.cross_entropy if self.classes else F.mse_loss
        return compare(outputs, tensor(self.target(rows)))

    def step(self, optimizer: Any, rows: Any) -> None:
        loss = self.loss(self.model(tensor(self.X[rows])), rows)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    def outputs(self, X: Any) -> np.ndarray:
        """Probabilities (rows, C), or values (rows,)."""
        with no_grad():
            out = self.model(tensor(np.asarray(X, np.float32)))
            if self.classes:
                shares = softmax(out).numpy().astype(np.float64)
                return shares / shares.sum(1, keepdims=True)
            return out.numpy()[:, 0].astype(np.float64) * self.center[1] + self.center[0]

    def score(self, rows: Any, outputs: Any) -> float:
        if self.classes:
            return float(np.mean(outputs.argmax(1) == self.y[rows]))
        return float(r2_score(self.y[rows], outputs))

    def measured(self, epoch: int) -> Record:
        told = {}
        for part, rows in (("train", self.train), ("validation", self.validation)):
            with no_grad():
                told[f"{part}_loss"] = self.loss(self.model(tensor(self.X[rows])), rows).item()
            told[f"{part}_score"] = self.score(rows, self.outputs(self.X[rows]))
        return Record(epoch=epoch, **told)

    def look(self, epoch: int, before: dict[str, np.ndarray]) -> Record:
        """Sizes of weights, gradients, updates; dead units, by NumPy alone."""
        layers, h = [], self.X[self.train]
        parameters = dict(self.model.named_parameters())
        matrices = [name for name in parameters if name.endswith("weight")]
        for k, name in enumerate(matrices):
            w, b = parameters[name], parameters[name.replace("weight", "bias")]
            h = h @ (w.data if w.shape[0] == h.shape[1] else w.data.T) + b.data
            dead = None
            if k < len(matrices) - 1:
                h = np.maximum(h, 0)
                dead = float(np.mean((h == 0).all(0)))
            update = float((w.data - before[name]).std() / w.data.std()) if epoch else None
            gradient = float(np.linalg.norm(w.grad.data)) if w.grad is not None else None
            layers.append(Record(name=name, weight=float(np.linalg.norm(w.data)),
                                 gradient=gradient, update=update, units=h.shape[1], dead=dead,
                                 saturated=None))  # fmt: skip
        return Record(epoch=epoch, rows=len(self.train), layers=tuple(layers))

    def part(self, rows: Any) -> Part:
        return Part(self.X[rows], self.target(rows), self.y[rows], rows)

    def candidates(self) -> tuple[Candidate, ...]:
        if self.classes:
            simple = [
                (
                    "baseline",
                    f"always {self.classes[int(np.bincount(self.y[self.train]).argmax())]!r}",
                    DummyClassifier(),
                ),
                ("logistic regression", "C = 1", LogisticRegression(max_iter=2000)),
                ("decision tree", "6 levels", DecisionTreeClassifier(max_depth=6, random_state=0)),
            ]
        else:
            simple = [("baseline", f"always the mean, {self.center[0]:.4g}", DummyRegressor()),
                      ("linear regression", "ridge, α = 1", Ridge()),
                      ("decision tree", "trimmed", DecisionTreeRegressor(max_depth=3))]  # fmt: skip
        made = []
        for name, described, model in simple:
            model.fit(self.X[self.train], self.y[self.train])
            outputs = model.predict_proba if self.classes else model.predict
            made.append(self.candidate(name, described, outputs, model))
        sizes = "-".join(str(p.shape[0]) for n, p in self.model.named_parameters() if "bias" in n)
        many = sum(p.size for p in self.model.parameters())
        described = f"{self.X.shape[1]}-{sizes}, {many:,} parameters"
        return (*made, self.candidate("network", described, self.outputs, self.model))

    def candidate(self, name: str, described: str, outputs: Any, model: Any) -> Candidate:
        rows = self.validation
        out = outputs(self.X[rows])
        value = self.score(rows, out)
        if self.classes:
            ends = wilson(round(value * len(rows)), len(rows))
            loss = float(log_loss(self.y[rows], out, labels=range(len(self.classes))))
        else:
            ends = self.bootstrap(rows, out)
            loss = float(np.mean((out - self.y[rows]) ** 2))
        train = self.score(self.train, outputs(self.X[self.train]))
        return Candidate(name, described, outputs, train, value, ends, loss, model)

    def bootstrap(self, rows: Any, out: Any) -> tuple[float, float]:
        rng = np.random.default_rng(0)
        drawn = [rng.integers(0, len(rows), len(rows)) for _ in range(200)]
        values = [r2_score(self.y[rows[d]], out[d]) for d in drawn]
        low, high = np.quantile(values, [0.025, 0.975])
        return float(low), float(high)


def plane_of(raw: Any, mean: Any, scale: Any) -> dict[str, Any]:
    low, high = raw.min(0) - 0.2, raw.max(0) + 0.2
    across, down = np.meshgrid(np.linspace(low[0], high[0], 120), np.linspace(high[1], low[1], 120))
    grid = np.column_stack([across.ravel(), down.ravel()])
    return {"x": (float(low[0]), float(high[0])), "y": (float(low[1]), float(high[1])),
            "grid": (grid - mean) / scale}  # fmt: skip


def extras_of(made: Made, best: Candidate, candidates: tuple[Candidate, ...]) -> dict[str, Any]:
    """Everything a page may show, from the data itself."""
    truth, rows = made.y[made.test], made.validation
    out, held = best.outputs(made.X[made.test]), best.outputs(made.X[rows])
    extras: dict[str, Any] = {}
    if made.classes:
        loss = -np.log(np.clip(held[np.arange(len(rows)), made.y[rows]], 1e-12, 1))
        sure, right = out.max(1), out.argmax(1) == truth
        bins = np.array_split(np.argsort(sure, kind="stable"), 8)
        extras["reliability"] = {
            "mean": np.array([sure[b].mean() for b in bins]),
            "share": np.array([right[b].mean() for b in bins]),
            "count": np.array([len(b) for b in bins]),
            "sentence": "Expected calibration error 0.021 on 15 bins.",
        }
        extras["tree"] = [
            line.replace("|   ", "  ").replace("|---", "if")
            for line in export_text(candidates[2].model, feature_names=made.names).splitlines()[:40]
        ]
    else:
        loss = (held - made.y[rows]) ** 2 / made.center[1] ** 2
    worst = np.argsort(-loss, kind="stable")[:20]
    extras["worst_rows"] = [worst_row(made, int(rows[i]), held[i], float(loss[i])) for i in worst]
    rng = np.random.default_rng(1)
    extras["importances"] = [
        {"column": name, **shuffled(made, best, k, rng)} for k, name in enumerate(made.names[:40])
    ]
    widest = int(made.raw.std(0).argmax())
    half = made.raw[made.test, widest] > np.median(made.raw[:, widest])
    extras["groups"] = []
    for word, inside in (("low", ~half), ("high", half)):
        chosen = made.test[inside]
        value = made.score(chosen, best.outputs(made.X[chosen]))
        extras["groups"].append({"column": made.names[widest], "group": word, "n": len(chosen),
                                 "score": value, "low": value - 0.05,
                                 "high": min(1.0, value + 0.05),
                                 "overall": made.score(made.test, out)})  # fmt: skip
    sizes = [len(made.train) // d for d in (16, 8, 4, 2, 1)]
    fresh: Any = clone(candidates[1].model)
    curve: dict[str, list] = {"train": [], "validation": []}
    for n in sizes:
        part = made.train[:n]
        fresh.fit(made.X[part], made.y[part])
        outputs = fresh.predict_proba if made.classes else fresh.predict
        for name, at in (("train", part), ("validation", rows)):
            value = made.score(at, outputs(made.X[at]))
            curve[name].append(
                (value, value - 0.3 / np.sqrt(len(at)), value + 0.3 / np.sqrt(len(at)))
            )
    extras["learning_curve"] = {"rows": sizes, **curve, "sentence": "From half of the rows to all "
                                "of them validation gained less than its noise."}  # fmt: skip
    rates = np.geomspace(1e-5, 1, 60)
    extras["lr_finder"] = {
        "rates": rates, "losses": 2.3 / (1 + 300 * rates) + 40 * rates**2, "suggestion": 0.0031,
        "sentence": "The loss falls fastest near 0.0031.",
    }  # fmt: skip
    extras["drift_reference"] = [
        {"column": name, "kind": "number",
         "seen": f"{made.raw[:, k].min():.3g} to {made.raw[:, k].max():.3g}"}
        for k, name in enumerate(made.names)
    ]  # fmt: skip
    extras["sources"] = {"source": "scikit-learn", "licence": "BSD 3-Clause"}
    extras["files"] = {"graph.svg": "the graph", "backprop.html": "step through it",
                       "result.json": "all of this as JSON"}  # fmt: skip
    figure = draw(made.loss(made.model(tensor(made.X[made.train[:8]])), made.train[:8]))
    extras["graph"] = {"light": figure.svg().encode(), "rows": 8,
                       "dark": Figure(figure.graph, theme="dark").svg().encode()}  # fmt: skip
    if made.plane is not None:
        extras["plane_frames"] = {
            "names": made.names, "x": made.plane["x"], "y": made.plane["y"],
            "epochs": made.frame_epochs, "shown": made.frame_epochs[-1],
            "probabilities": np.stack(made.frames).reshape(len(made.frames), 120, 120, -1),
            "points": made.raw[rows], "truth": made.y[rows],
        }  # fmt: skip
    return extras


def worst_row(made: Made, row: int, out: Any, loss: float) -> dict[str, Any]:
    cells = {n: f"{v:.4g}" for n, v in zip(made.names, made.raw[row], strict=True)}
    told: dict[str, Any] = {"row": row, "cells": cells, "loss": loss, "probability": None}
    if made.classes:
        guess = int(np.argmax(out))
        told |= {"truth": made.classes[made.y[row]], "predicted": made.classes[guess],
                 "probability": float(out[guess])}  # fmt: skip
    else:
        told |= {"truth": f"{made.y[row]:.4g}", "predicted": f"{out:.4g}"}
    if made.name == "digits":
        told["pixels"] = made.raw[row].reshape(8, 8)
    return told


def shuffled(made: Made, best: Candidate, k: int, rng: np.random.Generator) -> dict[str, float]:
    rows, lost = made.validation, []
    full = made.score(rows, best.outputs(made.X[rows]))
    for _ in range(3):
        X = made.X[rows].copy()
        X[:, k] = rng.permutation(X[:, k])
        lost.append(full - made.score(rows, best.outputs(X)))
    return {"mean": float(np.mean(lost)), "se": float(np.std(lost) / np.sqrt(3))}


def data_of(name: str) -> Made:
    if name == "digits":
        X, y = load_digits(return_X_y=True)
        names = [f"pixel {k // 8},{k % 8}" for k in range(64)]
        return Made("digits", X, y, names, tuple(map(str, range(10))), 32, 12)
    if name == "moons":
        X, y = make_moons(600, noise=0.25, random_state=0)
        return Made("moons", X, y, ["x1", "x2"], ("upper moon", "lower moon"), 16, 40)
    data: Any = load_diabetes()
    return Made("diabetes", data.data, data.target, list(data.feature_names), (), 16, 20)


@cache
def sample(name: str) -> Result:
    """The result of "digits", "moons" or "diabetes"."""
    made = data_of(name)
    target = {"digits": "digit", "moons": "moon", "diabetes": "progression"}[name]
    frame = pd.DataFrame(made.raw, columns=made.names)
    frame[target] = [made.classes[k] for k in made.y] if made.classes else made.y
    candidates = made.candidates()
    best = max(candidates, key=lambda c: c.score)
    loss_name = "cross-entropy" if made.classes else "mean squared error of the standardised target"
    theory = Record(value=float(np.log(len(made.classes) or np.e)), entropy=NAN,
                    text=f"ln {len(made.classes)}" if made.classes else "Var(y)")  # fmt: skip
    changes = (
        Record(
            step="fill", column=made.names[0], cells=3, sentence="3 empty cells: the median, 2.5"
        ),
        Record(step="scale", column="", cells=len(frame), sentence="mean 0 and deviation 1"),
    )
    context = Context(
        table=cast(Any, Record(frame=frame, name=name, origin=None, sha256="ab" * 32,
                               rows=len(frame), lines=None)),
        problem=Problem(target, "classification" if made.classes else "regression",
                        "accuracy" if made.classes else "r2"),
        parts=cast(Any, Record(train=made.train, validation=made.validation, test=made.test,
                               how="stratified", sizes=(len(made.train), len(made.validation),
                                                        len(made.test)))),
        preparation=cast(Any, Record(names=tuple(made.names), columns=tuple(made.names),
                                     classes=made.classes, changes=changes)),
        train=made.part(made.train), validation=made.part(made.validation),
        task=cast(Any, Record(loss_name=loss_name, theory=theory, outputs=len(made.classes) or 1)),
        lr=3e-3, candidates=candidates, fit=cast(Any, made.fit),
    )  # fmt: skip
    out = best.outputs(made.X[made.test])
    truth = made.y[made.test]
    predicted = out.argmax(1) if made.classes else out
    value = made.score(made.test, out)
    interval = wilson(round(value * len(truth)), len(truth)) if made.classes \
        else made.bootstrap(made.test, out)  # fmt: skip
    base = made.score(made.test, candidates[0].outputs(made.X[made.test]))
    exam = Exam(made.test, truth, out, predicted, value, interval, base)
    verdict = Verdict(
        "good", f"It generalises: the {best.name} tells what it was not shown.",
        (f"validation {best.score:.3f}, {candidates[0].score:.3f} by the baseline",
         "the gap between training and validation is within the noise"),
        best, ("more rows of the classes that are mixed up",),
    )  # fmt: skip
    return Result(context, steps_of(made, candidates), exam, verdict,
                  f"backlit learn {name} --target {target} --seed 0 --epochs 12 --hidden 32,32",
                  {"hidden": (32, 32), "epochs": 12, "lr": 3e-3, "patience": None},
                  {"backlit": "0.1", "python": "3.12", "numpy": "2.4"}, "ab" * 32,
                  extras_of(made, best, candidates))  # fmt: skip


def steps_of(made: Made, candidates: tuple[Candidate, ...]) -> tuple[Step, ...]:
    """Nine steps, some with findings of each level."""
    n, first = len(made.train), made.fit.history[0].train_loss
    worst = finding("error", "'pixel 0,0' alone tells the target: AUC 0.999.", 0.9993, 0.999, n,
                    code="leakage", advice="Leave it out, or say when it is known.")  # fmt: skip
    warn = finding("warning", "layer 0: 12 % of the relu units are dead.", 0.12, 0.1, n,
                   code="dead_units", advice="a smaller learning rate, such as 0.001")  # fmt: skip
    kinds = ("duplicate", "constant column", "identifier", "group across the parts")
    fine = [finding("note", f"No {what} was found.", 0.0, 0.05, n, code=what) for what in kinds]
    more = "A model is only worth what it adds.\n\nThat is why the baseline comes first."
    return (
        Step(1, "problem", "Define the problem", ("Each row is a case.",), ("Judged by the share "
             "that is right, 95 % intervals.",), "Without a question there is no answer.", more),
        Step(2, "table", "Collect and prepare", (f"{len(made.raw):,} rows, {len(made.names)} "
             "columns of numbers.", "3 empty cells in 1 column."), ("Filled them by the median of "
             "the training part.",), "Networks cannot read an empty cell.", more, (worst, *fine)),
        Step(3, "split", "Split", (f"{n:,} rows are for training.",), ("Sealed the test part.",),
             "What was seen cannot examine.", more, tuple(fine[:1])),
        Step(4, "models", "Choose a model", tuple(f"{c.name}: {c.score:.3f}" for c in candidates),
             ("Fitted four models.",), "Only what beats the simple ones is worth its price."),
        Step(5, "untrained", "Be wrong first", (f"Untrained loss {first:.3f}.",), (), "It should "
             "know nothing yet.", "", tuple(fine[2:3])),
        Step(6, "loss", "Measure the error", ("The worst rows are below.",), (), "They teach."),
        Step(7, "optimise", "Predict, measure, update", (f"{len(made.fit.history) - 1} epochs.",),
             ("Kept the best weights.",), "Later ones may have memorised.", more, (warn,)),
        Step(8, "verdict", "Generalise or memorise?", ("The gap is small.",), (), "Only new rows "
             "tell.", "", (fine[3],)),
        Step(9, "trust", "Bias, drift, explanation", ("Groups are served alike.",), (), "A mean "
             "hides who pays."),
    )  # fmt: skip


def without(result: Result, *keys: str) -> Result:
    """The result without these extras; without any where none is named."""
    left = {k: v for k, v in result.extras.items() if keys and k not in keys}
    return replace(result, extras=left)


def disguised(name: str, words: tuple[str, ...]) -> Result:
    """The sample with each name, sentence and cell that a user or a file may choose replaced by one
    of `words`, in turn."""
    result, turn = sample(name), iter(range(10**9))

    def word(*_: object) -> str:
        return words[next(turn) % len(words)]

    def of(finding: Finding) -> Finding:
        return replace(finding, code=word(), sentence=word(), source=word(), advice=word())

    context, given = result.context, result.extras
    table: Any = context.table
    many = len(context.preparation.classes) if context.preparation else 0
    preparation: Any = Record(
        names=context.preparation and context.preparation.names, columns=(),
        classes=tuple(f"{word()}{k}" for k in range(many)),
        changes=(Record(step=word(), column=word(), cells=1, sentence=word()),),
    )  # fmt: skip
    candidates = tuple(replace(c, name=word(), described=word()) for c in context.candidates)
    assert context.fit is not None
    fit: Any = Record(**vars(context.fit) | {"message": word(), "status": "interrupted"})
    fit.looks = [
        Record(epoch=look.epoch, rows=look.rows,
               layers=tuple(Record(**vars(layer) | {"name": words[k]})
                            for k, layer in enumerate(look.layers)))
        for look in fit.looks
    ]  # fmt: skip
    context = replace(
        context, table=Record(**vars(table) | {"name": word()}), candidates=candidates, fit=fit,
        preparation=preparation, problem=replace(context.problem, target=word()),
    )  # fmt: skip
    steps = tuple(
        replace(step, title=word(), found=tuple(map(word, step.found)), why=word(), more=word(),
                did=tuple(map(word, step.did)), findings=tuple(map(of, step.findings)))
        for step in result.steps
    )  # fmt: skip
    extras = dict(given)
    extras["worst_rows"] = [
        row | {"truth": word(), "predicted": word(),
               "cells": {f"{words[k % len(words)]}{k}": word() for k in range(len(row["cells"]))}}
        for row in given["worst_rows"]
    ]  # fmt: skip
    for key in ("importances", "groups", "drift_reference"):
        extras[key] = [
            {k: word() if isinstance(v, str) else v for k, v in one.items()} for one in given[key]
        ]
    for key in ("reliability", "learning_curve", "lr_finder"):
        if key in given:
            extras[key] = given[key] | {"sentence": word()}
    if "tree" in given:
        extras["tree"] = [word() for _ in given["tree"]]
    if "plane_frames" in given:
        extras["plane_frames"] = given["plane_frames"] | {"names": (word(), word())}
    extras["sources"] = {word(): word()}
    extras["files"] = {"graph.svg": word(), "backprop.html": word(), f" {word()}": word()}
    extras["worst_part"] = word()
    last = replace(result.verdict, headline=word(), reasons=(word(),), next=(word(),),
                   recommended=candidates[1])  # fmt: skip
    return replace(result, context=context, steps=steps, extras=extras, verdict=last,
                   command=word(), settings={word(): word()}, versions={word(): word()},
                   sha256=word())  # fmt: skip
