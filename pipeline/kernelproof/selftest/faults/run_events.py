"""Events that befall a whole run: each is brought about, then the run is resumed."""

import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from kernelproof.selftest.faults.scratch_copy import ScratchCopy

# Numbers of tokens of cases that pass: enough of them to meet a run in its middle.
HEALTHY = tuple(range(10, 40))
_SECONDS_TO_BEGIN, _SECONDS_TO_END = 120, 30
# Runs a command with a small file system of its own in place of a folder.
_MOUNTED = 'mount -t tmpfs -o size=16k none "$0" && exec "$@"'
_OWN_NAME_SPACE = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", _MOUNTED)
# Run by every Python that starts there: once the file exists, no GPU is shown to the process.
_NO_DRIVER = """\
import os, pathlib
if pathlib.Path(os.environ["GONE"]).exists():
    os.environ["CUDA_VISIBLE_DEVICES"] = os.environ["HIP_VISIBLE_DEVICES"] = "-1"
    os.environ["ZE_AFFINITY_MASK"] = "99"
"""


class NotPossibleError(Exception):
    """An event that cannot be brought about on this machine, and the reason."""


@dataclass(frozen=True, kw_only=True)
class RunEvent:
    """Something that happens to a run of cases of one fault, and what has to become of the run.

    `bring_about` does it to the run of a scratch copy and returns the observed outcome.
    """

    name: str
    expected: str
    description: str
    bring_about: Callable[[ScratchCopy], str]
    fault: str = "none"
    tokens: tuple[int, ...] = HEALTHY
    needs_gpu: bool = False


def _kill_supervisor(scratch: ScratchCopy) -> str:
    """Kills the run's first process, with which its worker has to end: nothing more is written."""
    with scratch.start_cells() as process:
        _await_record(scratch, process)
        process.kill()
        process.wait()
        deadline = time.monotonic() + _SECONDS_TO_END
        while _processes_in(scratch.root) and time.monotonic() < deadline:
            time.sleep(0.05)
        left = _processes_in(scratch.root)
        for number in left:
            os.kill(number, signal.SIGKILL)
    worker = "; its worker lives" if left else ""
    return f"{_reported(scratch, 'was killed')}{worker}; {_resumed(scratch)}"


def _interrupt(scratch: ScratchCopy) -> str:
    """Sends Ctrl-C to the run's first process."""
    with scratch.start_cells() as process:
        _await_record(scratch, process)
        process.send_signal(signal.SIGINT)
        code = process.wait(timeout=_SECONDS_TO_END)
    return f"{_reported(scratch, f'exit {code}')}; {_resumed(scratch)}"


def _fill_disk(scratch: ScratchCopy) -> str:
    """Lets the records go to a file system that holds a few of them, and goes with the run."""
    scratch.results.mkdir()
    mounted = [*_OWN_NAME_SPACE, str(scratch.results)]
    trial = subprocess.run([*mounted, "true"], capture_output=True, text=True, check=False)
    if trial.returncode:
        raise NotPossibleError(f"unshare: {trial.stderr.strip()}")
    ended = scratch.run_cells(under=mounted)
    line = _only_line("no space left", ended.printed)
    return f"{line}; {_reported(scratch, f'exit {ended.code}')}; {_resumed(scratch)}"


def _take_folder_away(scratch: ScratchCopy) -> str:
    """Moves the folder of results away within the run, and puts a file in its place."""
    away = scratch.root / "away"
    with scratch.start_cells() as process:
        _await_record(scratch, process)
        scratch.results.rename(away)
        scratch.results.write_text("in the way", encoding="utf-8")
        printed, _ = process.communicate(timeout=_SECONDS_TO_END)
    scratch.results.unlink()
    away.rename(scratch.results)
    line = _only_line("expected a", printed)
    return f"{line}; {_reported(scratch, f'exit {process.returncode}')}; {_resumed(scratch)}"


def _damage_records(scratch: ScratchCopy) -> str:
    """Cuts, empties and overwrites records after a whole run."""
    code = scratch.run_cells().code
    first, second, third, *_ = scratch.records()
    first.write_bytes(first.read_bytes()[:200])
    second.write_bytes(b"")
    third.write_bytes(os.urandom(2000))
    return f"{_reported(scratch, f'exit {code}')}; {_resumed(scratch)}"


def _hide_gpus(scratch: ScratchCopy) -> str:
    """Lets a case die and hides every GPU from then on; the next case is not to blame for it."""
    site, gone = scratch.root / "site", scratch.root / "gone"
    site.mkdir()
    (site / "sitecustomize.py").write_text(_NO_DRIVER, encoding="utf-8")
    file = scratch.root / "pipeline/kernelproof/selftest/faults/faulty_kernel.py"
    kill = "    os.kill(os.getpid(), signal.SIGKILL)"
    text = file.read_text(encoding="utf-8")
    hiding = text.replace(kill, f"    open({str(gone)!r}, 'w').close()\n{kill}")
    file.write_text(hiding, encoding="utf-8")
    path = os.pathsep.join([str(site), scratch.environment["PYTHONPATH"]])
    ended = scratch.run_cells(PYTHONPATH=path, GONE=str(gone))
    is_said = "the device does not answer any more" in ended.printed
    is_good = is_said and "Traceback" not in ended.printed
    line = "one line" if is_good else f"found {ended.printed!r}"
    return f"{line}; {_reported(scratch, f'exit {ended.code}')}; {_resumed(scratch)}"


def _await_record(scratch: ScratchCopy, process: subprocess.Popen[str]) -> None:
    """Waits until there is a record, and more to come; raises NotPossibleError if none comes."""
    deadline = time.monotonic() + _SECONDS_TO_BEGIN
    while not scratch.records():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise NotPossibleError(f"the run ended before: {process.communicate()[0]}")
        time.sleep(0.005)


def _processes_in(folder: Path) -> list[int]:
    """Returns the ids of the other processes that work in a folder, by /proc."""
    ids = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (process / "cwd").readlink() == folder and process.name != str(os.getpid()):
                ids.append(int(process.name))
    return ids


def _only_line(words: str, printed: str) -> str:
    """Returns "one line" if just one printed line has these words, without a traceback."""
    lines = [line for line in printed.splitlines() if words in line]
    is_good = len(lines) == 1 and "Traceback" not in printed
    return "one line" if is_good else f"found {printed!r}"


def _reported(scratch: ScratchCopy, end: str) -> str:
    """Returns a run's end, the report's verdicts and code: ``exit 3; report pass, exit 0``."""
    code, cases = scratch.run_report()
    verdicts = Counter(case["verdict"] for case in cases.values())
    return f"{end}; report {', '.join(sorted(verdicts))}, exit {code}"


def _resumed(scratch: ScratchCopy) -> str:
    """Runs what is left, once the cause is gone, and returns the outcome."""
    code = scratch.run_cells("--resume").code
    return f"resumed: {_reported(scratch, f'exit {code}')}"


_RESUMED = "resumed: exit 0; report pass, exit 0"
EVENTS = (
    RunEvent(
        name="supervisor-killed",
        expected=f"was killed; report missing, pass, exit 1; {_RESUMED}",
        description="SIGKILL to the run's first process: its worker ends too, records are whole",
        bring_about=_kill_supervisor,
    ),
    RunEvent(
        name="interrupted",
        expected=f"exit 130; report missing, pass, exit 1; {_RESUMED}",
        description="Ctrl-C",
        bring_about=_interrupt,
    ),
    RunEvent(
        name="disk-full",
        expected=f"one line; exit 3; report missing, exit 1; {_RESUMED}",
        description="the results' file system is full after a few records",
        bring_about=_fill_disk,
    ),
    RunEvent(
        name="folder-gone",
        expected=f"one line; exit 3; report missing, pass, exit 1; {_RESUMED}",
        description="the folder of results is taken away within the run",
        bring_about=_take_folder_away,
    ),
    RunEvent(
        name="half-written",
        expected=f"exit 0; report error, pass, exit 1; {_RESUMED}",
        description="records are cut, empty, and noise",
        bring_about=_damage_records,
    ),
    RunEvent(
        name="driver-gone",
        expected=(
            "one line; exit 69; report crash, missing, exit 1; "
            "resumed: exit 0; report crash, pass, exit 1"
        ),
        description="a case dies, and no process sees a GPU any more; later it is back",
        bring_about=_hide_gpus,
        fault="killed",
        tokens=(3, 2, 1),
        needs_gpu=True,
    ),
)
