"""Costs of one build on one architecture: counted in its disassembly, never measured."""

import re
from collections import Counter
from typing import NamedTuple

from kernelproof.checks.codegen.disassembly import Disassembly
from kernelproof.records.code_lock import CodeCosts


class Unit(NamedTuple):
    """The resources of a multiprocessor or compute unit, which its programs share.

    `registers` and the `granule` in which they are given out are those of one lane if `by_lane`
    (AMD: of one SIMD of four), else of the whole register file. `shared` memory and the part of it
    that the driver has `reserved` for each program are in bytes.
    """

    warps: int
    programs: int
    registers: int
    granule: int
    shared: int
    reserved: int
    by_lane: bool = False


_KIB = 1024
# CUDA C++ Programming Guide 13, "Technical Specifications per Compute Capability"; AMD's
# "Instinct MI200/MI300 ISA" and the CDNA 4 white paper.
UNITS = {
    "sm_80": Unit(64, 32, 65536, 256, 164 * _KIB, _KIB),
    "sm_86": Unit(48, 16, 65536, 256, 100 * _KIB, _KIB),
    "sm_89": Unit(48, 24, 65536, 256, 100 * _KIB, _KIB),
    "sm_90": Unit(64, 32, 65536, 256, 228 * _KIB, _KIB),
    "sm_100": Unit(64, 32, 65536, 256, 228 * _KIB, _KIB),
    "sm_120": Unit(48, 24, 65536, 256, 100 * _KIB, _KIB),
    "gfx90a": Unit(32, 32, 512, 8, 64 * _KIB, 0, by_lane=True),
    "gfx942": Unit(32, 32, 512, 8, 64 * _KIB, 0, by_lane=True),
    "gfx950": Unit(32, 32, 512, 8, 160 * _KIB, 0, by_lane=True),
}
_LANES = 32
_SIMDS = 4
_WORD_BYTES = 4

# The class of an instruction is that of the first pattern that it matches.
_SASS_CLASSES = {
    "global_loads": r"LDG|LD$|LDGSTS|UBLKCP|UTMALDG",
    "global_stores": r"STG|ST$|UTMASTG",
    "global_atomics": r"ATOMG?$|RED$",
    "shared": r"LDS|STS|LDSM|STSM|ATOMS|MOVM",
    "local": r"LDL|STL",
    "constants": r"LDC|ULDC|LDCU",
    "shuffles": r"SHFL|REDUX|CREDUX|VOTE|MATCH",
    "barriers": r"BAR|SYNCS|DEPBAR|LDGDEPBAR|MEMBAR|ERRBAR",
    "control": r"BRA|BRX|BSSY|BSYNC|CALL|RET|EXIT|NOP|WARPSYNC|JMP|YIELD|BREAK|BMOV|S2R|CS2R|S2UR",
    "special": r"MUFU|F2I|I2F|F2F|FRND|POPC|FLO|BREV|I2I|F2IP|I2FP",
    "tensor": r"HMMA|IMMA|DMMA|QMMA|HGMMA|UTC",
    "fma": r"FADD|FMUL|FFMA|FSWZ|HADD|HMUL|HFMA|DADD|DMUL|DFMA|IMAD|IDP",
    "uniform": r"U",
    "alu": r"",
}
_GCN_CLASSES = {
    "global_loads": r"(global|buffer|flat)_load",
    "global_stores": r"(global|buffer|flat)_store",
    "global_atomics": r"(global|buffer|flat)_atomic",
    "local": r"scratch_",
    "shuffles": r".*_dpp$|ds_swizzle|ds_b?permute|v_permlane|v_(read|write)(first)?lane",
    "shared": r"ds_",
    "constants": r"s_(buffer_)?load",
    "barriers": r"s_barrier",
    "control": r"s_(c?branch|endpgm|waitcnt|nop|setprio|sleep|set|get|swap|delay|clause)",
    "special": r"v_(rcp|rsq|sqrt|exp|log|sin|cos|frexp|ldexp|cvt|div)_",
    "tensor": r"v_(mfma|smfma|wmma)",
    "fma": r"v_(pk_)?(fma|mad|mac|mul|add|sub)\w*_[fu]?(16|32|64)\w*$(?<!_[iu]32)|v_fma",
    "uniform": r"s_",
    "alu": r"",
}
_GCN_SUFFIX = re.compile(r"_(e32|e64|dpp|sdwa|e64_dpp)$")
_SASS_WIDTHS = {"256": 32, "128": 16, "64": 8, "U16": 2, "S16": 2, "U8": 1, "S8": 1}
_GCN_WIDTHS = (("x4", 16), ("x3", 12), ("x2", 8), ("dword", 4), ("short", 2), ("byte", 1))


def counted(
    code: Disassembly, *, architecture: str, rows: int, num_warps: int, shared: int
) -> CodeCosts:
    """Returns the costs of code whose programs have `rows` rows and `num_warps` warps each.

    `shared` is the bytes of shared memory of a program.
    """
    is_amd = architecture.startswith("gfx")
    table = _GCN_CLASSES if is_amd else _SASS_CLASSES
    kinds = Counter(_kind(opcode, is_amd=is_amd) for opcode in code.opcodes)
    of_class = {opcode: _class(opcode, table) for opcode in set(code.opcodes)}
    classes = Counter(of_class[opcode] for opcode in code.opcodes)
    widths: dict[str, Counter[str]] = {"global_loads": Counter(), "global_stores": Counter()}
    for opcode in code.opcodes:
        if (name := of_class[opcode]) in widths:
            widths[name][str(_width(opcode, is_amd=is_amd))] += 1
    count = len(code.opcodes)
    return CodeCosts(
        rows=rows,
        num_warps=num_warps,
        registers=code.registers,
        stack=code.stack,
        spills=classes["local"] if code.spills is None else code.spills,
        shared=shared,
        resident_warps=resident_warps(UNITS[architecture], code.registers, num_warps, shared),
        instructions=count,
        instructions_per_row=round(count * num_warps / rows, 2),
        bytes=code.bytes,
        load_widths=_sorted(widths["global_loads"]),
        store_widths=_sorted(widths["global_stores"]),
        classes=_sorted(classes),
        kinds=_sorted(kinds),
        sha256=code.sha256,
    )


def resident_warps(unit: Unit, registers: int, num_warps: int, shared: int) -> int:
    """Returns the warps that a unit holds of programs with these needs, 0 if none fits."""
    # Warps that the registers leave, each warp's rounded up to granules.
    needed = -(-max(registers, 1) // unit.granule) * unit.granule
    if unit.by_lane:
        of_registers = _SIMDS * min(unit.warps // _SIMDS, unit.registers // needed)
    else:
        of_lanes = -(-max(registers, 1) * _LANES // unit.granule) * unit.granule
        of_registers = unit.registers // of_lanes
    # Whole programs that registers, warps and shared memory leave.
    programs = min(unit.programs, min(unit.warps, of_registers) // num_warps)
    if shared + unit.reserved:
        programs = min(programs, unit.shared // (shared + unit.reserved))
    return programs * num_warps


def _sorted(counter: Counter[str]) -> dict[str, int]:
    return dict(sorted(counter.items()))


def _kind(opcode: str, *, is_amd: bool) -> str:
    return _GCN_SUFFIX.sub("", opcode) if is_amd else opcode.partition(".")[0]


def _class(opcode: str, table: dict[str, str]) -> str:
    word = opcode.partition(".")[0]
    return next(name for name, pattern in table.items() if re.match(pattern, word))


def _width(opcode: str, *, is_amd: bool) -> int:
    """Returns the bytes that a thread loads or stores."""
    if is_amd:
        if bits := re.search(r"_[bui](\d+)", opcode):
            return int(bits[1]) // 8
        return next((width for mark, width in _GCN_WIDTHS if mark in opcode), _WORD_BYTES)
    marks = opcode.split(".")
    return next((_SASS_WIDTHS[mark] for mark in marks if mark in _SASS_WIDTHS), _WORD_BYTES)
