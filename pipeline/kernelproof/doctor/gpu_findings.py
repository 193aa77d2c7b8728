"""Findings on one GPU, from its facts alone: clocks, heat, errors, memory, and its other users."""

from collections.abc import Iterator

from kernelproof.doctor.facts import GpuFacts, HealthFinding, RowFacts, fix, ok, unknown, warn

_NEAR_LIMIT_C = 5  # a run heats the GPU by about as much
_BUSY_PERCENT = 10
_MW_PER_W = 1000
# Reasons for a low clock that do not go away by waiting.
_BROKEN = frozenset({"hardware slowdown", "power brake"})
# Settings in the fingerprint of a baseline, with the name of the fact that each is.
_POLICY = {
    "max_sm_clock_mhz": "max_clock_mhz",
    "max_memory_clock_mhz": "max_memory_clock_mhz",
    "power_limit_mw": "power_limit_w",
    "ecc": "is_ecc",
}


def findings_on_gpu(gpu: GpuFacts, facts: RowFacts) -> Iterator[HealthFinding]:
    """Yields the findings of every check of one GPU; each check's name begins with its number."""
    prefix = f"GPU {gpu.number}"
    yield _clocks(gpu, f"{prefix} clocks")
    yield from _policy(gpu, facts, f"{prefix} policy")
    yield _throttle(gpu, f"{prefix} throttle")
    yield _heat(gpu, f"{prefix} heat")
    yield from _errors(gpu, f"{prefix} ECC")
    yield from _memory(gpu, facts, f"{prefix} memory")
    yield _users(gpu, f"{prefix} users")


def _clocks(gpu: GpuFacts, check: str) -> HealthFinding:
    if gpu.clock_mhz is None and gpu.max_clock_mhz is None:
        return unknown(check, "not reported")
    now, most = (
        "unknown" if mhz is None else f"{mhz} MHz" for mhz in (gpu.clock_mhz, gpu.max_clock_mhz)
    )
    requested, limit = gpu.application_clock_mhz, gpu.max_clock_mhz
    if requested and limit and requested < limit:
        do = "if it is not meant: sudo nvidia-smi --reset-applications-clocks"
        return warn(check, f"application clock {requested} MHz", f"up to {limit} MHz", do)
    return ok(check, f"{now} now, at most {most}")


def _policy(gpu: GpuFacts, facts: RowFacts, check: str) -> Iterator[HealthFinding]:
    """Checks settings that change times: persistence, power limit, and those of the baseline."""
    if gpu.is_persistent is None:
        yield unknown(check, "persistence mode not reported")
    elif not gpu.is_persistent:
        do = "start nvidia-persistenced, or: sudo nvidia-smi -pm 1"
        yield warn(check, "persistence mode off", "on: else settings go with each process", do)
    limit, usual = gpu.power_limit_w, gpu.usual_power_limit_w
    if limit is None:
        yield unknown(check, "power limit not reported")
    elif usual and limit < usual:
        command = "sudo nvidia-smi -pl {:.0f}" if facts.backend == "cuda" else "set it to {:.0f} W"
        do = f"if it is not meant: {command.format(usual)}"
        yield warn(check, f"power limit {limit:.0f} W", f"the usual {usual:.0f} W", do)
    else:
        yield ok(check, f"power limit {limit:.0f} W")
    differences = list(_unlike_baseline(gpu, facts))
    if differences:
        do = "set it as it was, or measure and bless here: perf says wrong-machine until then"
        yield warn(check, ", ".join(differences), "the settings of the perf baseline", do)


def _unlike_baseline(gpu: GpuFacts, facts: RowFacts) -> Iterator[str]:
    """Yields ``ecc 0, baseline 1`` for each setting that differs from the baseline's."""
    for name, fact in _POLICY.items():
        here, stored = getattr(gpu, fact), facts.stored.get(name)
        if name == "power_limit_mw" and here is not None:
            here = round(_MW_PER_W * here)
        if here is not None and stored is not None and here != stored:
            yield f"{name} {int(here)}, baseline {stored}"


def _throttle(gpu: GpuFacts, check: str) -> HealthFinding:
    if gpu.held_back_by is None:
        return unknown(check, "reasons for a low clock not reported")
    if not gpu.held_back_by:
        return ok(check, "nothing holds its clock back")
    make, do = warn, "let it cool or end what runs on it: rounds that meet this are discarded"
    if _BROKEN & set(gpu.held_back_by):
        make, do = fix, "see to its power supply and cooling: perf cannot measure like this"
    return make(check, ", ".join(gpu.held_back_by), "nothing that holds its clock back", do)


def _heat(gpu: GpuFacts, check: str) -> HealthFinding:
    heat, limit = gpu.temperature_c, gpu.slows_at_c
    if heat is None:
        return unknown(check, "temperature not reported")
    if limit is None:
        return ok(check, f"{heat} C; its thermal limit is not reported")
    if heat >= limit - _NEAR_LIMIT_C:
        do = "let it cool; see to its fans and the room"
        return warn(check, f"{heat} C", f"well below {limit} C, where it slows down", do)
    return ok(check, f"{heat} C, slows down at {limit} C")


def _errors(gpu: GpuFacts, check: str) -> Iterator[HealthFinding]:
    if gpu.is_ecc is None:
        yield unknown(check, "correction of memory errors not reported")
    elif not gpu.is_ecc:
        do = "sudo nvidia-smi -e 1, and restart, if the GPU has ECC"
        yield warn(check, "off", "on: a flipped bit would be blamed on a kernel", do)
    if gpu.uncorrected_errors:
        do = "restart the host; if they come back, have the GPU replaced"
        found = f"{gpu.uncorrected_errors} uncorrected memory errors"
        yield fix(check, found, "none: bits read there are not to be trusted", do)
    elif gpu.is_repair_pending:
        do = "restart the host, at a time when nothing runs on it"
        yield fix(check, "memory rows waiting to be replaced", "none waiting", do)
    elif gpu.is_ecc and gpu.uncorrected_errors is None:
        yield unknown(check, "on; its errors are not counted")
    elif gpu.is_ecc:
        yield ok(check, "on, no uncorrected error")


def _memory(gpu: GpuFacts, facts: RowFacts, check: str) -> Iterator[HealthFinding]:
    if gpu.total_gb is None:
        yield unknown(check, "size not reported")
    elif gpu.total_gb < facts.memory_gb:
        do = "correct memory_gb in matrix.yaml, by which cases are planned"
        yield fix(check, f"{gpu.total_gb:.0f} GB", f"the row's {facts.memory_gb:.0f} GB", do)
    if gpu.free_gb is None:
        yield unknown(check, "free memory not reported")
    elif facts.needs_gb and gpu.free_gb < facts.needs_gb:
        expected = f"{facts.needs_gb:.0f} GB, for the row's largest case"
        do = "end the processes that hold it; see the GPU's users"
        yield fix(check, f"{gpu.free_gb:.0f} GB free", expected, do)
    else:
        yield ok(check, f"{gpu.free_gb:.0f} GB free")


def _users(gpu: GpuFacts, check: str) -> HealthFinding:
    nobody = "nobody else on it"
    if gpu.is_taken:
        do = "wait for it: the next run does, too"
        return warn(check, "another run of this project timing on it", nobody, do)
    if gpu.processes:
        listed = ", ".join(map(str, gpu.processes))
        do = "end them (ps -p PID -o user,args), or times are of two at once"
        return fix(check, f"processes {listed}", nobody, do)
    if gpu.busy_percent is not None and gpu.busy_percent >= _BUSY_PERCENT:
        do = "find out who uses it, or times are of two at once"
        return warn(check, f"{gpu.busy_percent} % busy", nobody, do)
    if gpu.processes is None:
        return unknown(check, "other users not reported")
    return ok(check, "nobody else is on it")
