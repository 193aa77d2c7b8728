"""The plan: every mutant of a kernel or of the verdict code, each with the proof that covers it.

A list that does not match the code raises MutantsError with all that is wrong: a function that is
gone, an edit whose text does not stand exactly once, a proof of other code or of no mutant.
"""

import ast
import enum
import hashlib
import importlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from kernelproof.errors import UsageError, did_you_mean
from kernelproof.plan.repository import ROOT
from kernelproof.selftest.mutation import mutant_list, verdict_operators
from kernelproof.selftest.mutation.mutant import Mutant, SourceText, TextEdit
from kernelproof.selftest.mutation.mutant_list import (
    KernelMutantList,
    MutantProof,
    MutantsError,
    MutatedFile,
    NamedFault,
    VerdictMutantList,
)
from kernelproof.selftest.mutation.operators import mutants_of
from kernelproof.selftest.mutation.verdict_operators import Members, member_of, nodes_by_name


def plan_kernel(kernel: str, root: Path = ROOT) -> tuple[Mutant, ...]:
    """Returns the mutants of a kernel: the faults of its list, then those of the operators."""
    entries = mutant_list.read(mutant_list.file_of(kernel, root), KernelMutantList)
    code = _MutatedCode(folder=root / "kernels" / kernel, owner="the kernel's")
    named = [mutant for fault in entries.faults for mutant in _named(fault, code)]
    mutants = [mutant for file in entries.mutated for mutant in _of_file(file, code)]
    mutants = [*named, *code.with_proofs(mutants, entries.proofs)]
    ids = [mutant.id for mutant in mutants]
    code.faults += [f"{name}: found twice" for name in {*ids} if ids.count(name) > 1]
    code.check(f"kernels/{kernel}/proof/mutants.yaml")
    return tuple(replace(mutant, kernel=kernel) for mutant in mutants)


def plan_verdicts(entries: VerdictMutantList, root: Path = ROOT) -> tuple[Mutant, ...]:
    """Returns the mutants of the verdict code: those of the operators in every matched file."""
    code = _MutatedCode(folder=root / "pipeline" / "kernelproof", owner="kernelproof's")
    mutants: list[Mutant] = []
    for file in entries.matched_files(root):
        text = code.module(file).source.text
        operators = {**verdict_operators.OPERATORS, "member": member_of(_members(file))}
        for name, nodes in nodes_by_name(ast.parse(text)).items():
            mutants += mutants_of(file, text, name, nodes, operators)
    mutants = code.with_proofs(mutants, entries.proofs)
    code.check(mutant_list.VERDICTS.name)
    return tuple(mutants)


def chosen(mutants: Sequence[Mutant], option: str, names: Sequence[str]) -> list[Mutant]:
    """Returns the mutants that an option names by id, or by file; raises UsageError for others."""
    keys = [mutant.file if option == "file" else mutant.id for mutant in mutants]
    for name in names:
        if name not in keys:
            mend = did_you_mean(name, keys) or "--list names them"
            raise UsageError(f"--{option}: found {name!r}, expected a {option}'s name; {mend}")
    return [mutant for mutant, key in zip(mutants, keys, strict=True) if not names or key in names]


def digest_of(definition: ast.AST) -> str:
    """Returns 12 digits of the sha256 of a definition's syntax tree.

    Docstrings, comments, formatting and the version of Python do not change the digest.
    """
    return hashlib.sha256(_outline(definition).encode()).hexdigest()[:12]


def _outline(value: object) -> str:
    """Returns a syntax tree as text, without docstrings and empty fields."""
    if isinstance(value, ast.JoinedStr):  # Python 3.12.0 and 3.12.1 keep empty parts
        value = ast.JoinedStr([part for part in value.values if getattr(part, "value", "-") != ""])
    if isinstance(value, list):
        return f"[{' '.join(_outline(part) for part in value if not _is_docstring(part))}]"
    if isinstance(value, ast.AST):
        fields = ((name, part) for name, part in ast.iter_fields(value) if part not in (None, []))
        inner = " ".join(f"{name}={_outline(part)}" for name, part in fields)
        return f"{type(value).__name__}({inner})"
    return ascii(value)


def _is_docstring(node: object) -> bool:
    is_constant = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return is_constant and isinstance(node.value.value, str)  # type: ignore[attr-defined]


@dataclass(kw_only=True)
class _SourceModule:
    """A file, and the statement that defines each of its names."""

    source: SourceText
    tree: ast.Module
    definitions: dict[str, ast.stmt] = field(default_factory=dict)

    @classmethod
    def of(cls, text: str) -> "_SourceModule":
        module = cls(source=SourceText(text), tree=ast.parse(text))
        for node in module.tree.body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                module.definitions[node.name] = node
            elif isinstance(node, ast.Assign | ast.AnnAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                names = (name for target in targets for name in ast.walk(target))
                module.definitions |= {
                    name.id: node for name in names if isinstance(name, ast.Name)
                }
        return module


@dataclass(kw_only=True)
class _MutatedCode:
    """The files of a folder that mutants are of, and the faults of the list that names them.

    `owner` is whose the files are in a message: ``the kernel's``.
    """

    folder: Path
    owner: str
    modules: dict[str, _SourceModule] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def check(self, name: str) -> None:
        """Raises MutantsError with every fault of the list of this name."""
        if self.faults:
            raise MutantsError("\n".join(f"{name}: {fault}" for fault in self.faults))

    def module(self, file: str) -> _SourceModule:
        """Returns a file of the folder, or an empty one, and a fault, if there is none."""
        if file not in self.modules:
            try:
                text = (self.folder / file).read_text(encoding="utf-8")
            except OSError:
                self.faults.append(f"{file}: found no such file, expected one of {self.owner}")
                text = ""
            self.modules[file] = _SourceModule.of(text)
        return self.modules[file]

    def with_proofs(self, mutants: Sequence[Mutant], proofs: Sequence[MutantProof]) -> list[Mutant]:
        """Returns the mutants, each with the conclusion of the first proof that covers it."""
        conclusions: dict[str, tuple[str, str]] = {}
        for number, proof in enumerate(proofs):
            # The proof is of the code that is there, which stands once and has mutants.
            faults = [*self._untied(proof)]
            places = [] if faults else [*self._places(proof)]
            covered = [mutant.id for mutant in mutants if _covers(proof, places, mutant)]
            if not faults and len(places) != 1:
                faults = [f"found {proof.code!r} {len(places)} times, expected once"]
            elif not faults and not covered:
                faults = [f"found no mutant of {proof.code!r}, expected some"]
            # The first proof that covers a mutant is its own.
            self.faults += [f"proofs[{number}]: {fault}" for fault in faults]
            conclusions = dict.fromkeys(covered, (proof.concludes, proof.because)) | conclusions
        nothing = ("", "")
        return [
            replace(mutant, conclusion=conclusion, because=because)
            for mutant in mutants
            for conclusion, because in [conclusions.get(mutant.id, nothing)]
        ]

    def _untied(self, proof: MutantProof) -> Iterator[str]:
        """Yields a fault for each definition that is gone or is not the one that was proven."""
        for name, digest in proof.tied_to.items():
            _, definition = self._definition(name)
            if definition is None:
                yield f"found no {name}, expected what the proof is tied to"
            elif (current := digest_of(definition)) != digest:
                yield (
                    f"found {name} changed, {current}, expected {digest}, of which it is a proof; "
                    "prove it again, then write the new digest"
                )

    def _places(self, proof: MutantProof) -> Iterator[tuple[str, int, int]]:
        """Yields the file and the offsets of a proof's code, wherever that stands."""
        code = proof.code.encode()
        for file, definition in map(self._definition, proof.tied_to):
            assert definition  # noqa: S101  (the proof is tied to it)
            source = self.modules[file].source
            start, end = source.span(definition)
            for match in re.finditer(re.escape(code), source.content[start:end]):
                yield file, start + match.start(), start + match.end()

    def _definition(self, name: str) -> tuple[str, ast.stmt | None]:
        """Returns the file of ``cuda.keys.order``, and the statement that defines it there."""
        stem, _, inner = name.rpartition(".")
        file = f"{stem.replace('.', '/')}.py"
        return file, self.module(file).definitions.get(inner)


def _covers(proof: MutantProof, places: list[tuple[str, int, int]], mutant: Mutant) -> bool:
    """Returns whether a mutant is one of a proof whose code stands in these places."""
    is_within = any(
        file == mutant.file and start <= mutant.edit.start and mutant.edit.end <= end
        for file, start, end in places
    )
    is_operator = proof.operator in {None, mutant.operator}
    return is_within and is_operator and proof.after in {None, mutant.after}


def _of_file(part: MutatedFile, code: _MutatedCode) -> Iterator[Mutant]:
    """Yields the mutants of the operators in a file's functions."""
    module = code.module(part.file)
    nodes = nodes_by_name(module.tree)
    functions = {
        name: node for name, node in module.definitions.items() if isinstance(node, ast.FunctionDef)
    }
    for name in part.functions or functions:
        if not (function := functions.get(name)):
            code.faults.append(f"{part.file}: found no function {name}, expected one")
            continue
        is_jitted = any("jit" in ast.unparse(mark) for mark in function.decorator_list)
        for mutant in mutants_of(part.file, module.source.text, name, nodes[name]):
            yield replace(mutant, is_jitted=is_jitted, backend=part.backend)


def _named(fault: NamedFault, code: _MutatedCode) -> Iterator[Mutant]:
    """Yields the mutant of a named fault, or adds a fault of the list."""
    source = code.module(fault.file).source
    where, edits = f"{fault.file}: fault {fault.name}", []
    # Find the place of each change.
    for change in fault.edits:
        before = change.before.encode()
        if (count := source.content.count(before)) != 1:
            code.faults.append(f"{where}: found {change.before!r} {count} times, expected once")
            return
        start = source.content.index(before)
        edits.append(TextEdit(start=start, end=start + len(before), after=change.after))
    # Make the edits, which have to leave Python.
    mutated = source.edited(edits)
    try:
        ast.parse(mutated)
    except SyntaxError as error:
        code.faults.append(f"{where}: found no Python: {error}")
        return
    yield Mutant(
        id=f"fault.{fault.name}",
        file=fault.file,
        function="",
        line=source.line_of(edits[0].start),
        operator=fault.operator,
        before="\n".join(change.before for change in fault.edits),
        after="\n".join(change.after for change in fault.edits),
        original=source.text,
        text=mutated,
        edit=edits[0],
        source=fault.source,
        conclusion="needs gpu" if fault.needs_gpu else "",
        because=fault.needs_gpu or "",
    )


def _members(file: str) -> Members:
    """Returns the enumerations that a file of the package names, each with its members."""
    module = importlib.import_module(f"kernelproof.{file.removesuffix('.py').replace('/', '.')}")
    return {
        name: list(value.__members__)
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, enum.Enum)
    }
