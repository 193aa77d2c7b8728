"""A copy of the repository, to add to and to run the users' commands in."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kernelproof.plan.repository import ROOT, python_path

ADDED = Path(__file__).parent
# The tracked files that the sessions and pip need.
_PARTS = (
    "LICENSE",
    "README.md",
    "noxfile.py",
    "matrix.yaml",
    "pyproject.toml",
    "kernels",
    "pipeline",
    "tests/__init__.py",
    "tests/cells",
)
_TOY = """\
  {name}:
    dtypes:
      fp32: {{max_ulp: 0.5}}
      bf16: {{max_ulp: 0.5}}
    seconds_per_case: 20
    golden: false
    shapes:
      - axes: {{T: [0, 1, 40], N: [1, 33]}}
"""


def copy(original: Path, place: Path) -> None:
    """Copies a file or a folder with its times, so that what Python compiled there stays valid."""
    place.parent.mkdir(parents=True, exist_ok=True)
    if original.is_dir():
        shutil.copytree(original, place)
    else:
        shutil.copy2(original, place)


@dataclass(frozen=True, kw_only=True)
class Tree:
    """The copy at `root`; every command is a process of its own."""

    root: Path

    @classmethod
    def at(cls, root: Path) -> "Tree":
        """Returns a fresh copy at `root`."""
        for part in _PARTS:
            copy(ROOT / part, root / part)
        return cls(root=root)

    @classmethod
    def without_golden(cls, root: Path) -> "Tree":
        """Returns a fresh copy at `root`, whose matrix asks for no golden digests."""
        tree = cls.at(root)
        file = root / "matrix.yaml"
        file.write_text(file.read_text().replace("golden: true", "golden: false"))
        return tree

    def insert(self, file: str, *, after: str, text: str) -> None:
        """Writes `text` behind the only occurrence of `after`."""
        self.replace(file, after, after + text)

    def replace(self, file: str, old: str, new: str) -> None:
        """Replaces the only occurrence of `old` by `new`."""
        content = (self.root / file).read_text()
        assert content.count(old) == 1, f"{file}: {old!r} stands there {content.count(old)} times"
        (self.root / file).write_text(content.replace(old, new))

    def add_toy(self, name: str = "toy") -> None:
        """Adds the toy kernel under a name: a folder and a block."""
        copy(ADDED / "toy", self.root / "kernels" / name)
        self.insert("matrix.yaml", after="\nkernels:\n", text=_TOY.format(name=name))

    def python(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs ``python -m`` with these arguments in the copy, on a machine that shows no GPU."""
        variables = {"TRITON_INTERPRET": "1", "NOX_SCRIPT_MODE": "none", "NO_COLOR": "1"}
        variables |= {"CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": python_path(self.root)}
        environment = {**os.environ, **variables}
        environment.pop("FORCE_COLOR", None)
        command = [sys.executable, "-m", *arguments]
        return subprocess.run(
            command,
            cwd=self.root,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def cells(self, *arguments: str) -> None:
        """Runs cells of the cpu row, whose results `report` judges."""
        done = self.python("kernelproof.checks", *arguments, "--on", "cpu")
        assert done.returncode == 0, done.stdout + done.stderr

    def report(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Judges the results in the copy."""
        return self.python("kernelproof.report", *arguments)

    def cases(self) -> list[dict[str, Any]]:
        """Returns the cases of the last report."""
        cases: list[dict[str, Any]]
        cases = json.loads((self.root / "results" / "report.json").read_text())["cases"]
        return cases

    def verdicts(self) -> dict[str, str]:
        """Returns the verdicts of the last report, by case."""
        return {case["id"]: case["verdict"] for case in self.cases()}

    def sessions(self) -> dict[str, str]:
        """Returns the descriptions of the sessions that nox lists, by name."""
        done = self.python("nox", "-l")
        assert done.returncode == 0, done.stderr
        lines = [line[2:] for line in done.stdout.splitlines() if " -> " in line]
        return dict(line.split(" -> ", 1) for line in lines)
