"""Hardware: which rows of matrix.yaml a machine is, and what is said where it is none."""

from collections.abc import Callable

import pytest
import yaml

from kernelproof.errors import NotTheRowError, run_command
from kernelproof.machine import hardware
from kernelproof.machine.hardware import Accelerator, rows_here
from kernelproof.plan import matrix
from kernelproof.plan.schema import Matrix, Row

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


@pytest.mark.parametrize(
    ("found", "rows"),
    [
        ((), ("cpu",)),
        ((H200,), ("h200",)),
        ((H200, H200), ("h200",)),
        ((H200, A100), ("a100", "h200")),
        ((STRANGER, H200), ("h200",)),
        ((Accelerator(backend="hip", arch="gfx942"),), ("mi300x",)),
        ((Accelerator(backend="hip", name="AMD Instinct MI300X"),), ("mi300x",)),
        ((B60,), ("b60",)),
    ],
    ids=["none", "name", "twice", "two rows", "and a stranger", "arch", "hip by name", "xpu"],
)
def test_rows_here(plan: Matrix, found: tuple[Accelerator, ...], rows: tuple[str, ...]) -> None:
    """By name, by architecture where the driver gives no name, in the matrix's order."""
    assert rows_here(plan, found) == rows


@pytest.mark.parametrize(
    "gpu",
    [
        STRANGER,
        UNNAMED,
        Accelerator(backend="cuda", name="NVIDIA H200 NVL", arch="sm_90"),
        Accelerator(backend="hip", name="NVIDIA H200", arch="sm_90"),
        Accelerator(backend="xpu"),
    ],
    ids=["other name", "other arch", "longer name", "other backend", "nothing told"],
)
def test_an_unknown_accelerator_is_no_row(plan: Matrix, gpu: Accelerator) -> None:
    """The cpu row does not stand in for it, and a close name is not the name."""
    with pytest.raises(NotTheRowError) as caught:
        rows_here(plan, [gpu])
    assert caught.value.exit == 4


def test_the_message_of_an_unknown_accelerator(plan: Matrix) -> None:
    """It has the accelerator found, the known ones, the block to add, and a way without it."""
    with pytest.raises(NotTheRowError) as caught:
        rows_here(plan, [STRANGER])
    assert str(caught.value) == (
        "this machine is no row of matrix.yaml: found NVIDIA GeForce RTX 4090 (cuda, sm_89), "
        f"expected one of {', '.join(row.device for row in plan.rows.values())}; "
        "add a row; or use the CPU: nox -s parity -- --row cpu\n"
        "  my_row:\n"
        "    backend: cuda\n"
        "    device: NVIDIA GeForce RTX 4090\n"
        "    arch: sm_89\n"
        "    memory_gb: ...\n"
        "    toolchain: ...\n"
        "    runner: [...]"
    )


def test_the_block_to_add_is_a_row_once_it_is_filled_in(plan: Matrix) -> None:
    """Its keys are those of a row, all of them, and what it fills in makes the machine that row."""
    with pytest.raises(NotTheRowError) as caught:
        rows_here(plan, [STRANGER])
    block = yaml.safe_load(str(caught.value).partition("\n")[2])
    filled = {"memory_gb": 24, "toolchain": "cuda", "runner": ["mine"]}
    row = Row.model_validate({**block["my_row"], **filled})
    assert set(block["my_row"]) == set(Row.model_fields)
    grown = plan.model_copy(update={"rows": {**plan.rows, "my_row": row}})
    assert rows_here(grown, [STRANGER]) == ("my_row",)


def test_an_unnamed_accelerator_is_called_so(plan: Matrix) -> None:
    """Dots stand where its driver says nothing."""
    with pytest.raises(NotTheRowError, match=r"found an unnamed GPU \(hip, gfx90a\)") as caught:
        rows_here(plan, [UNNAMED])
    assert "    device: ...\n    arch: gfx90a\n" in str(caught.value)


def test_without_accelerator_and_interpreter_there_is_no_row(plan: Matrix) -> None:
    """A matrix of GPUs alone, on a laptop."""
    gpus = {name: row for name, row in plan.rows.items() if row.backend != "interpreter"}
    with pytest.raises(NotTheRowError) as caught:
        rows_here(plan.model_copy(update={"rows": gpus}), [])
    wanted = "this machine has no accelerator, and matrix.yaml no row with backend: interpreter"
    assert str(caught.value) == wanted


def test_the_command_prints_the_rows(
    machine_with: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    """Those of the machine, or those that the command line names, by themselves or in a case."""
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
        "--help": "cpu\n",
    }.items():
        assert run_command(lambda words=words: hardware.main(words.split())) == 0  # type: ignore[misc]
        assert capsys.readouterr().out == rows, words


def test_the_command_lists_what_is_not_here(
    plan: Matrix, machine_with: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    """Each other row, with the device that it needs, on stderr."""
    machine_with()
    assert hardware.main([]) == 0
    others = [(name, row.device) for name, row in plan.rows.items() if name != "cpu"]
    lines = [f"{name:8} not here: needs {device}" for name, device in others]
    assert capsys.readouterr() == ("cpu\n", "\n".join(lines) + "\n")


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


def test_rows_to_time_on(
    machine_with: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    """GPUs, narrowed by what bench times, whatever other options are there."""
    machine_with(H200)
    for words in ("", "--case *-T4096 --peer eager --rounds 3"):
        assert hardware.main(["--bench", *words.split()]) == 0
        assert capsys.readouterr().out == "h200\n"
    machine_with()
    assert hardware.main(["--bench", "--row", "h200"]) == 0


@pytest.mark.parametrize("gpus", [[], [Accelerator(backend="cuda", name="NVIDIA A100")]])
def test_a_named_row_without_its_gpu_is_refused_early(
    monkeypatch: pytest.MonkeyPatch, gpus: list[Accelerator]
) -> None:
    """Before its toolchain is installed; other rows are left to torch, which knows them."""
    monkeypatch.setattr(hardware, "accelerators", lambda: tuple(gpus))
    with pytest.raises(NotTheRowError) as caught:
        hardware.main(["--present", "--row", "h200"])
    found = "NVIDIA A100 (cuda)" if gpus else "no GPU"
    assert str(caught.value) == (
        f"row h200: found {found}, expected NVIDIA H200; run it on that machine, "
        "or mend the row's device in matrix.yaml"
    )
    assert hardware.main(["--present", "--row", "cpu", "--row", "b60"]) == 0
