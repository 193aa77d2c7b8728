"""The reader of matrix.yaml: what it reads, and that it reports every fault at once."""

import datetime
import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from kernelproof.checks.codegen.instruction_costs import UNITS
from kernelproof.errors import Exit, MatrixError
from kernelproof.plan import matrix
from kernelproof.plan.repository import TOOLCHAINS
from kernelproof.plan.schema import Budget, Kernel, Matrix, Row
from kernelproof.plan.value_types import DTYPES

TODAY = datetime.date(2026, 11, 23)
SMALL = """\
dtypes: [fp32, bf16]

rows:
  cpu:
    backend: interpreter
    device: cpu
    arch: x86_64
    memory_gb: 16
    toolchain: cpu
    runner: [ubuntu-24.04]
  h200:
    backend: cuda
    device: NVIDIA H200
    arch: sm_90
    memory_gb: 141
    toolchain: cuda
    runner: [self-hosted, h200]
kernels:
  toy:
    dtypes:
      fp32: {max_ulp: 6}
      bf16: {max_ulp: 6.5}
    seconds_per_case: 10
    golden: false
    shapes:
      - axes: {E: 8, K: 2, T: [0, 1, 130]}
      - axes: {E: 8, K: 2, T: 4096}
        dtypes: [bf16]
        min_memory_gb: 80

skips: []
"""
# The same with all the optional parts.
FULL = SMALL.replace(
    "\nskips: []\n",
    """\
    codegen: [{builds: "fp32-*", max_spills: 0}]
    perf:
      limit_percent: 3
      shapes: [{axes: {E: 8, K: 2, T: [7, 9]}}]
    sanitize:
      seconds_per_tool: 60
      shapes: [{axes: {E: 8, K: 2, T: [5, 6]}}]
    bench: [{axes: {E: 8, K: 2, T: 4}}]
    mutants: {cases: ["*-T130"], seconds_per_mutant: 9}
architectures: [sm_90, gfx942]
skips: []
""",
)
SKIP = "skips: [{{cases: toy-cpu-*, check: parity, reason: slow, until: {until}}}]"


def read(folder: Path, text: str, *, today: datetime.date = TODAY) -> Matrix:
    """Returns the matrix of this text, beside a kernel's folder."""
    (folder / "kernels" / "toy").mkdir(parents=True, exist_ok=True)
    for name in ("__init__.py", "proof.py"):
        (folder / "kernels" / "toy" / name).touch()
    (folder / "matrix.yaml").write_text(text, encoding="utf-8")
    return matrix.load(folder / "matrix.yaml", today=today)


def faults(folder: Path, text: str, *, today: datetime.date = TODAY) -> list[str]:
    """Returns all faults of this text, without the file's name."""
    with pytest.raises(MatrixError) as caught:
        read(folder, text, today=today)
    assert caught.value.exit == Exit.MATRIX
    return [str(fault) for fault in caught.value.faults]


def _pattern(fault: str) -> str:
    """Returns the regular expression of a fault in which … stands for any words."""
    return ".*".join(map(re.escape, re.split(" ?… ?", fault)))


def test_a_matrix_is_read(tmp_path: Path) -> None:
    """Each value comes as its own type, a size alone as a list, and none can be changed."""
    small, full = read(tmp_path, SMALL), read(tmp_path, FULL)
    assert small.rows["h200"].runner == ["self-hosted", "h200"]
    assert small.kernels["toy"].promise("fp32").max_ulp == 6.0
    assert small.kernels["toy"].shapes[1].axes == {"E": [8], "K": [2], "T": [4096]}
    assert [row.environment["TRITON_INTERPRET"] for row in small.rows.values()] == ["1", "0"]
    with pytest.raises(ValidationError, match="frozen"):
        small.rows["h200"].memory_gb = 1
    assert full.kernels["toy"].codegen == [Budget(builds="fp32-*", max_spills=0)]
    assert full.architectures == ["sm_90", "gfx942"]
    kernel = small.kernels["toy"]
    assert (kernel.codegen, kernel.perf, kernel.bench, kernel.mutants) == (None,) * 4
    assert small.architectures == []


def test_each_wrong_edit_is_told(tmp_path: Path) -> None:
    """All of `matrix_faults.txt`: what is told of each edit, with its place, and nothing else."""
    table = Path(__file__).with_name("matrix_faults.txt").read_text(encoding="utf-8")
    entries = re.findall(r"^~ (.*) => (.*)\n((?:  .*\n)+)", table, re.MULTILINE)
    assert len(entries) == table.count("\n~ ") > 90
    wrong = []
    for *edit, lines in entries:
        old, new = (part.replace("⏎", "\n").replace("∅", "") for part in edit)
        assert old in FULL
        found = faults(tmp_path, FULL.replace(old, new, 1))
        expected = [line.removeprefix("  ") for line in lines.splitlines()]
        is_told = len(found) == len(expected) and all(
            re.fullmatch(_pattern(line), fault) for line, fault in zip(expected, found, strict=True)
        )
        wrong += [] if is_told else [f"{old!r} -> {new!r}: {found}"]
    assert wrong == []


def test_messages_list_the_known_words(tmp_path: Path) -> None:
    """Keys, dtypes and toolchains: those that would be right."""
    toolchains = ", ".join(sorted(file.stem for file in TOOLCHAINS.glob("*.txt")))
    dtypes = "', '".join(DTYPES).replace("', 'fp8e5m2", "' or 'fp8e5m2")
    for old, new, expected in (
        ("arch: sm_90", "colour: sm_90", f"expected one of {', '.join(Row.model_fields)}"),
        (
            "golden",
            "golded",
            f"expected one of {', '.join(Kernel.model_fields)}; did you mean 'gol",
        ),
        ("[fp32, bf16]", "[fp33, bf16]", f"expected '{dtypes}'; did you mean 'fp32'?"),
        ("toolchain: cpu", "toolchain: h200", f"a toolchain of kernelproof: {toolchains}"),
    ):
        assert expected in "\n".join(faults(tmp_path, SMALL.replace(old, new)))


def test_long_values_are_cut_and_many_cases_counted(tmp_path: Path) -> None:
    """A device of 501 letters, and few lines that stand for very many cases."""
    (fault,) = faults(tmp_path, SMALL.replace("device: cpu", f"device: {'x' * 501}"))
    place = "6:13: rows.cpu.device: found text"
    assert fault == f"{place} '{'x' * 57}...', expected at most 500 characters"
    many = f"E: {[*range(1, 102)]}, K: {[*range(1, 102)]}"
    for old, said in (
        (
            "E: 8, K: 2, T: [7",
            "33:7: kernels.toy.perf.shapes: found 81,608 cases, expected at most",
        ),
        (
            "E: 8, K: 2, T: 4096",
            "25:5: kernels.toy.shapes: found 10,213 cases, expected at most 10,",
        ),
    ):
        text = FULL.replace(old, old.replace("E: 8, K: 2", many))
        assert [fault.startswith(said) for fault in faults(tmp_path, text)] == [True]


def test_every_fault_is_told_at_once_with_its_place(tmp_path: Path) -> None:
    """Faults of YAML, of types and of agreement stand together, in the order of their lines."""
    text = SMALL.replace("bf16]", "bf17]", 1).replace("device: cpu", "device: off")
    text = text.replace("memory_gb: 141", "memory_gb: 1e2\n    memory_gb: 141")
    text = text.replace("toolchain: cuda", "toolchain: cuba").replace("  toy:", "  toi:")
    expected = [
        "1:16: dtypes[1]: found text 'bf17', …; did you mean 'bf16'?",
        "6:13: rows.cpu.device: found 'off', which YAML 1.1 reads as bool, …",
        "15:16: rows.h200.memory_gb: found text '1e2', expected an integer; write 100: …",
        "16:5: rows.h200.memory_gb: found the key again, …; keep one, the first is on line 15",
        "17:16: rows.h200.toolchain: found 'cuba', …; did you mean 'cuda'?",
        "19:1: kernels: found no block for the folder kernels/toy/, …; add a block 'toy', or …",
        "20:3: kernels.toi: found no folder, expected a folder kernels/toi/ with an …; did you …",
        "23:7: kernels.toi.dtypes.bf16: found dtype 'bf16', expected one of the …: fp32, bf17",
        "33:3: skips[0].cases: found nothing, expected a value for 'cases'",
        "33:3: skips[0].check: found nothing, expected a value for 'check'",
        "33:3: skips[0].reason: found nothing, expected a value for 'reason'",
        "33:11: skips[0].until: found a skip that expired on 2020-01-01, expected a date from …",
    ]
    found = faults(tmp_path, text.replace("skips: []", "skips:\n- {until: 2020-01-01}"))
    assert len(found) == len(expected)
    for line, fault in zip(expected, found, strict=True):
        assert re.fullmatch(_pattern(line), fault)


def test_a_file_that_is_no_mapping(tmp_path: Path) -> None:
    """The file has one fault; each missing part of a mapping is a fault of its own."""
    texts = {"~": "nothing", "- a": "a list", "hello": "text 'hello'", "3": "int '3'"}
    for text, kind in texts.items():
        assert faults(tmp_path, text) == [f"1:1: the file: found {kind}, expected a mapping"]
    assert faults(tmp_path, "{}") == [
        f"1:1: {part}: found nothing, expected a value for {part!r}"
        for part in ("dtypes", "kernels", "rows", "skips")
    ]


def test_folders_and_blocks_agree(tmp_path: Path) -> None:
    """A kernel has a folder with a proof, and a folder of a kernel or a proof has a block."""
    toy = tmp_path / "kernels" / "toy"
    block = SMALL[SMALL.index("  toy:") : SMALL.index("\nskips")].replace("toy", "tiy")
    (fault,) = faults(tmp_path, SMALL.replace("\nskips", block + "\nskips"))
    folder = "expected a folder kernels/tiy/ with an __init__.py and a proof"
    assert fault == f"30:3: kernels.tiy: found no folder, {folder}; did you mean 'toy'?"
    (toy / "proof.py").unlink()
    with pytest.raises(
        MatrixError, match=r"toy: found no proof in its folder, .* kernels/toy/proof"
    ):
        matrix.load(tmp_path / "matrix.yaml", today=TODAY)
    (toy / "proof").mkdir()
    (toy / "proof" / "__init__.py").touch()
    (tmp_path / "matrix.yaml").write_text(SMALL)
    assert matrix.load(tmp_path / "matrix.yaml", today=TODAY)
    for name in ("lonely/__init__.py", "proved/proof.py", "notes/README.md"):
        (tmp_path / "kernels" / name).parent.mkdir()
        (tmp_path / "kernels" / name).touch()
    assert faults(tmp_path, SMALL) == [
        f"18:1: kernels: found no block for the folder kernels/{name}/, expected a block a folder; "
        f"add a block {name!r}, or remove the folder"
        for name in ("lonely", "proved")
    ]


def test_a_skip_holds_on_its_last_day_and_blocks_on_the_next(tmp_path: Path) -> None:
    """`until` is the last good day; without a day given, today is the clock's."""
    last = datetime.date(2026, 12, 31)
    text = SMALL.replace("skips: []", SKIP.format(until=last))
    assert [skip.until for skip in read(tmp_path, text, today=last).skips] == [last]
    (fault,) = faults(tmp_path, text, today=last + datetime.timedelta(days=1))
    assert fault.startswith("31:64: skips[0].until: found a skip that expired on 2026-12-31, ")
    file = tmp_path / "matrix.yaml"
    file.write_text(text.replace("2026-12", "9999-12"), encoding="utf-8")
    assert matrix.load(file).skips[0].until.year == 9999
    file.write_text(text.replace("2026-12", "2020-12"), encoding="utf-8")
    with pytest.raises(MatrixError, match="found a skip that expired on 2020-12-31"):
        matrix.load(file)
    broken = SMALL.replace(
        "[]\n", "[7, {cases: '*', check: parity, reason: x, until: 2020-01-02}]\n"
    )
    assert [fault[:20] for fault in faults(tmp_path, broken)] == [
        "31:9: skips[0]: foun",
        "31:58: skips[1].unti",
    ]


def test_every_architecture_has_its_unit() -> None:
    """The bound on resident warps is known for each that a matrix may name."""
    assert list(UNITS) == matrix.load().architectures


def test_a_budget_covers_builds_of_its_pattern() -> None:
    """The whole name."""
    patterns = {"*": True, "fp32-E128-*": True, "[bf]*16-E128-*": False, "fp32-E128": False}
    for builds, is_covered in patterns.items():
        assert Budget(builds=builds).covers("fp32-E128-K8-T2048") is is_covered
