"""The operators of kernels and of verdict code: their edits of small functions, and their ids."""

import ast

import pytest

from kernelproof.selftest.mutation import operators, verdict_operators
from kernelproof.selftest.mutation.mutant import Mutant
from kernelproof.selftest.mutation.operators import mutants_of
from kernelproof.selftest.mutation.verdict_operators import member_of, nodes_by_name

MEMBERS = {"Check": ["PARITY", "PERF"]}
OPERATORS = {**verdict_operators.OPERATORS, "member": member_of(MEMBERS)}
# The lines that each operator makes of a line; a line of several stands for several lines.
EDITS = {
    "arithmetic": {
        "y = a + b": ["y = a - b"],
        "y = (a - b) * c": ["y = (a - b) + c", "y = (a + b) * c"],
        "y = a // b % c": ["y = a // b // c", "y = a * b % c"],
        "y = a & (b | c) ^ d": [
            "y = a & (b | c) & d",
            "y = a | (b | c) ^ d",
            "y = a & (b & c) ^ d",
        ],
        "y = a >> b << c": ["y = a >> b >> c", "y = a << b << c"],
    },
    "comparison": {
        "y = a < b": ["y = a <= b"],
        "y = a >= b": ["y = a > b"],
        "y = a == b": ["y = a != b"],
        "y = a < b < c": [],
    },
    "constant": {
        "y = f(3, 0.0)": ["y = f(4, 0.0)", "y = f(3, 1.0)"],
        "y = f(True)": ["y = f(False)"],
        "y = f('text', None)": [],
        "y = a >> 31": ["y = a >> 30"],
    },
    "special value": {'y = float("nan")': ['y = float("inf")'], "y = 'other'": []},
    "negation": {"y = -a + ~b": ["y = (a) + ~b", "y = -a + (b)"], "y = not a": ["y = (a)"]},
    "condition": {
        "y = a if b else c": ["y = a if not (b) else c"],
        "y = a and b or c": ["y = a and b and c", "y = a or b or c"],
    },
    "swapped operands": {
        "y = (a - (b - c)) * d": ["y = ((b - c - a)) * d", "y = (a - ((c - b))) * d"],
        "y = tl.where(a, b, c)": ["y = tl.where(a, c, b)"],
        "y = a + b": [],
    },
    "dropped select": {"y = tl.where(a < 0, b + 1, c)": ["y = (b + 1)"]},
    "extremum": {
        "y = tl.max(a)": ["y = tl.min(a)"],
        "y = min(a, other.max(b))": ["y = max(a, other.max(b))"],
    },
    "dropped mask": {"y = tl.load(p, mask=m & n, other=0)": ["y = tl.load(p, other=0)"]},
    "dropped store": {
        "tl.store(p, a, mask=m)": ["pass"],
        "one.copy_(a)": ["pass"],
        "launch(a)": [],
    },
    "wrong dtype": {
        "y = a.to(tl.int64)": ["y = a.to(tl.int32)"],
        "y = torch.float32": ["y = torch.float64"],
    },
    "loop bound": {"y = [i for i in range(1, K)]": ["y = [i for i in range(1, K - 1)]"]},
    "index and stride": {
        "y = offs_t * stride_gt": [
            "y = (offs_t + 1) * stride_gt",
            "y = offs_t * (stride_gt + 1)",
        ]
    },
    "word": {
        "y = f('text', \"\")": ["y = f('', \"\")"],
        'y = f"{a}: {b:.2f}"': ["y = (f'{a}{b:.2f}')", "y = (f'{a}: {b}')"],
        'y = f"{a!r}"': ["y = (f'{a}')"],
        "y = f(help='for people')": [],
    },
    "membership": {
        "y = a in b": ["y = a not in b"],
        "y = a is not None": ["y = a is None"],
        "y = a == b": [],
    },
    "chained comparison": {"y = 0 < a <= b": ["y = 0 <= a <= b", "y = 0 < a < b"]},
    "division": {"y = a / b**c": ["y = a * b**c", "y = a / b*c"], "y = a // b": []},
    "later condition": {"y = a and b and c": ["y = a and b or c"], "y = a or b": []},
    "filter": {
        "y = [i for i in a if i if b]": [
            "y = [i for i in a if (not (i)) if b]",
            "y = [i for i in a if i if (not (b))]",
        ],
        "while a:\n    f(a)": ["while (not (a)):\n    f(a)"],
    },
    "likeness": {
        "y = all(a) + sorted(b)": ["y = any(a) + sorted(b)", "y = all(a) + list(b)"],
        "y = a.lower().other()": ["y = a.upper().other()"],
    },
    "result": {
        "return a": ["return None"],
        "return": [],
        "return ''": [],
        "return ()": [],
        "return (a,)": ["return None"],
    },
    "dropped statement": {
        "f(a)": ["pass"],
        "raise a": ["pass"],
        "a += b": ["pass"],
        "a[b] = c": ["pass"],
        "yield a": ["pass"],
        "y = f(a)": [],
        "'a docstring'": [],
    },
    "dropped handler": {
        "try:\n    f(a)\nexcept OSError:\n    pass": ["try:\n    f(a)\nexcept ():\n    pass"],
        "try:\n    f(a)\nexcept (OSError, KeyError):\n    pass": [
            "try:\n    f(a)\nexcept (KeyError,):\n    pass",
            "try:\n    f(a)\nexcept (OSError,):\n    pass",
        ],
    },
    "member": {
        "y = Check.PARITY, Other.PERF, Check.name": ["y = Check.PERF, Other.PERF, Check.name"],
        "y = Check.PERF": ["y = Check.PARITY"],
    },
}


def _function(*lines: str) -> str:
    body = "\n".join(f"    {part}" for line in lines for part in line.split("\n"))
    return f'def f(a, b, c):\n    """A docstring, 1 + 1."""\n{body}\n    return\n'


def _mutants(source: str, operator: str) -> list[Mutant]:
    nodes = nodes_by_name(ast.parse(source))["f"]
    mutants = mutants_of("kernel.py", source, "f", nodes, OPERATORS)
    return [mutant for mutant in mutants if mutant.operator == operator]


def test_an_operator_edits_its_nodes_alone() -> None:
    """The rest of the file stays as it is, and so does a line of another kind."""
    wrong = []
    for operator, edits in EDITS.items():
        for line, edited in edits.items():
            texts = sorted(mutant.text for mutant in _mutants(_function(line), operator))
            if texts != sorted(map(_function, edited)):
                wrong.append((operator, line, texts))
    assert wrong == []
    assert EDITS.keys() == OPERATORS.keys()
    assert operators.OPERATORS.items() <= OPERATORS.items()


def test_ids_count_an_operator_in_a_function() -> None:
    """Other lines and functions leave a mutant's id as it is; each mutant has its own text."""
    lines = "y = a + b", "y = y * c"
    ids = ["kernel.f.arithmetic.1", "kernel.f.arithmetic.2"]
    mutants = _mutants(_function(*lines), "arithmetic")
    assert [mutant.id for mutant in mutants] == ids
    moved = _mutants(_function("# a remark", *lines), "arithmetic")
    assert [(mutant.id, mutant.line) for mutant in moved] == [*zip(ids, (4, 5), strict=True)]


def test_an_edit_that_is_no_python_is_refused() -> None:
    """An operator that yields one is wrong itself."""
    source = _function("y = a")
    nodes = nodes_by_name(ast.parse(source))["f"]
    broken = {"broken": lambda node, text: iter([text.instead(node, "a +")])}
    with pytest.raises(SyntaxError):
        list(mutants_of("kernel.py", source, "f", nodes, broken))


def test_columns_are_counted_in_bytes() -> None:
    """A character of several bytes moves nothing, as the syntax tree counts bytes, too."""
    (mutant,) = _mutants(_function("y = 'µ', a + b"), "arithmetic")
    assert mutant.text == _function("y = 'µ', a - b")
    assert (mutant.before, mutant.after, mutant.line) == ("+", "-", 3)
