"""Toolchains: one environment each, made once, and anew where what it is made of changed."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kernelproof.errors import UsageError, run_command
from kernelproof.machine import toolchain
from kernelproof.machine.toolchain import ToolchainError, python_of
from kernelproof.plan import matrix


class Machine:
    """A tree of its own, where the commands that would install are written down instead."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.environment = root / ".nox" / "toolchain-toy"
        self.commands: list[list[str]] = []
        self.codes = [0, 0]
        self.requirements = root.joinpath(
            *["pipeline", "kernelproof", "machine", "toolchains", "toy.txt"]
        )
        self.requirements.parent.mkdir(parents=True)
        self.requirements.write_text("numpy==2.4.6\n")

    def run(self, command: list[str], **settings: Any) -> subprocess.CompletedProcess[str]:
        """Does what the command would have done to the folder, and nothing else."""
        assert settings == {"stdout": sys.stderr, "check": False}
        self.commands.append(command)
        if "virtualenv" in command:
            (self.environment / "bin").mkdir(parents=True)
            (self.environment / "bin" / "python").touch()
        return subprocess.CompletedProcess(command, self.codes[len(self.commands) % 2 - 1])


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A machine on which nothing is installed yet."""
    machine = Machine(tmp_path)
    monkeypatch.setattr(toolchain, "ROOT", tmp_path)
    monkeypatch.setattr(toolchain, "REQUIREMENTS", machine.requirements.parent)
    monkeypatch.setattr(subprocess, "run", machine.run)
    return machine


def test_an_unknown_name_is_told(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, one line with the likely name, nothing installed."""
    assert run_command(lambda: toolchain.main(["tyo"])) == 2
    printed = capsys.readouterr()
    wanted = "toolchain: found 'tyo', expected one of toy; did you mean 'toy'?\n"
    assert (printed.out, printed.err) == ("", wanted)
    assert machine.commands == []


def test_the_project_names_its_own() -> None:
    """A message of the real tree lists every toolchain of matrix.yaml."""
    with pytest.raises(UsageError, match="did you mean 'cuda'") as caught:
        python_of("cud")
    assert all(row.toolchain in str(caught.value) for row in matrix.load().rows.values())


def test_the_first_use_installs(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    """An environment by virtualenv, filled by its own pip; stdout has its Python alone."""
    assert toolchain.main(["toy"]) == 0
    python = str(machine.environment / "bin" / "python")
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    assert machine.commands == [
        [sys.executable, "-m", "virtualenv", "--quiet", str(machine.environment)],
        [*pip, "-r", str(machine.requirements)],
    ]
    said = "installing pipeline/kernelproof/machine/toolchains/toy.txt (once; minutes where torch is in it)\n"
    assert capsys.readouterr() == (f"{python}\n", said)


def test_the_second_use_does_not(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    """It finds the stamp, and says nothing."""
    first = python_of("toy")
    capsys.readouterr()
    assert python_of("toy") == first
    assert len(machine.commands) == 2
    assert capsys.readouterr().err == ""


def test_changed_requirements_install_anew(machine: Machine) -> None:
    """Into an empty folder: what the old ones brought is gone."""
    python_of("toy")
    (machine.environment / "stale").touch()
    machine.requirements.write_text("numpy==2.4.7\n")
    python_of("toy")
    assert len(machine.commands) == 4
    assert not (machine.environment / "stale").exists()


def test_another_python_installs_anew(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that runs nox is the one that the environment is made of."""
    python_of("toy")
    monkeypatch.setattr(sys, "version", "3.99.0")
    python_of("toy")
    assert len(machine.commands) == 4


def test_a_python_that_is_gone_is_installed_anew(machine: Machine) -> None:
    """A stamp beside a broken link proves nothing: the Python it links to was removed."""
    python = python_of("toy")
    python.unlink()
    assert python_of("toy").exists()
    assert len(machine.commands) == 4


@pytest.mark.parametrize("codes", [[1, 0], [0, 1]], ids=["virtualenv", "pip"])
def test_a_failed_installation_is_told_and_tried_again(machine: Machine, codes: list[int]) -> None:
    """It leaves no stamp, not even the one of an older success."""
    python_of("toy")
    machine.requirements.write_text("numpy==9\n")
    machine.commands.clear()
    machine.codes = codes
    with pytest.raises(ToolchainError) as caught:
        python_of("toy")
    said = "could not be installed; pip's message is above, mend it, run again"
    assert str(caught.value) == f"pipeline/kernelproof/machine/toolchains/toy.txt: {said}"
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
    below = machine.environment / "lib" / "site-packages"
    own = machine.root / "own" / "site-packages"
    own.mkdir(parents=True)
    folders = {"toolchain-toy": f"{below}\n", "toolchain-overlay": f"{own}\n{below}\n"}

    def packages(python: Path) -> str:
        return folders[python.parents[1].name]

    def run(command: list[str], **settings: Any) -> subprocess.CompletedProcess[str]:
        machine.environment = machine.root / ".nox" / f"toolchain-{names[len(machine.commands)]}"
        return machine.run(command, **settings)

    names = ["toy", "toy", "overlay", "overlay"]
    monkeypatch.setattr(toolchain, "_packages", packages)
    monkeypatch.setattr(subprocess, "run", run)
    python = python_of("overlay")
    assert python == machine.root / ".nox" / "toolchain-overlay" / "bin" / "python"
    assert [command[-2:] for command in machine.commands[1::2]] == [
        ["-r", str(machine.requirements)],
        ["-r", str(overlay)],
    ]
    assert ["--no-deps" in command for command in machine.commands] == [False, False, False, True]
    assert (own / "below.pth").read_text() == f"{below}\n"
    assert python_of("overlay") == python
    assert len(machine.commands) == 4


def test_the_packages_of_a_python_are_found() -> None:
    """The folders that this very one imports from."""
    packages = toolchain._packages(Path(sys.executable)).splitlines()  # noqa: SLF001
    assert any((Path(folder) / "pytest").is_dir() for folder in packages)
    assert set(packages) <= set(sys.path)


def test_an_interrupted_installation_is_tried_again(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half an environment has no stamp."""

    def interrupt(command: list[str], **settings: Any) -> subprocess.CompletedProcess[str]:
        machine.run(command, **settings)
        if "pip" in command:
            raise KeyboardInterrupt
        return subprocess.CompletedProcess(command, 0)

    with monkeypatch.context() as broken:
        broken.setattr(subprocess, "run", interrupt)
        with pytest.raises(KeyboardInterrupt):
            python_of("toy")
    python_of("toy")
    assert len(machine.commands) == 4
