"""A small stored file of each kind, and edits of it with a seal that fits."""

import datetime
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kernelproof.errors import BaselineError
from kernelproof.records import code_lock, golden, sensitivity, time_baseline
from kernelproof.records.golden import Golden, GoldenBlessing, GoldenDigests
from kernelproof.records.sealed_json import SealedFormat
from kernelproof.records.sensitivity import CaseSensitivity, FalseAlarms, GateCard, PlantedSlowdown
from tests.unit.checks.codegen.codes import lock_of
from tests.unit.checks.perf.timings import MACHINE, processes_near, timing_of

Place = tuple[str | int, ...]
# A place in a file, its new value, and the first words of the refusal; none if it is read.
Edit = tuple[Place, Any, str]
KERNEL, ROW = "toy", "h200"
CASE = "toy-h200-fp32-E8-K2-T3"
NAME = "fp32-E8-K2-T3"
DIGESTS = GoldenDigests(inputs="2" * 64, outputs="1" * 64, was=None)


def golden_of(**digests: GoldenDigests) -> Golden:
    """Returns the golden digests of the toy, of one case if none is given."""
    named = {name.replace("_", "-"): entry for name, entry in digests.items()} or {NAME: DIGESTS}
    today = datetime.date(2030, 1, 2)
    blessing = GoldenBlessing(date=today, reason="first", toolchain="torch 1", changed=len(named))
    return Golden(kernel=KERNEL, blessings=[blessing], digests=named)


def card_of(row: str = ROW, **seen: Any) -> GateCard:
    """Returns a card of one case, of which slowdowns of 3 % and more are found."""
    planted = [
        PlantedSlowdown(percent=size, measured_percent=size + 0.04, found=count, trials=200)
        for size, count in ((1, 0), (3, 199), (10, 200))
    ]
    fields = {
        "limit_percent": 3.0,
        "spread_percent": {"time": 0.21, "floor": 0.345, "ratio": 0.4},
        "planted": planted,
        "visible_percent": 2.41,
        **seen,
    }
    return GateCard(
        row=row,
        date="2030-01-02",
        commit="c" * 40,
        processes=3,
        machine={"device": {"name": "NVIDIA H200"}},
        alarms=FalseAlarms(rows=600, blamed=1, undecided=2, at_most_percent=0.788),
        cases={CASE: CaseSensitivity.model_validate(fields)},
        times_us={CASE: {"kernel": [10.0, 10.1, 9.9], "floor": [5.0, 5.0, 5.1]}},
    )


@dataclass(frozen=True, kw_only=True)
class StoredFile:
    """A kind of stored file: its format, the writer of a small one, and its reader."""

    stored_format: SealedFormat[Any]
    write: Callable[[Path], object]
    load: Callable[[Path], Any]
    file: str

    def placed(self, folder: Path) -> Path:
        """Writes the small file below `folder`, and returns it."""
        self.write(folder)
        return folder / self.file

    def read(self, folder: Path) -> Any:
        """Reads the file below `folder` anew, as the judge does."""
        for cached in (golden.load, time_baseline.load, sensitivity.load):
            cached.cache_clear()
        return self.load(folder)


# The content of a time baseline: one case, as pytest-benchmark holds it.
TIMES: dict[str, Any] = {
    "version": "5.2.3",
    "benchmarks": [
        {
            "name": "test_perf[toy-h200-fp32-E8-K2-T1]",
            "stats": {"median": 1.0},
            "extra_info": {
                "case": "toy-h200-fp32-E8-K2-T1",
                "timing": timing_of(processes_near(10)[:2]).model_dump(mode="json"),
            },
        }
    ],
    "kernelproof": {
        "version": 1,
        "row": "h200",
        "kernel": "toy",
        "commit": "c" * 40,
        "machine": time_baseline.committed(MACHINE),
        "blessings": [
            {"date": "2030-01-02", "reason": "first", "commit": "c", "machine": "m", "cases": {}}
        ],
    },
}
KINDS = {
    "golden": StoredFile(
        stored_format=golden.FORMAT,
        write=lambda folder: golden.write(golden_of(), folder),
        load=lambda folder: golden.load("toy", folder),
        file="toy.json",
    ),
    "lock": StoredFile(
        stored_format=code_lock.FORMAT,
        write=lambda folder: code_lock.write(lock_of(), folder),
        load=lambda folder: code_lock.read("toy", folder),
        file="toy.json",
    ),
    "times": StoredFile(
        stored_format=time_baseline.FORMAT,
        write=lambda folder: time_baseline.write(TIMES, folder),
        load=lambda folder: time_baseline.load("h200", "toy", folder),
        file="h200/toy.json",
    ),
    "card": StoredFile(
        stored_format=sensitivity.FORMAT,
        write=lambda folder: sensitivity.write(card_of(), folder),
        load=lambda folder: sensitivity.load("h200", folder),
        file="h200/gate-card.json",
    ),
}


def holder_of(data: Any, place: Place) -> Any:
    """Returns the mapping or list that holds the value at this place."""
    for key in place[:-1]:
        data = data[key]
    return data


def refusal_in(kind: StoredFile, folder: Path) -> str:
    """Returns the message for the file below `folder`, after its name; empty if it is read."""
    try:
        kind.read(folder)
    except BaselineError as error:
        file, line = folder / kind.file, str(error)
        remake = kind.stored_format.remake
        assert line.startswith(f"{file}: ")
        assert line.endswith(f"; restore it: git checkout -- {file}, or make it anew: {remake}")
        assert line.isprintable()
        assert len(line) < 500 + 2 * len(str(file))
        return line.removeprefix(f"{file}: ")
    return ""


def refusal_of(kind: StoredFile, folder: Path, place: Place, value: Any) -> str:
    """Returns the refusal of the small file with another value, or none if it is ``...``.

    The seal fits the edited data.
    """
    file = kind.placed(folder)
    data = json.loads(file.read_bytes())
    if value is ...:
        del holder_of(data, place)[place[-1]]
    else:
        holder_of(data, place)[place[-1]] = value
    file.write_text(json.dumps(kind.stored_format.seal(data)))
    return refusal_in(kind, folder)


def wrong_refusals(name: str, folder: Path, edits: Sequence[Edit]) -> list[tuple[Place, str]]:
    """Returns the edits of a kind of file that are refused in other words, or read, or not."""
    wrong = []
    for place, value, words in edits:
        refusal = refusal_of(KINDS[name], folder, place, value)
        if not refusal.startswith(words) or bool(refusal) != bool(words):
            wrong.append((place, refusal))
    return wrong
