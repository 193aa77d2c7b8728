"""The base of every model that is read from a file or from another process."""

from typing import TypeVar

from pydantic import BaseModel, ConfigDict


class StrictModel(BaseModel):
    """A frozen mapping whose keys are all known and whose values have exactly the declared type.

    Text is never read as a number. Infinities and NaN, which JSON does not have, are written as
    text. Only `kernelproof.records.time_baseline` leaves unknown keys alone: those of
    pytest-benchmark, in whose files it keeps its own.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, ser_json_inf_nan="strings")


Model = TypeVar("Model", bound=StrictModel)
