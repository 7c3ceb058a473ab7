"""The plane of two inputs, coloured by the class that the network predicts there, on a slider of
the epochs at which it was drawn.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..result import Result
from .charts import INK, LINE, SERIES, Place, chart, plain_numbers
from .page import esc, legend, panel
from .pictures import plane_png
from .sliders import slider, sliding
from .words import classes_of, name

if TYPE_CHECKING:
    from matplotlib.axes import Axes


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
