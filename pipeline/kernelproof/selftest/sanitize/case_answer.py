"""What a worker says of one case: a line of JSON."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError


class Answer(BaseModel):
    """What became of one case under a tool, and how often it launched a kernel."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    case: str
    outcome: Literal["pass", "fail", "error"]
    reason: str = ""
    launches: int


def answers_in(file: Path) -> Iterator[Answer]:
    """Those in a file, to the last that is whole: a process that dies may leave half a line."""
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    for line in lines:
        try:
            yield Answer.model_validate_json(line)
        except ValidationError:
            return
