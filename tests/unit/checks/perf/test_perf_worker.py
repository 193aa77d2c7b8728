"""The samples of a timing process: what is read around each, and which are discarded."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pytest
import torch

from kernelproof.checks.perf import timing_worker
from kernelproof.machine.gpu_monitor import State
from kernelproof.measure.clock import Contestant, Recording
from kernelproof.records.timing import (
    FLOOR,
    KERNEL,
    CaseRequest,
    ProcessTimes,
    TimingAnswer,
    TimingRequest,
)

HOT, COOL = State(is_held_back=True, sm_clock_mhz=1200), State(sm_clock_mhz=1980)
READINGS_A_ROUND = 3  # before it, and after each of two samples


@dataclass
class Driver:
    """What the driver answers, one reading after the other; then it is cool."""

    states: Sequence[State] = ()
    read_at: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._next: Iterator[State] = iter(self.states)

    def read(self) -> State:
        """The next state."""
        self.read_at.append("read")
        return next(self._next, COOL)


@dataclass
class Replay:
    """A recording whose replay takes so long."""

    us: float
    noted: list[str]
    is_graph: bool = True

    def replay(self) -> float:
        """Notes that it ran."""
        self.noted.append("sample")
        return self.us


def _bench(driver: Driver, sentinel: Recording) -> timing_worker.TimingBench:
    return timing_worker.TimingBench(
        device=torch.device("cpu"),
        clock=None,  # type: ignore[arg-type]
        monitor=driver,  # type: ignore[arg-type]
        sentinel=Contestant(recording=sentinel, launches=1),
        specs={},
        references={},
    )


def _process(driver: Driver, rounds: int = 2) -> ProcessTimes:
    ready = {
        name: Contestant(recording=Replay(us=us, noted=driver.read_at), launches=2)
        for name, us in ((KERNEL, 8.0), (FLOOR, 4.0))
    }
    request = TimingRequest(row="gpu", cases=[], rounds=rounds, seed=1)
    return timing_worker.time_contestants(ready, request, _bench(driver, Replay(us=9.0, noted=[])))


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing has to cool."""
    monkeypatch.setattr(timing_worker, "_SECONDS_TO_COOL", 0)


def test_the_state_is_read_around_each_sample() -> None:
    """Between any two samples, and before the first."""
    driver = Driver()
    found = _process(driver)
    assert found.samples_us == {KERNEL: [4.0, 4.0], FLOOR: [2.0, 2.0]}
    assert (found.discarded, found.sm_clock_mhz) == (0, 1980)
    samples = [at for at, what in enumerate(driver.read_at) if what == "sample"]
    assert all(driver.read_at[at - 1] == driver.read_at[at + 1] == "read" for at in samples)


@pytest.mark.parametrize("reading", range(READINGS_A_ROUND), ids=["before", "within", "after"])
def test_a_round_that_meets_a_throttled_clock_is_discarded(reading: int) -> None:
    """At whichever reading of the second round; the others count."""
    warm_up = 1 + 2  # of the watch's start, and of each contestant's first replay
    cool = [COOL] * (warm_up + 2 + reading)  # 2 of the first round
    found = _process(Driver([*cool, HOT]), rounds=3)
    assert (found.discarded, len(found.samples_us[KERNEL])) == (1, 3)


def test_rounds_after_it_has_cooled_count() -> None:
    """What was read before the pause is not held against the round after it."""
    warm_up = 1 + 2
    found = _process(Driver([*[COOL] * (warm_up + 1), HOT]))
    assert (found.discarded, len(found.samples_us[KERNEL])) == (1, 2)


def test_a_gpu_that_is_always_held_back_is_an_error() -> None:
    """After some tries for each round that was asked for."""
    with pytest.raises(RuntimeError, match=r"^all 8 rounds were discarded: power or heat held"):
        _process(Driver([HOT] * 100))


@dataclass
class Broken:
    """A recording that cannot be replayed any more."""

    is_graph: bool = True

    def replay(self) -> float:
        """As torch says it."""
        raise RuntimeError("CUDA error: an illegal memory access was encountered\nmore of it")


@pytest.mark.parametrize(
    ("sentinel", "is_lost"),
    [(Replay(us=9.0, noted=[]), False), (Broken(), True)],
    ids=["it answers", "it is lost"],
)
def test_an_error_is_of_one_case_while_the_device_answers(
    monkeypatch: pytest.MonkeyPatch,
    sentinel: Recording,
    is_lost: bool,  # noqa: FBT001
) -> None:
    """Where it does not, nothing more can be asked in this process."""

    def answer(asked: CaseRequest, *_: object) -> TimingAnswer:
        if asked.case == "toy-1":
            raise RuntimeError("a bug")
        return TimingAnswer(case=asked.case)

    monkeypatch.setattr(timing_worker, "answer_case", answer)
    asked = [
        CaseRequest(case=f"toy-{n}", kernel="toy", dtype="fp32", shape={"T": n}) for n in (1, 2)
    ]
    request = TimingRequest(row="gpu", cases=asked, rounds=1, seed=1)
    found = [*timing_worker.answer_all(request, _bench(Driver(), sentinel))]
    said = "RuntimeError: a bug"
    if is_lost:
        words = "the device does not answer any more: CUDA error: an illegal memory access"
        said = f"{said}\n{words} was encountered"
        assert found == [TimingAnswer(case="toy-1", error=said, outcome="crash")]
    else:
        assert found == [TimingAnswer(case="toy-1", error=said), TimingAnswer(case="toy-2")]
