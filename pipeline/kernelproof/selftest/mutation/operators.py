"""The operators: what can be wrong with a node of a syntax tree, as edits of its text.

Each is a function of a node that yields edits, of any node that it is not for, none. All of them
are tried on every node of the functions that a kernel's `mutants.yaml` names.
"""

import ast
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from kernelproof.selftest.mutation.mutant import Edit, Mutant, Source

_BINARY: dict[type[ast.operator], tuple[str, str]] = {
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
_COMPARED: dict[type[ast.cmpop], tuple[str, str]] = {
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
}
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


@dataclass(frozen=True)
class Text:
    """A file, in which operators find the text of its nodes."""

    source: Source

    def span(self, node: ast.AST) -> tuple[int, int]:
        """The offsets of a node's text."""
        starts = self.source.starts
        first, last = node.lineno, node.end_lineno  # type: ignore[attr-defined]
        begin, end = node.col_offset, node.end_col_offset  # type: ignore[attr-defined]
        return starts[first - 1] + begin, starts[last - 1] + end

    def of(self, node: ast.AST) -> str:
        """A node's text."""
        return self.source.piece(*self.span(node))

    def instead(self, node: ast.AST, after: str) -> Edit:
        """Other text in a node's place."""
        start, end = self.span(node)
        return Edit(start=start, end=end, after=after)

    def between(self, left: ast.AST, right: ast.AST, word: str, after: str) -> Edit:
        """Another word for the one between two nodes."""
        start, end = self.span(left)[1], self.span(right)[0]
        at = start + self.source.piece(start, end).index(word)
        return Edit(start=at, end=at + len(word), after=after)


Operator = Callable[[ast.AST, Text], Iterator[Edit]]


def _arithmetic(node: ast.AST, text: Text) -> Iterator[Edit]:
    if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
        yield text.between(node.left, node.right, *_BINARY[type(node.op)])


def _comparison(node: ast.AST, text: Text) -> Iterator[Edit]:
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _COMPARED:
        yield text.between(node.left, node.comparators[0], *_COMPARED[type(node.ops[0])])


def _constant(node: ast.AST, text: Text) -> Iterator[Edit]:
    """One more; one less of a shift, since a shift by the whole width means nothing."""
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield text.instead(node, str(not node.value))
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        before = text.source.piece(0, text.span(node)[0]).rstrip()
        yield text.instead(node, repr(node.value + (-1 if before.endswith((">>", "<<")) else 1)))


def _special(node: ast.AST, text: Text) -> Iterator[Edit]:
    if isinstance(node, ast.Constant) and node.value in _SPECIAL:
        yield text.instead(node, _SPECIAL[str(node.value)])


def _negation(node: ast.AST, text: Text) -> Iterator[Edit]:
    if isinstance(node, ast.UnaryOp):
        yield text.instead(node, f"({text.of(node.operand)})")


def _condition(node: ast.AST, text: Text) -> Iterator[Edit]:
    if isinstance(node, ast.If | ast.IfExp):
        yield text.instead(node.test, f"not ({text.of(node.test)})")
    if isinstance(node, ast.BoolOp):
        words = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
        yield text.between(node.values[0], node.values[1], *words)


def _swapped(node: ast.AST, text: Text) -> Iterator[Edit]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub):
        swapped = ast.BinOp(left=node.right, op=node.op, right=node.left)
        yield text.instead(node, f"({ast.unparse(swapped)})")
    if select := _select(node):
        condition, chosen, other = map(text.of, select.args)
        yield text.instead(node, f"tl.where({condition}, {other}, {chosen})")


def _dropped_select(node: ast.AST, text: Text) -> Iterator[Edit]:
    if select := _select(node):
        yield text.instead(node, f"({text.of(select.args[1])})")


def _select(node: ast.AST) -> ast.Call | None:
    if isinstance(node, ast.Call) and ast.unparse(node.func) in {"tl.where", "torch.where"}:
        return node
    return None


def _extremum(node: ast.AST, text: Text) -> Iterator[Edit]:
    if isinstance(node, ast.Call):
        before, dot, name = ast.unparse(node.func).rpartition(".")
        if name in _EXTREMES and before in {"", "tl"}:
            yield text.instead(node.func, f"{before}{dot}{_EXTREMES[name]}")


def _dropped_mask(node: ast.AST, text: Text) -> Iterator[Edit]:
    if isinstance(node, ast.Call):
        for mask in (one.value for one in node.keywords if one.arg == "mask"):
            start, end = text.span(node)[0], text.span(mask)[1]
            comma = start + text.source.piece(start, end).rindex(", mask=")
            yield Edit(start=comma, end=end, after="")


def _dropped_store(node: ast.AST, text: Text) -> Iterator[Edit]:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        name = ast.unparse(node.value.func).rpartition(".")[2]
        if name in {"store", "store_global", "copy_"}:
            yield text.instead(node, "pass")


def _dtype(node: ast.AST, text: Text) -> Iterator[Edit]:
    if isinstance(node, ast.Attribute) and (name := ast.unparse(node)) in _DTYPES:
        yield text.instead(node, _DTYPES[name])


def _bound(node: ast.AST, text: Text) -> Iterator[Edit]:
    """A loop without its last round."""
    if isinstance(node, ast.Call) and ast.unparse(node.func) in {"range", "tl.static_range"}:
        yield text.instead(node.args[-1], f"{text.of(node.args[-1])} - 1")


def _index(node: ast.AST, text: Text) -> Iterator[Edit]:
    """A place, or a stride, that is off by one where it is used."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and _INDEX.match(node.id):
        yield text.instead(node, f"({node.id} + 1)")


OPERATORS: dict[str, Operator] = {
    "arithmetic": _arithmetic,
    "comparison": _comparison,
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


def mutants_of(file: str, source: str, function: ast.FunctionDef) -> Iterator[Mutant]:
    """Every mutant of a function, by operator and place; no two give the same text."""
    nodes = [node for part in _body(function) for node in ast.walk(part)]
    yield from mutants_at(file, source, function.name, nodes, OPERATORS)


def mutants_at(
    file: str,
    source: str,
    name: str,
    nodes: Iterable[ast.AST],
    operators: Mapping[str, Operator],
) -> Iterator[Mutant]:
    """Every mutant of these nodes of a file, which are those of what `name` is."""
    text, seen = Text(Source(source)), {source}
    prefix = f"{file.removesuffix('.py').replace('/', '.')}.{name}"
    placed = sorted((node for node in nodes if hasattr(node, "lineno")), key=text.span)
    for operator, edits_of in operators.items():
        number = 0
        for node in placed:
            for edit in edits_of(node, text):
                number += 1
                mutated = text.source.edited([edit])
                if mutated in seen:
                    continue
                seen.add(mutated)
                ast.parse(mutated)  # an operator whose text is no Python is a fault of its own
                yield Mutant(
                    id=f"{prefix}.{operator.replace(' ', '-')}.{number}",
                    file=file,
                    function=name,
                    line=text.source.line_of(edit.start),
                    operator=operator,
                    before=text.source.piece(edit.start, edit.end),
                    after=edit.after,
                    text=mutated,
                    edit=edit,
                    place=_place(node),
                )


def _place(node: ast.AST) -> tuple[int, int, int, int]:
    names = ("lineno", "col_offset", "end_lineno", "end_col_offset")
    first, column, last, end = (getattr(node, name) for name in names)
    return first, column, last, end


def _body(function: ast.FunctionDef) -> list[ast.stmt]:
    """What a function does: its statements without its docstring."""
    first, *others = function.body
    is_told = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    return others if is_told else function.body
