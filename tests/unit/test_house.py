"""The rules of the house that a machine can keep: sizes, names, and how a docstring begins."""

import ast
import re
from collections import Counter, defaultdict
from functools import cache
from pathlib import Path

from kernelproof.plan.repository import ROOT

FILES = sorted(
    file
    for folder in ("pipeline/kernelproof", "kernels", "tests")
    for file in (ROOT / folder).rglob("*.py")
)
FILES.append(ROOT / "noxfile.py")
TOPS = ("pipeline", "kernels", "tests", ".github", ".ci")
Function = ast.FunctionDef | ast.AsyncFunctionDef
NODES = Function | ast.ClassDef | ast.Module | ast.For | ast.comprehension | ast.arg | ast.Name
# Folders of one kind hold the same set of file names.
SHARED_NAMES = {"__init__.py", "__main__.py", "ask.py", "judge.py", "bless.py", "proof.py"}
PRONOUNS = {"one", "it", "other", "found", "told", "whole", "asked", "every", "them", "that"}
# Of two things that are compared; what a message says was found.
PAIRED = {"other", "found"}
INVERTED = {"What", "Whether", "Where", "Of", "One", "Some", "How", "Who", "Which"}


@cache
def _nodes() -> list[tuple[str, ast.AST]]:
    trees = {file: ast.parse(file.read_text(encoding="utf-8")) for file in FILES}
    return [
        (str(file.relative_to(ROOT)), node)
        for file, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, NODES)
    ]


def test_files_are_as_long_as_their_subject() -> None:
    """At most 400 lines."""
    lengths = {file: len(file.read_text(encoding="utf-8").splitlines()) for file in FILES}
    assert [str(file) for file, length in lengths.items() if length > 400] == []


def test_functions_are_short() -> None:
    """At most 45 lines and six parameters, or 80 lines for a jitted function."""
    wrong = []
    for file, node in _nodes():
        if not isinstance(node, Function):
            continue
        marks = [ast.unparse(mark) for mark in node.decorator_list]
        is_jitted = any(re.match(r"(triton\.)?jit\b", mark) for mark in marks)
        lines = (node.end_lineno or 0) - node.lineno + 1
        parameters = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
        names = [name.arg for name in parameters if name.arg not in {"self", "cls"}]
        if lines > (80 if is_jitted else 45) or (len(names) > 6 and not is_jitted):
            wrong.append(
                f"{file}:{node.lineno} {node.name}: {lines} lines, {len(names)} parameters"
            )
    assert wrong == []


def test_a_class_name_stands_once() -> None:
    """A word has one meaning in the package and the kernels."""
    places = defaultdict(list)
    for file, node in _nodes():
        if isinstance(node, ast.ClassDef) and not file.startswith("tests/"):
            places[node.name].append(file)
    assert {name: files for name, files in places.items() if len(files) > 1} == {}


def test_a_file_name_stands_once() -> None:
    """Two files of one name do the same job, and none is named for leftovers."""
    files = [file for file in FILES if "tests" not in file.parts and "kernels" not in file.parts]
    counts = Counter(file.name for file in files if file.name not in SHARED_NAMES)
    assert [name for name, count in counts.items() if count > 1] == []
    leftovers = {"utils", "util", "common", "helpers", "misc"}
    assert leftovers & {file.stem for file in FILES} == set()


def test_variables_are_nouns() -> None:
    """A variable says which thing it holds, never by a pronoun or a participle."""
    wrong = []
    for file, node in _nodes():
        names: set[str] = set()
        if isinstance(node, ast.For | ast.comprehension):
            names = {name.id for name in ast.walk(node.target) if isinstance(name, ast.Name)}
        elif isinstance(node, ast.arg):
            names = {node.arg} - PAIRED
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names = {node.id} - PAIRED
        wrong += [f"{file}:{getattr(node, 'lineno', '')} {name}" for name in names & PRONOUNS]
    assert wrong == []


def test_docstrings_begin_with_their_verb_or_noun() -> None:
    """No docstring begins with a word that turns its sentence round."""
    wrong = []
    for file, node in _nodes():
        if isinstance(node, Function | ast.ClassDef | ast.Module):
            first = (ast.get_docstring(node) or "").partition(" ")[0]
            if first in INVERTED:
                wrong.append(f"{file}:{getattr(node, 'lineno', 1)} {first}")
    assert wrong == []


def test_pages_name_files_that_exist() -> None:
    """A link in a README leads to a file, at a heading that it has; a path in backticks exists."""
    wrong = []
    for page in [
        *ROOT.glob("*.md"),
        *(file for top in TOPS for file in (ROOT / top).rglob("*.md")),
    ]:
        text = page.read_text(encoding="utf-8")
        for link in re.findall(r"\]\((?!https?:)([^)\s]+)\)", text):
            path, _, heading = link.partition("#")
            file = page.parent / path if path else page
            if not file.exists() or (heading and heading not in _headings(file)):
                wrong.append(f"{page.relative_to(ROOT)}: {link}")
        paths = re.findall(rf"`((?:{'|'.join(TOPS)})/[\w./-]*\w/?)`", text)
        absent = [path for path in paths if not (ROOT / path).exists()]
        wrong += [f"{page.relative_to(ROOT)}: {path}" for path in absent]
    assert wrong == []


def _headings(page: Path) -> set[str]:
    """Returns the headings of a page as GitHub writes them in links."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
