"""The browser, and a page's content from results that were measured."""

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

# Parity of the cpu and h200 rows and times of the h200 row at 128 experts, judged at a33497b.
RESULTS = Path(__file__).parent / "results.json"
# Of the 1,054 mutants that the cpu row was asked for on 2026-11-24 some of each operator, of each
# status and of each distribution; the counts are theirs.
MUTANTS = Path(__file__).parent / "mutants.json"


def pytest_sessionstart() -> None:
    """Ends the session where there is no browser: silence would pass for success."""
    if programs() is None:
        mend = "install them, on Debian: apt-get install -y chromium chromium-driver"
        pytest.exit(f"page: found no chromium and chromedriver on the path; {mend}", returncode=1)


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """One browser for all tests."""
    found = programs()
    assert found
    chromium = Chromium(tmp_path_factory.mktemp("chromium"), *found)
    yield chromium
    chromium.driver.quit()


@pytest.fixture(scope="session")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The content of the page of measured results."""
    plan = matrix.load()
    report = Report.model_validate_json(RESULTS.read_bytes())
    folder = tmp_path_factory.mktemp("results")
    shutil.copy(MUTANTS, folder)
    stored = page_data.stored(plan, folder)
    return page_data.content(report, plan, stored)


@pytest.fixture
def content(measured: dict[str, Any]) -> dict[str, Any]:
    """The same, to change."""
    return copy.deepcopy(measured)


@pytest.fixture
def shown(chromium: Chromium, content: dict[str, Any]) -> Iterator[Chromium]:
    """The browser with that page, after which the console has to be empty."""
    chromium.look()
    chromium.show(content)
    yield chromium
    assert chromium.complaints() == []
    assert chromium.requests() == []
