"""`nox -s sanitize` with a stand-in for compute-sanitizer; the cpu row stands for an NVIDIA one.

The command runs in this process, its tools run in processes: the stand-in is one.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from kernelproof.errors import UsageError
from kernelproof.plan import cases, matrix
from kernelproof.selftest.sanitize import __main__ as command
from kernelproof.selftest.sanitize import planted_errors, sanitize_worker
from kernelproof.selftest.sanitize.tool_run import answers_in
from kernelproof.selftest.sanitize.tools import TOOLS
from tests.unit.run.process_end import has_ended
from tests.unit.selftest import compute_sanitizer
from tests.unit.selftest.compute_sanitizer import VERSION

NAMES = [case.id for case in cases.listed_cases(matrix.load(), cases.SANITIZE) if case.row == "cpu"]
COUNT = len(NAMES)
# Parts of the output, by what the stand-in does and the tools that run.
PROBLEMS = {
    ("finds", "memcheck", "racecheck"): [
        f"memcheck: {NAMES[1]} (_toy_kernel)\n",
        "  and 2 more like this\n",
        f"nox -s sanitize -- --tool memcheck --case {NAMES[1]}\n",
        "BLOCKED: 2 tools in ",
    ],
    ("sees nothing", "racecheck"): [
        f"racecheck: the tool saw nothing of a planted error: 0 of {COUNT + 1} were",
        "racecheck: exit code 0, expected 86",
        "BLOCKED: 1 tool in ",
    ],
    ("dies", "memcheck"): [
        f"memcheck   0 of {COUNT} cases, 0 launches",
        *(f"{name}: did not run to its end\n" for name in NAMES),
    ],
    ("hangs", "memcheck"): [f"memcheck: no end within 1 s: killed at 0 of {COUNT} cases\n"],
}
ON_CPU = """\
import sys
from kernelproof.selftest.sanitize import __main__ as command
command._BACKEND = "interpreter"
sys.exit(command.run_command(command.main))
"""


@pytest.fixture(autouse=True)
def _is_for_the_cpu_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the cpu row stand for an NVIDIA one."""
    monkeypatch.setattr(command, "_BACKEND", "interpreter")
    monkeypatch.setattr(signal, "signal", lambda *_: None)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts the stand-in on the path."""
    folder = tmp_path / "bin"
    folder.mkdir()
    text = Path(compute_sanitizer.__file__).read_text()
    executable = folder / "compute-sanitizer"
    executable.write_text(f"#!{sys.executable}\n{text}")
    executable.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def _sanitize(folder: Path, *arguments: str) -> int:
    return command.main(["--on", "cpu", "--results", str(folder), *arguments])


@pytest.mark.usefixtures("installed")
def test_a_whole_run_is_recorded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each tool that sees its planted errors prints one line, and its log and output are kept."""
    assert _sanitize(tmp_path) == 0
    lines = capsys.readouterr().out.splitlines()
    names = [tool.name for tool in TOOLS]
    assert [line.split()[0] for line in lines] == [*names, "GOOD:"]
    assert f" {COUNT} cases, {COUNT} launches, 0 errors, " in lines[0]
    assert lines[0].endswith("planted error found")
    kept = {file.name for file in (tmp_path / "sanitize").iterdir()}
    assert kept == {f"{name}.{ending}" for name in names for ending in ("log", "out")}
    record = json.loads((tmp_path / "sanitize.json").read_text())
    assert (record["row"], record["compute_sanitizer"]) == ("cpu", VERSION)
    assert [(tool["good"], tool["cases"]) for tool in record["tools"]] == [(True, NAMES)] * 4


@pytest.mark.usefixtures("installed")
def test_a_tool_with_a_problem_blocks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The output names problem and cases; a narrowed run leaves no record, and no process."""
    pid = tmp_path / "pid"
    monkeypatch.setenv("STAND_IN_PID", str(pid))
    for (mode, *tools), messages in PROBLEMS.items():
        monkeypatch.setenv("STAND_IN", mode)
        if mode == "hangs":
            monkeypatch.setattr(command, "seconds_per_tool", lambda *_: 1)
        assert _sanitize(tmp_path, *(f"--tool={tool}" for tool in tools)) == 1
        printed = capsys.readouterr().out
        assert [message for message in messages if message not in printed] == []
        assert not (tmp_path / "sanitize.json").exists()
        output = (tmp_path / "sanitize" / f"{tools[0]}.out").read_text()
        assert ("Aborted" in output) == (mode == "dies")
    assert has_ended(int(pid.read_text()))


@pytest.mark.usefixtures("installed")
def test_an_interrupt_leaves_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGTERM ends the command with 130, and its tool; the record of an older run is gone, too.

    In a process, to be ended.
    """
    pid, record = tmp_path / "pid", tmp_path / "sanitize.json"
    record.touch()
    monkeypatch.setenv("STAND_IN", "hangs")
    monkeypatch.setenv("STAND_IN_PID", str(pid))
    words = [sys.executable, "-c", ON_CPU, "--on", "cpu", "--results", str(tmp_path)]
    with subprocess.Popen(words) as process:
        deadline = time.monotonic() + 30
        while not (pid.exists() and pid.read_text()) and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 130
    assert has_ended(int(pid.read_text()))
    assert not record.exists()


def test_the_time_limit_is_that_of_the_kernels() -> None:
    """A tool has the seconds that matrix.yaml gives each kernel of its cases."""
    plan = matrix.load()
    chosen = [case for case in cases.listed_cases(plan, cases.SANITIZE) if case.row == "cpu"]
    block = plan.kernels["gemma4_routing"].sanitize
    assert block
    assert command.seconds_per_tool(plan, chosen) == block.seconds_per_tool
    assert command.seconds_per_tool(plan, []) == 0


def test_the_worker_plants_an_error_before_and_after_each_case(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker answers for each case in order, with an error of its tool around each."""
    file, planted = tmp_path / "answers", list[tuple[str, int]]()

    def plant(tool: str, _: torch.device) -> None:
        planted.append((tool, len(list(answers_in(file)))))

    monkeypatch.setattr(sanitize_worker, "plant", plant)
    names = sorted(NAMES, key=lambda name: int(name.rpartition("-T")[2]))[:2]
    assert sanitize_worker.main(["cpu", "initcheck", str(file), *names]) == 0
    answers = list(answers_in(file))
    assert [(answer.case, answer.outcome) for answer in answers] == [(n, "pass") for n in names]
    assert planted == [("initcheck", 0), ("initcheck", 1), ("initcheck", 2)]
    planted_errors.plant("initcheck", torch.device("cpu"))  # launches nothing in the interpreter


def test_a_row_that_lacks_the_tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The planned cases do not run, which is red."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(command.NotInstalledError) as error:
        _sanitize(tmp_path)
    assert error.value.exit == 1
    assert str(error.value).startswith("not installed: found no compute-sanitizer on the path")


def test_a_row_that_it_is_not_for(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row without an NVIDIA GPU gets an empty sanitizer plan, and one line says why."""
    monkeypatch.undo()
    for row in ("cpu", "mi300x"):
        assert command.main(["--on", row]) == 0
        line = f"not installed: compute-sanitizer is for NVIDIA GPUs, and row {row} has none\n"
        assert capsys.readouterr().out == line


def test_unknown_names_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The message says what was meant."""
    for option, name, message in (
        ("--case", "gemma4_routing-cpu-fp32-E8-K8-T6", "expected a case of matrix.yaml"),
        ("--kernel", "gemma4_rooting", "did you mean 'gemma4_routing'?"),
        ("--on", "h20", "--on: found 'h20', expected one of cpu, "),
    ):
        with pytest.raises(UsageError, match=re.escape(message)):
            _sanitize(tmp_path, option, name)
    with pytest.raises(SystemExit, match="2"):
        _sanitize(tmp_path, "--tool", "memchek")
    assert "invalid choice: 'memchek'" in capsys.readouterr().err
