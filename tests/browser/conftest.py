"""Debian's chromium, driven by selenium: one for all tests, each page from a file of its own.
Requests that leave the file and messages in the console are failures.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from backlit.study import Walk


class Browser:
    """What the tests do with a page."""

    def __init__(self, driver: Any, folder: Path) -> None:
        self.driver, self.folder = driver, folder
        self.walk: Any = None

    def show(self, made: Walk, address: str = "") -> None:
        self.walk = made
        self.show_html(made.html(), address)

    def show_html(self, html: str, address: str = "") -> None:
        self.driver.get("about:blank")
        self.driver.get_log("performance")
        path = self.folder / "page.html"
        path.write_text(html, encoding="utf-8")
        self.driver.get(path.as_uri() + (f"#{address}" if address else ""))

    def into_frame(self) -> None:
        self.driver.switch_to.frame(0)

    def js(self, code: str) -> Any:
        return self.driver.execute_script(code)

    def wait(self, condition: str) -> None:
        from selenium.webdriver.support.wait import WebDriverWait

        WebDriverWait(self.driver, 10).until(lambda _: self.js(f"return {condition}"))

    def text(self, selector: str) -> str:
        return self.js(f"return document.querySelector({json.dumps(selector)}).textContent")

    def node(self, name: str) -> int:
        return next(node.id for node in self.walk.graph.nodes if node.name == name)

    def type(self, keys: str) -> None:
        from selenium.webdriver import ActionChains

        ActionChains(self.driver).send_keys(keys).perform()

    def key(self, name: str) -> None:
        from selenium.webdriver import Keys

        named = {"ArrowRight": "ARROW_RIGHT", "Home": "HOME", "End": "END", "Escape": "ESCAPE"}
        self.type(getattr(Keys, named[name]) if name in named else name)

    def click(self, name: str) -> None:
        self.driver.find_element("id", name).click()

    def answer(self, **numbers: str) -> None:
        for name, text in numbers.items():
            self.js(f"document.getElementById('{name}').value = {json.dumps(text)}")
        self.js("document.getElementById('question').requestSubmit()")

    def check_quiet(self) -> None:
        """No message in the console, and no request but for the file itself."""
        assert self.driver.get_log("browser") == []
        for entry in self.driver.get_log("performance"):
            event = json.loads(entry["message"])["message"]
            if event["method"] == "Network.requestWillBeSent":
                url = event["params"]["request"]["url"]
                page = (self.folder / "page.html").as_uri()
                inside = url.partition("#")[0] in (page, "about:blank", "about:srcdoc")
                assert inside or url.startswith("data:image/"), url


@pytest.fixture(scope="session")
def driver(tmp_path_factory):
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    program, service = shutil.which("chromium"), shutil.which("chromedriver")
    if program is None or service is None:
        pytest.fail("no chromium; on Debian: apt install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    profile = tmp_path_factory.mktemp("profile")
    for flag in ("headless=new", "no-sandbox", "disable-gpu", "disable-quic",
                 "disable-dev-shm-usage", "disable-background-networking", "window-size=1400,900",
                 f"user-data-dir={profile}"):  # fmt: skip
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(service))
    driver.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"features": [{"name": "prefers-color-scheme", "value": "light"}]},
    )
    yield driver
    driver.quit()


@pytest.fixture
def browser(driver, tmp_path):
    return Browser(driver, tmp_path)


@pytest.fixture
def programs():
    """The programs that the tests of figures draw, those with endless names left out."""
    import importlib.util

    path = Path(__file__).parent.parent / "study" / "programs.py"
    spec = importlib.util.spec_from_file_location("walked_programs", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.PROGRAMS
