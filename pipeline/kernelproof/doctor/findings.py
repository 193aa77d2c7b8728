"""Findings on a machine, from its facts alone: the row, the toolchain, the host."""

import re
from collections.abc import Iterator, Sequence

from kernelproof.doctor.facts import HealthFinding, Level, RowFacts, fix, ok, unknown, warn
from kernelproof.doctor.gpu_findings import findings_on_gpu
from kernelproof.errors import Exit

# Free disk space that pip needs for a toolchain that is not made yet. The CPU builds take 1.7 GB;
# GPU builds bring the GPU's libraries, and pip unpacks each package beside its download.
_CPU_TOOLCHAIN_GB, _GPU_TOOLCHAIN_GB, _MADE_TOOLCHAIN_GB = 4, 20, 1
_RESULTS_GB = 0.5
_LEAST_PYTHON = (3, 11)
_NEEDED_PACKAGES = ("torch", "pytest", "pydantic")
# A machine of 16 GB shows its programs somewhat less.
_SHOWN_MEMORY = 0.9


def findings(facts: RowFacts) -> list[HealthFinding]:
    """Returns the findings of all checks, in the order in which a host is set up."""
    result = [_row(facts), _driver(facts)]
    for gpu in facts.gpus:
        result += findings_on_gpu(gpu, facts)
    result += [*_toolchain(facts), *_memory(facts), *_disk(facts), _cache(facts)]
    return [*result, *_git(facts), _nox(facts)]


def exit_of(results: Sequence[HealthFinding]) -> Exit:
    """Returns 4 if the row is to be fixed, 1 if anything else is, 0 otherwise."""
    to_fix = {finding.check for finding in results if finding.level == Level.FIX}
    if "row" in to_fix:
        return Exit.NOT_THE_ROW
    return Exit.BLOCKED if to_fix else Exit.GOOD


def _row(facts: RowFacts) -> HealthFinding:
    if not facts.is_gpu:
        return ok("row", f"{facts.row}: needs no GPU, its kernels are interpreted")
    if not facts.gpus:
        do = "run it on that machine, or correct the row's device in matrix.yaml"
        return fix("row", f"no {facts.backend} device that is {facts.row}", facts.device, do)
    numbers = ", ".join(str(gpu.number) for gpu in facts.gpus)
    several = "; cases are spread over them" if len(facts.gpus) > 1 else ""
    return ok("row", f"{facts.row}: {facts.device}, GPU {numbers}{several}")


def _driver(facts: RowFacts) -> HealthFinding:
    files, complaint = facts.host.device_files, facts.host.driver_complaint
    if files and complaint:
        do = "reload the driver or restart; in a container, pass the driver's libraries in, too"
        return fix("driver", f"{', '.join(files)}, but: {complaint}", "a driver that answers", do)
    if not facts.is_gpu:
        return ok("driver", "none is needed")
    versions = {gpu.driver for gpu in facts.gpus if gpu.driver}
    if not versions:
        return unknown("driver", "version not reported")
    return ok("driver", ", ".join(sorted(versions)))


def _toolchain(facts: RowFacts) -> Iterator[HealthFinding]:
    tools = facts.toolchain
    if not tools.is_made:
        do = "the first session makes it"
        yield warn("toolchain", f"{tools.name} not made yet", "its environment", do)
        return
    where = f".nox/toolchain-{tools.name}" if tools.is_own else "this Python"
    numbers = _numbers(tools.python or "")
    if not numbers:
        yield unknown("python", f"{where}: version not reported")
    elif numbers < _LEAST_PYTHON:
        do = "take a newer one for nox, and remove the environment"
        yield fix("python", f"{tools.python} in {where}", "3.11 or later", do)
    else:
        yield ok("python", f"{tools.python} in {where}")
    yield _packages(facts, where)
    if facts.is_gpu:
        yield _torch(facts)


def _packages(facts: RowFacts, where: str) -> HealthFinding:
    """Compares the packages with the pinned ones; an image's versions are its owner's choice."""
    tools = facts.toolchain
    differences = [
        f"{name} {tools.installed.get(name, 'missing')} (pinned {version})"
        for name, version in tools.pinned.items()
        # torch's version names its build, too: 2.11.0+cu130.
        if tools.installed.get(name, "").partition("+")[0] != version
    ]
    pins = f"pipeline/kernelproof/machine/toolchains/{tools.name}.txt"
    if not differences:
        main = [
            f"{name} {tools.installed[name]}"
            for name in ("torch", "triton")
            if name in tools.installed
        ]
        return ok("packages", f"{len(tools.pinned)} as pinned: {', '.join(main) or where}")
    if tools.is_own:
        do = f"remove {where}, and run a session, which makes it again"
        return fix("packages", ", ".join(differences), f"those of {pins}", do)
    is_lacking = any(name not in tools.installed for name in _NEEDED_PACKAGES)
    do = f"python -m pip install -r {pins}, unless the image's versions are meant"
    make = fix if is_lacking else warn
    return make("packages", ", ".join(differences), f"those of {pins}", do)


def _torch(facts: RowFacts) -> HealthFinding:
    tools = facts.toolchain
    if tools.sees is None:
        return unknown("torch", f"was not asked: {tools.complaint or 'no GPU to see'}")
    if facts.device not in tools.sees:
        found = ", ".join(tools.sees) or f"no device ({tools.complaint or 'no reason given'})"
        do = "take a driver that is new enough for this build of torch, or the build for this GPU"
        return fix("torch", found, facts.device, do)
    return ok("torch", f"sees {len(tools.sees)} of {facts.device}")


def _memory(facts: RowFacts) -> Iterator[HealthFinding]:
    if facts.is_gpu:
        return
    memory = facts.host.memory_gb
    if memory is None:
        yield unknown("memory", "the machine's is not reported")
    elif memory < _SHOWN_MEMORY * facts.memory_gb:
        do = "correct memory_gb in matrix.yaml, or take another machine"
        yield warn("memory", f"{memory:.0f} GB", f"the row's {facts.memory_gb:.0f} GB", do)
    else:
        yield ok("memory", f"{memory:.0f} GB")


def _disk(facts: RowFacts) -> Iterator[HealthFinding]:
    host = facts.host
    least = _GPU_TOOLCHAIN_GB if facts.is_gpu else _CPU_TOOLCHAIN_GB
    if facts.toolchain.is_made:
        least = _MADE_TOOLCHAIN_GB
    places = {
        "disk .nox": (host.toolchains_free_gb, least, "for the toolchain"),
        "disk results": (host.results_free_gb, _RESULTS_GB, "for records and the report"),
    }
    for check, (free, needed, purpose) in places.items():
        if free is None:
            yield unknown(check, "free space not reported")
        elif free < needed:
            do = "free some, or put the clone elsewhere"
            yield fix(check, f"{free:.1f} GB free", f"{needed:g} GB {purpose}", do)
        else:
            yield ok(check, f"{free:.0f} GB free")
    if not host.is_results_writable:
        do = "give the folder to the user that runs nox, or pass --results FOLDER"
        yield fix("results", "a folder that cannot be written", "a writable results/", do)


def _cache(facts: RowFacts) -> HealthFinding:
    check, expected = "Triton's cache", "a writable folder"
    cache = facts.host.cache
    if cache is None:
        do = "set HOME, or TRITON_CACHE_DIR to a folder of this runner's own"
        return fix(check, "a user without a home folder", expected, do)
    if not facts.host.is_cache_writable:
        do = "make it writable, or set TRITON_CACHE_DIR to a folder of this runner's own"
        return fix(check, f"{cache}, not writable", expected, do)
    return ok(check, f"{cache} is writable")


def _git(facts: RowFacts) -> Iterator[HealthFinding]:
    host, missing = facts.host, facts.missing_commits
    if host.git is None:
        do = "install git: without it results name no commit, and cannot be blessed"
        yield warn("git", "none", "git on the path", do)
    elif not host.is_clone:
        do = "clone the repository; for a clone of another user: git config safe.directory"
        yield warn("git", f"git {host.git}, but no clone", "a clone that git reads", do)
    elif missing:
        fetch = "git fetch --unshallow" if host.is_shallow else "git fetch origin"
        found = f"no commit {', '.join(commit[:12] for commit in missing)}"
        expected = "the commits of the perf baselines, which kernels are timed beside"
        yield warn("git", found, expected, f"{fetch} (in CI: fetch-depth: 0)")
    else:
        shallow = ", a shallow clone, which suffices here" if host.is_shallow else ""
        yield ok("git", f"git {host.git}{shallow}")
    if facts.baseline_complaint:
        yield fix("baseline", facts.baseline_complaint, "a readable one", "restore it from git")


def _nox(facts: RowFacts) -> HealthFinding:
    version, needed = facts.host.nox, facts.needs_nox
    if version is None:
        return unknown("nox", "not in the Python that runs this", do="run nox -s doctor")
    if _numbers(version) < _numbers(needed):
        do = f'python -m pip install "nox>={needed}"'
        return fix("nox", version, f"{needed} or later", do)
    return ok("nox", version)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])
