"""Faults to be found, a kernel and a tool each: what its tool does not report, it does not see.

One thread of each commits the fault, once, so that a launch is one report. None is launched in the
interpreter, whose process such a store would damage.
"""

from collections.abc import Callable

import torch
import triton
import triton.language as tl
from torch import Tensor

# As many as fill an allocation of the driver's to its end: the next may begin right there.
_WORDS = 128


@triton.jit
def _planted_memcheck_kernel(words_ptr, WORDS: tl.constexpr):
    """A store behind the last of the words."""
    lane = tl.arange(0, 32)
    tl.store(words_ptr + WORDS + lane, lane, mask=lane == 0)


@triton.jit
def _planted_racecheck_kernel(words_ptr):
    """A word of shared memory that one warp writes and another reads, without a barrier."""
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
    """A copy of a word that nobody has written."""
    lane = tl.arange(0, 32)
    word = tl.load(words_ptr + lane, mask=lane == 0, other=0)
    tl.store(copied_ptr + lane, word)


@triton.jit(do_not_specialize=["lanes"])
def _planted_synccheck_kernel(words_ptr, lanes):
    """A barrier of some lanes of the warp that another one comes to."""
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


def _read_unwritten(words: Tensor, others: Tensor) -> None:
    _planted_initcheck_kernel[(1,)](words, others, num_warps=1)


def _meet_elsewhere(words: Tensor, _: Tensor) -> None:
    _planted_synccheck_kernel[(1,)](words, 0b10, num_warps=1)


_FAULTS: dict[str, Callable[[Tensor, Tensor], None]] = {
    "memcheck": _store_outside,
    "racecheck": _race,
    "initcheck": _read_unwritten,
    "synccheck": _meet_elsewhere,
}


def plant(tool: str, device: torch.device) -> None:
    """Commits the fault that `tool` has to report, and waits for it."""
    if not triton.knobs.runtime.interpret:
        words, others = (torch.empty(_WORDS, dtype=torch.int32, device=device) for _ in range(2))
        _FAULTS[tool](words, others)
        torch.cuda.synchronize(device)
