"""The report of a run: what was asked, how it learned, what it gets wrong, how to repeat it.
It holds no times and no dates, so the same seed on the same machine gives the same bytes."""

from __future__ import annotations

import base64
from dataclasses import dataclass

import numpy as np

from .charts import Line, interval_strip, line_chart, truth_chart
from .experiment import Outcome
from .metrics import confusion, rmse
from .page import esc, facts, legend, page
from .pictures import Plane, decision_map, drawing
from .verdict import gap_words, interval_words, untrained_words

MOST_ROWS = 40  # wrong predictions that are listed
MOST_CLASSES = 30  # a larger confusion matrix is not drawn
MOST_GRAPH = 2_000_000  # bytes of a graph that is shown inside the page


@dataclass(frozen=True)
class Extras:
    """What the report shows beside the outcome's own numbers."""

    versions: dict[str, str]
    graph: bytes  # an SVG
    dark_graph: bytes  # the same on a dark page
    graph_rows: int  # training rows in the batch that was drawn
    plane: Plane | None = None  # for two inputs, with the probabilities on its grid
    plane_probabilities: np.ndarray | None = None


def render(outcome: Outcome, extras: Extras) -> str:
    """The whole page."""
    classify = outcome.prepared.dataset.task == "classification"
    sections = [
        _header(outcome),
        _notice(outcome),
        _result(outcome),
        _learning(outcome),
        _map(outcome, extras),
        _wrong(outcome) if classify else _residuals(outcome),
        _confusion(outcome) if classify else "",
        _graph(extras),
        _data(outcome),
        _repeat(outcome, extras),
        _footer(),
    ]
    title = f"{outcome.prepared.dataset.name}: a backlit run"
    return page(title, "\n".join(section for section in sections if section))


def _header(outcome: Outcome) -> str:
    prepared = outcome.prepared
    data, sizes = prepared.dataset, "-".join(map(str, prepared.sizes))
    if data.task == "classification":
        aim = f"to tell {len(data.class_names)} classes apart"
    else:
        aim = f"to predict {esc(data.target_name)}"
    return f"""<header>
<p class="eyebrow">backlit · run report · seed {prepared.settings.seed}</p>
<h1>{esc(data.name)}</h1>
<p class="lead">A {sizes} network with {prepared.parameters:,} parameters learned {aim} from
{prepared.split.sizes[0]:,} rows.</p>
</header>"""


def _notice(outcome: Outcome) -> str:
    fit = outcome.fit
    if fit.status == "finished":
        return ""
    what = "Interrupted" if fit.status == "interrupted" else "Stopped"
    kept = f"epoch {fit.best}" if fit.best else "the untrained network"
    return (
        f'<div class="notice" role="note"><p><strong>{what}: {esc(fit.message)}.</strong> '
        f"Everything below belongs to the best weights up to then, those of {kept}.</p></div>"
    )


def _result(outcome: Outcome) -> str:
    prepared, exam, fit = outcome.prepared, outcome.exam, outcome.fit
    task, theory = prepared.task, prepared.task.theory
    low, high = exam.interval
    if prepared.dataset.task == "classification":
        right = int(np.sum(exam.truth == exam.predicted))
        detail = f"{right:,} of {len(exam.rows):,} rows right"
        method = "Wilson's 95 % interval"
        floor = 0.0
    else:
        error = rmse(exam.truth, exam.predicted)
        detail = f"typical error {error:.4g} (root mean square)"
        method = "95 % interval by bootstrap, 1,000 draws"
        floor = min(0.0, low, exam.baseline_score) - 0.05
    strip = interval_strip(task.score_name, exam.score, exam.interval, exam.baseline_score, floor)
    verdict = interval_words(exam.score, exam.baseline_score, exam.interval)
    untrained = untrained_words(prepared.untrained_loss, theory)
    return f"""<section>
<h2>The test part, looked at once</h2>
<dl class="tiles">
<div class="main"><dt>Test {esc(task.score_name)}</dt><dd>{exam.score:.3f}</dd>
<dd class="note">{detail}</dd></div>
<div><dt>Baseline</dt><dd>{exam.baseline_score:.3f}</dd>
<dd class="note">{esc(task.baseline)}</dd></div>
<div><dt>Untrained loss</dt><dd>{prepared.untrained_loss:.3f}</dd>
<dd class="note">theory: {esc(theory.text)} = {theory.value:.3f}</dd></div>
<div><dt>Weights kept</dt><dd>epoch {fit.best}</dd>
<dd class="note">lowest validation loss of {len(fit.history) - 1} epochs</dd></div>
</dl>
<figure class="strip">{strip}</figure>
<p class="small soft">{method}: {low:.3f} to {high:.3f}; {esc(verdict)}.</p>
<p>Untrained loss: {esc(untrained)}. A network that knows nothing should lose
{esc(theory.text)} = {theory.value:.3f}; this one lost {prepared.untrained_loss:.3f}
before its first update.</p>
</section>"""


def _learning(outcome: Outcome) -> str:
    fit, task = outcome.fit, outcome.prepared.task
    epochs = fit.history
    losses = [
        Line("training", "train", [e.train_loss for e in epochs]),
        Line("validation", "validation", [e.validation_loss for e in epochs]),
    ]
    values = [v for line in losses for v in line.values]
    log = max(values) > 20 * max(min(values), 1e-12)
    later = epochs[1:] or epochs  # the untrained score would squeeze all others together
    scores = [
        Line("training", "train", [e.train_score for e in later]),
        Line("validation", "validation", [e.validation_score for e in later]),
    ]
    top = 1.0 if outcome.prepared.dataset.task == "classification" else None
    loss_chart = line_chart(
        f"{task.loss_name} over epochs", [e.epoch for e in epochs], losses, fit.best, log
    )
    score_chart = line_chart(
        f"{task.score_name} over epochs", [e.epoch for e in later], scores, fit.best, top=top
    )
    lines = legend(
        [
            ('<path class="train" d="M0 7H28"/>', "training"),
            ('<path class="validation" d="M0 7H28"/>', "validation"),
            ('<circle class="dot" cx="14" cy="7" r="4.5"/>', "the weights that were kept"),
        ]
    )
    scale = ", logarithmic" if log else ""
    return f"""<section>
<h2>How it learned</h2>
<div class="pair">
<figure><figcaption>Loss{scale}</figcaption>{loss_chart}</figure>
<figure><figcaption>{esc(_capital(task.score_name))}</figcaption>{score_chart}</figure>
</div>
{lines}
<h3>Generalise or memorise?</h3>
<p>{esc(_capital(gap_words(fit, task, outcome.prepared.split.sizes[1])))}</p>
<p class="small soft">The loss is {esc(task.loss_name)}. Both parts are measured alike, after each
epoch, on all their rows. Epoch 0 is the untrained network; the {esc(task.score_name)} chart
begins after the first epoch.</p>
</section>"""


def _map(outcome: Outcome, extras: Extras) -> str:
    if extras.plane is None or extras.plane_probabilities is None:
        return ""
    data, exam = outcome.prepared.dataset, outcome.exam
    drawn, key = decision_map(
        extras.plane,
        extras.plane_probabilities,
        data.X[exam.rows],
        exam.truth,
        exam.predicted,
        (data.feature_names, data.class_names),
    )
    return f"""<section>
<h2>What it makes of the plane</h2>
<div class="pair">
<figure>{drawn}</figure>
<div class="beside">
<p>The colour is the class that the network predicts there, paler where it is less sure; grey lines
are the borders.</p>
<p>The points are the {len(exam.rows):,} rows of the test part, in the colour and shape of their
true class.</p>
{key}
</div>
</div>
</section>"""


def _wrong(outcome: Outcome) -> str:
    data, exam = outcome.prepared.dataset, outcome.exam
    wrong = exam.wrong
    if not len(wrong):
        return (
            "<section>\n<h2>What it gets wrong</h2>\n"
            f"<p>Nothing: all {len(exam.rows):,} test rows are right.</p>\n</section>"
        )
    shown = wrong[:MOST_ROWS]
    picture = '<th scope="col">picture</th>' if data.image_shape else ""
    lines = []
    for i in shown:
        true, guess = int(exam.truth[i]), int(exam.predicted[i])
        row = int(exam.rows[i])
        cells = ""
        if data.image_shape:
            cells = f"<td>{drawing(data.X[row], data.image_shape)}</td>"
        lines.append(
            f'<tr>{cells}<td class="n">{row}</td><td>{esc(data.class_names[true])}</td>'
            f"<td>{esc(data.class_names[guess])}</td>"
            f"<td>{_meter(float(exam.probabilities[i, guess]))}</td>"
            f"<td>{_meter(float(exam.probabilities[i, true]), 'true')}</td></tr>"
        )
    listed = (
        f"{len(wrong):,} of {len(exam.rows):,} test rows, the most confident mistake first."
        if len(shown) == len(wrong)
        else f"The {len(shown)} most confident of {len(wrong):,} mistakes; "
        "predictions.csv has them all."
    )
    body = "\n".join(lines)
    return f"""<section>
<h2>What it gets wrong</h2>
<p>{listed}</p>
<div class="scroll"><table class="rows">
<thead><tr>{picture}<th scope="col" class="n">row</th><th scope="col">true</th>
<th scope="col">guess</th><th scope="col">p(guess)</th>
<th scope="col">p(true)</th></tr></thead>
<tbody>
{body}
</tbody></table></div>
</section>"""


def _meter(probability: float, kind: str = "") -> str:
    """A probability as a number and a bar."""
    return (
        f'{probability:.3f}<svg class="meter {kind}" viewBox="0 0 84 8" aria-hidden="true">'
        f'<rect width="84" height="8" rx="2"/>'
        f'<rect width="{84 * probability:.1f}" height="8" rx="2"/></svg>'
    )


def _confusion(outcome: Outcome) -> str:
    data, exam = outcome.prepared.dataset, outcome.exam
    names = data.class_names
    if len(names) > MOST_CLASSES:
        return ""
    counts = confusion(exam.truth, exam.predicted, len(names))
    head = "".join(f'<th scope="col">{esc(name)}</th>' for name in names)
    lines = []
    for true, name in enumerate(names):
        cells = []
        for guess, count in enumerate(counts[true]):
            kind = "right" if true == guess else "wrong" if count else "zero"
            cells.append(f'<td class="{kind}">{count}</td>')
        lines.append(f'<tr><th scope="row">{esc(name)}</th>{"".join(cells)}</tr>')
    body = "\n".join(lines)
    return f"""<section>
<h2>Which classes it mixes up</h2>
<p>Rows are the true class, columns the predicted one; off the diagonal stand the mistakes.</p>
<div class="scroll"><table class="confusion">
<thead><tr><td class="corner"></td>{head}</tr></thead>
<tbody>
{body}
</tbody></table></div>
</section>"""


def _residuals(outcome: Outcome) -> str:
    data, exam = outcome.prepared.dataset, outcome.exam
    error = exam.predicted - exam.truth
    worst = np.argsort(-np.abs(error), kind="stable")[:10]
    lines = "\n".join(
        f'<tr><td class="n">{int(exam.rows[i])}</td><td class="n">{float(exam.truth[i]):.4g}</td>'
        f'<td class="n">{float(exam.predicted[i]):.4g}</td>'
        f'<td class="n">{float(error[i]):+.4g}</td></tr>'
        for i in worst
    )
    baseline = rmse(exam.truth, outcome.prepared.task.baseline_predictions(len(exam.rows)))
    title = f"Predicted over true {data.target_name}"
    chart = truth_chart(title, exam.truth, exam.predicted, data.target_name)
    return f"""<section>
<h2>Where it is off</h2>
<p>Root mean square error {rmse(exam.truth, exam.predicted):.4g}; the baseline's is
{baseline:.4g}. On the dotted line a prediction would be exact.</p>
<div class="pair">
<figure>{chart}</figure>
<figure><figcaption>The ten worst test rows</figcaption>
<div class="scroll"><table class="rows">
<thead><tr><th scope="col" class="n">row</th><th scope="col" class="n">true</th>
<th scope="col" class="n">predicted</th><th scope="col" class="n">off by</th></tr></thead>
<tbody>
{lines}
</tbody></table></div></figure>
</div>
</section>"""


def _graph(extras: Extras) -> str:
    shown = ""
    if len(extras.graph) <= MOST_GRAPH:
        light, dark = (
            "data:image/svg+xml;base64," + base64.b64encode(graph).decode()
            for graph in (extras.graph, extras.dark_graph)
        )
        shown = (
            '<div class="scroll"><picture>'
            f'<source media="(prefers-color-scheme: dark)" srcset="{dark}" />'
            f'<img alt="The computation graph of the loss" src="{light}" /></picture></div>'
        )
    return f"""<section>
<h2>The graph that backpropagation walks</h2>
<p>The loss of {extras.graph_rows} training rows with the weights that were kept, drawn from the
tape. <a href="graph.svg">Open graph.svg</a> to see it large.</p>
{shown}
</section>"""


def _data(outcome: Outcome) -> str:
    prepared = outcome.prepared
    data, sizes = prepared.dataset, prepared.split.sizes
    by = "class" if data.task == "classification" else "tenths of the sorted target"
    scaling = (
        "one mean and deviation for all pixels, from the training part"
        if prepared.scaler.mean.ndim == 0
        else "each input to mean 0 and deviation 1 by numbers from the training part"
    )
    rows = [
        ("table", f"{data.rows:,} rows, {data.inputs} inputs"),
        (
            "split",
            f"{sizes[0]:,} training · {sizes[1]:,} validation · {sizes[2]:,} test; "
            f"stratified by {by}, no row twice",
        ),
        ("scaling", scaling),
        ("source", esc(data.source)),
        ("licence", esc(data.licence)),
    ]
    if data.note:
        rows.append(("mind", esc(data.note)))
    return f"<section>\n<h2>The data</h2>\n{facts(rows)}\n</section>"


def _repeat(outcome: Outcome, extras: Extras) -> str:
    settings = outcome.prepared.settings
    rows = [
        ("hidden layers", ", ".join(map(str, settings.hidden)) + ", ReLU between them"),
        ("optimizer", f"Adam, learning rate {settings.lr:g}"),
        ("mini batches", f"{settings.batch_size} rows, shuffled each epoch"),
        ("epochs", f"{settings.epochs} asked for, {len(outcome.fit.history) - 1} completed"),
        ("seed", f"{settings.seed} (split, weights, shuffling)"),
    ]
    rows += [(name, esc(value)) for name, value in extras.versions.items()]
    words = settings.command().split(" --")  # a narrow window breaks it between options only
    command = " ".join(
        f"<span>{esc('--' + word if i else word)}</span>" for i, word in enumerate(words)
    )
    return f"""<section>
<h2>Do it again</h2>
<pre><code>{command}</code></pre>
<p>The same command with the same versions on the same type of processor gives the same numbers, bit
for bit.</p>
{facts(rows)}
</section>"""


def _footer() -> str:
    return (
        "<footer><p>Beside this page lie graph.svg, model.safetensors (the weights), run.json "
        "(settings, every epoch, metrics) and predictions.csv (the test part). The page is one "
        "file and loads nothing from anywhere.</p></footer>"
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
