"""The operators on code that judges: those of kernels, and what else such code gets wrong.

A kernel computes, and its mutants are of numbers; a judge decides and tells: its mutants are of
words, members, conditions, handlers, and of statements that are left out.
"""

import ast
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy

from kernelproof.selftest.mutation import operators
from kernelproof.selftest.mutation.mutant import Edit
from kernelproof.selftest.mutation.operators import Operator, Text

# By the name of an enumeration, its members, in their order.
Members = Mapping[str, Sequence[str]]

_MEMBERSHIP: dict[type[ast.cmpop], tuple[str, str]] = {
    ast.In: ("in", "not in"),
    ast.NotIn: ("not in", "in"),
    ast.Is: ("is", "is not"),
    ast.IsNot: ("is not", "is"),
}
_ORDERED: dict[type[ast.cmpop], tuple[str, str]] = {
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
}
_DIVISION: dict[type[ast.operator], tuple[str, str]] = {
    ast.Div: ("/", "*"),
    ast.Pow: ("**", "*"),
}
_LIKENESS = {
    "all": "any",
    "any": "all",
    "endswith": "startswith",
    "ljust": "rjust",
    "lower": "upper",
    "median_high": "median_low",
    "median_low": "median_high",
    "partition": "rpartition",
    "removeprefix": "removesuffix",
    "removesuffix": "removeprefix",
    "reversed": "list",
    "rjust": "ljust",
    "rpartition": "partition",
    "sorted": "list",
    "startswith": "endswith",
}


def _word(node: ast.AST, text: Text) -> Iterator[Edit]:
    """No text; of a text with values in it, without each of its parts, and of their formats."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value:
        yield text.instead(node, 2 * text.of(node)[-1])
    elif isinstance(node, ast.JoinedStr):
        for place, part in enumerate(node.values):
            other = deepcopy(node)
            if isinstance(part, ast.Constant):
                del other.values[place]
            elif isinstance(part, ast.FormattedValue) and part.format_spec:
                other.values[place].format_spec = None  # type: ignore[attr-defined]
            elif isinstance(part, ast.FormattedValue) and part.conversion != -1:
                other.values[place].conversion = -1  # type: ignore[attr-defined]
            else:
                continue
            yield text.instead(node, f"({ast.unparse(other)})")


def _membership(node: ast.AST, text: Text) -> Iterator[Edit]:
    if isinstance(node, ast.Compare) and type(node.ops[0]) in _MEMBERSHIP:
        yield text.between(node.left, node.comparators[0], *_MEMBERSHIP[type(node.ops[0])])


def _chained(node: ast.AST, text: Text) -> Iterator[Edit]:
    """Either end of a range."""
    if isinstance(node, ast.Compare) and len(node.ops) > 1:
        sides = [node.left, *node.comparators]
        for left, operator, right in zip(sides, node.ops, sides[1:], strict=False):
            if type(operator) in _ORDERED:
                yield text.between(left, right, *_ORDERED[type(operator)])


def _division(node: ast.AST, text: Text) -> Iterator[Edit]:
    if isinstance(node, ast.BinOp) and type(node.op) in _DIVISION:
        yield text.between(node.left, node.right, *_DIVISION[type(node.op)])


def _later_condition(node: ast.AST, text: Text) -> Iterator[Edit]:
    """Of three conditions or more, those that the kernels' operator leaves out."""
    if isinstance(node, ast.BoolOp):
        words = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
        for left, right in zip(node.values[1:], node.values[2:], strict=False):
            yield text.between(left, right, *words)


def _filter(node: ast.AST, text: Text) -> Iterator[Edit]:
    """What a comprehension leaves out, and when a loop ends."""
    tests = [node.test] if isinstance(node, ast.While) else []
    if isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
        tests = [test for part in node.generators for test in part.ifs]
    for test in tests:
        yield text.instead(test, f"(not ({text.of(test)}))")


def _likeness(node: ast.AST, text: Text) -> Iterator[Edit]:
    """Another function that takes as much."""
    if isinstance(node, ast.Call):
        before, dot, name = text.of(node.func).rpartition(".")
        if name in _LIKENESS:
            yield text.instead(node.func, f"{before}{dot}{_LIKENESS[name]}")


def _result(node: ast.AST, text: Text) -> Iterator[Edit]:
    """Nothing, where something is returned that is not as good as nothing."""
    if isinstance(node, ast.Return) and node.value and not _is_empty(node.value):
        yield text.instead(node.value, "None")


def _is_empty(node: ast.expr) -> bool:
    if isinstance(node, ast.Constant):
        return not node.value
    return isinstance(node, ast.Tuple | ast.List) and not node.elts


def _statement(node: ast.AST, text: Text) -> Iterator[Edit]:
    """One that is left out: a call, an error that is raised, a value that is put into another."""
    is_call = isinstance(node, ast.Expr) and isinstance(
        node.value, ast.Call | ast.Yield | ast.YieldFrom
    )
    is_put = isinstance(node, ast.Assign) and isinstance(
        node.targets[0], ast.Subscript | ast.Attribute
    )
    if is_call or is_put or isinstance(node, ast.Raise | ast.AugAssign | ast.Continue | ast.Break):
        yield text.instead(node, "pass")


def _handler(node: ast.AST, text: Text) -> Iterator[Edit]:
    """An error that is caught no more; of several, each."""
    if isinstance(node, ast.ExceptHandler) and node.type:
        caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
        for one in caught:
            kept = ", ".join(text.of(other) for other in caught if other is not one)
            yield text.instead(node.type, f"({kept}{',' if kept else ''})")


def member_of(members: Members) -> Operator:
    """The operator that takes the next member of an enumeration."""

    def edits(node: ast.AST, text: Text) -> Iterator[Edit]:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            known = members.get(node.value.id, ())
            if node.attr in known:
                after = known[(known.index(node.attr) + 1) % len(known)]
                yield text.instead(node, f"{node.value.id}.{after}")

    return edits


OPERATORS: dict[str, Operator] = {
    **operators.OPERATORS,
    "word": _word,
    "membership": _membership,
    "chained comparison": _chained,
    "division": _division,
    "later condition": _later_condition,
    "filter": _filter,
    "likeness": _likeness,
    "result": _result,
    "dropped statement": _statement,
    "dropped handler": _handler,
    "member": member_of({}),  # the plan knows those of each file
}
