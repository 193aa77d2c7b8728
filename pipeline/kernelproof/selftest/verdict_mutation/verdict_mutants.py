"""Every mutant of the code that judges, each with the proof that covers it."""

import ast
import enum
import importlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from kernelproof.plan.repository import ROOT
from kernelproof.selftest.mutation.kernel_mutants import MutantsError, Planted, Sources
from kernelproof.selftest.mutation.operators import mutants_at
from kernelproof.selftest.verdict_mutation.verdict_list import FILE, Judged
from kernelproof.selftest.verdict_mutation.verdict_operators import OPERATORS, Members, member_of

MODULE = "module"  # the name of what stands in no function and no class
# What a command's help says of it is for people; no verdict hangs on it.
_HELP = frozenset({"description", "epilog", "help", "metavar", "prog"})


def plan(listed: Judged, root: Path = ROOT) -> tuple[Planted, ...]:
    """Every mutant of the files; MutantsError where the proofs do not match their code."""
    sources = Sources(folder=root / "pipeline" / "kernelproof", whose="kernelproof's")
    found = [one for file in listed.judging(root) for one in _of(file, sources)]
    planted = sources.proven(found, listed.proofs)
    if sources.faults:
        raise MutantsError("\n".join(f"{FILE.name}: {fault}" for fault in sources.faults))
    return tuple(planted)


def _of(file: str, sources: Sources) -> Iterator[Planted]:
    text = sources.module(file).text
    operators = {**OPERATORS, "member": member_of(_members(file))}
    for name, nodes in units(ast.parse(text)).items():
        for mutant in mutants_at(file, text, name, nodes, operators):
            yield Planted(mutant=mutant, kernel="", source=text)


def _members(file: str) -> Members:
    """The enumerations that a file names, each with its members."""
    module = importlib.import_module(f"kernelproof.{file.removesuffix('.py').replace('/', '.')}")
    return {
        name: list(of.__members__)
        for name, of in vars(module).items()
        if isinstance(of, type) and issubclass(of, enum.Enum)
    }


def units(module: ast.Module) -> dict[str, list[ast.AST]]:
    """By the name of each function, method and class, and of the module, the nodes of its own.

    Left out are docstrings, the annotations of functions, what a class or a function is decorated
    with, and what is done only where a module is run.
    """
    found: dict[str, list[ast.AST]] = {}
    _gather(module.body, MODULE, "", found)
    return found


def _gather(
    body: Sequence[ast.stmt], name: str, prefix: str, found: dict[str, list[ast.AST]]
) -> None:
    for statement in body:
        if isinstance(statement, ast.ClassDef):
            inner = f"{prefix}{statement.name}"
            _gather(statement.body, inner, f"{inner}.", found)
        elif isinstance(statement, ast.FunctionDef):
            own = [node for part in statement.body for node in _walk(part, is_annotated=False)]
            found.setdefault(f"{prefix}{statement.name}", []).extend(own)
            defaults = [*statement.args.defaults, *filter(None, statement.args.kw_defaults)]
            found.setdefault(name, []).extend(node for one in defaults for node in _walk(one))
        elif not _is_main_guard(statement):
            found.setdefault(name, []).extend(_walk(statement))


def _walk(node: ast.AST, *, is_annotated: bool = True) -> Iterator[ast.AST]:
    """A node and what is within it; annotations only where a class may read them."""
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
