"""Counts of Triton launches: they are right, and leave the functions as they were."""

import pytest
import torch
import triton

from gemma4_routing import gemma4_routing
from gemma4_routing.proof import SPEC
from kernelproof.measure.launch_capture import count_launches
from tests.unit.measure.device import DEVICE


class FakeFunction:
    """A stand-in for a jitted function: a name, and a `run` that every launch calls."""

    def __init__(self, name: str) -> None:
        self.__name__ = name

    def run(self, *arguments: object, **settings: object) -> object:
        """Returns what it was called with; raises RuntimeError if it is to fail."""
        if settings.get("fails"):
            raise RuntimeError
        return self.__name__, arguments, settings


def launch(num_tokens: int) -> None:
    """Calls the routing kernel."""
    gemma4_routing(torch.zeros(num_tokens, 4, device=DEVICE), 2, torch.ones(4, device=DEVICE))


@pytest.fixture
def interpreted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts as of interpreted functions, on a GPU too: compiled ones are counted by a hook."""
    monkeypatch.setattr(triton.knobs.runtime, "interpret", True)


@pytest.mark.usefixtures("interpreted")
def test_launches_are_counted_by_name() -> None:
    """Each count has the launches of its own time; arguments and results pass through."""
    first, second = FakeFunction("first"), FakeFunction("second")
    with count_launches([first, second]) as launches:
        assert first.run(1, grid=(2,)) == ("first", (1,), {"grid": (2,)})
        with count_launches([first]) as inner:
            first.run()
        second.run()
        assert launches == {"first": 2, "second": 1}
    assert (launches.total(), inner.total()) == (3, 1)


@pytest.mark.usefixtures("interpreted")
def test_run_is_restored() -> None:
    """A failing launch is counted; afterwards nothing is, and nothing is left on the function."""
    function = FakeFunction("first")
    before = dict(vars(function))
    with pytest.raises(RuntimeError), count_launches([function]) as launches:
        function.run(fails=True)
    function.run()
    assert launches == {"first": 1}
    assert vars(function) == before


def test_the_real_kernel_is_counted() -> None:
    """A call is a launch, interpreted or compiled; without tokens or by the reference, none."""
    before = [function.run for function in SPEC.jitted]
    with count_launches(SPEC.jitted) as launches:
        launch(0)
        SPEC.reference(torch.zeros(3, 4, device=DEVICE), 2, torch.ones(4, device=DEVICE))
        assert launches.total() == 0
        launch(1)
        launch(3)
    launch(1)
    assert launches == {"_gemma4_routing_kernel": 2}
    assert [function.run for function in SPEC.jitted] == before
