"""Colours: four themes, safe for the colour-blind, and the scales of heat maps.
Blue is positive and orange negative everywhere; a glyph or a dash always says it too.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

LEVELS = 32  # shades of a heat map on either side of zero


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours of text by tone, of cards by kind as (fill, border), and of everything else."""

    name: str
    background: str
    tones: dict[str, str]
    cards: dict[str, tuple[str, str]]
    frame: tuple[str, str]
    line: str
    bar: str
    nan: str
    scale: tuple[str, ...]  # from the most negative to the most positive

    def shade(self, cell: int) -> str:
        """The colour of a heat-map cell: a signed byte, -128 for NaN.

        >>> THEMES["light"].shade(127), THEMES["light"].shade(0)
        ('#2166ac', '#f7f7f7')
        """
        return self.nan if cell == -128 else self.ramp[level(cell)]

    def over(self, cell: int) -> str:
        """The colour of text on a heat-map cell: the one of two that stands out more.

        >>> THEMES["light"].over(127), THEMES["light"].over(0)
        ('#ffffff', '#1b2330')
        """
        ground = self.shade(cell)
        return max((self.tones["ink"], self.tones["on strong"]), key=lambda c: contrast(c, ground))

    @property
    def ramp(self) -> tuple[str, ...]:
        """The 65 colours of the scale."""
        return _RAMPS[self.name]


@cache
def contrast(first: str, second: str) -> float:
    """How much two colours stand out from each other, from 1 to 21: the formula of WCAG 2.2.

    >>> round(contrast("#000000", "#ffffff"), 1)
    21.0
    """
    light, dark = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    parts = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def level(cell: int) -> int:
    """The place of a signed byte in a ramp: 0 to 64, 32 is zero.

    >>> level(-127), level(0), level(127)
    (0, 32, 64)
    """
    return LEVELS + round(cell * LEVELS / 127)


def _ramp(scale: tuple[str, ...]) -> tuple[str, ...]:
    stops = [tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5)) for colour in scale]
    colours = []
    for i in range(2 * LEVELS + 1):
        place = i * (len(stops) - 1) / (2 * LEVELS)
        at = min(int(place), len(stops) - 2)
        part = place - at
        mixed = [round(a + (b - a) * part) for a, b in zip(stops[at], stops[at + 1], strict=True)]
        colours.append("#{:02x}{:02x}{:02x}".format(*mixed))
    return tuple(colours)


THEMES = {
    "light": Theme(
        name="light",
        background="#ffffff",
        tones={
            "ink": "#1b2330",
            "muted": "#5b6676",
            "faint": "#626c7c",
            "on strong": "#ffffff",
            "plus": "#2166ac",
            "minus": "#b35806",
            "rule": "#6d4aa8",
            "warn": "#c2185b",
        },
        cards={
            "op": ("#f5f7fa", "#a9b3c2"),
            "output": ("#f8f5fe", "#6d4aa8"),
            "param": ("#fdf7e4", "#c4a74a"),
            "input": ("#f0f8f3", "#7bab8d"),
            "const": ("#ffffff", "#a9b3c2"),
            "module": ("#f4f8fd", "#6f86a8"),
            "problem": ("#fff5f8", "#c2185b"),
        },
        frame=("#5b6676", "#cfd6e0"),
        line="#8893a4",
        bar="#9fb0c6",
        nan="#c2185b",
        scale=("#b35806", "#f1a340", "#f7f7f7", "#67a9cf", "#2166ac"),
    ),
    "dark": Theme(
        name="dark",
        background="#0f141b",
        tones={
            "ink": "#e4e9f0",
            "muted": "#9ba7b7",
            "faint": "#8592a5",
            "on strong": "#0f141b",
            "plus": "#67a9cf",
            "minus": "#f1a340",
            "rule": "#bda6ea",
            "warn": "#ff6f9f",
        },
        cards={
            "op": ("#1a212b", "#4a566a"),
            "output": ("#261f38", "#9a7fd1"),
            "param": ("#29241a", "#8f7a3d"),
            "input": ("#18261f", "#4f8064"),
            "const": ("#0f141b", "#4a566a"),
            "module": ("#1c2838", "#5f7ba3"),
            "problem": ("#3a1826", "#ff6f9f"),
        },
        frame=("#9ba7b7", "#313b4a"),
        line="#7a8699",
        bar="#54657d",
        nan="#ff6f9f",
        scale=("#f1a340", "#8a5c22", "#1e2530", "#38607a", "#67a9cf"),
    ),
    # for print: white cards, told apart by border alone; every grey survives a copying machine
    "paper": Theme(
        name="paper",
        background="#ffffff",
        tones={
            "ink": "#000000",
            "muted": "#4d4d4d",
            "faint": "#636363",
            "on strong": "#ffffff",
            "plus": "#2166ac",
            "minus": "#b35806",
            "rule": "#333333",
            "warn": "#b2182b",
        },
        cards={
            "op": ("#ffffff", "#7f7f7f"),
            "output": ("#ffffff", "#000000"),
            "param": ("#f7f7f7", "#000000"),
            "input": ("#ffffff", "#000000"),
            "const": ("#ffffff", "#7f7f7f"),
            "module": ("#f7f7f7", "#4d4d4d"),
            "problem": ("#ffffff", "#b2182b"),
        },
        frame=("#4d4d4d", "#b3b3b3"),
        line="#7f7f7f",
        bar="#a6a6a6",
        nan="#b2182b",
        scale=("#b35806", "#f1a340", "#f7f7f7", "#67a9cf", "#2166ac"),
    ),
    # every text at least 7 : 1 against what it stands on (WCAG 2.2, AAA)
    "contrast": Theme(
        name="contrast",
        background="#ffffff",
        tones={
            "ink": "#000000",
            "muted": "#262626",
            "faint": "#404040",
            "on strong": "#ffffff",
            "plus": "#053d7a",
            "minus": "#7a3b00",
            "rule": "#4a1486",
            "warn": "#8c0b34",
        },
        cards={
            "op": ("#ffffff", "#000000"),
            "output": ("#f3ecff", "#4a1486"),
            "param": ("#fff6d6", "#000000"),
            "input": ("#e5f6ea", "#000000"),
            "const": ("#ffffff", "#000000"),
            "module": ("#e3edfb", "#000000"),
            "problem": ("#ffffff", "#8c0b34"),
        },
        frame=("#000000", "#404040"),
        line="#404040",
        bar="#999999",
        nan="#8c0b34",
        scale=("#7a3b00", "#f1a340", "#ffffff", "#67a9cf", "#053d7a"),
    ),
}
_RAMPS = {name: _ramp(theme.scale) for name, theme in THEMES.items()}


def mixed(first: str, second: str, part: float) -> str:
    """A colour on the way from the first to the second.

    >>> mixed("#000000", "#ff0000", 0.5)
    '#800000'
    """
    ends = (tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5)) for colour in (first, second))
    return "#{:02x}{:02x}{:02x}".format(
        *(round(a + (b - a) * part) for a, b in zip(*ends, strict=True))
    )


def theme_named(name: str) -> Theme:
    """The theme of that name; ValueError lists the names there are."""
    if name not in THEMES:
        raise ValueError(f"draw: unknown theme {name!r}; there are {', '.join(THEMES)}")
    return THEMES[name]
