"""The shell of a page that stands alone: escaped text, one inline style, one small script, a strict
policy. It lets these two through, by their hashes, and images inside the page; nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Iterable, Sequence

from ...study.text import clean
from .script import SCRIPT
from .style import CSS
from .words import sentence


def esc(text: object) -> str:
    """Text made harmless in HTML and XML, in an attribute or between tags.

    Control and formatting characters (which can reorder or hide what is read) are dropped; line
    breaks and tabs become spaces.

    >>> esc('<b onclick="x">\\x1b & co')
    '&lt;b onclick=&quot;x&quot;&gt; &amp; co'
    """
    return html.escape(clean(text), quote=True)


def typed(words: str) -> str:
    """Words in which `what is typed` stands between backticks, as HTML.

    >>> typed("`backlit drift` tells")
    '<code>backlit drift</code> tells'
    """
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", esc(words))


def page(title: str, body: str, links: str = "") -> str:
    """A whole HTML document around a body that is escaped already; `links` stand beside it.

    A number and its per cent sign stay on one line.
    """
    body = re.sub(r"(?<=\d)\s%", "\N{NO-BREAK SPACE}%", body)
    policy = (
        f"default-src 'none'; style-src '{_digest(CSS)}'; script-src '{_digest(SCRIPT)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8" />
<meta http-equiv="Content-Security-Policy" content="{policy}" />
<meta name="viewport" content="width=device-width, initial-scale=1" />
<meta name="color-scheme" content="light dark" />
<meta name="referrer" content="no-referrer" />
<title>{esc(title)}</title>
<style>{CSS}</style>
</head>
<body>
{links}
<main id="top">
{body}
</main>
<script>{SCRIPT}</script>
</body>
</html>
"""


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def facts(rows: Iterable[tuple[str, str]]) -> str:
    """A two-column table of names and values; the values are HTML already."""
    lines = "\n".join(
        f'<tr><th scope="row">{esc(name)}</th><td>{value}</td></tr>' for name, value in rows
    )
    return f'<table class="facts">\n<tbody>\n{lines}\n</tbody></table>'


def table(
    caption: str,
    head: Sequence[tuple[str, str]],
    rows: Iterable[Sequence[str]],
    marked: int | None = None,
) -> str:
    """A table of HTML cells under named columns, the first cell of each row its header.

    `head` gives name and CSS class of each column; `marked` is the number of the row that stands
    out. It scrolls sideways where the window is narrow.
    """
    names = "".join(
        f'<th scope="col"{_class(css)}>{esc(name)}</th>' if name else f"<td{_class(css)}></td>"
        for name, css in head
    )
    lines = []
    for i, cells in enumerate(rows):
        first, *others = zip(cells, (css for _, css in head), strict=True)
        body = f'<th scope="row"{_class(first[1])}>{first[0]}</th>' + "".join(
            f"<td{_class(css)}>{cell}</td>" for cell, css in others
        )
        lines.append(f"<tr{_class('marked' if i == marked else '')}>{body}</tr>")
    body = "\n".join(lines)
    said = esc(caption)
    return (
        f'<div class="scroll" tabindex="0" role="group" aria-label="{said}"><table class="rows">\n'
        f"<caption><span>{said}</span></caption>\n<thead><tr>{names}</tr></thead>"
        f"\n<tbody>\n{body}\n</tbody></table></div>"
    )


def _class(css: str) -> str:
    return f' class="{css}"' if css else ""


def legend(entries: Iterable[tuple[str, str]]) -> str:
    """A list of (drawing inside a 28 x 14 SVG, words)."""
    items = "".join(
        f'<li><svg viewBox="0 0 28 14" aria-hidden="true">{drawing}</svg>{esc(words)}</li>'
        for drawing, words in entries
    )
    return f'<ul class="legend">{items}</ul>'


def listing(sentences: Sequence[str]) -> str:
    """Sentences: one as a paragraph, more as a list."""
    if len(sentences) == 1:
        return f"<p>{esc(sentence(sentences[0]))}</p>"
    return "<ul>" + "".join(f"<li>{esc(sentence(each))}</li>" for each in sentences) + "</ul>"


def panel(title: str, body: str, css: str = "") -> str:
    """A part of a section under a small heading."""
    return f'<div class="panel{" " + css if css else ""}">\n<h3>{esc(title)}</h3>\n{body}\n</div>'
