"""The doctor's findings on a GPU, from made-up facts."""

from dataclasses import replace
from typing import Any

from kernelproof.doctor.facts import GpuFacts, Level
from kernelproof.doctor.findings import exit_of, findings
from tests.unit.doctor.doctored import H200, complaints, unlike, with_gpu

# Changed facts of the GPU: how the line of the finding begins, and what it has to hold.
FAULTS: tuple[tuple[dict[str, Any], str, *tuple[str, ...]], ...] = (
    ({"clock_mhz": None, "max_clock_mhz": None}, "unknown GPU 1 clocks"),
    (
        {"application_clock_mhz": 1500},
        "warn GPU 1 clocks found application clock 1500 MHz, expected up to 1980 MHz;",
        "nvidia-smi --reset-applications-clocks",
    ),
    ({"is_persistent": None}, "unknown GPU 1 policy persistence mode"),
    ({"is_persistent": False}, "warn GPU 1 policy found persistence mode off", "nvidia-smi -pm 1"),
    ({"power_limit_w": None}, "unknown GPU 1 policy power limit"),
    ({"held_back_by": None}, "unknown GPU 1 throttle"),
    ({"held_back_by": ("power limit", "heat")}, "warn GPU 1 throttle found power limit, heat"),
    (
        {"held_back_by": ("hardware slowdown", "heat")},
        "fix GPU 1 throttle found hardware slowdown, heat",
        "power supply",
    ),
    ({"held_back_by": ("power brake",)}, "fix GPU 1 throttle found power brake", "power supply"),
    ({"temperature_c": None}, "unknown GPU 1 heat"),
    ({"temperature_c": 82}, "warn GPU 1 heat found 82 C, expected well below 87 C"),
    ({"uncorrected_errors": 3}, "fix GPU 1 ECC found 3 uncorrected memory errors", "restart"),
    ({"is_repair_pending": True}, "fix GPU 1 ECC found memory rows", "restart the host"),
    ({"uncorrected_errors": None}, "unknown GPU 1 ECC on"),
    ({"is_ecc": None}, "unknown GPU 1 ECC"),
    ({"total_gb": None}, "unknown GPU 1 memory"),
    (
        {"total_gb": 100.0},
        "fix GPU 1 memory found 100 GB, expected the row's 141 GB;",
        "memory_gb in matrix.yaml",
    ),
    ({"free_gb": None}, "unknown GPU 1 memory free"),
    ({"free_gb": 79.0}, "fix GPU 1 memory found 79 GB free, expected 80 GB", "largest case"),
    ({"processes": (11, 12)}, "fix GPU 1 users found processes 11, 12,", "ps -p PID"),
    (
        {"processes": (11,), "is_taken": True},
        "warn GPU 1 users found another run of this project",
        "wait",
    ),
    ({"processes": None}, "unknown GPU 1 users"),
    ({"processes": None, "busy_percent": 40}, "warn GPU 1 users found 40 % busy"),
)
# Changed facts that the baseline has other values of: what the last line of policy has to hold.
UNLIKE_BASELINE: tuple[tuple[dict[str, Any], str], ...] = (
    ({"power_limit_w": 500.0}, "power_limit_mw 500000, baseline 700000"),
    ({"is_ecc": False}, "ecc 0, baseline 1"),
    (
        {"max_clock_mhz": 1785, "application_clock_mhz": None},
        "max_sm_clock_mhz 1785, baseline 1980",
    ),
    ({"max_memory_clock_mhz": 2619}, "max_memory_clock_mhz 2619, baseline 3201"),
)


def test_a_fault_is_one_line() -> None:
    """Each has what was found, what was expected and what to do; all else on the machine is ok."""
    wrong = [line for changes, *words in FAULTS for line in unlike(with_gpu(**changes), *words)]
    assert wrong == []


def test_settings_that_differ_from_the_baseline() -> None:
    """Each is warned of under the name that perf gives it, and before anything is timed."""
    for changes, difference in UNLIKE_BASELINE:
        *lines, line = [line for line in complaints(with_gpu(**changes)) if "policy" in line]
        assert line.startswith(f"warn GPU 1 policy found {difference}")
        assert "wrong-machine" in line
        assert bool(lines) == ("power_limit_w" in changes)


def test_settings_without_a_baseline() -> None:
    """A power limit is below the usual one, and is raised by a command of the GPU's vendor.

    Uncorrected memory has a warning of its own, since a flipped bit looks like a wrong kernel.
    """
    start = "warn GPU 1 policy found power limit 500 W, expected the usual 700 W;"
    facts = replace(with_gpu(power_limit_w=500.0), stored={})
    assert unlike(facts, start, "sudo nvidia-smi -pl 700") == []
    assert unlike(replace(facts, backend="hip"), start, "set it to 700 W") == []
    facts = replace(with_gpu(is_ecc=False), stored={})
    assert unlike(facts, "warn GPU 1 ECC found off, expected on", "a flipped bit") == []
    assert complaints(replace(with_gpu(max_memory_clock_mhz=1), stored={})) == []


def test_a_temperature_below_the_limit() -> None:
    """The finding is ok from 6 C below the limit on, and if no limit is reported."""
    for limit, text in ((88, "82 C, slows down at 88 C"), (None, "82 C; its thermal limit is not")):
        facts = with_gpu(temperature_c=82, slows_at_c=limit)
        (heat,) = [finding for finding in findings(facts) if finding.check == "GPU 1 heat"]
        assert (heat.level, heat.found[: len(text)]) == (Level.OK, text)


def test_a_driver_that_reports_nothing_leaves_nothing_ok() -> None:
    """Each check of the GPU is unknown, none is left out, and nothing is to be fixed."""
    results = findings(replace(H200, gpus=(GpuFacts(number=1),)))
    own = {finding.check: finding.level for finding in results if finding.check[:5] == "GPU 1"}
    assert {*own.values()} == {Level.UNKNOWN}
    assert own.keys() == {check for f in findings(H200) if (check := f.check)[:5] == "GPU 1"}
    assert exit_of(results) == 0
