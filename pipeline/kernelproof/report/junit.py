"""The report as JUnit XML: a suite for each check and cell, a test for each case."""

import re
import xml.etree.ElementTree as ET

from kernelproof.report.report_file import Report, ReportedCase

# Letters that XML 1.0 cannot hold, whatever message they come in.
_NO_CHARACTER = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(report: Report) -> str:
    """Returns the XML text."""
    root = ET.Element("testsuites", name="kernelproof")
    suites: dict[str, list[ReportedCase]] = {}
    for case in report.cases:
        suites.setdefault(f"{case.check}.{case.cell}", []).append(case)
    for name, cases in suites.items():
        _add_suite(root, name, cases)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _add_suite(root: ET.Element, name: str, cases: list[ReportedCase]) -> None:
    """Adds a suite with its counts; a failure is a wrong answer, an error is none."""
    suite = ET.SubElement(root, "testsuite", name=name, tests=str(len(cases)))
    for case in cases:
        test = ET.SubElement(suite, "testcase", classname=name, name=case.id)
        test.set("time", f"{case.seconds or 0:.3f}")
        if case.verdict == "skip":
            ET.SubElement(test, "skipped", message=_clean(case.cause))
        elif case.blocks:
            element = ET.SubElement(test, "failure" if case.verdict == "fail" else "error")
            element.set("type", case.verdict)
            element.set("message", _clean(case.cause))
            element.text = _clean(f"{case.reason}\nreproduce: {case.reproduce}")
    for count, tag in {"failures": "failure", "errors": "error", "skipped": "skipped"}.items():
        suite.set(count, str(len(suite.findall(f"testcase/{tag}"))))


def _clean(text: str) -> str:
    return _NO_CHARACTER.sub("?", text)
