"""The report: well-formed, offline, safe against hostile names, the same bytes for the same seed.
And the pictures in it, read back."""

import base64
import hashlib
import re
import struct
import xml.etree.ElementTree as ET
import zlib
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from backlit.learn import Settings, run
from backlit.learn.artifacts import files_of, predictions_csv
from backlit.learn.charts import Axis, Line, interval_strip, line_chart
from backlit.learn.page import esc, page
from backlit.learn.pictures import drawing, indexed_png
from backlit.learn.report import Extras, render

GRAPH = b'<svg xmlns="http://www.w3.org/2000/svg"><rect width="9" height="9"/></svg>'
EXTRAS = Extras({"backlit": "0", "python": "3"}, GRAPH, GRAPH, graph_rows=8)
HOSTILE = (
    "<script>alert(1)</script>",
    "</script><script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "' onmouseover='alert(1)",
    "</style><style>*{display:none}",
    "-->",
    "<!--",
    "]]>",
    "<![CDATA[",
    "&lt;b&gt;",
    "&#60;script&#62;",
    "javascript:alert(1)",
    "a\x00b\x1b[31m",
    "line\nbreak\ttab\r",
    "\u202egnp.exe",
    "\ud800 alone",
    "{{7*7}} ${7*7} %s {0}",
    "x" * 500,
    "</title></head><body>",
)
VOID = {"meta", "img", "source"}


class Reader(HTMLParser):
    """Collects tags and attributes, and checks that tags close in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == []
    return reader


@pytest.fixture(scope="module", params=["moons", "digits", "diabetes"])
def reports(request):
    outcome = request.getfixturevalue(request.param)
    return outcome, files_of(outcome)


def test_well_formed_for_an_html_and_an_xml_parser(reports):
    html = reports[1]["report.html"].decode()
    read(html)
    ET.fromstring(html)


def test_it_loads_nothing_from_anywhere(reports):
    html = reports[1]["report.html"].decode()
    for tag, attributes in read(html).seen:
        assert tag not in ("script", "link", "iframe", "object", "embed", "base", "form", "audio")
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
        for name in ("src", "href", "xlink:href", "action", "srcset", "background"):
            value = attributes.get(name)
            assert value is None or value.startswith("data:image/") or value == "graph.svg"
    assert "http:" not in html
    assert "https:" not in html
    assert "@import" not in html
    assert "url(" not in html


def test_the_policy_lets_through_this_style_and_nothing_else(reports):
    html = reports[1]["report.html"].decode()
    policy = next(
        attributes["content"] or ""
        for tag, attributes in read(html).seen
        if attributes.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert "script-src" not in policy
    styles = re.findall(r"<style>(.*?)</style>", html, re.S)
    assert len(styles) == 1
    digest = base64.b64encode(hashlib.sha256(styles[0].encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in policy
    assert html.index("Content-Security-Policy") < html.index("<style>")


def test_every_class_that_is_used_is_in_the_style(reports):
    html = reports[1]["report.html"].decode()
    style = re.findall(r"<style>(.*?)</style>", html, re.S)[0]
    used = {
        name
        for _, attributes in read(html).seen
        for name in (attributes.get("class") or "").split()
    }
    assert used - set(re.findall(r"\.([a-z][a-z0-9]*)", style)) == set()


def test_it_says_what_a_reader_needs(reports):
    outcome, files = reports
    text = " ".join(read(files["report.html"].decode()).text.split())
    prepared = outcome.prepared
    for wanted in (
        prepared.settings.command(),
        f"seed {prepared.settings.seed}",
        prepared.dataset.source,
        prepared.dataset.licence,
        f"{prepared.split.sizes[0]:,} training",
        prepared.task.theory.text,
        prepared.task.baseline,
        f"{outcome.exam.score:.3f}",
        f"{outcome.exam.interval[0]:.3f} to {outcome.exam.interval[1]:.3f}",
        "numba",
        "Open graph.svg",
    ):
        assert wanted in text


def test_wrong_digits_are_drawn(digits):
    html = render(digits, EXTRAS)
    assert html.count('class="picture"') == min(40, len(digits.exam.wrong)) > 0
    shown = re.findall(r'</svg></td><td class="n">(\d+)</td>', html)
    assert shown == [str(digits.exam.rows[i]) for i in digits.exam.wrong[:40]]


def test_no_mistakes_no_table(moons):
    exam = replace(moons.exam, predicted=moons.exam.truth)
    assert "all 200 test rows are right" in render(replace(moons, exam=exam), EXTRAS)


def test_an_interrupted_run_says_so(moons):
    fit = replace(moons.fit, status="interrupted", message="stopped in epoch 3 of 9", best=0)
    html = render(replace(moons, fit=fit), EXTRAS)
    assert "Interrupted: stopped in epoch 3 of 9." in html
    assert "those of the untrained network" in html


def test_a_run_of_no_whole_epoch_can_be_shown(moons):
    fit = replace(moons.fit, history=moons.fit.history[:1], best=0, status="interrupted")
    read(render(replace(moons, fit=fit), EXTRAS))


def test_hostile_names_stay_text(table):
    data = table(
        200,
        HOSTILE,
        feature_names=(HOSTILE[0], HOSTILE[3]),
        source=HOSTILE[2],
        licence=HOSTILE[4],
        note=HOSTILE[5],
        target_name=HOSTILE[6],
        name=HOSTILE[19],
    )
    harmless = replace(
        data, class_names=tuple(f"c{k}" for k in range(20)), feature_names=("p", "q"),
        source="s", licence="l", note="n", target_name="t", name="d",
    )  # fmt: skip
    settings = Settings("table", hidden=(4,), epochs=1)
    hostile = files_of(run(settings, data))["report.html"].decode()
    ET.fromstring(hostile)
    seen = read(hostile)
    assert [(tag, *a) for tag, a in seen.seen] == [
        (tag, *a) for tag, a in read(files_of(run(settings, harmless))["report.html"].decode()).seen
    ]
    assert HOSTILE[0] in seen.text
    assert not set("\x00\x1b\u202e") & set(hostile)


@pytest.mark.parametrize("name", HOSTILE)
def test_escaped_text_comes_back_as_text(name):
    reader = read(page(name, f'<p title="{esc(name)}">{esc(name)}</p>'))
    assert {tag for tag, _ in reader.seen} == {"html", "head", "meta", "title", "style", "body",
                                               "main", "p"}  # fmt: skip
    page(name, esc(name)).encode()


def test_the_same_seed_gives_the_same_bytes():
    settings = Settings("moons", hidden=(8,), epochs=2, seed=3)
    first, again = files_of(run(settings)), files_of(run(settings))
    assert first.keys() == again.keys()
    for name in first:
        assert first[name] == again[name], name


def test_predictions_are_all_test_rows(moons, diabetes):
    lines = predictions_csv(moons).splitlines()
    assert lines[0] == "row,true,predicted,probability"
    assert len(lines) == 1 + 200
    row, true, guess, sure = lines[1].split(",")
    assert int(row) == moons.exam.rows[0]
    assert true == moons.prepared.dataset.class_names[moons.exam.truth[0]]
    assert guess in moons.prepared.dataset.class_names
    assert 0.5 <= float(sure) <= 1
    assert predictions_csv(diabetes).splitlines()[0] == "row,true,predicted"


def test_a_drawing_has_the_ink_of_its_pixels():
    pixels = np.array([0.0, 16.0, 8.0, 0.0])
    svg = ET.fromstring(drawing(pixels, (2, 2)))
    assert [(p.get("d"), p.get("opacity")) for p in svg] == [
        ("M0 1h1v1h-1z", "0.5"),
        ("M1 0h1v1h-1z", "1"),
    ]
    assert len(ET.fromstring(drawing(np.zeros(4), (2, 2)))) == 0


def test_a_png_holds_its_pixels():
    index = np.arange(6).reshape(2, 3)
    png = indexed_png(index, [(k * 0x010203, 40 * k) for k in range(6)])
    chunks, at = {}, 8
    while at < len(png):
        (size,) = struct.unpack(">I", png[at : at + 4])
        kind, data = png[at + 4 : at + 8], png[at + 8 : at + 8 + size]
        assert (
            zlib.crc32(kind + data) == struct.unpack(">I", png[at + 8 + size : at + 12 + size])[0]
        )
        chunks[kind] = data
        at += 12 + size
    assert struct.unpack(">IIBBBBB", chunks[b"IHDR"])[:2] == (3, 2)
    assert zlib.decompress(chunks[b"IDAT"]) == bytes([0, 0, 1, 2, 0, 3, 4, 5])
    assert chunks[b"PLTE"][3:6] == bytes([1, 2, 3])
    assert chunks[b"tRNS"] == bytes([0, 40, 80, 120, 160, 200])


@pytest.mark.parametrize("epochs", [1, 2, 50, 5000])
@pytest.mark.parametrize("log", [False, True])
def test_a_chart_of_any_length_stays_inside_and_small(epochs, log):
    values = [1.0 / (1 + k) for k in range(epochs)]
    x = list(range(epochs))
    chart = line_chart("t", x, [Line("a", "train", values)], best=epochs - 1, log=log)
    root = ET.fromstring(chart)
    points = [p for line in root.iter("polyline") for p in (line.get("points") or "").split()]
    assert 1 <= len(points) <= 402
    for point in points:
        a, b = map(float, point.split(","))
        assert 50 <= a <= 440
        assert 20 <= b <= 235


def test_a_long_line_keeps_its_peaks():
    values = [1.0] * 5000
    values[3210] = 9.0
    chart = line_chart("t", list(range(5000)), [Line("a", "train", values)], best=0)
    points = ET.fromstring(chart).iter("polyline").__next__().get("points") or ""
    assert len({point.split(",")[1] for point in points.split()}) == 2


@pytest.mark.parametrize(
    ("low", "high", "log"),
    [(0, 1, False), (-0.3, 0.7, False), (0.9995, 1, False), (1e-9, 3, True), (0.4, 0.9, True)],
)
def test_ticks_are_few_round_and_inside(low, high, log):
    ticks = Axis(low, high, 0, 100, log).ticks()
    assert 1 <= len(ticks) <= 9
    assert all(low * 0.999 - 1e-12 <= tick <= high * 1.001 + 1e-12 for tick in ticks)
    assert all(len(f"{tick:g}") <= 7 for tick in ticks)


@pytest.mark.parametrize("score", [0.0, 0.1, 0.5, 0.97, 1.0])
@pytest.mark.parametrize("baseline", [0.0, 0.5, 0.99])
def test_the_strip_stays_inside(score, baseline):
    interval = (max(0.0, score - 0.05), min(1.0, score + 0.05))
    root = ET.fromstring(interval_strip("accuracy", score, interval, baseline, 0.0))
    for text in root.iter("text"):
        assert 20 <= float(text.get("x") or -1) <= 460
