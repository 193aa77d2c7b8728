"""A copy of the repository whose only kernel is the faulty one, and the commands that run there."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from kernelproof.errors import Exit, UserError
from kernelproof.plan import matrix
from kernelproof.plan.repository import ROOT, python_path

_PARTS = ("pipeline", "tests/__init__.py", "tests/cells", "pyproject.toml")
_PROOF = '''\
"""The proof of the kernel that commits faults."""

from kernelproof.selftest.faults.faulty_kernel import SPEC as SPEC
'''
_SECONDS_PER_CASE = 8
# Numbers of tokens: a case of the first one commits its fault, the second one is the case after it.
TOKENS = (3, 2)


class ScratchError(UserError):
    """A scratch copy whose report wrote nothing."""

    exit = Exit.BLOCKED


@dataclass(frozen=True, kw_only=True)
class EndedCommand:
    """A command that has ended: its exit code and what it printed."""

    code: int
    printed: str


@dataclass(frozen=True, kw_only=True)
class ScratchCopy:
    """A copy of the repository at `root`, with one row and one kernel.

    `environment` is that of its commands.
    """

    root: Path
    row: str
    environment: dict[str, str] = field(default_factory=dict)

    @classmethod
    def at(
        cls, root: Path, row: str, faults: Sequence[int], tokens: Sequence[int] = TOKENS
    ) -> "ScratchCopy":
        """Makes a copy whose cases have these sizes of the axes F and T."""
        ignored = shutil.ignore_patterns("__pycache__", "baselines")
        for part in _PARTS:
            (root / part).parent.mkdir(parents=True, exist_ok=True)
            if (ROOT / part).is_dir():
                shutil.copytree(ROOT / part, root / part, ignore=ignored)
            else:
                shutil.copy(ROOT / part, root / part)
        folder = root / "kernels" / "faulty"
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text('"""The kernel that commits faults."""\n')
        (folder / "proof.py").write_text(_PROOF, encoding="utf-8")
        plan = _plan(row, faults, tokens)
        (root / "matrix.yaml").write_text(yaml.safe_dump(plan, sort_keys=False), encoding="utf-8")
        path = {"PYTHONPATH": python_path(root)}
        environment = {**os.environ, **path, **matrix.load().rows[row].environment}
        return cls(root=root, row=row, environment=environment)

    @property
    def results(self) -> Path:
        """The folder of the results."""
        return self.root / "results"

    def case_id(self, fault: int, tokens: int) -> str:
        """Returns the id of a case."""
        return f"faulty-{self.row}-fp32-F{fault}-T{tokens}"

    def run_cells(self, *options: str, under: Sequence[str] = (), **variables: str) -> EndedCommand:
        """Runs the cells to their end, as the last words of the command `under` if it is given."""
        return self._run([*under, *self._cells_command(*options)], variables)

    def start_cells(self) -> subprocess.Popen[str]:
        """Starts the cells, with everything that they print on one pipe."""
        return subprocess.Popen(
            self._cells_command(),
            cwd=self.root,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )

    def run_report(self) -> tuple[int, dict[str, dict[str, Any]]]:
        """Judges the results; returns the report's exit code and its cases by id."""
        command = [sys.executable, "-m", "kernelproof.report", "--row", self.row]
        ended = self._run(command, {})
        try:
            content = json.loads((self.results / "report.json").read_text(encoding="utf-8"))
        except OSError:
            raise ScratchError(f"faults: the report wrote nothing: {ended.printed}") from None
        return ended.code, {case["id"]: case for case in content["cases"]}

    def records(self) -> list[Path]:
        """Returns the files of the records that there are."""
        return sorted((self.results / "parity").glob("[!.]*.json"))

    def _cells_command(self, *options: str) -> list[str]:
        return [sys.executable, "-m", "kernelproof.checks", "parity", "--on", self.row, *options]

    def _run(self, command: Sequence[str], variables: dict[str, str]) -> EndedCommand:
        ended = subprocess.run(
            command,
            cwd=self.root,
            env=self.environment | variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
        return EndedCommand(code=ended.returncode, printed=ended.stdout)


def _plan(row: str, faults: Sequence[int], tokens: Sequence[int]) -> dict[str, Any]:
    """Returns the content of the copy's matrix.yaml."""
    rows = yaml.safe_load((ROOT / "matrix.yaml").read_text(encoding="utf-8"))["rows"]
    kernel = {
        "dtypes": {"fp32": {"max_ulp": 0.5}},
        "seconds_per_case": _SECONDS_PER_CASE,
        "golden": False,
        "shapes": [{"axes": {"F": list(faults), "T": list(tokens)}}],
    }
    return {
        "dtypes": ["fp32"],
        "rows": {row: rows[row]},
        "kernels": {"faulty": kernel},
        "skips": [],
    }
