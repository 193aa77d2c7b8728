"""The kernels, a folder each: `kernel.py`, `reference.py`, `inputs.py`, and a `SPEC`."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from torch import Tensor, device, dtype

Inputs = dict[str, Any]
Outputs = tuple[Tensor, ...]


@dataclass(frozen=True, kw_only=True)
class Output:
    """One output of a kernel: its name, its axes (``("T", "K")``) and its dtype."""

    name: str
    axes: tuple[str, ...]
    dtype: dtype


@dataclass(frozen=True, kw_only=True)
class InputRows:
    """Which rows of a case's endless input to make, where, and of what.

    `seed` is 64 bits; `shape` gives a size to each axis, T being the case's own; rows `first` to
    `first + count` are made on `device`, the same bits on every machine.
    """

    seed: int
    shape: Mapping[str, int]
    dtype: dtype
    device: device
    first: int
    count: int


@dataclass(frozen=True, kw_only=True)
class Build:
    """One launch of a kernel, as the compiler sees it: what is compiled, and for which inputs.

    `shape`, `dtype` and `backend` name it, and `launch` at them must compile just this. `pointers`
    gives the element type of each pointer, `integers` the value of each integer: Triton compiles
    for what can be divided by 16, and makes a constant of 1, unless the function forbids it.
    """

    dtype: str
    shape: Mapping[str, int]
    backend: Literal["cuda", "hip"]
    function: Any
    pointers: Mapping[str, str]
    integers: Mapping[str, int]
    constants: Mapping[str, Any]
    rows: int
    num_warps: int
    options: Mapping[str, Any]

    @property
    def name(self) -> str:
        """``bf16-E128-K8-T2048-cuda``, as in the ids of cases."""
        sizes = (f"{axis}{size}" for axis, size in self.shape.items())
        return "-".join([self.dtype, *sizes, self.backend])


@dataclass(frozen=True, kw_only=True)
class Spec:
    """What the checks need of a kernel; every callable takes a dict of inputs as its keywords.

    Each kernel has:

    `launch`      the kernel: outputs, into ``out=`` where it is given
    `reference`   the bit-exact fp32 definition, in torch: the same outputs
    `oracle`      the fp64 truth: the same outputs, floats as fp64
    `agreement`   difference from the plain formulation in the input's dtype, and its bound,
                  value by value, on the rows where the two may be compared
    `make_inputs` the inputs of some rows of a case
    `explain_row` one row's inputs and choices, for a failure's message
    `per_token`   the inputs whose first dimension is T
    `outputs`     the name, axes and dtype of each output
    `jitted`      the Triton functions that `launch` must reach
    `distributions`  names of the kinds of rows: row r of a case has the one numbered
                  ``r % len(distributions)``; the first is the ordinary one, and is timed alone

    With `codegen:` in its block of matrix.yaml:

    `builds`      what is compiled for every GPU architecture, and locked

    With `bench:` or `perf:`:

    `least_bytes` what a launch at a shape and dtype moves at least: every input read once, every
                  output written once
    `floors`      launches of a kernel that does no more than that, one for each way to cut it,
                  named by their ``str``; the fastest at a shape is the floor
    `peers`       by name, what gives another implementation's launch, or None where that is not
                  installed; it is asked anew for each shape
    `bare`        the launch of the jitted function alone, into fresh outputs, for host time
    `slowed`      gives the launch with so many rounds of extra work a program, into ``out=``: the
                  slowdowns that `nox -s gate-card` plants

    If the contract takes more than one form of inputs:

    `forms`       inputs in the other forms that the contract takes, made of some inputs, each with
                  a word for it: what the reference gives of them, the kernel must

    Floors and peers are called as `launch` is, and a peer need not write into ``out=``; one that
    raises NotImplementedError does not support the shape.
    """

    launch: Callable[..., Outputs]
    reference: Callable[..., Outputs]
    oracle: Callable[..., Outputs]
    agreement: Callable[..., tuple[Tensor, Tensor]]
    make_inputs: Callable[[InputRows], Inputs]
    explain_row: Callable[[Inputs, int], str]
    distributions: tuple[str, ...]
    per_token: tuple[str, ...]
    outputs: tuple[Output, ...]
    jitted: tuple[Any, ...]
    builds: tuple[Build, ...] = ()
    least_bytes: Callable[[Mapping[str, int], dtype], int] | None = None
    floors: tuple[Callable[..., Outputs], ...] = ()
    peers: Mapping[str, Callable[[], Callable[..., Outputs] | None]] = field(default_factory=dict)
    bare: Callable[..., Outputs] | None = None
    slowed: Callable[[int], Callable[..., Outputs]] | None = None
    forms: Callable[[Inputs], Iterable[tuple[str, Inputs]]] | None = None
