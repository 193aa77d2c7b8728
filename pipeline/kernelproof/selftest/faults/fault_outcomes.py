"""The outcome of each injected fault beside the expected one, for a terminal and for the README."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from kernelproof.files.text_table import markdown_rows


@dataclass(frozen=True, kw_only=True)
class FaultOutcome:
    """A fault, its expected and its observed outcome, and the reason that the report gives."""

    name: str
    description: str
    expected: str
    observed: str
    seconds: float
    reason: str = ""

    @property
    def is_good(self) -> bool:
        """Returns True if the observed outcome is the expected one."""
        return self.expected == self.observed

    def as_json(self) -> dict[str, Any]:
        """Returns the fields, as faults.json names them, and whether the outcome is good."""
        fields = asdict(self)
        return {"name": self.name, "words": fields.pop("description"), **fields} | {
            "is_good": self.is_good
        }


def table(outcomes: Sequence[FaultOutcome]) -> Iterator[str]:
    """Yields a line for each outcome; below a bad one, the expected outcome and the reason."""
    width = max(len(outcome.name) for outcome in outcomes)
    for outcome in outcomes:
        mark = "good" if outcome.is_good else "BAD "
        yield f"{mark}  {outcome.name:{width}}  {outcome.observed}  ({outcome.seconds:.1f} s)"
        if not outcome.is_good:
            yield f"      expected {outcome.expected}"
            yield from (f"      {line}" for line in outcome.reason.splitlines())


def markdown(outcomes: Sequence[FaultOutcome]) -> list[str]:
    """Returns the table that the README has."""
    rows = [["fault", "what happens", "expected", "observed"]]
    for outcome in outcomes:
        observed = "the same" if outcome.is_good else f"**{outcome.observed}**"
        rows.append([f"`{outcome.name}`", outcome.description, outcome.expected, observed])
    return markdown_rows(rows)
