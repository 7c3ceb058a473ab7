"""The stepping page in Debian's chromium: stepping, predicting, paths, keys, and nothing loaded.
Run by `make test-browser`; numbers are compared with the engine's own `.grad`.
"""

import json
from typing import Any

import numpy as np
import pytest

import backlit as bl
from backlit import nn, optim
from backlit.engine import apply, gradients, registry, scope, tensor
from backlit.study import Walk, walk
from backlit.study.expressions import build
from backlit.study.language import functions, parse
from backlit.study.page_ops import KNOWN

pytestmark = pytest.mark.browser
HOSTILE = "<img src=x onerror=alert(1)></script><script>alert(2)</script>"


def neuron() -> tuple[Any, dict[str, Any]]:
    """A float32 neuron whose w is used twice."""
    given = {"w": 0.5676, "x": -0.3934, "b": 0.1}
    leaves = {name: tensor(v, requires_grad=True, name=name) for name, v in given.items()}
    w, x, b = leaves.values()
    with scope("hidden"):
        y = (w * x + b).tanh()
    return (y * w - 1) ** 2, leaves


@pytest.fixture
def page(browser):
    loss, leaves = neuron()
    browser.show(walk(loss, optimizer=optim.SGD(list(leaves.values()), lr=0.1)))
    yield browser
    browser.check_quiet()


def grads_shown(browser: Any, graph: Any) -> dict[str, str]:
    return {
        node.name: browser.text(f"#n{node.id} .g")
        for node in graph.nodes
        if node.grad_state == "set"
    }


def check_end(browser: Any) -> None:
    """At the end every leaf shows the engine's gradient, all digits of it in the inspector."""
    loss, leaves = neuron()
    loss.backward()
    for name, x in leaves.items():
        browser.js(f"location.hash = 'step=999&node={browser.node(name)}'")
        browser.wait(f"document.querySelector('#about h2').textContent.startsWith('{name} ')")
        shown = browser.js(
            "return [...document.querySelectorAll('#about dt')]"
            f".find(t => t.textContent === '∂L/∂{name}').nextSibling.textContent"
        )
        assert np.float32(shown.replace("−", "-")) == x.grad.item()


def test_to_the_end_by_keyboard_with_the_engines_sentences(page):
    steps = page.walk.graph.steps
    for k, step in enumerate(steps, 1):
        page.key("ArrowRight")
        assert page.text("#sentence") == step.sentence
        assert page.text("#place") == f"{k} / {len(steps)}"
    check_end(page)


def test_to_the_end_and_back_by_buttons(page):
    steps = page.walk.graph.steps
    for _ in steps:
        page.click("next")
    assert page.text("#place") == f"{len(steps)} / {len(steps)}"
    at_end = page.js("return document.getElementById('graph').textContent")
    for k in range(len(steps) - 1, 0, -1):
        page.click("back")
        assert page.text("#sentence") == steps[k - 1].sentence
    page.click("first")
    assert page.js("return document.querySelectorAll('#graph .on, #graph .cur').length") == 0
    page.click("last")
    assert page.js("return document.getElementById('graph').textContent") == at_end
    check_end(page)


def test_every_program_tells_the_engines_story(browser, programs):
    for name, program in programs.items():
        made = walk(program())
        browser.show(made)
        told = []
        for _ in made.graph.steps:
            browser.js("document.getElementById('next').click()")
            told.append(browser.js("return document.getElementById('sentence').textContent"))
        assert told == [step.sentence for step in made.graph.steps], name
        browser.check_quiet()


@pytest.mark.parametrize("kind", [optim.SGD, optim.Adam])
@pytest.mark.parametrize("depth", [2, 140])  # the second is a large graph
def test_a_network_and_its_update_are_told_to_the_end(browser, kind, depth):
    bl.manual_seed(0)
    model = nn.MLP([3] + [4] * depth + [2])
    x = tensor(np.ones((5, 3)), name="x")
    made = walk(model(x).square().mean(), module=model, optimizer=kind(model.parameters(), lr=0.1))
    browser.show(made)
    told = browser.js(
        "const found = [], next = document.getElementById('next');"
        "while (!next.disabled) {"
        "  next.click();"
        "  found.push(document.getElementById('sentence').textContent);"
        "}"
        "return found"
    )
    assert told == [step.sentence for step in made.graph.steps]
    browser.key("Home")
    browser.key("u")
    first = next(step for step in made.graph.steps if step.kind == "update")
    assert browser.text("#sentence") == first.sentence
    browser.click("back")
    browser.key("p")  # an update of a tensor is told and not asked for
    assert browser.text("#sentence") == first.sentence
    assert browser.js("return document.getElementById('question').hidden")
    browser.check_quiet()


def test_what_is_not_computed_is_never_drawn_as_zero(page):
    assert set(grads_shown(page, page.walk.graph).values()) == {"not yet"}
    page.key("End")
    assert "not yet" not in grads_shown(page, page.walk.graph).values()


def test_grains(page):
    counts = []
    for key in "123":
        page.key("Home")
        page.key(key)
        count = 0
        while page.js("return !document.getElementById('next').disabled"):
            page.key("ArrowRight")
            count += 1
        counts.append(count)
    assert counts[0] == len(page.walk.graph.steps)
    assert counts[0] > counts[1] > counts[2]


def test_predict_right_and_wrong(page):
    steps = page.walk.graph.steps
    k = next(i for i, s in enumerate(steps) if "(*) → w" in s.sentence)
    local, upstream = steps[k].numbers["local"], steps[k].numbers["upstream"]
    page.js(f"location.hash = 'step={k}'")
    page.wait(f"document.getElementById('place').textContent.startsWith('{k} ')")
    page.key("p")
    assert "?" in page.text("#sentence")
    assert str(round(abs(upstream), 3)) not in page.text("#sentence")
    for wrong, why in [
        (str(upstream), "The local derivative is wrong"),
        (str(local), "The upstream gradient is wrong"),
        (str(-local * upstream), "sign"),
        ("", "Type a number"),
        ("12345", "Type both factors"),
    ]:
        page.answer(answer=wrong)
        assert why in page.text("#verdict")
        assert page.text("#place").startswith(f"{k} ")
    page.answer(answer="12345", local=str(local), upstream="7")
    assert "The upstream gradient is wrong" in page.text("#verdict")
    assert "local" not in page.text("#verdict")
    page.answer(answer=f"{local * upstream:.4g}")
    assert "Right" in page.text("#verdict")
    assert page.text("#place").startswith(f"{k + 1} ")


def test_paths_multiply_and_sum(page):
    page.key("End")
    page.js(f"location.hash = 'step=999&paths={page.node('w')}'")
    page.wait("!document.getElementById('paths').hidden")
    assert page.js("return document.querySelectorAll('#paths li').length") == 2
    grad = page.walk.graph.nodes[page.node("w")].grad.scalar
    shown = page.js("return [...document.querySelectorAll('#paths b')].map(b => b.textContent)")
    *products, total = [float(text.replace("−", "-")) for text in shown]
    assert sum(products) == pytest.approx(grad, rel=2e-3)
    assert total == pytest.approx(grad, rel=1e-3)
    assert "dim" in page.js("return document.getElementById('graph').getAttribute('class')")
    page.key("Escape")
    assert page.js("return document.getElementById('paths').hidden")


def test_a_long_path_is_told_by_its_ends(browser):
    x = tensor(0.5, requires_grad=True, dtype=np.float64, name="x")
    y = x
    for _ in range(100):
        y = y * 1.01
    browser.show(walk(y), "step=999&paths=0")
    path, product = browser.js(
        "const li = document.querySelector('#paths li');"
        "return [li.firstChild.textContent, li.childNodes[1].textContent]"
    )
    assert path.startswith(f"{browser.walk.graph.nodes[-1].name} → ")
    assert " → … 61 more … → " in path
    assert path.endswith(" → x")
    assert product == " × ".join(["1", *["1.01"] * 19, "… 61 more …", *["1.01"] * 20]) + " = "
    assert browser.text("#paths b") == "2.705"  # 1.01 to the 100
    browser.check_quiet()


def test_a_blocked_path_names_the_op(browser):
    x = tensor(-1.0, requires_grad=True, name="x")
    browser.show(walk(x.relu() * 2.0 + x), "step=99&paths=0")
    assert "blocked at relu" in browser.text("#paths")
    assert browser.js("return document.querySelectorAll('#paths .warn').length") == 1
    browser.check_quiet()


def test_hostile_names_are_text(browser):
    x = tensor(0.5, requires_grad=True, name=HOSTILE)
    with scope(HOSTILE):
        y = (x * x).tanh()
    browser.show(walk(y), "step=99&node=0&paths=0")
    assert HOSTILE in browser.text("#about h2")
    assert browser.js("return document.querySelectorAll('img').length") == 0
    assert browser.js("return document.scripts.length") == 2
    browser.check_quiet()


def test_selection_run_theme_help_and_address(page):
    page.key("]")
    page.key("r")
    page.wait("location.hash.includes('node=')")
    page.key("d")
    assert page.js("return getComputedStyle(document.body).colorScheme") == "dark"
    page.key("?")
    assert page.js("return document.getElementById('help').matches(':popover-open')")
    page.key("Escape")
    assert not page.js("return document.getElementById('help').matches(':popover-open')")
    for address in ("node=999&edge=-1&paths=x&by=%00", "node=constructor&edge=length&paths=map"):
        page.key("End")
        page.js(f"location.hash = 'step=zzz&{address}'")
        page.wait("document.getElementById('place').textContent.startsWith('0 ')")
        assert page.text("#about h2").startswith("n")  # nothing is selected: the loss
    page.js("location.hash = 'step=5&by=op'")
    page.wait("document.getElementById('place').textContent.startsWith('5 ')")
    assert page.js("return document.getElementById('grain1').checked")


def test_find(page):
    page.key("/")
    page.type("b\n")
    assert page.text("#about h2").startswith("b ")


def test_in_a_sandboxed_frame_without_an_address(browser):
    bundle = walk(neuron()[0])._repr_mimebundle_()
    browser.show_html(f"<!DOCTYPE html><title>notebook</title>{bundle['text/html']}")
    browser.into_frame()
    browser.js("document.getElementById('next').click()")
    assert browser.text("#place").startswith("1 /")
    browser.check_quiet()


# ---- what if ------------------------------------------------------------------------------------

REALS = ("0", "-0.5", "0.75", "2", "-3", "30", "-800", "800", "1e-300")
PAIRS = [
    ("0", "0"), ("0", "2"), ("0", "-1"), ("0", "0.5"), ("2", "0"), ("-2", "3"), ("-2", "0.5"),
    ("1.5", "1.5"), ("-1", "-1"), ("2", "-3"), ("1e200", "2"), ("1", "5"), ("0.5", "1.5"),
]  # fmt: skip
SHOWN = """
const [cases] = arguments, $ = (id) => document.getElementById(id);
const enter = (field, text) => {
  $(field).value = text;
  $(field).dispatchEvent(new Event('change'));
};
const told = (wanted) => [...document.querySelectorAll('#about dt')]
  .find((t) => wanted(t.textContent)).nextSibling.textContent;
return cases.map(([op, leaves, texts]) => {
  leaves.forEach((name, i) => { enter('find', name); enter('whatif', texts[i]); });
  const gradients = leaves.map((name) => (enter('find', name), told((t) => t.startsWith('∂'))));
  enter('find', op);
  return [told((t) => t === 'value'), ...gradients];
});
"""


def read(text: str) -> float:
    return float(text.replace("−", "-"))


def test_each_op_says_what_the_engine_says_of_other_numbers(browser):
    """All ops in one sum: NaN in one does not reach the gradients of the others' leaves."""
    parts, leaves = [], {}
    for name in sorted(KNOWN & set(registry)):
        names = [f"{name}.{i}" for i in range(len(registry[name].local))]
        xs = [tensor(0.5, dtype=np.float64, requires_grad=True, name=each) for each in names]
        parts.append(apply(registry[name], *xs))
        parts[-1].name = f"{name}.out"
        leaves[name] = names
    loss = parts[0]
    for part in parts[1:]:
        loss = loss + part
    browser.show(walk(loss), "step=9999")
    cases, wanted = [], []
    for name, names in leaves.items():
        for given in PAIRS if len(names) == 2 else [(text,) for text in REALS]:
            cases.append([f"{name}.out", names, list(given)])
            xs = [tensor(float(v), dtype=np.float64, requires_grad=True) for v in given]
            y = apply(registry[name], *xs)
            numbers = [y.item(), *(g.item() for g in gradients(y, xs) if g is not None)]
            wanted.append((name, given, numbers))
    found = browser.driver.execute_script(SHOWN, cases)
    assert len(found) == len(wanted) > 150
    for shown, (name, given, numbers) in zip(found, wanted, strict=True):
        told = [read(text) for text in shown]
        assert told == pytest.approx(numbers, rel=1e-8, abs=1e-307, nan_ok=True), (name, given)
    browser.check_quiet()


def test_what_if_goes_through_an_expression_and_its_steps(browser):
    at = {"w": 0.5, "x": 2.0, "b": -1.5}
    text = "tanh(w*x + b) * w - softplus(-x) / max(b, 0.3)"
    browser.show(walk(build(parse(text), at)))
    browser.key("End")
    browser.key("/")
    browser.type("x\n")
    browser.key("Escape")
    browser.key("v")
    browser.js("document.getElementById('whatif').select()")
    browser.type("−0,75\n")
    anew = walk(build(parse(text), {**at, "x": -0.75}))
    told = []
    browser.key("Escape")
    browser.key("Home")
    for _ in anew.graph.steps:
        browser.js("document.getElementById('next').click()")
        told.append(browser.text("#sentence"))
    assert told == [step.sentence for step in anew.graph.steps]
    at_end = browser.js("return document.getElementById('graph').textContent")
    fresh = anew.html()
    browser.show_html(fresh, "step=9999")
    assert browser.js("return document.getElementById('graph').textContent") == at_end
    browser.check_quiet()


def test_what_if_with_an_optimizer_a_wrong_number_and_back(page):
    page.js(f"location.hash = 'step=999&node={page.node('w')}'")
    page.wait("!document.getElementById('what').hidden")
    before = page.js("return document.getElementById('graph').textContent")
    for text, invalid in (("zzz", "true"), ("-2.5", "false")):
        page.js(
            f"const i = document.getElementById('whatif'); i.value = '{text}';"
            "i.dispatchEvent(new Event('change'))"
        )
        assert page.js("return document.getElementById('whatif').ariaInvalid") == invalid
    leaves = {"w": -2.5, "x": -0.3934, "b": 0.1}
    w, x, b = (tensor(v, requires_grad=True, name=name) for name, v in leaves.items())
    with scope("hidden"):
        y = (w * x + b).tanh()
    anew = walk((y * w - 1) ** 2, optimizer=optim.SGD([w, x, b], lr=0.1))
    assert page.text("#sentence") == anew.graph.steps[-1].sentence
    page.js(
        "const i = document.getElementById('whatif'); i.value = '';"
        "i.dispatchEvent(new Event('change'))"
    )
    assert page.js("return document.getElementById('graph').textContent") == before


def test_the_address_keeps_what_was_tried(browser):
    made = walk(build(parse("tanh(w*x + b) * w"), {"w": 0.5, "x": 2.0, "b": -1.5}))
    graph = "return document.getElementById('graph').textContent"
    browser.show(made, "step=999")
    before = browser.js(graph)
    w, b = browser.node("w"), browser.node("b")
    browser.js(f"location.hash = 'step=999&if={w}:-2.5&if={b}:1e-3'")
    browser.wait(f"document.getElementById('graph').textContent !== {json.dumps(before)}")
    tried, loss = browser.js(graph), browser.text("#loss")
    anew = walk(build(parse("tanh(w*x + b) * w"), {"w": -2.5, "x": 2.0, "b": 1e-3}))
    assert loss == anew.html().split('id="loss">')[1].split("<")[0]
    browser.key("Home")
    browser.key("End")
    browser.wait(f"location.hash.includes('if={w}%3A-2.5&if={b}%3A0.001')")
    address = browser.js("return location.hash.slice(1)")
    browser.show(made, address)
    assert browser.js(graph) == tried
    for odd in ("if=map:3", "if=0", f"if={w}:zzz", "if=:", "if=99:1", f"if={w}:NaN"):
        browser.js(f"location.hash = 'step=999&{odd}'")
        browser.wait(f"document.getElementById('graph').textContent === {json.dumps(before)}")
    browser.check_quiet()


def test_a_domain_error_marks_the_op(browser):
    browser.show(walk(build(parse("log(x) * 2 + x"), {"x": 1.0})), "step=999&node=0")
    assert browser.js("return document.querySelectorAll('#graph .bad').length") == 0
    browser.js(
        "const i = document.getElementById('whatif'); i.value = '-1';"
        "i.dispatchEvent(new Event('change'))"
    )
    assert browser.js("return document.querySelectorAll('#graph .bad').length") == 1
    assert browser.text("#loss") == "nan"
    browser.key("]")
    assert "log made NaN of finite numbers" in browser.text("#about")
    browser.check_quiet()


def test_no_what_if_where_the_ops_are_not_known(browser):
    x = tensor([1.0, 2.0], requires_grad=True, name="x")
    browser.show(walk((x * x).sum()), "step=9&node=0")
    assert browser.js("return document.getElementById('what').hidden")
    browser.key("v")
    browser.check_quiet()


def test_the_language_is_known_to_the_page():
    assert {record.name for record in functions().values()} <= KNOWN


# ---- lines of the program, programs that fail ---------------------------------------------------


def test_the_line_of_the_program(browser, tmp_path):
    hostile = '"<img src=x onerror=alert(1)></pre></script><script>alert(2)</script>&amp;"'
    lines = ["first = 1", f"name = {hostile}", "y = (x * x).tanh()", f"other = {hostile}", "last"]
    path = tmp_path / "<b>model&.py"
    path.write_text("\n".join(lines))
    x = tensor(0.5, requires_grad=True, name="x")
    with bl.trace():
        space = {"x": x}
        exec(compile("\n".join(lines[:4]), str(path), "exec"), space)
    browser.show(walk(space["y"]), "step=1")
    assert browser.text("#code div:not([hidden]) h3") == "<b>model&.py:3"
    assert browser.text("#code div:not([hidden]) b") == "3  y = (x * x).tanh()\n"
    rows = browser.text("#code div:not([hidden]) pre").splitlines()
    assert rows == [f"{i}  {line}" for i, line in enumerate(lines, 1)]
    assert browser.js("return document.querySelectorAll('img').length") == 0
    assert browser.js("return document.scripts.length") == 2
    browser.js("location.hash = 'step=1&node=0'")
    browser.wait("document.querySelectorAll('#code div:not([hidden])').length === 0")
    browser.check_quiet()


def test_a_program_that_fails_is_walked_as_far_as_it_got(browser):
    x, w = tensor(np.ones((2, 3)), name="x"), tensor(np.ones((2, 4)), requires_grad=True, name="w")
    with pytest.raises(bl.ShapeError) as caught:
        _ = x @ (w * 2.0).tanh()
    made = walk(caught.value)
    browser.show(made)
    told = []
    for _ in made.graph.steps:
        browser.key("ArrowRight")
        told.append(browser.text("#sentence"))
    assert told == [step.sentence for step in made.graph.steps]
    assert told[-1].startswith("matmul failed: matmul: (2, 3)")
    assert "Operands: x (2, 3)" in told[-1]
    assert browser.text("#graph .bad .t") == "matmul"
    assert set(grads_shown_of(browser, made, "w")) == {"not run"}
    browser.key("Home")
    assert browser.js("return document.querySelectorAll('#graph .bad').length") == 0
    browser.check_quiet()


def grads_shown_of(browser: Any, made: Walk, name: str) -> list[str]:
    return [browser.text(f"#n{node.id} .g") for node in made.graph.nodes if node.name == name]


def test_where_a_nan_is_born(browser):
    x = tensor([1.0, 0.25], requires_grad=True, name="x")
    browser.show(walk(((x - 0.5).log() * 2.0).sum()), "step=99&node=3")
    assert browser.js("return document.querySelectorAll('#graph .bad').length") == 1
    assert browser.text("#graph .bad .t") == "log"
    assert "log made 1 NaN" in browser.text("#graph .bad")
    browser.check_quiet()


# ---- predict mode with tensors -------------------------------------------------------------------


def ask_for(browser: Any, k: int) -> None:
    browser.js(f"location.hash = 'step={k - 1}'")
    browser.wait(f"document.getElementById('place').textContent.startsWith('{k - 1} ')")
    if not browser.js("return document.getElementById('predict').checked"):
        browser.key("p")
    else:
        browser.js("document.getElementById('next').click()")


def test_predict_one_element_by_name(browser):
    a = tensor([[1.0, -2.0, 0.5], [3.0, 0.25, -1.0]], requires_grad=True, name="a")
    b = tensor([[0.5, 4.0, 1.5], [-1.5, 2.0, 0.125]], requires_grad=True, name="b")
    browser.show(walk((a * b).tanh().sum()))
    steps = browser.walk.graph.steps
    ask_for(browser, 1)  # a * b: −8 is the largest
    assert browser.text("#asked") == "element [0, 1]"
    for wrong, why in (("8", "the sign is not"), ("-4.5", "That is element [1, 0]"),
                       ("77", "Not yet: mul computes x · y"), ("", "Type a number")):  # fmt: skip
        browser.answer(answer=wrong)
        assert why in browser.text("#verdict")
    browser.answer(answer="−8")
    assert browser.text("#verdict") == "Right: −8. → goes on."
    k = next(i for i, step in enumerate(steps, 1) if "(*) → a" in step.sentence)
    ask_for(browser, k)
    edge = browser.walk.graph.edges[steps[k - 1].edges[0]]
    flow = np.array(edge.contribution.data)
    i = int(np.abs(flow).argmax())
    place = ", ".join(map(str, np.unravel_index(i, (2, 3))))
    assert browser.text("#asked") == f"element [{place}]"
    browser.answer(answer=repr(edge.upstream.data[i]))
    assert "passed the upstream gradient on as it is" in browser.text("#verdict")
    browser.answer(answer="12345")
    assert f"what flows back is {edge.vjp}, with g the gradient at n2" in browser.text("#verdict")
    browser.answer(answer=f"{flow[i]:.3g}")
    assert browser.text("#verdict").startswith("Right: ")
    browser.check_quiet()


def test_predict_the_shape_of_a_big_gradient(browser):
    bl.manual_seed(0)
    layer = nn.Linear(20, 30)
    x = tensor(np.ones((7, 20)), requires_grad=True, name="x")
    browser.show(walk(layer(x).square().mean(), module=layer))
    steps = browser.walk.graph.steps
    k = next(i for i, step in enumerate(steps, 1) if "→ weight" in step.sentence)
    ask_for(browser, k)
    assert browser.text("#asked") == "the shape of what weight receives"
    for wrong, why in (("(20, 30)", "That is its transpose"), ("(7, 30)", "what arrives at n"),
                       ("600", "a gradient has the shape of"), ("", "a gradient has")):  # fmt: skip
        browser.answer(answer=wrong)
        assert why in browser.text("#verdict")
    browser.answer(answer="30 x 20")
    assert browser.text("#verdict") == "Right: (30, 20). → goes on."
    assert browser.text("#place").startswith(f"{k} ")
    browser.check_quiet()


ODD = {
    "nan": lambda: tensor(np.nan, requires_grad=True) * 2.0,
    "infinite": lambda: tensor(0.0, requires_grad=True).log() * 0.0,
    "empty": lambda: tensor(np.zeros((0, 3)), requires_grad=True).sum(),
    "braces": lambda: (tensor([[2.0]], requires_grad=True, name="{local} {0} $1") * 3.0).sum(),
    "nans": lambda: (tensor([np.nan, 1.0], requires_grad=True) * 2.0).sum(),
    "integers": lambda: tensor([[1.0, 2.0]], requires_grad=True)[0, 1] * 3.0,
}


@pytest.mark.parametrize("name", ODD)
def test_odd_programs_step_select_and_predict(browser, name):
    made = walk(ODD[name]())
    browser.show(made)
    for step in made.graph.steps:
        browser.js("document.getElementById('next').click()")
        assert browser.text("#sentence") == step.sentence
    for _ in made.graph.nodes:
        browser.key("]")
        browser.key("w")
        browser.key("w")
    for _ in made.graph.edges:
        browser.js("document.querySelector('.uses button')?.click()")
        browser.key("r")
        browser.key("]")
    browser.key("Home")
    browser.key("p")
    for _ in range(3 * len(made.graph.steps)):
        browser.js(
            "document.getElementById('show').click(); document.getElementById('next').click()"
        )
    assert browser.text("#place").startswith(f"{len(made.graph.steps)} ")
    browser.check_quiet()
