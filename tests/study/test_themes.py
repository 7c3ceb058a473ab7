"""Themes: every text readable on what it stands on, by the formula of WCAG 2.2."""

import pytest

from backlit.study import draw
from backlit.study.themes import THEMES

from .programs import PROGRAMS


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(a: str, b: str) -> float:
    light, dark = sorted((luminance(a), luminance(b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("name", THEMES)
def test_text_stands_out_from_its_ground(name):
    theme = THEMES[name]
    least = 7.0 if name == "contrast" else 4.5
    grounds = [theme.background, *(fill for fill, _ in theme.cards.values())]
    for tone, colour in theme.tones.items():
        on = (theme.scale[0], theme.scale[-1]) if tone == "on strong" else grounds
        for ground in on:
            assert contrast(colour, ground) >= least - 0.01, (tone, ground)


@pytest.mark.parametrize("name", THEMES)
def test_numbers_stand_out_from_the_heat_map(name):
    theme = THEMES[name]
    assert min(contrast(theme.over(c), theme.shade(c)) for c in range(-128, 128)) >= 3.9


@pytest.mark.parametrize("name", THEMES)
def test_a_sign_is_never_told_by_colour_alone(name):
    svg = draw(PROGRAMS["expression"](), theme=name).svg()
    assert "▼ −" in svg
    assert 'stroke-dasharray="5 3"' in svg


def test_themes_differ():
    assert len({draw(PROGRAMS["mlp"](), theme=name).svg() for name in THEMES}) == len(THEMES)
