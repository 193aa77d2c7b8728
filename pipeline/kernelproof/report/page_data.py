"""The page's data: the report, and what is stored beside it, as one mapping for JSON."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kernelproof.plan.schema import Matrix
from kernelproof.records import (
    bench_run,
    code_lock,
    golden,
    mutation_run,
    sensitivity,
    time_baseline,
)
from kernelproof.records.verdict import Verdict
from kernelproof.report import history, page_mutants, page_speed
from kernelproof.report.earlier_runs import EarlierRuns
from kernelproof.report.report_file import Report
from kernelproof.report.terminal import conclusion

_COSTS = ["registers", "spills", "stack", "shared", "resident_warps", "instructions_per_row"]


@dataclass(frozen=True, kw_only=True)
class PageSources:
    """The stored files of the repository and of the results folder, except for the records."""

    golden: list[golden.Golden]
    locks: list[code_lock.CodeLock]
    baselines: list[time_baseline.TimeBaseline]
    cards: list[sensitivity.GateCard]
    benches: list[bench_run.BenchRun]
    mutants: mutation_run.MutationRun | None


def stored(plan: Matrix, results: Path) -> PageSources:
    """Returns the stored files of the matrix's rows and kernels.

    Raises BaselineError or ResultsError for an unreadable one.
    """
    kernels, rows = list(plan.kernels), list(plan.rows)
    digests, locks = map(golden.load, kernels), map(code_lock.read, kernels)
    timed = [time_baseline.load(row, kernel) for row in rows for kernel in kernels]
    files = sorted((results / "bench").glob("*.json"))
    return PageSources(
        golden=list(filter(None, digests)),
        locks=list(filter(None, locks)),
        baselines=list(filter(None, timed)),
        cards=list(filter(None, map(sensitivity.load, rows))),
        benches=[bench_run.read(file) for file in files],
        mutants=mutation_run.read(results / "mutants.json"),
    )


def content(
    report: Report, plan: Matrix, sources: PageSources, past: EarlierRuns | None = None
) -> dict[str, Any]:
    """Returns the page's data in JSON's types; infinities and NaN are null or text."""
    parts = json.loads(report.model_dump_json())
    return {
        "version": 1,
        "conclusion": conclusion(report),
        "good": [verdict.value for verdict in Verdict if verdict.is_good],
        "report": {name: parts[name] for name in ("date", "commit", "dirty", "blocks", "rows")},
        "cases": parts["cases"],
        "rows": {name: {"device": row.device, "arch": row.arch} for name, row in plan.rows.items()},
        "max_ulp": {
            name: {dtype: promise.max_ulp for dtype, promise in kernel.dtypes.items()}
            for name, kernel in plan.kernels.items()
        },
        "golden": {digests.kernel: _golden(digests) for digests in sources.golden},
        "codegen": {lock.kernel: _costs(lock) for lock in sources.locks},
        "baselines": list(map(_baseline, sources.baselines)),
        "cards": list(map(_card, sources.cards)),
        "speed": page_speed.sets(report, sources.baselines, sources.benches),
        "machines": _machines(report, sources),
        "mutants": page_mutants.content(sources.mutants) if sources.mutants else None,
        "history": history.content(past) if past else None,
    }


def _golden(stored_digests: golden.Golden) -> dict[str, str]:
    return {name: digests.outputs for name, digests in stored_digests.digests.items()}


def _costs(lock: code_lock.CodeLock) -> dict[str, Any]:
    return {
        "date": lock.date,
        "reason": lock.reason,
        "toolchain": lock.toolchain,
        "builds": {
            build: {
                architecture: {name: getattr(costs, name) for name in _COSTS}
                for architecture, costs in of_build.items()
            }
            for build, of_build in lock.costs.items()
        },
    }


def _baseline(baseline: time_baseline.TimeBaseline) -> dict[str, Any]:
    own = baseline.kernelproof
    cases = {}
    for case, kept in baseline.stored.items():
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
            "cases": {
                case: [time.time_us, time.ratio_to_floor] for case, time in blessing.cases.items()
            },
        }
        for blessing in reversed(own.blessings)
    ]
    return {"row": own.row, "kernel": own.kernel, "blessings": blessings, "cases": cases}


def _card(card: sensitivity.GateCard) -> dict[str, Any]:
    return {
        **card.model_dump(include={"row", "date", "commit", "processes", "alarms"}),
        "cases": {
            case: {
                "limit": of_case.limit_percent,
                "visible": of_case.visible_percent,
                "planted": [
                    [planted.percent, 100 * planted.found / planted.trials]
                    for planted in of_case.planted
                ],
            }
            for case, of_case in card.cases.items()
        },
    }


def _machines(report: Report, sources: PageSources) -> list[dict[str, Any]]:
    """Returns the fingerprints of the results, baselines, gate cards and bench runs, flat."""
    machines = [(row, "results", machine) for row, machine in report.machines.items()]
    for baseline in sources.baselines:
        own = baseline.kernelproof
        machines.append((own.row, f"baseline: {own.kernel}", own.machine))
    machines += [(card.row, "gate card", card.machine) for card in sources.cards]
    machines += [(bench.row, "bench", bench.machine) for bench in sources.benches]
    return [
        {"row": row, "of": origin, "what": dict(_flat(machine))}
        for row, origin, machine in machines
    ]


def _flat(machine: Mapping[str, Any], path: str = "") -> list[tuple[str, str]]:
    """Returns pairs like ``device.name: NVIDIA H200``; a path of the host is left out."""
    pairs: list[tuple[str, str]] = []
    for name, value in machine.items():
        if isinstance(value, Mapping):
            pairs += _flat(value, f"{path}{name}.")
        else:
            is_place = path.startswith("environment") and "/" in str(value)
            pairs.append((f"{path}{name}", "a path" if is_place else str(value)))
    return pairs
