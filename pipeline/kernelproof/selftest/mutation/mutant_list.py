"""A kernel's `mutants.yaml`: what the operators work on, faults by name, and proofs."""

from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kernelproof.errors import MatrixError
from kernelproof.files import fault_messages, yaml_document
from kernelproof.plan.repository import ROOT
from kernelproof.selftest.mutation.operators import OPERATORS

Words = Annotated[str, Field(min_length=1, max_length=2000)]
FileName = Annotated[str, Field(pattern=r"^[a-z_]+(/[a-z_]+)?\.py$")]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{12}$")]
Form = TypeVar("Form", bound=BaseModel)


class Part(BaseModel):
    """A mapping of the file: every key known, every value of its own type, frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Mutated(Part):
    """A file that the operators work on; all its functions where none is named."""

    file: FileName
    functions: Annotated[list[Words], Field(min_length=1)] | None = None
    backend: Literal["cuda", "hip", "xpu"] | None = Field(
        default=None, description="The only backend whose launches run it"
    )


class Change(Part):
    """Text that stands exactly once in a file, and what replaces it."""

    before: Words
    after: str


class NamedFault(Part):
    """A fault that was made once, or is likely to be; `source` says where it is known from."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{2,60}$")]
    operator: Words
    source: Words
    file: FileName
    edits: Annotated[list[Change], Field(min_length=1)]
    needs_gpu: Words | None = Field(
        default=None, description="Why a row that interprets cannot kill it"
    )


class Proof(Part):
    """Why mutants that survive need not be killed, or where they can be.

    It covers the mutants whose edit lies in `code`, which stands exactly once in the functions that
    it is `tied_to`; of one operator, where it names one, and of one text, where it has `after`. A
    name is tied to the digest of its source: when that changes, the proof does not hold any more.
    `no row` is of code that no row of ``matrix.yaml`` runs: it holds while no case reaches it;
    `needs several gpus` of what no case can tell, for each runs in a process that sees one GPU.
    """

    concludes: Literal[
        "equivalent", "needs gpu", "needs hip", "needs several gpus", "needs cpu", "no row"
    ]
    tied_to: Annotated[dict[Words, Digest], Field(min_length=1)]
    code: Words
    operator: Literal[tuple(OPERATORS)] | None = None  # type: ignore[valid-type]
    after: str | None = None
    because: Words


class Listing(Part):
    """The whole file."""

    mutated: Annotated[list[Mutated], Field(min_length=1)]
    faults: list[NamedFault] = []
    proofs: list[Proof] = []


def file_of(kernel: str, root: Path = ROOT) -> Path:
    """Where the list of a kernel is."""
    return root / "kernels" / kernel / "proof" / "mutants.yaml"


def read(file: Path) -> Listing:
    """The list in a file; MatrixError with every fault of it."""
    return read_as(Listing, file)


def read_as(form: type[Form], file: Path) -> Form:
    """The same of a list that has another form."""
    doc = yaml_document.read(file)
    listing: Form | None = None
    try:
        listing = form.model_validate(doc.data)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            _blame(doc, detail)
    if listing is None or doc.faults:
        raise MatrixError(str(file.parent.name) + "/" + doc.name, doc.faults)
    return listing


def _blame(doc: yaml_document.Document, detail: Any) -> None:
    path = tuple(part for part in detail["loc"] if part != "[key]")
    text = doc.texts.get(path, "")
    if detail["type"] == "missing":
        doc.blame(path, found="nothing", expected=f"a value for {path[-1]!r}")
    elif detail["type"] == "extra_forbidden":
        found = f"unknown key {yaml_document.quoted(str(path[-1]))}"
        doc.blame(path, found=found, expected="a key that is known")
    else:
        found, expected = fault_messages.describe_found(detail["input"], text), fault_messages.describe_expected(detail)
        doc.blame(path, found=found, expected=expected, mend=fault_messages.likely_correction(detail, text))
