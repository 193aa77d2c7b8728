"""The browser, and the content of a page of measured results."""

import copy
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kernelproof.plan import matrix
from kernelproof.report import page_data
from kernelproof.report.report_file import Report
from tests.browser.chromium import Chromium, programs

# Parity of the cpu and h200 rows, and times of the h200 row at 128 experts, judged at a33497b.
RESULTS = Path(__file__).parent / "results.json"
# Some of the 1,054 mutants of the cpu row on 2026-11-24: of each operator, of each status and of
# each distribution; the counts are those of these.
MUTANTS = Path(__file__).parent / "mutants.json"


def pytest_sessionstart() -> None:
    """Ends the run if there is no browser, since silence would pass for success."""
    if programs() is None:
        mend = "install them, on Debian: apt-get install -y chromium chromium-driver"
        pytest.exit(f"page: found no chromium and chromedriver on the path; {mend}", returncode=1)


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """A browser for all tests."""
    paths = programs()
    assert paths
    browser = Chromium(tmp_path_factory.mktemp("chromium"), *paths)
    yield browser
    browser.driver.quit()


@pytest.fixture
def chromium(browser: Chromium) -> Iterator[Chromium]:
    """The browser; after the test its page has to be without complaints and requests."""
    yield browser
    assert browser.complaints() == []
    assert browser.requests() == []


@pytest.fixture(scope="session")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Content of the page of measured results."""
    plan = matrix.load()
    report = Report.model_validate_json(RESULTS.read_bytes())
    folder = tmp_path_factory.mktemp("results")
    shutil.copy(MUTANTS, folder)
    stored = page_data.stored(plan, folder)
    return page_data.content(report, plan, stored)


@pytest.fixture
def content(measured: dict[str, Any]) -> dict[str, Any]:
    """A copy of that content, for a test to change."""
    return copy.deepcopy(measured)


@pytest.fixture
def shown(chromium: Chromium, content: dict[str, Any]) -> Chromium:
    """The browser with that page."""
    chromium.show(content)
    return chromium
