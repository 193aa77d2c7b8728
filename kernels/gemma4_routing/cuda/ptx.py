"""PTX instructions that Triton has no function for, one function each, for programs of one warp.

Every tensor has 32 values, one a lane. Addresses of shared memory are int32, in bytes. Words are
int32. What reads shared memory or writes any is declared impure, so that Triton keeps its order.
An instruction without a result sets a register to 0, because Triton wants one.
"""

import triton
import triton.language as tl

WARP = tl.constexpr(32)  # lanes of a warp
HALF_WARP = tl.constexpr(16)
VECTOR = tl.constexpr(16)  # bytes of a lane's widest load, store and copy


@triton.jit
def _asm(
    TEXT: tl.constexpr,
    CONSTRAINTS: tl.constexpr,
    arguments,
    IS_PURE: tl.constexpr = True,  # noqa: FBT002  (Triton has no keyword-only parameters)
):
    """Returns the result $0 of PTX code in each lane, of the dtype of its first argument $1.

    `CONSTRAINTS` names a register for $0, $1 ...: r for 32 bits, l for 64, = before a result.
    """
    return tl.inline_asm_elementwise(
        TEXT, CONSTRAINTS, arguments, dtype=arguments[0].dtype, is_pure=IS_PURE, pack=1
    )


@triton.jit
def shared_bytes(lane, COUNT: tl.constexpr):
    """Returns the address of `COUNT` bytes of shared memory, aligned to 128 bytes."""
    TEXT: tl.constexpr = f"{{ .shared .align 128 .b8 bytes[{COUNT}]; mov.u32 $0, bytes; }}"
    return _asm(TEXT, "=r,r", (lane,), IS_PURE=False)


@triton.jit
def copy_async(address, pointer):
    """Starts to copy 16 bytes a lane from global to shared memory, past the L1 cache."""
    _asm(
        "cp.async.cg.shared.global [$1], [$2], 16; mov.u32 $0, 0;",
        "=r,r,l",
        (address, pointer),
        IS_PURE=False,
    )


@triton.jit
def await_copies(lane):
    """Waits until the copies of all lanes have come and all lanes can read them."""
    _asm(
        "cp.async.wait_all; bar.warp.sync 0xffffffff; mov.u32 $0, 0;",
        "=r,r",
        (lane,),
        IS_PURE=False,
    )


@triton.jit
def _load4(
    SPACE: tl.constexpr,
    CONSTRAINT: tl.constexpr,
    address,
    OFFSET: tl.constexpr,
    IS_PURE: tl.constexpr,
):
    """Returns four words of a memory space."""
    return tl.inline_asm_elementwise(
        f"ld.{SPACE}.v4.b32 {{$0, $1, $2, $3}}, [$4 + {OFFSET}];",
        "=r,=r,=r,=r," + CONSTRAINT,
        [address],
        dtype=(tl.int32, tl.int32, tl.int32, tl.int32),
        is_pure=IS_PURE,
        pack=1,
    )


@triton.jit
def load_shared2(address, OFFSET: tl.constexpr):
    """Returns two words of shared memory, `OFFSET` bytes from an address that 8 divides."""
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
    """Returns four words of shared memory, `OFFSET` bytes from an address that 16 divides."""
    return _load4("shared", "r", address, OFFSET, IS_PURE=False)


@triton.jit
def load_global4(pointer, OFFSET: tl.constexpr):
    """Returns four words of global memory, `OFFSET` bytes from a pointer that 16 divides."""
    return _load4("global", "l", pointer, OFFSET, IS_PURE=True)


@triton.jit
def store_global(pointer, words):
    """Stores two or four words to global memory; 8 or 16 divides the pointer."""
    if len(words) == 4:
        _asm(
            "st.global.v4.b32 [$5], {$1, $2, $3, $4}; mov.u32 $0, 0;",
            "=r,r,r,r,r,l",
            (words[0], words[1], words[2], words[3], pointer),
            IS_PURE=False,
        )
    else:
        _asm(
            "st.global.v2.b32 [$3], {$1, $2}; mov.u32 $0, 0;",
            "=r,r,r,l",
            (words[0], words[1], pointer),
            IS_PURE=False,
        )


@triton.jit
def from_lane_xor(x, MASK: tl.constexpr):
    """Returns `x` of the lane whose number differs from this lane's in the bits of `MASK`."""
    TEXT: tl.constexpr = f"shfl.sync.bfly.b32 $0, $1, {MASK}, 0x1f, 0xffffffff;"
    return _asm(TEXT, "=r,r", (x,))


@triton.jit
def from_lane(x, lane):
    """Returns `x` of the lane with the number `lane`."""
    return _asm("shfl.sync.idx.b32 $0, $1, $2, 0x1f, 0xffffffff;", "=r,r,r", (x, lane))


@triton.jit
def larger_halves(a, b, IS_BF16: tl.constexpr):
    """Returns, half by half, the larger fp16 or bf16 of two words; NaN if either is NaN."""
    return _asm(
        "max.NaN.bf16x2 $0, $1, $2;" if IS_BF16 else "max.NaN.f16x2 $0, $1, $2;", "=r,r,r", (a, b)
    )


@triton.jit
def halves_without_negative_zero(a, IS_BF16: tl.constexpr):
    """Returns a word with each half that is -0.0 replaced by +0.0, any other half as it was.

    The halves are fp16 or bf16. ``a * 1.0 + 0.0`` does it, and keeps denormals.
    """
    # A word of two 1.0 is 0x3F803F80 in bf16, 0x3C003C00 in fp16.
    return _asm(
        "{ .reg .b32 one, zero; mov.b32 zero, 0; mov.b32 one, 0x3F803F80;"
        " fma.rn.bf16x2 $0, $1, one, zero; }"
        if IS_BF16
        else "{ .reg .b32 one, zero; mov.b32 zero, 0; mov.b32 one, 0x3C003C00;"
        " fma.rn.f16x2 $0, $1, one, zero; }",
        "=r,r",
        (a,),
    )


@triton.jit
def high_half_and_sign(a):
    """Returns a word with the high half of `a` above 16 copies of its sign."""
    # The bytes of the result, the highest first: byte 3, byte 2, the sign of byte 3 (8 + 3) twice.
    return _asm("prmt.b32 $0, $1, 0, 0x32BB;", "=r,r", (a,))


@triton.jit
def low_half_and_sign(a):
    """Returns a word with the low half of `a` above 16 copies of its sign."""
    # The bytes of the result, the highest first: byte 1, byte 0, the sign of byte 1 (8 + 1) twice.
    return _asm("prmt.b32 $0, $1, 0, 0x1099;", "=r,r", (a,))
