"""The doctor's findings on a machine, its toolchain and its clone: made-up facts for each."""

from dataclasses import replace

import pytest

from kernelproof.doctor.facts import Facts, Finding, Level, ToolchainFacts, fix, unknown, warn
from kernelproof.doctor.findings import exit_of, findings
from tests.unit.doctor.doctored import CPU, GPU, H200, PINNED, with_host, with_tools

GONE = ("a" * 40,)


def said(facts: Facts) -> list[str]:
    """What is not well, a line each, with single spaces."""
    return [" ".join(str(one).split()) for one in findings(facts) if one.level != Level.OK]


@pytest.mark.parametrize("facts", [H200, CPU], ids=lambda facts: facts.row)
def test_a_healthy_machine(facts: Facts) -> None:
    """Nothing but ok, and exit code 0."""
    found = findings(facts)
    assert said(facts) == []
    assert exit_of(found) == 0


def test_what_is_well_is_told_too() -> None:
    """A line a check, in the order in which a host is set up."""
    told = {one.check: one.found for one in findings(H200)}
    assert told == {
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


def test_several_gpus_are_each_checked() -> None:
    """And it is said that cases will be spread over them."""
    found = findings(replace(H200, gpus=(GPU, replace(GPU, number=3, processes=(77,)))))
    assert found[0].found == "h200: NVIDIA H200, GPU 1, 3; cases are spread over them"
    assert [one.check for one in found if one.level == Level.FIX] == ["GPU 3 users"]


@pytest.mark.parametrize(
    ("facts", "line"),
    [
        (
            with_host(CPU, device_files=("/dev/nvidiactl",), driver_complaint="NVML says no"),
            "fix driver found /dev/nvidiactl, but: NVML says no, expected a driver that answers; "
            "load the driver anew or restart; in a container, pass its libraries in, too",
        ),
        (
            replace(H200, gpus=(replace(GPU, driver=None),)),
            "unknown driver its version is not told",
        ),
        (
            with_tools(is_made=False),
            "warn toolchain found cuda not made yet, expected its environment; the first session "
            "makes it",
        ),
        (with_tools(python=None), "unknown python .nox/toolchain-cuda: its version is not told"),
        (
            with_tools(python="3.10.12"),
            "fix python found 3.10.12 in .nox/toolchain-cuda, expected 3.11 or later; take a newer "
            "one for nox, and remove the environment",
        ),
        (
            with_tools(installed={**PINNED, "triton": "3.7.1"}),
            "fix packages found triton 3.7.1 (pinned 3.6.0), expected those of "
            "pipeline/kernelproof/machine/toolchains/cuda.txt; remove .nox/toolchain-cuda, and run a session, which "
            "makes it anew",
        ),
        (
            with_tools(is_own=False, installed={**PINNED, "triton": "3.7.1"}),
            "warn packages found triton 3.7.1 (pinned 3.6.0), expected those of "
            "pipeline/kernelproof/machine/toolchains/cuda.txt; python -m pip install -r "
            "pipeline/kernelproof/machine/toolchains/cuda.txt, where the image's are not meant",
        ),
        (
            with_tools(is_own=False, installed={}, pinned={"torch": "2.11.0"}),
            "fix packages found torch missing (pinned 2.11.0), expected those of "
            "pipeline/kernelproof/machine/toolchains/cuda.txt; python -m pip install -r "
            "pipeline/kernelproof/machine/toolchains/cuda.txt, where the image's are not meant",
        ),
        (
            with_tools(sees=None, complaint="ImportError: libcudart"),
            "unknown torch was not asked: ImportError: libcudart",
        ),
        (
            with_tools(sees=(), complaint="torch 2.11.0+cpu has no cuda device"),
            "fix torch found no device (torch 2.11.0+cpu has no cuda device), expected NVIDIA "
            "H200; take a driver that is new enough for this build of torch, or the build for this "
            "GPU",
        ),
        (
            with_tools(sees=("NVIDIA A100",)),
            "fix torch found NVIDIA A100, expected NVIDIA H200; take a driver that is new enough "
            "for this build of torch, or the build for this GPU",
        ),
        (with_host(CPU, memory_gb=None), "unknown memory of the machine is not told"),
        (
            with_host(CPU, memory_gb=8.3),
            "warn memory found 8 GB, expected the row's 16 GB; mend memory_gb in matrix.yaml, or "
            "take another machine",
        ),
        (with_host(toolchains_free_gb=None), "unknown disk .nox free space is not told"),
        (
            with_host(results_free_gb=0.2),
            "fix disk results found 0.2 GB free, expected 0.5 GB for records and the report; free "
            "some, or put the clone elsewhere",
        ),
        (
            with_host(is_results_writable=False),
            "fix results found a folder that cannot be written, expected a writable results/; give "
            "the folder to the user that runs nox, or pass --results FOLDER",
        ),
        (
            with_host(is_cache_writable=False),
            "fix Triton's cache found /cache, not writable, expected a writable folder; make it "
            "writable, or set TRITON_CACHE_DIR to a folder of this runner's own",
        ),
        (
            with_host(git=None),
            "warn git found none, expected git on the path; install git: without it results name "
            "no commit, and cannot be blessed",
        ),
        (
            with_host(is_clone=False),
            "warn git found git 2.39.5, but no clone, expected a clone that git reads; clone the "
            "repository; for a clone of another user: git config safe.directory",
        ),
        (
            replace(with_host(is_shallow=True), missing_commits=GONE),
            "warn git found no commit aaaaaaaaaaaa, expected the commits of the perf baselines, to "
            "be timed beside; git fetch --unshallow (in CI: fetch-depth: 0)",
        ),
        (
            replace(H200, missing_commits=GONE),
            "warn git found no commit aaaaaaaaaaaa, expected the commits of the perf baselines, to "
            "be timed beside; git fetch origin (in CI: fetch-depth: 0)",
        ),
        (
            replace(H200, baseline_complaint="h200/k.json: cut"),
            "fix baseline found h200/k.json: cut, expected a readable one; restore it from git",
        ),
        (
            with_host(nox=None),
            "unknown nox is not in the Python that runs this; ask by nox -s doctor",
        ),
        (
            with_host(nox="2026.9.30"),
            "fix nox found 2026.9.30, expected 2026.10.20 or later; python -m pip install "
            '"nox>=2026.10.20"',
        ),
    ],
)
def test_what_is_not_well_is_one_line(facts: Facts, line: str) -> None:
    """What was found, what was expected, what to do; everything else on that machine is ok."""
    assert said(facts) == [line]


def test_a_machine_without_the_gpu_is_not_the_row() -> None:
    """Exit code 4, whatever else is well or not."""
    facts = replace(H200, gpus=())
    assert said(facts) == [
        "fix row found no cuda device that is h200, expected NVIDIA H200; run it on that machine, "
        "or mend the row's device in matrix.yaml",
        "unknown driver its version is not told",
    ]
    assert exit_of(findings(facts)) == 4


@pytest.mark.parametrize(
    ("facts", "free", "least"),
    [
        (H200, 1.5, None),
        (H200, 0.9, "1 GB"),
        (with_tools(is_made=False), 19.0, "20 GB"),
        (with_tools(is_made=False), 21.0, None),
        (with_tools(CPU, is_made=False), 3.9, "4 GB"),
        (with_tools(CPU, is_made=False), 4.1, None),
    ],
)
def test_disk_for_a_toolchain_that_is_still_to_be_made(
    facts: Facts, free: float, least: str | None
) -> None:
    """More for a GPU's, next to nothing for one that is there."""
    found = findings(with_host(facts, toolchains_free_gb=free))
    told = [one.expected for one in found if one.check == "disk .nox" and one.level == Level.FIX]
    assert told == ([f"{least} for the toolchain"] if least else [])


def test_a_shallow_clone_suffices_where_no_commit_is_missing() -> None:
    """It is said, and is no warning."""
    (found,) = [one for one in findings(with_host(is_shallow=True)) if one.check == "git"]
    assert (found.level, found.found[:22]) == (Level.OK, "git 2.39.5, a shallow ")


def test_the_cpu_row_asks_nothing_of_torch_or_gpus() -> None:
    """It runs on a laptop without one."""
    checks = {one.check for one in findings(CPU)}
    assert "torch" not in checks
    assert not [check for check in checks if check.startswith("GPU")]


@pytest.mark.parametrize(
    ("found", "code"),
    [
        ([], 0),
        ([warn("nox", "a", "b", "c"), unknown("git", "d")], 0),
        ([fix("nox", "a", "b", "c")], 1),
        ([fix("nox", "a", "b", "c"), fix("row", "a", "b", "c")], 4),
    ],
)
def test_exit_codes(found: list[Finding], code: int) -> None:
    """Warnings and what is unknown let a machine be; no row outweighs all else."""
    assert exit_of(found) == code


def test_what_nobody_tells_is_never_ok() -> None:
    """A toolchain of which nothing is known."""
    tools = ToolchainFacts(name="cuda", pinned={}, installed={})
    levels = {one.check: one.level for one in findings(replace(H200, toolchain=tools))}
    assert (levels["python"], levels["torch"]) == (Level.UNKNOWN, Level.UNKNOWN)
