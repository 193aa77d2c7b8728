"""The operators of kernels: functions that yield the faults of a syntax tree's node, as edits.

An operator yields no edit for a node of another kind. Every operator is tried on every node.
"""

import ast
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from kernelproof.selftest.mutation.mutant import Mutant, SourceText, TextEdit, place_of

_ARITHMETIC: dict[type[ast.AST], tuple[str, str]] = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "+"),
    ast.FloorDiv: ("//", "*"),
    ast.Mod: ("%", "//"),
    ast.BitAnd: ("&", "|"),
    ast.BitOr: ("|", "&"),
    ast.BitXor: ("^", "&"),
    ast.RShift: (">>", "<<"),
    ast.LShift: ("<<", ">>"),
}
ORDER: dict[type[ast.AST], tuple[str, str]] = {
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
}
_COMPARISON: dict[type[ast.AST], tuple[str, str]] = {ast.Eq: ("==", "!="), ast.NotEq: ("!=", "==")}
_EXTREMES = {"max": "min", "min": "max", "maximum": "minimum", "minimum": "maximum"}
_DTYPES = {
    "tl.int64": "tl.int32",
    "tl.int32": "tl.int16",
    "tl.float32": "tl.float16",
    "torch.float32": "torch.float64",
    "torch.int32": "torch.int64",
}
_SPECIAL = {"nan": '"inf"', "inf": '"nan"'}
_INDEX = re.compile(r"(offs|stride)_\w+")

Operator = Callable[[ast.AST, SourceText], Iterator[TextEdit]]


def exchange_of(words: Mapping[type[ast.AST], tuple[str, str]]) -> Operator:
    """Returns the operator that exchanges the word between two operands, by the node's kind."""

    def edits(node: ast.AST, text: SourceText) -> Iterator[TextEdit]:
        if isinstance(node, ast.BinOp) and type(node.op) in words:
            yield text.between(node.left, node.right, *words[type(node.op)])
        if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in words:
            yield text.between(node.left, node.comparators[0], *words[type(node.ops[0])])

    return edits


def _constant(node: ast.AST, text: SourceText) -> Iterator[TextEdit]:
    """Adds one; subtracts one from a shift, since a shift by the full width is undefined."""
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield text.instead(node, str(not node.value))
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        before = text.piece(0, text.span(node)[0]).rstrip()
        yield text.instead(node, repr(node.value + (-1 if before.endswith((">>", "<<")) else 1)))


def _special(node: ast.AST, text: SourceText) -> Iterator[TextEdit]:
    if isinstance(node, ast.Constant) and node.value in _SPECIAL:
        yield text.instead(node, _SPECIAL[str(node.value)])


def _negation(node: ast.AST, text: SourceText) -> Iterator[TextEdit]:
    if isinstance(node, ast.UnaryOp):
        yield text.instead(node, f"({text.of(node.operand)})")


def _condition(node: ast.AST, text: SourceText) -> Iterator[TextEdit]:
    if isinstance(node, ast.If | ast.IfExp):
        yield text.instead(node.test, f"not ({text.of(node.test)})")
    if isinstance(node, ast.BoolOp):
        words = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
        yield text.between(node.values[0], node.values[1], *words)


def _swapped(node: ast.AST, text: SourceText) -> Iterator[TextEdit]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub):
        swapped = ast.BinOp(left=node.right, op=node.op, right=node.left)
        yield text.instead(node, f"({ast.unparse(swapped)})")
    if select := _select(node):
        condition, chosen, default = map(text.of, select.args)
        yield text.instead(node, f"tl.where({condition}, {default}, {chosen})")


def _dropped_select(node: ast.AST, text: SourceText) -> Iterator[TextEdit]:
    if select := _select(node):
        yield text.instead(node, f"({text.of(select.args[1])})")


def _select(node: ast.AST) -> ast.Call | None:
    if isinstance(node, ast.Call) and ast.unparse(node.func) in {"tl.where", "torch.where"}:
        return node
    return None


def _extremum(node: ast.AST, text: SourceText) -> Iterator[TextEdit]:
    if isinstance(node, ast.Call):
        before, dot, name = ast.unparse(node.func).rpartition(".")
        if name in _EXTREMES and before in {"", "tl"}:
            yield text.instead(node.func, f"{before}{dot}{_EXTREMES[name]}")


def _dropped_mask(node: ast.AST, text: SourceText) -> Iterator[TextEdit]:
    if isinstance(node, ast.Call):
        for mask in (keyword.value for keyword in node.keywords if keyword.arg == "mask"):
            start, end = text.span(node)[0], text.span(mask)[1]
            comma = start + text.piece(start, end).rindex(", mask=")
            yield TextEdit(start=comma, end=end, after="")


def _dropped_store(node: ast.AST, text: SourceText) -> Iterator[TextEdit]:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        name = ast.unparse(node.value.func).rpartition(".")[2]
        if name in {"store", "store_global", "copy_"}:
            yield text.instead(node, "pass")


def _dtype(node: ast.AST, text: SourceText) -> Iterator[TextEdit]:
    if isinstance(node, ast.Attribute) and (name := ast.unparse(node)) in _DTYPES:
        yield text.instead(node, _DTYPES[name])


def _bound(node: ast.AST, text: SourceText) -> Iterator[TextEdit]:
    """Drops the last round of a loop."""
    if isinstance(node, ast.Call) and ast.unparse(node.func) in {"range", "tl.static_range"}:
        yield text.instead(node.args[-1], f"{text.of(node.args[-1])} - 1")


def _index(node: ast.AST, text: SourceText) -> Iterator[TextEdit]:
    """Adds one to an offset or a stride where the code reads it."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and _INDEX.match(node.id):
        yield text.instead(node, f"({node.id} + 1)")


OPERATORS: dict[str, Operator] = {
    "arithmetic": exchange_of(_ARITHMETIC),
    "comparison": exchange_of(_COMPARISON | ORDER),
    "constant": _constant,
    "special value": _special,
    "negation": _negation,
    "condition": _condition,
    "swapped operands": _swapped,
    "dropped select": _dropped_select,
    "extremum": _extremum,
    "dropped mask": _dropped_mask,
    "dropped store": _dropped_store,
    "wrong dtype": _dtype,
    "loop bound": _bound,
    "index and stride": _index,
}


def mutants_of(
    file: str,
    text: str,
    name: str,
    nodes: Iterable[ast.AST],
    operators: Mapping[str, Operator] = OPERATORS,
) -> Iterator[Mutant]:
    """Yields every mutant of the nodes of `name`, by operator and place; no two have one text."""
    source, seen = SourceText(text), {text}
    prefix = f"{file.removesuffix('.py').replace('/', '.')}.{name}"
    statements = ast.parse(text).body
    placed = sorted((node for node in nodes if hasattr(node, "lineno")), key=source.span)
    for operator, edits_of in operators.items():
        edits = ((node, edit) for node in placed for edit in edits_of(node, source))
        # The number counts edits whose text another mutant has, so that ids stay as they are.
        for number, (node, edit) in enumerate(edits, start=1):
            mutated = source.edited([edit])
            if mutated in seen:
                continue
            seen.add(mutated)
            _check_syntax(source, statements, edit)
            yield Mutant(
                id=f"{prefix}.{operator.replace(' ', '-')}.{number}",
                file=file,
                function=name,
                line=source.line_of(edit.start),
                operator=operator,
                before=source.piece(edit.start, edit.end),
                after=edit.after,
                original=text,
                text=mutated,
                edit=edit,
                place=place_of(node),
            )


def _check_syntax(source: SourceText, statements: Sequence[ast.stmt], edit: TextEdit) -> None:
    """Raises SyntaxError if the edit of an operator leaves a top-level statement no Python."""
    for start, end in map(source.span, statements):
        if start <= edit.start < end:
            before, after = source.piece(start, edit.start), source.piece(edit.end, end)
            ast.parse(before + edit.after + after)
