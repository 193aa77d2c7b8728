"""The operators of verdict code, and the nodes that they are tried on.

They are those of kernels, which change numbers, and others that change what verdict code consists
of: words, members of enumerations, conditions, handlers and statements.
"""

import ast
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy

from kernelproof.selftest.mutation import operators
from kernelproof.selftest.mutation.mutant import SourceText, TextEdit
from kernelproof.selftest.mutation.operators import Operator

MODULE = "module"  # the name of the nodes that stand in no function and no class
# A command's help is for people; no verdict depends on it.
_HELP = frozenset({"description", "epilog", "help", "metavar", "prog"})
# The members of each enumeration, in their order.
Members = Mapping[str, Sequence[str]]

_MEMBERSHIP: dict[type[ast.AST], tuple[str, str]] = {
    ast.In: ("in", "not in"),
    ast.NotIn: ("not in", "in"),
    ast.Is: ("is", "is not"),
    ast.IsNot: ("is not", "is"),
}
_DIVISION: dict[type[ast.AST], tuple[str, str]] = {ast.Div: ("/", "*"), ast.Pow: ("**", "*")}
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


def _word(node: ast.AST, text: SourceText) -> Iterator[TextEdit]:
    """Empties a text; of an f-string, drops each part and each format."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value:
        yield text.instead(node, 2 * text.of(node)[-1])
    elif isinstance(node, ast.JoinedStr):
        for place, part in enumerate(node.values):
            edited = deepcopy(node)
            if isinstance(part, ast.Constant):
                del edited.values[place]
            elif isinstance(part, ast.FormattedValue) and part.format_spec:
                edited.values[place].format_spec = None  # type: ignore[attr-defined]
            elif isinstance(part, ast.FormattedValue) and part.conversion != -1:
                edited.values[place].conversion = -1  # type: ignore[attr-defined]
            else:
                continue
            yield text.instead(node, f"({ast.unparse(edited)})")


def _chained(node: ast.AST, text: SourceText) -> Iterator[TextEdit]:
    """Moves either end of a range."""
    if isinstance(node, ast.Compare) and len(node.ops) > 1:
        sides = [node.left, *node.comparators]
        for left, operator, right in zip(sides, node.ops, sides[1:], strict=False):
            if type(operator) in operators.ORDER:
                yield text.between(left, right, *operators.ORDER[type(operator)])


def _later_condition(node: ast.AST, text: SourceText) -> Iterator[TextEdit]:
    """Exchanges the words behind the first two conditions, which the kernels' operator leaves."""
    if isinstance(node, ast.BoolOp):
        words = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
        for left, right in zip(node.values[1:], node.values[2:], strict=False):
            yield text.between(left, right, *words)


def _filter(node: ast.AST, text: SourceText) -> Iterator[TextEdit]:
    """Negates the filters of a comprehension, and the condition of a while loop."""
    tests = [node.test] if isinstance(node, ast.While) else []
    if isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
        tests = [test for part in node.generators for test in part.ifs]
    for test in tests:
        yield text.instead(test, f"(not ({text.of(test)}))")


def _likeness(node: ast.AST, text: SourceText) -> Iterator[TextEdit]:
    """Calls a similar function that takes the same arguments."""
    if isinstance(node, ast.Call):
        before, dot, name = text.of(node.func).rpartition(".")
        if name in _LIKENESS:
            yield text.instead(node.func, f"{before}{dot}{_LIKENESS[name]}")


def _result(node: ast.AST, text: SourceText) -> Iterator[TextEdit]:
    """Returns None in the place of a value that is not empty."""
    if isinstance(node, ast.Return) and node.value and not _is_empty(node.value):
        yield text.instead(node.value, "None")


def _is_empty(node: ast.expr) -> bool:
    if isinstance(node, ast.Constant):
        return not node.value
    return isinstance(node, ast.Tuple | ast.List) and not node.elts


def _statement(node: ast.AST, text: SourceText) -> Iterator[TextEdit]:
    """Drops a call, a raise, or an assignment to an item or an attribute."""
    is_call = isinstance(node, ast.Expr) and isinstance(
        node.value, ast.Call | ast.Yield | ast.YieldFrom
    )
    is_put = isinstance(node, ast.Assign) and isinstance(
        node.targets[0], ast.Subscript | ast.Attribute
    )
    if is_call or is_put or isinstance(node, ast.Raise | ast.AugAssign | ast.Continue | ast.Break):
        yield text.instead(node, "pass")


def _handler(node: ast.AST, text: SourceText) -> Iterator[TextEdit]:
    """Stops catching each error of a handler."""
    if isinstance(node, ast.ExceptHandler) and node.type:
        caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
        for dropped in caught:
            kept = ", ".join(text.of(error) for error in caught if error is not dropped)
            yield text.instead(node.type, f"({kept}{',' if kept else ''})")


def member_of(members: Members) -> Operator:
    """Returns the operator that takes the next member of an enumeration."""

    def edits(node: ast.AST, text: SourceText) -> Iterator[TextEdit]:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            known = members.get(node.value.id, ())
            if node.attr in known:
                after = known[(known.index(node.attr) + 1) % len(known)]
                yield text.instead(node, f"{node.value.id}.{after}")

    return edits


OPERATORS: dict[str, Operator] = {
    **operators.OPERATORS,
    "word": _word,
    "membership": operators.exchange_of(_MEMBERSHIP),
    "chained comparison": _chained,
    "division": operators.exchange_of(_DIVISION),
    "later condition": _later_condition,
    "filter": _filter,
    "likeness": _likeness,
    "result": _result,
    "dropped statement": _statement,
    "dropped handler": _handler,
    "member": member_of({}),  # the plan puts in the enumerations of each file
}


def nodes_by_name(module: ast.Module) -> dict[str, list[ast.AST]]:
    """Returns the own nodes of each function, method and class, and of the module, by name.

    They leave out docstrings, annotations of functions, decorators, a command's help, and the
    statements that run only if the module is the command.
    """
    nodes: dict[str, list[ast.AST]] = {}
    _gather(module.body, MODULE, "", nodes)
    return nodes


def _gather(
    body: Sequence[ast.stmt], name: str, prefix: str, nodes: dict[str, list[ast.AST]]
) -> None:
    for statement in body:
        if isinstance(statement, ast.ClassDef):
            inner = f"{prefix}{statement.name}"
            _gather(statement.body, inner, f"{inner}.", nodes)
        elif isinstance(statement, ast.FunctionDef):
            own = [node for part in statement.body for node in _walk(part, is_annotated=False)]
            nodes.setdefault(f"{prefix}{statement.name}", []).extend(own)
            defaults = [*statement.args.defaults, *filter(None, statement.args.kw_defaults)]
            nodes.setdefault(name, []).extend(node for part in defaults for node in _walk(part))
        elif not _is_main_guard(statement):
            nodes.setdefault(name, []).extend(_walk(statement))


def _walk(node: ast.AST, *, is_annotated: bool = True) -> Iterator[ast.AST]:
    """Yields a node and the nodes within it; annotations only if a class may read them."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return
    if isinstance(node, ast.keyword) and node.arg in _HELP:
        return
    yield node
    within: list[ast.AST]
    if isinstance(node, ast.JoinedStr):
        within = [part.value for part in node.values if isinstance(part, ast.FormattedValue)]
    elif isinstance(node, ast.AnnAssign) and not is_annotated:
        within = [node.value] if node.value else []
    else:
        children = ast.iter_child_nodes(node)
        within = [part for part in children if not isinstance(part, ast.arguments)]
    for part in within:
        yield from _walk(part, is_annotated=is_annotated)


def _is_main_guard(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.If) and ast.unparse(statement.test) == "__name__ == '__main__'"
