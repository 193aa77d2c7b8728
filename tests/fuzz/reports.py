"""The report command over broken and hostile results, and the demands on its files."""

import datetime
import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

from kernelproof.checks.judge_plan import judge
from kernelproof.errors import Exit
from kernelproof.files.atomic_write import write_whole
from kernelproof.machine import revision
from kernelproof.plan import cases, matrix
from kernelproof.plan.cases import Planned
from kernelproof.plan.schema import Matrix, Shape, Skip
from kernelproof.records import record_files
from kernelproof.records.record_files import HalfWrittenError
from kernelproof.report import earlier_runs, page_data
from kernelproof.report.__main__ import main
from kernelproof.report.page import page
from kernelproof.report.report_file import Report, report_of
from tests.fuzz.planned_cases import KERNEL, SOURCE
from tests.fuzz.trial import BreachError, Reader, require_plain
from tests.unit.checks.bench.test_bench_tables import RUN
from tests.unit.records.made_records import record_of
from tests.unit.report.made_reports import NOTHING

_DATA = re.compile(r'(?<=<script type="application/json" id="data">).*?(?=</script)', re.DOTALL)
_TITLE = re.compile(r"(?<=<title>)[^<]*(?=</title>)")
_PIPE = re.compile(r"(?<!\\)\|")
_PIPES = 8  # in a line of the Markdown table
# Exit codes of a report that refused nothing.
_VERDICTS = frozenset({Exit.GOOD, Exit.BLOCKED, Exit.INCONCLUSIVE})
_HOSTILE = "<b>&amp;</script>]]>\x1b[31m|`x`\u2028\u202e $(touch escaped)"
_NOON = datetime.datetime(2026, 11, 24, 12, tzinfo=datetime.UTC)


@cache
def _matrix() -> Matrix:
    """Returns a matrix of three cases without baselines, the last skipped for a hostile reason."""
    real = matrix.load()
    shape = Shape.model_validate({"axes": {"E": 8, "K": 8, "T": [1, 2, 3]}, "dtypes": ["fp32"]})
    kernel = real.kernels[KERNEL].model_copy(
        update={"shapes": [shape], "perf": None, "bench": None, "mutants": None, "golden": False}
    )
    skip = Skip.model_validate(
        {"cases": "*-T3", "check": "parity", "reason": _HOSTILE, "until": datetime.date.max}
    )
    rows = {"cpu": real.rows["cpu"]}
    return real.model_copy(update={"kernels": {"toy": kernel}, "rows": rows, "skips": [skip]})


@cache
def _plan() -> tuple[Planned, ...]:
    return cases.plan(_matrix())


def _passing(planned: Planned) -> Any:
    record = record_of(planned, commit=SOURCE.commit, tree=SOURCE.tree)
    return record.model_dump(mode="json")


@cache
def _good_report() -> Report:
    """Returns the report of the plan without any result."""
    return report_of(judge(_plan(), Path("nowhere"), SOURCE), SOURCE, _NOON)


def _run(folder: Path, *arguments: str) -> bool:
    """Runs the command on a made-up matrix and tree, and checks its files; returns True."""
    here = folder / "results"
    with (
        mock.patch.object(matrix, "load", _matrix),
        mock.patch.object(revision, "current", return_value=SOURCE),
    ):
        code = main(["--row", "cpu", "--results", str(here), *arguments])
    if Exit(code) not in _VERDICTS:
        raise BreachError(f"exit code of a report: found {code}")
    written = (here / "report.json").read_text(encoding="utf-8")
    json.loads(written, parse_constant=_no_json)
    report = Report.model_validate_json(written)
    if [case.id for case in report.cases] != [planned.case.id for planned in _plan()]:
        raise BreachError(f"cases of a report: found {len(report.cases)}")
    _require_junit((here / "report.xml").read_text(encoding="utf-8"))
    _require_markdown((here / "report.md").read_text(encoding="utf-8"))
    require_html((here / "report.html").read_text(encoding="utf-8"))
    drafts = [file.name for file in here.iterdir() if file.name.startswith(".")]
    if drafts:
        raise BreachError(f"drafts: found {drafts}")
    return True


def _no_json(constant: str) -> None:
    raise BreachError(f"no JSON: found {constant}")


def _require_junit(text: str) -> None:
    """Raises BreachError unless each case is one test, with a number for its time."""
    root = ET.fromstring(text)  # noqa: S314  (the project's own output)
    tests = list(root.iter("testcase"))
    if [test.get("name") for test in tests] != [planned.case.id for planned in _plan()]:
        raise BreachError(f"tests of JUnit: found {len(tests)}")
    if wrong := [test.get("time") for test in tests if not 0 <= float(test.get("time", "")) < 1e9]:
        raise BreachError(f"times of JUnit: found {wrong}")


def _require_markdown(text: str) -> None:
    """Raises BreachError for a control character, or a line of other cells or of another form."""
    for line in text.removesuffix("\n").split("\n"):
        if not line.isprintable():
            raise BreachError(f"no plain line of Markdown: found {line[:500]!r}")
        if line.startswith("|") and len(_PIPE.findall(line)) != _PIPES:
            raise BreachError(f"cells of Markdown: found {line[:500]!r}")
        if line and not line.startswith(("#", "|", "- ", "  ")):
            raise BreachError(f"a line of Markdown of its own: found {line[:500]!r}")


@cache
def _frame() -> str:
    """Returns the page of a report without results, without its data and its title."""
    return _outside(page(page_data.content(_good_report(), _matrix(), NOTHING)))


def _outside(text: str) -> str:
    return _TITLE.sub("", _DATA.sub("", text, count=1), count=1)


def require_html(text: str) -> None:
    """Raises BreachError unless a page differs from others in its title and its JSON data alone."""
    data = _DATA.search(text)
    if data is None or _outside(text) != _frame():
        raise BreachError("page: found another frame than that of every page")
    if wrong := set("<>&") & set(data[0]):
        raise BreachError(f"data of the page: found {wrong}")
    json.loads(data[0], parse_constant=_no_json)


def require_page(**stored: Any) -> None:
    """Raises BreachError if stored files, of which one may be hostile, break the page."""
    sources = replace(NOTHING, **stored)
    require_html(page(page_data.content(_good_report(), _matrix(), sources)))


def _write_results(folder: Path) -> None:
    """Writes records, and an earlier run whose report is whole."""
    for planned in _plan()[:2]:
        file = record_files.path_of(folder / "results", planned)
        write_whole(file, json.dumps(_passing(planned)))
    write_whole(folder / "runs" / "1" / "report.json", _good_report().model_dump_json())


def _with_record(folder: Path) -> bool:
    return _run(folder) and is_whole(record_files.path_of(folder / "results", _plan()[0]))


def _with_history(folder: Path) -> bool:
    read, runs = earlier_runs.read, []

    def keep(place: Path) -> earlier_runs.EarlierRuns:
        runs.append(read(place))
        return runs[-1]

    with mock.patch.object(earlier_runs, "read", keep):
        _run(folder, "--history", str(folder / "runs"))
    return not runs[-1].skipped


def is_whole(file: Path) -> bool:
    """Returns True for a file that is a record; the refusal of another has to be one plain line."""
    try:
        record_files.read_file(file)
    except HalfWrittenError as error:
        require_plain(str(error))
        if "\n" in str(error):
            raise BreachError(f"lines of a refusal: found {str(error)!r}") from None
        return False
    return True


def _runs() -> tuple[Any, ...]:
    """Returns reports, one of them with times, so that there is a trend to show."""
    report = _good_report().model_dump(mode="json")
    numbers = {"time_us": 10.0, "ratio_to_floor": 1.25, "limit_percent": 3.0}
    timed = [{**case, "verdict": "same", "numbers": numbers} for case in report["cases"]]
    return report, {**report, "cases": timed}


def _mutants() -> Any:
    """Returns a run of mutants, as `nox -s mutants` leaves it."""
    killer = {"case": "toy", "outcome": "fail", "distribution": "normal", "reason": "other bits"}
    names = ("id", "kernel", "file", "function", "operator", "source", "before", "after", "why")
    mutant = {**dict.fromkeys(names, "a < b"), "line": 3, "status": "killed", "killed_by": [killer]}
    counts = {"score": {"killed": 1, "of": 1}, "statuses": {"killed": 1}, "mutants": [mutant]}
    return {"row": "cpu", "seconds": 1.5, "cases": ["toy"], "enough": ["toy"], **counts}


def readers() -> tuple[Reader, ...]:
    """Returns the readers of the report, one for each file that may be hostile."""
    first, passing = _plan()[0], _passing(_plan()[0])
    reason = "topk_ids is not that of the reference: 6 of 56 differ\n  place 2: found 4, expected 3"
    samples = {
        "report": (passing, {**passing, "outcome": "fail", "reason": reason}),
        "history": _runs(),
        "bench": (RUN.model_dump(mode="json"),),
        "mutants": (_mutants(),),
    }
    path = f"results/parity/{first.case.id}.json"
    return tuple(
        Reader(
            name=name,
            path=path,
            read=read,
            codes=frozenset({Exit.RESULTS}),
            most_lines=3 if name == "history" else 1,
            samples=samples[name],
            prepare=_write_results,
        )
        for name, path, read in (
            ("report", path, _with_record),
            ("history", "runs/2/report.json", _with_history),
            ("bench", "results/bench/cpu.json", _run),
            ("mutants", "results/mutants.json", _run),
        )
    )
