"""The sample results in disguise: each name, sentence and cell that a user or a file may choose is
replaced by another, which may be hostile.
"""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace as Record
from typing import Any

from backlit.learn.result import Result
from backlit.study.findings import Finding

from .samples import sample


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
