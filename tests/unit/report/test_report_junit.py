"""The report as JUnit XML: well-formed whatever a reason holds, with the counts that CI shows."""

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernelproof.report.junit import junit
from kernelproof.report.report_file import report_of
from tests.unit.report.test_report import SOURCE, judged, mixed


def _parsed(text: str) -> ET.Element:
    return ET.fromstring(text.encode())  # noqa: S314  (the project's own output)


def _reason(text: str) -> tuple[str, str]:
    """The message and the text of a failure for this reason, read back."""
    root = _parsed(junit(report_of([judged("fail", 1, text)], SOURCE)))
    (failure,) = root.iter("failure")
    return failure.attrib["message"], str(failure.text)


def test_the_whole_of_a_small_report() -> None:
    """The form that CI systems read."""
    report = report_of([judged("pass", 1), judged("fail", 2, "9 differ\n  place 0")], SOURCE)
    name, case = "toy-cpu-fp32-E8-K2", 'testcase classname="parity.cpu-fp32"'
    assert junit(report) == (
        "<?xml version='1.0' encoding='utf-8'?>\n"
        '<testsuites name="kernelproof">\n'
        '  <testsuite name="parity.cpu-fp32" tests="2" failures="1" errors="0" skipped="0">\n'
        f'    <{case} name="{name}-T1" time="0.250" />\n'
        f'    <{case} name="{name}-T2" time="0.250">\n'
        '      <failure type="fail" message="9 differ">9 differ\n'
        "  place 0\n"
        f"reproduce: nox -s reproduce -- {name}-T2</failure>\n"
        "    </testcase>\n"
        "  </testsuite>\n"
        "</testsuites>\n"
    )


def test_the_counts_are_those_of_the_elements() -> None:
    """A failure is a wrong answer, an error is none; every case is one test of one suite."""
    root = _parsed(junit(mixed()))
    counts = {}
    for suite in root:
        counts[suite.attrib["name"]] = {
            word: int(suite.attrib[word]) for word in ("tests", "failures", "errors", "skipped")
        }
        assert len(suite) == int(suite.attrib["tests"])
        for word, tag in {"failures": "failure", "errors": "error", "skipped": "skipped"}.items():
            assert len(list(suite.iter(tag))) == int(suite.attrib[word])
    assert counts == {
        "parity.cpu-fp32": {"tests": 3, "failures": 1, "errors": 1, "skipped": 0},
        "parity.h200-bf16": {"tests": 3, "failures": 0, "errors": 2, "skipped": 1},
    }
    names = [test.attrib["name"] for test in root.iter("testcase")]
    assert names == [case.id for case in mixed().cases]


def test_what_each_verdict_becomes() -> None:
    """A pass has no child; the others say their verdict, the first line and the whole reason."""
    children = [
        [(child.tag, child.get("type"), child.get("message")) for child in test]
        for test in _parsed(junit(mixed())).iter("testcase")
    ]
    assert children == [
        [],
        [("failure", "fail", "ids is not that of the reference: 9 of 16 values differ")],
        [("error", "missing", "no result")],
        [("skipped", None, "waits for #1 (until 2030-01-02)")],
        [("error", "error", "a <bug> & more")],
        [("error", "timeout", "Timeout (>120s)")],
    ]


def test_two_kernels_in_a_cell_share_its_suite() -> None:
    """Readers merge or drop suites of one name: each name stands once."""
    cases = [
        judged("pass", 1, kernel=kernel, dtype=dtype)
        for kernel in ("toy", "other")
        for dtype in ("fp32", "bf16")
    ]
    suites = [suite.attrib["name"] for suite in _parsed(junit(report_of(cases, SOURCE)))]
    assert len(suites) == len(set(suites))


@pytest.mark.parametrize(
    ("reason", "message"),
    [
        ("a <b>&amp; ]]> \"c\" 'd'", "a <b>&amp; ]]> \"c\" 'd'"),
        ("<![CDATA[x]]> <!-- y --> <?z?>", "<![CDATA[x]]> <!-- y --> <?z?>"),
        ("a\x00b\x08c\x1b[31md\x0b", "a?b?c?[31md?"),
        ("not a character: \ufffe\uffff", "not a character: ??"),
        ("tab\there, 東京 ±3e4 \U0001f600", "tab\there, 東京 ±3e4 \U0001f600"),
    ],
    ids=["markup", "sections", "controls", "no characters", "letters"],
)
def test_a_reason_comes_through(reason: str, message: str) -> None:
    """Whole where XML can hold it; a question mark stands for what it cannot."""
    told, text = _reason(reason)
    assert told == message
    assert text.startswith(f"{message}\nreproduce: nox -s reproduce -- toy-")


@settings(deadline=None, max_examples=50)
@given(st.text())
def test_any_reason_leaves_it_well_formed(reason: str) -> None:
    """Whatever a kernel's exception says."""
    told, text = _reason(reason)
    assert len(told) == len(reason.partition("\n")[0])
    assert text.endswith("\nreproduce: nox -s reproduce -- toy-cpu-fp32-E8-K2-T1")
