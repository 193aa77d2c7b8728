"""The report as JUnit XML: a suite a check and cell, a test a case."""

import re
import xml.etree.ElementTree as ET

from kernelproof.report.report_file import Report, ReportedCase

# What XML 1.0 cannot hold, whatever message it comes in.
_NO_CHARACTER = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(report: Report) -> str:
    """The XML text."""
    root = ET.Element("testsuites", name="kernelproof")

    suites: dict[str, list[ReportedCase]] = {}
    for case in report.cases:
        suites.setdefault(f"{case.check}.{case.cell}", []).append(case)
    for name, cases in suites.items():
        suite = ET.SubElement(root, "testsuite", name=name, tests=str(len(cases)))
        failures, errors, skips = 0, 0, 0
        for case in cases:
            seconds = f"{case.seconds or 0:.3f}"
            test = ET.SubElement(suite, "testcase", classname=name, name=case.id)
            test.set("time", seconds)
            if case.verdict == "skip":
                skips += 1
                ET.SubElement(test, "skipped", message=_clean(case.cause))
            elif case.blocks:
                is_failure = case.verdict == "fail"
                failures, errors = failures + is_failure, errors + (not is_failure)
                element = ET.SubElement(test, "failure" if is_failure else "error")
                element.set("type", case.verdict)
                element.set("message", _clean(case.cause))
                element.text = _clean(f"{case.reason}\nreproduce: {case.reproduce}")
        suite.set("failures", str(failures))
        suite.set("errors", str(errors))
        suite.set("skipped", str(skips))
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _clean(text: str) -> str:
    return _NO_CHARACTER.sub("?", text)
