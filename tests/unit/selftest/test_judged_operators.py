"""The operators on code that judges: each one's edits of small functions."""

import ast

import pytest

from kernelproof.selftest.mutation import operators
from kernelproof.selftest.mutation.operators import mutants_at
from kernelproof.selftest.verdict_mutation.verdict_mutants import units
from kernelproof.selftest.verdict_mutation.verdict_operators import OPERATORS, member_of

# Of each operator: a line, and the lines that it becomes.
LINES = {
    "word": [
        ("y = f('text', \"\")", ["y = f('', \"\")"]),
        ('y = f"{a}: {b:.2f}"', ["y = (f'{a}{b:.2f}')", "y = (f'{a}: {b}')"]),
        ('y = f"{a!r}"', ["y = (f'{a}')"]),
        ("y = f(help='for people')", []),
    ],
    "membership": [
        ("y = a in b", ["y = a not in b"]),
        ("y = a is not None", ["y = a is None"]),
        ("y = a == b", []),
    ],
    "chained comparison": [("y = 0 < a <= b", ["y = 0 <= a <= b", "y = 0 < a < b"])],
    "division": [("y = a / b**c", ["y = a * b**c", "y = a / b*c"]), ("y = a // b", [])],
    "later condition": [
        ("y = a and b and c", ["y = a and b or c"]),
        ("y = a or b", []),
    ],
    "filter": [("y = [i for i in a if i if b]", ["y = [i for i in a if (not (i)) if b]",
                                                "y = [i for i in a if i if (not (b))]"])],
    "likeness": [
        ("y = all(a) + sorted(b)", ["y = any(a) + sorted(b)", "y = all(a) + list(b)"]),
        ("y = a.lower().other()", ["y = a.upper().other()"]),
    ],
    "result": [
        ("return a", ["return None"]),
        ("return", []),
        ("return ''", []),
        ("return ()", []),
        ("return (a,)", ["return None"]),
    ],
    "dropped statement": [
        ("f(a)", ["pass"]),
        ("raise a", ["pass"]),
        ("a += b", ["pass"]),
        ("a[b] = c", ["pass"]),
        ("yield a", ["pass"]),
        ("y = f(a)", []),
        ("'a docstring'", []),
    ],
    "dropped handler": [],
    "member": [],
}  # fmt: skip


def _function(*lines: str) -> str:
    body = "\n".join(f"    {line}" for line in lines)
    return f'def f(a, b, c):\n    """A docstring."""\n{body}\n    return\n'


def _becomes(source: str, operator: str) -> list[str]:
    nodes = units(ast.parse(source))["f"]
    return sorted(one.text for one in mutants_at("f.py", source, "f", nodes, OPERATORS)
                  if one.operator == operator)  # fmt: skip


@pytest.mark.parametrize("operator", LINES)
def test_an_operator_edits_its_nodes_alone(operator: str) -> None:
    """The file is as before but for the one line; what it is not for stays as it is."""
    for line, becomes in LINES[operator]:
        assert _becomes(_function(line), operator) == sorted(map(_function, becomes))


def test_each_error_of_a_handler_is_caught_no_more() -> None:
    """Of several, each by itself."""
    lines = "try:", "    f(a)", "except {}:", "    pass"

    def caught(what: str) -> str:
        return _function(*(line.format(what) for line in lines))

    assert _becomes(caught("OSError"), "dropped handler") == [caught("()")]
    both = _becomes(caught("(OSError, KeyError)"), "dropped handler")
    assert both == [caught("(KeyError,)"), caught("(OSError,)")]


def test_a_loop_that_ends_otherwise() -> None:
    """By the filter's operator."""
    lines = "while {}:", "    f(a)"
    source, other = (_function(lines[0].format(of), lines[1]) for of in ("a", "(not (a))"))
    assert _becomes(source, "filter") == [other]


def test_a_member_becomes_the_next_one() -> None:
    """The last one the first; what is no member of an enumeration stays."""
    source = _function("y = Check.PARITY, Check.PERF, Other.PERF, Check.name")
    nodes = units(ast.parse(source))["f"]
    operator = {"member": member_of({"Check": ["PARITY", "PERF"]})}
    after = [one.after for one in mutants_at("f.py", source, "f", nodes, operator)]
    assert after == ["Check.PERF", "Check.PARITY"]


def test_the_operators_of_kernels_are_among_them() -> None:
    """As they are; those that are new are the judge's alone."""
    assert operators.OPERATORS.items() <= OPERATORS.items()
    assert OPERATORS.keys() - operators.OPERATORS.keys() == LINES.keys()
