"""The stepping page put together: one HTML file of style, graph, data and script.
Nothing is loaded from anywhere: the policy in the head forbids it, style and script are hashed.
"""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from pathlib import Path
from string import Template

from .canvas import FONT, escape
from .model import Graph
from .page_ops import page_ops
from .script_data import places, script_data
from .stage import paint_stage
from .svg import headline, remarks
from .text import count_text
from .themes import THEMES, Theme

FOLDER = Path(__file__).parent / "stepping"
MODULES = ("words", "data", "steps", "whatif", "stage", "inspector", "paths", "predict", "main")


def stepping_page(graph: Graph) -> str:
    """The page that steps through `graph`.

    >>> import backlit as bl
    >>> x = bl.tensor(3.0, requires_grad=True, name="x")
    >>> html = stepping_page(bl.draw(x * x).graph)
    >>> html.count("<script"), "http" in html.replace("http://www.w3.org/2000/svg", "")
    (2, True)
    """
    title, subtitle = headline(graph)
    svg = paint_stage(graph)
    code = page_ops(graph) + script()
    policy = (
        f"default-src 'none'; script-src '{_digest(code)}'; style-src '{_digest(style())}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    return Template(_read("page.html")).substitute(
        policy=policy,
        title=escape(title),
        heading=_heading(title),
        subtitle=escape(f"{subtitle} · {count_text(len(graph.steps), 'step')}"),
        style=style(),
        svg=svg,
        phases=_phases(graph),
        legend=_legend(graph),
        code=_code(graph),
        data=script_data(graph),
        script=code,
    )


def _heading(title: str) -> str:
    """What was computed; the number at its end in an element of its own, as it may change."""
    formula, sign, value = title.rpartition(" = ")
    return f'{escape(formula + sign)}<output id="loss">{escape(value)}</output>'


def _phases(graph: Graph) -> str:
    """A button for each phase, as wide as it has steps."""
    counts: dict[str, int] = {}
    for step in graph.steps:
        phase = "backward" if step.kind == "accumulate" else step.kind
        counts[phase] = counts.get(phase, 0) + 1
    return "".join(
        f'<button type="button" data-phase="{phase}" data-size="{count}" data-key="{phase[0]}" '
        f'title="to the first step of this phase ({phase[0]})">{phase}</button>'
        for phase, count in counts.items()
    )


def _code(graph: Graph) -> str:
    """The lines of the program, each with those around it; the script shows the right ones."""
    parts = []
    for i, place in enumerate(places(graph)):
        rows = "".join(
            f"<{tag}>{number}  {escape(text)}\n</{tag}>"
            for number, text in enumerate(place.texts, place.first)
            for tag in ["b" if number == place.line else "span"]
        )
        where = escape(f"{place.file}:{place.line}")
        parts.append(f'<div id="s{i}" hidden><h3>{where}</h3><pre>{rows}</pre></div>')
    return "".join(parts)


def _legend(graph: Graph) -> str:
    """What the signs mean, and what the page does not show."""
    parts = [
        "▲ positive",
        "▼ negative, dashed",
        "on an edge: local derivative × upstream gradient = contribution",
    ]
    if graph.freed:
        parts += remarks(graph)[:1]
    return "".join(f"<span>{escape(part)}</span>" for part in parts)


@cache
def script() -> str:
    """The modules as one script: imports, exports, comments and indents fall away. The ops of a
    page's what-if stand before it.

    >>> len(script().encode()) <= 25 * 1024
    True
    """
    lines = []
    for name in MODULES:
        text = re.sub(r"^import .*?;\n", "", _read(f"{name}.js"), flags=re.MULTILINE | re.DOTALL)
        text = re.sub(r"^export ", "", text, flags=re.MULTILINE)
        lines += [re.sub(r"(^| )// .*", "", line).strip() for line in text.splitlines()]
    text = "\n".join(_TOKEN.sub(_tight, line) for line in lines if line) + "\n"
    return re.sub(r"([{(,])\n", r"\1", text)


_TOKEN = re.compile(
    r"""("(?:\\.|[^"\\])*"|`[^`]*`|/(?! )(?:\\.|\[(?:\\.|[^\]])*\]|[^/])+/)"""
    r"""| *([=!]==|=>|[<>]=|&&|\|\||[=,;:?(){}<>]) *| ([-+*/%]) (?![-+])"""
)
"""A text, a template or a regular expression, which stays; or a sign with the spaces around it."""


def _tight(found: re.Match[str]) -> str:
    return found[1] or found[2] or found[3]


@cache
def style() -> str:
    """The style: the themes' colours as variables, then page.css."""
    light, dark = _variables(THEMES["light"]), _variables(THEMES["dark"])
    shades = "".join(f".h{i}{{fill:var(--h{i})}}" for i in range(len(THEMES["light"].ramp)))
    text = (
        f":root {{ --mono: {FONT}; {light} }}\n"
        f"@media screen {{ :root:has(#theme:checked) {{ {dark} }} }}\n"
        f"@media screen and (prefers-color-scheme: dark) {{ :root {{ {dark} }}\n"
        f":root:has(#theme:checked) {{ {light} }} }}\n" + shades + "\n" + _read("page.css")
    )
    return re.sub(r" *([{};]) *", r"\1", text).replace(", ", ",")


def _variables(theme: Theme) -> str:
    """The colours of a theme as declarations of variables."""
    colours = {"bg": theme.background, "line": theme.line, "nan": theme.nan}
    colours |= {tone.replace(" ", "-"): colour for tone, colour in theme.tones.items()}
    colours |= {"frame": theme.frame[0], "rim": theme.frame[1]}
    for kind, (fill, border) in theme.cards.items():
        colours |= {kind: fill, f"{kind}-rim": border}
    colours |= {f"h{i}": colour for i, colour in enumerate(theme.ramp)}
    colours["heat"] = f"url(#heat-{theme.name})"
    return f"color-scheme: {theme.name}; " + "".join(f"--{k}:{v};" for k, v in colours.items())


@cache
def _read(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
