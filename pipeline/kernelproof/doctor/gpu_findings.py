"""Findings on one GPU, of its facts alone: clocks, heat, errors, memory, and who else is on it."""

from collections.abc import Iterator

from kernelproof.doctor.facts import Facts, Finding, GpuFacts, fix, ok, unknown, warn

_NEAR_C = 5  # this near to where it slows down, a run will make it
_BUSY_PERCENT = 10
# What holds a clock back, and is to be mended, not waited for.
_BROKEN = frozenset({"hardware slowdown", "power brake"})
# What the fingerprint of a baseline says, and which fact it is.
_POLICY = {
    "max_sm_clock_mhz": "max_clock_mhz",
    "max_memory_clock_mhz": "max_memory_clock_mhz",
    "power_limit_mw": "power_limit_w",
    "ecc": "is_ecc",
}


def findings_on_gpu(gpu: GpuFacts, facts: Facts) -> Iterator[Finding]:
    """Every check of one GPU; the name of each begins with its number."""
    at = f"GPU {gpu.number}"
    yield _clocks(gpu, f"{at} clocks")
    yield from _policy(gpu, facts, f"{at} policy")
    yield _held_back(gpu, f"{at} throttle")
    yield _heat(gpu, f"{at} heat")
    yield from _errors(gpu, f"{at} ECC")
    yield from _memory(gpu, facts, f"{at} memory")
    yield _others(gpu, f"{at} users")


def _clocks(gpu: GpuFacts, check: str) -> Finding:
    if gpu.clock_mhz is None and gpu.max_clock_mhz is None:
        return unknown(check, "are not told")
    now, most = (
        "unknown" if mhz is None else f"{mhz} MHz" for mhz in (gpu.clock_mhz, gpu.max_clock_mhz)
    )
    asked, limit = gpu.application_clock_mhz, gpu.max_clock_mhz
    if asked and limit and asked < limit:
        do = "if it is not meant: sudo nvidia-smi --reset-applications-clocks"
        return warn(check, f"application clock {asked} MHz", f"up to {limit} MHz", do)
    return ok(check, f"{now} now, at most {most}")


def _policy(gpu: GpuFacts, facts: Facts, check: str) -> Iterator[Finding]:
    """Settings that change times: persistence, power limit, and those that the baseline is of."""
    if gpu.is_persistent is None:
        yield unknown(check, "persistence mode is not told")
    elif not gpu.is_persistent:
        do = "start nvidia-persistenced, or: sudo nvidia-smi -pm 1"
        yield warn(check, "persistence mode off", "on: else settings go with each process", do)
    limit, usual = gpu.power_limit_w, gpu.usual_power_limit_w
    if limit is None:
        yield unknown(check, "power limit is not told")
    elif usual and limit < usual:
        how = "sudo nvidia-smi -pl {:.0f}" if facts.backend == "cuda" else "set it to {:.0f} W"
        do = f"if it is not meant: {how.format(usual)}"
        yield warn(check, f"power limit {limit:.0f} W", f"the usual {usual:.0f} W", do)
    else:
        yield ok(check, f"power limit {limit:.0f} W")
    differ = list(_unlike_baseline(gpu, facts))
    if differ:
        do = "set it as it was, or measure and bless here: perf says wrong-machine until then"
        yield warn(check, ", ".join(differ), "what the perf baseline is of", do)


def _unlike_baseline(gpu: GpuFacts, facts: Facts) -> Iterator[str]:
    """``ecc 0, baseline 1`` for each setting that is another than the baseline's."""
    for word, fact in _POLICY.items():
        here, stored = getattr(gpu, fact), facts.stored.get(word)
        if word == "power_limit_mw" and here is not None:
            here = round(1000 * here)
        if here is not None and stored is not None and here != stored:
            yield f"{word} {int(here)}, baseline {stored}"


def _held_back(gpu: GpuFacts, check: str) -> Finding:
    if gpu.held_back_by is None:
        return unknown(check, "what holds clocks back is not told")
    if not gpu.held_back_by:
        return ok(check, "nothing holds its clock back")
    make, do = warn, "let it cool or end what runs on it: rounds that meet this are discarded"
    if _BROKEN & set(gpu.held_back_by):
        make, do = fix, "see to its power supply and cooling: perf cannot measure like this"
    return make(check, ", ".join(gpu.held_back_by), "nothing that holds its clock back", do)


def _heat(gpu: GpuFacts, check: str) -> Finding:
    heat, limit = gpu.temperature_c, gpu.slows_at_c
    if heat is None:
        return unknown(check, "its temperature is not told")
    if limit is None:
        return ok(check, f"{heat} C; where it slows down is not told")
    if heat >= limit - _NEAR_C:
        do = "let it cool; see to its fans and the room"
        return warn(check, f"{heat} C", f"well below {limit} C, where it slows down", do)
    return ok(check, f"{heat} C, slows down at {limit} C")


def _errors(gpu: GpuFacts, check: str) -> Iterator[Finding]:
    if gpu.is_ecc is None:
        yield unknown(check, "whether memory errors are corrected is not told")
    elif not gpu.is_ecc:
        do = "sudo nvidia-smi -e 1, and restart, where the GPU can"
        yield warn(check, "off", "on: a flipped bit would be blamed on a kernel", do)
    if gpu.uncorrected_errors:
        do = "restart the host; where they come back, have the GPU changed"
        found = f"{gpu.uncorrected_errors} uncorrected memory errors"
        yield fix(check, found, "none: bits read there are not to be trusted", do)
    elif gpu.is_repair_pending:
        do = "restart the host, at a time when nothing runs on it"
        yield fix(check, "memory rows waiting to be replaced", "none waiting", do)
    elif gpu.is_ecc and gpu.uncorrected_errors is None:
        yield unknown(check, "on; its errors are not counted")
    elif gpu.is_ecc:
        yield ok(check, "on, no uncorrected error")


def _memory(gpu: GpuFacts, facts: Facts, check: str) -> Iterator[Finding]:
    if gpu.total_gb is None:
        yield unknown(check, "is not told")
    elif gpu.total_gb < facts.memory_gb:
        do = "mend memory_gb in matrix.yaml, which plans cases by it"
        yield fix(check, f"{gpu.total_gb:.0f} GB", f"the row's {facts.memory_gb:.0f} GB", do)
    if gpu.free_gb is None:
        yield unknown(check, "what of it is free is not told")
    elif facts.needs_gb and gpu.free_gb < facts.needs_gb:
        wanted = f"{facts.needs_gb:.0f} GB, for the row's largest case"
        do = "end what holds it; see the GPU's users"
        yield fix(check, f"{gpu.free_gb:.0f} GB free", wanted, do)
    else:
        yield ok(check, f"{gpu.free_gb:.0f} GB free")


def _others(gpu: GpuFacts, check: str) -> Finding:
    if gpu.is_taken:
        do = "wait for it: the next run does, too"
        return warn(check, "another run of this project timing on it", "nobody on it", do)
    if gpu.processes:
        listed = ", ".join(map(str, gpu.processes))
        do = "end them (ps -p PID -o user,args), or times are of two at once"
        return fix(check, f"processes {listed}", "nobody else on it", do)
    if gpu.busy_percent is not None and gpu.busy_percent >= _BUSY_PERCENT:
        do = "find out who uses it, or times are of two at once"
        return warn(check, f"{gpu.busy_percent} % busy", "nobody else on it", do)
    if gpu.processes is None:
        return unknown(check, "who else is on it is not told")
    return ok(check, "nobody else is on it")
