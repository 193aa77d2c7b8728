"""Normalised disassemblies, and the costs that are counted in them."""

import pytest

from kernelproof.checks.codegen.disassembly import of_amdgcn, of_sass
from kernelproof.checks.codegen.instruction_costs import UNITS, counted, resident_warps

SASS = """\

Resource usage:
 Common:
  GLOBAL:0
 Function _plain_kernel:
  REG:18 STACK:8 SHARED:1024 LOCAL:4 CONSTANT[0]:552 TEXTURE:0 SURFACE:0 SAMPLER:0

\tcode for sm_90a
\t\tFunction : _plain_kernel
\t.headerflags\t@"EF_CUDA_SM90"
        /*0000*/                   LDC R1, c[0x0][0x28] ;              /* 0x00000a00ff017b82 */
                                                                      /* 0x000e220000000800 */
        /*0010*/              @!P0 BRA 0x50 ;                          /* 0x0000000000147919 */
        /*0020*/              @!P0 LDG.E.128 R4, desc[UR6][R2.64] ;    /* 0x0000000000147919 */
        /*0030*/                   FFMA R4, R4, 0x2, RZ ;              /* 0x0000000000147919 */
        /*0040*/                   STL [R1], R4 ;                      /* 0x0000000000147919 */
        /*0050*/                   STG.E.U16 desc[UR6][R2.64], R4 ;    /* 0x0000000000147919 */
        /*0060*/                   REDUX.MAX.S32 UR4, R4 ;             /* 0x0000000000147919 */
        /*0070*/                   MUFU.RCP R5, R4 ;                   /* 0x0000000000147919 */
        /*0080*/                   EXIT ;                              /* 0x0000000000147919 */
        /*0090*/                   BRA 0x90;                           /* 0x0000000000147919 */
        /*00a0*/                   NOP;                                /* 0x0000000000147919 */
        /*00b0*/                   NOP;                                /* 0x0000000000147919 */
"""
LINES = (
    "LDC R1, c[0x0][0x28]",
    "@!P0 BRA L0",
    "@!P0 LDG.E.128 R4, desc[UR6][R2.64]",
    "FFMA R4, R4, 0x2, RZ",
    "STL [R1], R4",
    "L0:",
    "STG.E.U16 desc[UR6][R2.64], R4",
    "REDUX.MAX.S32 UR4, R4",
    "MUFU.RCP R5, R4",
    "EXIT",
    "L1:",
    "BRA L1",
)
GCN = """\
\t.amdgcn_target "amdgcn-amd-amdhsa--gfx942"
\t.text
\t.globl\t_plain_kernel          ; -- Begin function _plain_kernel
\t.type\t_plain_kernel,@function
_plain_kernel:                 ; @_plain_kernel
.Lfunc_begin0:
\t.file\t1 "/home/someone/kernels/plain" "kernel.py"
; %bb.0:
\ts_load_dwordx2 s[2:3], s[0:1], 0x0
\t.loc\t1 118 0 prologue_end            ; kernel.py:118:0
.Ltmp7:
\ts_cbranch_execz .LBB3_9
\tglobal_load_dwordx4 v[0:3], v4, s[2:3]   ; 16-byte Folded Reload
\tv_fma_f32 v0, v1, v2, v3
\tv_mov_b32_dpp v5, v0 row_shr:1
.LBB3_9:                                ; %exit
\tbuffer_store_short v0, v4, s[4:7], 0 offen
\ts_endpgm
\t.section\t.rodata,"a",@progbits
\tv_fma_f32 v0, v1, v2, v3
; codeLenInByte = 48
    .private_segment_fixed_size: 16
    .sgpr_spill_count: 1
    .vgpr_count:     36
    .vgpr_spill_count: 2
"""


def test_sass() -> None:
    """Addresses, encodings, names and padding go; targets of jumps become labels.

    Costs are counted by class, by kind and by width, with a row's share; STL and LDL are spills.
    """
    code = of_sass(SASS)
    assert code.lines == LINES
    assert (code.registers, code.stack, code.bytes, code.spills) == (18, 12, 160, None)
    costs = counted(code, architecture="sm_90", rows=4, num_warps=2, shared=64)
    once = ("constants", "fma", "global_loads", "global_stores", "local", "shuffles", "special")
    assert costs.classes == {**dict.fromkeys(once, 1), "control": 3}
    assert (costs.load_widths, costs.store_widths) == ({"16": 1}, {"2": 1})
    assert (costs.spills, costs.instructions, costs.instructions_per_row) == (1, 10, 5.0)
    assert costs.kinds["BRA"] == 2


def test_amdgcn() -> None:
    """Comments, directives, paths and text behind the function go; labels are renumbered.

    Spills are the compiler's own count; data parallel moves are shuffles.
    """
    code = of_amdgcn(GCN)
    assert code.lines == (
        "s_load_dwordx2 s[2:3], s[0:1], 0x0",
        "s_cbranch_execz L0",
        "global_load_dwordx4 v[0:3], v4, s[2:3]",
        "v_fma_f32 v0, v1, v2, v3",
        "v_mov_b32_dpp v5, v0 row_shr:1",
        "L0:",
        "buffer_store_short v0, v4, s[4:7], 0 offen",
        "s_endpgm",
    )
    assert (code.registers, code.stack, code.bytes, code.spills) == (36, 16, 48, 3)
    costs = counted(code, architecture="gfx942", rows=1, num_warps=1, shared=0)
    once = ("constants", "fma", "global_loads", "global_stores", "shuffles")
    assert costs.classes == {**dict.fromkeys(once, 1), "control": 2}
    assert (costs.load_widths, costs.store_widths, costs.spills) == ({"16": 1}, {"2": 1}, 3)


def test_the_hash_is_of_the_executed_code() -> None:
    """A name, an encoding, a flag or spaces change no hash, but any instruction does."""
    alike = {
        "_plain_kernel": "_other_kernel",
        "0x000e220000000800": "0x000e220000000801",
        "EF_CUDA_SM90": "EF_CUDA_SM91",
        "LDC R1,  ": "LDC R1,",
    }
    apart = {
        "FFMA R4, R4, 0x2": "FFMA R4, R4, 0x3",
        "LDG.E.128": "LDG.E.64",
        "@!P0 LDG": "@P0 LDG",
        "BRA 0x50": "BRA 0x60",
        "R2.64], R4 ;": "R2.64], R5 ;",
    }
    sha256 = of_sass(SASS).sha256
    for edits, is_same in ((alike, True), (apart, False)):
        hashes = {old: of_sass(SASS.replace(old, new)).sha256 for old, new in edits.items()}
        assert [old for old, new_hash in hashes.items() if (new_hash == sha256) != is_same] == []


def test_a_text_without_a_kernel() -> None:
    """It is no disassembly of nothing."""
    for text in ("cuobjdump fatal: no code\n", SASS.partition("code for")[0]):
        with pytest.raises(ValueError, match=r"^no kernel in what cuobjdump printed$"):
            of_sass(text)
    with pytest.raises(ValueError, match=r"^no kernel in the amdgcn text$"):
        of_amdgcn("; codeLenInByte = 48\n")


def test_resident_warps() -> None:
    """Registers, shared memory and the number of programs each limit them."""
    # Architecture, registers, warps of a program, KiB of shared memory, resident warps.
    limits = (
        ("sm_90", 32, 4, 0, 64),
        ("sm_90", 33, 4, 0, 48),
        ("sm_90", 255, 4, 0, 8),
        ("sm_90", 32, 1, 0, 32),
        ("sm_90", 32, 4, 100, 8),
        ("sm_90", 32, 4, 228, 0),
        ("sm_86", 32, 1, 0, 16),
        ("gfx942", 64, 1, 0, 32),
        ("gfx942", 72, 1, 0, 28),
        ("gfx942", 512, 1, 0, 4),
        ("gfx942", 64, 1, 16, 4),
    )
    for architecture, registers, num_warps, kib, warps in limits:
        unit = UNITS[architecture]
        assert resident_warps(unit, registers, num_warps, kib * 1024) == warps, architecture
