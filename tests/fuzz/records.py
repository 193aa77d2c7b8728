"""The readers of records: judged with the plan, and run again."""

import os
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

from kernelproof.checks import judge_plan
from kernelproof.errors import Exit
from kernelproof.plan import matrix
from kernelproof.plan.cases import Planned
from kernelproof.plan.schema import Matrix
from kernelproof.records import record_files
from kernelproof.records.record_files import Record
from kernelproof.sessions import reproduce
from tests.fuzz.planned_cases import FIRST, PLAN, SOURCE, TIMED, TIMED_ROW, passing
from tests.fuzz.reports import is_whole
from tests.fuzz.trial import BreachError, Reader

_SWITCH = re.compile(r"(TRITON|NVIDIA_TF32)[A-Z0-9_]*=[A-Za-z0-9_.,:+-]*")
_REASON = "topk_ids is not that of the reference\n  place 0"


def _judging(planned: Planned) -> Callable[[Path], bool]:
    def read(folder: Path) -> bool:
        is_record = is_whole(record_files.path_of(folder / "results", planned))
        judged = judge_plan.judge(PLAN, folder / "results", SOURCE)
        if [verdict.planned for verdict in judged] != list(PLAN):
            raise BreachError(f"verdicts: found {len(judged)}, expected {len(PLAN)}")
        return is_record

    return read


def _read_again(folder: Path) -> bool:
    """Runs a record again; checks that it sets only switches to words, and names no place."""

    def run(planned: Planned, _: object, environment: dict[str, str], __: object) -> Record:
        changed = set(environment.items()) - set(os.environ.items())
        if wrong := [pair for pair in changed if not _SWITCH.fullmatch("=".join(pair))]:
            raise BreachError(f"variables of a record: found {wrong}")
        return passing(planned)

    file = record_files.path_of(folder / "results", FIRST)
    patched = mock.patch.object(matrix, "load", return_value=_real_matrix())
    with mock.patch.object(reproduce, "_run_again", run), patched:
        reproduce.main([str(file), "--row", "cpu", "--this-python"])
    return True


@cache
def _real_matrix() -> Matrix:
    """Returns the real matrix with the rows of the plan."""
    real = matrix.load()
    return real.model_copy(update={"rows": {name: real.rows[name] for name in ("cpu", TIMED_ROW)}})


def _records(planned: Planned) -> tuple[Any, ...]:
    record = passing(planned).model_dump(mode="json")
    return record, {**record, "outcome": "fail", "reason": _REASON}


def readers() -> tuple[Reader, ...]:
    """Returns a reader of parity, one of times, and one of a record that is run again."""
    parity, perf = f"results/parity/{FIRST.case.id}.json", f"results/perf/{TIMED.case.id}.json"
    codes = frozenset({Exit.RESULTS})
    return tuple(
        Reader(name=name, path=path, read=read, codes=allowed, samples=_records(planned))
        for name, path, read, allowed, planned in (
            ("record", parity, _judging(FIRST), codes, FIRST),
            ("times", perf, _judging(TIMED), codes, TIMED),
            ("reproduce", parity, _read_again, codes | {Exit.MATRIX}, FIRST),
        )
    )
