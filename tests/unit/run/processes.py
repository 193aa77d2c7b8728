"""Made-up timing processes: what each contestant takes is given, and what was asked is noted."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from kernelproof.plan.cases import Case, Planned
from kernelproof.plan.schema import Check
from kernelproof.records.timing import (
    FLOOR,
    KERNEL,
    REFERENCE,
    CaseRequest,
    CaseTiming,
    ProcessTimes,
    StoredTiming,
    TimingAnswer,
    TimingRequest,
)

CODE, OTHER_CODE, FLOOR_CODE = "c" * 64, "d" * 64, "f" * 64
COMMIT = "a" * 40
MACHINE: Mapping[str, Any] = {"device": {"name": "A GPU"}}
FLOORS = ("plain floor", "wide floor")
# Of a case and the number of its process: how long the kernel takes, in microseconds.
Us = Callable[[str, int], float]


def case_of(tokens: int, *, row: str = "gpu", dtype: str = "fp32") -> Case:
    """A case of the toy kernel, ``toy-gpu-fp32-T7``."""
    return Case(kernel="toy", row=row, dtype=dtype, shape=(("T", tokens),))


def planned_of(case: Case, limit: float = 3.0) -> Planned:
    """The perf check of a case."""
    return Planned(case=case, check=Check.PERF, device="A GPU", golden=False, limit_percent=limit)


def process_of(
    us: float, *, floor_us: float = 1.0, reference_us: float | None = None
) -> ProcessTimes:
    """Three samples of each contestant, the second being its time."""
    times = {KERNEL: us, FLOOR: floor_us}
    if reference_us is not None:
        times[REFERENCE] = reference_us
    return ProcessTimes(
        samples_us={name: [0.99 * of, of, 1.01 * of] for name, of in times.items()},
        discarded=0,
        sentinel_us=100.0,
        sm_clock_mhz=1980,
        temperature_c=50,
    )


def near(us: float, number: int, percent: float = 0.05) -> float:
    """A time that differs by so many percent from process to process."""
    return us * (1 + percent / 100 * ((number * 7) % 5 - 2))


def stored_of(us: float = 10.0, *, commit: str = COMMIT, floor: str = FLOORS[0]) -> StoredTiming:
    """A baseline of 12 quiet processes, of the code `CODE` on the machine `MACHINE`."""
    processes = [process_of(near(us, n), floor_us=near(1.0, n)) for n in range(12)]
    timing = CaseTiming(
        floor=floor,
        bytes=4096,
        code_hash=CODE,
        floor_hash=FLOOR_CODE,
        launches=64,
        processes=processes,
    )
    return StoredTiming(timing=timing, machine=MACHINE, commit=commit)


@dataclass(kw_only=True)
class Made:
    """Stands in for `Replicates`: `us` gives each time, an error of a case is its answer.

    `errors_beside` are those of processes that time another tree beside; `deaths` are those at
    which a process ends; `raised` is what the process of a number raises.
    """

    us: Us = lambda _, number: near(10.0, number)
    reference_us: Us = lambda _, number: near(10.0, number)
    floor_us: Us = lambda _, number: near(1.0, number)
    errors: dict[str, str] = field(default_factory=dict)
    errors_beside: dict[str, str] = field(default_factory=dict)
    deaths: dict[str, str] = field(default_factory=dict)
    raised: dict[int, BaseException] = field(default_factory=dict)
    code: str = CODE
    requests: list[TimingRequest] = field(default_factory=list)
    is_last: list[bool] = field(default_factory=list)
    open: int = 0

    def __call__(self) -> Self:
        """As the class would make one."""
        return self

    def __enter__(self) -> Self:
        self.open += 1
        return self

    def __exit__(self, *_: object) -> None:
        self.open -= 1

    def ask(self, request: TimingRequest, *, is_last: bool) -> list[TimingAnswer]:
        """What one more process says."""
        assert self.open == 1
        number = len(self.requests)
        self.requests.append(request)
        self.is_last.append(is_last)
        if number in self.raised:
            raise self.raised[number]
        answers: list[TimingAnswer] = []
        for asked in request.cases:
            if words := self.deaths.get(asked.case):
                return [*answers, TimingAnswer(case=asked.case, error=words, outcome="crash")]
            answers.append(self._answer(asked, request, number))
        return answers

    def _answer(self, asked: CaseRequest, request: TimingRequest, number: int) -> TimingAnswer:
        errors = self.errors | (self.errors_beside if request.reference_tree else {})
        if error := errors.get(asked.case):
            return TimingAnswer(case=asked.case, error=error)
        beside = self.reference_us(asked.case, number) if request.reference_tree else None
        names = {KERNEL, FLOOR, *([REFERENCE] if request.reference_tree else [])}
        return TimingAnswer(
            case=asked.case,
            floor=asked.floor or FLOORS[0],
            process=process_of(
                self.us(asked.case, number),
                floor_us=self.floor_us(asked.case, number),
                reference_us=beside,
            ),
            bytes=4096,
            launches=dict.fromkeys(names, 64),
            code_hash=self.code if request.is_hashed else None,
            floor_hash=FLOOR_CODE if request.is_hashed else None,
        )

    def asked(self) -> list[list[str]]:
        """The cases that each process was asked for."""
        return [[one.case for one in request.cases] for request in self.requests]


def root_of(requests: Sequence[TimingRequest]) -> list[Path | None]:
    """The tree that each process had to time beside."""
    return [Path(one.reference_tree) if one.reference_tree else None for one in requests]
