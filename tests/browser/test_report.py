"""The page of a walk in Debian's chromium: nothing sticks out or lies over something else, sliders
move by keys and carry what they show, names stay text, all of it can be read without the script.
"""

import json
import re
from typing import Any

import pytest

from backlit.learn.report.html import render

from ..learn.disguises import disguised
from ..learn.samples import sample
from ..learn.test_walk_report import HOSTILE

pytestmark = pytest.mark.browser
SAMPLES = ("digits", "moons", "diabetes")
PAGES = {name: render(sample(name)) for name in SAMPLES}


def emulate(browser: Any, width: int, scheme: str = "light", media: str = "screen") -> None:
    """A window of that width in that colour scheme, or paper."""
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.driver.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"media": media, "features": features}
    )
    browser.driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False},
    )


@pytest.fixture
def window(browser):
    """The browser; afterwards its window is as it was."""
    yield browser
    emulate(browser, 1400)
    browser.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


STICKS_OUT = """
return [...document.querySelectorAll("body *")].filter(e => {
  if (e.closest(".hidden, svg, .off, script, style")) return false;
  const box = e.getBoundingClientRect();
  const inside = e.closest(".scroll");
  return box.width && !inside && (box.right > innerWidth + 1 || box.left < -1);
}).map(e => e.outerHTML.slice(0, 80));
"""
OVERLAPS = """
const found = [];
for (const svg of document.querySelectorAll("main svg")) {
  const outer = svg.getBoundingClientRect();
  if (!outer.width) continue;
  const texts = [...svg.querySelectorAll("text")].map(t => [t.textContent,
    t.getBoundingClientRect()]);
  texts.forEach(([a, p], i) => {
    if (p.left < outer.left - 1 || p.right > outer.right + 1 || p.top < outer.top - 1
        || p.bottom > outer.bottom + 1) found.push("cut: " + a);
    texts.slice(i + 1).forEach(([b, q]) => {
      if (p.left < q.right - 1 && q.left < p.right - 1 && p.top < q.bottom - 2
          && q.top < p.bottom - 2) found.push(a + " over " + b);
    });
  });
}
return found;
"""
FAINT = """
function parts(colour) { return colour.match(/[\\d.]+/g).map(Number); }
function light(colour) {
  const [r, g, b] = parts(colour).map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
function ground(e) {
  for (; e; e = e.parentElement) {
    const colour = getComputedStyle(e).backgroundColor;
    if (parts(colour)[3] !== 0) return colour;
  }
  return "rgb(255, 255, 255)";
}
const found = [];
for (const e of document.querySelectorAll("body *")) {
  const own = [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
  const box = e.getBoundingClientRect();
  if (!own || !box.width || e.closest(".hidden, script, style, details:not([open])")) continue;
  const style = getComputedStyle(e);
  const colour = e.closest("svg") ? style.fill : style.color;
  const [a, b] = [light(colour), light(ground(e.closest("svg") ? e.closest("svg") : e))];
  const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  if (contrast < 4.5) found.push([e.outerHTML.slice(0, 90), contrast]);
}
return found;
"""


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 768, 420, 320])
def test_nothing_sticks_out_overlaps_or_is_faint(window, name, scheme, width):
    emulate(window, width, scheme)
    window.show_html(PAGES[name])
    window.js("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    assert window.js("return document.documentElement.scrollWidth - innerWidth") <= 0
    assert window.js(STICKS_OUT) == []
    assert window.js(OVERLAPS) == []
    assert window.js(FAINT) == []
    window.check_quiet()


SCROLLS = """
return [...document.querySelectorAll('.scroll')]
  .filter(e => e.clientWidth && e.scrollWidth > e.clientWidth)
  .map(e => e.getAttribute('aria-label'));
"""


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("width", [1400, 1200])
def test_no_table_of_a_wide_window_scrolls(window, name, width):
    emulate(window, width, "light")
    window.show_html(PAGES[name])
    assert window.js(SCROLLS) == []


@pytest.mark.parametrize("name", SAMPLES)
def test_paper_is_white_and_wide_enough(window, name):
    emulate(window, 718, "dark", "print")
    window.show_html(PAGES[name])
    assert window.js("return document.documentElement.scrollWidth - innerWidth") <= 0
    assert window.js("return getComputedStyle(document.body).color") == "rgb(28, 30, 33)"
    shown = "e => e.getBoundingClientRect().height"
    assert window.js(f"return [...document.querySelectorAll('nav, .slider')].filter({shown})") == []
    assert window.js(FAINT) == []
    window.js("window.dispatchEvent(new Event('beforeprint'))")
    assert window.js("return document.querySelectorAll('details:not([open])').length") == 0
    window.js("window.dispatchEvent(new Event('afterprint'))")
    assert window.js("return document.querySelectorAll('details[open]').length") == 0


def test_the_plane_by_keyboard(browser):
    browser.show_html(PAGES["moons"])
    frames = "document.querySelectorAll('[data-frame]:not(.off)')"
    epochs = sample("moons").extras["plane_frames"]["epochs"]
    assert browser.js(f"return {frames}.length") == 1
    browser.driver.find_element("id", "plane-slider").send_keys("")
    browser.key("Home")
    assert browser.text("#plane-slider ~ output") == f"epoch {epochs[0]}"
    assert browser.js(f"return {frames}[0].dataset.frame") == "0"
    for k in range(1, len(epochs)):
        browser.key("ArrowRight")
        assert browser.text("#plane-slider ~ output") == f"epoch {epochs[k]}"
        assert browser.js(f"return [...{frames}].map(f => f.dataset.frame)") == [str(k)]
    slider = browser.js("return document.getElementById('plane-slider')")
    assert slider.get_attribute("aria-valuetext") == f"epoch {epochs[-1]}"
    browser.check_quiet()


def test_one_slider_moves_all_lines_and_numbers_of_the_layers(browser):
    browser.show_html(PAGES["digits"])
    fit: Any = sample("digits").context.fit
    browser.driver.find_element("id", "looks-slider").send_keys("")
    places = []
    for key, look in (("Home", fit.looks[0]), ("End", fit.looks[-1])):
        browser.key(key)
        assert browser.text("#looks-slider ~ output") == f"epoch {look.epoch}"
        shown = browser.js("return [...document.querySelectorAll('[data-values]')]"
                           ".map(c => c.textContent)")  # fmt: skip
        dead = [layer.dead for layer in look.layers]
        assert shown[2::3] == ["–" if d is None else f"{100 * d:.0f}\N{NO-BREAK SPACE}%"
                               for d in dead]  # fmt: skip
        updates = [layer.update for layer in look.layers]
        for text, update in zip(shown[::3], updates, strict=True):
            assert text == "–" if update is None else float(text) == pytest.approx(update, rel=0.06)
        places.append(browser.js("return [...document.querySelectorAll('.cursor')]"
                                 ".map(c => c.getBoundingClientRect().left)"))  # fmt: skip
    assert len(places[0]) == 3
    assert all(a < b - 100 for a, b in zip(*places, strict=True))
    browser.check_quiet()


def test_without_the_script_all_can_be_read(browser):
    bare = re.sub(r"<script>.*</script>", "", PAGES["moons"], flags=re.S)
    browser.show_html(bare)
    visible = "e => e.getBoundingClientRect().height > 0"
    assert browser.js(f"return [...document.querySelectorAll('.slider')].some({visible})") is False
    assert browser.js("return document.querySelectorAll('[data-frame]:not(.off)').length") == 1
    assert len(browser.js("return document.querySelector('[data-values]').textContent")) > 2


def test_the_policy_stops_what_is_put_into_the_page(browser):
    browser.show_html(PAGES["moons"])
    browser.js("""
        const bad = document.createElement("script");
        bad.textContent = "window.ran = true";
        document.body.append(bad);
        const image = document.createElement("img");
        image.src = "https://example.org/x.png";
        document.body.append(image);
    """)
    assert browser.js("return window.ran") is None
    refused = [entry["message"] for entry in browser.driver.get_log("browser")]
    assert any("Content Security Policy" in message for message in refused)


@pytest.mark.parametrize("name", SAMPLES)
def test_hostile_names_are_text(browser, name):
    browser.show_html(render(disguised(name, HOSTILE)))
    assert browser.js("return document.scripts.length") == 1
    assert browser.js("return document.querySelectorAll('img:not([alt])').length") == 0
    assert browser.js("return [...document.querySelectorAll('*')].filter(e => [...e.attributes]"
                      ".some(a => a.name.startsWith('on'))).length") == 0  # fmt: skip
    assert HOSTILE[0] in browser.text("main")
    browser.check_quiet()


def test_links_lead_to_the_steps(browser):
    browser.show_html(PAGES["digits"])
    for link in browser.js("return [...document.querySelectorAll('nav a')].map(a => a.hash)"):
        assert browser.js(f"return document.querySelector({json.dumps(link)}) !== null")
