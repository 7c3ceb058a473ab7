"""The stepping page in Debian's chromium: stepping, predicting, paths, keys, and nothing loaded.
Run by `make test-browser`; numbers are compared with the engine's own `.grad`.
"""

from typing import Any

import numpy as np
import pytest

import backlit as bl
from backlit import optim
from backlit.engine import scope, tensor
from backlit.study import Walk, walk

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
    page.js("document.getElementById('help').hidePopover()")
    page.js("location.hash = 'step=zzz&node=999&edge=-1&paths=x&by=%00'")
    page.wait("document.getElementById('place').textContent.startsWith('0 ')")
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


def test_a_page_of_five_thousand_nodes_steps(browser):
    w = tensor(1.0, requires_grad=True, dtype=np.float64, name="w")
    y = w * 1.0
    for i in range(2500):
        y = y * w if i % 2 else y + 0.001
    made: Walk = bl.walk(y)
    browser.show(made, "step=3000")
    browser.key("ArrowRight")
    assert browser.text("#sentence") == made.graph.steps[3000].sentence
    browser.key("End")
    assert browser.text("#sentence") == made.graph.steps[-1].sentence
    browser.check_quiet()
