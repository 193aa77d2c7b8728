"""NVIDIA instructions that Triton has no word for, a function each, for programs of one warp.

Every tensor has 32 values, so that each lane holds one of it. Addresses of shared memory are int32
bytes. What reads or writes memory is not pure, and keeps its place.
"""

import triton
import triton.language as tl


@triton.jit
def shared_bytes(lane, COUNT: tl.constexpr):
    """The address of this program's `COUNT` bytes of shared memory, aligned to 128."""
    return tl.inline_asm_elementwise(
        f"{{ .shared .align 128 .b8 bytes[{COUNT}]; mov.u32 $0, bytes; }}",
        "=r,r",
        [lane],
        dtype=tl.int32,
        is_pure=False,
        pack=1,
    )


@triton.jit
def copy_async(address, pointer):
    """Starts to copy 16 bytes a lane to shared memory, past the L1 cache."""
    tl.inline_asm_elementwise(
        "cp.async.cg.shared.global [$1], [$2], 16; mov.u32 $0, 0;",
        "=r,r,l",
        [address, pointer],
        dtype=tl.int32,
        is_pure=False,
        pack=1,
    )


@triton.jit
def await_copies(lane):
    """Waits until the copies of all lanes are there for all lanes."""
    tl.inline_asm_elementwise(
        "cp.async.wait_all; bar.warp.sync 0xffffffff; mov.u32 $0, 0;",
        "=r,r",
        [lane],
        dtype=tl.int32,
        is_pure=False,
        pack=1,
    )


@triton.jit
def load_shared2(address, OFFSET: tl.constexpr):
    """Two words of shared memory."""
    return tl.inline_asm_elementwise(
        f"ld.shared.v2.b32 {{$0, $1}}, [$2 + {OFFSET}];",
        "=r,=r,r",
        [address],
        dtype=(tl.int32, tl.int32),
        is_pure=False,
        pack=1,
    )


@triton.jit
def load_shared4(address, OFFSET: tl.constexpr):
    """Four words of shared memory."""
    return tl.inline_asm_elementwise(
        f"ld.shared.v4.b32 {{$0, $1, $2, $3}}, [$4 + {OFFSET}];",
        "=r,=r,=r,=r,r",
        [address],
        dtype=(tl.int32, tl.int32, tl.int32, tl.int32),
        is_pure=False,
        pack=1,
    )


@triton.jit
def load_global4(pointer, OFFSET: tl.constexpr):
    """Four words of global memory, `OFFSET` bytes from a pointer that 16 divides."""
    return tl.inline_asm_elementwise(
        f"ld.global.v4.b32 {{$0, $1, $2, $3}}, [$4 + {OFFSET}];",
        "=r,=r,=r,=r,l",
        [pointer],
        dtype=(tl.int32, tl.int32, tl.int32, tl.int32),
        is_pure=True,
        pack=1,
    )


@triton.jit
def store_global(pointer, words):
    """Stores two or four words to global memory, to a pointer that their bytes divide."""
    if len(words) == 4:
        tl.inline_asm_elementwise(
            "st.global.v4.b32 [$1], {$2, $3, $4, $5}; mov.u32 $0, 0;",
            "=r,l,r,r,r,r",
            [pointer, words[0], words[1], words[2], words[3]],
            dtype=tl.int32,
            is_pure=False,
            pack=1,
        )
    else:
        tl.inline_asm_elementwise(
            "st.global.v2.b32 [$1], {$2, $3}; mov.u32 $0, 0;",
            "=r,l,r,r",
            [pointer, words[0], words[1]],
            dtype=tl.int32,
            is_pure=False,
            pack=1,
        )


@triton.jit
def from_lane_xor(x, MASK: tl.constexpr):
    """A register of the lane whose number differs from this one's in the bits of `MASK`."""
    return tl.inline_asm_elementwise(
        f"shfl.sync.bfly.b32 $0, $1, {MASK}, 0x1f, 0xffffffff;",
        "=r,r",
        [x],
        dtype=x.dtype,
        is_pure=True,
        pack=1,
    )


@triton.jit
def from_lane(x, lane):
    """A register of the lane of this number."""
    return tl.inline_asm_elementwise(
        "shfl.sync.idx.b32 $0, $1, $2, 0x1f, 0xffffffff;",
        "=r,r,r",
        [x, lane],
        dtype=x.dtype,
        is_pure=True,
        pack=1,
    )


@triton.jit
def larger_halves(a, b, IS_BF16: tl.constexpr):
    """The larger of each two fp16 or bf16 in words; NaN where one is."""
    return tl.inline_asm_elementwise(
        "max.NaN.bf16x2 $0, $1, $2;" if IS_BF16 else "max.NaN.f16x2 $0, $1, $2;",
        "=r,r,r",
        [a, b],
        dtype=tl.int32,
        is_pure=True,
        pack=1,
    )


@triton.jit
def halves_without_negative_zero(a, IS_BF16: tl.constexpr):
    """Both fp16 or bf16 of a word times 1 plus +0.0: -0.0 becomes +0.0, denormals stay."""
    return tl.inline_asm_elementwise(
        "{ .reg .b32 one, zero; mov.b32 zero, 0; mov.b32 one, 0x3F803F80;"
        " fma.rn.bf16x2 $0, $1, one, zero; }"
        if IS_BF16
        else "{ .reg .b32 one, zero; mov.b32 zero, 0; mov.b32 one, 0x3C003C00;"
        " fma.rn.f16x2 $0, $1, one, zero; }",
        "=r,r",
        [a],
        dtype=tl.int32,
        is_pure=True,
        pack=1,
    )


@triton.jit
def high_half_and_sign(a):
    """The high half of a word, above 16 copies of its sign."""
    return tl.inline_asm_elementwise(
        "prmt.b32 $0, $1, 0, 0x32BB;", "=r,r", [a], dtype=tl.int32, is_pure=True, pack=1
    )


@triton.jit
def low_half_and_sign(a):
    """The low half of a word, above 16 copies of its sign."""
    return tl.inline_asm_elementwise(
        "prmt.b32 $0, $1, 0, 0x1099;", "=r,r", [a], dtype=tl.int32, is_pure=True, pack=1
    )
