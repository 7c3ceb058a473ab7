"""DOT: a Digraph to go on with, its labels literal whatever they contain."""

import re
import subprocess

import graphviz
import pytest

from backlit.study import draw

from .programs import PROGRAMS, graphviz_or_skip


def labels(source: str) -> list[str]:
    """The quoted labels of a DOT text, as written."""
    return re.findall(r'label="((?:[^"\\]|\\.)*)"', source)


def test_it_is_a_digraph_to_go_on_with():
    dot = draw(PROGRAMS["expression"]()).to_dot()
    assert isinstance(dot, graphviz.Digraph)
    dot.node("mine")
    dot.edge("n5", "mine")
    assert "n5 -> mine" in dot.source
    assert "n0 -> n2" in dot.source


def test_labels_say_values_gradients_and_the_chain_rule():
    source = draw(PROGRAMS["expression"]()).to_dot().source
    assert "w  param\\nvalue = −1.25\\n∂L/∂w = 0.4507" in source
    assert "−1.25 × 0.9014\\n= ▼ −1.127" in source


def test_modules_are_clusters_inside_clusters():
    source = draw(PROGRAMS["neurons"]()).to_dot().source
    inner = re.findall(r"(\t+)subgraph cluster_\d+ {\n\t+color=\S+ label=\"?([\w.]+)", source)
    assert {(len(tabs), name) for tabs, name in inner} == {
        (1, "hidden"), (2, "hidden.0"), (2, "hidden.1"), (1, "out"),
    }  # fmt: skip


def test_hostile_names_are_escaped_for_every_kind_of_label():
    source = draw(PROGRAMS["hostile"]()).to_dot().source
    assert "label=<" not in source, "a label that starts with < would be HTML"
    for label in labels(source):
        bare = re.sub(r"\\.", "", label)
        assert not set(bare) & set('<>{}|"\\'), label
    assert "\\<script\\>alert(1)\\</script\\>" in source
    assert "back\\\\slash\\\\n" in source, "a backslash is not an escape"
    assert "\x1b" not in source
    assert "\u202e" not in source


@pytest.mark.parametrize("name", PROGRAMS)
def test_graphviz_reads_it(name, monkeypatch):
    program = graphviz_or_skip(monkeypatch)
    source = draw(PROGRAMS[name]()).to_dot().source
    done = subprocess.run([program, "-Tdot"], input=source.encode(), capture_output=True)
    assert done.returncode == 0, done.stderr
