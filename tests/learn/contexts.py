"""What the tests of checks share: contexts as the walk makes them, up to the simple models."""

from dataclasses import replace
from typing import Any

import numpy as np

from backlit.learn.checks.context import Context, Part
from backlit.learn.data.inference import settle
from backlit.learn.data.preparation import Preparation
from backlit.learn.data.splitting import split
from backlit.learn.data.table import Table
from backlit.learn.models.baselines import fit_simple
from backlit.learn.models.metrics import require_metric
from backlit.learn.models.tasks import Classification, Regression
from backlit.learn.problem import Problem


def begun(table, problem, seed=0, **given) -> Any:
    """A context after the split."""
    problem = settle(problem, table)
    return Context(table, problem, seed, split(table, problem, seed), **given)


def prepared(table, problem, seed=0, **given) -> Any:
    """A context with prepared parts."""
    context = begun(table, problem, seed, **given)
    problem, parts = context.problem, context.parts
    preparation = Preparation.fit(table, problem, parts.train)
    X, truth = preparation.matrix(table), preparation.truth(table)
    if problem.task == "classification":
        task = Classification(preparation.classes, truth[parts.train])
    else:
        task = Regression(truth[parts.train])

    def part(rows):
        return Part(X[rows], task.target(truth[rows]), truth[rows], rows)

    return replace(
        context, preparation=preparation, train=part(parts.train),
        validation=part(parts.validation), task=task,
    )  # fmt: skip


def fitted(table, problem, seed=0, **given) -> Any:
    """A context with the simple models."""
    context = prepared(table, problem, seed, **given)
    metric = require_metric(context.problem.metric or "accuracy")
    candidates = fit_simple(
        context.problem, context.task, context.train, context.validation, metric, (), seed
    )
    return replace(context, candidates=candidates)


def told(findings, *levels):
    """The sentences of findings, of some levels."""
    return [f.sentence for f in findings if not levels or f.level in levels]


def only(findings, code):
    """The one finding with that code."""
    (found,) = (f for f in findings if f.code == code)
    return found


def clinic(seed=0, rows=768):
    """A table as hospitals write it: 0 where nothing was measured; labels that are hard to tell."""
    rng = np.random.default_rng(seed)
    glucose = np.maximum(rng.normal(121, 30, rows).round(), 44)
    bmi = np.maximum(rng.normal(32.4, 6.9, rows).round(1), 18.2)
    age = (21 + rng.exponential(12, rows)).round()
    pregnancies = rng.poisson(rng.gamma(1.5, 2.5, rows))
    insulin = np.maximum(rng.lognormal(4.85, 0.65, rows).round(), 14)
    pressure = np.maximum(rng.normal(72, 12, rows).round(), 24)
    logit = -1.0 + 0.05 * (glucose - 121) + 0.12 * (bmi - 32.4) + 0.05 * (age - 33)
    sick = rng.random(rows) < 1 / (1 + np.exp(-logit))
    glucose[rng.choice(rows, 5, False)] = 0
    bmi[rng.choice(rows, 11, False)] = 0
    insulin[rng.choice(rows, 370, False)] = 0
    pressure[rng.choice(rows, 35, False)] = 0
    return Table.of(
        {
            "pregnancies": pregnancies, "glucose": glucose, "pressure": pressure,
            "insulin": insulin, "bmi": bmi, "age": age, "sick": np.where(sick, "yes", "no"),
        },
        "clinic",
    )  # fmt: skip


CLINIC = Problem("sick", task="classification", metric="accuracy", positive="yes")
