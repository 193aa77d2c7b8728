"""The page's data, key by key: the report, and the figures stored beside the records."""

import json
from pathlib import Path
from typing import Any

import pytest

from kernelproof.errors import ResultsError
from kernelproof.report import page_data
from tests.unit.checks.codegen.codes import BUILD, COSTS, TOOLS, lock_of
from tests.unit.records.stored_files import CASE, DIGESTS, card_of, golden_of
from tests.unit.report.made_reports import (
    PLAN,
    TIMED_CASE,
    TIMING,
    baseline_of,
    bench_of,
    content_of,
    judged,
    mixed,
    report,
)


def _content(**sources: Any) -> dict[str, Any]:
    return content_of(report(), **sources)


def test_the_keys_of_the_whole() -> None:
    """Version 1: the report's head, parts of the matrix, and nothing that is not stored."""
    content = _content()
    assert list(content) == [
        *("version", "conclusion", "good", "report", "cases", "rows", "max_ulp", "golden"),
        *("codegen", "baselines", "cards", "speed", "machines", "mutants", "history"),
    ]
    assert content["version"] == 1
    assert content["report"] == {
        "date": None,
        "commit": "c" * 40,
        "dirty": True,
        "blocks": False,
        "rows": [],
    }
    assert content["rows"] == {
        name: {"device": row.device, "arch": row.arch} for name, row in PLAN.rows.items()
    }
    assert content["max_ulp"]["gemma4_routing"] == {"fp32": 6.0, "fp16": 6.0, "bf16": 6.0}
    stored = ("golden", "codegen", "baselines", "cards", "speed", "machines", "mutants", "history")
    assert not any(content[name] for name in stored)
    assert (content["mutants"], content["history"]) == (None, None)


def test_the_stored_figures_of_the_repository(tmp_path: Path) -> None:
    """Digests, code, times and the gate card."""
    content = page_data.content(mixed(), PLAN, page_data.stored(PLAN, tmp_path))
    assert content["golden"]["gemma4_routing"]["fp32-E1-K1-T1"]
    build = content["codegen"]["gemma4_routing"]["builds"]["bf16-E128-K8-T1-cuda"]
    assert build["sm_90"]["spills"] == 0
    assert [baseline["row"] for baseline in content["baselines"]] == ["h200"]
    assert content["baselines"][0]["blessings"][0]["reason"] == "the first times of the row"
    assert content["cards"][0]["alarms"]["rows"] == 600
    origins = {machine["of"] for machine in content["machines"]}
    assert origins == {"results", "baseline: gemma4_routing", "gate card"}


def test_digests_and_costs() -> None:
    """Digests are those of the outputs, by case; costs are by build and architecture.

    Beside the costs stand date, reason and toolchain of their blessing.
    """
    names = ("registers", "spills", "stack", "shared", "resident_warps", "instructions_per_row")
    costs = {name: COSTS[name] for name in names}
    content = _content(locks=[lock_of()], golden=[golden_of(**{"fp32-T1": DIGESTS})])
    assert content["golden"] == {"toy": {"fp32-T1": "1" * 64}}
    assert content["codegen"] == {
        "toy": {
            "date": "2026-11-23",
            "reason": "the first",
            "toolchain": TOOLS,
            "builds": {BUILD: {"sm_90": costs, "gfx942": costs}},
        }
    }


def test_times_by_case() -> None:
    """They have their spread over the processes, and every blessing, the oldest first."""
    times = TIMING.times("kernel")
    blessing = {"reason": "why", "commit": "c" * 40, "machine": "A GPU"}
    case = {
        "us": TIMING.us,
        "low": min(times),
        "high": max(times),
        "floor_us": 5.0,
        "ratio": TIMING.ratio,
        "processes": 8,
        "commit": "c" * 40,
    }
    assert _content(baselines=[baseline_of(TIMED_CASE)])["baselines"] == [
        {
            "row": "h200",
            "kernel": "toy",
            "blessings": [
                {"date": day, **blessing, "cases": {TIMED_CASE: [10.0, 2.0]}}
                for day in ("2026-11-24", "2026-12-01")
            ],
            "cases": {TIMED_CASE: case},
        }
    ]


def test_a_gate_card_in_percent() -> None:
    """It has the share that was found of each planted size."""
    planted = [[1.0, 0.0], [3.0, 99.5], [10.0, 100.0]]
    assert _content(cards=[card_of()])["cards"] == [
        {
            "row": "h200",
            "date": "2030-01-02",
            "commit": "c" * 40,
            "processes": 3,
            "alarms": {"rows": 600, "blamed": 1, "undecided": 2, "at_most_percent": 0.788},
            "cases": {CASE: {"limit": 3.0, "visible": 2.41, "planted": planted}},
        }
    ]


def test_every_fingerprint_says_its_origin() -> None:
    """Results, baselines, cards and bench; a value that is a path of the host is left out."""
    environment = {"CUDA_HOME": "/opt/some/place", "MODE": "fast"}
    machine = {"path": "/kept", "environment": environment}
    bench = bench_of([1]).model_copy(update={"machine": machine})
    stored = {"baselines": [baseline_of(TIMED_CASE)], "cards": [card_of()], "benches": [bench]}
    machines = content_of(report(judged("pass", 1)), **stored)["machines"]
    flat = {"path": "/kept", "environment.CUDA_HOME": "a path", "environment.MODE": "fast"}
    assert [tuple(machine.values()) for machine in machines] == [
        ("cpu", "results", {"os": "Linux", "device.name": "cpu"}),
        ("h200", "baseline: toy", {"os": "Moon"}),
        ("h200", "gate card", {"device.name": "NVIDIA H200"}),
        ("cpu", "bench", flat),
    ]
    assert list(machines[0]) == ["row", "of", "what"]


def test_bench_files_are_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    """The page is the same each time; a file that cannot be read is named."""
    folder = tmp_path / "bench"
    folder.mkdir()
    names = ["h200", "cpu", "b60", "mi300x", "a100", "h100", "b200", "zz", "m", "k"]
    for name in names:
        text = json.dumps({**bench_of([1]).model_dump(mode="json"), "row": name})
        (folder / f"{name}.json").write_text(text)
    assert [bench.row for bench in page_data.stored(PLAN, tmp_path).benches] == sorted(names)
    (folder / "h200.json").write_text(json.dumps({"version": 1}))
    with pytest.raises(ResultsError, match=r"h200\.json: row: field required"):
        page_data.stored(PLAN, tmp_path)
