"""The shell of a page that stands alone: escaped text, one inline style, a strict policy.
The policy lets through that style, by its hash, and images inside the page; nothing else."""

from __future__ import annotations

import base64
import hashlib
import html
import unicodedata

from .style import CSS


def esc(text: object) -> str:
    """Text made harmless in HTML, in an attribute or between tags.

    Control and formatting characters (which can reorder or hide what is read) are dropped, except
    for line breaks and tabs, which become spaces.

    >>> esc('<b onclick="x">\\x1b & co')
    '&lt;b onclick=&quot;x&quot;&gt; &amp; co'
    """
    plain = "".join(
        " " if character in "\n\t\r" else character
        for character in str(text)
        if character in "\n\t\r" or unicodedata.category(character) not in ("Cc", "Cf", "Cs")
    )
    return html.escape(plain, quote=True)


def page(title: str, body: str) -> str:
    """A whole HTML document around a body that is escaped already."""
    digest = base64.b64encode(hashlib.sha256(CSS.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
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
<main>
{body}
</main>
</body>
</html>
"""


def facts(rows: list[tuple[str, str]]) -> str:
    """A two-column table of names and values; the values are HTML already."""
    lines = "\n".join(
        f'<tr><th scope="row">{esc(name)}</th><td>{value}</td></tr>' for name, value in rows
    )
    return f'<table class="facts">\n{lines}\n</table>'


def legend(entries: list[tuple[str, str]], tall: bool = False) -> str:
    """A list of (drawing inside a 28 x 14 SVG, words), in a row or one below the other."""
    items = "".join(
        f'<li><svg viewBox="0 0 28 14" aria-hidden="true">{drawing}</svg>{esc(words)}</li>'
        for drawing, words in entries
    )
    return f'<ul class="legend{" tall" if tall else ""}">{items}</ul>'
