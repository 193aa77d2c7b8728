"""A timing process: the readings around its samples, the rounds it discards, and its errors."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from unittest import mock

import pytest
import torch

from gemma4_routing.proof import SPEC
from kernelproof.checks.perf import timing_worker
from kernelproof.machine.gpu_monitor import State
from kernelproof.measure.clock import Contestant, Recording
from kernelproof.records import timing
from kernelproof.records.timing import FLOOR, KERNEL, CaseRequest, TimingAnswer, TimingRequest
from tests.unit.measure.fake_clock import FakeClock, FakeRecording

HOT, COOL = State(is_held_back=True, sm_clock_mhz=1200), State(sm_clock_mhz=1980)
# Readings before the first round: one of the watch, and one after each contestant's warm-up.
WARM_UP = 1 + 2
READINGS_A_ROUND = 1 + 2
ILLEGAL = "an illegal memory access was encountered"


@dataclass
class Driver:
    """A driver that answers with these states, then is cool; `events` notes readings, samples."""

    states: Sequence[State] = ()
    events: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._next: Iterator[State] = iter(self.states)

    def read(self) -> State:
        """Returns the next state."""
        self.events.append("read")
        return next(self._next, COOL)


def _replay(us: float, events: list[str] | None = None) -> FakeRecording:
    """Returns a recording whose replay takes `us`, and is noted as a sample."""
    return FakeRecording(name="sample", launches=1, us=us, replays=[] if events is None else events)


def _bench(driver: Driver, sentinel: Recording) -> timing_worker.TimingBench:
    return timing_worker.TimingBench(
        device=torch.device("cpu"),
        clock=None,  # type: ignore[arg-type]
        monitor=driver,  # type: ignore[arg-type]
        sentinel=Contestant(recording=sentinel, launches=1),
        specs={},
        references={},
    )


def _times(driver: Driver, rounds: int = 2) -> timing.ProcessTimes:
    contestants = {
        name: Contestant(recording=_replay(us, driver.events), launches=2)
        for name, us in ((KERNEL, 8.0), (FLOOR, 4.0))
    }
    request = TimingRequest(row="gpu", cases=[], rounds=rounds, seed=1)
    return timing_worker.time_contestants(contestants, request, _bench(driver, _replay(9.0)))


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets nothing wait until it has cooled."""
    monkeypatch.setattr(timing_worker, "_SECONDS_TO_COOL", 0)


def test_the_state_is_read_around_each_sample() -> None:
    """Between any two samples, and before the first; throttled rounds are discarded."""
    driver = Driver()
    times = _times(driver)
    assert times.samples_us == {KERNEL: [4.0, 4.0], FLOOR: [2.0, 2.0]}
    assert (times.discarded, times.sm_clock_mhz) == (0, 1980)
    events = driver.events
    samples = [at for at, event in enumerate(events) if event == "sample"]
    assert all(events[at - 1] == events[at + 1] == "read" for at in samples)
    # A round that meets a throttled clock at any reading is discarded; the others count, also the
    # one after it has cooled. A GPU that is always held back is an error after some tries.
    before = WARM_UP + READINGS_A_ROUND - 1
    for cool, rounds in ((WARM_UP + 1, 2), *((before + n, 3) for n in range(READINGS_A_ROUND))):
        times = _times(Driver([*[COOL] * cool, HOT]), rounds=rounds)
        assert (times.discarded, len(times.samples_us[KERNEL])) == (1, rounds)
    with pytest.raises(RuntimeError, match=r"^all 8 rounds were discarded: power or heat held"):
        _times(Driver([HOT] * 100))


@pytest.mark.parametrize("is_lost", [False, True], ids=["it answers", "it is lost"])
def test_an_error_is_of_one_case_while_the_device_answers(
    monkeypatch: pytest.MonkeyPatch, *, is_lost: bool
) -> None:
    """If the device is lost, nothing more can be asked in this process."""

    def answer_case(case: CaseRequest, *_: object) -> TimingAnswer:
        if case.case == "toy-1":
            raise RuntimeError("a bug")
        return TimingAnswer(case=case.case)

    monkeypatch.setattr(timing_worker, "answer_case", answer_case)
    toy: dict[str, Any] = {"kernel": "toy", "dtype": "fp32", "shape": {}}
    cases = [CaseRequest(case=name, **toy) for name in ("toy-1", "toy-2")]
    request = TimingRequest(row="gpu", cases=cases, rounds=1, seed=1)
    lost_error = RuntimeError(f"CUDA error: {ILLEGAL}\nmore of it")
    lost_device = mock.Mock(replay=mock.Mock(side_effect=lost_error))
    bench = _bench(Driver(), lost_device if is_lost else _replay(9.0))
    first, *others = timing_worker.answer_all(request, bench)
    lost = f"\nthe device does not answer any more: CUDA error: {ILLEGAL}"
    message = "RuntimeError: a bug" + (lost if is_lost else "")
    outcome = "crash" if is_lost else "error"
    assert (first.case, first.error, first.outcome) == ("toy-1", message, outcome)
    assert others == ([] if is_lost else [TimingAnswer(case="toy-2")])


def test_a_case_is_timed_beside_what_the_request_names() -> None:
    """Its floor, itself again, planted slowdowns and the reference; the fastest floor if none."""
    floor = next(floor for floor in SPEC.floors if "1 row" in str(floor))
    specs = {"gemma4_routing": replace(SPEC, floors=(floor,))}
    fake: Any = FakeClock()
    bench = replace(_bench(Driver(), _replay(9.0)), clock=fake, specs=specs)
    shape = {"E": 8, "K": 2, "T": 1}
    case = CaseRequest(case="a", kernel="gemma4_routing", dtype="fp32", shape=shape)
    request = TimingRequest(row="gpu", cases=[case], rounds=2, seed=1)
    answer = timing_worker.answer_case(case, request, bench)
    assert (answer.case, answer.floor) == ("a", str(floor))
    assert answer.process is not None
    assert answer.process.samples_us == {KERNEL: [2.0] * 2, FLOOR: [2.0] * 2}
    launches = 19 * 26  # about a millisecond of 2 us each, over sets of 80 bytes beyond the cache
    assert answer.launches == {KERNEL: launches, FLOOR: launches}
    assert answer.bytes == 8 * 4 + 8 * 4 + 2 * 8
    assert (answer.code_hash, answer.floor_hash) == (None, None)
    case = case.model_copy(update={"is_repeated": True, "planted": {"planted 3": 4}})
    bench = replace(bench, references=bench.specs)
    answer = timing_worker.answer_case(case, request, bench)
    assert list(answer.launches) == [KERNEL, FLOOR, timing.REPEAT, timing.REFERENCE, "planted 3"]
