"""The page at its limits: hostile words, many cases, small screens, dark, print, no network."""

import base64
import socket
from typing import Any

import pytest

from tests.browser.chromium import Chromium

HOSTILE = "</script><img src=x onerror='window.caught=1'><!--<script>@@data@@ &amp; \u2028"
CONTRAST = """
const parse = (text) => text.match(/[\\d.]+/g).slice(0, 3).map(Number);
const light = (text) => parse(text).map((part) => part / 255)
  .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
  .reduce((sum, part, place) => sum + part * [0.2126, 0.7152, 0.0722][place], 0);
return [...document.querySelectorAll(".badge, .cell")].map((element) => {
  const look = getComputedStyle(element);
  const [low, high] = [light(look.color), light(look.backgroundColor)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
});
"""


def _spoiled(content: dict[str, Any]) -> dict[str, Any]:
    """Returns the content with one case of each verdict that blocks, and mutants that do."""
    verdicts = ["fail", "slower", "inconclusive", "no-baseline", "error", "timeout", "missing"]
    for case, verdict in zip(content["cases"], verdicts, strict=False):
        case.update(verdict=verdict, blocks=True, reason=f"{verdict}, made up")
    statuses = ["survived", "timed out", "no build", "refuted"]
    for mutant, status in zip(content["mutants"]["mutants"], statuses, strict=False):
        mutant.update(status=status)
    content["report"]["blocks"] = True
    content["conclusion"] = content["conclusion"].replace("GOOD", "BLOCKED")
    return content


def test_hostile_words_are_words(chromium: Chromium, content: dict[str, Any]) -> None:
    """They are shown as they are, whatever field they are in, and nothing of them runs."""
    case = content["cases"][0]
    case.update(id=HOSTILE, reason=HOSTILE, reproduce=HOSTILE, verdict="fail", blocks=True)
    case.update(dtype=HOSTILE, row=HOSTILE, digest=HOSTILE)
    content["conclusion"] = f"BLOCKED: {HOSTILE}"
    content["machines"][0]["what"][HOSTILE] = HOSTILE
    content["baselines"][0]["blessings"][0]["reason"] = HOSTILE
    content["speed"][0]["curves"][0]["name"] = HOSTILE
    content["mutants"]["cases"][0] = HOSTILE
    for name in ("id", "file", "operator", "status", "why", "before", "after", "source"):
        content["mutants"]["mutants"][0][name] = HOSTILE
    chromium.show(content)
    chromium.first(".line").click()
    assert chromium.text("#details-title").strip() == HOSTILE.strip()
    assert chromium.run("return document.querySelector('.reproduce').textContent") == HOSTILE
    assert chromium.run("return document.title").strip() == f"BLOCKED: {HOSTILE}".strip()
    assert chromium.run("return [window.caught, document.images.length]") == [None, 0]
    assert chromium.run("return document.scripts.length") == 2


def test_the_policy_forbids_the_network(browser: Chromium, content: dict[str, Any]) -> None:
    """Added scripts, pictures and requests are refused; a listener gets no connection."""
    browser.show(content)
    assert browser.run("return performance.getEntriesByType('resource').length") == 0
    assert browser.requests() == []
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        error = browser.driver.execute_async_script(
            "fetch(arguments[0]).then(arguments[1], (error) => arguments[1](error.name))", url
        )
        assert error == "TypeError"
        browser.run(
            "document.body.append(Object.assign(new Image(), {src: arguments[0]}));"
            "const added = document.createElement('script');"
            "added.textContent = 'window.caught = 1'; document.body.append(added)",
            url,
        )
        assert browser.run("return window.caught") is None
        server.settimeout(0.5)
        with pytest.raises(TimeoutError):
            server.accept()
    complaints = browser.complaints()
    assert len(complaints) >= 3
    assert all("Content Security Policy" in complaint for complaint in complaints)


def test_ten_thousand_cases_open_in_a_second(chromium: Chromium, content: dict[str, Any]) -> None:
    """The page can be used within a second; the last case is a link or a key away."""
    some = content["cases"]
    content["cases"] = [
        {**some[place % len(some)], "id": f"{some[place % len(some)]['id']}{place:05}"}
        for place in range(10_000)
    ]
    last = content["cases"][-1]["id"]
    for fragment in (f"#case={last}", ""):
        chromium.show(content, fragment)
        assert chromium.times()[0] < 1000
        assert len(chromium.ids()) < 100
        assert not fragment or chromium.text("#details-title") == last
    chromium.first("#grid").click()
    chromium.press(chromium.keys.ESCAPE)
    chromium.run("document.getElementById('grid').focus()")
    chromium.press(chromium.keys.END)
    assert chromium.ids()[-1] == last
    chromium.first("#filter").send_keys(last)
    assert chromium.ids() == [last]


def test_a_phone(chromium: Chromium, content: dict[str, Any]) -> None:
    """At 360 points nothing reaches over the side, and a case is a screen of its own."""
    case = content["cases"][-1]["id"]
    wide = "return Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)"
    box = "const box = document.getElementById(arguments[0]); return box."
    for fragment in ("", f"#case={case}"):
        chromium.show(_spoiled(content), fragment, width=360, height=740)
        assert chromium.run(wide) <= 360
        for name in ("details", "grid", "mutant-grid"):
            assert chromium.run(f"{box}scrollWidth - box.clientWidth", name) <= 0
            assert chromium.run(f"{box}getBoundingClientRect().width", name) <= 360


def test_dark_and_light(chromium: Chromium, content: dict[str, Any]) -> None:
    """The system's preference decides; every verdict has a contrast of 4.5 to 1 at least."""
    ground = "return getComputedStyle(document.documentElement).backgroundColor"
    for is_dark, colour in ((False, "rgb(255, 255, 255)"), (True, "rgb(20, 24, 29)")):
        chromium.show(_spoiled(content), dark=is_dark)
        assert chromium.run(ground) == colour
        assert min(chromium.run(CONTRAST)) >= 4.5


def test_print(shown: Chromium, content: dict[str, Any]) -> None:
    """It has all cases, not just those in sight, and no tools; a PDF comes out."""
    shown.run("dispatchEvent(new Event('beforeprint'))")
    shown.devtools("Emulation.setEmulatedMedia", media="print")
    assert len(shown.ids()) == len(content["cases"])
    assert not shown.first("nav").is_displayed()
    assert not shown.first("#filters").is_displayed()
    lines = "document.querySelectorAll('#grid .line')"
    tops = shown.run(f"return [...{lines}].map(line => line.offsetTop)")
    assert tops == sorted(set(tops))
    shown.devtools("Emulation.setEmulatedMedia", media="")
    shown.run("dispatchEvent(new Event('afterprint'))")
    assert len(shown.ids()) < len(content["cases"])
    paper = base64.b64decode(shown.devtools("Page.printToPDF")["data"])
    assert paper.startswith(b"%PDF-")


def test_history(chromium: Chromium, content: dict[str, Any]) -> None:
    """Each step has the commits before and after it; a case shows its runs."""
    case = content["cases"][-1]["id"]
    runs = [{"date": None, "commit": c * 40, "dirty": False, "blocks": False} for c in "abc"]
    step = {"case": case, "before": 0, "run": 1, "percent": 6.0, "ratio_percent": 6.1}
    content["history"] = {
        "runs": runs,
        "words": {"a": "same", "b": "slower"},
        "cases": {f"perf {case}": {"verdicts": "abb", "points": [[0, 1, 1], [1, 2, 2], [2, 2, 2]]}},
        "steps": [{**step, "by": "kernel", "is_confirmed": True}],
        "skipped": 2,
    }
    chromium.show(content)
    runs_line = "3 runs since without a date; 2 reports were unreadable, and skipped; a step is"
    assert chromium.text("#history-runs").startswith(runs_line)
    cells = chromium.text("#history-steps tbody tr").split("\t")
    assert cells[:4] == [case, "▼ slower +6.00 %", "+6.10 %", "kernel"]
    assert cells[4:] == ["a" * 12, "b" * 12, "confirmed"]
    chromium.first("#history-steps a").click()
    chromium.until("return document.getElementById('details').open")
    assert chromium.text("#details-title") == case
    assert "slower" in chromium.text("#details")
