"""The real matrix.yaml, changed at random: it is still a matrix, or its faults are told."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernelproof.errors import MatrixError
from kernelproof.plan import matrix, repository
from kernelproof.plan.cases import plan

# Comments left out: a change in one changes nothing.
TEXT = re.sub(r"^ *#.*\n", "", matrix.FILE.read_text(encoding="utf-8"), flags=re.MULTILINE)
WORD = re.compile(r"[^\s{}\[\],:]+")
TOLD = re.compile(
    r"matrix\.yaml:[1-9][0-9]*:[1-9][0-9]*: \S.*: found .+, expected .+"
    r"|matrix\.yaml: and [1-9][0-9]* more"
)
WRITTEN = [
    *("no", "~", "1e-3", "1e999", "-1", "0", "010", "1:30", ".nan", "1_", "true", "2026-01-01"),
    *("T", "E", "fp32", "fp8e4m3", "cpu", "h200", "cuda", "dtypes", "'[key]'", "99999999999"),
    *("[]", "{}", "''", "[[1]]", "{a: 1}", "&a x", "*a", "!!int", "!mine", "? ", "- ", "| ", "> "),
    *("#", "%", "---\n", "\n", "\t", "\0", "\x85", "é", ":", ": ", '"\\ud800"', '"\\UFFFFFFFF"'),
]
Change = tuple[str, float, float, str]
# What is done, where (as a share of the text), where to, and what is written there.
CHANGES = st.tuples(
    st.sampled_from(["replace", "insert", "drop", "repeat", "indent", "dedent"]),
    st.floats(0, 1, exclude_max=True),
    st.floats(0, 1, exclude_max=True),
    st.sampled_from(WRITTEN),
)


def _changed(text: str, change: Change) -> str:
    kind, where, to, written = change
    if kind == "insert":
        at = int(where * len(text))
        return text[:at] + written + text[at:]
    if kind == "replace":
        words = list(WORD.finditer(text))
        start, end = words[int(where * len(words))].span()
        return text[:start] + written + text[end:]
    lines = text.splitlines(keepends=True)
    i = int(where * len(lines))
    line = lines[i]
    if kind == "repeat":
        lines.insert(int(to * len(lines)), line)
    else:
        lines[i] = {"drop": "", "indent": f"  {line}", "dedent": line[2:]}[kind]
    return "".join(lines)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree with the names of the real kernels and their proofs, and nothing in them."""
    folder = tmp_path_factory.mktemp("tree")
    for file in repository.ROOT.glob("kernels/**/__init__.py"):
        copy = folder / file.relative_to(repository.ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.touch()
    return folder


def test_without_a_change_it_is_read(folder: Path) -> None:
    """The folder holds all that the matrix names, so that a change alone makes a fault."""
    (folder / "matrix.yaml").write_text(TEXT, encoding="utf-8")
    assert matrix.load(folder / "matrix.yaml") == matrix.load()


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(st.lists(CHANGES, min_size=1, max_size=3))
def test_changed_it_is_a_matrix_or_its_faults_are_told(folder: Path, changes: list[Change]) -> None:
    """No other exception leaves the reader; a matrix has a plan, a fault is one line each."""
    text = TEXT
    for change in changes:
        text = _changed(text, change)
    (folder / "matrix.yaml").write_bytes(text.encode("utf-8"))
    try:
        planned = plan(matrix.load(folder / "matrix.yaml"))
    except MatrixError as error:
        faults = str(error).splitlines()
        assert faults
        assert [line for line in faults if not TOLD.fullmatch(line) or not line.isprintable()] == []
    else:
        names = {(case.check, case.case.id) for case in planned}
        assert len(names) == len(planned) > 0
