"""The doctor's findings on a GPU: made-up facts for each."""

from dataclasses import replace
from typing import Any

import pytest

from kernelproof.doctor.facts import GpuFacts, Level
from kernelproof.doctor.findings import exit_of, findings
from tests.unit.doctor.doctored import H200, with_gpu
from tests.unit.doctor.test_doctor import said


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"clock_mhz": None, "max_clock_mhz": None}, "unknown GPU 1 clocks are not told"),
        (
            {"application_clock_mhz": 1500},
            "warn GPU 1 clocks found application clock 1500 MHz, expected up to 1980 MHz; if it is "
            "not meant: sudo nvidia-smi --reset-applications-clocks",
        ),
        ({"is_persistent": None}, "unknown GPU 1 policy persistence mode is not told"),
        (
            {"is_persistent": False},
            "warn GPU 1 policy found persistence mode off, expected on: else settings go with each "
            "process; start nvidia-persistenced, or: sudo nvidia-smi -pm 1",
        ),
        ({"power_limit_w": None}, "unknown GPU 1 policy power limit is not told"),
        ({"held_back_by": None}, "unknown GPU 1 throttle what holds clocks back is not told"),
        (
            {"held_back_by": ("power limit", "heat")},
            "warn GPU 1 throttle found power limit, heat, expected nothing that holds its clock "
            "back; let it cool or end what runs on it: rounds that meet this are discarded",
        ),
        (
            {"held_back_by": ("hardware slowdown", "heat")},
            "fix GPU 1 throttle found hardware slowdown, heat, expected nothing that holds its "
            "clock back; see to its power supply and cooling: perf cannot measure like this",
        ),
        ({"temperature_c": None}, "unknown GPU 1 heat its temperature is not told"),
        (
            {"temperature_c": 82},
            "warn GPU 1 heat found 82 C, expected well below 87 C, where it slows down; let it "
            "cool; see to its fans and the room",
        ),
        (
            {"uncorrected_errors": 3},
            "fix GPU 1 ECC found 3 uncorrected memory errors, expected none: bits read there are "
            "not to be trusted; restart the host; where they come back, have the GPU changed",
        ),
        (
            {"is_repair_pending": True},
            "fix GPU 1 ECC found memory rows waiting to be replaced, expected none waiting; "
            "restart the host, at a time when nothing runs on it",
        ),
        ({"uncorrected_errors": None}, "unknown GPU 1 ECC on; its errors are not counted"),
        (
            {"is_ecc": None},
            "unknown GPU 1 ECC whether memory errors are corrected is not told",
        ),
        ({"total_gb": None}, "unknown GPU 1 memory is not told"),
        (
            {"total_gb": 100.0},
            "fix GPU 1 memory found 100 GB, expected the row's 141 GB; mend memory_gb in "
            "matrix.yaml, which plans cases by it",
        ),
        ({"free_gb": None}, "unknown GPU 1 memory what of it is free is not told"),
        (
            {"free_gb": 79.0},
            "fix GPU 1 memory found 79 GB free, expected 80 GB, for the row's largest case; end "
            "what holds it; see the GPU's users",
        ),
        (
            {"processes": (11, 12)},
            "fix GPU 1 users found processes 11, 12, expected nobody else on it; end them (ps -p "
            "PID -o user,args), or times are of two at once",
        ),
        (
            {"processes": (11,), "is_taken": True},
            "warn GPU 1 users found another run of this project timing on it, expected nobody on "
            "it; wait for it: the next run does, too",
        ),
        ({"processes": None}, "unknown GPU 1 users who else is on it is not told"),
        (
            {"processes": None, "busy_percent": 40},
            "warn GPU 1 users found 40 % busy, expected nobody else on it; find out who uses it, "
            "or times are of two at once",
        ),
    ],
)
def test_what_is_not_well_is_one_line(changed: dict[str, Any], line: str) -> None:
    """What was found, what was expected, what to do; everything else on that machine is ok."""
    assert said(with_gpu(**changed)) == [line]


@pytest.mark.parametrize(
    ("changed", "first", "differs"),
    [
        (
            {"power_limit_w": 500.0},
            "warn GPU 1 policy found power limit 500 W, expected the usual 700 W; if it is not "
            "meant: sudo nvidia-smi -pl 700",
            "power_limit_mw 500000, baseline 700000",
        ),
        (
            {"is_ecc": False},
            None,
            "ecc 0, baseline 1",
        ),
        ({"max_clock_mhz": 1785, "application_clock_mhz": None}, None, "max_sm_clock_mhz 1785"),
        ({"max_memory_clock_mhz": 2619}, None, "max_memory_clock_mhz 2619, baseline 3201"),
    ],
    ids=["power limit", "ecc", "clock", "memory clock"],
)
def test_what_is_not_as_the_baseline_was(
    changed: dict[str, Any], first: str | None, differs: str
) -> None:
    """By the name that perf will give it, wrong-machine, before anything is timed."""
    lines = [line for line in said(with_gpu(**changed)) if "policy" in line]
    told = lines[-1]
    assert told.startswith(f"warn GPU 1 policy found {differs}")
    assert told.endswith("or measure and bless here: perf says wrong-machine until then")
    assert lines[:-1] == ([first] if first else [])


def test_memory_that_is_not_corrected() -> None:
    """A warning of its own: a flipped bit looks like a wrong kernel."""
    line = said(replace(with_gpu(is_ecc=False), stored={}))[0]
    assert line.startswith("warn GPU 1 ECC found off, expected on: a flipped bit would be blamed")


def test_without_a_baseline_no_setting_is_compared() -> None:
    """A row that is not blessed yet."""
    facts = replace(with_gpu(max_memory_clock_mhz=1), stored={})
    assert said(facts) == []


@pytest.mark.parametrize("limit", [82 + 6, None])
def test_a_temperature_that_is_told(limit: int | None) -> None:
    """Is well below the limit, or told with the limit's absence."""
    found = findings(with_gpu(temperature_c=82, slows_at_c=limit))
    (heat,) = [one for one in found if one.check == "GPU 1 heat"]
    told = "82 C, slows down at 88 C" if limit else "82 C; where it slows down is not told"
    assert (heat.level, heat.found) == (Level.OK, told)


def test_a_driver_that_tells_nothing_leaves_nothing_ok() -> None:
    """Of the GPU itself: each check is unknown, none is left out, and nothing is to be fixed."""
    silent = GpuFacts(number=1)
    found = findings(replace(H200, gpus=(silent,)))
    own = [one for one in found if one.check.startswith("GPU 1")]
    assert {one.level for one in own} == {Level.UNKNOWN}
    assert {one.check for one in own} == {
        one.check for one in findings(H200) if one.check.startswith("GPU 1")
    }
    assert exit_of(found) == 0


def test_a_command_is_of_its_vendor() -> None:
    """Nobody is sent to NVIDIA's for the power limit of another's GPU."""
    facts = replace(with_gpu(power_limit_w=500.0), backend="hip", stored={})
    (told,) = [line for line in said(facts) if "policy" in line]
    assert told.endswith("the usual 700 W; if it is not meant: set it to 700 W")
