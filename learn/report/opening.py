"""What the page opens with: the verdict, the test score, what to do next, what the checks found,
and the candidates beside each other.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from ..numerals import amount
from ..result import Result
from .findings import sign, worst
from .heading import network, reason, recommendation
from .page import esc, listing, panel, table
from .pictures import Scale, exam_strip
from .words import (
    STATUS,
    against_baseline,
    capital,
    classes_of,
    counted,
    kept_words,
    metric_name,
    name,
    plain,
    plain_interval,
    scored,
    sentence,
    shown,
    shown_interval,
    times,
    unseen_words,
)


def header(result: Result) -> str:
    """The table's name and the question."""
    context = result.context
    problem = context.problem
    asked = f"{esc(name(problem.target))}"
    if problem.task == "classification":
        classes = len(context.preparation.classes) if context.preparation else 0
        aim = f"Which <strong>{asked}</strong>? One of {classes} classes"
    else:
        aim = f"How much <strong>{asked}</strong>? A number"
    return f"""<header>
<p class="eyebrow">backlit · from a table to an honest prediction · seed {context.seed}</p>
<h1>{esc(name(context.table.name, 60))}</h1>
<p class="lead">{aim}, learned from {context.table.rows:,} rows.</p>
</header>"""


def notice(result: Result) -> str:
    """That training ended before its time, if it did."""
    fit = result.context.fit
    if fit is None or fit.status not in STATUS:
        return ""
    message = fit.message.rstrip(".")
    return (
        f'<div class="notice" role="note"><p><strong>{STATUS[fit.status]}: {esc(message)}.</strong>'
        f" What is said of the network belongs to its best weights up to then, those of "
        f"{kept_words(fit.best)}.</p></div>"
    )


def verdict(result: Result) -> str:
    """The last word first: which model to use and how good it is, then how the network did."""
    last, exam = result.verdict, result.exam
    use, how = recommendation(result), network(result)
    named = metric_name(result)
    value, base = plain(result, exam.score), plain(result, exam.baseline_score)
    ends = plain_interval(result, exam.interval)
    nexts = f"<h3>What to do next</h3>\n{listing(last.next)}" if last.next else ""
    honest = f" {esc(sentence(unseen))}" if (unseen := unseen_words(result)) else ""
    looks = f"looked at {times(exam.looks)}" + (" by now" if exam.looks > 1 else "")
    rows = []
    if why := reason(result):
        rows.append(f"<dt>Why</dt><dd><p>{esc(sentence(why))}{_numbers_in(result)}</p></dd>")
    if how is not None:
        said = f"{sign(how.level)}{esc(sentence(how.text))}"
        rows.append(f"<dt>Network</dt><dd><p>{said}</p></dd>")
    reasons = f'<dl class="steps-do">\n{"".join(rows)}\n</dl>' if rows else ""
    return f"""<section class="verdict {use.level}-verdict" id="verdict">
<h2>Verdict</h2>
<p class="headline">{sign(use.level)}{esc(sentence(use.text))}</p>
<dl class="tiles">
<div class="main"><dt>Test {esc(named)}</dt><dd>{shown(result, value)}</dd>
<dd class="note">{_right(result)}</dd></div>
<div><dt>Baseline</dt><dd>{shown(result, base)}</dd>
<dd class="note">{esc(_baseline_words(result))}, on the same rows</dd></div>
<div><dt>Recommended</dt><dd class="words">{esc(last.recommended.name)}</dd>
<dd class="note">{esc(last.recommended.described)}</dd></div>
<div><dt>The checks say</dt><dd class="words">{_counts(result)}</dd>
<dd class="note">{_worst_step(result)}</dd></div>
</dl>
<figure class="strip">{exam_strip(named, value, ends, base, partial(shown, result))}</figure>
<p class="small soft">The test part, {len(exam.rows):,} rows, was {looks}. 95 % interval
{shown_interval(result, ends)}: {against_baseline(result)}.{honest}</p>
{reasons}
{nexts}
</section>"""


def _numbers_in(result: Result) -> str:
    """Where the reasons stand with their numbers."""
    for step in result.steps:
        if step.key == "verdict":
            where = f'<a href="#{step_id(step.number)}">step {step.number}</a>'
            return f" The comparisons stand in {where}."
    return ""


def _right(result: Result) -> str:
    exam = result.exam
    if result.context.problem.task == "classification":
        right = int(np.sum(exam.truth == exam.predicted))
        return f"{right:,} of {len(exam.rows):,} rows right"
    with np.errstate(all="ignore"):  # of a model that diverged
        away = exam.predicted - exam.truth
        if result.context.problem.metric == "rmse":  # stands there already
            return f"off by {amount(float(np.mean(np.abs(away))))} on average"
        return f"typical error {amount(float(np.sqrt(np.mean(away**2))))} (root mean square)"


def _baseline_words(result: Result) -> str:
    for candidate in result.context.candidates:
        if candidate.name == "baseline":
            return candidate.described
    return "it never looks at the inputs"


def _counts(result: Result) -> str:
    return esc(counted(result.findings))


def _worst_step(result: Result) -> str:
    """A link to the step with the worst finding."""
    level = worst(result.findings)
    if level in ("", "note"):
        return "nothing that needs a look"
    for step in result.steps:
        if worst(step.findings) == level:
            return (
                f'the first {level} is in <a href="#{step_id(step.number)}">step {step.number}</a>'
            )
    return ""


def step_id(number: int) -> str:
    """The address of a step within the page."""
    return f"step-{number}"


def candidates(result: Result) -> str:
    """The models beside each other, from the simplest on."""
    every = result.context.candidates
    if not every:
        return ""
    named = metric_name(result)
    scores = [(plain(result, c.score), plain_interval(result, c.interval)) for c in every]
    scale = Scale([v for value, ends in scores for v in (value, *ends)])
    recommended = result.verdict.recommended
    base = next((value for c, (value, _) in zip(every, scores, strict=True)
                 if c.name == "baseline"), None)  # fmt: skip
    rows, marked = [], None
    for i, (candidate, (value, ends)) in enumerate(zip(every, scores, strict=True)):
        tag = ""
        if candidate is recommended or candidate.name == recommended.name:
            marked, tag = i, ' <span class="tag">recommended</span>'
        rows.append(
            (
                f'<span class="is">{esc(candidate.name)}</span>{tag}<br /><span class="small soft">'
                f"{esc(candidate.described)}</span>",
                shown(result, value),
                scale.interval(value, *ends, base),
                shown_interval(result, ends),
                scored(result, candidate.train_score),
                amount(candidate.loss, zeros=True),
            )
        )
    lost = "cross-entropy" if classes_of(result) else "mean squared error"
    head = (
        ("model", "model"), ("validation", "n"), ("", "line"), ("95 % interval", "n"),
        ("training", "n"), (lost, "n"),
    )  # fmt: skip
    body = table(f"{capital(named)} of each model", head, rows, marked)
    body += (
        '<p class="small soft">From the simplest to the most complex. The bar is the 95 % interval '
        f"of the validation score, the upright line the baseline; {lost} is of the validation "
        f"part, "
        "too. The simpler model is recommended "
        "unless another wins by more than the noise.</p>"
    )
    return panel("The models beside each other", body)
