"""A worker of the cells: what it tells its supervisor, and when it leaves the rest to another."""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from kernelproof.errors import run_command
from kernelproof.plan import cases, matrix
from kernelproof.plan.cases import Selection
from kernelproof.plan.repository import ROOT
from kernelproof.records import record_files
from kernelproof.records.record_files import Record
from kernelproof.run import device_pulse
from kernelproof.run.worker_messages import LOST, Told, lines_of

IDS = [f"gemma4_routing-cpu-{dtype}-E8-K8-T1" for dtype in ("fp32", "fp16")]
# A worker whose kernel raises an error, and something else that is wrong with it.
BROKEN = """\
import sys
from dataclasses import replace
from gemma4_routing import proof as kernel
from kernelproof.checks import worker
from kernelproof.errors import ResultsError, run_command
from kernelproof.run import plugin

def launch(*_, **__):
    raise RuntimeError("a bug")

def write(*_):
    raise ResultsError("results: no space left on device")

kernel.SPEC = replace(kernel.SPEC, launch=launch)
{more}
sys.exit(run_command(worker.main))
"""


@dataclass(frozen=True)
class Ended:
    """A worker that has ended: how, what it told, what it said, and the records it left."""

    code: int
    told: Sequence[Told]
    said: str
    complaints: str
    records: dict[str, Record]


def _worker(folder: Path, *command: str) -> Ended:
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as pipe:
        named = [f"--case={name}" for name in IDS]
        words = ["parity", "--on", "cpu", "--results", str(folder), *named, "--tell", str(writer)]
        process = subprocess.Popen(
            [sys.executable, *command, *words],
            cwd=ROOT,
            env={**os.environ, "TRITON_INTERPRET": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            pass_fds=[writer],
        )
        os.close(writer)
        told, rest = lines_of(pipe.read())
        said, complaints = process.communicate(timeout=60)
    assert rest == b""
    plan = cases.plan(matrix.load(), Selection(case=tuple(IDS)))
    found = {one.case.id: record_files.read(folder, one) for one in plan}
    records = {name: record for name, record in found.items() if record}
    return Ended(process.returncode, [*told], said, complaints, records)


def test_it_tells_what_it_is_about_to_do(tmp_path: Path) -> None:
    """Its machine first, then each case with its limit, and that it is over."""
    done = _worker(tmp_path, "-m", "kernelproof.checks.worker")
    assert done.code == 0, done.complaints
    first, *others = done.told
    assert first.machine["device"] == {"name": "cpu"}
    limit = matrix.load().kernels["gemma4_routing"].seconds_per_case
    begun = [Told(case=name, seconds=limit) for name in IDS]
    assert others == [begun[0], Told(), begun[1], Told()]
    assert {name: one.outcome for name, one in done.records.items()} == dict.fromkeys(IDS, "pass")


def test_an_error_leaves_the_others(tmp_path: Path) -> None:
    """Where the device still answers."""
    done = _worker(tmp_path, "-c", BROKEN.format(more=""))
    assert done.code == 0, done.complaints
    assert [one.outcome for one in done.records.values()] == ["error", "error"]


def test_a_lost_device_ends_it(tmp_path: Path) -> None:
    """The case at which it was lost is a crash; the others have no record yet."""
    done = _worker(tmp_path, "-c", BROKEN.format(more='plugin.pulse = lambda _: "CUDA error"'))
    assert done.code == LOST, done.complaints
    assert {name: one.outcome for name, one in done.records.items()} == {IDS[0]: "crash"}
    assert done.records[IDS[0]].reason.startswith("RuntimeError: a bug\n")
    assert f"crash  {IDS[0]}" in done.said


def test_records_that_cannot_be_written_end_it(tmp_path: Path) -> None:
    """With one line and exit code 3, at the first one."""
    done = _worker(tmp_path, "-c", BROKEN.format(more="plugin.record_files.write = write"))
    assert (done.code, done.records) == (3, {})
    assert done.complaints == "results: no space left on device\n"
    assert "Traceback" not in done.said
    assert [one.case for one in done.told if one.case] == IDS[:1]


@pytest.mark.parametrize(
    ("row", "code", "said"),
    [("cpu", 0, ""), ("h200", 4, "row h200: found no cuda device")],
)
def test_the_pulse_of_a_device(
    capsys: pytest.CaptureFixture[str], row: str, code: int, said: str
) -> None:
    """Of this one it is there; another one is not here."""
    assert run_command(lambda: device_pulse.main(["--on", row])) == code
    assert capsys.readouterr().err.startswith(said)


def test_no_pulse_is_told() -> None:
    """What the device says instead, in a line."""
    said = device_pulse.pulse(torch.device("meta"))
    assert said.startswith("RuntimeError: Tensor.item() cannot be called on meta tensors")
    assert "\n" not in said
