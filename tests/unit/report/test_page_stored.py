"""What the page shows of what is stored beside the records, key by key."""

import datetime
import json
from pathlib import Path
from typing import Any

import pytest

from kernelproof.plan import matrix
from kernelproof.records.code_lock import CodeLock
from kernelproof.records.golden import Golden, GoldenBlessing
from kernelproof.records.time_baseline import TimeBaseline
from kernelproof.report import page_data
from kernelproof.report.page_data import PageSources
from kernelproof.report.report_file import report_of
from tests.unit.checks.codegen.codes import BUILD, lock_of
from tests.unit.checks.perf.timings import MACHINE
from tests.unit.records.stored_files import CASE, DIGESTS, card_of
from tests.unit.records.test_time_baseline import ONE as TIMED
from tests.unit.records.test_time_baseline import timing_in
from tests.unit.report.test_page import NOTHING, content_of
from tests.unit.report.test_page_data import _bench
from tests.unit.report.test_report import SOURCE, judged

PLAN = matrix.load()
TIMED_ID = "toy-h200-fp32-E8-K2-T1"


def _baseline() -> TimeBaseline:
    was = {"time_us": 10.0, "ratio_to_floor": 2.0}
    blessing = {"reason": "why", "commit": "c" * 40, "machine": "A GPU", "cases": {TIMED_ID: was}}
    own = {
        "version": 1,
        "row": "h200",
        "kernel": "toy",
        "commit": "c" * 40,
        "machine": {"os": "Moon"},
        "blessings": [{**blessing, "date": day} for day in ("2026-12-01", "2026-11-24")],
    }
    extra = {"case": TIMED_ID, "timing": timing_in(TIMED).model_dump(mode="json")}
    return TimeBaseline.model_validate({"benchmarks": [{"extra_info": extra}], "kernelproof": own})


def _content(**stored: Any) -> dict[str, Any]:
    return content_of(report_of([], SOURCE), PageSources(**{**vars(NOTHING), **stored}))


def test_the_keys_of_the_whole() -> None:
    """Version 1; the report's head, and of the matrix what the page needs."""
    told = _content()
    assert list(told) == [
        *("version", "conclusion", "good", "report", "cases", "rows", "max_ulp", "golden"),
        *("codegen", "baselines", "cards", "speed", "machines", "mutants", "history"),
    ]
    assert told["version"] == 1
    head: dict[str, Any] = {
        "date": None,
        "commit": "c" * 40,
        "dirty": True,
        "blocks": False,
        "rows": [],
    }
    assert told["report"] == head
    assert told["rows"] == {
        name: {"device": row.device, "arch": row.arch} for name, row in PLAN.rows.items()
    }
    assert told["max_ulp"]["gemma4_routing"] == {"fp32": 6.0, "fp16": 6.0, "bf16": 6.0}
    assert (told["speed"], told["mutants"], told["history"]) == ([], None, None)


def test_golden_digests_by_case() -> None:
    """Of the outputs."""
    blessing = GoldenBlessing(date=datetime.date(2030, 1, 2), reason="x", toolchain="t", changed=1)
    one = Golden(kernel="toy", blessings=[blessing], digests={"fp32-T1": DIGESTS})
    assert _content(golden=[one])["golden"] == {"toy": {"fp32-T1": "1" * 64}}


def test_costs_by_build_and_architecture() -> None:
    """With the blessing that they are of."""
    lock: CodeLock = lock_of()
    costs = {
        "registers": 62,
        "spills": 0,
        "stack": 0,
        "shared": 256,
        "resident_warps": 32,
        "instructions_per_row": 446.0,
    }
    assert _content(locks=[lock])["codegen"] == {
        "toy": {
            "date": "2026-11-23",
            "reason": "the first",
            "toolchain": {"triton": "3.6.0", "ptxas": "12.8"},
            "builds": {BUILD: {"sm_90": costs, "gfx942": costs}},
        }
    }


def test_times_by_case() -> None:
    """With their spread over the processes, and every blessing, the oldest first."""
    told = _content(baselines=[_baseline()])
    times = timing_in(TIMED).times("kernel")
    blessing = {"reason": "why", "commit": "c" * 40, "machine": "A GPU"}
    assert told["baselines"] == [
        {
            "row": "h200",
            "kernel": "toy",
            "blessings": [
                {"date": day, **blessing, "cases": {TIMED_ID: [10.0, 2.0]}}
                for day in ("2026-11-24", "2026-12-01")
            ],
            "cases": {
                TIMED_ID: {
                    "us": timing_in(TIMED).us,
                    "low": min(times),
                    "high": max(times),
                    "floor_us": 5.0,
                    "ratio": timing_in(TIMED).ratio,
                    "processes": 8,
                    "commit": "c" * 40,
                }
            },
        }
    ]


def test_a_gate_card_in_percent() -> None:
    """What is found of each size that was planted."""
    assert _content(cards=[card_of()])["cards"] == [
        {
            "row": "h200",
            "date": "2030-01-02",
            "commit": "c" * 40,
            "processes": 3,
            "alarms": {"rows": 600, "blamed": 1, "undecided": 2, "at_most_percent": 0.788},
            "cases": {
                CASE: {
                    "limit": 3.0,
                    "visible": 2.41,
                    "planted": [[1.0, 0.0], [3.0, 99.5], [10.0, 100.0]],
                }
            },
        }
    ]


def test_every_fingerprint_says_what_it_is_of() -> None:
    """Results, baselines, cards, bench; places in the host's files are not told."""
    environment = {"CUDA_HOME": "/opt/some/place", "MODE": "fast"}
    machine = {"path": "/kept", "environment": environment}
    bench = _bench([1]).model_copy(update={"machine": machine})
    report = report_of([judged("pass", 1)], SOURCE)
    told = content_of(
        report,
        PageSources(**{**vars(NOTHING), "baselines": [_baseline()], "cards": [card_of()],
                  "benches": [bench]}),
    )  # fmt: skip
    assert told["machines"] == [
        {"row": "cpu", "of": "results", "what": {"os": "Linux", "device.name": "cpu"}},
        {"row": "h200", "of": "baseline: toy", "what": {"os": "Moon"}},
        {"row": "h200", "of": "gate card", "what": {"device.name": "NVIDIA H200"}},
        {
            "row": "cpu",
            "of": "bench",
            "what": {
                "path": "/kept",
                "environment.CUDA_HOME": "a path",
                "environment.MODE": "fast",
            },
        },
    ]
    assert MACHINE["device"]["name"] == "NVIDIA H200"


def test_curves_of_what_is_stored() -> None:
    """Those of the results first, then of baselines, with no bench."""
    (one,) = _content(baselines=[_baseline()])["speed"]
    assert (one["row"], one["source"]) == ("h200", f"baseline of {'c' * 12}")


def test_benches_are_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    """So that the page is the same one each time."""
    folder = tmp_path / "bench"
    folder.mkdir()
    names = ["h200", "cpu", "b60", "mi300x", "a100", "h100", "b200", "zz", "m", "k"]
    for name in names:
        text = json.dumps({**_bench([1]).model_dump(mode="json"), "row": name})
        (folder / f"{name}.json").write_text(text)
    read = [one.row for one in page_data.stored(PLAN, tmp_path).benches]
    assert read == sorted(names)


@pytest.mark.parametrize("name", ["golden", "locks", "baselines", "cards", "benches"])
def test_nothing_stored_is_nothing(name: str) -> None:
    """Of each kind."""
    key = {"locks": "codegen", "benches": "speed"}.get(name, name)
    assert not _content()[key]
