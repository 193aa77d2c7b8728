"""A headless Chromium that shows one page of the report."""

import json
import shutil
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select, WebDriverWait

from kernelproof.report.page import page

_BROWSERS = ("google-chrome", "chromium", "chromium-browser")  # the first one has the driver
_ARGUMENTS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run")
_QUIET = ("background-networking", "component-update", "sync", "quic", "dev-shm-usage")
_SECONDS = 20


def programs() -> tuple[str, str] | None:
    """Returns the paths of a Chromium and of its driver, None if either is not installed."""
    browser = next(filter(None, map(shutil.which, _BROWSERS)), None)
    driver = shutil.which("chromedriver")
    return (browser, driver) if browser and driver else None


class Chromium:
    """A browser, with the folder of its pages and its profile."""

    def __init__(self, folder: Path, browser: str, driver: str) -> None:
        options = webdriver.ChromeOptions()
        options.binary_location = browser
        profile = f"--user-data-dir={folder / 'profile'}"
        for argument in (*_ARGUMENTS, *(f"--disable-{word}" for word in _QUIET), profile):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.folder = folder
        self.driver = webdriver.Chrome(options=options, service=Service(driver))
        self.keys = Keys

    def show(self, content: dict[str, Any], fragment: str = "", **screen: Any) -> None:
        """Opens the page of this content anew on such a screen, and waits for its charts."""
        self.set_screen(**screen)
        file = self.folder / "report.html"
        file.write_text(page(content), encoding="utf-8")
        self.driver.get("about:blank")
        self.driver.get_log("browser")
        self.driver.get_log("performance")
        self.driver.get(file.as_uri() + fragment)
        self.until("return performance.getEntriesByName('drawn').length > 0")

    def times(self) -> tuple[float, float]:
        """Returns and prints the milliseconds until the page could be used, and was drawn."""
        script = "return performance.getEntriesByName(arguments[0])[0].startTime"
        opened, drawn = (float(self.run(script, mark)) for mark in ("opened", "drawn"))
        print(f"usable after {opened:.0f} ms, charts after {drawn:.0f} ms")
        return opened, drawn

    def set_screen(self, *, dark: bool = False, width: int = 1280, height: int = 900) -> None:
        """Sets the colour scheme and the size of the screen."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        still = {"name": "prefers-reduced-motion", "value": "reduce"}  # a click meets no scrolling
        self.devtools("Emulation.setEmulatedMedia", media="", features=[scheme, still])
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.devtools("Emulation.setDeviceMetricsOverride", **size)

    def devtools(self, command: str, **settings: Any) -> Any:
        """Returns the answer to a command of the DevTools protocol."""
        return self.driver.execute_cdp_cmd(command, settings)

    def run(self, script: str, *arguments: Any) -> Any:
        """Runs a script in the page, and returns its result."""
        return self.driver.execute_script(script, *arguments)

    def until(self, script: str) -> None:
        """Waits until a script in the page returns a true value."""
        WebDriverWait(self.driver, _SECONDS, 0.02).until(lambda _: self.run(script))

    def first(self, selector: str) -> WebElement:
        """Returns the first element that a selector finds."""
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector: str) -> list[WebElement]:
        """Returns all elements that a selector finds."""
        return list(self.driver.find_elements(By.CSS_SELECTOR, selector))

    def choose(self, selector: str, word: str) -> None:
        """Chooses the option `word` of a select."""
        Select(self.first(selector)).select_by_visible_text(word)

    def text(self, selector: str) -> str:
        """Returns the text of the first element."""
        return str(self.run("return document.querySelector(arguments[0]).innerText", selector))

    def ids(self, table: str = "#grid") -> list[str]:
        """Returns the ids of the lines of a table that are elements at present."""
        lines = "document.querySelectorAll(arguments[0] + ' .line')"
        return list(self.run(f"return [...{lines}].map(line => line.dataset.id)", table))

    def selected(self, table: str = "#grid") -> str:
        """Returns the id of the line that the arrow keys are at.

        One script does it, since scrolling redraws the lines.
        """
        line = "document.querySelector(arguments[0] + ' .line[aria-selected=true]')"
        return str(self.run(f"return {line}.dataset.id", table))

    def press(self, *keys: str) -> None:
        """Types keys into the element that has the focus."""
        ActionChains(self.driver).send_keys(*keys).perform()

    def focus(self) -> str:
        """Returns the id of the element that has the focus."""
        return str(self.run("return document.activeElement.id"))

    def complaints(self) -> list[str]:
        """Returns the messages of the console since the page was opened."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requests(self) -> list[str]:
        """Returns the addresses requested since the page was opened, except for the page's own."""
        entries = self.driver.get_log("performance")
        events = [json.loads(entry["message"])["message"] for entry in entries]
        urls = [
            event["params"]["request"]["url"]
            for event in events
            if event["method"] == "Network.requestWillBeSent"
        ]
        own = (self.folder / "report.html").as_uri()
        return [url for url in urls if url.partition("#")[0] != own and url != "data:,"]
