"""What the page shows of stored figures: curves with their source, blessings, fingerprints."""

import json
from pathlib import Path
from typing import Any

import pytest

from kernelproof.errors import ResultsError
from kernelproof.plan import matrix
from kernelproof.records import time_baseline
from kernelproof.records.bench_run import BenchRun
from kernelproof.report import page_data, page_speed
from kernelproof.report.report_file import report_of
from tests.unit.report.test_page import NOTHING, content_of
from tests.unit.report.test_report import SOURCE, judged

PLAN = matrix.load()


def _entry(us: float) -> dict[str, Any]:
    timing = {"samples_us": [us], "launches": 1, "is_graph": True}
    return {"state": "timed", "timing": timing}


def _bench(sizes: list[int]) -> BenchRun:
    """A run over some T, in which the kernel takes T us, its floors half and a quarter of it."""
    measured = [
        {
            "case": f"toy-cpu-fp32-E8-K2-T{size}",
            "kernel": "toy",
            "dtype": "fp32",
            "shape": {"E": 8, "K": 2, "T": size},
            "sets": 1,
            "least_bytes": 1,
            "ours": _entry(size or 1),
            "floors": {"slow": _entry((size or 1) / 2), "fast": _entry((size or 1) / 4)},
            "peers": {"eager": _entry(3 * (size or 1)), "vllm": {"state": "not installed"}},
        }
        for size in sizes
    ]
    head = {"row": "cpu", "date": "2026-11-24", "command": "x", "commit": "b" * 40, "dirty": False}
    return BenchRun.model_validate({**head, "machine": {}, "measured": measured})


def test_curves_of_bench() -> None:
    """Kernel, the fastest floor, and each peer that was timed, by T in order; 0 has no place."""
    (one,) = page_speed.sets(report_of([], SOURCE), [], [_bench([2048, 0, 1])])
    assert (one["row"], one["kernel"], one["dtype"], one["axes"]) == ("cpu", "toy", "fp32", "E8-K2")
    assert one["source"] == "bench of 2026-11-24 at bbbbbbbbbbbb"
    assert one["curves"] == [
        {"name": "kernel", "points": [[1, 1.0], [2048, 2048.0]]},
        {"name": "floor", "points": [[1, 0.25], [2048, 512.0]]},
        {"name": "eager", "points": [[1, 3.0], [2048, 6144.0]]},
    ]


def test_curves_of_results() -> None:
    """Where bench has none of these axes; bench's own are not mixed with them."""
    timed = [judged("pass", size, numbers={"time_us": 2.0, "floor_us": 1.0}) for size in (4, 2)]
    report = report_of(timed, SOURCE)
    (one,) = page_speed.sets(report, [], [])
    assert one["source"] == "results at cccccccccccc"
    assert one["curves"][0] == {"name": "kernel", "points": [[2, 2.0], [4, 2.0]]}
    (one,) = page_speed.sets(report, [], [_bench([1])])
    assert one["source"].startswith("bench of ")
    assert one["curves"][0]["points"] == [[1, 1.0]]


def test_curves_of_a_baseline() -> None:
    """What is stored of the h200 row, by dtype."""
    stored = time_baseline.load("h200", "gemma4_routing")
    assert stored
    sets = page_speed.sets(report_of([], SOURCE), [stored], [])
    assert [(one["dtype"], one["axes"]) for one in sets] == [
        ("fp32", "E128-K8"),
        ("fp16", "E128-K8"),
        ("bf16", "E128-K8"),
    ]
    sizes = [t for t, _ in sets[0]["curves"][0]["points"]]
    assert sizes == [1, 128, 2048, 16384, 65536, 250000, 262144]


def test_blessings_the_oldest_first() -> None:
    """With a case's time and its time over the floor at each."""
    stored = time_baseline.load("h200", "gemma4_routing")
    assert stored
    own = stored.kernelproof
    later = own.blessings[0].model_copy(update={"date": "2026-12-01", "reason": "later"})
    grown = own.model_copy(update={"blessings": [later, *own.blessings]})
    beside = page_data.PageSources(
        **{**vars(NOTHING), "baselines": [stored.model_copy(update={"kernelproof": grown})]}
    )
    (one,) = content_of(report_of([], SOURCE), beside)["baselines"]
    assert [blessing["date"] for blessing in one["blessings"]] == ["2026-11-24", "2026-12-01"]
    case = "gemma4_routing-h200-fp32-E128-K8-T1"
    kept = one["cases"][case]
    assert kept["low"] <= kept["us"] <= kept["high"]
    assert one["blessings"][0]["cases"][case] == [pytest.approx(kept["us"], rel=1e-3), 1.4448]


def test_fingerprints_are_flat_and_tell_no_place() -> None:
    """A value a path; of a variable that names a place in the host's files, only that it does."""
    report = report_of([judged("pass", 1)], SOURCE)
    environment = {"CUDA_HOME": "/opt/some/place", "TRITON_INTERPRET": "1"}
    machine = {"os": "Linux", "device": {"name": "cpu"}, "environment": environment}
    report = report.model_copy(update={"machines": {"cpu": machine}})
    (one,) = content_of(report)["machines"]
    assert one == {
        "row": "cpu",
        "of": "results",
        "what": {
            "os": "Linux",
            "device.name": "cpu",
            "environment.CUDA_HOME": "a path",
            "environment.TRITON_INTERPRET": "1",
        },
    }


def test_bench_files_are_read_strictly(tmp_path: Path) -> None:
    """Each of a row, in the folder of results; one that is none is told with its name."""
    folder = tmp_path / "bench"
    folder.mkdir()
    (folder / "cpu.json").write_text(_bench([1]).model_dump_json())
    assert [one.row for one in page_data.stored(PLAN, tmp_path).benches] == ["cpu"]
    (folder / "h200.json").write_text(json.dumps({"version": 1}))
    with pytest.raises(ResultsError, match=r"h200\.json: row: field required"):
        page_data.stored(PLAN, tmp_path)
