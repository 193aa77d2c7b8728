"""The report as JUnit XML: well-formed whatever a reason holds, with the counts that CI shows."""

import xml.etree.ElementTree as ET

from hypothesis import given, settings
from hypothesis import strategies as st

from kernelproof.report.junit import junit
from tests.unit.report.made_reports import judged, mixed, report


def _parsed(text: str) -> ET.Element:
    return ET.fromstring(text.encode())  # noqa: S314  (the project's own output)


def _failure(reason: str) -> tuple[str, str]:
    """Returns the message and the text of a failure for this reason, read back."""
    (failure,) = _parsed(junit(report(judged("fail", 1, reason)))).iter("failure")
    return failure.attrib["message"], str(failure.text)


def test_the_whole_of_a_small_report() -> None:
    """CI systems read this form; a case without a record took no time."""
    name, case = "toy-cpu-fp32-E8-K2", 'testcase classname="parity.cpu-fp32"'
    missing = judged("missing", 3, "no result")
    small = report(judged("pass", 1), judged("fail", 2, "9 differ\n  place 0"), missing)
    assert junit(small) == (
        "<?xml version='1.0' encoding='utf-8'?>\n"
        '<testsuites name="kernelproof">\n'
        '  <testsuite name="parity.cpu-fp32" tests="3" failures="1" errors="1" skipped="0">\n'
        f'    <{case} name="{name}-T1" time="0.250" />\n'
        f'    <{case} name="{name}-T2" time="0.250">\n'
        '      <failure type="fail" message="9 differ">9 differ\n'
        "  place 0\n"
        f"reproduce: nox -s reproduce -- {name}-T2</failure>\n"
        "    </testcase>\n"
        f'    <{case} name="{name}-T3" time="0.000">\n'
        '      <error type="missing" message="no result">no result\n'
        f"reproduce: nox -s parity -- --case {name}-T3</error>\n"
        "    </testcase>\n"
        "  </testsuite>\n"
        "</testsuites>\n"
    )


def test_the_suites_of_cells() -> None:
    """A failure is a wrong answer, an error is none; kernels of a cell share its suite."""
    mixture = mixed()
    other = mixture.cases[0].model_copy(update={"kernel": "other"})
    cases = [*mixture.cases, other]
    root = _parsed(junit(mixture.model_copy(update={"cases": cases})))
    attributes = ("name", "tests", "failures", "errors", "skipped")
    assert [[suite.attrib[name] for name in attributes] for suite in root] == [
        ["parity.cpu-fp32", "4", "1", "1", "0"],
        ["parity.h200-bf16", "3", "0", "2", "1"],
    ]
    names = sorted(test.attrib["name"] for test in root.iter("testcase"))
    assert names == sorted(case.id for case in cases)


def test_the_element_of_each_verdict() -> None:
    """A pass has none; the others have the verdict and the first line of the reason."""
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


def test_a_reason_comes_through() -> None:
    """A question mark stands in for each letter that XML cannot hold."""
    kept = (
        "a <b>&amp; ]]> \"c\" 'd'",
        "<![CDATA[x]]> <!-- y --> <?z?>",
        "tab\there, 東京 ±3e4 \U0001f600",
    )
    messages = {text: text for text in kept} | {
        "a\x00b\x08c\x1b[31md\x0b": "a?b?c?[31md?",
        "not a character: \ufffe\uffff": "not a character: ??",
    }
    for reason, message in messages.items():
        shown, text = _failure(reason)
        assert shown == message
        assert text.startswith(f"{message}\nreproduce: nox -s reproduce -- toy-")


@settings(deadline=None, max_examples=50)
@given(st.text())
def test_any_reason_leaves_it_well_formed(reason: str) -> None:
    """A kernel's exception may hold any letter."""
    shown, text = _failure(reason)
    assert len(shown) == len(reason.partition("\n")[0])
    assert text.endswith("\nreproduce: nox -s reproduce -- toy-cpu-fp32-E8-K2-T1")
