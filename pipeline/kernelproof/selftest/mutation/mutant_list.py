"""The lists of mutants: `proof/mutants.yaml` of a kernel, `verdicts.yaml` of the verdict code."""

from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, ValidationError

from kernelproof.errors import MatrixError, UserError
from kernelproof.files import fault_messages, yaml_document
from kernelproof.files.strict_model import StrictModel
from kernelproof.plan.repository import ROOT
from kernelproof.selftest.mutation import operators, verdict_operators

VERDICTS = Path(__file__).with_name("verdicts.yaml")

Words = Annotated[str, Field(min_length=1, max_length=2000)]
FileName = Annotated[str, Field(pattern=r"^[a-z_]+(/[a-z_]+)?\.py$")]
FilePattern = Annotated[str, Field(pattern=r"^[a-z0-9_*]+(/[a-z0-9_*]+)*\.py$")]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{12}$")]
Form = TypeVar("Form", bound=StrictModel)


class MutantsError(UserError):
    """A list of mutants that does not match the code."""


class MutatedFile(StrictModel):
    """A file that the operators work on: the named functions, or all of them."""

    file: FileName
    functions: Annotated[list[Words], Field(min_length=1)] | None = None
    backend: Literal["cuda", "hip", "xpu"] | None = Field(
        default=None, description="The only backend whose launches run it"
    )


class TextChange(StrictModel):
    """Text that stands exactly once in a file, and its replacement."""

    before: Words
    after: str


class NamedFault(StrictModel):
    """A fault that somebody made, or is likely to make; `source` says where it is known from."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{2,60}$")]
    operator: Words
    source: Words
    file: FileName
    edits: Annotated[list[TextChange], Field(min_length=1)]
    needs_gpu: Words | None = Field(
        default=None, description="Why a row that interprets cannot kill it"
    )


class MutantProof(StrictModel):
    """The reason why mutants that survive need not be killed, or which row can kill them.

    It covers the mutants whose edit lies in `code`, which stands exactly once in the definitions
    that the proof is `tied_to`; only those of `operator` and `after`, if it names them. Each name
    is tied to the digest of its syntax tree without docstrings: if that changes, the proof no
    longer holds. `no row` is of code that no row of ``matrix.yaml`` runs, and holds while no case
    reaches it; `needs several gpus` is of code that behaves alike in a process that sees one GPU.
    """

    concludes: Literal[
        "equivalent", "needs gpu", "needs hip", "needs several gpus", "needs cpu", "no row"
    ]
    tied_to: Annotated[dict[Words, Digest], Field(min_length=1)]
    code: Words
    operator: Literal[tuple(operators.OPERATORS)] | None = None  # type: ignore[valid-type]
    after: str | None = None
    because: Words


class VerdictProof(MutantProof):
    """The proof of mutants of verdict code; its names are of the package: ``perf.judge.zone``."""

    concludes: Literal["equivalent"]
    operator: Literal[tuple(verdict_operators.OPERATORS)] | None = None  # type: ignore[valid-type]


class KernelMutantList(StrictModel):
    """The list of a kernel."""

    mutated: Annotated[list[MutatedFile], Field(min_length=1)]
    faults: list[NamedFault] = Field(default_factory=list)
    proofs: list[MutantProof] = Field(default_factory=list)


class VerdictMutantList(StrictModel):
    """The list of the verdict code: patterns of package files, and of their tests in tests/unit."""

    files: Annotated[list[FilePattern], Field(min_length=1)]
    tests: Annotated[list[FilePattern], Field(min_length=1)]
    proofs: list[VerdictProof]

    def matched_files(self, root: Path = ROOT) -> list[str]:
        """Returns the matched files, ``perf/judge.py``, in the order of the patterns."""
        return _matched(root / "pipeline" / "kernelproof", self.files)

    def matched_tests(self, root: Path = ROOT) -> list[str]:
        """Returns the matched files of tests, ``tests/unit/checks/test_verdict.py``."""
        return [f"tests/unit/{name}" for name in _matched(root / "tests" / "unit", self.tests)]


def file_of(kernel: str, root: Path = ROOT) -> Path:
    """Returns the place of a kernel's list."""
    return root / "kernels" / kernel / "proof" / "mutants.yaml"


def read(file: Path, form: type[Form]) -> Form:
    """Returns the list in a file; raises MatrixError with every fault of it."""
    doc = yaml_document.read(file)
    entries: Form | None = None
    try:
        entries = form.model_validate(doc.data)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            _blame(doc, detail)
    if entries is None or doc.faults:
        raise MatrixError("/".join(file.parts[-3:]), doc.faults)
    return entries


def _blame(doc: yaml_document.Document, detail: Any) -> None:
    path = tuple(part for part in detail["loc"] if part != "[key]")
    text = doc.texts.get(path, "")
    if detail["type"] == "missing":
        doc.blame(path, found="nothing", expected=f"a value for {path[-1]!r}")
    elif detail["type"] == "extra_forbidden":
        found = f"unknown key {yaml_document.quoted(str(path[-1]))}"
        doc.blame(path, found=found, expected="a key that is known")
    else:
        found = fault_messages.describe_found(detail["input"], text)
        expected = fault_messages.describe_expected(detail)
        mend = fault_messages.likely_correction(detail, text)
        doc.blame(path, found=found, expected=expected, mend=mend)


def _matched(folder: Path, patterns: list[str]) -> list[str]:
    """Returns the files of the patterns; raises MutantsError if one matches nothing."""
    names: dict[str, None] = {}
    for pattern in patterns:
        files = sorted(folder.glob(pattern))
        if not files:
            raise MutantsError(f"{VERDICTS.name}: found no file {pattern!r}, expected some")
        names |= dict.fromkeys(str(file.relative_to(folder)) for file in files)
    return list(names)
