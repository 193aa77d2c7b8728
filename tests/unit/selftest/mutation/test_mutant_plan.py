"""The lists of mutants against the code: edits by their text, proofs by digests, units of code."""

import ast
from collections.abc import Callable
from pathlib import Path

import pytest

from kernelproof.errors import Exit, MatrixError, UsageError
from kernelproof.plan import matrix
from kernelproof.selftest.mutation import mutant_list
from kernelproof.selftest.mutation.mutant_list import VERDICTS, MutantsError, VerdictMutantList
from kernelproof.selftest.mutation.mutant_plan import chosen, digest_of, plan_kernel, plan_verdicts
from kernelproof.selftest.mutation.verdict_operators import nodes_by_name
from tests.unit.selftest.mutation.made_mutants import made_mutant

KERNEL = '''\
"""A kernel."""

LIMIT = 8


def add(a, b):
    """Their sum, or the limit."""
    return min(a + b, LIMIT)
'''
LIST = """\
mutated:
  - file: kernel.py
faults:
  - name: no-limit
    operator: bounds
    source: made up
    file: kernel.py
    edits: [{before: "min(a + b, LIMIT)", after: "a + b"}]
proofs:
  - concludes: equivalent
    tied_to: {kernel.add: "ADD", kernel.LIMIT: "LIMIT"}
    code: "a + b"
    because: of the test
"""
VERDICT_LIST = """\
files: [records/verdict.py]
tests: [checks/test_verdict.py]
proofs: []
"""
CODE = '''\
"""A file of verdict code, 1 + 1."""

LIMIT = 3.0


class Found(Base, frozen=True):
    """A finding."""

    name: str = Field(max_length=9)

    @property
    def is_good(self) -> Literal[4]:
        """Whether it is."""
        return self.name == "pass" or self.name == "same"


def least(values: list[int], at: int = 5) -> int:
    """The least."""
    found: dict[Literal[6], int] = {}
    if values:
        return min(values[at:])
    return 7


if __name__ == "__main__":
    least([8])
'''


def _digest(source: str, place: int) -> str:
    return digest_of(ast.parse(source).body[place])


PROVEN = LIST.replace('"ADD"', f'"{_digest(KERNEL, 2)}"').replace(
    '"LIMIT"', f'"{_digest(KERNEL, 1)}"'
)


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], Path]:
    """Returns a function that writes a kernel and its list into a tree."""
    folder = tmp_path / "kernels" / "toy"
    (folder / "proof").mkdir(parents=True)

    def written(kernel: str, text: str) -> Path:
        (folder / "kernel.py").write_text(kernel)
        (folder / "proof" / "mutants.yaml").write_text(text)
        return tmp_path

    return written


def _message(root: Path) -> str:
    with pytest.raises(MutantsError) as caught:
        plan_kernel("toy", root)
    assert caught.value.exit == Exit.MATRIX
    return str(caught.value)


def test_plan_has_faults_and_mutants(write: Callable[[str, str], Path]) -> None:
    """The named ones first; a proof covers the mutants within its code, and no other."""
    mutants = plan_kernel("toy", write(KERNEL, PROVEN))
    assert [(mutant.id, mutant.conclusion) for mutant in mutants] == [
        ("fault.no-limit", ""),
        ("kernel.add.arithmetic.1", "equivalent"),
        ("kernel.add.extremum.1", ""),
    ]
    assert mutants[0].text == KERNEL.replace("min(a + b, LIMIT)", "a + b")
    assert (mutants[0].line, mutants[0].original) == (8, KERNEL)
    assert (mutants[1].kernel, mutants[1].because) == ("toy", "of the test")
    assert mutants[1].path == "kernels/toy/kernel.py"


def test_a_proof_survives_other_words_and_another_layout(
    write: Callable[[str, str], Path],
) -> None:
    """Docstrings, comments and line breaks do not untie it."""
    other = KERNEL.replace("Their sum", "The sum").replace(
        "b, LIMIT)", "b,\n    LIMIT)  # a remark"
    )
    other = other.replace("LIMIT = 8", "# a limit\nLIMIT = 8")
    root = write(other, PROVEN.replace('"min(a + b, LIMIT)"', '"min(a + b,"').replace(
        'after: "a + b"', 'after: "max(a + b,"'))  # fmt: skip
    assert [mutant.conclusion for mutant in plan_kernel("toy", root)] == ["", "equivalent", ""]


def test_digests_are_of_the_code() -> None:
    """Any other operator, constant, name, decorator or nesting changes them; the words do not."""
    texts = [
        "def f(a):\n    return a + 1",
        "def f(a):\n    return a - 1",
        "def f(a):\n    return a + 1.0",
        "def f(a):\n    return a + True",
        "def f(b):\n    return b + 1",
        "def f(a, b=None):\n    return a + 1",
        "@g\ndef f(a):\n    return a + 1",
        "def f(a):\n    if a:\n        a = 2\n        a = 3\n    return a + 1",
        "def f(a):\n    if a:\n        a = 2\n    a = 3\n    return a + 1",
        "def f(a):\n    return f'{a} 1'",
        "def f(a):\n    return f'{a}  1'",
    ]
    assert len({_digest(text, 0) for text in texts}) == len(texts)
    same = 'def f( a ):\n    """Words."""\n\n    # a remark\n    return (a +\n            1)'
    assert _digest(same, 0) == _digest(texts[0], 0) == "6ad92271fecc"


@pytest.mark.parametrize(
    ("text", "old", "new", "message"),
    [
        (KERNEL, "add(", "sum(", "found no kernel.add, expected what the proof is tied to"),
        (KERNEL, "min(a", "min( a", "found 'min(a + b, LIMIT)' 0 times, expected once"),
        (KERNEL, "LIMIT = 8", "# min(a + b, LIMIT)\nLIMIT = 8",
         "'min(a + b, LIMIT)' 2 times, expected"),
        (KERNEL, "LIMIT = 8", "LIMIT = 9", "proofs[0]: found kernel.LIMIT changed, "),
        (KERNEL, "a + b, LIMIT)", "a + b, LIMIT, 9)", "proofs[0]: found kernel.add changed, "),
        (PROVEN, "file: kernel.py\nfaults", "{file: kernel.py, functions: [sub]}\nfaults",
         "kernel.py: found no function sub, expected one"),
        (PROVEN, "file: kernel.py\nfaults", "file: other.py\nfaults",
         "other.py: found no such file, expected one of the kernel's"),
        (PROVEN, 'code: "a + b"', "code: LIMIT)",
         "proofs[0]: found no mutant of 'LIMIT)', expected some"),
        (PROVEN, 'code: "a + b"', 'code: "a"', "proofs[0]: found 'a' 3 times, expected once"),
        (PROVEN, 'after: "a + b"', 'after: "a +"', "kernel.py: fault no-limit: found no Python: "),
    ],
)  # fmt: skip
def test_lists_that_do_not_match_the_code_are_told(
    write: Callable[[str, str], Path], text: str, old: str, new: str, message: str
) -> None:
    """Changed code is told, and a list that names nothing, or no place of its own."""
    assert old in text
    line = _message(
        write(KERNEL.replace(old, new), PROVEN)
        if text == KERNEL
        else write(KERNEL, PROVEN.replace(old, new))
    )
    assert line.startswith("kernels/toy/proof/mutants.yaml: ")
    assert message in line


def test_lists_are_read_strictly(write: Callable[[str, str], Path], tmp_path: Path) -> None:
    """Every fault at once, each with its line."""
    wrong = PROVEN.replace("source:", "origin:").replace("concludes: equi", "concludes: right")
    with pytest.raises(MatrixError) as caught:
        plan_kernel("toy", write(KERNEL, wrong))
    assert [line.split(": ")[0] for line in str(caught.value).splitlines()] == [
        "toy/proof/mutants.yaml:4:5",
        "toy/proof/mutants.yaml:6:13",
        "toy/proof/mutants.yaml:10:16",
    ]
    proof = PROVEN.partition("proofs:")[2].replace("because", "operator: resalt\n    because")
    wrong = VERDICT_LIST.replace("proofs: []", f"proofs:{proof}").replace("equivalent", "no row")
    wrong = wrong.replace("[records/verdict.py]", "[../verdict.py]").replace("tests:", "test:")
    (tmp_path / "verdicts.yaml").write_text(wrong)
    with pytest.raises(MatrixError) as caught:
        mutant_list.read(tmp_path / "verdicts.yaml", VerdictMutantList)
    message = str(caught.value)
    for place in ("files[0]", "test: found unknown key 'test'", "concludes", "operator"):
        assert place in message


def test_a_pattern_takes_files_that_are_added(tmp_path: Path) -> None:
    """Each once; a pattern that matches nothing is told, since nobody would miss its files."""
    folder = tmp_path / "pipeline" / "kernelproof" / "report"
    folder.mkdir(parents=True)
    for name in ("page.py", "junit.py"):
        (folder / name).touch()
    entries = VerdictMutantList(
        files=["report/page.py", "report/*.py"], tests=["test_*.py"], proofs=[]
    )
    assert entries.matched_files(tmp_path) == ["report/page.py", "report/junit.py"]
    with pytest.raises(MutantsError) as caught:
        entries.matched_tests(tmp_path)
    assert str(caught.value) == "verdicts.yaml: found no file 'test_*.py', expected some"


def test_nodes_of_a_name_are_its_own() -> None:
    """Methods, classes, functions, the module: no docstring, no annotation of a function's."""
    constants = {
        name: [node.value for node in nodes if isinstance(node, ast.Constant)]
        for name, nodes in nodes_by_name(ast.parse(CODE)).items()
    }
    assert constants == {
        "module": [3.0, 5],
        "Found": [9],
        "Found.is_good": ["pass", "same"],
        "least": [7],
    }


def test_names_choose_mutants() -> None:
    """Ids or files choose mutants; an unknown name is refused with what was expected or meant."""
    mutants = [made_mutant("kernel.f.word.1"), made_mutant("kernel.f.word.2")]
    assert chosen(mutants, "mutant", ["kernel.f.word.2"]) == mutants[1:]
    assert chosen(mutants, "mutant", []) == chosen(mutants, "file", ["kernel.py"]) == mutants
    with pytest.raises(
        UsageError, match=r"--file: found 'kernal\.py', .*did you mean 'kernel\.py'"
    ):
        chosen(mutants, "file", ["kernal.py"])
    with pytest.raises(UsageError, match="--mutant: found 'x', expected a mutant's name; --list"):
        chosen(mutants, "mutant", ["x"])


def test_the_projects_lists_match_its_code() -> None:
    """A change of the code is told by the tests, before any mutant runs; mutants differ."""
    kernels = [name for name, kernel in matrix.load().kernels.items() if kernel.mutants]
    plans = {name: plan_kernel(name) for name in kernels}
    plans["verdicts"] = plan_verdicts(mutant_list.read(VERDICTS, VerdictMutantList))
    for mutants in plans.values():
        assert len({mutant.id for mutant in mutants}) == len(mutants)
        assert len({(mutant.file, mutant.text) for mutant in mutants}) == len(mutants)
    routing = plans["gemma4_routing"]
    here = [mutant for mutant in routing if mutant.backend is None and not mutant.conclusion]
    assert len(here) >= 80
    assert len(plans["verdicts"]) > 1000
    files = {mutant.file for mutant in plans["verdicts"]}
    assert files >= {"records/verdict.py", "checks/perf/judge.py", "report/junit.py"}
