"""Golden digests: a line a case, and what a result that differs is told."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from kernelproof.plan import cases, matrix
from kernelproof.records import golden
from kernelproof.records.golden import GoldenDigests
from tests.unit.records.made_records import CASE, PLANNED, record_of
from tests.unit.records.stored_files import DIGESTS, NAME, Edit, golden_of, wrong_refusals

OTHER = GoldenDigests(inputs="4" * 64, outputs="5" * 64, was="6" * 64)
BLESS = 'if that is meant: nox -s bless -- golden --reason "..."'


def test_the_text_of_a_file(tmp_path: Path) -> None:
    """A line a case and a blessing, in the order that they were blessed in; then the seal."""
    content = golden_of(fp32_E8_K2_T3=DIGESTS, bf16_E8_K2_T3=OTHER)
    older = content.blessings[0].model_copy(update={"reason": "東京", "changed": 1})
    content = content.model_copy(update={"blessings": [*content.blessings, older]})
    golden.write(content, tmp_path)
    assert (tmp_path / "toy.json").read_text() == (
        "{\n"
        ' "version": 1,\n'
        ' "kernel": "toy",\n'
        ' "blessings": [\n'
        '  {"date":"2030-01-02","reason":"first","toolchain":"torch 1","changed":2},\n'
        '  {"date":"2030-01-02","reason":"東京","toolchain":"torch 1","changed":1}\n'
        " ],\n"
        ' "digests": {\n'
        f'  "fp32-E8-K2-T3": {{"inputs":"{"2" * 64}","outputs":"{"1" * 64}","was":null}},\n'
        f'  "bf16-E8-K2-T3": {{"inputs":"{"4" * 64}","outputs":"{"5" * 64}","was":"{"6" * 64}"}}\n'
        " },\n"
        ' "seal": "4a09077fc00ce9e9ce3404fc5dd89e432da70f684eed876380fea3bb1ff6e1dc"\n'
        "}\n"
    )
    assert golden.load("toy", tmp_path) == content


EDITS: list[Edit] = [
    (("digests", NAME, "was"), 3, f"digests.{NAME}.was: input"),
    (
        ("digests", NAME, "outputs"),
        "A" * 64,
        f"digests.{NAME}.outputs: string should match pattern",
    ),
    (("blessings", 0, "changed"), "1", "blessings.0.changed: input should be a valid integer"),
    (("seel",), 1, "seel: extra inputs are not permitted"),
]


def test_a_file_that_is_no_golden_one_is_refused(tmp_path: Path) -> None:
    """With the place of the first fault, though the seal fits."""
    assert wrong_refusals("golden", tmp_path, EDITS) == []


RESULTS: dict[str, tuple[dict[str, Any], dict[str, Any], list[str]]] = {
    "same": ({}, {}, []),
    "another row": ({"row": "h200"}, {}, []),
    "outputs": (
        {},
        {"digest": "3" * 64},
        [
            "the definition moved: kernel and reference agree on other bits than the blessed ones: "
            "found 333333333333, expected 111111111111; see the reference of kernels/toy/; if "
        ],
    ),
    "inputs": (
        {},
        {"input_digest": "3" * 64, "digest": "3" * 64},
        [
            "the inputs moved: found 333333333333, expected 222222222222; see the inputs of "
            "kernels/toy/; if that is meant"
        ],
    ),
    "no outputs": ({}, {"digest": None}, ["definition moved", "found none, expected 111111111111"]),
    "no inputs": ({}, {"input_digest": None}, ["inputs moved: found none, expected 222222222222"]),
    "unblessed": (
        {"dtype": "bf16"},
        {},
        ["no blessed digest of bf16-E8-K2-T3; if that is meant: "],
    ),
}


def test_a_result_of_other_bits_is_objected_to(tmp_path: Path) -> None:
    """The digests of a case are the same on every row; a file is asked for, too."""
    golden.write(golden_of(), tmp_path)
    for name, (of_case, of_record, parts) in RESULTS.items():
        case = replace(CASE, **of_case)
        record = record_of(replace(PLANNED, case=case), **of_record)
        objection = golden.objection(case, record, tmp_path)
        assert [part for part in parts if part not in objection] == [], name
        assert objection == "" if not parts else objection.startswith("golden: ")
        assert objection.endswith(BLESS if parts else "")
        missing = golden.objection(case, record, tmp_path / "none")
        assert missing.startswith("golden: no blessed digest")


def test_every_case_of_the_matrix_is_blessed() -> None:
    """Whatever its row; and nothing is blessed that is not planned."""
    plan = matrix.load()
    for kernel in (name for name, block in plan.kernels.items() if block.golden):
        planned = {golden.name_of(case) for case in cases.cases_of(plan) if case.kernel == kernel}
        blessed = golden.load(kernel)
        assert blessed is not None
        assert set(blessed.digests) == planned
