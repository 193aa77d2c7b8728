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
from kernelproof.selftest.faults.fault_kinds import SECONDS_A_CASE

_PARTS = ("pipeline", "tests/__init__.py", "tests/cells", "pyproject.toml")
_SPEC = '"""The proof of the kernel that commits faults."""\n\nfrom kernelproof.selftest.faults.faulty_kernel import SPEC as SPEC\n'
# The first commits the fault, the second is the case after it.
TOKENS = (3, 2)


class ScratchError(UserError):
    """The copy did not even come to a report: its words."""

    exit = Exit.BLOCKED


@dataclass(frozen=True, kw_only=True)
class Done:
    """A command that has ended: its exit code and what it said."""

    code: int
    said: str


@dataclass(frozen=True, kw_only=True)
class Scratch:
    """The copy at `root`, for one row, whose cases are of these sizes of F and T."""

    root: Path
    row: str
    environment: dict[str, str] = field(default_factory=dict)

    @classmethod
    def at(
        cls, root: Path, row: str, faults: Sequence[int], tokens: Sequence[int] = TOKENS
    ) -> "Scratch":
        """A fresh copy."""
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
        (folder / "proof.py").write_text(_SPEC, encoding="utf-8")
        rows = yaml.safe_load((ROOT / "matrix.yaml").read_text(encoding="utf-8"))["rows"]
        kernel = {
            "dtypes": {"fp32": {"max_ulp": 0.5}},
            "seconds_per_case": SECONDS_A_CASE,
            "golden": False,
            "shapes": [{"axes": {"F": list(faults), "T": list(tokens)}}],
        }
        plan = {
            "dtypes": ["fp32"],
            "rows": {row: rows[row]},
            "kernels": {"faulty": kernel},
            "skips": [],
        }
        (root / "matrix.yaml").write_text(yaml.safe_dump(plan, sort_keys=False), encoding="utf-8")
        path = {"PYTHONPATH": python_path(root)}
        environment = {**os.environ, **path, **matrix.load().rows[row].environment}
        return cls(root=root, row=row, environment=environment)

    @property
    def results(self) -> Path:
        """The folder of its results."""
        return self.root / "results"

    def case(self, number: int, tokens: int) -> str:
        """The id of a case."""
        return f"faulty-{self.row}-fp32-F{number}-T{tokens}"

    def cells_command(self, *more: str) -> list[str]:
        """What runs the cells there."""
        return [sys.executable, "-m", "kernelproof.checks", "parity", "--on", self.row, *more]

    def cells(self, *more: str, before: Sequence[str] = (), **variables: str) -> Done:
        """The cells, run to their end, by a command that may have others `before` it."""
        return self._run([*before, *self.cells_command(*more)], variables)

    def start(self) -> subprocess.Popen[str]:
        """The cells, started, with everything they say on one pipe."""
        return subprocess.Popen(
            self.cells_command(),
            cwd=self.root,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )

    def _run(self, command: Sequence[str], variables: dict[str, str]) -> Done:
        done = subprocess.run(
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
        return Done(code=done.returncode, said=done.stdout)

    def judged(self) -> tuple[int, dict[str, dict[str, Any]]]:
        """The report's exit code, and its cases by id."""
        done = self._run([sys.executable, "-m", "kernelproof.report", "--row", self.row], {})
        try:
            content = json.loads((self.results / "report.json").read_text(encoding="utf-8"))
        except OSError:
            raise ScratchError(f"faults: the report wrote nothing: {done.said}") from None
        return done.code, {case["id"]: case for case in content["cases"]}

    def recorded(self) -> list[Path]:
        """The records that there are."""
        return sorted((self.results / "parity").glob("[!.]*.json"))
