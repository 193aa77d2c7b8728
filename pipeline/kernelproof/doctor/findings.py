"""Findings on a machine, of its facts alone: the row, the toolchain, the host."""

import re
from collections.abc import Iterator, Sequence

from kernelproof.doctor.facts import Facts, Finding, Level, fix, ok, unknown, warn
from kernelproof.doctor.gpu_findings import findings_on_gpu
from kernelproof.errors import Exit

# What pip has to have free for a toolchain that is still to be made. The CPU builds take 1.7 GB;
# those of a GPU bring its libraries, and pip unpacks beside what it downloaded.
_CPU_TOOLCHAIN_GB, _GPU_TOOLCHAIN_GB = 4, 20
_RESULTS_GB = 0.5
_LEAST_PYTHON = (3, 11)


def findings(facts: Facts) -> list[Finding]:
    """Everything that was checked, in the order in which a host is set up."""
    found = [_row(facts), _driver(facts)]
    for gpu in facts.gpus:
        found += findings_on_gpu(gpu, facts)
    found += [*_toolchain(facts), *_memory(facts), *_disk(facts), _cache(facts)]
    return [*found, *_git(facts), _nox(facts)]


def exit_of(found: Sequence[Finding]) -> Exit:
    """1 where something is to be fixed, 4 where that is the row, else 0."""
    to_fix = {one.check for one in found if one.level == Level.FIX}
    if "row" in to_fix:
        return Exit.NOT_THE_ROW
    return Exit.BLOCKED if to_fix else Exit.GOOD


def _row(facts: Facts) -> Finding:
    if not facts.is_gpu:
        return ok("row", f"{facts.row}: no GPU is needed, kernels are interpreted")
    if not facts.gpus:
        do = "run it on that machine, or mend the row's device in matrix.yaml"
        return fix("row", f"no {facts.backend} device that is {facts.row}", facts.device, do)
    numbers = ", ".join(str(gpu.number) for gpu in facts.gpus)
    several = "; cases are spread over them" if len(facts.gpus) > 1 else ""
    return ok("row", f"{facts.row}: {facts.device}, GPU {numbers}{several}")


def _driver(facts: Facts) -> Finding:
    files, complaint = facts.host.device_files, facts.host.driver_complaint
    if files and complaint:
        do = "load the driver anew or restart; in a container, pass its libraries in, too"
        return fix("driver", f"{', '.join(files)}, but: {complaint}", "a driver that answers", do)
    if not facts.is_gpu:
        return ok("driver", "none is needed")
    told = {gpu.driver for gpu in facts.gpus if gpu.driver}
    if not told:
        return unknown("driver", "its version is not told")
    return ok("driver", ", ".join(sorted(told)))


def _toolchain(facts: Facts) -> Iterator[Finding]:
    tools = facts.toolchain
    if not tools.is_made:
        do = "the first session makes it"
        yield warn("toolchain", f"{tools.name} not made yet", "its environment", do)
        return
    where = f".nox/toolchain-{tools.name}" if tools.is_own else "this Python"
    numbers = _numbers(tools.python or "")
    if not numbers:
        yield unknown("python", f"{where}: its version is not told")
    elif numbers < _LEAST_PYTHON:
        do = "take a newer one for nox, and remove the environment"
        yield fix("python", f"{tools.python} in {where}", "3.11 or later", do)
    else:
        yield ok("python", f"{tools.python} in {where}")
    yield from _packages(facts, where)
    if facts.is_gpu:
        yield _seen(facts)


def _packages(facts: Facts, where: str) -> Iterator[Finding]:
    """Whether what is pinned is there; an image's own versions are its owner's choice."""
    tools = facts.toolchain
    differ = [
        f"{name} {tools.installed.get(name, 'missing')} (pinned {version})"
        for name, version in tools.pinned.items()
        # torch's own word tells its build, too: 2.11.0+cu130.
        if tools.installed.get(name, "").partition("+")[0] != version
    ]
    pins = f"pipeline/kernelproof/machine/toolchains/{tools.name}.txt"
    if not differ:
        main = [f"{n} {tools.installed[n]}" for n in ("torch", "triton") if n in tools.installed]
        yield ok("packages", f"{len(tools.pinned)} as pinned: {', '.join(main) or where}")
    elif tools.is_own:
        do = f"remove {where}, and run a session, which makes it anew"
        yield fix("packages", ", ".join(differ), f"those of {pins}", do)
    else:
        lacks = [name for name in ("torch", "pytest", "pydantic") if name not in tools.installed]
        do = f"python -m pip install -r {pins}, where the image's are not meant"
        make = fix if lacks else warn
        yield make("packages", ", ".join(differ), f"those of {pins}", do)


def _seen(facts: Facts) -> Finding:
    tools = facts.toolchain
    if tools.sees is None:
        return unknown("torch", f"was not asked: {tools.complaint or 'no GPU to see'}")
    if facts.device not in tools.sees:
        found = ", ".join(tools.sees) or f"no device ({tools.complaint or 'no reason told'})"
        do = "take a driver that is new enough for this build of torch, or the build for this GPU"
        return fix("torch", found, facts.device, do)
    return ok("torch", f"sees {len(tools.sees)} of {facts.device}")


def _memory(facts: Facts) -> Iterator[Finding]:
    if facts.is_gpu:
        return
    found = facts.host.memory_gb
    if found is None:
        yield unknown("memory", "of the machine is not told")
    elif found < 0.9 * facts.memory_gb:  # a machine of 16 GB shows less to its programs
        do = "mend memory_gb in matrix.yaml, or take another machine"
        yield warn("memory", f"{found:.0f} GB", f"the row's {facts.memory_gb:.0f} GB", do)
    else:
        yield ok("memory", f"{found:.0f} GB")


def _disk(facts: Facts) -> Iterator[Finding]:
    host, tools = facts.host, facts.toolchain
    wants = _GPU_TOOLCHAIN_GB if facts.is_gpu else _CPU_TOOLCHAIN_GB
    if tools.is_made:
        wants = 1
    places = {
        "disk .nox": (host.toolchains_free_gb, wants, "for the toolchain"),
        "disk results": (host.results_free_gb, _RESULTS_GB, "for records and the report"),
    }
    for check, (free, least, why) in places.items():
        if free is None:
            yield unknown(check, "free space is not told")
        elif free < least:
            do = "free some, or put the clone elsewhere"
            yield fix(check, f"{free:.1f} GB free", f"{least:g} GB {why}", do)
        else:
            yield ok(check, f"{free:.0f} GB free")
    if not host.is_results_writable:
        do = "give the folder to the user that runs nox, or pass --results FOLDER"
        yield fix("results", "a folder that cannot be written", "a writable results/", do)


def _cache(facts: Facts) -> Finding:
    host = facts.host
    if not host.is_cache_writable:
        do = "make it writable, or set TRITON_CACHE_DIR to a folder of this runner's own"
        return fix("Triton's cache", f"{host.cache}, not writable", "a writable folder", do)
    return ok("Triton's cache", f"{host.cache} is writable")


def _git(facts: Facts) -> Iterator[Finding]:
    host, gone = facts.host, facts.missing_commits
    if host.git is None:
        do = "install git: without it results name no commit, and cannot be blessed"
        yield warn("git", "none", "git on the path", do)
    elif not host.is_clone:
        do = "clone the repository; for a clone of another user: git config safe.directory"
        yield warn("git", f"git {host.git}, but no clone", "a clone that git reads", do)
    elif gone:
        depth = "git fetch --unshallow" if host.is_shallow else "git fetch origin"
        found = f"no commit {', '.join(commit[:12] for commit in gone)}"
        wanted = "the commits of the perf baselines, to be timed beside"
        yield warn("git", found, wanted, f"{depth} (in CI: fetch-depth: 0)")
    else:
        shallow = ", a shallow clone, which suffices here" if host.is_shallow else ""
        yield ok("git", f"git {host.git}{shallow}")
    if facts.baseline_complaint:
        yield fix("baseline", facts.baseline_complaint, "a readable one", "restore it from git")


def _nox(facts: Facts) -> Finding:
    found, wanted = facts.host.nox, facts.needs_nox
    if found is None:
        return unknown("nox", "is not in the Python that runs this", "ask by nox -s doctor")
    if _numbers(found) < _numbers(wanted):
        do = f'python -m pip install "nox>={wanted}"'
        return fix("nox", found, f"{wanted} or later", do)
    return ok("nox", found)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])
