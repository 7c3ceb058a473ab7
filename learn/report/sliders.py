"""Sliders: a block of the page with one slider, by which the script shows one frame, line or number
of several; a reader without the script sees the one that was chosen for them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from .page import esc


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
