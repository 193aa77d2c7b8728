"""The page in use: its sections, filters, links and keys, without a network."""

from typing import Any

from kernelproof.plan.repository import ROOT
from tests.browser.chromium import Chromium

CASE = "gemma4_routing-h200-bf16-E128-K8-T262144"


def test_the_verdict_and_the_matrix(shown: Chromium, content: dict[str, Any]) -> None:
    """The terminal's conclusion, and a square for each row, check and dtype, with its count."""
    state, _, rest = content["conclusion"].partition(": ")
    assert shown.text("#conclusion").replace("\n", " ") == f"✓ {state} {rest}"
    squares = [square.text for square in shown.all(".cell")]
    assert squares == ["✓ 17", "✓ 17", "✓ 17", "✓ 17", "✓ 17", "✓ 18", "= 7", "= 7", "= 7"]
    label = shown.first(".cell").get_attribute("aria-label")
    assert label == "cpu fp32, parity: 17 pass"


def test_every_section_is_there(shown: Chromium) -> None:
    """Its charts are drawn and not blank; without a history there is no section of it.

    A picture of the page is left in `results/page.png`.
    """
    links = [link.text for link in shown.all("nav a")]
    charts = ["Time over T", "Baselines", "Gate card"]
    assert links == ["Matrix", "Cases", *charts, "Mutants", "Machines"]
    inked = shown.run(
        "return [...document.querySelectorAll('canvas')].map(canvas => canvas.getContext('2d')"
        ".getImageData(0, 0, canvas.width, canvas.height).data.some(Boolean))"
    )
    assert inked == [True] * 5
    file = ROOT / "results" / "page.png"
    file.parent.mkdir(exist_ok=True)
    assert shown.driver.save_screenshot(str(file))
    assert file.stat().st_size > 20_000
    shown.first("#speed details summary").click()
    assert "262,144" in shown.text("#speed-table")
    assert "of 600 unchanged rows blamed" in shown.text("#gate-alarms")
    assert "the first times of the row" in shown.text("#blessings")


def test_the_filter(shown: Chromium, content: dict[str, Any]) -> None:
    """All words have to be in a case's id, verdict, check or reason; Esc clears it.

    The selects narrow, too; a square of the matrix sets them.
    """
    count = len(content["cases"])
    shown.first("#filter").send_keys("h200 BF16 t2048")
    wanted = [case for case in content["cases"] if "-h200-bf16-E128-K8-T2048" in case["id"]]
    assert sorted(shown.ids()) == sorted(case["id"] for case in wanted)
    assert shown.text("#count") == f"{len(wanted)} of {count} cases"
    shown.first("#filter").send_keys(" nowhere")
    assert shown.ids() == []
    assert "no case fits" in shown.text("#grid-body")
    shown.press(shown.keys.ESCAPE)
    assert shown.text("#count") == f"{count} cases"
    assert shown.focus() == "grid"
    shown.choose("#verdict", "same")
    assert shown.text("#count") == f"21 of {count} cases"
    shown.all(".cell")[5].click()
    assert shown.text("#count") == f"18 of {count} cases"
    assert all("-h200-bf16-" in case for case in shown.ids())
    assert shown.focus() == "grid"


def test_a_click_opens_a_case(shown: Chromium) -> None:
    """It shows verdict, error, digests, times with intervals, code by architecture, command."""
    shown.first("#filter").send_keys(CASE)
    shown.first(".line").click()
    details = shown.text("#details")
    for words in (CASE, "ulp, at most 6 promised", "✓ the same", "limit 3 %", "sm_90", "gfx942"):
        assert words in details
    commands = [line.text for line in shown.all(".reproduce")]
    assert commands == [f"nox -s reproduce -- {CASE}", f"nox -s perf-regress -- --case {CASE}"]
    assert shown.text(".costs tr.here th") == "sm_90"
    assert shown.run("return location.hash") == f"#case={CASE}"
    shown.first("#close").click()
    assert not shown.run("return document.getElementById('details').open")
    assert shown.run("return location.hash") == "#cases"


def test_the_command_can_be_copied(shown: Chromium) -> None:
    """Its button says so."""
    shown.devtools("Browser.grantPermissions", permissions=["clipboardReadWrite"])
    shown.run("location.hash = arguments[0]", f"#case={CASE}")
    shown.until("return document.querySelector('.again button')")
    shown.first(".again button").click()
    shown.until("return document.querySelector('.again button').textContent === 'Copied'")
    copied = shown.driver.execute_async_script(
        "navigator.clipboard.readText().then(arguments[0], error => arguments[0](`${error}`))"
    )
    assert copied == f"nox -s reproduce -- {CASE}"


def test_deep_links(chromium: Chromium, content: dict[str, Any]) -> None:
    """They open their case at once; a case that is not there is named; going back closes it."""
    chromium.show(content, f"#case={CASE}")
    assert chromium.text("#details-title") == CASE
    chromium.show(content, "#case=toy-cpu-fp32-T1")
    assert chromium.text("#count") == "no case toy-cpu-fp32-T1 in this report"
    chromium.run("location.hash = arguments[0]", f"#case={CASE}")
    chromium.until("return document.getElementById('details').open")
    chromium.run("history.back()")
    chromium.until("return !document.getElementById('details').open")


def test_the_keyboard(shown: Chromium, content: dict[str, Any]) -> None:
    """Slash, words, Enter into the table, arrows, Enter into a case, Esc out of it."""
    keys = shown.keys
    shown.press("/")
    assert shown.focus() == "filter"
    shown.press("cpu-fp32", keys.ENTER)
    assert shown.focus() == "grid"
    shown.press(keys.ARROW_DOWN, keys.ARROW_DOWN, keys.ARROW_DOWN, keys.ARROW_UP)
    here = shown.selected()
    of_cell = [case["id"] for case in content["cases"] if "-cpu-fp32-" in case["id"]]
    assert here == of_cell[2]
    assert shown.first("#grid").get_attribute("aria-activedescendant") == "grid-2"
    shown.press(keys.END)
    assert shown.selected() == of_cell[-1]
    shown.press(keys.HOME, keys.ENTER)
    assert shown.text("#details-title") == of_cell[0]
    shown.press(keys.ESCAPE)
    shown.until("return !document.getElementById('details').open")
    assert shown.focus() == "grid"


def test_the_focus_is_seen(shown: Chromium) -> None:
    """Tab reaches squares, filter, table and selects in turn, each with an outline."""
    reached = []
    for _ in range(32):
        shown.press(shown.keys.TAB)
        reached.append(shown.focus())
        width = shown.run("return getComputedStyle(document.activeElement).outlineWidth")
        assert width != "0px"
    wanted = [name for name in reached if name in {"filter", "verdict", "check", "grid"}]
    assert wanted == ["filter", "verdict", "check", "grid"]
    assert "speed-set" in reached


def test_sorting(shown: Chromium, content: dict[str, Any]) -> None:
    """A column's head sorts by it, in either direction, which the head shows."""
    shown.first("#filter").send_keys("cpu parity")
    shown.all(".sort")[3].click()
    shown.all(".sort")[3].click()
    worst = max(
        (case for case in content["cases"] if case["row"] == "cpu"),
        key=lambda case: float(case["numbers"].get("max_ulp", 0)),
    )
    assert shown.ids()[0] == worst["id"]
    head = shown.all("[role=columnheader]")[3]
    assert head.get_attribute("aria-sort") == "descending"


def test_machines_side_by_side(shown: Chromium) -> None:
    """Differences are lit, with a sign beside the colour; the rest can be left out."""
    heads = shown.text("#machine-table thead").rstrip("\n").split("\t")
    assert heads == ["", "results", "baseline: gemma4_routing", "gate card"]
    lit = shown.all("#machine-table td.lit")
    assert lit
    count = len(shown.all("#machine-table tbody tr"))
    shown.first("#machine-differs").click()
    assert 0 < len(shown.all("#machine-table tbody tr")) < count
    assert len(shown.all("#machine-table td.lit")) == len(lit)
