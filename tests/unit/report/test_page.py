"""The page's text: escaped, self-contained, and of the same report as all other forms."""

import base64
import hashlib
import json
import math
import re
from html.parser import HTMLParser

import pytest

from kernelproof.records.mutation_run import MutantStatus
from kernelproof.records.verdict import Verdict
from kernelproof.report.page import ASSETS, embedded, page
from kernelproof.report.terminal import conclusion
from tests.unit.report.made_reports import content_of, judged, mixed, report

HOSTILE = "</script><img src=x onerror=alert(1)>\u2028@@style@@ &quot; <!-- ]]>"


class ParsedPage(HTMLParser):
    """A page's elements, and the text of its data block, as a browser parses them."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=False)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.data = ""
        self._is_data = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keeps the element."""
        self.elements.append((tag, dict(attrs)))
        self._is_data = dict(attrs).get("id") == "data"

    def handle_data(self, data: str) -> None:
        """Keeps the text if it is of the data block."""
        if self._is_data:
            self.data += data


def test_the_page_holds_the_report() -> None:
    """Every case with its verdict and reason, and the conclusion of the terminal."""
    shown = mixed()
    data = json.loads(ParsedPage(page(content_of(shown))).data)
    assert data["cases"] == json.loads(shown.model_dump_json())["cases"]
    assert data["conclusion"] == conclusion(shown)
    assert data["report"]["blocks"] is True
    assert data["good"] == ["pass", "same", "faster", "skip"]


def test_hostile_words_stay_data() -> None:
    """Names and reasons add no element, no end of a block and no mark."""
    plain = ParsedPage(page(content_of(report(judged("fail", 1, "why")))))
    text = page(content_of(report(judged("fail", 1, HOSTILE, dtype=HOSTILE, row=HOSTILE))))
    hostile = ParsedPage(text)
    assert [tag for tag, _ in hostile.elements] == [tag for tag, _ in plain.elements]
    assert json.loads(hostile.data)["cases"][0]["reason"] == HOSTILE
    assert text.count("<!--") == 0
    assert "onerror=alert" not in re.sub(r'<script type="application/json".*?</script>', "", text)


def test_embedded_json_has_no_markup() -> None:
    """It reads back; numbers that JSON lacks are null."""
    for letter in "<>&":
        text = embedded({letter: f"{letter}/script"})
        assert letter not in text
        assert json.loads(text) == {letter: f"{letter}/script"}
    loose = embedded({"loose": [math.inf, -math.inf, math.nan]})
    assert json.loads(loose, parse_constant=pytest.fail) == {"loose": [None] * 3}


def test_the_page_needs_no_network() -> None:
    """Its policy names its own two blocks, by their hashes, and nothing in it has an address."""
    text = page(content_of(mixed()))
    parsed = ParsedPage(text)
    policy = next(
        attributes["content"]
        for _, attributes in parsed.elements
        if attributes.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy is not None
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    for tag, rule in (("script", "script-src"), ("style", "style-src")):
        (block,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = hashlib.sha256(block.encode()).digest()
        assert rules[rule] == f"'sha256-{base64.b64encode(digest).decode()}'"
    addresses = [
        value
        for _, attributes in parsed.elements
        for name, value in attributes.items()
        if name in {"src", "href", "action", "srcset"} and value and value[0] != "#"
    ]
    assert addresses == ["data:,"]
    assert not re.search(r"@import|url\(|\bimport\(|XMLHttpRequest|\bfetch\(", text)
    assert not re.search(r"innerHTML|insertAdjacentHTML|document\.write|\beval\(", text)


def test_the_plotting_library_is_unchanged() -> None:
    """Its files have the sums in the file beside them, which names its version and license."""
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
    """Each verdict and each status of a mutant has a symbol of its own."""
    script = (ASSETS / "page.js").read_text()
    looks = re.search(r"const LOOKS = \{(.*?)\};", script, re.DOTALL)
    assert looks
    symbols = dict(re.findall(r'"?([a-z][a-z -]*)"?: \["(.)", "\w+"\]', looks[1]))
    assert symbols.keys() >= {*Verdict, *MutantStatus}
    assert len(set(symbols.values())) == len(symbols)


def test_the_files_of_the_page_fit() -> None:
    """The template has each id that a script looks up once; a comment ends with its file."""
    ids = re.findall(r'\bid="([^"]+)"', (ASSETS / "page.html").read_text())
    assert len(ids) == len(set(ids))
    text = page(content_of(mixed()))
    for file in ASSETS.glob("*.js"):
        script = file.read_text()
        assert f"\n{script}" in text or file.stem == "uPlot.iife.min"
        assert f"{script}\n" in text or file.stem == "page"
        if not file.name.startswith("uPlot"):
            assert {*re.findall(r'\$\("([^"]+)"\)', script)} <= {*ids}
