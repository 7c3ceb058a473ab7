"""Figures: what is written where, what notebooks show, and the same bytes in every process."""

import base64
import hashlib
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from graphviz.backend import dot_command

import backlit as bl
from backlit.engine import scope, tensor
from backlit.study import Figure, draw

from .programs import PROGRAMS

SUFFIXES = [".svg", ".png", ".html", ".dot", ".json", ".txt"]
VOID = {"meta", "input"}


class Page(HTMLParser):
    """Reads a page strictly: every tag closed in turn, no way to run or load anything."""

    def __init__(self):
        super().__init__()
        self.open: list[str] = []
        self.style = ""
        self.policy = ""
        self.ids: list[str] = []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        assert tag not in ("script", "link", "iframe", "object")
        assert not [key for key in given if key.startswith("on") or key == "style"]
        assert all((given.get(key) or "data:").startswith("data:") for key in ("href", "src"))
        if given.get("http-equiv") == "Content-Security-Policy":
            self.policy = given["content"] or ""
        if "id" in given:
            self.ids.append(given["id"] or "")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "style":
            self.style += data


def read(html: str) -> Page:
    page = Page()
    page.feed(html)
    page.close()
    assert not page.open
    return page


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_page_is_one_offline_file(name):
    page = read(draw(PROGRAMS[name]()).html())
    digest = base64.b64encode(hashlib.sha256(page.style.encode()).digest()).decode()
    assert page.policy == f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:"
    assert "prefers-color-scheme: dark" in page.style
    assert len(page.ids) == len(set(page.ids))


def test_the_page_holds_both_themes():
    html = draw(PROGRAMS["square"](), theme="dark").html()
    assert html.count("<svg ") == 2
    assert html.index('fill="#ffffff"') < html.index('fill="#0f141b"')


@pytest.mark.parametrize(
    ("name", "suffix"),
    [("expression", suffix) for suffix in SUFFIXES]
    + [("hostile", suffix) for suffix in SUFFIXES if suffix != ".png"],
)
def test_save_writes_what_the_suffix_says(tmp_path, name, suffix):
    figure = draw(PROGRAMS[name]())
    path = tmp_path / f"graph{suffix.upper()}"
    assert figure.save(path) == path
    made = {
        ".svg": figure.svg,
        ".png": figure.png,
        ".html": figure.html,
        ".dot": lambda: figure.to_dot().source,
        ".json": figure.to_json,
        ".txt": figure.text,
    }[suffix]()
    assert path.read_bytes() == (made if isinstance(made, bytes) else made.encode())
    assert os.listdir(tmp_path) == [path.name], "nothing is left behind"


@pytest.mark.parametrize("name", ["graph.gif", "graph", "graph.svg.gz"])
def test_another_suffix_lists_what_is_possible(tmp_path, name):
    with pytest.raises(ValueError, match=r"\.svg, \.png, \.html, \.txt, \.dot, \.json"):
        draw(PROGRAMS["square"]()).save(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_not_there_is_named(tmp_path):
    figure = draw(PROGRAMS["square"]())
    with pytest.raises(FileNotFoundError, match="missing"):
        figure.save(tmp_path / "missing" / "graph.svg")
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(NotADirectoryError):
        figure.save(tmp_path / "file" / "graph.svg")


def test_a_figure_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "graph.svg"
    path.write_text("old")
    monkeypatch.setattr(dot_command, "DOT_BINARY", tmp_path / "nothing here")
    with pytest.raises(RuntimeError):
        draw(PROGRAMS["square"](), layout="dot").save(path)
    assert path.read_text() == "old"


def test_repr_and_notebooks():
    figure = draw(PROGRAMS["expression"]())
    assert repr(figure).startswith("Figure(L = tanh(n4) = −0.314, 6 nodes")
    bundle = figure._repr_mimebundle_(include=None, exclude=None)
    assert bundle == {"text/plain": repr(figure), "image/svg+xml": figure.svg()}


def test_a_notebook_is_told_why_there_is_no_picture(tmp_path, monkeypatch):
    monkeypatch.setattr(dot_command, "DOT_BINARY", tmp_path / "nothing here")
    bundle = draw(PROGRAMS["square"](), layout="dot")._repr_mimebundle_()
    assert list(bundle) == ["text/plain"]
    assert "apt install graphviz" in bundle["text/plain"]


def test_the_listing_tells_forward_and_backward():
    text = draw(PROGRAMS["shared"]()).text()
    assert "n2  mul(n1, n1)  36" in text
    assert "∂L/∂a = 23 = 12 + 12 + (−1)" in text
    for name in PROGRAMS:
        listing = draw(PROGRAMS[name]()).text()
        assert not re.search("[\x00-\x09\x0b-\x1f\u202e]", listing)


def test_draw_is_at_the_front_door():
    assert bl.draw is draw
    assert isinstance(bl.draw(PROGRAMS["square"]()), Figure)


def test_the_same_program_gives_the_same_bytes_in_every_process():
    script = (
        "import hashlib, programs\n"
        "from backlit.study import draw\n"
        "for name, program in programs.PROGRAMS.items():\n"
        "    figure = draw(program())\n"
        "    folded = draw(program(), depth=0, theme='paper')\n"
        "    whole = [figure.svg(), figure.html(), figure.to_dot().source, figure.to_json(),\n"
        "             figure.text(), folded.svg(), folded.text()]\n"
        "    print(name, hashlib.sha256(repr(whole).encode()).hexdigest())\n"
    )
    outputs = set()
    for seed in ("0", "1"):
        done = subprocess.run(
            [sys.executable, "-c", script],
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parent)},
            capture_output=True,
            text=True,
            check=True,
        )
        outputs.add(done.stdout)
    assert len(outputs) == 1
    assert len(outputs.pop().splitlines()) == len(PROGRAMS)


def test_endless_names_make_no_endless_lines():
    w = tensor(2.0, requires_grad=True, name="w" * 10_000)
    with scope("module" * 2000):
        y = w * w
    assert max(map(len, draw(y).text().splitlines())) < 200
    big = tensor([1.0, 2.0], requires_grad=True, name="b" * 10_000)
    with pytest.raises(bl.GraphError) as caught:
        bl.exercise((big * big).sum())
    assert len(str(caught.value)) < 300
