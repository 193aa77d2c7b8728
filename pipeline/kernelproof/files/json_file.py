"""JSON files from outside: read within bounds, without repeated keys, into strict models."""

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from kernelproof.escape import plain_line
from kernelproof.files import safe_read
from kernelproof.files.fault_messages import first_fault
from kernelproof.files.strict_model import Model


class MalformedError(Exception):
    """A file whose content is not that of its model; the message is one line of what was found."""


def read_json(file: Path, most_bytes: int) -> Any:
    """Returns the data in a JSON file of at most `most_bytes` bytes.

    Raises OSError if the file cannot be read, and MalformedError if it is too large, is no JSON,
    or has a mapping with a repeated key, of which JSON readers keep the last.
    """
    content = safe_read.read_bounded(file, most_bytes)
    if excess := safe_read.excess_of(content, most_bytes):
        raise MalformedError(f"found {excess}")
    try:
        return json.loads(content.decode("utf-8"), object_pairs_hook=_mapping)
    except (ValueError, RecursionError) as error:
        raise MalformedError(f"found text that is no JSON ({plain_line(str(error))})") from None


def parse_model(data: Any, model: type[Model]) -> Model:
    """Returns JSON data as `model`; raises MalformedError with the place of the first fault."""
    try:
        return model.model_validate_json(json.dumps(data))
    except ValidationError as error:
        raise MalformedError(first_fault(error)) from None


def read_model(file: Path, model: type[Model], most_bytes: int) -> Model:
    """Returns the `model` in a JSON file; raises the errors of `read_json` and `parse_model`."""
    return parse_model(read_json(file, most_bytes), model)


def _mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Returns the mapping of some pairs; raises ValueError if a key is repeated."""
    mapping = dict(pairs)
    if len(mapping) != len(pairs):
        keys = [key for key, _ in pairs]
        repeated = next(key for key in mapping if keys.count(key) > 1)
        raise ValueError(f"the key {repeated!r} is repeated")
    return mapping
