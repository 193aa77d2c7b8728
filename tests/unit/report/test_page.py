"""The page's text and its data: escaped, self-contained, of the same model as the other forms."""

import base64
import hashlib
import json
import math
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from kernelproof.plan import matrix
from kernelproof.records.mutation_run import MutantStatus
from kernelproof.report import page_data
from kernelproof.report.page import ASSETS, embedded, page
from kernelproof.report.page_data import PageSources
from kernelproof.report.report_file import Report, report_of
from kernelproof.report.terminal import conclusion
from tests.unit.report.test_report import SOURCE, judged, mixed

NOTHING = PageSources(golden=[], locks=[], baselines=[], cards=[], benches=[], mutants=None)
PLAN = matrix.load()
HOSTILE = "</script><img src=x onerror=alert(1)>\u2028@@style@@ &quot; <!-- ]]>"


def content_of(report: Report, beside: PageSources = NOTHING) -> dict[str, Any]:
    """What the page of a report holds."""
    return page_data.content(report, PLAN, beside)


class Read(HTMLParser):
    """A page's elements, and the text of its data block, as a browser reads them."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=False)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.data = ""
        self._is_data = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Notes it."""
        self.elements.append((tag, dict(attrs)))
        self._is_data = dict(attrs).get("id") == "data"

    def handle_data(self, data: str) -> None:
        """Keeps the data block's."""
        if self._is_data:
            self.data += data


def test_the_page_holds_the_report() -> None:
    """Every case with its verdict and reason, and the conclusion of the terminal."""
    report = mixed()
    read = json.loads(Read(page(content_of(report))).data)
    assert read["cases"] == json.loads(report.model_dump_json())["cases"]
    assert read["conclusion"] == conclusion(report)
    assert read["report"]["blocks"] is True
    assert read["good"] == ["pass", "same", "faster", "skip"]


def test_hostile_words_stay_data() -> None:
    """No element, no end of a block and no mark comes of what a case, machine or reason says."""
    plain = Read(page(content_of(report_of([judged("fail", 1, "why")], SOURCE))))
    report = report_of([judged("fail", 1, HOSTILE, dtype=HOSTILE, row=HOSTILE)], SOURCE)
    text = page(content_of(report))
    hostile = Read(text)
    assert [tag for tag, _ in hostile.elements] == [tag for tag, _ in plain.elements]
    assert json.loads(hostile.data)["cases"][0]["reason"] == HOSTILE
    assert text.count("<!--") == 0
    assert "onerror=alert" not in re.sub(r'<script type="application/json".*?</script>', "", text)


@pytest.mark.parametrize("letter", ["<", ">", "&"])
def test_embedded_json_has_no_markup(letter: str) -> None:
    """And reads back."""
    text = embedded({letter: f"{letter}/script"})
    assert letter not in text
    assert json.loads(text) == {letter: f"{letter}/script"}


@pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan], ids=str)
def test_any_number_is_json(number: float) -> None:
    """Strict readers refuse what JSON has not."""
    report = report_of([judged("fail", 1, "far off", numbers={"max_ulp": number})], SOURCE)
    text = Read(page(content_of(report))).data
    read = json.loads(text, parse_constant=pytest.fail)
    assert list(read["cases"][0]["numbers"]) == ["max_ulp"]
    assert json.loads(embedded({"loose": number})) == {"loose": None}


def test_the_page_asks_no_network() -> None:
    """Its policy names its own two blocks, by their hashes; nothing in it names another place."""
    text = page(content_of(mixed()))
    read = Read(text)
    policy = next(
        attributes["content"]
        for tag, attributes in read.elements
        if attributes.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy is not None
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    for tag, rule in (("script", "script-src"), ("style", "style-src")):
        (block,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = hashlib.sha256(block.encode()).digest()
        assert rules[rule] == f"'sha256-{base64.b64encode(digest).decode()}'"
    named = [
        value
        for _, attributes in read.elements
        for name, value in attributes.items()
        if name in {"src", "href", "action", "srcset"} and value and value[0] != "#"
    ]
    assert named == ["data:,"]
    assert not re.search(r"@import|url\(|\bimport\(|XMLHttpRequest|\bfetch\(", text)
    assert not re.search(r"innerHTML|insertAdjacentHTML|document\.write|\beval\(", text)


def test_the_plotting_library_is_unchanged() -> None:
    """By the sums that stand beside it, with its version and its license."""
    lines = (ASSETS / "uPlot.sha256").read_text().splitlines()
    assert "uPlot 1.6.32, MIT" in lines[0]
    sums = {line.split()[1]: line.split()[0] for line in lines if line[0] != "#"}
    files = {file.name for file in ASSETS.glob("uPlot*")} - {"uPlot.sha256"}
    assert sums.keys() == files
    for name, wanted in sums.items():
        assert hashlib.sha256((ASSETS / name).read_bytes()).hexdigest() == wanted
    assert (ASSETS / "uPlot.iife.min.js").read_text().startswith("/*! ")
    assert "(v1.6.32)" in (ASSETS / "uPlot.iife.min.js").read_text()[:100]
    assert "Permission is hereby granted, free of charge" in (ASSETS / "uPlot.LICENSE").read_text()


def test_every_verdict_has_a_look() -> None:
    """A symbol of its own, which no other has; and every status of a mutant, too."""
    script = (ASSETS / "page.js").read_text()
    looks = re.search(r"const LOOKS = \{(.*?)\};", script, re.DOTALL)
    assert looks
    symbols = dict(re.findall(r'"?([a-z][a-z -]*)"?: \["(.)", "\w+"\]', looks[1]))
    assert symbols.keys() >= {status.value for status in MutantStatus}
    assert symbols.keys() >= set(content_of(mixed())["good"])
    assert symbols.keys() >= {"fail", "slower", "missing", "error", "timeout", "wrong-machine"}
    assert len(set(symbols.values())) == len(symbols)


def test_every_element_that_a_script_asks_for_is_there() -> None:
    """By its id, once in the template."""
    template = (ASSETS / "page.html").read_text()
    ids = re.findall(r'\bid="([^"]+)"', template)
    assert len(ids) == len(set(ids))
    own = [file for file in ASSETS.glob("*.js") if not file.name.startswith("uPlot")]
    scripts = "".join(file.read_text() for file in own)
    assert set(re.findall(r'\$\("([^"]+)"\)', scripts)) <= set(ids)


def test_a_page_is_written_beside_the_report(tmp_path: Path) -> None:
    """What is stored in the repository is in it: digests, code, times and the gate card."""
    whole = content_of(mixed(), page_data.stored(PLAN, tmp_path))
    assert whole["golden"]["gemma4_routing"]["fp32-E1-K1-T1"]
    build = whole["codegen"]["gemma4_routing"]["builds"]["bf16-E128-K8-T1-cuda"]
    assert build["sm_90"]["spills"] == 0
    assert [one["row"] for one in whole["baselines"]] == ["h200"]
    assert whole["baselines"][0]["blessings"][0]["reason"] == "the first times of the row"
    assert whole["cards"][0]["alarms"]["rows"] == 600
    assert {one["of"] for one in whole["machines"]} == {
        "results",
        "baseline: gemma4_routing",
        "gate card",
    }
    assert (whole["mutants"], whole["history"]) == (None, None)
