"""Stepping pages of large graphs in Debian's chromium: of them only what is in sight is there, and
what one looks at stays in sight.
"""

from typing import Any

import numpy as np
import pytest

import backlit as bl
from backlit.engine import tensor
from backlit.study import Walk, walk

pytestmark = pytest.mark.browser


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


SEEN = """
const pane = document.getElementById('pane').getBoundingClientRect();
const within = (x, y) => x > pane.left && x < pane.right && y > pane.top && y < pane.bottom;
return [...document.querySelectorAll('#graph .n, #graph .w')].filter((el) => {
  const at = el.getBoundingClientRect();
  if (at.right < pane.left || at.left > pane.right) return false;
  if (at.bottom < pane.top || at.top > pane.bottom) return false;
  if (el.id[0] === 'n') return true;
  const whole = el.getTotalLength(), matrix = el.getScreenCTM();
  for (let i = 0; i <= 100; i++) {
    const { x, y } = el.getPointAtLength((whole * i) / 100).matrixTransform(matrix);
    if (within(x, y)) return true;
  }
}).map((el) => el.id);
"""


def test_of_a_large_graph_only_what_is_in_sight_is_there(browser):
    """All that would be seen is there, wherever the pane is; zoomed out, all nodes are."""
    rng = np.random.default_rng(0)
    start = rng.normal(size=120)
    leaves = [tensor(float(v), requires_grad=True, name=f"w{i}") for i, v in enumerate(start)]
    y = leaves[0]
    for i in range(400):
        y = (y * leaves[i % 120] + leaves[(7 * i) % 120]).tanh()
    made = bl.walk(y)
    total = len(made.graph.nodes) + len(made.graph.edges)
    whole = made.html().replace('class="big"', 'class=""')  # of which nothing is taken out
    assert whole != made.html()
    there = "return [...document.querySelectorAll('#graph .n, #graph .w')].map((el) => el.id)"
    found: list[list[set[str]]] = []
    for html, asked in ((whole, SEEN), (made.html(), there)):
        browser.show_html(html)
        found.append([])
        for button in ("fit", "bigger", "bigger", "bigger"):
            browser.js(f"for (let i = 0; i < 8; i++) document.getElementById('{button}').click()")
            for x, y in [(0.0, 0.0), (0.3, 0.2), (0.5, 0.9), (0.95, 0.6)]:
                browser.js(
                    "const p = document.getElementById('pane'); window.framed = false;"
                    f"p.scrollTo({{left: {x} * p.scrollWidth, top: {y} * p.scrollHeight,"
                    "behavior: 'instant'});"
                    "requestAnimationFrame(() => requestAnimationFrame(() => framed = true))"
                )
                browser.wait("window.framed")
                found[-1].append(set(browser.js(asked)))
    for seen, here in zip(*found, strict=True):
        assert seen <= here
    assert max(map(len, found[1])) > total / 4
    assert min(map(len, found[1])) < total / 10
    for _ in range(3):
        browser.key("ArrowRight")
        assert browser.js("return document.querySelectorAll('#graph .n.cur').length") > 0
    browser.check_quiet()


def large() -> Walk:
    """Some 700 nodes in single numbers."""
    rng = np.random.default_rng(0)
    start = rng.normal(size=60)
    leaves = [tensor(float(v), requires_grad=True, name=f"w{i}") for i, v in enumerate(start)]
    y = leaves[0]
    for i in range(220):
        y = (y * leaves[i % 60] + leaves[(7 * i) % 60]).tanh()
    return bl.walk(y)


CENTRE_IN_SIGHT = """
const pane = document.getElementById('pane').getBoundingClientRect();
const { x, y, width, height } = document.querySelector(arguments[0])?.getBoundingClientRect() ?? {};
const [u, v] = [x + width / 2, y + height / 2];
return u > pane.left && u < pane.right && v > pane.top && v < pane.bottom;
"""


def in_sight(browser: Any, selector: str) -> bool:
    """Whether there is such an element, and its middle is within the pane."""
    return browser.driver.execute_script(CENTRE_IN_SIGHT, selector)


@pytest.mark.parametrize("size", ["small", "large"])
def test_what_one_looks_at_stays_in_sight_at_any_zoom(browser, size):
    x = tensor(0.5, requires_grad=True, name="x")
    y = x
    for _ in range(14):
        y = (y * x).tanh()
    made = walk(y) if size == "small" else large()
    browser.show(made, f"step={len(made.graph.steps) // 3}")
    for key in ["-"] * 14 + ["+"] * 22 + ["0"] + ["+"] * 9:
        browser.key(key)
        assert in_sight(browser, "#graph .n.cur"), browser.text("#fit")
    assert browser.text("#fit") != "100%"
    browser.check_quiet()


def test_a_window_of_another_size_keeps_the_current_node(browser):
    browser.show(large(), "step=500")
    emulate = browser.driver.execute_cdp_cmd
    try:
        for width, height in ((1000, 620), (420, 800), (1400, 900)):
            size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
            emulate("Emulation.setDeviceMetricsOverride", size)
            browser.wait(f"innerWidth === {width}")
            browser.driver.execute_async_script("requestAnimationFrame(() => arguments[0]())")
            assert in_sight(browser, "#graph .n.cur"), width
    finally:
        emulate("Emulation.clearDeviceMetricsOverride", {})
    browser.check_quiet()


def test_links_to_what_is_out_of_sight_show_it(browser):
    made = large()
    far = next(node.id for node in made.graph.nodes if node.name == "w59")
    edge = made.graph.inputs_of[600][0].id
    for address, selector in ((f"node={far}", f"#n{far}.sel"), (f"edge={edge}", f"#e{edge}.sel")):
        browser.show(made, f"step=10&{address}")
        assert in_sight(browser, selector)
    browser.type("[")
    assert browser.js("return document.querySelectorAll('#graph .n.sel').length") == 1
    assert in_sight(browser, "#graph .n.sel")
    browser.js("document.querySelector('.uses button').click()")
    assert browser.js("return document.querySelectorAll('#graph .w.sel').length") == 1
    browser.check_quiet()


def test_paths_and_what_if_reach_what_is_out_of_sight(browser):
    """What comes into sight later looks as if it had been there all the time."""
    made = large()
    seen = "return document.getElementById('pane').scrollHeight > 5000 && [...document" \
        ".querySelectorAll('#graph .n')].sort((a, b) => a.id.slice(1) - b.id.slice(1))" \
        ".map((el) => el.id + el.getAttribute('class') + el.textContent)"  # fmt: skip
    leaf = next(node.id for node in made.graph.nodes if node.name == "w39")
    found = []
    for html in (made.html().replace('class="big"', 'class=""'), made.html()):
        browser.show_html(html, f"step=99999&node={leaf}")
        browser.js(
            "const i = document.getElementById('whatif'); i.value = '-0.7';"
            "i.dispatchEvent(new Event('change'))"
        )
        browser.js("document.getElementById('ways').click()")
        found.append({})
        for part in range(120):
            browser.driver.execute_async_script(
                "const pane = document.getElementById('pane'), done = arguments[0];"
                f"pane.scrollTo({{ top: {part} / 120 * pane.scrollHeight, behavior: 'instant' }});"
                "requestAnimationFrame(() => requestAnimationFrame(done))"
            )
            found[-1] |= {each.split("n ")[0]: each for each in browser.js(seen)}
    whole, culled = found
    assert len(whole) == len(made.graph.nodes)
    assert culled == whole
    assert sum("way" in each for each in culled.values()) > 20
    browser.check_quiet()


def test_paper_has_all_of_a_large_graph_on_white(browser):
    browser.show(large(), "step=500")
    count = "return document.querySelectorAll('#graph .n').length"
    before = browser.js(count)
    browser.js("dispatchEvent(new Event('beforeprint'))")
    assert browser.js(count) == len(browser.walk.graph.nodes) > 600
    browser.js("dispatchEvent(new Event('afterprint'))")
    assert browser.js(count) == before < 100
    dark = {"name": "prefers-color-scheme", "value": "dark"}
    emulate = browser.driver.execute_cdp_cmd
    try:
        for asked in ("false", "true"):  # also where the reader has switched
            browser.js(f"document.getElementById('theme').checked = {asked}")
            emulate("Emulation.setEmulatedMedia", {"media": "print", "features": [dark]})
            colour = browser.js("return getComputedStyle(document.body).backgroundColor")
            assert colour == "rgb(255, 255, 255)"
            cut = (
                "const p = document.getElementById('pane'); return p.scrollHeight - p.clientHeight"
            )
            assert browser.js(cut) == 0
    finally:
        light = {"name": "prefers-color-scheme", "value": "light"}
        emulate("Emulation.setEmulatedMedia", {"media": "", "features": [light]})
    browser.check_quiet()


def test_a_large_page_in_a_notebooks_frame(browser):
    bundle = large()._repr_mimebundle_()
    browser.show_html(f"<!DOCTYPE html><title>notebook</title>{bundle['text/html']}")
    browser.into_frame()
    for _ in range(3):
        browser.js("document.getElementById('next').click()")
        assert browser.js("return document.querySelectorAll('#graph .n.cur').length") == 1
    browser.js("document.getElementById('last').click()")
    browser.js("document.getElementById('bigger').click()")
    assert in_sight(browser, "#graph .n.cur")
    browser.check_quiet()
