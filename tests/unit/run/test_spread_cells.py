"""The cells spread over GPUs: real processes on a host that takes itself for one with two."""

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from kernelproof.plan import cases, matrix
from kernelproof.plan.cases import Planned, Selection
from kernelproof.plan.repository import ROOT
from kernelproof.plan.schema import Check
from kernelproof.records import record_files
from kernelproof.records.timing import KERNEL
from tests.unit.extending.tree import Tree

SMALL = [f"gemma4_routing-cpu-{dtype}-E8-K8-T130" for dtype in ("fp32", "fp16", "bf16")]
# The cells on a machine that takes itself for one with two GPUs, whatever its row.
PAIR = """\
import sys
from kernelproof.errors import run_command
from kernelproof.machine.gpus import Gpu
from kernelproof.checks import __main__ as cells

cells.gpus_of = lambda row: tuple(
    Gpu(number=number, variable="CUDA_VISIBLE_DEVICES", value=f"pretended {number}")
    for number in (0, 1)
)
sys.exit(run_command(cells.main))
"""
TIMED = [f"gemma4_routing-h200-bf16-E128-K8-T{tokens}" for tokens in (1, 128, 2048)]
# Its shares, where they time: made-up processes on a made-up GPU, and what the judge is told.
TIMING = """\
import sys
import torch
from kernelproof.errors import run_command
from kernelproof.checks import worker as cells
from kernelproof.checks.perf import ask
from kernelproof.checks.perf import row_timing as row
from kernelproof.measure import torch_device as machine
from kernelproof.records import time_baseline as baseline
from tests.unit.checks.perf.fake_processes import FakeReplicates, near

machine.device_of = lambda *_: torch.device("cuda", 0)
share = sys.argv[sys.argv.index("--share") + 1]
machine.uuid_of = lambda _: "made up " + share.replace("/", " of ")
machine.fingerprint = lambda row: {"device": {"name": row.device}}
baseline.load = lambda *_: None
row.Replicates = FakeReplicates(us=lambda case, n: near(2.0, n, 0.5))
time_row = ask.time_row
def timed(plan, found, told, pace, comparisons):
    told(f"{len(plan)} of {comparisons}")
    return time_row(plan, found, told, pace, comparisons)
ask.time_row = timed
sys.exit(run_command(cells.main))
"""


def _python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def _cells(tree: Tree, code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*_python(code), *arguments],
        cwd=tree.root,
        env={**os.environ, "TRITON_INTERPRET": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def _named(ids: Sequence[str], folder: Path) -> list[str]:
    return ["--results", str(folder), *(f"--case={name}" for name in ids)]


def _plan(ids: Sequence[str], check: Check = Check.PARITY) -> tuple[Planned, ...]:
    return cases.plan(matrix.load(), Selection(case=tuple(ids)), [check])


def _seen(folder: Path) -> Counter[str]:
    """How many records there are of each pretended GPU."""
    records = [record_files.read(folder, planned) for planned in _plan(SMALL)]
    assert all(record and record.outcome == "pass" for record in records)
    seen = (record.machine["environment"]["CUDA_VISIBLE_DEVICES"] for record in records if record)
    return Counter(seen)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """A copy of the repository, in which nobody edits a file meanwhile."""
    return Tree.without_golden(tmp_path_factory.mktemp("tree"))


@pytest.fixture(scope="module")
def whole(tree: Tree, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The results of a spread run of parity, and what it said."""
    folder = tmp_path_factory.mktemp("whole")
    done = _cells(tree, PAIR, *_parity(folder))
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, done.stdout


@pytest.fixture
def folder(whole: tuple[Path, str], tmp_path: Path) -> Path:
    """A copy of those results, to run again in."""
    return Path(shutil.copytree(whole[0], tmp_path / "results"))


def _parity(folder: Path) -> list[str]:
    return ["parity", "--on", "cpu", *_named(SMALL, folder)]


def test_the_cells_of_a_row_are_spread(whole: tuple[Path, str]) -> None:
    """Every case has its record, from one process or the other; what they say says which."""
    folder, said = whole
    assert _seen(folder) == {"pretended 0": 2, "pretended 1": 1}
    first, *lines = said.splitlines()
    assert first == "3 cases on 2 GPUs: 0, 1"
    assert all(line.startswith("GPU ") and len(line) > len("GPU 0: ") for line in lines)
    assert {line.partition(" in ")[0] for line in lines} >= {
        "GPU 0: cpu-bf16: 1 pass",
        "GPU 0: cpu-fp32: 1 pass",
        "GPU 1: cpu-fp16: 1 pass",
    }


def test_resuming_runs_what_is_missing_of_each_share(tree: Tree, folder: Path) -> None:
    """A case is of the same share whatever is left to run."""
    kept, gone, _ = _plan(SMALL)
    before = record_files.path_of(folder, kept).stat().st_mtime_ns
    record_files.discard(folder, [gone])
    done = _cells(tree, PAIR, *_parity(folder), "--resume")
    assert done.returncode == 0, done.stdout + done.stderr
    assert _seen(folder) == {"pretended 0": 2, "pretended 1": 1}
    assert record_files.path_of(folder, kept).stat().st_mtime_ns == before
    assert done.stdout.splitlines()[0] == "1 cases on 2 GPUs: 0, 1"


def test_resuming_starts_nothing_where_nothing_is_missing(tree: Tree, folder: Path) -> None:
    """And says nothing."""
    done = _cells(tree, PAIR, *_parity(folder), "--resume")
    assert (done.returncode, done.stdout) == (0, "")


def test_gpus_limits_it(tree: Tree, tmp_path: Path) -> None:
    """To the first ones."""
    done = _cells(tree, PAIR, *_parity(tmp_path), "--gpus", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert _seen(tmp_path) == {"pretended 0": 3}


@pytest.fixture(scope="module")
def timed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The results of a spread run of perf, and what it said."""
    folder = tmp_path_factory.mktemp("results")
    shares = folder / "timing.py"
    shares.write_text(TIMING)
    code = PAIR.replace(
        "sys.exit(",
        "supervised = cells.Supervised\n"
        "cells.Supervised = lambda **named: supervised("
        f"**named | {{'worker': ({str(shares)!r},)}})\n"
        "cells.require_visible = lambda *_: None\n"
        "sys.exit(",
    )
    done = subprocess.run(
        [*_python(code), "perf", "--on", "h200", *_named(TIMED, folder / "results")],
        cwd=ROOT,
        env={**os.environ, "TRITON_INTERPRET": "0"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "results", done.stdout


def test_perf_is_judged_by_all_cases_of_the_row(timed: tuple[Path, str]) -> None:
    """Each share knows how many there are: the report will judge it among as many."""
    _, said = timed
    assert {"GPU 0: 2 of 3", "GPU 1: 1 of 3"} <= set(said.splitlines())


def test_samples_are_one_file(timed: tuple[Path, str]) -> None:
    """With every case once, those of its record; nothing is left of the shares' own."""
    folder, said = timed
    file = folder / "perf" / "h200.benchmark.json"
    content = json.loads(file.read_bytes())
    assert content.keys() >= {"machine_info", "commit_info", "benchmarks", "datetime", "version"}
    extra = {one["extra_info"]["case"]: one["extra_info"] for one in content["benchmarks"]}
    assert len(content["benchmarks"]) == len(extra) == 3
    for planned in _plan(TIMED, Check.PERF):
        record = record_files.read(folder, planned)
        assert record is not None
        assert record.timing is not None
        assert extra[planned.case.id]["timing"] == record.timing.model_dump(mode="json")
        assert len(record.timing.times(KERNEL)) == 8
    assert sorted(one.name for one in folder.glob("perf/*benchmark*")) == [file.name]
    assert said.splitlines()[-1] == f"samples, for pytest-benchmark compare: {file}"
