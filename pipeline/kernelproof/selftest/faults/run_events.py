"""What can happen to a whole run: each is brought about, then the run is resumed."""

import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from kernelproof.selftest.faults.scratch_copy import Scratch

# Cases that pass, enough of them for a run that can be met in the middle.
HEALTHY = tuple(range(10, 40))
_SECONDS_TO_BEGIN, _SECONDS_TO_END = 120, 30
_MOUNTED = 'mount -t tmpfs -o size=16k none "$0" && exec "$@"'
# Run by every Python there: from some moment on no GPU is shown to it.
_NO_DRIVER = """\
import os, pathlib
if pathlib.Path(os.environ["GONE"]).exists():
    os.environ["CUDA_VISIBLE_DEVICES"] = os.environ["HIP_VISIBLE_DEVICES"] = "-1"
    os.environ["ZE_AFFINITY_MASK"] = "99"
"""


class NotPossibleError(Exception):
    """An event that cannot be brought about on this machine, and why."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happens to a run of these cases, and what has to be seen of it."""

    name: str
    expected: str
    words: str
    happens: Callable[[Scratch], str]
    fault: str = "none"
    tokens: tuple[int, ...] = HEALTHY
    is_of_gpu: bool = False


def _summary(scratch: Scratch, code: int | None) -> str:
    """``exit 3; missing, pass: exit 1``: of the cells, then of the report."""
    judged_code, cases = scratch.judged()
    verdicts = Counter(case["verdict"] for case in cases.values())
    told = "was killed" if code is None else f"exit {code}"
    return f"{told}; report {', '.join(sorted(verdicts))}, exit {judged_code}"


def _resumed(scratch: Scratch) -> str:
    """What becomes of the rest, once the cause is gone."""
    return f"resumed: {_summary(scratch, scratch.cells('--resume').code)}"


def _begun(scratch: Scratch, process: subprocess.Popen[str]) -> None:
    """Waits until there is a record, and more to come."""
    until = time.monotonic() + _SECONDS_TO_BEGIN
    while not scratch.recorded():
        if process.poll() is not None or time.monotonic() > until:
            process.kill()
            raise NotPossibleError(f"the run ended before: {process.communicate()[0]}")
        time.sleep(0.005)


def _supervisor_killed(scratch: Scratch) -> str:
    """And its worker ends with it: nothing more is written."""
    with scratch.start() as process:
        _begun(scratch, process)
        process.kill()
        process.wait()
        until = time.monotonic() + _SECONDS_TO_END
        while _of_scratch(scratch) and time.monotonic() < until:
            time.sleep(0.05)
        left = _of_scratch(scratch)
        for number in left:
            os.kill(number, signal.SIGKILL)
    worker = "; its worker lives" if left else ""
    return f"{_summary(scratch, None)}{worker}; {_resumed(scratch)}"


def _of_scratch(scratch: Scratch) -> list[int]:
    """The processes that work in the copy, by /proc."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (folder / "cwd").readlink() == scratch.root and folder.name != str(os.getpid()):
                found.append(int(folder.name))
    return found


def _interrupted(scratch: Scratch) -> str:
    with scratch.start() as process:
        _begun(scratch, process)
        process.send_signal(signal.SIGINT)
        code = process.wait(timeout=_SECONDS_TO_END)
    return f"{_summary(scratch, code)}; {_resumed(scratch)}"


def _disk_full(scratch: Scratch) -> str:
    """Records go to a file system that holds a few of them."""
    scratch.results.mkdir()
    mounted = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", _MOUNTED]
    tried = subprocess.run(
        [*mounted, str(scratch.results), "true"], capture_output=True, text=True, check=False
    )
    if tried.returncode:
        raise NotPossibleError(f"unshare: {tried.stderr.strip()}")
    done = scratch.cells(before=[*mounted, str(scratch.results)])
    lines = [line for line in done.said.splitlines() if "no space left" in line]
    is_told = len(lines) == 1 and "Traceback" not in done.said
    told = "one line" if is_told else f"found {done.said!r}"
    # What was on that file system went with it.
    return f"{told}; {_summary(scratch, done.code)}; {_resumed(scratch)}"


def _folder_gone(scratch: Scratch) -> str:
    """The folder of results is moved away within the run, and a file is in its place."""
    away = scratch.root / "away"
    with scratch.start() as process:
        _begun(scratch, process)
        scratch.results.rename(away)
        scratch.results.write_text("in the way", encoding="utf-8")
        said, _ = process.communicate(timeout=_SECONDS_TO_END)
    is_told = len([line for line in said.splitlines() if "expected a" in line]) == 1
    told = "one line" if is_told and "Traceback" not in said else f"found {said!r}"
    scratch.results.unlink()
    away.rename(scratch.results)
    return f"{told}; {_summary(scratch, process.returncode)}; {_resumed(scratch)}"


def _half_written(scratch: Scratch) -> str:
    """Records are cut, emptied and overwritten after a whole run."""
    code = scratch.cells().code
    first, second, third, *_ = scratch.recorded()
    first.write_bytes(first.read_bytes()[:200])
    second.write_bytes(b"")
    third.write_bytes(os.urandom(2000))
    return f"{_summary(scratch, code)}; {_resumed(scratch)}"


def _driver_gone(scratch: Scratch) -> str:
    """A case dies, and since then no process sees a GPU; the case after that one is not blamed."""
    place = scratch.root / "site"
    place.mkdir()
    (place / "sitecustomize.py").write_text(_NO_DRIVER, encoding="utf-8")
    gone = scratch.root / "gone"
    file = scratch.root / "pipeline/kernelproof/selftest/faults/faulty_kernel.py"
    text = file.read_text(encoding="utf-8")
    file.write_text(
        text.replace(
            "    os.kill(os.getpid(), signal.SIGKILL)",
            f"    open({str(gone)!r}, 'w').close()\n    os.kill(os.getpid(), signal.SIGKILL)",
        ),
        encoding="utf-8",
    )
    before = scratch.environment.get("PYTHONPATH")
    path = os.pathsep.join([str(place), *([before] if before else [])])
    done = scratch.cells(PYTHONPATH=path, GONE=str(gone))
    is_told = "the device does not answer any more" in done.said
    told = "one line" if is_told and "Traceback" not in done.said else f"found {done.said!r}"
    return f"{told}; {_summary(scratch, done.code)}; {_resumed(scratch)}"


_ENDS = "resumed: exit 0; report pass, exit 0"
EVENTS = (
    Event(
        name="supervisor-killed",
        expected=f"was killed; report missing, pass, exit 1; {_ENDS}",
        words="SIGKILL to the run's first process: its worker ends too, records are whole",
        happens=_supervisor_killed,
    ),
    Event(
        name="interrupted",
        expected=f"exit 130; report missing, pass, exit 1; {_ENDS}",
        words="Ctrl-C",
        happens=_interrupted,
    ),
    Event(
        name="disk-full",
        expected=f"one line; exit 3; report missing, exit 1; {_ENDS}",
        words="the results' file system is full after a few records",
        happens=_disk_full,
    ),
    Event(
        name="folder-gone",
        expected=f"one line; exit 3; report missing, pass, exit 1; {_ENDS}",
        words="the folder of results is taken away within the run",
        happens=_folder_gone,
    ),
    Event(
        name="half-written",
        expected=f"exit 0; report error, pass, exit 1; {_ENDS}",
        words="records are cut, empty, and noise",
        happens=_half_written,
    ),
    Event(
        name="driver-gone",
        expected=(
            "one line; exit 69; report crash, missing, exit 1; "
            "resumed: exit 0; report crash, pass, exit 1"
        ),
        words="a case dies, and no process sees a GPU any more; later it is back",
        happens=_driver_gone,
        fault="killed",
        tokens=(3, 2, 1),
        is_of_gpu=True,
    ),
)
