"""Launches of Triton kernels: counted while one asks, and left as they were afterwards."""

import pytest
import torch
import triton

from gemma4_routing import gemma4_routing
from gemma4_routing.proof import SPEC
from kernelproof.measure.launch_capture import count_launches

DEVICE = torch.device(
    "cpu" if triton.knobs.runtime.interpret else torch.accelerator.current_accelerator()
)


class Jitted:
    """What the count needs of a jitted function: a name, and a `run` that every launch calls."""

    def __init__(self, name: str) -> None:
        self.__name__ = name

    def run(self, *arguments: object, **settings: object) -> object:
        """What it was called with; an error where it is told to fail."""
        if settings.get("fails"):
            raise RuntimeError
        return self.__name__, arguments, settings


def launch(num_tokens: int) -> None:
    """One call of the routing kernel."""
    gemma4_routing(torch.zeros(num_tokens, 4, device=DEVICE), 2, torch.ones(4, device=DEVICE))


def test_launches_are_counted_by_name() -> None:
    """Each function on its own; what it is given and gives passes through."""
    one, other = Jitted("one"), Jitted("other")
    with count_launches([one, other]) as launched:
        assert one.run(1, grid=(2,)) == ("one", (1,), {"grid": (2,)})
        one.run()
        other.run()
        assert launched == {"one": 2, "other": 1}
    assert launched.total() == 3


def test_run_is_restored() -> None:
    """Afterwards nothing is counted, and nothing of the count is left on the function."""
    jitted = Jitted("one")
    before = dict(vars(jitted))
    with count_launches([jitted]) as launched:
        jitted.run()
    jitted.run()
    assert launched == {"one": 1}
    assert vars(jitted) == before


def test_run_is_restored_after_an_error() -> None:
    """A launch that fails is counted, too."""
    jitted = Jitted("one")
    before = dict(vars(jitted))
    with pytest.raises(RuntimeError), count_launches([jitted]) as launched:
        jitted.run(fails=True)
    assert launched == {"one": 1}
    assert vars(jitted) == before


def test_counts_within_counts() -> None:
    """Each one sees the launches of its own time."""
    jitted = Jitted("one")
    with count_launches([jitted]) as outer:
        jitted.run()
        with count_launches([jitted]) as inner:
            jitted.run()
        jitted.run()
    assert (outer.total(), inner.total()) == (3, 1)


def test_the_real_kernel_is_counted() -> None:
    """Interpreted or compiled: one launch a call, none for no tokens; `run` is what it was."""
    before = [function.run for function in SPEC.jitted]
    with count_launches(SPEC.jitted) as launched:
        launch(0)
        assert launched.total() == 0
        launch(1)
        launch(3)
    launch(1)
    assert launched == {"_gemma4_routing_kernel": 2}
    assert [function.run for function in SPEC.jitted] == before


def test_a_fallback_is_not_counted() -> None:
    """The reference launches no Triton kernel."""
    with count_launches(SPEC.jitted) as launched:
        SPEC.reference(torch.zeros(3, 4, device=DEVICE), 2, torch.ones(4, device=DEVICE))
    assert launched.total() == 0
