"""The types of words and numbers in `matrix.yaml`: names, sizes, dtypes, architectures."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Label = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Text = Annotated[str, Field(min_length=1, max_length=500)]
AxisName = Annotated[str, Field(pattern=r"^[A-Z]$")]
Size = Annotated[int, Field(ge=0, le=2**40)]

# The dtypes that a matrix may name, and torch's names of them.
DTYPES = {
    "fp64": "float64",
    "fp32": "float32",
    "fp16": "float16",
    "bf16": "bfloat16",
    "fp8e4m3": "float8_e4m3fn",
    "fp8e5m2": "float8_e5m2",
}
Dtype = Literal["fp64", "fp32", "fp16", "bf16", "fp8e4m3", "fp8e5m2"]

# The GPU architectures that kernels are compiled for without a GPU.
Architecture = Literal[
    "sm_80", "sm_86", "sm_89", "sm_90", "sm_100", "sm_120", "gfx90a", "gfx942", "gfx950"
]


def _listed(value: object) -> object:
    return value if isinstance(value, list) else [value]


Sizes = Annotated[
    list[Size],
    Field(min_length=1),
    BeforeValidator(
        _listed, json_schema_input_type=Size | Annotated[list[Size], Field(min_length=1)]
    ),
]
