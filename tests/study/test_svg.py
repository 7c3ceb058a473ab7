"""SVG: well-formed whatever names are, nothing but presentation attributes, everything told.
Text is measured against the card that holds it, images are decoded again.
"""

import base64
import re
import struct
import zlib
from itertools import pairwise
from xml.etree import ElementTree

import numpy as np
import pytest

from backlit.engine import tensor, where
from backlit.study import draw
from backlit.study.cards import make_cards
from backlit.study.marks import Bars, Heat, Text
from backlit.study.png import heat_png
from backlit.study.text import number, width
from backlit.study.themes import THEMES

from .programs import HOSTILE, PROGRAMS, chain, leaf

SVG = "{http://www.w3.org/2000/svg}"
ELEMENTS = {"svg", "title", "g", "rect", "text", "path", "image"}


def parse(figure) -> ElementTree.Element:
    return ElementTree.fromstring(figure.svg())


def texts(root: ElementTree.Element) -> list[str]:
    """What is written: a text's own words, without its tooltip."""
    return ["".join([text.text or "", *(child.tail or "" for child in text)])
            for text in root.iter(f"{SVG}text")]  # fmt: skip


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("name", PROGRAMS)
def test_the_svg_is_well_formed_and_plain(name, theme):
    root = parse(draw(PROGRAMS[name](), theme=theme))
    for element in root.iter():
        assert element.tag.removeprefix(SVG) in ELEMENTS
        for key, value in element.attrib.items():
            assert key not in ("style", "class", "id")
            assert not key.startswith("on")
            if key == "href":
                assert value.startswith("data:image/png;base64,")
            else:
                assert "url(" not in value
    assert root.get("role") == "img"
    assert root.get("aria-label", "").startswith("Backpropagation graph")


def test_hostile_names_are_text_and_nothing_else():
    figure = draw(PROGRAMS["hostile"]())
    svg = figure.svg()
    root = ElementTree.fromstring(svg)
    assert "<script" not in svg
    assert svg.isprintable() or set(re.findall(r"[^\x20-\uffff\U00010000-\U0010ffff]", svg)) == {
        "\n"
    }
    assert not re.search("[\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]", svg)
    written = texts(root)
    for name in HOSTILE[:9]:
        assert name in written, "short names stand there as they are"
    assert any("…" in text for text in written)
    assert any("x" * 5000 in (title.text or "") for title in root.iter(f"{SVG}title"))


@pytest.mark.parametrize("name", PROGRAMS)
def test_everything_in_a_card_lies_within_it(name):
    graph = draw(PROGRAMS[name]()).graph
    for card in make_cards(graph):
        rows: dict[float, list[tuple[float, float]]] = {}
        for mark in card.marks:
            if isinstance(mark, (Heat, Bars)):
                assert mark.x >= 0
                assert mark.x + mark.w <= card.width
                assert mark.y + mark.h <= card.height
            else:
                long = width(mark.text, mark.size)
                left = mark.x - {"start": 0.0, "middle": long / 2, "end": long}[mark.anchor]
                assert left >= 0
                assert left + long <= card.width
                assert 0 < mark.y <= card.height
                rows.setdefault(mark.y, []).append((left, left + long))
        for row in rows.values():
            row.sort()
            assert all(a[1] <= b[0] for a, b in pairwise(row)), "text over text"


def test_the_chain_rule_stands_beside_the_edges():
    written = texts(parse(draw(PROGRAMS["shared"]())))
    assert {"∂/∂a = −1", "−1 × 1", "= −1", "= 12 + 12 + (−1)", "▲ 23"} <= set(written)
    written = texts(parse(draw(PROGRAMS["broadcast"]())))
    assert {"summed over axis 0", "summed over axes 0, 1", "g · x", "(5, 3)"} <= set(written)


def test_many_paths_are_counted():
    x = leaf([1.0, 2.0], "x")
    written = texts(parse(draw((x * x + x).sum())))
    assert "sum of 3 paths" in written


def test_sizes_of_numbers():
    """Numbers to 16 elements, a heat map of rectangles to 64, an image above."""
    few = draw((leaf(np.arange(16.0), "x") * 1.5).sum())
    some = draw((leaf(np.arange(64.0), "x") * 1.5).sum())
    many = draw((leaf(np.arange(81.0).reshape(9, 9), "x") * 1.5).sum())
    assert "14" in texts(parse(few))
    assert "14" not in texts(parse(some))
    assert "<image" not in some.svg()
    assert "<image" in many.svg()
    assert "0 … 80" in texts(parse(many))


@pytest.mark.parametrize("size", [2, 16, 17, 64, 100])
def test_of_each_gradient_of_an_array_the_norm_is_told(size):
    x = leaf(np.arange(size, dtype=np.float64), "x")
    found = texts(parse(draw((x * x).sum())))
    norm = np.linalg.norm(2 * np.arange(size, dtype=np.float64))
    assert f"norm {number(float(norm), 3)}" in found


def test_nan_is_told_and_shown():
    written = texts(parse(draw(PROGRAMS["oddities"]())))
    assert any(text.endswith(" NaN") for text in written)
    assert "NaN" in written, "the legend explains its colour"
    assert "empty" in written


def test_a_minus_is_dashed_and_has_a_glyph():
    svg = draw(leaf(2.0, "x") * leaf(-3.0, "w")).svg()
    light = THEMES["light"].tones
    assert re.search(f'stroke="{light["minus"]}"[^>]*stroke-dasharray', svg)
    assert not re.search(f'stroke="{light["plus"]}"[^>]*stroke-dasharray', svg)
    assert "▼ −3" in svg


def test_above_400_nodes_cards_are_compact_and_the_figure_says_so():
    full, compact = draw(chain(399)), draw(chain(400))
    assert len(full.graph.nodes) == 400
    assert "are hidden" not in full.svg()
    assert "are hidden" in compact.svg()
    assert len(compact.svg()) < len(full.svg()) / 2
    assert "scalar" in texts(parse(compact))


def test_a_freed_graph_says_so():
    loss = PROGRAMS["mlp"]()
    loss.backward()
    written = " ".join(texts(parse(draw(loss))))
    assert "retain_graph=True" in written
    assert "not kept" in written


def test_an_unknown_theme_lists_what_there_is():
    with pytest.raises(
        ValueError, match="unknown theme 'sepia'; there are light, dark, paper, contrast"
    ):
        draw(PROGRAMS["square"](), theme="sepia")


def test_a_png_decodes_to_the_colours_of_its_cells():
    theme = THEMES["light"]
    cells = np.array([[127, 0, -127], [-128, 64, -64]], np.int8)
    png = heat_png(cells, theme)
    chunks, at = {}, 8
    while at < len(png):
        (length,) = struct.unpack_from(">I", png, at)
        name, data = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        assert struct.unpack_from(">I", png, at + 8 + length)[0] == zlib.crc32(name + data)
        chunks[name] = data
        at += length + 12
    assert struct.unpack(">IIBBBBB", chunks[b"IHDR"]) == (3, 2, 8, 3, 0, 0, 0)
    lines = zlib.decompress(chunks[b"IDAT"])
    assert [lines[0], lines[4]] == [0, 0], "no filter"
    shades = np.frombuffer(lines, np.uint8).reshape(2, 4)[:, 1:]
    palette = chunks[b"PLTE"]
    colours = [["#" + palette[3 * s : 3 * s + 3].hex() for s in row] for row in shades]
    assert colours == [[theme.shade(int(cell)) for cell in row] for row in cells]


def test_images_in_the_svg_are_whole_pngs():
    root = parse(draw(PROGRAMS["mlp"]()))
    images = [image.get("href", "") for image in root.iter(f"{SVG}image")]
    assert images
    for image in images:
        png = base64.b64decode(image.partition(",")[2], validate=True)
        assert png.startswith(b"\x89PNG\r\n\x1a\n")
        assert png.endswith(b"IEND\xaeB`\x82")


def test_marks_are_never_empty():
    for card in make_cards(draw(PROGRAMS["mlp"]()).graph):
        assert all(mark.text for mark in card.marks if isinstance(mark, Text))


def test_integers_and_bools_as_inputs():
    x = leaf([1.0, 2.0, 3.0], "x")
    mask = tensor([True, False, True], name="mask")
    rows = tensor([0, 2], name="rows")
    svg = draw(where(mask, x, x * 2.0)[rows].sum()).svg()
    ElementTree.fromstring(svg)
    assert "∂L/∂mask" not in svg


def test_numbers_at_the_ends_of_the_range():
    ends = leaf(np.array([1.7e308, -1.7e308, 5e-324, 0.0] * 20), "ends")
    for loss in ((ends * 1.0).sum(), (ends * 1e-300 * 1e-300).sum(), (ends * ends).sum()):
        with np.errstate(all="ignore"):
            svg = draw(loss).svg()
        ElementTree.fromstring(svg)
        assert not re.search(r'="(nan|inf|-inf)"', svg)
        assert not re.search(r'd="[^"]*(nan|inf)', svg)
