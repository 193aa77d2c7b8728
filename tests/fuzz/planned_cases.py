"""The plan of the fuzzed results: two cases of parity and one of times, of the real kernel."""

from dataclasses import replace

from kernelproof.machine.revision import Revision
from kernelproof.plan import cases, matrix
from kernelproof.plan.cases import Planned
from kernelproof.plan.schema import Check
from kernelproof.records import golden, time_baseline
from kernelproof.records.record_files import Record
from tests.unit.records.made_records import record_of

SOURCE = Revision(commit="c" * 40, dirty=False, tree="7" * 64)
KERNEL, TIMED_ROW = "gemma4_routing", "h200"


def _planned(check: Check, case: str) -> Planned:
    planned = cases.plan(matrix.load(), cases.Selection(case=(case,)), checks=[check])
    return replace(planned[0], skip=None)


FIRST, SECOND = (
    _planned(Check.PARITY, f"{KERNEL}-cpu-fp32-E8-K8-T{tokens}") for tokens in (1, 130)
)
TIMED = _planned(Check.PERF, f"{KERNEL}-{TIMED_ROW}-fp32-E128-K8-T128")
PLAN = (FIRST, SECOND, TIMED)


def passing(planned: Planned) -> Record:
    """Returns a record with the blessed bits and the stored times, of this plan's source."""
    stored = golden.load(KERNEL)
    blessed = stored.digests[golden.name_of(planned.case)] if stored else None
    times = time_baseline.load(TIMED_ROW, KERNEL)
    is_timed = planned.check == Check.PERF
    return record_of(
        planned,
        commit=SOURCE.commit,
        tree=SOURCE.tree,
        digest=blessed.outputs if blessed else None,
        input_digest=blessed.inputs if blessed else None,
        timing=times.stored[planned.case.id].timing if is_timed and times else None,
    )
