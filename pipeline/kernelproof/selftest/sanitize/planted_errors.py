"""Planted errors, a kernel for each tool: a tool that does not report its error is blind.

One thread of a kernel commits the error once, so that a launch makes one report. No kernel is
launched in the interpreter, whose process such a store would damage.
"""

from collections.abc import Callable

import torch
import triton
import triton.language as tl
from torch import Tensor

# The words that fill an allocation of the driver to its end, where the next may begin.
_WORDS = 128
# The barrier of synccheck is for this lane; another one comes to it.
_LANES_OF_BARRIER = 0b10


@triton.jit
def _planted_memcheck_kernel(words_ptr, WORDS: tl.constexpr):
    """Stores a word after the last one."""
    lane = tl.arange(0, 32)
    tl.store(words_ptr + WORDS + lane, lane, mask=lane == 0)


@triton.jit
def _planted_racecheck_kernel(words_ptr):
    """Writes a word of shared memory in one warp and reads it in another, without a barrier."""
    thread = tl.arange(0, 64)
    word = tl.inline_asm_elementwise(
        "{ .shared .align 16 .b32 shared_word; .reg .pred writes, reads; .reg .u32 at;"
        " mov.u32 at, shared_word; mov.u32 $0, 0;"
        " setp.eq.u32 writes, $1, 1; setp.eq.u32 reads, $1, 32;"
        " @writes st.shared.b32 [at], $1; @reads ld.shared.b32 $0, [at]; }",
        "=&r,r",
        [thread],
        dtype=tl.int32,
        is_pure=False,
        pack=1,
    )
    tl.store(words_ptr + thread, word)


@triton.jit
def _planted_initcheck_kernel(words_ptr, copied_ptr):
    """Copies a word that was never written."""
    lane = tl.arange(0, 32)
    word = tl.load(words_ptr + lane, mask=lane == 0, other=0)
    tl.store(copied_ptr + lane, word)


@triton.jit(do_not_specialize=["lanes"])
def _planted_synccheck_kernel(words_ptr, lanes):
    """Lets lane 0 come to a barrier of other lanes of its warp."""
    lane = tl.arange(0, 32)
    word = tl.inline_asm_elementwise(
        "{ .reg .pred comes; setp.eq.u32 comes, $1, 0; @comes bar.warp.sync $2; mov.u32 $0, 0; }",
        "=r,r,r",
        [lane, lane * 0 + lanes],
        dtype=tl.int32,
        is_pure=False,
        pack=1,
    )
    tl.store(words_ptr + lane, word)


def _store_outside(words: Tensor, _: Tensor) -> None:
    _planted_memcheck_kernel[(1,)](words, WORDS=len(words), num_warps=1)


def _race(words: Tensor, _: Tensor) -> None:
    _planted_racecheck_kernel[(1,)](words, num_warps=2)


def _read_unwritten(words: Tensor, copies: Tensor) -> None:
    _planted_initcheck_kernel[(1,)](words, copies, num_warps=1)


def _meet_elsewhere(words: Tensor, _: Tensor) -> None:
    _planted_synccheck_kernel[(1,)](words, _LANES_OF_BARRIER, num_warps=1)


_ERRORS: dict[str, Callable[[Tensor, Tensor], None]] = {
    "memcheck": _store_outside,
    "racecheck": _race,
    "initcheck": _read_unwritten,
    "synccheck": _meet_elsewhere,
}


def plant(tool: str, device: torch.device) -> None:
    """Commits the error that `tool` has to report, and waits for it."""
    if not triton.knobs.runtime.interpret:
        words, copies = (torch.empty(_WORDS, dtype=torch.int32, device=device) for _ in range(2))
        _ERRORS[tool](words, copies)
        torch.cuda.synchronize(device)
