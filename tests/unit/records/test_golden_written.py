"""Golden digests on a disk: the very text, the longest that is read, and what cannot be."""

import errno
from pathlib import Path
from typing import Any, NoReturn

import pytest
from pydantic import ValidationError

from kernelproof.errors import BaselineError
from kernelproof.records import golden
from kernelproof.records.golden import GoldenDigests
from tests.unit.records.test_golden import MEND, ONE, golden_of
from tests.unit.records.test_record_files import CASE, PLANNED, record_of

OTHER = GoldenDigests(inputs="4" * 64, outputs="5" * 64, was="6" * 64)
MOST = 4 * 1024 * 1024


def test_the_whole_file(tmp_path: Path) -> None:
    """A line a case and a blessing, in the order that they were blessed in; then the seal."""
    whole = golden_of(fp32_E8_K2_T3=ONE, bf16_E8_K2_T3=OTHER)
    first = whole.blessings[0].model_copy(update={"reason": "BLESSINGS", "changed": 1})
    whole = whole.model_copy(update={"blessings": [*whole.blessings, first]})
    golden.write(whole, tmp_path)
    assert (tmp_path / "toy.json").read_text() == (
        "{\n"
        ' "version": 1,\n'
        ' "kernel": "toy",\n'
        ' "blessings": [\n'
        '  {"date":"2030-01-02","reason":"first","toolchain":"torch 1","changed":2},\n'
        '  {"date":"2030-01-02","reason":"BLESSINGS","toolchain":"torch 1","changed":1}\n'
        " ],\n"
        ' "digests": {\n'
        f'  "fp32-E8-K2-T3": {{"inputs":"{"2" * 64}","outputs":"{"1" * 64}","was":null}},\n'
        f'  "bf16-E8-K2-T3": {{"inputs":"{"4" * 64}","outputs":"{"5" * 64}","was":"{"6" * 64}"}}\n'
        " },\n"
        f' "seal": "{whole.seal}"\n'
        "}\n"
    )
    assert golden.load("toy", tmp_path) == whole


def test_what_is_written_is_what_is_read_next(tmp_path: Path) -> None:
    """Though the older one was read before."""
    golden.write(golden_of(fp32_E8_K2_T3=ONE), tmp_path)
    assert golden.load("toy", tmp_path) == golden_of(fp32_E8_K2_T3=ONE)
    golden.write(golden_of(fp32_E8_K2_T3=OTHER), tmp_path)
    assert golden.load("toy", tmp_path) == golden_of(fp32_E8_K2_T3=OTHER)


def test_what_was_read_stays_as_it_is() -> None:
    """Nobody judges by a digest that somebody put there meanwhile."""
    with pytest.raises(ValidationError, match="frozen"):
        ONE.model_copy().outputs = "3" * 64


def test_numbers_are_not_text(tmp_path: Path) -> None:
    """Nor is anything else taken for what it is not."""
    golden.write(golden_of(fp32_E8_K2_T3=ONE), tmp_path)
    file = tmp_path / "toy.json"
    file.write_text(file.read_text().replace('"changed":1', '"changed":"1"'))
    golden.load.cache_clear()
    with pytest.raises(BaselineError, match=r"\.changed: input should be a valid integer"):
        golden.load("toy", tmp_path)


def test_the_longest_file_is_read(tmp_path: Path) -> None:
    """To the byte; one more is too long."""
    golden.write(golden_of(fp32_E8_K2_T3=ONE), tmp_path)
    file = tmp_path / "toy.json"
    file.write_text(file.read_text().ljust(MOST))
    golden.load.cache_clear()
    assert golden.load("toy", tmp_path) == golden_of(fp32_E8_K2_T3=ONE)
    file.write_text(file.read_text() + " ")
    golden.load.cache_clear()
    with pytest.raises(BaselineError, match="found over 4,194,304 bytes"):
        golden.load("toy", tmp_path)


@pytest.mark.parametrize(
    ("error", "words"),
    [(OSError(errno.EIO, "Input/output error"), "input/output error"), (OSError("Gone"), "gone")],
    ids=["system", "other"],
)
def test_a_file_that_cannot_be_read_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError, words: str
) -> None:
    """In the system's words, with how to have it back."""

    def refuse(*_: Any) -> NoReturn:
        raise error

    monkeypatch.setattr("kernelproof.files.safe_read.read", refuse)
    with pytest.raises(BaselineError) as caught:
        golden.load("toy", tmp_path)
    said = f"toy.json: golden digests: {words}, expected a readable file; {MEND}"
    assert str(caught.value) == said


def test_a_record_without_digests_is_told(tmp_path: Path) -> None:
    """A pass that has no bits to show."""
    golden.write(golden_of(fp32_E8_K2_T3=ONE), tmp_path)
    said = golden.objection(CASE, record_of(PLANNED, input_digest=None), tmp_path)
    assert said.startswith("golden: the inputs moved: found none, expected 222222222222; ")
    said = golden.objection(CASE, record_of(PLANNED, digest=None), tmp_path)
    assert "than the blessed ones: found none, expected 111111111111; " in said
