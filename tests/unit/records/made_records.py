"""Records of a made-up case, for tests of all that reads one."""

from typing import Any

from kernelproof.plan.cases import Case, Planned
from kernelproof.plan.schema import Check
from kernelproof.records.record_files import Record

CASE = Case(kernel="toy", row="cpu", dtype="fp32", shape=(("E", 8), ("K", 2), ("T", 3)))
PLANNED = Planned(case=CASE, check=Check.PARITY, device="cpu", golden=False)


def record_of(planned: Planned, **changes: Any) -> Record:
    """Returns a whole record of a pass, with some fields changed."""
    fields = {
        "case": planned.case.id,
        "check": planned.check,
        "outcome": "pass",
        "reason": "",
        "numbers": {"launches": 1.0, "max_ulp": 0.5},
        "digest": "1" * 64,
        "input_digest": "2" * 64,
        "seed": 2**64 - 1,
        "distributions": ["normal", "one_nan"],
        "seconds": 0.25,
        "commit": "c" * 40,
        "dirty": False,
        "tree": "7" * 64,
        "machine": {"os": "Linux", "device": {"name": planned.device}},
        "reproduce": f"nox -s reproduce -- {planned.case.id}",
    }
    return Record.model_validate({**fields, **changes})
