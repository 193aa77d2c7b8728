"""The types that a kernel's proof is written with: `Spec`, and the parts that it is made of.

A kernel `name` is a folder of `kernels/`. Its proof, ``name/proof.py`` or ``name/proof/``, defines
one object named ``SPEC``, an instance of `Spec`: the functions and facts by which the checks know
the kernel. `matrix.yaml` says at which shapes and dtypes, and on which machines, they are asked.

The checks call most functions with the inputs of a launch as keywords: a dict from the names of the
launcher's parameters to tensors and numbers (`Inputs`). Functions return a tuple of tensors, one
for each of `Spec.outputs`, in that order (`Outputs`). The smallest proof::

    SPEC = Spec(
        launch=scaled,                     # the kernel's launcher: scaled(x, scale, out=None)
        reference=scaled_reference,        # the same outputs in plain torch, bit for bit
        oracle=scaled_oracle,              # the same outputs in fp64
        agreement=scaled_agreement,        # (difference, bound), value by value
        make_inputs=scaled_inputs,         # from `InputRows` to {"x": ..., "scale": ...}
        explain_row=lambda inputs, row: f"x[0] = {inputs['x'][row, 0].item()}",
        distributions=("normal", "zeros"),
        per_token=("x",),
        outputs=(Output(name="y", axes=("T", "N"), dtype=torch.float32),),
        jitted=(_scaled_kernel,),
    )

This module imports neither torch nor Triton.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Inputs: TypeAlias = dict[str, Any]
Outputs: TypeAlias = "tuple[Tensor, ...]"


@dataclass(frozen=True, kw_only=True)
class Output:
    """An output of a kernel: its name, its axes (``("T", "K")``) and its dtype."""

    name: str
    axes: tuple[str, ...]
    dtype: torch.dtype


@dataclass(frozen=True, kw_only=True)
class InputRows:
    """A request for `count` rows of a case's endless input, from row `first` on.

    `seed` is 64 bits. `shape` has the size of each axis; its T is the number of rows of a launch.
    The same request gives the same bits on every machine and device.
    """

    seed: int
    shape: Mapping[str, int]
    dtype: torch.dtype
    device: torch.device
    first: int
    count: int


@dataclass(frozen=True, kw_only=True)
class Build:
    """A launch of a kernel as the compiler sees it: what is compiled, and for which arguments.

    `dtype`, `shape` and `backend` name it, and `Spec.launch` at these must compile exactly this.
    `pointers` has the element type of each pointer argument, `integers` the value of each integer:
    Triton compiles for integers that 16 divides, and makes a constant of 1, unless the function
    forbids that. `rows` is the number of rows of a program.
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
    """The proof of one kernel: all that the checks need to know of it.

    Every kernel has:

    `launch`      launches the kernel on inputs; returns its outputs, or fills ``out=`` if given
    `reference`   returns the outputs by the bit-exact definition of the kernel, in torch
    `oracle`      returns the true outputs, floating ones as fp64
    `agreement`   takes inputs and ``outputs=``; returns the difference from the plain formulation
                  in the input's dtype, and its bound, value by value, for the rows where the two
                  may be compared
    `make_inputs` makes the inputs of the rows of a request
    `explain_row` describes the inputs and choices of one row in a failure's message
    `distributions`  the names of the kinds of rows: row r of a case has the kind numbered
                  ``r % len(distributions)``; the first is the ordinary one, the only one timed
    `per_token`   the names of the inputs whose first dimension is T
    `outputs`     the name, axes and dtype of each output
    `jitted`      the Triton functions that `launch` must reach

    A kernel with `codegen:` in its block of matrix.yaml also has:

    `builds`      the launches that are compiled for every GPU architecture, and locked

    A kernel with `bench:` or `perf:` also has:

    `least_bytes` returns the bytes that a launch at a shape and dtype moves at least: every input
                  read once, every output written once
    `floors`      launches of a kernel that moves these bytes and does no more, one for each launch
                  setting, named by their ``str``; the fastest one at a shape is the floor
    `peers`       other implementations by name: a function that returns a launch, or None if that
                  is not installed; called anew for each shape
    `bare`        launches the jitted function alone, into fresh outputs: for host time
    `slowed`      takes a number of rounds of extra work a program; returns a launch with these,
                  into ``out=``: the slowdowns that `nox -s gate-card` plants

    A kernel that takes its inputs in more than one form also has:

    `forms`       yields a name and inputs for each other form, made of some inputs; the kernel must
                  return what the reference returns for these

    Floors and peers are called as `launch` is, but a peer need not fill ``out=``. Either raises
    NotImplementedError if it does not support the shape.
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
    least_bytes: Callable[[Mapping[str, int], torch.dtype], int] | None = None
    floors: tuple[Callable[..., Outputs], ...] = ()
    peers: Mapping[str, Callable[[], Callable[..., Outputs] | None]] = field(default_factory=dict)
    bare: Callable[..., Outputs] | None = None
    slowed: Callable[[int], Callable[..., Outputs]] | None = None
    forms: Callable[[Inputs], Iterable[tuple[str, Inputs]]] | None = None
