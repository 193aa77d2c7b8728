"""The report as JUnit XML: a suite a check and cell, a test a case."""

import xml.etree.ElementTree as ET
from itertools import groupby

from pipeline.report.summary import Report, ReportedCase

# Characters that XML 1.0 cannot hold, whatever the message they come in.
_CONTROL = {code: "?" for code in range(32) if chr(code) not in "\t\n\r"}


def junit(report: Report) -> str:
    """The XML text."""
    root = ET.Element("testsuites", name="kernelproof")

    def key(case: ReportedCase) -> tuple[str, str]:
        return case.check, case.cell

    for (check, cell), group in groupby(report.cases, key=key):
        cases = list(group)
        suite = ET.SubElement(root, "testsuite", name=f"{check}.{cell}", tests=str(len(cases)))
        failures, errors, skips = 0, 0, 0
        for case in cases:
            seconds = f"{case.seconds or 0:.3f}"
            test = ET.SubElement(suite, "testcase", classname=suite.attrib["name"], name=case.id)
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
    return text.translate(_CONTROL)
