"""What the page ends with: the graph that backpropagation walks, how to do it all again, where the
data come from, and which files lie beside it.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any

from ...study.text import clean
from ..result import Result
from .page import esc, facts, panel, typed

MOST_GRAPH = 700_000  # bytes of a graph that is shown inside the page


def graph(result: Result) -> str:
    """The tape of one small batch, and the way to step through it."""
    given: Mapping[str, Any] | None = result.extras.get("graph")
    files = _files(result)
    if given is None and "backprop.html" not in files:
        return ""
    shown = ""
    if given is not None and len(given["light"]) + len(given["dark"]) <= MOST_GRAPH:
        light, dark = (
            "data:image/svg+xml;base64," + base64.b64encode(given[kind]).decode()
            for kind in ("light", "dark")
        )
        shown = (
            "<details><summary>Show the graph here</summary>"
            '<div class="scroll" tabindex="0" role="group" aria-label="The graph">'
            f'<picture><source media="screen and (prefers-color-scheme: dark)" srcset="{dark}" />'
            f'<img alt="The computation graph of the loss" src="{light}" /></picture></div>'
            "</details>"
        )
    rows = f" of {given['rows']} training rows" if given is not None else ""
    said = f"The loss{rows} with the weights that were kept, drawn from the tape."
    if "graph.svg" in files:
        said += ' <a href="graph.svg">Open graph.svg</a> to see it large.'
    step = ""
    if "backprop.html" in files:
        step = (
            '<p><a href="backprop.html">Step through forward and backward</a>, one operation at a '
            "time, with every number.</p>"
        )
    return f"""<section id="graph">
<h2>The graph that backpropagation walks</h2>
<p>{said}</p>
{step}
{shown}
</section>"""


def again(result: Result) -> str:
    """The command, the settings, the versions, the hash of the data."""
    words = re.split(r" (?=--)", clean(result.command))  # a narrow window breaks between options
    command = " ".join(f"<span>{esc(word)}</span>" for word in words)
    settings = facts(
        (name.replace("_", " "), esc(_setting(value))) for name, value in result.settings.items()
    )
    made = facts((name, esc(value)) for name, value in result.versions.items())
    hashed = facts(
        [
            ("table", f"{esc(result.context.table.name)}, {result.context.table.rows:,} rows"),
            ("sha256", f'<code class="code">{esc(result.sha256)}</code>'),
            ("seed", str(result.context.seed)),
        ]
    )
    return f"""<section id="again">
<h2>Do it again</h2>
<pre><code>{command}</code></pre>
<p>The same command on the same data with the same versions on the same type of processor gives the
same numbers, bit for bit.</p>
{hashed}
<details><summary>Settings</summary>{settings}</details>
<details><summary>Versions</summary>{made}</details>
</section>"""


def _setting(value: object) -> str:
    if value is None:
        return "not given"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {each}" for key, each in value.items()) or "none"
    return str(value)


def sources_panel(result: Result) -> str:
    """Where the data come from and what may be done with them."""
    given: Mapping[str, str] | None = result.extras.get("sources")
    if not given:
        return ""
    rows = facts((key, esc(value)) for key, value in given.items() if value)
    return panel("Where the data come from", rows)


def _files(result: Result) -> Mapping[str, str]:
    return result.extras.get("files") or {}


def footer(result: Result) -> str:
    """Which files lie beside the page."""
    files = _files(result)
    beside = ""
    if files:
        items = "".join(
            f'<li><a href="{esc(name)}">{esc(name)}</a>: {typed(words)}</li>'
            for name, words in files.items()
            if re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", name)
        )
        beside = f"<p>Beside this page lie</p><ul>{items}</ul>"
    return f"<footer>{beside}<p>The page is one file and loads nothing from anywhere.</p></footer>"
