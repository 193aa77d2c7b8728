"""What the page shows: the report, and what is stored beside it, as one mapping for JSON."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kernelproof.plan.schema import Matrix
from kernelproof.records import bench_run as bench
from kernelproof.records import code_lock, golden, sensitivity, time_baseline
from kernelproof.records import mutation_run as mutant
from kernelproof.records.verdict import Verdict
from kernelproof.report import history, page_mutants, page_speed
from kernelproof.report.earlier_runs import Runs
from kernelproof.report.report_file import Report
from kernelproof.report.terminal import conclusion

_COSTS = ["registers", "spills", "stack", "shared", "resident_warps", "instructions_per_row"]


@dataclass(frozen=True, kw_only=True)
class Stored:
    """What the repository and the results folder hold beside the records."""

    golden: list[golden.Golden]
    locks: list[code_lock.CodeLock]
    baselines: list[time_baseline.TimeBaseline]
    cards: list[sensitivity.GateCard]
    benches: list[bench.BenchRun]
    mutants: mutant.Run | None


def stored(the_matrix: Matrix, results: Path) -> Stored:
    """Everything of the matrix's rows and kernels; BaselineError, ResultsError if unreadable."""
    kernels, rows = list(the_matrix.kernels), list(the_matrix.rows)
    timed = [time_baseline.load(row, kernel) for row in rows for kernel in kernels]
    files = sorted((results / "bench").glob("*.json"))
    return Stored(
        golden=[one for one in map(golden.load, kernels) if one],
        locks=[one for one in map(code_lock.read, kernels) if one],
        baselines=[one for one in timed if one],
        cards=[one for one in map(sensitivity.load, rows) if one],
        benches=[bench.read(file) for file in files],
        mutants=mutant.read(results / "mutants.json"),
    )


def content(
    report: Report, the_matrix: Matrix, beside: Stored, past: Runs | None = None
) -> dict[str, Any]:
    """The whole of it, in JSON's types; numbers that JSON has not are null or text."""
    whole = json.loads(report.model_dump_json())
    return {
        "version": 1,
        "conclusion": conclusion(report),
        "good": [verdict.value for verdict in Verdict if verdict.is_good],
        "report": {name: whole[name] for name in ("date", "commit", "dirty", "blocks", "rows")},
        "cases": whole["cases"],
        "rows": {
            name: {"device": row.device, "arch": row.arch} for name, row in the_matrix.rows.items()
        },
        "max_ulp": {
            name: {dtype: promise.max_ulp for dtype, promise in kernel.dtypes.items()}
            for name, kernel in the_matrix.kernels.items()
        },
        "golden": {one.kernel: _golden(one) for one in beside.golden},
        "codegen": {one.kernel: _costs(one) for one in beside.locks},
        "baselines": [_baseline(one) for one in beside.baselines],
        "cards": [_card(one) for one in beside.cards],
        "speed": page_speed.sets(report, beside.baselines, beside.benches),
        "machines": _machines(report, beside),
        "mutants": page_mutants.content(beside.mutants) if beside.mutants else None,
        "history": history.content(past) if past else None,
    }


def _golden(one: golden.Golden) -> dict[str, str]:
    return {name: digests.outputs for name, digests in one.digests.items()}


def _costs(one: code_lock.CodeLock) -> dict[str, Any]:
    return {
        "date": one.date,
        "reason": one.reason,
        "toolchain": one.toolchain,
        "builds": {
            build: {
                architecture: {name: getattr(costs, name) for name in _COSTS}
                for architecture, costs in of_build.items()
            }
            for build, of_build in one.costs.items()
        },
    }


def _baseline(one: time_baseline.TimeBaseline) -> dict[str, Any]:
    own = one.kernelproof
    cases = {}
    for case, kept in one.stored.items():
        times = kept.timing.times("kernel")
        cases[case] = {
            "us": kept.timing.us,
            "low": min(times),
            "high": max(times),
            "floor_us": kept.timing.floor_us,
            "ratio": kept.timing.ratio,
            "processes": len(times),
            "commit": kept.commit,
        }
    blessings = [
        {
            **blessing.model_dump(exclude={"cases"}),
            "cases": {case: [was.time_us, was.ratio_to_floor] for case, was in then.items()},
        }
        for blessing, then in ((each, each.cases) for each in reversed(own.blessings))
    ]
    return {"row": own.row, "kernel": own.kernel, "blessings": blessings, "cases": cases}


def _card(one: sensitivity.GateCard) -> dict[str, Any]:
    return {
        "row": one.row,
        "date": one.date,
        "commit": one.commit,
        "processes": one.processes,
        "alarms": one.alarms.model_dump(),
        "cases": {
            case: {
                "limit": of_case.limit_percent,
                "visible": of_case.visible_percent,
                "planted": [
                    [planted.percent, 100 * planted.found / planted.trials]
                    for planted in of_case.planted
                ],
            }
            for case, of_case in one.cases.items()
        },
    }


def _machines(report: Report, beside: Stored) -> list[dict[str, Any]]:
    """Fingerprints, flat: of the results, and of what they are judged by or drawn beside."""
    told = [(row, "results", machine) for row, machine in report.machines.items()]
    for one in beside.baselines:
        own = one.kernelproof
        told.append((own.row, f"baseline: {own.kernel}", own.machine))
    told += [(one.row, "gate card", one.machine) for one in beside.cards]
    told += [(one.row, "bench", one.machine) for one in beside.benches]
    return [{"row": row, "of": of, "what": dict(_flat(machine))} for row, of, machine in told]


def _flat(machine: Mapping[str, Any], path: str = "") -> list[tuple[str, str]]:
    """``device.name: NVIDIA H200``, a pair a value; a place of the host's own is not told."""
    pairs: list[tuple[str, str]] = []
    for name, value in machine.items():
        if isinstance(value, Mapping):
            pairs += _flat(value, f"{path}{name}.")
        else:
            is_place = path.startswith("environment") and "/" in str(value)
            pairs.append((f"{path}{name}", "a path" if is_place else str(value)))
    return pairs
