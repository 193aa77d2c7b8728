"""`nox -s sanitize` as a user runs it, in a copy of the repository, with a tool that is made up."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kernelproof.selftest.sanitize.__main__ import main
from tests.unit.extending.tree import Tree
from tests.unit.run.process_end import has_ended
from tests.unit.selftest import compute_sanitizer
from tests.unit.selftest.compute_sanitizer import VERSION

BLOCK = """\
    sanitize:
      seconds_per_tool: 60
      shapes:
        - axes: {T: [5, 40], N: 33}
          dtypes: [fp32]
"""
NAMES = ["toy-cpu-fp32-N33-T5", "toy-cpu-fp32-N33-T40"]
TOY = ["--kernel", "toy"]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """A copy with the toy kernel, in which the cpu row stands for an NVIDIA one."""
    tree = Tree.at(tmp_path_factory.mktemp("tree"))
    tree.add_toy()
    tree.insert("matrix.yaml", after="T: [0, 1, 40], N: [1, 33]}\n", text=BLOCK)
    main = "pipeline/kernelproof/selftest/sanitize/__main__.py"
    tree.replace(main, '_CHECKED = "cuda"', '_CHECKED = "interpreter"')
    return tree


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stand-in on the path."""
    folder = tmp_path / "bin"
    folder.mkdir()
    text = Path(compute_sanitizer.__file__).read_text()
    executable = folder / "compute-sanitizer"
    executable.write_text(f"#!{sys.executable}\n{text}")
    executable.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def _sanitize(tree: Tree, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return tree.python(
        "kernelproof.selftest.sanitize", "--on", "cpu", "--results", str(folder), *arguments
    )


@pytest.mark.usefixtures("installed")
def test_tools_that_see_their_faults(tree: Tree, tmp_path: Path) -> None:
    """A line for each; the logs are kept."""
    done = _sanitize(tree, tmp_path, *TOY)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == [
        "memcheck",
        "racecheck",
        "initcheck",
        "synccheck",
        "GOOD:",
    ]
    # Of 5 rows as many draws as there are distributions; every second row and each form, once.
    assert " 2 cases, " in lines[0]
    assert lines[0].endswith("planted fault found")
    names = {file.name for file in (tmp_path / "sanitize").iterdir()}
    assert {"memcheck.log", "memcheck.out", "synccheck.log"} <= names
    assert not (tmp_path / "sanitize.json").exists()  # the run was narrowed to one kernel


@pytest.mark.usefixtures("installed")
def test_whole_run_is_recorded(tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the version of what has checked it; an error blocks, with its case and its command."""
    matrix = (tree.root / "matrix.yaml").read_text()
    sizes = "        - axes: {E: 128, K: 8, T: 33}\n    # What is timed: Gemma 4"
    before, _, after = matrix.partition("        - axes: {E: 128, K: 8, T: [31, 1025, 4099]}\n")
    _, _, after = after.partition("    # What is timed: Gemma 4")
    (tree.root / "matrix.yaml").write_text(before + sizes + after)
    monkeypatch.setenv("STAND_IN", "finds")
    try:
        done = _sanitize(tree, tmp_path)
    finally:
        (tree.root / "matrix.yaml").write_text(matrix)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "memcheck: toy-cpu-fp32-N33-T40 (_toy_kernel)\n" in done.stdout
    assert "nox -s sanitize -- --tool memcheck --case toy-cpu-fp32-N33-T40\n" in done.stdout
    assert "BLOCKED: 4 tools in " in done.stdout
    whole = json.loads((tmp_path / "sanitize.json").read_text())
    assert (whole["row"], whole["compute_sanitizer"]) == ("cpu", VERSION)
    assert [tool["good"] for tool in whole["tools"]] == [False, True, True, True]
    assert [one["case"] for one in whole["tools"][0]["findings"]] == [NAMES[1]] * 3
    assert len(whole["tools"][0]["cases"]) == 5


@pytest.mark.usefixtures("installed")
def test_a_tool_that_sees_nothing(
    tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Is red, though all that it ran has passed."""
    monkeypatch.setenv("STAND_IN", "sees nothing")
    done = _sanitize(tree, tmp_path, *TOY, "--tool", "racecheck")
    assert done.returncode == 1
    assert "racecheck: the tool saw nothing of a planted fault: 0 of 3 were found\n" in done.stdout
    assert "racecheck: exit code 0, expected 86" in done.stdout


@pytest.mark.usefixtures("installed")
def test_a_kernel_that_dies(tree: Tree, tmp_path: Path) -> None:
    """Its case did not run to its end; what the process said is kept."""
    old = "num_tokens, num_values = values.shape"
    tree.replace("kernels/toy/kernel.py", old, f"{old}; import os; os.abort()")
    try:
        done = _sanitize(tree, tmp_path, *TOY, "--tool", "memcheck")
    finally:
        tree.replace("kernels/toy/kernel.py", f"{old}; import os; os.abort()", old)
    assert done.returncode == 1
    assert "memcheck   0 of 2 cases, 0 launches" in done.stdout
    for name in NAMES:
        assert f"memcheck: {name}: did not run to its end\n" in done.stdout


@pytest.mark.usefixtures("installed")
def test_a_tool_that_hangs(tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is killed when its time is over, with all that it has started."""
    pid = tmp_path / "pid"
    monkeypatch.setenv("STAND_IN", "hangs")
    monkeypatch.setenv("STAND_IN_PID", str(pid))
    tree.replace("matrix.yaml", "seconds_per_tool: 60", "seconds_per_tool: 2")
    try:
        done = _sanitize(tree, tmp_path, *TOY, "--tool", "memcheck")
    finally:
        tree.replace("matrix.yaml", "seconds_per_tool: 2\n", "seconds_per_tool: 60\n")
    assert done.returncode == 1
    assert "memcheck: no end within 2 s: killed at 0 of 2 cases\n" in done.stdout
    assert has_ended(int(pid.read_text()))


@pytest.mark.usefixtures("installed")
def test_an_interrupt_leaves_no_process(
    tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever sends it."""
    pid = tmp_path / "pid"
    monkeypatch.setenv("STAND_IN", "hangs")
    monkeypatch.setenv("STAND_IN_PID", str(pid))
    command = [sys.executable, "-m", "kernelproof.selftest.sanitize", "--on", "cpu", *TOY]
    with subprocess.Popen([*command, "--results", str(tmp_path)], cwd=tree.root) as run:
        for _ in range(300):
            time.sleep(0.1)
            if pid.exists() and pid.read_text():
                break
        run.send_signal(signal.SIGTERM)
        assert run.wait(timeout=20) == 130
    assert has_ended(int(pid.read_text()))


def test_a_row_that_lacks_the_tool(
    tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Does not run what is planned for it: red, and said in one line."""
    monkeypatch.setenv("PATH", str(tmp_path))
    done = _sanitize(tree, tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("not installed: found no compute-sanitizer on the path, expected")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("row", ["cpu", "mi300x"])
def test_a_row_that_it_is_not_for(capsys: pytest.CaptureFixture[str], row: str) -> None:
    """Nothing is planned there, which is said."""
    assert main(["--on", row]) == 0
    said = f"not installed: compute-sanitizer is for NVIDIA GPUs, and row {row} has none\n"
    assert capsys.readouterr().out == said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--case", "toy-cpu-fp32-N33-T6"], "expected a case of matrix.yaml"),
        (["--kernel", "toi"], "did you mean 'toy'?"),
        (["--tool", "memchek"], "invalid choice: 'memchek'"),
    ],
)
def test_unknown_names_are_told(
    tree: Tree, tmp_path: Path, arguments: list[str], said: str
) -> None:
    """With what was meant."""
    done = _sanitize(tree, tmp_path, *arguments)
    assert (done.returncode, said in done.stderr) == (2, True), done.stderr
