"""The readers of baselines: golden digests, locks of generated code, times, gate cards."""

import hashlib
import json
from pathlib import Path
from typing import Any

from kernelproof.checks.perf.judge import judge_timing
from kernelproof.errors import Exit
from kernelproof.plan.repository import ROOT
from kernelproof.records import code_lock, golden, sensitivity, time_baseline
from kernelproof.records.golden import GoldenDigests
from tests.fuzz.ask import require_plain
from tests.fuzz.plan import KERNEL, TIMED, TIMED_ROW, passing
from tests.fuzz.reader import Reader
from tests.fuzz.reports import require_page

_GOLDEN, _CODEGEN, _PERF = (
    Path("pipeline/baselines") / name for name in ("golden", "codegen", "perf")
)
_CODES = frozenset({Exit.BASELINE})


def _stored(path: Path) -> Any:
    return json.loads((ROOT / path).read_bytes())


def _read_golden(folder: Path) -> bool:
    golden.load.cache_clear()
    found = golden.load(KERNEL, folder / _GOLDEN)
    require_page(golden=[found] if found else [])
    return found is not None


def _seal_golden(data: Any) -> None:
    try:
        digests = {name: GoldenDigests.model_validate(of) for name, of in data["digests"].items()}
        data["seal"] = golden.seal_of(digests)
    except (ValueError, TypeError, AttributeError, KeyError):
        return


def _small_golden() -> Any:
    data = _stored(_GOLDEN / f"{KERNEL}.json")
    data["digests"] = dict(list(data["digests"].items())[:4])
    _seal_golden(data)
    return data


def _read_codegen(folder: Path) -> bool:
    found = code_lock.read(KERNEL, folder / _CODEGEN)
    require_page(locks=[found] if found else [])
    return found is not None


def _seal_codegen(data: Any) -> None:
    """As the lock has it: over costs by build, then architecture."""
    try:
        whole = {name: of for name, of in data.items() if name != "seal"}
        nested: dict[str, Any] = {}
        for name, costs in whole["costs"].items():
            build, _, architecture = name.partition(" ")
            nested.setdefault(build, {})[architecture] = costs
        whole["costs"] = nested
        data["seal"] = hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()
    except (ValueError, TypeError, AttributeError, KeyError):
        return


def _small_codegen() -> Any:
    data = _stored(_CODEGEN / f"{KERNEL}.json")
    data["moves"] = data["moves"][:2]
    data["costs"] = dict(list(data["costs"].items())[:3])
    builds = {name.partition(" ")[0] for name in data["costs"]}
    data["builds"] = {name: of for name, of in data["builds"].items() if name in builds}
    _seal_codegen(data)
    return data


def _read_baseline(folder: Path) -> bool:
    """A record is judged by it, and the page shows it."""
    time_baseline.load.cache_clear()
    found = time_baseline.load(TIMED_ROW, KERNEL, folder / _PERF)
    if found:
        record = passing(TIMED)
        for stored in [found.stored.get(TIMED.case.id), *list(found.stored.values())[:2]]:
            timing = record.timing
            if timing:
                judge_timing(timing, record.machine, stored, limit=3.0, comparisons=21)
    require_page(baselines=[found] if found else [])
    return found is not None


def _small_baseline() -> Any:
    data = _stored(_PERF / TIMED_ROW / f"{KERNEL}.json")
    data["benchmarks"] = [
        one for one in data["benchmarks"] if one["extra_info"]["case"] == TIMED.case.id
    ]
    return data


def _read_card(folder: Path) -> bool:
    """The limit of a case is held to it, people read it, and the page shows it."""
    sensitivity.load.cache_clear()
    found = sensitivity.load(TIMED_ROW, folder / _PERF)
    if found:
        require_plain("\n".join(sensitivity.lines_of(found)))
    for case in (TIMED.case.id, *(list(found.cases)[:5] if found else ())):
        sensitivity.require_visible(TIMED_ROW, case, 3.0, folder / _PERF)
    require_page(cards=[found] if found else [])
    return found is not None


def _small_card() -> Any:
    data = _stored(_PERF / TIMED_ROW / "gate-card.json")
    for name in ("cases", "times_us"):
        data[name] = {TIMED.case.id: data[name][TIMED.case.id]}
    return data


def readers() -> tuple[Reader, ...]:
    """All four, each of a file that is cut to few cases."""
    return (
        Reader(
            name="golden",
            home=f"{_GOLDEN}/{KERNEL}.json",
            read=_read_golden,
            codes=_CODES,
            wholes=(_small_golden(),),
            mend=_seal_golden,
        ),
        Reader(
            name="codegen",
            home=f"{_CODEGEN}/{KERNEL}.json",
            read=_read_codegen,
            codes=_CODES,
            wholes=(_small_codegen(),),
            mend=_seal_codegen,
        ),
        Reader(
            name="baseline",
            home=f"{_PERF}/{TIMED_ROW}/{KERNEL}.json",
            read=_read_baseline,
            codes=_CODES,
            wholes=(_small_baseline(),),
        ),
        Reader(
            name="card",
            home=f"{_PERF}/{TIMED_ROW}/gate-card.json",
            read=_read_card,
            codes=_CODES | {Exit.MATRIX},
            wholes=(_small_card(),),
        ),
    )
