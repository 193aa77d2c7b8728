"""The block `sanitize:` of a kernel: what is wrong in it, and the cases that it plans."""

from pathlib import Path

import pytest

from kernelproof.errors import UsageError
from kernelproof.machine import hardware
from kernelproof.plan import cases
from kernelproof.plan.cases import Selection
from tests.unit.plan.test_matrix import SMALL, faults, read

BLOCK = (
    "    sanitize:\n      seconds_per_tool: 60\n"
    "      shapes: [{axes: {E: 8, K: 2, T: [7, 9]}}]\n\nskips:"
)

# What stands in BLOCK, what somebody writes instead, and all that is told of it.
FAULTS = {
    "no limit": (
        "      seconds_per_tool: 60\n",
        "",
        "30:5: kernels.toy.sanitize.seconds_per_tool: found nothing, expected a value for "
        "'seconds_per_tool'",
    ),
    "a limit of 0": (
        "seconds_per_tool: 60",
        "seconds_per_tool: 0",
        "31:25: kernels.toy.sanitize.seconds_per_tool: found int '0', expected greater than 0",
    ),
    "unknown key": (
        "seconds_per_tool: 60\n",
        "seconds_per_tool: 60\n      shape: 4\n",
        "32:7: kernels.toy.sanitize.shape: found unknown key 'shape', expected one of "
        "seconds_per_tool, shapes; did you mean 'shapes'?",
    ),
    "no tokens": (
        "T: [7, 9]",
        "T: [7, 0]",
        "32:36: kernels.toy.sanitize.shapes[0].axes.T: found 0 tokens, expected some to time",
    ),
    "axes of another kernel": (
        "K: 2, ",
        "N: 2, ",
        "32:17: kernels.toy.sanitize.shapes[0].axes: found axes E, N, T, expected axes E, K, T",
    ),
    "a case twice": (
        "T: [7, 9]",
        "T: [7, 7]",
        "32:7: kernels.toy.sanitize.shapes: found case toy-cpu-fp32-E8-K2-T7 twice, expected each "
        "case once",
    ),
}


@pytest.mark.parametrize(("old", "new", "told"), FAULTS.values(), ids=FAULTS)
def test_faults(tmp_path: Path, old: str, new: str, told: str) -> None:
    """What is told of each, and nothing else."""
    assert BLOCK.count(old) == 1
    assert faults(tmp_path, SMALL.replace("\nskips:", BLOCK.replace(old, new))) == told


def test_cases(tmp_path: Path) -> None:
    """Of every row, narrowed by names and by patterns; none of them is parity's."""
    plan = read(tmp_path, SMALL.replace("\nskips:", BLOCK))
    every = cases.listed_cases(plan, cases.SANITIZE)
    assert {(case.row, dict(case.shape)["T"]) for case in every} >= {("cpu", 7), ("cpu", 9)}
    assert not {case.id for case in every} & {case.id for case in cases.cases_of(plan)}
    chosen = cases.select_listed(
        plan, cases.SANITIZE, Selection(row=("cpu",), case=("*-fp32-*-T9",))
    )
    assert [case.id for case in chosen] == ["toy-cpu-fp32-E8-K2-T9"]


def test_hardware_knows_the_cases(capsys: pytest.CaptureFixture[str]) -> None:
    """Before anything is installed: a case of them is none of parity's."""
    named = ["--case", "gemma4_routing-cpu-fp32-E64-K6-T33", "--row", "cpu"]
    assert hardware.main(["--sanitize", *named]) == 0
    assert capsys.readouterr().out == "cpu\n"
    with pytest.raises(UsageError, match="expected a case of matrix"):
        hardware.main(named)


def test_none(tmp_path: Path) -> None:
    """Where no kernel has the block, that is what is wrong."""
    with pytest.raises(UsageError, match="found no sanitize: in any kernel"):
        cases.select_listed(read(tmp_path, SMALL), cases.SANITIZE, Selection())
