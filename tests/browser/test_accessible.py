"""What assistive technology is given: chromium's accessibility tree of both pages. Whatever can be
focused says in words what it is, and what a step changes is announced.
"""

import re
from itertools import pairwise
from typing import Any

import pytest

from backlit.learn.report.html import render
from backlit.study import walk
from backlit.study.expressions import build
from backlit.study.language import parse

from ..learn.samples import sample

pytestmark = pytest.mark.browser
SPOKEN = re.compile(r"[A-Za-z]{2,}|\d")


def tree(browser: Any) -> list[dict[str, Any]]:
    """What is not ignored: role, name and whether it takes the focus or is announced."""
    browser.driver.execute_cdp_cmd("Accessibility.enable", {})
    nodes = browser.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    return [
        {
            "role": node["role"]["value"],
            "name": node.get("name", {}).get("value", ""),
            **{p["name"]: p["value"].get("value") for p in node.get("properties", [])},
        }
        for node in nodes
        if not node["ignored"]
    ]


def show(browser: Any, page: str) -> None:
    if page == "stepping":
        made = walk(build(parse("tanh(w*x + b)"), {"w": 0.5, "x": 2.0, "b": -1.5}))
        browser.show(made, "step=9&node=0")
    else:
        browser.show_html(render(sample(page)))


@pytest.mark.parametrize("page", ["stepping", "moons", "diabetes"])
def test_what_can_be_focused_has_a_name_in_words(browser, page):
    show(browser, page)
    found = [node for node in tree(browser) if node.get("focusable")]
    assert len(found) > 3
    for node in found:
        assert SPOKEN.search(node["name"]), node
    browser.check_quiet()


@pytest.mark.parametrize("page", ["stepping", "moons", "diabetes"])
def test_pictures_and_tables_have_names_and_headings_do_not_skip(browser, page):
    show(browser, page)
    levels = [node["level"] for node in tree(browser) if node["role"] == "heading"]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later <= earlier + 1 for earlier, later in pairwise(levels))
    unnamed = browser.js(
        "return [...document.querySelectorAll('svg[role=img], img')].filter((el) => "
        "!el.closest('[hidden]') && !el.getAttribute('aria-label') && !el.getAttribute('alt') "
        "&& !el.getAttribute('aria-labelledby') && !el.querySelector(':scope > title'))"
        ".map((el) => el.outerHTML.slice(0, 80))"
    )
    assert unnamed == []


def test_a_step_is_announced(browser):
    show(browser, "stepping")
    before = browser.text("#sentence")
    assert [node for node in tree(browser) if node.get("live") == "polite"]
    assert browser.js("return document.getElementById('sentence').ariaLive") == "polite"
    browser.key("ArrowRight")
    browser.key("ArrowRight")
    assert browser.text("#sentence") != before
    slider = next(node for node in tree(browser) if node["role"] == "slider")
    assert slider["name"] == "step"
    assert slider["valuetext"] == "11"
