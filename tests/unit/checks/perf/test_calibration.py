"""The calibration of planted slowdowns, with made-up launches whose times are given."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest

from gemma4_routing.proof import SPEC
from kernelproof.checks.perf import calibration
from kernelproof.checks.perf.calibration import planted_rounds
from kernelproof.measure.clock import Contestant
from kernelproof.spec import Spec

PERCENTS = [0.5, 1.0, 2.0, 3.0, 5.0, 10.0]
# Gives the slowdown in percent of so many rounds of extra work.
Curve = Callable[[int], float]
CURVES: dict[str, Curve] = {
    "linear": lambda rounds: 0.01 * rounds,
    "steep": lambda rounds: 0.2 * rounds,
    "slow": lambda rounds: 0.0002 * rounds,
    "flat, then linear": lambda rounds: max(0.0, 0.004 * (rounds - 3000)),
    "linear after a first step": lambda rounds: (0.4 if rounds else 0) + 0.01 * rounds,
    "in steps of clocks": lambda rounds: 0.08 * (rounds // 8),
    "with a bad measurement": lambda rounds: 0.01 * rounds - (0.15 if rounds == 128 else 0),
}


@dataclass
class FakeGpu:
    """Launches that are slower by the percentage that `curve` gives for them, their rounds."""

    curve: Curve
    measured: list[int]

    def enter(self, launch: Any) -> Contestant:
        """Returns a contestant that remembers its launch, and notes its rounds."""
        if isinstance(launch, int):
            self.measured.append(launch)
        return Contestant(recording=launch, launches=1)

    def race(self, contestants: Mapping[str, Contestant], **_: int) -> dict[str, list[float]]:
        """Returns samples that drift and scatter, alike for all of a round."""
        drift = [1.0, 1.01, 0.99, 1.02, 1.0, 0.98, 1.01, 1.03]
        return {
            name: [factor * self._us(contestant.recording) for factor in drift]
            for name, contestant in contestants.items()
        }

    def _us(self, launch: Any) -> float:
        percent = self.curve(launch) if isinstance(launch, int) else 0
        return 5 * (1 + percent / 100)


Calibrate = Callable[..., tuple[dict[str, int], list[int]]]


@pytest.fixture
def calibrate(monkeypatch: pytest.MonkeyPatch) -> Calibrate:
    """Returns the planted rounds of a curve, and the rounds that were measured."""

    def calibrated(
        curve: Curve, percents: list[float], slowed: Any = int
    ) -> tuple[dict[str, int], list[int]]:
        gpu = FakeGpu(curve, [])
        monkeypatch.setattr(calibration, "race", gpu.race)
        spec: Spec = replace(SPEC, slowed=slowed)
        return planted_rounds(percents, spec, gpu.enter), gpu.measured

    return calibrated


@pytest.mark.parametrize("name", CURVES)
def test_rounds_are_found_for_each_size(calibrate: Calibrate, name: str) -> None:
    """Within some percent of the wanted slowdown, or as near as whole rounds come.

    A recording takes longer than its race: few rounds are measured for each size, none twice.
    """
    curve = CURVES[name]
    planted, measured = calibrate(curve, PERCENTS)
    assert list(planted) == [f"planted {percent}" for percent in (0.5, 1, 2, 3, 5, 10)]
    for percent, rounds in zip(PERCENTS, planted.values(), strict=True):
        step = abs(curve(rounds + 8) - curve(rounds)) if "steps" in name else curve(1)
        assert curve(rounds) == pytest.approx(percent, abs=max(0.05 * percent, step))
    assert len(measured) == len(set(measured)) <= 20 + 3 * len(PERCENTS)


def test_odd_times_end_the_search(calibrate: Calibrate) -> None:
    """A bad measurement does not: 128 rounds seem to take 3.2 %, and later points tell better.

    Work that changes nothing is tried up to the most rounds, and the gate card will say so.
    """
    planted, _ = calibrate(lambda rounds: 3.2 if rounds == 128 else 0.01 * rounds, [3.0, 10.0])
    assert planted["planted 3"] == pytest.approx(300, rel=0.05)
    planted, measured = calibrate(lambda _: 0.0, [3.0])
    assert list(planted) == ["planted 3"]
    assert 0 <= planted["planted 3"] <= max(measured) == 2**20
    # A kernel that cannot be slowed is an error that names what it lacks.
    with pytest.raises(NotImplementedError, match=r"^SPEC\.slowed: found none, expected a launch "):
        calibrate(CURVES["linear"], PERCENTS, None)
