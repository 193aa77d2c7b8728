"""Planted slowdowns: the kernel's bits with extra work, and how much work makes a given part."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
import triton

from gemma4_routing.proof import SPEC
from kernelproof.checks.perf import calibration
from kernelproof.checks.perf.calibration import planted_name, planted_rounds
from kernelproof.measure.clock import Contestant
from kernelproof.measure.comparison import bits_of
from kernelproof.measure.contestants import first_set
from kernelproof.spec import Inputs, Spec

DEVICE = torch.device(
    "cpu" if triton.knobs.runtime.interpret else torch.accelerator.current_accelerator()
)
PERCENTS = [1.0, 2.0, 3.0, 5.0, 10.0]
SHAPES = [(128, 8, 1), (128, 8, 33), (60, 4, 5), (8, 8, 3), (1000, 32, 2), (1, 1, 4)]

Curve = Callable[[int], float]


@pytest.mark.parametrize("rounds", [0, 1, 7])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_extra_work_leaves_the_bits(
    shape: tuple[int, int, int], dtype: torch.dtype, rounds: int
) -> None:
    """Those of the kernel, into the outputs that are given; the inputs stay as they are."""
    assert SPEC.slowed is not None
    sizes = dict(zip("EKT", shape, strict=True))
    one = first_set(SPEC, dtype, sizes, DEVICE)
    before = one.copy().inputs
    wanted = SPEC.launch(**one.inputs)
    for output in one.out:
        output.fill_(-1)
    found = SPEC.slowed(rounds)(**one.inputs, out=one.out)
    assert all(a is b for a, b in zip(found, one.out, strict=True))
    for output, expected in zip(one.out, wanted, strict=True):
        assert torch.equal(bits_of(output), bits_of(expected))
    assert _same(before, one.inputs)


def _same(before: Inputs, after: Inputs) -> bool:
    return all(
        torch.equal(value, after[name])
        for name, value in before.items()
        if isinstance(value, torch.Tensor)
    )


@dataclass(frozen=True)
class Slowed:
    """A launch with extra work, as the made-up spec has it."""

    rounds: int


@dataclass
class Gpu:
    """Races between made-up launches: `curve` gives the slowdown of so many rounds, in percent."""

    curve: Curve
    entered: int = 0

    def enter(self, launch: Any) -> Contestant:
        """A contestant that remembers its launch."""
        self.entered += 1
        return Contestant(recording=launch, launches=1)

    def race(self, contestants: Mapping[str, Contestant], **_: int) -> dict[str, list[float]]:
        """Samples that drift and scatter, alike for both of a round."""
        drift = [1.0, 1.01, 0.99, 1.02, 1.0, 0.98, 1.01, 1.03]
        return {
            name: [factor * self._us(one.recording) for factor in drift]
            for name, one in contestants.items()
        }

    def _us(self, launch: Any) -> float:
        slower = self.curve(launch.rounds) if isinstance(launch, Slowed) else 0
        return 5 * (1 + slower / 100)


SPEC_OF_MADE_UP = replace(SPEC, slowed=Slowed)  # type: ignore[arg-type]
# How much slower so many rounds of extra work make a launch.
CURVES: dict[str, Curve] = {
    "linear": lambda rounds: 0.01 * rounds,
    "steep": lambda rounds: 0.2 * rounds,
    "slow": lambda rounds: 0.0002 * rounds,
    "flat, then linear": lambda rounds: max(0.0, 0.004 * (rounds - 3000)),
    "linear after a first step": lambda rounds: (0.4 if rounds else 0) + 0.01 * rounds,
    "in steps of clocks": lambda rounds: 0.08 * (rounds // 8),
    "with a bad measurement": lambda rounds: 0.01 * rounds - (0.15 if rounds == 128 else 0),
}


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Callable[[Curve], Gpu]:
    """The GPU of a curve, whose races are the clock's."""

    def made(curve: Curve) -> Gpu:
        found = Gpu(curve)
        monkeypatch.setattr(calibration, "race", found.race)
        return found

    return made


@pytest.mark.parametrize("name", CURVES)
def test_rounds_are_found_for_each_size(gpu: Callable[[Curve], Gpu], name: str) -> None:
    """Within some percent of the wanted slowdown, or as near as whole rounds come."""
    curve = CURVES[name]
    found = planted_rounds(PERCENTS, SPEC_OF_MADE_UP, gpu(curve).enter)
    assert list(found) == [planted_name(percent) for percent in PERCENTS]
    for percent in PERCENTS:
        rounds = found[planted_name(percent)]
        step = abs(curve(rounds + 8) - curve(rounds)) if "steps" in name else curve(1)
        assert curve(rounds) == pytest.approx(percent, abs=max(0.05 * percent, step))


def test_each_number_of_rounds_is_measured_once(gpu: Callable[[Curve], Gpu]) -> None:
    """A recording takes longer than its race: a few for each size, and none twice."""
    made = gpu(CURVES["linear"])
    rounds: list[int] = []

    def slowed(count: int) -> Slowed:
        rounds.append(count)
        return Slowed(count)

    planted_rounds(PERCENTS, replace(SPEC, slowed=slowed), made.enter)  # type: ignore[arg-type]
    assert len(rounds) == len(set(rounds))
    assert len(rounds) <= 20 + 3 * len(PERCENTS)


def test_work_that_changes_nothing_ends(gpu: Callable[[Curve], Gpu]) -> None:
    """The most rounds are tried, not more; the gate card will say that nothing was found."""
    found = planted_rounds([3.0], SPEC_OF_MADE_UP, gpu(lambda _: 0.0).enter)
    assert list(found) == ["planted 3"]
    assert 0 <= found["planted 3"] <= 2**21


def test_a_kernel_that_cannot_be_slowed_is_told(gpu: Callable[[Curve], Gpu]) -> None:
    """With what it lacks."""
    plain: Spec = replace(SPEC, slowed=None)
    with pytest.raises(NotImplementedError) as caught:
        planted_rounds(PERCENTS, plain, gpu(CURVES["linear"]).enter)
    told = "SPEC.slowed: found none, expected a launch with extra work, to plant slowdowns"
    assert str(caught.value) == told


@pytest.mark.parametrize(("percent", "name"), [(3.0, "planted 3"), (0.5, "planted 0.5")])
def test_a_planted_one_is_named_by_its_size(percent: float, name: str) -> None:
    """The gate card reads its size back from the name."""
    assert planted_name(percent) == name
    assert float(name.rpartition(" ")[2]) == percent
