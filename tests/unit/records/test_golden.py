"""Golden digests: written readably, sealed, and what a result that differs is told."""

import datetime
from dataclasses import replace
from pathlib import Path

import pytest

from kernelproof.errors import BaselineError, Exit
from kernelproof.plan import cases, matrix
from kernelproof.plan.cases import Case
from kernelproof.records import golden
from kernelproof.records.golden import Golden, GoldenBlessing, GoldenDigests
from tests.unit.records.test_record_files import CASE, PLANNED, record_of

NAME = "fp32-E8-K2-T3"
ONE = GoldenDigests(inputs="2" * 64, outputs="1" * 64, was=None)
BLESS = 'if that is meant: nox -s bless -- golden --reason "..."'
MEND = "restore it: git checkout -- toy.json, in its folder"


def golden_of(**digests: GoldenDigests) -> Golden:
    """The golden digests of the toy."""
    named = {name.replace("_", "-"): one for name, one in digests.items()}
    today = datetime.date(2030, 1, 2)
    blessing = GoldenBlessing(date=today, reason="first", toolchain="torch 1", changed=len(named))
    return Golden(kernel="toy", blessings=[blessing], digests=named, seal=golden.seal_of(named))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder in which one case of the toy is blessed."""
    golden.write(golden_of(fp32_E8_K2_T3=ONE), tmp_path)
    return tmp_path


def test_it_reads_back_as_it_was_written(folder: Path) -> None:
    """One line a case, so that a diff shows which moved."""
    assert golden.load("toy", folder) == golden_of(fp32_E8_K2_T3=ONE)
    line = f'  "{NAME}": {{"inputs":"{"2" * 64}","outputs":"{"1" * 64}","was":null}}'
    assert line in (folder / "toy.json").read_text().splitlines()


def test_no_file_is_no_golden_digest(tmp_path: Path) -> None:
    """A kernel that nobody blessed yet."""
    assert golden.load("toy", tmp_path) is None


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            '"1111',
            '"1112',
            f"found lines that were edited, expected those that were blessed; {MEND}",
        ),
        ('"was":null', '"was":3', f"digests.{NAME}.was: input should be a valid string; {MEND}"),
        ('"1111', '"xyz1', f"digests.{NAME}.outputs: string should match pattern"),
        ('"toy"', '"toi"', f"found those of 'toi'; {MEND}"),
        (' "seal"', ' "seel"', f"seal: field required; {MEND}"),
        (' },\n "seal"', "", "the file: invalid json: "),
    ],
    ids=["edited", "type", "no digest", "other kernel", "unknown key", "truncated"],
)
def test_a_file_that_was_tampered_with(folder: Path, old: str, new: str, told: str) -> None:
    """One clear line, and an exit code of its own."""
    file = folder / "toy.json"
    file.write_text(file.read_text().replace(old, new))
    golden.load.cache_clear()
    with pytest.raises(BaselineError) as caught:
        golden.load("toy", folder)
    assert str(caught.value).startswith(f"toy.json: golden digests: {told}")
    assert caught.value.exit == Exit.BASELINE


def test_a_huge_file_is_not_read(folder: Path) -> None:
    """Nor is it a reason to run out of memory."""
    (folder / "toy.json").write_bytes(b" " * 5_000_000)
    golden.load.cache_clear()
    with pytest.raises(BaselineError, match="found over 4,194,304 bytes, expected fewer"):
        golden.load("toy", folder)


@pytest.mark.parametrize(
    ("case", "changes", "told"),
    [
        (CASE, {}, ""),
        (
            CASE,
            {"digest": "3" * 64},
            "golden: the definition moved: kernel and reference agree on other bits than the "
            "blessed ones: found 333333333333, expected 111111111111; "
            f"see kernels/toy/reference.py; {BLESS}",
        ),
        (
            CASE,
            {"input_digest": "3" * 64},
            "golden: the inputs moved: found 333333333333, expected 222222222222; "
            f"see kernels/toy/inputs.py; {BLESS}",
        ),
        (replace(CASE, dtype="bf16"), {}, f"golden: no blessed digest of bf16-E8-K2-T3; {BLESS}"),
        (replace(CASE, row="h200"), {}, ""),
    ],
    ids=["same", "outputs", "inputs", "unblessed", "another row"],
)
def test_what_a_result_is_told(
    folder: Path, case: Case, changes: dict[str, str], told: str
) -> None:
    """The digests of a case are the same on every row."""
    record = record_of(replace(PLANNED, case=case), **changes)
    assert golden.objection(case, record, folder) == told


def test_every_case_of_the_matrix_is_blessed() -> None:
    """Whatever its row; and nothing is blessed that is not planned."""
    the_matrix = matrix.load()
    for kernel in (name for name, block in the_matrix.kernels.items() if block.golden):
        planned = {
            golden.name_of(one) for one in cases.cases_of(the_matrix) if one.kernel == kernel
        }
        blessed = golden.load(kernel)
        assert blessed is not None
        assert set(blessed.digests) == planned
