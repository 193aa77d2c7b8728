"""The mutants of the code that judges, the proofs of those that nothing tells, and the tests."""

import ast
from pathlib import Path

import pytest

from kernelproof.errors import MatrixError
from kernelproof.selftest.mutation.kernel_mutants import MutantsError
from kernelproof.selftest.mutation.mutant import Edit, Mutant
from kernelproof.selftest.verdict_mutation import verdict_list
from kernelproof.selftest.verdict_mutation.test_coverage import Measured, Of
from kernelproof.selftest.verdict_mutation.test_reach import Reach
from kernelproof.selftest.verdict_mutation.verdict_list import Judged
from kernelproof.selftest.verdict_mutation.verdict_mutants import plan, units

SOURCE = '''\
"""A file that judges, 1 + 1."""

LIMIT = 3.0


class Found(Base, frozen=True):
    """A finding."""

    name: str = Field(max_length=9)

    @property
    def is_good(self) -> Literal[4]:
        """Whether it is."""
        return (
            self.name == "pass"
            or self.name == "same"
        )


def least(values: list[int], at: int = 5) -> int:
    """The least."""
    found: dict[Literal[6], int] = {}
    if values:
        return min(values[at:])
    return 7


if __name__ == "__main__":
    least([8])
'''
LISTED = """\
files: [verdict.py]
tests: [test_verdict.py]
proofs:
  - concludes: equivalent
    tied_to: {verdict.session_of: "000000000000"}
    code: '"perf-regress" if check == Check.PERF else str(check)'
    operator: result
    because: of the test
"""


def _listed(tmp_path: Path, text: str = LISTED) -> Judged:
    file = tmp_path / "judged.yaml"
    file.write_text(text)
    return verdict_list.read(file)


def test_units_have_the_nodes_of_their_own() -> None:
    """Methods, classes, functions, the module: no docstring, no annotation of a function's."""
    found = {
        name: [node.value for node in nodes if isinstance(node, ast.Constant)]
        for name, nodes in units(ast.parse(SOURCE)).items()
    }
    assert found == {
        "module": [3.0, 5],
        "Found": [9],
        "Found.is_good": ["pass", "same"],
        "least": [7],
    }


def test_a_pattern_takes_files_that_are_added(tmp_path: Path) -> None:
    """Each once; one that matches nothing is told, since nobody would judge by it."""
    folder = tmp_path / "pipeline" / "report"
    folder.mkdir(parents=True)
    for name in ("page.py", "junit.py"):
        (folder / name).touch()
    listed = Judged(files=["report/page.py", "report/*.py"], tests=["test_*.py"], proofs=[])
    assert listed.judging(tmp_path) == ["report/page.py", "report/junit.py"]
    with pytest.raises(MutantsError) as caught:
        listed.asking(tmp_path)
    assert str(caught.value) == "judged.yaml: found no file 'test_*.py', expected some"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("concludes: equivalent", "concludes: no row", "proofs[0].concludes: found "),
        ("operator: result", "operator: resalt", "proofs[0].operator: found "),
        ("tests:", "test:", "test: found unknown key 'test'"),
        ("files: [verdict.py]", "files: []", "files: found "),
        ("[verdict.py]", "[../verdict.py]", "files[0]: found "),
    ],
)
def test_the_list_is_read_strictly(tmp_path: Path, old: str, new: str, said: str) -> None:
    """Each fault with its place."""
    with pytest.raises(MatrixError) as caught:
        _listed(tmp_path, LISTED.replace(old, new))
    assert said in str(caught.value)


def test_a_proof_of_other_code_is_told(tmp_path: Path) -> None:
    """By the digest of the function that it is tied to; with the right one it covers its mutant."""
    with pytest.raises(MutantsError) as caught:
        plan(_listed(tmp_path))
    said = str(caught.value)
    began = "judged.yaml: proofs[0]: found verdict.session_of changed, "
    assert said.startswith(began)
    digest = said.removeprefix(began)[:12]
    found = plan(_listed(tmp_path, LISTED.replace("000000000000", digest)))
    assert [one.mutant.id for one in found if one.proof] == ["verdict.session_of.result.1"]


def test_every_mutant_has_its_own_id_and_text() -> None:
    """Of the project's own list, whose proofs are of the code that is there."""
    found = plan(verdict_list.read())
    assert len({one.mutant.id for one in found}) == len(found) > 1000
    assert len({(one.mutant.file, one.mutant.text) for one in found}) == len(found)
    assert {one.mutant.file for one in found} >= {"verdict.py", "perf/judge.py", "report/junit.py"}


def _mutant(text: str) -> Mutant:
    """One of the first place where this text stands."""
    start = SOURCE.index(text)
    line, column = SOURCE[:start].count("\n") + 1, start - SOURCE.rfind("\n", 0, start) - 1
    return Mutant(
        id="x",
        file="toy.py",
        function="f",
        line=line,
        operator="word",
        before=text,
        after="",
        text="",
        edit=Edit(start=start, end=start + len(text), after=""),
        place=(line, column, line, column + len(text)),
    )


@pytest.mark.parametrize(
    ("text", "tests"),
    [
        ('self.name == "same"', ["quick", "slow"]),
        ("min(values", ["slow"]),
        ("values:\n", ["quick", "slow", "middle"]),
        ("LIMIT", ["beside", "quick", "slow", "middle"]),
        ("= 5", ["beside", "quick", "slow", "middle"]),
    ],
)
def test_a_mutant_meets_the_tests_that_run_its_statement(text: str, tests: list[str]) -> None:
    """The quickest first; of what an import runs, those beside what runs any of the file."""
    lines = {14: [3], 15: [1], 16: [3], 23: [0, 1, 3], 24: [1], 25: [0]}
    of = Of(statements=9, branches=2, missing_lines=[], missing_branches=[], tests=lines)
    times = {"a::middle": 3.0, "a::slow": 2.0, "c::other": 0.1, "b::quick": 1.0, "b::beside": 0.5}
    reach = Reach("toy.py", SOURCE, Measured(seconds=times, failed={}, files={"toy.py": of}))
    assert [name.partition("::")[2] for name in reach.tests(_mutant(text))] == tests
