"""The readers of baselines: golden digests, locks of generated code, times, gate cards."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kernelproof.checks.perf.judge import judge_timing
from kernelproof.errors import Exit
from kernelproof.plan.repository import ROOT
from kernelproof.records import code_lock, golden, sensitivity, time_baseline
from kernelproof.records.sealed_json import SealedFormat
from tests.fuzz.planned_cases import KERNEL, TIMED, TIMED_ROW, passing
from tests.fuzz.reports import require_page
from tests.fuzz.trial import Reader, require_plain

_BASELINES = Path("pipeline/baselines")
_GOLDEN, _CODEGEN, _PERF = (_BASELINES / name for name in ("golden", "codegen", "perf"))


def _stored(path: Path) -> Any:
    return json.loads((ROOT / path).read_bytes())


def _sealing(stored_format: SealedFormat[Any]) -> Callable[[Any], None]:
    """Returns a function that gives data the seal that fits them, if they can have one."""

    def seal(data: Any) -> None:
        try:
            data.update(stored_format.seal(data))
        except (ValueError, TypeError, AttributeError, KeyError):
            return

    return seal


def _read_golden(folder: Path) -> bool:
    golden.load.cache_clear()
    stored = golden.load(KERNEL, folder / _GOLDEN)
    require_page(golden=[stored] if stored else [])
    return stored is not None


def _small_golden() -> Any:
    data = _stored(_GOLDEN / f"{KERNEL}.json")
    return {**data, "digests": dict(list(data["digests"].items())[:4])}


def _read_codegen(folder: Path) -> bool:
    lock = code_lock.read(KERNEL, folder / _CODEGEN)
    require_page(locks=[lock] if lock else [])
    return lock is not None


def _small_codegen() -> Any:
    data = _stored(_CODEGEN / f"{KERNEL}.json")
    data["moves"] = data["moves"][:2]
    data["costs"] = dict(list(data["costs"].items())[:3])
    builds = {name.partition(" ")[0] for name in data["costs"]}
    data["builds"] = {name: build for name, build in data["builds"].items() if name in builds}
    return data


def _read_times(folder: Path) -> bool:
    """Judges a record by the times, and shows them on the page."""
    time_baseline.load.cache_clear()
    baseline = time_baseline.load(TIMED_ROW, KERNEL, folder / _PERF)
    timing, machine = passing(TIMED).timing, passing(TIMED).machine
    if baseline and timing:
        for stored in [baseline.stored.get(TIMED.case.id), *list(baseline.stored.values())[:2]]:
            judge_timing(timing, machine, stored, limit=3.0, comparisons=21)
    require_page(baselines=[baseline] if baseline else [])
    return baseline is not None


def _small_times() -> Any:
    data = _stored(_PERF / TIMED_ROW / f"{KERNEL}.json")
    data["benchmarks"] = [
        benchmark
        for benchmark in data["benchmarks"]
        if benchmark["extra_info"]["case"] == TIMED.case.id
    ]
    return data


def _read_card(folder: Path) -> bool:
    """Holds the limit of each case to the card, prints it, and shows it on the page."""
    sensitivity.load.cache_clear()
    card = sensitivity.load(TIMED_ROW, folder / _PERF)
    if card:
        require_plain("\n".join(sensitivity.lines_of(card)))
    for case in (TIMED.case.id, *(list(card.cases)[:5] if card else ())):
        sensitivity.require_visible(TIMED_ROW, case, 3.0, folder / _PERF)
    require_page(cards=[card] if card else [])
    return card is not None


def _small_card() -> Any:
    data = _stored(_PERF / TIMED_ROW / "gate-card.json")
    for name in ("cases", "times_us"):
        data[name] = {TIMED.case.id: data[name][TIMED.case.id]}
    return data


def readers() -> tuple[Reader, ...]:
    """Returns all four, each with a file that is cut to few cases."""
    file, row, codes = f"{KERNEL}.json", _PERF / TIMED_ROW, frozenset({Exit.BASELINE})
    return tuple(
        Reader(
            name=name,
            path=str(path),
            read=read,
            codes=codes | {Exit.MATRIX} if name == "card" else codes,
            samples=(stored_format.seal(small),),
            reseal=_sealing(stored_format),
        )
        for name, path, read, stored_format, small in (
            ("golden", _GOLDEN / file, _read_golden, golden.FORMAT, _small_golden()),
            ("codegen", _CODEGEN / file, _read_codegen, code_lock.FORMAT, _small_codegen()),
            ("baseline", row / file, _read_times, time_baseline.FORMAT, _small_times()),
            ("card", row / "gate-card.json", _read_card, sensitivity.FORMAT, _small_card()),
        )
    )
