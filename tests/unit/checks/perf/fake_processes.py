"""A stand-in for timing processes: its times are given, and what it is asked for is noted."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from kernelproof.plan.cases import Case, Planned
from kernelproof.plan.schema import Check
from kernelproof.records import timing as records
from kernelproof.records.timing import CaseRequest, StoredTiming, TimingAnswer
from tests.unit.checks.perf.timings import process_of, timing_of

CODE, OTHER_CODE, FLOOR_CODE = "c" * 64, "d" * 64, "f" * 64
COMMIT = "a" * 40
MACHINE: Mapping[str, Any] = {"device": {"name": "A GPU"}}
FLOORS = ("plain floor", "wide floor")
_LAUNCHES, _BYTES = 64, 4096
# The microseconds of a contestant, by the case and the number of the process.
Us = Callable[[str, int], float]


def case_of(tokens: int, *, row: str = "gpu", dtype: str = "fp32") -> Case:
    """Returns a case of the toy kernel, ``toy-gpu-fp32-T7``."""
    return Case(kernel="toy", row=row, dtype=dtype, shape=(("T", tokens),))


def planned_of(case: Case, limit: float = 3.0) -> Planned:
    """Returns the perf check of a case."""
    return Planned(case=case, check=Check.PERF, device="A GPU", golden=False, limit_percent=limit)


def near(us: float, number: int, percent: float = 0.05) -> float:
    """Returns a time that differs by so many percent from process to process."""
    return us * (1 + percent / 100 * ((number * 7) % 5 - 2))


def stored_of(us: float = 10.0, *, commit: str = COMMIT, floor: str = FLOORS[0]) -> StoredTiming:
    """Returns a baseline of 12 quiet processes, of the code `CODE` on the machine `MACHINE`."""
    processes = [process_of(near(us, n), floor=near(1.0, n)) for n in range(12)]
    hashes = {"code_hash": CODE, "floor_hash": FLOOR_CODE}
    timing = timing_of(processes, floor=floor, bytes=_BYTES, launches=_LAUNCHES, **hashes)
    return StoredTiming(timing=timing, machine=MACHINE, commit=commit)


@dataclass(kw_only=True)
class FakeReplicates:
    """A stand-in for `Replicates`: `us` gives each time, `errors` the answer for a case.

    `errors_beside` are those of processes with a reference tree. A process ends at a case of
    `deaths`, and the process of a number in `raised` raises. A planted round is a percent.
    """

    us: Us = lambda _, number: near(10.0, number)
    reference_us: Us = lambda _, number: near(10.0, number)
    floor_us: Us = lambda _, number: near(1.0, number)
    errors: dict[str, str] = field(default_factory=dict)
    errors_beside: dict[str, str] = field(default_factory=dict)
    deaths: dict[str, str] = field(default_factory=dict)
    raised: dict[int, BaseException] = field(default_factory=dict)
    code: str = CODE
    requests: list[records.TimingRequest] = field(default_factory=list)
    is_last: list[bool] = field(default_factory=list)
    entered: int = 0

    def __call__(self) -> Self:
        """Stands in for the constructor."""
        return self

    def __enter__(self) -> Self:
        self.entered += 1
        return self

    def __exit__(self, *_: object) -> None:
        self.entered -= 1

    def ask(self, request: records.TimingRequest, *, is_last: bool) -> list[TimingAnswer]:
        """Returns the answers of one more process."""
        assert self.entered == 1
        number = len(self.requests)
        self.requests.append(request)
        self.is_last.append(is_last)
        if number in self.raised:
            raise self.raised[number]
        answers: list[TimingAnswer] = []
        for case in request.cases:
            if death := self.deaths.get(case.case):
                return [*answers, TimingAnswer(case=case.case, error=death, outcome="crash")]
            answers.append(self._answer(case, request, number))
        return answers

    def _answer(
        self, case: CaseRequest, request: records.TimingRequest, number: int
    ) -> TimingAnswer:
        is_beside = request.reference_tree is not None
        errors = self.errors | (self.errors_beside if is_beside else {})
        if error := errors.get(case.case):
            return TimingAnswer(case=case.case, error=error)
        if request.task == "calibrate":
            rounds = {f"planted {percent:g}": round(percent) for percent in case.slower_by}
            return TimingAnswer(case=case.case, planted=rounds)
        us, floor_us = self.us(case.case, number), self.floor_us(case.case, number)
        reference_us = self.reference_us(case.case, number) if is_beside else None
        process = process_of(us, floor=floor_us, reference=reference_us)
        for name, percent in case.planted.items():
            process.samples_us[name] = [us * (1 + percent / 100)]
        if case.is_repeated:
            process.samples_us[records.REPEAT] = [us]
        return TimingAnswer(
            case=case.case,
            floor=case.floor or FLOORS[0],
            process=process,
            bytes=_BYTES,
            launches=dict.fromkeys(process.samples_us, _LAUNCHES),
            code_hash=self.code if request.is_hashed else None,
            floor_hash=FLOOR_CODE if request.is_hashed else None,
        )

    def cases(self) -> list[list[str]]:
        """Returns the cases that each process was asked for."""
        return [[case.case for case in request.cases] for request in self.requests]

    def floors(self) -> list[list[str | None]]:
        """Returns the floors that each process was asked for."""
        return [[case.floor for case in request.cases] for request in self.requests]

    def reference_trees(self) -> list[str | None]:
        """Returns the tree that each process had to time beside."""
        return [request.reference_tree for request in self.requests]
