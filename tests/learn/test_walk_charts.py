"""The charts and small pictures of a walk's page, read back: they are where their numbers say."""

import base64
import struct
import xml.etree.ElementTree as ET
import zlib
from typing import Any

import matplotlib
import numpy as np
import pytest

from backlit.learn.report import charts, pictures


def test_drawing_charts_changes_nothing_of_matplotlib():
    before = dict(matplotlib.rcParams)
    charts.chart("t", "key", lambda axes: None)
    assert dict(matplotlib.rcParams) == before


def test_a_chart_is_where_its_numbers_say():
    seen: dict[str, Any] = {}

    def paint(axes: Any) -> None:
        axes.plot([0, 10], [0, 1], "o", color=charts.BLUE)

    def above(place: Any) -> str:
        seen["ends"] = place(0, 0), place(10, 1)
        return ""

    root = ET.fromstring(charts.chart("t", "key", paint, above=above))
    places = [(float(u.get("x") or 0), float(u.get("y") or 0)) for u in root.iter("use")]
    for end in seen["ends"]:
        assert any(np.allclose(end, at, atol=0.02) for at in places), (end, places)


def test_a_long_line_keeps_its_peaks():
    values = [1.0] * 5000
    values[3210] = 9.0
    values[77] = float("nan")
    at, kept = charts.tidy(values)
    assert len(at) <= charts.MOST_POINTS + 2
    assert kept.max() == 9.0
    assert at[kept.argmax()] == 3210


def test_names_with_dollars_are_no_mathematics():
    def paint(axes: Any) -> None:
        axes.set_xlabel("price $x_1$ & <tax>")

    assert "price $x_1$ &amp; &lt;tax&gt;" in charts.chart("t", "key", paint)


def test_a_drawing_has_the_ink_of_its_pixels():
    pixels = np.array([[0.0, 16.0], [8.0, np.nan]])
    svg = ET.fromstring(pictures.drawing(pixels, "two by two"))
    assert [(p.get("d"), p.get("opacity")) for p in svg] == [
        ("M0 1h1v1h-1z", "0.5"),
        ("M1 0h1v1h-1z", "1"),
    ]
    assert len(ET.fromstring(pictures.drawing(np.zeros((2, 2)), ""))) == 0


def png_of(png: bytes) -> dict[bytes, bytes]:
    chunks, at = {}, 8
    while at < len(png):
        (size,) = struct.unpack(">I", png[at : at + 4])
        body = png[at + 4 : at + 8 + size]
        assert zlib.crc32(body) == struct.unpack(">I", png[at + 8 + size : at + 12 + size])[0]
        chunks[body[:4]] = body[4:]
        at += 12 + size
    return chunks


def test_a_png_holds_its_pixels():
    png = pictures.indexed_png(np.arange(6).reshape(2, 3), [(k * 0x010203, k) for k in range(6)])
    chunks = png_of(png)
    assert struct.unpack(">IIBBBBB", chunks[b"IHDR"])[:2] == (3, 2)
    assert zlib.decompress(chunks[b"IDAT"]) == bytes([0, 0, 1, 2, 0, 3, 4, 5])
    assert chunks[b"PLTE"][3:6] == bytes([1, 2, 3])


def test_the_plane_has_the_colour_of_the_likeliest_class():
    shares = np.zeros((4, 6, 3))
    shares[:, :3, 0] = 1.0
    shares[:, 3:, 2] = 1.0
    chunks = png_of(base64.b64decode(pictures.plane_png(shares).partition(",")[2]))
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(240, 241)[:, 1:]
    colours = np.frombuffer(chunks[b"PLTE"], np.uint8).reshape(-1, 3)[rows]
    first, third = (tuple(bytes.fromhex(charts.SERIES[k][1:])) for k in (0, 2))
    assert (colours[:, :100] == first).all()
    assert (colours[:, 140:] == third).all()
    assert ((colours == 0x77).all(axis=(0, 2))).sum() == 1  # the border is one pixel wide


@pytest.mark.parametrize("score", [-0.4, 0.0, 0.1, 0.5, 0.97, 1.0, 1834.0, float("nan")])
@pytest.mark.parametrize("baseline", [0.0, 0.5, 0.99, 2000.0])
def test_the_strip_stays_inside_and_its_words_apart(score, baseline):
    strip = pictures.exam_strip("accuracy", score, (score - 0.05, score + 0.05), baseline)
    above = []
    for text in ET.fromstring(strip).iter("text"):
        x = float(text.get("x") or -1)
        assert 20 <= x <= 500
        if text.get("y") == "18":
            above.append(x)
    assert len(above) < 2 or max(above) - min(above) >= 130
    for shape in ET.fromstring(strip).iter("circle"):
        assert 20 <= float(shape.get("cx") or -1) <= 500
