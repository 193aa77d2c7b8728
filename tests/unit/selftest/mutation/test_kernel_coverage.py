"""The places of a kernel that run, and the mutants that they reach."""

from dataclasses import replace
from pathlib import Path

from kernelproof.selftest.mutation.kernel_coverage import is_reached, traced
from kernelproof.selftest.mutation.mutant import Span
from tests.unit.selftest.mutation.made_mutants import made_mutant


def _is_reached(source: str, place: Span, *spans: Span) -> bool:
    mutant = replace(made_mutant(), original=source, place=place)
    return is_reached(mutant, {"kernel.py": list(spans)})


def test_an_instruction_of_the_node_reaches_a_mutant() -> None:
    """An instruction of another part of the line does not; a named fault needs none.

    No instruction is compiled of a folded constant alone: the part around it reaches the mutant,
    but the function's definition is too large a part.
    """
    source = "def f(a, b):\n    return a and b + 1\n"
    assert not _is_reached(source, (2, 17, 2, 22), (2, 11, 2, 12))
    assert _is_reached(source, (2, 17, 2, 22), (2, 17, 2, 18))
    assert not _is_reached(source, (2, 17, 2, 22))
    assert is_reached(replace(made_mutant(), place=None), {})
    source = "def f(a):\n    return a in (1, 2)\n"
    assert not _is_reached(source, (2, 17, 2, 18), (1, 0, 2, 22))
    assert _is_reached(source, (2, 17, 2, 18), (2, 16, 2, 22))


def test_only_code_that_runs_is_traced(tmp_path: Path) -> None:
    """The places are those of the folder's files, of the branch that was taken."""
    text = "def f(a):\n    if a:\n        return a + 1\n    return a - 1\n"
    file = tmp_path / "kernel.py"
    file.write_text(text)
    names: dict[str, int] = {}
    with traced(tmp_path) as places:
        exec(compile(f"{text}\nanswer = f(2)\n", str(file), "exec"), names)  # noqa: S102
    reached = places()
    assert (names["answer"], [*reached]) == (3, ["kernel.py"])
    assert {span[0] for span in reached["kernel.py"]} == {1, 2, 3, 6}
