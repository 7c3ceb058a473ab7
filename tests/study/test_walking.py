"""The stepping page without a browser: steps end in `.grad`, optimizers are only asked, one file.
What the page does when it runs is tested in tests/browser.
"""

import base64
import hashlib
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

import backlit as bl
from backlit import nn, optim
from backlit.engine import GraphError, apply, registry, tensor
from backlit.study import walk
from backlit.study.grains import coarse_steps
from backlit.study.page_ops import KNOWN, page_ops
from backlit.study.png import SHADES
from backlit.study.stage import heat_filters
from backlit.study.stepping_page import FOLDER, MODULES, script, style

from .programs import PROGRAMS, chain, leaf, random_programs
from .test_model import check_gradients, check_steps, check_sums

OPTIMIZERS = {
    "sgd": lambda p: optim.SGD(p, lr=0.1),
    "momentum": lambda p: optim.SGD(p, lr=0.1, momentum=0.9),
    "nesterov": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.1),
    "adam": lambda p: optim.Adam(p, lr=0.1),
    "adamw": lambda p: optim.AdamW(p, lr=0.1),
}


class Page(HTMLParser):
    """The scripts, styles and addresses of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.texts: dict[str, str] = {}
        self.policy, self.ids, self.inside = "", [], ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        assert tag not in ("link", "iframe", "object", "base")
        assert not [key for key in given if key.startswith("on") or key == "style"]
        assert not given.get("src")
        assert (given.get("href") or "data:image/png;base64,").startswith("data:image/png;base64,")
        if given.get("http-equiv") == "Content-Security-Policy":
            self.policy = given["content"] or ""
        if "id" in given:
            self.ids.append(given["id"])
        self.inside = f"{tag} {given.get('type', '')}".strip()

    def handle_endtag(self, tag):
        self.inside = ""

    def handle_data(self, data):
        self.texts[self.inside] = self.texts.get(self.inside, "") + data


def digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_page_is_one_file_that_may_load_nothing(name):
    page = Page(walk(PROGRAMS[name]()).html())
    assert page.policy.startswith("default-src 'none'; ")
    assert f"script-src '{digest(page.texts['script module'])}'" in page.policy
    assert f"style-src '{digest(page.texts['style'])}'" in page.policy
    assert "http" not in page.policy
    assert len(page.ids) == len(set(page.ids))
    data = json.loads(page.texts["script application/json"])
    graph = walk(PROGRAMS[name]()).graph
    assert len(data["nodes"]) == len(graph.nodes)
    assert {f"n{node.id}" for node in graph.nodes} <= set(page.ids)
    assert {f"e{edge.id}" for edge in graph.edges} <= set(page.ids)


def test_the_scripts_names_do_not_meet_and_it_is_small():
    """The modules are concatenated: a name declared twice would be an error in the browser only."""
    declared = re.findall(
        r"^(?:export )?(?:const|let|function|class) (\w+)",
        "".join((FOLDER / f"{name}.js").read_text() for name in MODULES),
        re.MULTILINE,
    )
    assert len(declared) == len({*declared, "ops"}) - 1  # the ops that are written for a page
    assert len(script().encode()) <= 25 * 1024
    assert "</script" not in script()
    assert "</style" not in style()
    assert {path.stem for path in FOLDER.glob("*.js")} == set(MODULES)


@settings(max_examples=40, deadline=None)
@given(random_programs())
def test_the_walk_ends_in_the_engines_gradients(loss):
    graph = walk(loss).graph
    check_sums(graph)
    check_steps(graph)
    check_gradients(graph, loss)


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_an_update_is_what_the_optimizer_does_next_and_changes_nothing(kind):
    w, b = leaf([1.0, -2.0], "w"), leaf(0.5, "b")
    optimizer = OPTIMIZERS[kind]([w, b])

    def loss() -> Any:
        return ((w * b).tanh() ** 2).sum()

    for _ in range(3):
        optimizer.zero_grad()
        here = loss()
        before = repr((w.tolist(), b.item(), optimizer.state_dict(), w.grad, b.grad))
        steps = walk(here, optimizer=optimizer).graph.steps[-2:]
        assert [step.kind for step in steps] == ["update", "update"]
        assert repr((w.tolist(), b.item(), optimizer.state_dict(), w.grad, b.grad)) == before
        here.backward()
        old = w.numpy().copy()
        optimizer.step()
        assert steps[1].numbers["after"] == b.item()
        moved = np.linalg.norm(w.numpy() - old)
        assert steps[0].numbers["moved"] == pytest.approx(moved)


def test_a_forgotten_zero_grad_shows():
    w = leaf(3.0, "w")
    (w * w).backward()
    sgd = optim.SGD([w], lr=0.5)
    steps = walk(w * w, optimizer=sgd).graph.steps
    assert steps[-2].sentence == "w.grad held 6 already: 6 + 6 = 12; was zero_grad() forgotten?"
    assert steps[-1].sentence == "w: 3 − lr 0.5 · grad 12 = −3"
    assert w.grad is not None
    assert w.grad.item() == 6.0


def test_a_freed_graph_is_walked_forward():
    loss = PROGRAMS["expression"]()
    loss.backward()
    page = walk(loss)
    assert {step.kind for step in page.graph.steps} == {"forward"}
    assert "backward() freed this graph" in page.html()


def test_a_parameter_without_a_path_is_shown():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    loss = model[0](tensor([[1.0, 2.0]])).sum()
    page = walk(loss, module=model, optimizer=optim.SGD(model.parameters(), lr=0.1))
    assert sum(node.grad_state == "no path" for node in page.graph.nodes) == 2
    assert sum(step.kind == "update" for step in page.graph.steps) == 2


def test_heat_maps_are_greys_with_a_filter_for_each_theme():
    html = walk(PROGRAMS["mlp"]()).html()
    found = re.findall(r'href="data:image/png;base64,([^"]+)"', html)
    assert found
    for text in found:
        png = base64.b64decode(text, validate=True)
        assert png[24:26] == b"\x08\x00"  # eight bits of grey
        assert png.endswith(b"IEND\xaeB`\x82")
    assert html.count(heat_filters()) == 1
    tables = re.findall(r'tableValues="([^"]+)"', heat_filters())
    assert [len(table.split()) for table in tables] == [SHADES] * 6


def test_a_deep_chain_gives_a_page():
    assert walk(chain(2000)).html().count('class="n ') == 2001


def test_save_and_notebooks(tmp_path):
    page = walk(PROGRAMS["expression"]())
    path = page.save(tmp_path / "backprop.html")
    assert path.read_text() == page.html()
    with pytest.raises(ValueError, match=r"ends in \.html"):
        page.save(tmp_path / "backprop.svg")
    bundle = page._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html", "image/svg+xml"}
    assert 'sandbox="allow-scripts"' in bundle["text/html"]
    source = re.search(r'srcdoc="([^"]*)"', bundle["text/html"])
    assert source
    assert source[1].replace("&quot;", '"').replace("&amp;", "&") == page.html()


def test_bad_input_says_what_to_do():
    with pytest.raises(TypeError, match=r"give one of backlit\.optim"):
        walk(PROGRAMS["square"](), optimizer=0.1)  # type: ignore[arg-type]
    with pytest.raises(GraphError, match=r"^walk: no graph .* requires_grad=True.* walk that"):
        walk(tensor(1.0) * 2.0)
    with pytest.raises(TypeError, match=r"^walk: the loss is a Tensor, not float"):
        walk(1.0)  # type: ignore[arg-type]
    with pytest.raises(GraphError, match=r"^walk: backward starts .* walk its \.sum\(\)"):
        walk(tensor([1.0, 2.0], requires_grad=True) * 2.0)


def test_an_error_is_walked_as_far_as_it_got():
    x, w = tensor(np.ones((2, 3)), name="x"), leaf(np.ones((2, 4)), "w", np.float32)
    with pytest.raises(bl.ShapeError) as caught:
        _ = x @ (w * 2.0).tanh()
    page = walk(caught.value)
    steps = page.graph.steps
    assert [step.kind for step in steps] == ["forward"] * 3
    assert steps[-1].sentence.startswith("matmul failed: matmul: (2, 3) float32 and (2, 4)")
    assert "test_walking.py" in steps[-1].sentence
    assert repr(page).startswith("Walk(matmul failed, 6 nodes, 3 steps")
    html = page.html()
    assert html.count('class="p"') >= 3
    assert "_ = x @ (w * 2.0).tanh()" in html
    with pytest.raises(ValueError, match="after an error there is no step"):
        walk(caught.value, optimizer=optim.SGD([w], lr=0.1))
    with pytest.raises(KeyError) as foreign:
        raise KeyError("w")
    with pytest.raises(GraphError, match="no op of backlit raised"):
        walk(foreign.value)


def test_an_update_of_a_tensor_shows_one_element():
    w = leaf([1.0, -2.0], "w")
    step = walk((w * w).sum(), optimizer=optim.SGD([w], lr=0.1)).graph.steps[-1]
    assert step.sentence.endswith("; w[1]: −2 − 0.1 · (−4) = −1.6")


def test_ops_are_written_only_where_all_can_be_computed():
    x, b = leaf(2.0, "x"), leaf(0.5, "b")
    assert page_ops(walk(x.tanh() * b).graph).startswith("const ops = {\ntanh: {\nforward: ")
    (x * 3.0).backward()
    for graph in (
        walk((x * leaf([1.0, 2.0], "v")).sum()).graph,  # tensors
        walk(x * b).graph,  # x.grad holds something already
        walk(b * 3.0 + 1.0, optimizer=optim.Adam([b], lr=0.1)).graph,  # more than lr x gradient
        walk(x.reshape((1,)).reshape(()) * b).graph,  # an op that is not in the language
    ):
        assert page_ops(graph) == "const ops = null;\n"


@pytest.mark.parametrize("name", sorted(KNOWN & set(registry)))
def test_each_op_of_the_language_can_be_written(name):
    record = registry[name]
    loss = apply(record, *[leaf(0.5, f"x{i}") for i in range(len(record.local))])
    text = page_ops(walk(loss).graph)
    inner = set(re.findall(r"ops\.(\w+)\.", text))
    assert inner <= set(re.findall(r"^(\w+): \{$", text, re.MULTILINE))
    assert text.count("(") == text.count(")")


def test_coarse_steps_end_where_steps_end():
    for program in PROGRAMS.values():
        graph = walk(program()).graph
        by_op, by_module = coarse_steps(graph)
        ends = [{k for k, _ in stops} for stops in (by_op, by_module)]
        assert len(graph.steps) in ends[0] & ends[1]
        assert ends[1] <= ends[0]
        for stops in (by_op, by_module):
            before = 0
            for k, text in stops:
                assert bool(text) == (k - before > 1)
                before = k


def test_lines_of_the_program_are_on_the_page_escaped(tmp_path):
    path = tmp_path / "a<b>.py"
    path.write_text('s = "</script><b>&"\ny = (x * x).tanh()  # "\u202e</pre>\n')
    x = leaf(0.5, "x")
    with bl.trace():
        space: dict[str, Any] = {"x": x}
        exec(compile(path.read_text(), str(path), "exec"), space)
    page = walk(space["y"])
    made = page.graph.nodes[-1].source
    assert made is not None
    assert (made.file, made.line, made.first) == ("a<b>.py", 2, 1)
    assert made.texts[0] == 's = "</script><b>&"'
    html = page.html()
    assert "<h3>a&lt;b&gt;.py:2</h3>" in html
    assert "<span>1  s = &quot;&lt;/script&gt;&lt;b&gt;&amp;&quot;\n</span>" in html
    assert html.count("</script>") == 2
    assert "at a&lt;b&gt;.py:2: y = (x * x).tanh()" in bl.draw(space["y"]).svg()
    assert walk(x * x).graph.nodes[-1].source is None


def test_walk_is_at_the_front_door():
    assert bl.walk is walk


TOKENS = """
const { tokenizer } = require("internal/deps/acorn/acorn/dist/acorn");
const read = (text) => [...tokenizer(text, { ecmaVersion: "latest", sourceType: "module" })]
  .map(({ type, value }) => [type.label, value?.pattern ?? value, value?.flags]);
const { modules, script } = JSON.parse(require("fs").readFileSync(0));
const whole = [];
for (const text of modules) {  // imports and the word export left out, as on the page
  const all = read(text);
  for (let i = 0; i < all.length; i++) {
    if (all[i][0] === "export") continue;
    if (all[i][0] === "import") while (all[i][0] !== ";") i++;
    else whole.push(all[i]);
  }
}
console.log(JSON.stringify([whole, read(script)]));
"""


def test_the_script_has_the_tokens_of_its_modules():
    """What is squeezed out of it is no part of a text, a template or a regular expression."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node here to read JavaScript")
    given = {"modules": [(FOLDER / f"{name}.js").read_text() for name in MODULES],
             "script": script()}  # fmt: skip
    ran = subprocess.run(
        [node, "--expose-internals", "-e", TOKENS], input=json.dumps(given), text=True,
        capture_output=True, check=False,
    )  # fmt: skip
    if "Cannot find module" in ran.stderr:
        pytest.skip("this node does not read JavaScript for others")
    assert not ran.returncode, ran.stderr
    whole, squeezed = json.loads(ran.stdout)
    assert len(whole) > 5000
    assert squeezed == whole
