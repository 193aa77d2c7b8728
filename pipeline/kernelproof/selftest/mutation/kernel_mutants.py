"""The mutants of a kernel: of the operators and of the list, each with the proof that covers it.

Everything that does not match the code any more is an error, all of it at once: a function that is
gone, an edit whose text is not there exactly once, a proof of other code, a proof of nothing.
"""

import ast
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from kernelproof.errors import UserError
from kernelproof.plan.repository import ROOT
from kernelproof.selftest.mutation import mutant_list
from kernelproof.selftest.mutation.mutant import Edit, Mutant, Source
from kernelproof.selftest.mutation.mutant_list import Listing, Mutated, NamedFault, Proof
from kernelproof.selftest.mutation.operators import mutants_of


class MutantsError(UserError):
    """A list of mutants that does not match the kernel's code."""


@dataclass(frozen=True, kw_only=True)
class Planted:
    """A mutant, and what is known of it before it runs: the only backend of its file, a proof.

    `source` is the file without it.
    """

    mutant: Mutant
    kernel: str
    source: str
    is_jitted: bool = False
    backend: str | None = None
    proof: Proof | None = None


@dataclass(kw_only=True)
class _Module:
    """One file of a kernel: its functions, and its names with the digest of their source."""

    text: str
    functions: dict[str, ast.FunctionDef] = field(default_factory=dict)
    names: dict[str, tuple[int, int]] = field(default_factory=dict)

    @classmethod
    def of(cls, text: str) -> "_Module":
        module, starts = cls(text=text), Source(text).starts
        for node in ast.parse(text).body:
            span = starts[node.lineno - 1], starts[node.end_lineno or 0]
            if isinstance(node, ast.FunctionDef):
                module.functions[node.name] = node
                module.names[node.name] = span
            elif isinstance(node, ast.ClassDef):
                module.names[node.name] = span
            elif isinstance(node, ast.Assign | ast.AnnAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                for name in (one for target in targets for one in ast.walk(target)):
                    if isinstance(name, ast.Name):
                        module.names[name.id] = span
        return module

    def digest(self, name: str) -> str:
        """12 digits of the sha256 of what a name is defined by."""
        source = Source(self.text).piece(*self.names[name])
        return hashlib.sha256(source.encode()).hexdigest()[:12]


@dataclass(kw_only=True)
class Sources:
    """The files of a folder that mutants are of; `faults` is what a list says wrongly of them.

    `whose` is what messages call the files by: ``the kernel's``.
    """

    folder: Path
    whose: str
    modules: dict[str, _Module] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def module(self, file: str) -> _Module:
        """A file of the folder; an empty one, after blaming, where there is none."""
        if file not in self.modules:
            try:
                text = (self.folder / file).read_text(encoding="utf-8")
            except OSError:
                self.faults.append(f"{file}: found no such file, expected one of {self.whose}")
                text = ""
            self.modules[file] = _Module.of(text)
        return self.modules[file]

    def proven(self, found: Sequence[Planted], listed: Sequence[Proof]) -> list[Planted]:
        """The mutants, each with the first proof that covers it."""
        proofs: dict[str, Proof] = {}
        for number, proof in enumerate(listed):
            where = f"proofs[{number}]"
            if not self._is_tied(proof, where) or not (place := self._place(proof, where)):
                continue
            covered = [one.mutant for one in found if _covers(proof, place, one.mutant)]
            if not covered:
                self.faults.append(f"{where}: found no mutant of {proof.code!r}, expected some")
            for mutant in covered:
                proofs.setdefault(mutant.id, proof)
        return [replace(one, proof=proofs.get(one.mutant.id)) for one in found]

    def _is_tied(self, proof: Proof, where: str) -> bool:
        """Whether the proof is of the code that is there."""
        before = len(self.faults)
        for name, digest in proof.tied_to.items():
            file, _, inner = name.rpartition(".")
            module = self.module(f"{file.replace('.', '/')}.py")
            if inner not in module.names:
                self.faults.append(f"{where}: found no {name}, expected what the proof is tied to")
            elif (now := module.digest(inner)) != digest:
                self.faults.append(
                    f"{where}: found {name} changed, {now}, expected {digest}, of which it is a "
                    "proof; prove it again, then write the new digest"
                )
        return len(self.faults) == before

    def _place(self, proof: Proof, where: str) -> tuple[str, int, int] | None:
        """Where the code of a proof stands: file and offsets."""
        places, code = [], proof.code.encode()
        for name in proof.tied_to:
            stem, _, inner = name.rpartition(".")
            file = f"{stem.replace('.', '/')}.py"
            start, end = self.modules[file].names[inner]
            body = self.modules[file].text.encode()[start:end]
            if count := body.count(code):
                at = start + body.index(code)
                places += [(file, at, at + len(code))] * count
        if len(places) != 1:
            self.faults.append(f"{where}: found {proof.code!r} {len(places)} times, expected once")
            return None
        return places[0]


def plan(kernel: str, root: Path = ROOT) -> tuple[Planted, ...]:
    """Every mutant of a kernel; MutantsError where its list does not match its code."""
    return _Plan(kernel, mutant_list.read(mutant_list.file_of(kernel, root)), root).planted()


class _Plan:
    """The mutants of one kernel in the making, and what is wrong with its list."""

    def __init__(self, kernel: str, listed: Listing, root: Path) -> None:
        self.kernel, self.listed = kernel, listed
        self.sources = Sources(folder=root / "kernels" / kernel, whose="the kernel's")
        self.faults = self.sources.faults

    def planted(self) -> tuple[Planted, ...]:
        named = [one for fault in self.listed.faults for one in self._named(fault)]
        found = [one for part in self.listed.mutated for one in self._of(part)]
        found = [*named, *self.sources.proven(found, self.listed.proofs)]
        names = [one.mutant.id for one in found]
        self.faults += [f"{name}: found twice" for name in {*names} if names.count(name) > 1]
        if self.faults:
            raise MutantsError(
                "\n".join(f"kernels/{self.kernel}/mutants.yaml: {fault}" for fault in self.faults)
            )
        return tuple(found)

    def _of(self, part: Mutated) -> Iterator[Planted]:
        module = self.sources.module(part.file)
        for name in part.functions or module.functions:
            if not (function := module.functions.get(name)):
                self.faults.append(f"{part.file}: found no function {name}, expected one")
                continue
            for mutant in mutants_of(part.file, module.text, function):
                yield Planted(
                    mutant=mutant,
                    kernel=self.kernel,
                    source=module.text,
                    is_jitted=any("jit" in ast.unparse(mark) for mark in function.decorator_list),
                    backend=part.backend,
                )

    def _named(self, fault: NamedFault) -> Iterator[Planted]:
        source = Source(self.sources.module(fault.file).text)
        content, edits = source.text.encode(), []
        for change in fault.edits:
            before = change.before.encode()
            if (count := content.count(before)) != 1:
                where = f"{fault.file}: fault {fault.name}"
                self.faults.append(f"{where}: found {change.before!r} {count} times, expected once")
                return
            start = content.index(before)
            edits.append(Edit(start=start, end=start + len(before), after=change.after))
        mutated = source.edited(edits)
        try:
            ast.parse(mutated)
        except SyntaxError as error:
            self.faults.append(f"{fault.file}: fault {fault.name}: found no Python: {error}")
            return
        mutant = Mutant(
            id=f"fault.{fault.name}",
            file=fault.file,
            function="",
            line=source.line_of(edits[0].start),
            operator=fault.operator,
            before="\n".join(change.before for change in fault.edits),
            after="\n".join(change.after for change in fault.edits),
            text=mutated,
            edit=edits[0],
            source=fault.source,
        )
        proof = None
        if fault.needs_gpu:
            because = fault.needs_gpu
            proof = Proof.model_construct(concludes="needs gpu", because=because)
        yield Planted(mutant=mutant, kernel=self.kernel, source=source.text, proof=proof)


def _covers(proof: Proof, place: tuple[str, int, int], mutant: Mutant) -> bool:
    file, start, end = place
    is_within = file == mutant.file and start <= mutant.edit.start and mutant.edit.end <= end
    is_operator = proof.operator in {None, mutant.operator}
    return is_within and is_operator and proof.after in {None, mutant.after}
