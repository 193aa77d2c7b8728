"""Records, times and baselines that are well formed and mean harm: refused or judged, never obeyed.

Each was found by ``nox -s fuzz``, or by looking where it might be.
"""

import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import ValidationError
from rich.console import Console

from kernelproof.plan.cases import Planned
from kernelproof.records.record_files import Record
from kernelproof.records.sensitivity import GateCard, lines_of
from kernelproof.records.timing import CaseTiming
from kernelproof.report import page_speed
from kernelproof.report.markdown import markdown
from kernelproof.report.report_file import report_of
from kernelproof.report.terminal import print_report
from kernelproof.run.run_plan import parse
from kernelproof.sessions import reproduce
from tests.unit.checks.perf.fake_processes import case_of, stored_of
from tests.unit.checks.perf.timings import process_of
from tests.unit.records.made_records import PLANNED, record_of
from tests.unit.records.stored_files import card_of
from tests.unit.report.made_reports import REVISION, judged

HOSTILE = "BLOCKED\r\x1b[2J\u2028| a |\u202e"


def test_a_hostile_reason_stays_text() -> None:
    """In the terminal and in Markdown, which have no escape of their own for it."""
    report = report_of([judged("fail", 1, f"{HOSTILE}\n  second line")], REVISION)
    written = io.StringIO()
    print_report(report, Console(file=written, width=80))
    for text in (written.getvalue(), markdown(report)):
        assert [line for line in text.split("\n") if not line.isprintable()] == []
        assert "BLOCKED\\\\r" in text or "BLOCKED\\r" in text
    assert "  second line\n" in written.getvalue()


def _first(data: Any) -> Any:
    return data["processes"][0]


# An edit of the times of a case, and the fault that a judge, who divides and resamples, is spared.
TIMES: list[tuple[Callable[[Any], object], str]] = [
    (lambda data: _first(data)["samples_us"].pop("floor"), "found no times of floor"),
    (lambda data: _first(data)["samples_us"].pop("kernel"), "found no times of kernel"),
    (
        lambda data: data.update(reference_processes=[process_of(1.0).model_dump()]),
        "found no times of reference",
    ),
    (lambda data: _first(data)["samples_us"].update(kernel=[]), "at least 1 item"),
    (lambda data: _first(data)["samples_us"].update(kernel=[5e-324]), "or equal to 0"),
    (lambda data: _first(data)["samples_us"].update(kernel=[1e308]), "less than or eq"),
    (lambda data: _first(data).update(sm_clock_mhz=10**400), "or equal to"),
    (lambda data: data.update(processes=data["processes"] * 20), "at most 200 items"),
]


def test_times_that_cannot_be_judged_are_refused() -> None:
    """With the fault of each."""
    for edit, fault in TIMES:
        data = stored_of().timing.model_dump(mode="json")
        edit(data)
        with pytest.raises(ValidationError, match=fault):
            CaseTiming.model_validate_json(json.dumps(data))


def test_a_card_of_no_case_is_refused_and_one_of_a_hostile_name_is_shown() -> None:
    """In plain lines."""
    fields = card_of().model_dump()
    with pytest.raises(ValidationError, match="cases"):
        GateCard.model_validate({**fields, "cases": {}})
    (of_case,) = fields["cases"].values()
    hostile = GateCard.model_validate({**fields, "row": HOSTILE, "cases": {HOSTILE: of_case}})
    assert all(line.isprintable() for line in lines_of(hostile))


def test_a_stored_case_of_no_shape_has_no_place_in_the_chart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A baseline may name its cases as it likes; only an id with sizes is drawn."""
    names = ["", "x", "x-y-z", "toy-gpu-fp32", "toy-gpu-fp32-T", "toy-gpu-fp32-7T"]
    names += ["toy-gpu-fp32-T7-", "toy-gpu-fp32-T" + "9" * 5000, "toy-gpu-fp32-T٣"]
    baseline = SimpleNamespace(
        stored=dict.fromkeys([*names, case_of(7).id], stored_of()),
        kernelproof=SimpleNamespace(kernel="toy", row="gpu"),
    )
    monkeypatch.setattr(page_speed, "_of_report", lambda _: [])
    report = report_of([judged("pass", 1)], REVISION)
    (chart,) = page_speed.sets(report, [baseline], [])  # type: ignore[list-item]
    assert [[point[0] for point in curve["points"]] for curve in chart["curves"]] == [[7], [7]]


PLACES = ("TRITON_PLUGIN_PATHS", "TRITON_HOME", "TRITON_LIBDEVICE_PATH", "LD_PRELOAD", "PATH")
SWITCHES = {"TRITON_INTERPRET": "1", "TRITON_F32_DEFAULT": "ieee"}
ENVIRONMENT = {
    **SWITCHES,
    **dict.fromkeys(PLACES, "x"),
    "TRITON_CACHE_DIR": "/tmp/x",  # noqa: S108
    "TRITON_A": "/lib/x.so",
    "TRITON_B": "$(touch x)",
    "TRITON_C": "a\0b",
    "TRITON_D": 1,
    "TRITON_E=F": "1",
}


def test_a_record_sets_switches_and_no_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A variable that names a place, or is more than a word, is not taken."""
    seen: dict[str, str] = {}

    def run(planned: Planned, _: object, environment: dict[str, str], __: object) -> Record:
        seen.update(environment)
        return record_of(planned)

    monkeypatch.setattr(reproduce, "_run_again", run)
    for name in ENVIRONMENT.keys() - {"PATH"}:
        monkeypatch.delenv(name.partition("=")[0], raising=False)
    case = "gemma4_routing-cpu-fp32-E8-K8-T1"
    record = record_of(PLANNED, case=case, machine={"environment": ENVIRONMENT})
    file = tmp_path / "record.json"
    file.write_text(record.model_dump_json())
    reproduce.main([str(file), "--row", "cpu", "--this-python"])
    changed = dict(seen.items() - os.environ.items())
    assert changed == SWITCHES
    file.write_text(record.model_copy(update={"machine": {"environment": [1]}}).model_dump_json())
    assert reproduce.main([str(file), "--row", "cpu", "--this-python"]) == 0


def test_no_run_has_more_processes_than_a_record_may_hold(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It would end after hours, with times that nobody reads."""
    for count in ("0", "201", "x", "9" * 20):
        with pytest.raises(SystemExit) as caught:
            parse(["perf", "--on", "cpu", "--processes", count])
        assert caught.value.code == 2
        expected = f"found {count!r}, expected a whole number from 1 to 200"
        assert expected in capsys.readouterr().err
