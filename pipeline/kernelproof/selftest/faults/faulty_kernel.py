"""A kernel that copies its rows, and that commits a fault if it is given three of them.

The size of its axis F is the number of the fault. Only scratch copies of the repository have it.
"""

import ctypes
import os
import signal
from collections.abc import Callable
from typing import NoReturn

import torch
import triton
import triton.language as tl
from torch import Tensor

from kernelproof.selftest.faults.fault_kinds import KINDS
from kernelproof.spec import InputRows, Inputs, Output, Spec

_FAULTY_TOKENS = 3
_FAR = 2**40  # elements: more than any allocation spans
_FOR_EVER = 2**30  # turns of a loop that is unrolled
_COPY_BLOCK = 256  # elements a program
_TOO_MANY_BYTES = 2**50


@triton.jit
def _copy_kernel(rows_ptr, copies_ptr, size, BLOCK: tl.constexpr):
    offs = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    row = tl.load(rows_ptr + offs, mask=offs < size)
    tl.store(copies_ptr + offs, row.to(tl.float32), mask=offs < size)


@triton.jit
def _endless_kernel(zero_ptr):
    while tl.load(zero_ptr, volatile=True) == 0.0:
        pass


@triton.jit
def _endlessly_compiled_kernel(words_ptr, TIMES: tl.constexpr):
    word = tl.load(words_ptr)
    for i in tl.static_range(TIMES):
        word += i
    tl.store(words_ptr, word)


@triton.jit
def _not_compiled_kernel(words_ptr):
    tl.static_assert(words_ptr is None, "planted")


@triton.jit
def _far_kernel(words_ptr, DISTANCE: tl.constexpr):
    tl.store(words_ptr + DISTANCE, 1.0)


@triton.jit
def _asserting_kernel(words_ptr):
    tl.device_assert(tl.load(words_ptr) > 0.0, "planted")


@triton.jit
def _odd_kernel(words_ptr, odd_ptr):
    address = odd_ptr.to(tl.int64) + 1
    word = tl.inline_asm_elementwise(
        "ld.global.b32 $0, [$1];", "=r,l", [address], dtype=tl.int32, is_pure=False, pack=1
    )
    tl.store(words_ptr, word.to(tl.float32))


@triton.jit
def _trapping_kernel(words_ptr):
    word = tl.inline_asm_elementwise(
        "trap; mov.u32 $0, 0;", "=r", [], dtype=tl.int32, is_pure=False, pack=1
    )
    tl.store(words_ptr, word.to(tl.float32))


def _copy(values: Tensor, *, out: tuple[Tensor] | None = None) -> tuple[Tensor]:
    copies = torch.empty(values.shape, dtype=torch.float32, device=values.device)
    outputs = out or (copies,)
    source = values.contiguous()
    if source.numel():
        grid = (triton.cdiv(source.numel(), _COPY_BLOCK),)
        _copy_kernel[grid](source, outputs[0], source.numel(), BLOCK=_COPY_BLOCK)
    return outputs


def faulty(values: Tensor, *, out: tuple[Tensor] | None = None) -> tuple[Tensor]:
    """Returns a copy of `values`, ``[T, F]``, in fp32; commits the fault of number F if T is 3."""
    outputs = _copy(values, out=out)
    tokens, number = values.shape
    if tokens == _FAULTY_TOKENS:
        _FAULTS[KINDS[number - 1].name](outputs[0])
        _wait(outputs[0])
    return outputs


def _wait(tensor: Tensor) -> None:
    """Waits for the device, so that a fault is reported by the launch that committed it."""
    if tensor.device.type != "cpu":
        torch.get_device_module(tensor.device).synchronize()


def _nothing(_: Tensor) -> None:
    pass


def _wrong_bits(copies: Tensor) -> None:
    copies[0, 0] = torch.nextafter(copies[0, 0], torch.tensor(torch.inf, device=copies.device))


def _exception(_: Tensor) -> NoReturn:
    raise RuntimeError("planted")


def _no_memory(copies: Tensor) -> None:
    torch.empty(_TOO_MANY_BYTES, dtype=torch.uint8, device=copies.device)


def _segfault(_: Tensor) -> None:
    ctypes.string_at(0)


def _killed(_: Tensor) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _exit(_: Tensor) -> NoReturn:
    os._exit(0)


def _frozen(_: Tensor) -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def _deaf(_: Tensor) -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    ctypes.PyDLL(None).pause()  # keeps the interpreter's lock


_FAULTS: dict[str, Callable[[Tensor], object]] = {
    "none": _nothing,
    "wrong-bits": _wrong_bits,
    "exception": _exception,
    "no-memory": _no_memory,
    "no-build": _not_compiled_kernel[(1,)],
    "segfault": _segfault,
    "abort": lambda _: os.abort(),
    "killed": _killed,
    "exit": _exit,
    "frozen": _frozen,
    "deaf": _deaf,
    "endless-compile": lambda copies: _endlessly_compiled_kernel[(1,)](copies, TIMES=_FOR_EVER),
    "endless-kernel": lambda copies: _endless_kernel[(1,)](torch.zeros_like(copies)),
    "illegal-address": lambda copies: _far_kernel[(1,)](copies, DISTANCE=_FAR),
    "misaligned-address": lambda copies: _odd_kernel[(1,)](copies, copies),
    "device-assert": lambda copies: _asserting_kernel[(1,)](torch.zeros_like(copies), debug=True),
    "trap": _trapping_kernel[(1,)],
}


def _inputs(rows: InputRows) -> Inputs:
    """Returns small whole numbers, ``[count, F]``."""
    index = torch.arange(rows.first, rows.first + rows.count, device=rows.device)[:, None]
    columns = torch.arange(rows.shape["F"], device=rows.device)[None, :]
    return {"values": ((index * 7 + columns * 3) % 61).to(rows.dtype)}


def _agreement(values: Tensor, *, outputs: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
    """Returns the distance ``[T, F]`` from the values themselves, and its bound, which is 0."""
    distance = (outputs[0].double() - values.double()).abs()
    return distance, torch.zeros_like(distance)


SPEC = Spec(
    launch=faulty,
    reference=lambda values: (values.to(torch.float32),),
    oracle=lambda values: (values.double(),),
    agreement=_agreement,
    make_inputs=_inputs,
    explain_row=lambda inputs, row: str(inputs["values"][row].tolist()),
    distributions=("whole_numbers",),
    per_token=("values",),
    outputs=(Output(name="copies", axes=("T", "F"), dtype=torch.float32),),
    jitted=(_copy_kernel, _endless_kernel, _endlessly_compiled_kernel),
)
