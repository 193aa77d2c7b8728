"""The models of matrix.yaml, and the JSON Schema that is made of them."""

import datetime
import json
from collections.abc import Iterator
from typing import Any, get_args

import torch

from kernelproof.files.strict_model import StrictModel
from kernelproof.plan import matrix, repository, schema
from kernelproof.plan.schema import MODELS, Check, Skip
from kernelproof.plan.value_types import DTYPES, Dtype


def _mappings(part: Any) -> Iterator[dict[str, Any]]:
    """Every mapping that the schema describes."""
    if isinstance(part, dict):
        if part.get("type") == "object":
            yield part
        for inner in part.values():
            yield from _mappings(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from _mappings(inner)


def test_the_matrix_names_the_committed_schema_of_the_models() -> None:
    """The committed schema is the models' text, and the matrix names it for editors."""
    assert schema.FILE.read_text(encoding="utf-8") == schema.text()
    first = matrix.FILE.read_text(encoding="utf-8").splitlines()[0]
    assert first == "# yaml-language-server: $schema=pipeline/kernelproof/plan/matrix.schema.json"
    assert repository.ROOT / first.partition("=")[2] == schema.FILE


def test_schema_refuses_unknown_keys_everywhere() -> None:
    """A mapping of the file takes its own keys, or keys of a pattern, or dtypes, and no others."""
    described = json.loads(schema.text())
    mappings = list(_mappings(described))
    assert len(mappings) == len(set(MODELS.values())) + 4
    open_mappings = [
        mapping["title"]
        for mapping in mappings
        if mapping["additionalProperties"] is not False and "propertyNames" not in mapping
    ]
    assert open_mappings == []


def test_schema_bounds_values_as_the_reader_does() -> None:
    """An axis is a size or a list of sizes; a perf block has both keys and a limit of 0 to 50 %."""
    models = json.loads(schema.text())["$defs"]
    axes = models["Shape"]["properties"]["axes"]
    single, several = axes["patternProperties"]["^[A-Z]$"]["anyOf"]
    assert (single["type"], several["type"], several.get("minItems")) == ("integer", "array", 1)
    assert models["Perf"]["required"] == ["limit_percent", "shapes"]
    limit = models["Perf"]["properties"]["limit_percent"]
    assert (limit["exclusiveMinimum"], limit["maximum"]) == (0, 50)


def test_torch_has_the_dtypes_that_the_models_check_by() -> None:
    """The table lists the models' dtypes; the digits of a dtype's name give its width in bits."""
    assert get_args(Dtype) == tuple(DTYPES)
    for name, torch_name in DTYPES.items():
        bits = int("".join(filter(str.isdigit, name.split("e", maxsplit=1)[0])))
        assert getattr(torch, torch_name).itemsize * 8 == bits


def test_every_model_has_its_path() -> None:
    """An unknown key is told by the model of the mapping that it stands in."""
    models = {
        model for model in StrictModel.__subclasses__() if model.__module__ == schema.__name__
    }
    assert set(MODELS.values()) == models


def test_a_skip_covers_ids_of_its_pattern() -> None:
    """The whole id, capitals included; * stands for anything."""
    words = {"check": "parity", "reason": "slow", "until": datetime.date(2026, 12, 31)}
    for cases, is_covered in {
        "toy-cpu-fp32-T1": True,
        "toy-cpu-*": True,
        "*-fp32-*": True,
        "toy-cpu": False,
        "TOY-CPU-*": False,
        "toy-h200-*": False,
    }.items():
        skip = Skip.model_validate({"cases": cases, **words})
        assert skip.covers("toy-cpu-fp32-T1", Check.PARITY) is is_covered
        assert not skip.covers("toy-cpu-fp32-T1", Check.PERF)
