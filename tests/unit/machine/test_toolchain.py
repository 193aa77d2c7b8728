"""Toolchains: one environment each, made once, and anew if it is made of something else."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kernelproof.errors import UsageError, run_command
from kernelproof.machine import toolchain
from kernelproof.machine.toolchain import ToolchainError, python_of
from kernelproof.plan import matrix, repository


class Machine:
    """A tree of its own, where the commands that would install are written down instead."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.commands: list[list[str]] = []
        self.codes: list[int | type[BaseException]] = [0, 0]
        self.requirements = root / "pipeline" / "toolchains" / "toy.txt"
        self.requirements.parent.mkdir(parents=True)
        self.requirements.write_text("numpy==2.4.6\n")

    def environment(self, name: str = "toy") -> Path:
        """Returns the folder of an environment."""
        return self.root / ".nox" / f"toolchain-{name}"

    def packages(self, name: str = "toy") -> Path:
        """Returns the folder of an environment's packages."""
        return self.environment(name) / "lib" / "python3.11" / "site-packages"

    def run(self, command: list[str], **settings: Any) -> subprocess.CompletedProcess[str]:
        """Does what the command would have done to the folder, and nothing else."""
        assert settings == {"stdout": sys.stderr, "check": False}
        self.commands.append(command)
        if "virtualenv" in command:
            name = Path(command[-1]).name.removeprefix("toolchain-")
            self.packages(name).mkdir(parents=True)
            (self.environment(name) / "bin").mkdir()
            (self.environment(name) / "bin" / "python").touch()
        code = self.codes[len(self.commands) % 2 - 1]
        if not isinstance(code, int):
            raise code
        return subprocess.CompletedProcess(command, code)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A machine on which nothing is installed yet."""
    machine = Machine(tmp_path)
    for module in (toolchain, repository):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(toolchain, "REQUIREMENTS", machine.requirements.parent)
    monkeypatch.setattr(subprocess, "run", machine.run)
    return machine


def test_the_project_names_its_own() -> None:
    """A message of the real tree lists every toolchain of matrix.yaml."""
    with pytest.raises(UsageError, match="did you mean 'cuda'") as caught:
        python_of("cud")
    assert all(row.toolchain in str(caught.value) for row in matrix.load().rows.values())


def test_an_unknown_name_is_told(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, one line with the likely name, nothing installed."""
    assert run_command(lambda: toolchain.main(["tyo"])) == 2
    printed = capsys.readouterr()
    message = "toolchain: found 'tyo', expected one of toy; did you mean 'toy'?\n"
    assert (printed.out, printed.err) == ("", message)
    assert machine.commands == []


def test_only_the_first_use_installs(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    """An environment by virtualenv, filled by its own pip; stdout has its Python alone."""
    python = str(machine.environment() / "bin" / "python")
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    commands = [
        [sys.executable, "-m", "virtualenv", "--quiet", str(machine.environment())],
        [*pip, "-r", str(machine.requirements)],
    ]
    assert toolchain.main(["toy"]) == 0
    assert machine.commands == commands
    said = "installing pipeline/toolchains/toy.txt (once; minutes if torch is in it)\n"
    assert capsys.readouterr() == (f"{python}\n", said)
    assert toolchain.main(["toy"]) == 0
    assert machine.commands == commands
    assert capsys.readouterr() == (f"{python}\n", "")
    # Its Python finds the sources, in an environment of before that line, too.
    (file,) = machine.packages().glob("*.pth")
    assert file.read_text().splitlines() == [str(machine.root / n) for n in ("pipeline", "kernels")]
    file.unlink()
    python_of("toy")
    assert (file.exists(), len(machine.commands)) == (True, 2)


Change = Callable[[Machine, pytest.MonkeyPatch], object]
ANEW: dict[str, Change] = {
    "other requirements": lambda machine, _: machine.requirements.write_text("numpy==2.4.7\n"),
    "another Python": lambda _, monkeypatch: monkeypatch.setattr(sys, "version", "3.99.0"),
    # A stamp beside a broken link proves nothing: the Python it links to was removed.
    "no Python": lambda machine, _: (machine.environment() / "bin" / "python").unlink(),
    "no stamp": lambda machine, _: (machine.environment() / "installed.sha256").unlink(),
}


@pytest.mark.parametrize("change", ANEW.values(), ids=ANEW)
def test_an_environment_of_other_parts_is_made_anew(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, change: Change
) -> None:
    """In an empty folder, without a file of the old packages."""
    python_of("toy")
    stale = machine.environment() / "stale"
    stale.touch()
    change(machine, monkeypatch)
    assert (python_of("toy").exists(), stale.exists(), len(machine.commands)) == (True, False, 4)


@pytest.mark.parametrize("codes", [[1, 0], [0, 1], [0, KeyboardInterrupt]])
def test_a_failed_installation_is_told_and_tried_again(
    machine: Machine, codes: list[int | type[BaseException]]
) -> None:
    """Half an environment has no stamp, not even the one of an older success."""
    python_of("toy")
    machine.requirements.write_text("numpy==2.4.7\n")
    machine.codes = codes
    with pytest.raises((ToolchainError, KeyboardInterrupt)) as caught:
        python_of("toy")
    if isinstance(caught.value, ToolchainError):
        problem = "could not be installed; pip's message is above, mend it, run again"
        assert str(caught.value) == f"pipeline/toolchains/toy.txt: {problem}"
        assert caught.value.exit == 1
    machine.commands.clear()
    machine.codes = [0, 0]
    python_of("toy")
    assert len(machine.commands) == 2


def test_an_overlay_stands_in_front_of_what_it_names(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its packages come alone, and the environment below is installed first; both only once."""
    overlay = machine.requirements.with_name("overlay.txt")
    overlay.write_text("# over: toy\ntriton==3.6.0\n")
    below = f"{machine.packages()}\n"
    monkeypatch.setattr(toolchain, "_packages", {machine.environment() / "bin/python": below}.get)
    python = python_of("overlay")
    assert python == machine.environment("overlay") / "bin" / "python"
    assert [command[-2:] for command in machine.commands[1::2]] == [
        ["-r", str(machine.requirements)],
        ["-r", str(overlay)],
    ]
    assert ["--no-deps" in command for command in machine.commands] == [False, False, False, True]
    assert (machine.packages("overlay") / "below.pth").read_text() == below
    assert not (machine.packages() / "below.pth").exists()
    assert python_of("overlay") == python
    assert len(machine.commands) == 4
    monkeypatch.setattr(toolchain, "_packages", lambda _: "/elsewhere\n")
    python_of("overlay")
    assert len(machine.commands) == 6


def test_the_packages_of_a_python_are_found() -> None:
    """The folders that this very one imports from."""
    packages = toolchain._packages(Path(sys.executable)).splitlines()  # noqa: SLF001
    assert any((Path(folder) / "pytest").is_dir() for folder in packages)
    assert set(packages) <= set(sys.path)
