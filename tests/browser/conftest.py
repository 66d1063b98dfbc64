"""Headless Chromium for the tests of pages; it remembers what a page complained of and asked for."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--window-size=1280,900",
)  # fmt: skip


class Page:
    """An open page, with the questions that tests ask of it."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def run(self, script: str, *arguments: Any) -> Any:
        """The value that a script returns."""
        return self.driver.execute_script(f"return {script}", *arguments)

    def open(self, path: Path) -> None:
        """Open a report and wait until all its figures are drawn."""
        from selenium.webdriver.support.ui import WebDriverWait

        for kind in ("browser", "performance"):
            self.driver.get_log(kind)  # what earlier pages said
        self.driver.get(path.as_uri())
        WebDriverWait(self.driver, 60, 0.05).until(
            lambda _: self.run("document.documentElement.dataset.drawn") == "true"
        )

    def complaints(self) -> list[str]:
        """Everything on the console: errors, warnings, violations of the content security policy."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requests(self) -> list[str]:
        """The addresses that were asked for, but for the file itself and data in the page."""
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        sent = [e["params"] for e in events if e["method"] == "Network.requestWillBeSent"]
        # the browser's own start page asks for things too
        urls = [s["request"]["url"] for s in sent if s["documentURL"] == self.driver.current_url]
        assert self.driver.current_url in urls, "the log does not even have the page itself"
        return [url for url in urls if not url.startswith(("file:", "data:", "blob:"))]

    def button(self, text: str, within: str = "body") -> Any:
        """The button with this label."""
        buttons = self.driver.find_elements("css selector", f"{within} button")
        return next(button for button in buttons if button.text.strip() == text)

    def emulate(self, **features: str) -> None:
        """Pretend preferences of the reader such as a dark page."""
        media = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": media})


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """One browser for all tests."""
    if CHROMIUM is None or DRIVER is None:
        pytest.skip("Chromium and chromedriver are not installed (Debian: apt-get install chromium-driver)")
    webdriver = pytest.importorskip("selenium.webdriver")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    options.set_capability("unhandledPromptBehavior", "ignore")
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def page(chromium: Any) -> Iterator[Page]:
    """A page as a desktop shows it; what a test emulates ends with it."""
    opened = Page(chromium)
    yield opened
    chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    chromium.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.fixture
def open_report(page: Page, tmp_path: Path) -> Callable[..., Page]:
    """Write a report on studies and open it."""

    def write_and_open(*studies: Any) -> Page:
        from cosearch.report import write_report

        path = tmp_path / "report.html"
        write_report(studies, path)
        page.open(path)
        return page

    return write_and_open
