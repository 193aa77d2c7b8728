"""Hardware: the accelerators that drivers report, and the rows of matrix.yaml that these are."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from kernelproof.errors import NotTheRowError, run_command
from kernelproof.machine import hardware
from kernelproof.machine.hardware import Accelerator, rows_here
from kernelproof.plan import matrix
from kernelproof.plan.schema import Matrix, Row
from tests.unit.machine.fake_nvml import nvml_of

H200 = Accelerator(backend="cuda", name="NVIDIA H200", arch="sm_90")
A100 = Accelerator(backend="cuda", name="NVIDIA A100-SXM4-80GB", arch="sm_80")
STRANGER = Accelerator(backend="cuda", name="NVIDIA GeForce RTX 4090", arch="sm_89")
UNNAMED = Accelerator(backend="hip", arch="gfx90a")
B60 = Accelerator(backend="xpu", name="Intel(R) Arc(TM) Pro B60 Graphics")


@pytest.fixture
def plan() -> Matrix:
    """The project's own matrix."""
    return matrix.load()


@pytest.fixture
def machine_with(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes this machine one with just these accelerators."""

    def become(*gpus: Accelerator) -> None:
        monkeypatch.setattr(hardware, "accelerators", lambda: gpus)

    return become


# The accelerators of a machine, and the rows that it is: by name, or else by architecture.
ROWS: list[tuple[tuple[Accelerator, ...], tuple[str, ...]]] = [
    ((), ("cpu",)),
    ((H200,), ("h200",)),
    ((H200, H200), ("h200",)),
    ((H200, A100), ("a100", "h200")),
    ((STRANGER, H200), ("h200",)),
    ((Accelerator(backend="hip", arch="gfx942"),), ("mi300x",)),
    ((Accelerator(backend="hip", name="AMD Instinct MI300X"),), ("mi300x",)),
    ((B60,), ("b60",)),
]
# Accelerators that are no row, as the message names them: a close name is not the name.
UNKNOWN = {
    "NVIDIA GeForce RTX 4090 (cuda, sm_89)": STRANGER,
    "an unnamed GPU (hip, gfx90a)": UNNAMED,
    "NVIDIA H200 NVL (cuda, sm_90)": replace(H200, name="NVIDIA H200 NVL"),
    "NVIDIA H200 (hip, sm_90)": replace(H200, backend="hip"),
    "an unnamed GPU (xpu)": Accelerator(backend="xpu"),
}


def test_the_rows_of_a_machine_are_in_the_order_of_the_matrix(plan: Matrix) -> None:
    """The cpu row does not stand in for an unknown accelerator."""
    assert [rows_here(plan, gpus) for gpus, _ in ROWS] == [rows for _, rows in ROWS]
    for name, gpu in UNKNOWN.items():
        with pytest.raises(NotTheRowError) as caught:
            rows_here(plan, [gpu])
        assert (name in str(caught.value), caught.value.exit) == (True, 4)
    assert "    device: ...\n    arch: ...\n" in str(caught.value)
    gpus = {name: row for name, row in plan.rows.items() if row.backend != "interpreter"}
    with pytest.raises(NotTheRowError) as caught:
        rows_here(plan.model_copy(update={"rows": gpus}), [])
    expected = "this machine has no accelerator, and matrix.yaml no row with backend: interpreter"
    assert str(caught.value) == expected


def test_the_message_of_an_unknown_accelerator_has_the_row_to_add(plan: Matrix) -> None:
    """Its keys are those of a row, all of them; once filled in, the machine is that row."""
    with pytest.raises(NotTheRowError) as caught:
        rows_here(plan, [STRANGER])
    line, _, block = str(caught.value).partition("\n")
    assert line == (
        "this machine is no row of matrix.yaml: found NVIDIA GeForce RTX 4090 (cuda, sm_89), "
        f"expected one of {', '.join(row.device for row in plan.rows.values())}; "
        "add a row; or use the CPU: nox -s parity -- --row cpu"
    )
    fields = yaml.safe_load(block)["my_row"]
    filled = {"memory_gb": 24, "toolchain": "cuda", "runner": ["mine"]}
    row = Row.model_validate({**fields, **filled})
    assert set(fields) == set(Row.model_fields)
    grown = plan.model_copy(update={"rows": {**plan.rows, "my_row": row}})
    assert rows_here(grown, [STRANGER]) == ("my_row",)


def test_the_command_prints_the_rows(
    plan: Matrix, machine_with: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    """The command prints the machine's rows or the rows named to it; stderr lists rows not here."""
    machine_with()
    assert hardware.main([]) == 0
    others = [(name, row.device) for name, row in plan.rows.items() if name != "cpu"]
    lines = [f"{name:8} not here: needs {device}" for name, device in others]
    assert capsys.readouterr() == ("cpu\n", "\n".join(lines) + "\n")
    machine_with(H200)
    for words, rows in {
        "": "h200\n",
        "--dtype bf16": "h200\n",
        "--row cpu": "cpu\n",
        "--row=b60 --row=cpu": "b60\ncpu\n",
        "--case gemma4_routing-mi300x-fp16-E128-K8-T7": "mi300x\n",
        "--row cpu --resume --results elsewhere": "cpu\n",
        # A case of the sanitizer's, which is none of parity's.
        "--sanitize --row cpu --case gemma4_routing-cpu-fp32-E64-K6-T33": "cpu\n",
        "--bench": "h200\n",
        "--bench --case *-T4096 --peer eager --rounds 3": "h200\n",
        "--bench --row b60": "b60\n",
        "--help": "cpu\n",
    }.items():
        assert run_command(lambda words=words: hardware.main(words.split())) == 0  # type: ignore[misc]
        assert capsys.readouterr().out == rows, words


# The accelerators of a machine, words of the command line, its exit code and what is said.
MISTAKES: list[tuple[tuple[Accelerator, ...], str, int, str]] = [
    ((STRANGER,), "", 4, "this machine is no row of matrix.yaml: found NVIDIA GeForce RTX 4090"),
    ((STRANGER,), "--row h20", 2, "--row: found 'h20', expected a row of matrix.yaml; did you m"),
    ((STRANGER,), "--case x", 2, "--case: found 'x', expected a case of matrix.yaml; such as ge"),
    ((H200,), "--case gemma4_routing-cpu-fp32-E64-K6-T33", 2, "--case: found 'gemma4_routing-c"),
    ((), "--bench", 4, "bench needs a GPU: found row cpu, which is interpreted, expected one of a"),
    ((H200,), "--bench --row cpu", 4, "bench needs a GPU: found row cpu"),
    ((H200,), "--bench --case *-T7", 2, "--case: found '*-T7', expected a case of matrix.yaml"),
]


def test_the_command_on_no_row(
    machine_with: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    """A message on stderr, no row on stdout, and the exit code of the mistake."""
    for gpus, words, code, said in MISTAKES:
        machine_with(*gpus)
        assert run_command(lambda words=words: hardware.main(words.split())) == code  # type: ignore[misc]
        printed = capsys.readouterr()
        assert (printed.out, printed.err[: len(said)]) == ("", said)


def test_a_named_row_without_its_gpu_is_refused_early(machine_with: Callable[..., None]) -> None:
    """Before its toolchain is installed; other rows are left to torch, which knows them."""
    for name, gpus in {"no GPU": (), str(A100): (A100,)}.items():
        machine_with(*gpus)
        with pytest.raises(NotTheRowError) as caught:
            hardware.main(["--present", "--row", "h200"])
        assert str(caught.value) == (
            f"row h200: found {name}, expected NVIDIA H200; run it on that machine, "
            "or mend the row's device in matrix.yaml"
        )
        assert hardware.main(["--present", "--row", "cpu", "--row", "b60"]) == 0


@pytest.fixture
def drivers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without any driver, whatever this one has; returns a folder that is on its path."""
    monkeypatch.setattr(hardware, "pynvml", nvml_of())
    monkeypatch.setattr(hardware, "_KFD", tmp_path / "nodes")
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def test_the_accelerators_are_those_that_nvidias_library_reports(
    drivers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Name and architecture of each; without a library that works, folder or command, none."""
    assert [*drivers.iterdir()] == []
    assert hardware.accelerators() == ()
    monkeypatch.setattr(hardware, "pynvml", nvml_of(H200, STRANGER))
    assert hardware.accelerators() == (H200, STRANGER)


def test_amds_architectures_are_numbers_of_the_topology(drivers: Path) -> None:
    """A node without one is a processor."""
    for number, version in enumerate(("90402", "0", "90010", "100100")):
        node = drivers / "nodes" / str(number)
        node.mkdir(parents=True)
        (node / "properties").write_text(f"cpu_cores_count 0\ngfx_target_version {version}\n")
    assert [gpu.arch for gpu in hardware.accelerators()] == ["gfx942", "gfx90a", "gfx1010"]
    assert {gpu.backend for gpu in hardware.accelerators()} == {"hip"}


def test_intels_names_are_those_that_its_command_prints(drivers: Path) -> None:
    """A command that fails finds none."""
    command = drivers / "xpu-smi"
    for printed, gpus in {
        json.dumps({"device_list": [{"device_name": B60.name, "device_id": 0}]}): (B60,),
        json.dumps({"device_list": []}): (),
        json.dumps({"error": "no level zero"}): (),
        "cannot load libze": (),
    }.items():
        command.write_text(f"#!/bin/sh\necho '{printed}'\n")
        command.chmod(0o755)
        assert hardware.accelerators() == gpus
