"""The operators that make mutants: each one's edits of small functions, and what names them."""

import ast
from pathlib import Path

import pytest

from kernelproof.selftest.mutation.mutant import Mutant
from kernelproof.selftest.mutation.operators import OPERATORS, mutants_of

# Of each operator: a line, and the lines that it becomes.
LINES = {
    "arithmetic": [
        ("y = a + b", ["y = a - b"]),
        ("y = (a - b) * c", ["y = (a - b) + c", "y = (a + b) * c"]),
        ("y = a // b % c", ["y = a // b // c", "y = a * b % c"]),
        (
            "y = a & (b | c) ^ d",
            ["y = a & (b | c) & d", "y = a | (b | c) ^ d", "y = a & (b & c) ^ d"],
        ),
        ("y = a >> b << c", ["y = a >> b >> c", "y = a << b << c"]),
    ],
    "comparison": [
        ("y = a < b", ["y = a <= b"]),
        ("y = a >= b", ["y = a > b"]),
        ("y = a == b", ["y = a != b"]),
        ("y = a < b < c", []),
    ],
    "constant": [
        ("y = f(3, 0.0)", ["y = f(4, 0.0)", "y = f(3, 1.0)"]),
        ("y = f(True)", ["y = f(False)"]),
        ("y = f('text', None)", []),
        ("y = a >> 31", ["y = a >> 30"]),
    ],
    "special value": [('y = float("nan")', ['y = float("inf")']), ("y = 'other'", [])],
    "negation": [("y = -a + ~b", ["y = (a) + ~b", "y = -a + (b)"]), ("y = not a", ["y = (a)"])],
    "condition": [
        ("y = a if b else c", ["y = a if not (b) else c"]),
        ("y = a and b or c", ["y = a and b and c", "y = a or b or c"]),
    ],
    "swapped operands": [
        ("y = (a - (b - c)) * d", ["y = ((b - c - a)) * d", "y = (a - ((c - b))) * d"]),
        ("y = tl.where(a, b, c)", ["y = tl.where(a, c, b)"]),
        ("y = a + b", []),
    ],
    "dropped select": [("y = tl.where(a < 0, b + 1, c)", ["y = (b + 1)"])],
    "extremum": [
        ("y = tl.max(a)", ["y = tl.min(a)"]),
        ("y = min(a, other.max(b))", ["y = max(a, other.max(b))"]),
    ],
    "dropped mask": [("y = tl.load(p, mask=m & n, other=0)", ["y = tl.load(p, other=0)"])],
    "dropped store": [
        ("tl.store(p, a, mask=m)", ["pass"]),
        ("one.copy_(a)", ["pass"]),
        ("launch(a)", []),
    ],
    "wrong dtype": [
        ("y = a.to(tl.int64)", ["y = a.to(tl.int32)"]),
        ("y = torch.float32", ["y = torch.float64"]),
    ],
    "loop bound": [("y = [i for i in range(1, K)]", ["y = [i for i in range(1, K - 1)]"])],
    "index and stride": [
        ("y = offs_t * stride_gt", ["y = (offs_t + 1) * stride_gt", "y = offs_t * (stride_gt + 1)"])
    ],
}


def _function(*lines: str) -> str:
    body = "\n".join(f"    {line}" for line in lines)
    return f'def f(a, b, c):\n    """A docstring, 1 + 1."""\n{body}\n    return y\n'


def _mutants(source: str, operator: str) -> list[Mutant]:
    function = ast.parse(source).body[0]
    assert isinstance(function, ast.FunctionDef)
    return [one for one in mutants_of("kernel.py", source, function) if one.operator == operator]


@pytest.mark.parametrize("operator", OPERATORS)
def test_operator_edits_its_nodes_alone(operator: str) -> None:
    """The whole file is as before but for the one line; what it is not for stays as it is."""
    for line, becomes in LINES[operator]:
        found = _mutants(_function(line), operator)
        assert sorted(one.text for one in found) == sorted(_function(one) for one in becomes)


def test_ids_count_an_operator_in_a_function() -> None:
    """So that lines around it, or other functions, leave the id of a mutant as it is."""
    lines = "y = a + b", "y = y * c"
    names = ["kernel.f.arithmetic.1", "kernel.f.arithmetic.2"]
    assert [one.id for one in _mutants(_function(*lines), "arithmetic")] == names
    moved = _function("# a remark", *lines)
    assert [(one.id, one.line) for one in _mutants(moved, "arithmetic")] == [
        *zip(names, (4, 5), strict=True)
    ]


def test_mutants_of_a_function_are_told_apart() -> None:
    """No two have one text, or one id."""
    text = Path("kernels/gemma4_routing/kernel.py").read_text(encoding="utf-8")
    functions = [node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]
    found = [one for function in functions for one in mutants_of("kernel.py", text, function)]
    assert len({one.text for one in found}) == len({one.id for one in found}) == len(found)


def test_columns_are_counted_in_bytes() -> None:
    """As the syntax tree counts them: a character of several bytes moves nothing."""
    (found,) = _mutants(_function("y = 'µ', a + b"), "arithmetic")
    assert found.text == _function("y = 'µ', a - b")
    assert (found.before, found.after, found.line) == ("+", "-", 3)
