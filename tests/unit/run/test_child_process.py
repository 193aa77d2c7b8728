"""Child processes of a few lines: messages, deadlines, last words, and that none outlives its end.

Each test needs processes: their signals, groups and pipes are what is asked about.
"""

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from kernelproof.plan.repository import ROOT
from kernelproof.run.child_process import ChildProcess
from tests.unit.run.process_end import has_ended

PYTHON = (sys.executable, "-S", "-E", "-c")
SOON, LATE = 10.0, 0.2  # seconds


def child_of(script: str, **options: object) -> ChildProcess:
    """Starts a child that runs a script."""
    return ChildProcess([*PYTHON, textwrap.dedent(script)], **options)  # type: ignore[arg-type]


def lines_of(child: ChildProcess) -> list[str]:
    """Returns all messages of a child."""
    until = time.monotonic() + SOON
    return [*iter(lambda: child.read_line(until), None)]


def test_lines_go_both_ways() -> None:
    """A child answers each line; one that does not read is no obstacle, but late."""
    script = "for line in __import__('sys').stdin: print(line.upper(), end='', flush=True)"
    with child_of(script, stdin=subprocess.PIPE) as child:
        for line in ("a word", "x" * 10**6):  # the latter is more than a pipe holds
            child.send(line)
            assert child.read_line(time.monotonic() + SOON) == line.upper()
    with child_of("import time; time.sleep(60)", stdin=subprocess.PIPE) as child:
        child.send("x" * 10**6)
        with pytest.raises(TimeoutError):
            child.read_line(time.monotonic() + LATE)


def test_any_bytes_are_read() -> None:
    """Bytes that are not UTF-8 are replaced, on both streams; half a line at the end is none."""
    script = r"""
        import os
        os.write(1, b"\xff\xfe first\nsecond\nhal")
        os.write(2, b"\xff complaint\n")
        """
    with child_of(script) as child:
        assert lines_of(child) == ["\ufffd\ufffd first", "second"]
        assert (child.kill(), child.tail) == (0, ["\ufffd complaint"])


def test_a_silent_child_is_late() -> None:
    """TimeoutError at the deadline; what it wrote before, and its last words, are there."""
    script = """
        import sys, time
        for number in range(300): print("line", number, file=sys.stderr)
        print("ready", flush=True)
        time.sleep(60)
        """
    with child_of(script) as child:
        assert child.read_line(time.monotonic() + SOON) == "ready"
        with pytest.raises(TimeoutError):
            child.read_line(time.monotonic() + LATE)
        with pytest.raises(TimeoutError):
            child.wait(time.monotonic() + LATE)
        assert child.kill() == -signal.SIGKILL
        assert child.tail == [f"line {number}" for number in range(100, 300)]


@pytest.mark.parametrize("flood", ["x" * 1000 + "\n", "x" * 1000], ids=["lines", "no line"])
def test_a_child_that_never_stops_writing_is_late(flood: str) -> None:
    """The deadline holds however much there is to read."""
    with child_of(f"while True: print({flood!r}, end='')") as child:
        until = time.monotonic() + LATE
        with pytest.raises(TimeoutError):
            list(iter(lambda: child.read_line(until), None))


def test_a_pipe_ends_with_its_child() -> None:
    """A grandchild that holds the pipe open does not delay the end, and is killed."""
    script = """
        import subprocess
        print(subprocess.Popen(["sleep", "60"]).pid, flush=True)
        """
    with child_of(script) as child:
        started = time.monotonic()
        (grandchild,) = lines_of(child)
        assert (child.wait(started + SOON), child.kill()) == (0, 0)
        assert time.monotonic() - started < SOON / 2
    assert has_ended(int(grandchild))


def test_messages_have_a_pipe_of_their_own(capfd: pytest.CaptureFixture[str]) -> None:
    """Then stdout and stderr are shown line by line, each with the stream it was written for."""
    reader, writer = os.pipe()
    script = f"""
        import os, sys
        print("out"); print("error", file=sys.stderr); os.write({writer}, b"message\\n")
        """
    shown = []
    with child_of(
        script, messages=reader, pass_fds=[writer], show=lambda line, to: shown.append((line, to))
    ) as child:
        os.close(writer)
        assert lines_of(child) == ["message"]
    os.close(reader)
    assert sorted(shown) == [("error\n", sys.stderr), ("out\n", sys.stdout)]
    assert capfd.readouterr() == ("", "")


def test_a_child_hears_no_signal_but_its_parents() -> None:
    """Its group is not the terminal's; it is asked to stop by SIGTERM, and takes its own time."""
    script = """
        import os, signal, sys, time
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
        print(os.getpgrp(), flush=True)
        time.sleep(60)
        """
    with child_of(script) as child:
        assert int(child.read_line(time.monotonic() + SOON) or 0) not in {0, os.getpgrp()}
        child.stop()
        assert child.kill() == 7


def test_a_command_that_is_not_there_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """FileNotFoundError; the guard that was started before it ends."""
    started = []

    class Noted(subprocess.Popen[str]):
        def __init__(self, *arguments: object, **options: object) -> None:
            started.append(self)
            super().__init__(*arguments, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(subprocess, "Popen", Noted)
    with pytest.raises(FileNotFoundError):
        ChildProcess(["/no/such/command"])
    assert [process.returncode for process in started] == [-signal.SIGKILL, 255]


# A supervisor, its child, and below that a plain process and another supervised one, both of which
# block every signal that can be blocked. Each prints the numbers of those below it.
FAMILY = """
import subprocess, sys, time
from kernelproof.plan.repository import ROOT
from kernelproof.run.child_process import ChildProcess
python = [sys.executable, "-S", "-c"]
block = "import signal, time; signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65)); "
stubborn = [*python, block + "print(1, flush=True); time.sleep(60)"]
if len(sys.argv) > 1:
    child = ChildProcess([*python, sys.argv[1]])
    print(child._process.pid, child.read_line(time.monotonic() + 30), flush=True)
else:
    plain, supervised = subprocess.Popen(stubborn, stdout=2), ChildProcess(stubborn)
    supervised.read_line(time.monotonic() + 30)
    print(plain.pid, supervised._process.pid, flush=True)
time.sleep(60)
"""


def test_none_outlives_a_supervisor_or_a_child_that_is_killed() -> None:
    """SIGKILL of either leaves no process that it started, in its group or supervised by it."""
    family = [sys.executable, "-S", "-c", FAMILY, FAMILY]
    with subprocess.Popen(family, cwd=ROOT, stdout=subprocess.PIPE, text=True) as supervisor:
        assert supervisor.stdout
        processes = [int(word) for word in supervisor.stdout.readline().split()]
        supervisor.kill()
    assert len(processes) == 3
    assert [process for process in processes if not has_ended(process)] == []
    with ChildProcess([sys.executable, "-S", "-c", FAMILY], cwd=ROOT) as child:
        processes = [int(word) for word in (child.read_line(time.monotonic() + SOON) or "").split()]
        child.kill()
        assert len(processes) == 2
        assert [process for process in processes if not has_ended(process)] == []
