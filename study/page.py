"""One offline HTML file around a figure: light or dark as the reader's system is, with zoom.
Nothing is loaded from anywhere: the policy in the head forbids it, and the style is hashed.
"""

from __future__ import annotations

import base64
import hashlib

from .canvas import escape

STYLE = """
:root { color-scheme: light dark }
body { margin: 0; font: 14px/1.4 system-ui, sans-serif; background: #ffffff; color: #1b2330 }
.zoom { position: absolute; opacity: 0 }
nav { position: sticky; top: 0; left: 0; display: flex; gap: 4px; padding: 8px 16px;
  width: max-content; max-width: 100vw; box-sizing: border-box; background: inherit }
label { padding: 2px 10px; border: 1px solid #cfd6e0; border-radius: 6px; cursor: pointer }
figure { margin: 0; padding: 8px }
svg { display: block; margin: 0 auto }
#fit:checked ~ nav label[for=fit], #half:checked ~ nav label[for=half],
#full:checked ~ nav label[for=full], #double:checked ~ nav label[for=double] {
  background: #2166ac; border-color: #2166ac; color: #ffffff }
.zoom:focus-visible ~ nav { outline: 2px solid #2166ac }
#fit:checked ~ figure svg { max-width: 100%; height: auto }
#half:checked ~ figure svg { width: HALF; height: auto }
#double:checked ~ figure svg { width: DOUBLE; height: auto }
.dark { display: none }
@media (prefers-color-scheme: dark) {
  body { background: #0f141b; color: #e4e9f0 }
  label { border-color: #4a566a }
  .light { display: none }
  .dark { display: block }
}
@media print { nav { display: none } }
"""

ZOOMS = (("fit", "fit"), ("half", "50%"), ("full", "100%"), ("double", "200%"))


def page(title: str, light: str, dark: str, width: float) -> str:
    """The HTML file: two figures (SVG), of which the reader's colour scheme shows one.

    `width` is the figures' own width in pixels, which the zoom goes by.

    >>> html = page("a <loss>", "<svg></svg>", "<svg></svg>", 100)
    >>> "a &lt;loss&gt;" in html, "<script" in html
    (True, False)
    """
    style = STYLE.replace("HALF", f"{width / 2:.0f}px").replace("DOUBLE", f"{width * 2:.0f}px")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode("ascii")
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:"
    buttons = "".join(
        f'<input class="zoom" type="radio" name="zoom" id="{key}"{" checked" * (key == "full")}>\n'
        for key, _ in ZOOMS
    )
    labels = "".join(f'<label for="{key}">{word}</label>' for key, word in ZOOMS)
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{style}</style>\n</head>\n<body>\n"
        f'{buttons}<nav aria-label="zoom">{labels}</nav>\n'
        f'<figure class="light">\n{light}</figure>\n<figure class="dark">\n{dark}</figure>\n'
        f"</body>\n</html>\n"
    )
