"""The doctor's findings on a machine, its toolchain and its clone, from made-up facts."""

from dataclasses import replace

from kernelproof.doctor.facts import Level, fix, unknown, warn
from kernelproof.doctor.findings import exit_of, findings
from tests.unit.doctor.doctored import (
    CPU,
    GPU,
    H200,
    PINNED,
    complaints,
    unlike,
    with_host,
    with_tools,
)

GONE = ("a" * 40,)
PINS = "pipeline/kernelproof/machine/toolchains/cuda.txt"
OTHER_TRITON = {**PINNED, "triton": "3.7.1"}
UNPINNED = f"packages found triton 3.7.1 (pinned 3.6.0), expected those of {PINS};"
MISSING = "warn git found no commit aaaaaaaaaaaa, expected the commits of the perf baselines"
NO_DRIVER = with_host(CPU, device_files=("/dev/nvidiactl",), driver_complaint="NVML says no")
# Facts with one fault each: how the line of its finding begins, and what it has to hold.
FAULTS = (
    (NO_DRIVER, "fix driver found /dev/nvidiactl, but: NVML says no, expected", "in a container"),
    (replace(H200, gpus=(replace(GPU, driver=None),)), "unknown driver"),
    (with_tools(is_made=False), "warn toolchain found cuda not made yet", "first session"),
    (with_tools(python=None), "unknown python .nox/toolchain-cuda"),
    (with_tools(python="3.10.12"), "fix python found 3.10.12 in .nox/toolchain-cuda", "3.11"),
    (with_tools(installed=OTHER_TRITON), f"fix {UNPINNED}", "remove .nox/toolchain-cuda"),
    (
        with_tools(is_own=False, installed=OTHER_TRITON),
        f"warn {UNPINNED}",
        f"pip install -r {PINS}",
    ),
    (
        with_tools(is_own=False, installed={}, pinned={"torch": "2.11.0"}),
        "fix packages found torch missing (pinned 2.11.0)",
        f"pip install -r {PINS}",
    ),
    (with_tools(sees=None, complaint="ImportError: libcudart"), "unknown torch", "libcudart"),
    (
        with_tools(sees=(), complaint="torch 2.11.0+cpu has no cuda device"),
        "fix torch found no device (torch 2.11.0+cpu has no cuda device), expected NVIDIA H200;",
    ),
    (with_tools(sees=("NVIDIA A100",)), "fix torch found NVIDIA A100, expected NVIDIA H200;"),
    (with_host(CPU, memory_gb=None), "unknown memory"),
    (
        with_host(CPU, memory_gb=8.3),
        "warn memory found 8 GB, expected the row's 16 GB;",
        "memory_gb in matrix.yaml",
    ),
    (with_host(toolchains_free_gb=None), "unknown disk .nox"),
    (with_host(results_free_gb=0.2), "fix disk results found 0.2 GB free, expected 0.5 GB"),
    (with_host(is_results_writable=False), "fix results", "--results FOLDER"),
    (
        with_host(is_cache_writable=False),
        "fix Triton's cache found /cache, not writable",
        "TRITON_CACHE_DIR",
    ),
    (
        with_host(cache=None, is_cache_writable=False),
        "fix Triton's cache found a user without a home folder",
        "HOME",
        "TRITON_CACHE_DIR",
    ),
    (with_host(git=None), "warn git found none", "install git"),
    (with_host(is_clone=False), "warn git found git 2.39.5, but no clone", "safe.directory"),
    (
        replace(with_host(is_shallow=True), missing_commits=GONE),
        MISSING,
        "git fetch --unshallow (in CI: fetch-depth: 0)",
    ),
    (replace(H200, missing_commits=GONE), MISSING, "git fetch origin (in CI: fetch-depth: 0)"),
    (replace(H200, baseline_complaint="k.json: cut"), "fix baseline found k.json: cut", "git"),
    (with_host(nox=None), "unknown nox", "nox -s doctor"),
    (
        with_host(nox="2026.9.30"),
        "fix nox found 2026.9.30, expected 2026.10.20 or later;",
        'pip install "nox>=2026.10.20"',
    ),
)


def test_a_healthy_machine() -> None:
    """Every finding is ok, a line for each check, in the order in which a host is set up.

    The exit code is 0. The cpu row needs neither torch nor a GPU.
    """
    assert [line for row in (H200, CPU) for line in complaints(row)] == []
    assert [exit_of(findings(row)) for row in (H200, CPU)] == [0, 0]
    assert {finding.check: finding.found for finding in findings(H200)} == {
        "row": "h200: NVIDIA H200, GPU 1",
        "driver": "580.159.04",
        "GPU 1 clocks": "345 MHz now, at most 1980 MHz",
        "GPU 1 policy": "power limit 700 W",
        "GPU 1 throttle": "nothing holds its clock back",
        "GPU 1 heat": "34 C, slows down at 87 C",
        "GPU 1 ECC": "on, no uncorrected error",
        "GPU 1 memory": "150 GB free",
        "GPU 1 users": "nobody else is on it",
        "python": "3.12.3 in .nox/toolchain-cuda",
        "packages": "4 as pinned: torch 2.11.0+cu130, triton 3.6.0",
        "torch": "sees 1 of NVIDIA H200",
        "disk .nox": "400 GB free",
        "disk results": "400 GB free",
        "Triton's cache": "/cache is writable",
        "git": "git 2.39.5",
        "nox": "2026.10.20",
    }
    checks = {finding.check for finding in findings(CPU)}
    assert not [check for check in checks if check.startswith(("GPU", "torch"))]


def test_several_gpus_are_each_checked() -> None:
    """The row's finding says that cases are spread over them."""
    results = findings(replace(H200, gpus=(GPU, replace(GPU, number=3, processes=(77,)))))
    assert results[0].found == "h200: NVIDIA H200, GPU 1, 3; cases are spread over them"
    assert [finding.check for finding in results if finding.level == Level.FIX] == ["GPU 3 users"]


def test_a_fault_is_one_line() -> None:
    """Each has what was found, what was expected and what to do; all else on the machine is ok."""
    assert [wrong for facts, *words in FAULTS for wrong in unlike(facts, *words)] == []


def test_a_machine_without_the_gpu_is_not_the_row() -> None:
    """The exit code is 4, whatever else is well or not."""
    facts = replace(H200, gpus=())
    row, driver = complaints(facts)
    assert row.startswith("fix row found no cuda device that is h200, expected NVIDIA H200;")
    assert driver.startswith("unknown driver")
    assert exit_of(findings(facts)) == 4


def test_disk_for_a_toolchain() -> None:
    """An environment to be made needs 20 GB for a GPU and 4 GB without; a made one needs 1 GB."""
    for facts, needed in (
        (H200, 1),
        (with_tools(is_made=False), 20),
        (with_tools(CPU, is_made=False), 4),
    ):
        for free, is_enough in ((needed - 0.1, False), (needed + 0.1, True)):
            results = findings(with_host(facts, toolchains_free_gb=free))
            (disk,) = [finding for finding in results if finding.check == "disk .nox"]
            assert (disk.level == Level.OK) == is_enough
            assert is_enough or disk.expected == f"{needed} GB for the toolchain"


def test_a_shallow_clone_suffices_if_no_commit_is_missing() -> None:
    """Its finding is ok, and says that it is shallow."""
    (git,) = [finding for finding in findings(with_host(is_shallow=True)) if finding.check == "git"]
    assert (git.level, git.found[:22]) == (Level.OK, "git 2.39.5, a shallow ")


def test_exit_codes() -> None:
    """Warnings and unknown facts give 0, anything to fix 1, and the row 4 before all else."""
    nox, row = fix("nox", "a", "b", "c"), fix("row", "a", "b", "c")
    doubts = [warn("nox", "a", "b", "c"), unknown("git", "d")]
    assert [exit_of(results) for results in ([], doubts, [nox], [nox, row])] == [0, 0, 1, 4]
