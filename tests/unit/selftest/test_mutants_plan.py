"""Lists of mutants against the code that they are of: edits by anchors, proofs by digests."""

from collections.abc import Callable
from pathlib import Path

import pytest

from kernelproof.errors import Exit, MatrixError
from kernelproof.plan import matrix
from kernelproof.selftest.mutation.kernel_mutants import MutantsError, Planted, plan

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
    tied_to: {kernel.add: "63f05e46b1a5", kernel.LIMIT: "000000000000"}
    code: "a + b"
    because: of the test
"""


def _digest(name: str, root: Path) -> str:
    """What the message of a proof that does not hold says that the digest is now."""
    with pytest.raises(MutantsError) as caught:
        plan("toy", root)
    (line,) = [line for line in str(caught.value).splitlines() if f"found {name} changed" in line]
    return line.partition("changed, ")[2][:12]


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], Path]:
    """Writes a kernel and its list into a tree."""
    folder = tmp_path / "kernels" / "toy"
    folder.mkdir(parents=True)

    def written(kernel: str, listed: str) -> Path:
        (folder / "kernel.py").write_text(kernel)
        (folder / "mutants.yaml").write_text(listed)
        return tmp_path

    return written


@pytest.fixture
def proven(write: Callable[[str, str], Path]) -> str:
    """The list with the digests that the code has."""
    root = write(KERNEL, LIST)
    text = LIST.replace("63f05e46b1a5", _digest("kernel.add", root))
    return text.replace("000000000000", _digest("kernel.LIMIT", root))


def _said(root: Path) -> str:
    with pytest.raises(MutantsError) as caught:
        plan("toy", root)
    assert caught.value.exit == Exit.MATRIX
    return str(caught.value).replace("kernels/toy/mutants.yaml: ", "")


def test_plan_has_faults_and_mutants(write: Callable[[str, str], Path], proven: str) -> None:
    """The named ones first; a proof covers what is within its code, and nothing else."""
    found = plan("toy", write(KERNEL, proven))
    assert [(one.mutant.id, one.proof is not None) for one in found] == [
        ("fault.no-limit", False),
        ("kernel.add.arithmetic.1", True),
        ("kernel.add.extremum.1", False),
    ]
    assert found[0].mutant.text == KERNEL.replace("min(a + b, LIMIT)", "a + b")
    assert (found[0].mutant.line, found[0].source) == (8, KERNEL)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("add(", "sum(", "found no kernel.add, expected what the proof is tied to"),
        ("min(a", "min( a", "found 'min(a + b, LIMIT)' 0 times, expected once"),
        ("LIMIT = 8", "# min(a + b, LIMIT)\nLIMIT = 8", "'min(a + b, LIMIT)' 2 times, expected"),
        ("LIMIT = 8", "LIMIT = 9", "proofs[0]: found kernel.LIMIT changed, "),
        ("b, LIMIT)", "b, LIMIT)  # a remark", "proofs[0]: found kernel.add changed, "),
    ],
)
def test_changed_code_is_told(
    write: Callable[[str, str], Path], proven: str, old: str, new: str, said: str
) -> None:
    """An edit that is not there exactly once, a proof of another source: no silent loss."""
    assert said in _said(write(KERNEL.replace(old, new), proven))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("file: kernel.py\nfaults", "{file: kernel.py, functions: [sub]}\nfaults",
         "kernel.py: found no function sub, expected one"),
        ("file: kernel.py\nfaults", "file: other.py\nfaults",
         "other.py: found no such file, expected one of the kernel's"),
        ('code: "a + b"', "code: LIMIT)", "proofs[0]: found no mutant of 'LIMIT)', expected some"),
        ('code: "a + b"', 'code: "a"', "proofs[0]: found 'a' 3 times, expected once"),
        ('after: "a + b"', 'after: "a +"', "kernel.py: fault no-limit: found no Python: "),
    ],
)  # fmt: skip
def test_wrong_list_is_told(
    write: Callable[[str, str], Path], proven: str, old: str, new: str, said: str
) -> None:
    """What names nothing, or no place of its own."""
    assert old in proven
    assert said in _said(write(KERNEL, proven.replace(old, new)))


def test_list_is_read_strictly(write: Callable[[str, str], Path]) -> None:
    """Every fault at once, each with its line."""
    wrong = LIST.replace("source:", "origin:").replace("concludes: equivalent", "concludes: right")
    with pytest.raises(MatrixError) as caught:
        plan("toy", write(KERNEL, wrong))
    lines = str(caught.value).splitlines()
    assert [line.split(": ")[0] for line in lines] == [
        "toy/mutants.yaml:4:5",
        "toy/mutants.yaml:6:13",
        "toy/mutants.yaml:10:16",
    ]


@pytest.fixture(scope="module")
def routing() -> tuple[Planted, ...]:
    """The mutants of the routing kernel."""
    return plan("gemma4_routing")


def test_routing_list_matches_its_code(routing: tuple[Planted, ...]) -> None:
    """So that a change of the kernel is told by the tests, before the mutants run."""
    assert len({one.mutant.id for one in routing}) == len(routing)
    here = [one for one in routing if one.backend is None and not one.proof]
    assert len(here) >= 80


def test_every_kernel_with_mutants_has_a_list() -> None:
    """matrix.yaml says what they are run against, the list what they are."""
    kernels = matrix.load().kernels
    for name in (name for name, kernel in kernels.items() if kernel.mutants):
        assert plan(name)
