"""How training went: loss and score over epochs, what the layers did, the learning rate that was
looked for, and the plane of two inputs as it was learned.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...study.text import number
from ..result import Result
from .charts import BLUE, DASHES, INK, LINE, ORANGE, SERIES, Place, chart, line, mark, plain_numbers
from .page import esc, legend, panel, table
from .pictures import plane_png
from .words import capital, classes_of, kept_words, metric_name, name, plain, sentence

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DRAWN = len(SERIES)  # layers that get a line; the table has all
BOTH = (
    ('<path class="key s-blue" d="M0 7H28"/>', "training"),
    ('<path class="key s-orange" stroke-dasharray="6 3" d="M0 7H28"/>', "validation"),
)
KEPT_KEY = ('<circle class="f-orange" cx="14" cy="7" r="4.5"/>', "the weights that were kept")


def curves(result: Result) -> str:
    """Loss and score over epochs, the epoch that was kept marked."""
    fit = result.context.fit
    if fit is None or not fit.history:
        return ""
    epochs = [float(e.epoch) for e in fit.history]
    best = float(fit.best)
    losses = [e.train_loss for e in fit.history], [e.validation_loss for e in fit.history]
    values = [v for each in losses for v in each if math.isfinite(v) and v > 0]
    log = bool(values) and max(values) > 20 * min(values)
    named = metric_name(result)
    later = slice(1, None) if len(fit.history) > 1 else slice(None)
    scores = tuple(
        [plain(result, v) for v in each]
        for each in (
            [e.train_score for e in fit.history[later]],
            [e.validation_score for e in fit.history[later]],
        )
    )
    loss = _over_epochs("Loss over epochs", "loss", epochs, losses, best, log)
    shown = f"<figure><figcaption>Loss{', logarithmic' if log else ''}</figcaption>{loss}</figure>"
    if any(math.isfinite(v) for each in scores for v in each):
        drawn = _over_epochs(f"{named} over epochs", "score", epochs[later], scores, best, False)
        shown += f"<figure><figcaption>{esc(capital(named))}</figcaption>{drawn}</figure>"
    task = result.context.task
    lost = f"The loss is {esc(task.loss_name)}. " if task is not None else ""
    body = f"""<div class="pair">{shown}</div>
{legend([*BOTH, KEPT_KEY])}
<p class="small soft">{lost}Both parts are measured alike, after each epoch, on all their rows.
Epoch 0 is the untrained network; the chart of the score begins after the first epoch. The weights
of {kept_words(fit.best)} were kept.</p>"""
    return panel("Loss and score over epochs", body)


def _over_epochs(
    title: str, key: str, epochs: list[float], both: Sequence[list[float]], best: float, log: bool
) -> str:
    def paint(axes: Axes) -> None:
        if log:
            axes.set_yscale("log")
            both_positive = [[v if v > 0 else math.nan for v in each] for each in both]
        else:
            both_positive = list(both)
        line(axes, epochs, both_positive[0], BLUE)
        line(axes, epochs, both_positive[1], ORANGE, (0, (4, 2)))
        plain_numbers(axes, log_y=log, whole_x=True)
        axes.set_xlabel("epoch", loc="right")
        if best in epochs:
            mark(axes, best, both[1][epochs.index(best)], f"kept: epoch {best:.0f}")

    return chart(title, key, paint)


def looks(result: Result) -> str:
    """Update ratio, gradient and dead units of each layer, on one slider of epochs."""
    given = result.extras.get("looks")
    if given is None:
        given = getattr(result.context.fit, "looks", None)
    if not given:
        return ""
    every = list(given)
    names = list(dict.fromkeys(layer.name for look in every for layer in look.layers))
    epochs = [float(look.epoch) for look in every]

    def of(field: str) -> list[list[float]]:
        rows = []
        for layer_name in names:
            found = [
                next((layer for layer in look.layers if layer.name == layer_name), None)
                for look in every
            ]
            values = [None if layer is None else getattr(layer, field) for layer in found]
            rows.append([math.nan if value is None else float(value) for value in values])
        return rows

    told = [
        ("update", "Update ratio", "std(update) / std(weight) of a step, logarithmic", True),
        ("gradient", "Gradient", "its Euclidean norm on one batch, logarithmic", True),
        ("dead", "Dead units", "the share of relu units that gave 0 on every row", False),
        ("saturated", "Saturated values", "the share of tanh or sigmoid values at the ends", False),
    ]
    shown, columns = [], []
    for field, title, words, log in told:
        rows = of(field)
        if not any(math.isfinite(value) for row in rows for value in row):
            continue
        rules = (1e-3,) if field == "update" else ()
        drawn = _layer_chart(f"{title} by layer over epochs", field, epochs, rows, log, rules)
        shown.append(
            f"<figure><figcaption>{title}</figcaption>{drawn}"
            f'<p class="small soft">{words}</p></figure>'
        )
        columns.append((title, rows, log))
    if not shown:
        return ""
    at = len(epochs) - 1
    lines = []
    for k, layer in enumerate(names):
        cells = [f"{_layer_key(k)}{esc(name(layer))}"]
        for _, rows, log in columns:
            texts = [_value(value, log) for value in rows[k]]
            cells.append(f'<span data-values="{esc(json.dumps(texts))}">{texts[at]}</span>')
        lines.append(cells)
    head = (("layer", "cell"), *((title.lower(), "n") for title, _, _ in columns))
    words = [f"epoch {epoch:.0f}" for epoch in epochs]
    rows_seen = every[-1].rows
    body = slider("looks", "Epoch", words, at)
    numbers = table(
        f"By layer, after {'the chosen' if len(epochs) > 1 else 'that'} epoch", head, lines
    )
    if len(shown) % 2:  # the numbers take the empty place
        body += f'<div class="pair">{"".join(shown)}<div class="beside">{numbers}</div></div>'
    else:
        body += f'<div class="pair">{"".join(shown)}</div>{numbers}'
    body += (
        f'<p class="small soft">Looked at after the same epochs in every run, on {rows_seen:,} '
        "training rows. Updates of about a thousandth of the weights are healthy: the dotted line. "
        "Units die where updates were too large; gradients that differ by orders of magnitude from "
        "layer to layer tell of vanishing or exploding.</p>"
    )
    return panel("What the layers did", sliding(words, body))


def _value(value: float, small: bool) -> str:
    if not math.isfinite(value):
        return "–"
    return number(value, 2) if small else f"{100 * value:.0f}\N{NO-BREAK SPACE}%"


def _layer_key(k: int) -> str:
    if k >= DRAWN:
        return ""
    dash = ("", "6 2", "2 2", "8 2 2 2")[k % 4]
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    return (
        f'<svg class="swatch" viewBox="0 0 28 10" aria-hidden="true">'
        f'<path class="key s-c{k}"{dashes} d="M0 5H28"/></svg>'
    )


def _layer_chart(
    title: str, key: str, epochs: list[float], rows: list[list[float]], log: bool,
    rules: tuple[float, ...],
) -> str:  # fmt: skip
    def paint(axes: Axes) -> None:
        if log:
            axes.set_yscale("log")
        for k, row in enumerate(rows[:DRAWN]):
            values = [v if v > 0 or not log else math.nan for v in row]
            line(axes, epochs, values, SERIES[k], DASHES[k % len(DASHES)])
        for rule in rules:
            axes.axhline(rule, color=INK, linewidth=1, linestyle=(0, (1, 3)))
        if not log:
            top = max((v for row in rows for v in row if math.isfinite(v)), default=0.0)
            axes.set_ylim(-0.01, max(1.15 * top, 0.1))
        plain_numbers(axes, log_y=log, whole_x=True, share_y=not log)
        axes.set_xlabel("epoch", loc="right")

    def cursor(place: Place) -> str:
        places = [round(place(epoch, 1.0)[0], 1) for epoch in epochs]
        return (
            f'<path class="cursor" data-places="{places}" d="M0 4V222" '
            f'transform="translate({places[-1]} 0)"/>'
        )

    return chart(title, key, paint, above=cursor)


def sliding(words: Sequence[str], body: str) -> str:
    """A block with one slider, whose values are told by `words`."""
    told = esc(json.dumps({"words": list(words)}))
    return f'<div data-slider="{told}">\n{body}\n</div>'


def slider(key: str, label: str, words: Sequence[str], at: int) -> str:
    """The slider itself, hidden until the script shows it; keys move it as any other."""
    if len(words) < 2:
        return ""
    return (
        f'<div class="slider" hidden=""><label for="{key}-slider">{label}</label>'
        f'<input id="{key}-slider" type="range" min="0" max="{len(words) - 1}" step="1" '
        f'value="{at}" aria-valuetext="{esc(words[at])}" />'
        f'<output for="{key}-slider">{esc(words[at])}</output></div>'
    )


def lr_finder(result: Result) -> str:
    """The loss at growing learning rates, the suggestion and what was used."""
    given = result.extras.get("lr_finder")
    if given is None or not len(given["rates"]):
        return ""
    rates, losses = (np.asarray(given[key], np.float64) for key in ("rates", "losses"))
    suggestion, used = given.get("suggestion"), result.context.lr

    def paint(axes: Axes) -> None:
        axes.set_xscale("log")
        line(axes, rates.tolist(), losses.tolist(), BLUE)
        finite = losses[np.isfinite(losses)]
        if len(finite):  # the explosion at the end would flatten all that matters
            low, first = float(finite.min()), float(finite[0])
            room = max(first - low, 1e-3 * abs(first), 1e-9)
            axes.set_ylim(low - 0.1 * room, max(first, low) + 0.6 * room)
        if suggestion:
            mark(axes, float(suggestion), None, f"suggested {number(float(suggestion), 2)}")
        if rates.min() <= used <= rates.max():
            axes.axvline(used, color=ORANGE, linewidth=2, linestyle=(0, (4, 2)))
        plain_numbers(axes, log_x=True)
        axes.set_xlabel("learning rate", loc="right")

    drawn = chart("Loss at growing learning rates", "finder", paint)
    key = [('<path class="key s-orange" stroke-dasharray="6 3" d="M0 7H28"/>',
            f"used in this run: {number(used, 3)}")]  # fmt: skip
    said = given.get("sentence", "")
    body = f"<figure><figcaption>Loss, smoothed</figcaption>{drawn}</figure>{legend(key)}"
    body += f"<p>{esc(sentence(said))}</p>" if said else ""
    body += (
        '<p class="small soft">The learning rate grows from step to step, on a copy of the '
        "network: where the loss falls fastest, training is quick; where it climbs, it breaks "
        "(L. N. Smith 2017).</p>"
    )
    return panel("Which learning rate", body)


def plane(result: Result) -> str:
    """The plane of two inputs, coloured by the predicted class, on a slider of epochs."""
    given: dict[str, Any] | None = result.extras.get("plane_frames")
    if given is None or not len(given["epochs"]):
        return ""
    frames = np.asarray(given["probabilities"], np.float64)
    epochs = [int(epoch) for epoch in given["epochs"]]
    points, truth = np.asarray(given["points"]), np.asarray(given["truth"], int)
    classes = classes_of(result)
    at = epochs.index(given["shown"]) if given.get("shown") in epochs else len(epochs) - 1
    across, up = given["names"]
    part = esc(given.get("part", "validation"))
    body = slider("plane", "Epoch", [f"epoch {epoch}" for epoch in epochs], at)
    drawn = chart(
        f"Predicted class over {name(across)} and {name(up)}", "plane",
        _scatter(given, points, truth, (name(across, 30), name(up, 30))), (460, 430),
        beneath=_frames(given, frames, at),
    )  # fmt: skip
    key = legend([(_shape(k), name(classes[k])) for k in range(frames.shape[3])]).replace(
        'class="legend"', 'class="legend tall"'
    )
    body += f"""<div class="pair">
<figure>{drawn}</figure>
<div class="beside">
<p>The colour is the class that the network predicts there, paler where it is less sure; grey lines
are the borders.</p>
<p>The points are the {len(points):,} rows of the {part} part, in the colour and shape of their true
class: a point on another colour is a mistake.</p>
{key}
</div>
</div>"""
    words = [f"epoch {epoch}" for epoch in epochs]
    return panel("What the network makes of the plane", sliding(words, body))


MARKERS = "os^D"


def _scatter(
    given: dict[str, Any], points: np.ndarray, truth: np.ndarray, names: tuple[str, str]
) -> Callable[[Axes], None]:
    def paint(axes: Axes) -> None:
        axes.margins(0)
        for k in np.unique(truth):
            rows = points[truth == k]
            axes.plot(
                rows[:, 0], rows[:, 1], MARKERS[k % 4], color=SERIES[k % len(SERIES)],
                markeredgecolor=INK, markeredgewidth=0.8, markersize=6.5,
            )  # fmt: skip
        axes.set_xlim(*given["x"])
        axes.set_ylim(*given["y"])
        axes.grid(False)
        axes.spines[:].set_visible(True)
        axes.spines[:].set_color(LINE)
        plain_numbers(axes)
        axes.set_xlabel(names[0], loc="right")
        axes.set_ylabel(names[1], loc="top")

    return paint


def _frames(given: dict[str, Any], frames: np.ndarray, at: int) -> Callable[[Place], str]:
    def drawn(place: Place) -> str:
        left, top = place(given["x"][0], given["y"][1])
        right, bottom = place(given["x"][1], given["y"][0])
        return "".join(
            f'<image data-frame="{k}"{"" if k == at else " class=" + chr(34) + "off" + chr(34)} '
            f'x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" height="{bottom - top:.1f}" '
            f'preserveAspectRatio="none" href="{plane_png(frame)}"/>'
            for k, frame in enumerate(frames)
        )

    return drawn


def _shape(k: int) -> str:
    outline = (
        "M10.5 7a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0 -7 0z", "M10.8 3.8h6.4v6.4h-6.4z",
        "M14 2.8l4 7h-8z", "M14 2.5l4.5 4.5l-4.5 4.5l-4.5 -4.5z",
    )[k % 4]  # fmt: skip
    return f'<path class="f-c{k % len(SERIES)} s-ink" stroke-width=".8" d="{outline}"/>'
