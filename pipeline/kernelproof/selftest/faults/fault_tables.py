"""What was seen of every fault, beside what was expected: for a terminal, and for the README."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A fault, what has to become of it, what did, and the last words of a case."""

    name: str
    words: str
    expected: str
    observed: str
    seconds: float
    reason: str = ""

    @property
    def is_good(self) -> bool:
        """Whether it got just what is expected."""
        return self.expected == self.observed

    def as_json(self) -> dict[str, Any]:
        """Its fields, and whether it is good."""
        return {**asdict(self), "is_good": self.is_good}


def table(seen: Sequence[Seen]) -> Iterator[str]:
    """A line each; below one that is not as expected, what was, and the last words."""
    wide = max(len(one.name) for one in seen)
    for one in seen:
        mark = "good" if one.is_good else "BAD "
        yield f"{mark}  {one.name:{wide}}  {one.observed}  ({one.seconds:.1f} s)"
        if not one.is_good:
            yield f"      expected {one.expected}"
            yield from (f"      {line}" for line in one.reason.splitlines())


def markdown(seen: Sequence[Seen]) -> Iterator[str]:
    """A table of all."""
    yield "| fault | what happens | expected | observed |"
    yield "| --- | --- | --- | --- |"
    for one in seen:
        observed = "the same" if one.is_good else f"**{one.observed}**"
        yield f"| `{one.name}` | {one.words} | {one.expected} | {observed} |"
