"""Normalised disassemblies: without addresses, names, comments and paths; labels are renumbered.

Only the executed instructions are left, so that a kernel which is moved, renamed or commented
disassembles to the same text.
"""

import hashlib
import re
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_SASS = re.compile(r"^\s+/\*([0-9a-f]{4,})\*/\s+(.+?)\s*;", re.MULTILINE)
_USAGE = re.compile(r"^\s*REG:(\d+) STACK:(\d+) SHARED:(\d+) LOCAL:(\d+)", re.MULTILINE)
_PREDICATE = re.compile(r"^@!?\w+\s+")
# Instructions whose last number is an address in the code.
_JUMPS = re.compile(r"^((?:@!?\w+\s+)?(?:BRA|BSSY|CALL|JMP|BRX|WARPSYNC)\b.*?)(0x[0-9a-f]+)$")
_SASS_BYTES = 16
_GCN_LABEL = re.compile(r"\.L(?:BB|tmp|func_begin)?\w+")
_GCN_NUMBER = re.compile(r"^\s+\.(\w+):\s+(\d+)$", re.MULTILINE)
_GCN_BYTES = re.compile(r"^; codeLenInByte = (\d+)", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Disassembly:
    """Normalised lines, labels among them (``L3:``), and the compiler's figures of the code.

    `spills` is the compiler's count, None if it has none: then loads and stores of local memory
    count. `stack`, `bytes` and `shared`, the shared memory that the code declares, are in bytes.
    """

    lines: tuple[str, ...]
    registers: int
    stack: int
    bytes: int
    spills: int | None = None
    shared: int = 0

    @property
    def sha256(self) -> str:
        """The SHA-256 of the text, in hexadecimal."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def text(self) -> str:
        """The lines, each with its end."""
        return "".join(f"{line}\n" for line in self.lines)

    @property
    def opcodes(self) -> list[str]:
        """The instruction of each line with its modifiers, without predicate and operands."""
        code = [line for line in self.lines if not line.endswith(":")]
        return [_PREDICATE.sub("", line).split(maxsplit=1)[0] for line in code]


def of_cubin(cubin: bytes, cuobjdump: str) -> Disassembly:
    """Returns the disassembly of an NVIDIA binary with one kernel, by Triton's own cuobjdump."""
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        Path(file.name).write_bytes(cubin)
        command = [cuobjdump, "-sass", "-res-usage", file.name]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return of_sass(done.stdout)


def of_sass(text: str) -> Disassembly:
    """Returns the disassembly in the output of ``cuobjdump -sass -res-usage`` of one kernel.

    Raises ValueError if the output has no kernel.
    """
    usage = _USAGE.search(text)
    code = [(int(address, 16), words) for address, words in _SASS.findall(text)]
    while code and code[-1][1] == "NOP":  # padding
        code.pop()
    if usage is None or not code:
        raise ValueError("no kernel in what cuobjdump printed")
    # Addresses that jumps go to become labels, in the order of the addresses.
    jumps = {address: jump for address, words in code if (jump := _JUMPS.match(words))}
    targets = {int(jump[2], 16) for jump in jumps.values()}
    labels = {target: f"L{number}" for number, target in enumerate(sorted(targets))}
    lines = []
    for address, words in code:
        if address in labels:
            lines.append(f"{labels[address]}:")
        if jump := jumps.get(address):
            words = jump[1] + labels[int(jump[2], 16)]  # noqa: PLW2901
        lines.append(" ".join(words.split()))
    registers, stack, shared, local = map(int, usage.groups())
    return Disassembly(
        lines=tuple(lines),
        registers=registers,
        stack=stack + local,
        bytes=_SASS_BYTES * len(code),
        shared=shared,
    )


def of_amdgcn(text: str) -> Disassembly:
    """Returns the disassembly in the assembly that LLVM writes for one AMD kernel.

    Raises ValueError if the text has no kernel.
    """
    numbers = {name: int(value) for name, value in _GCN_NUMBER.findall(text)}
    size = _GCN_BYTES.search(text)
    if size is None or "vgpr_count" not in numbers:
        raise ValueError("no kernel in the amdgcn text")
    return Disassembly(
        lines=tuple(_renumbered(_gcn_lines(text))),
        registers=numbers["vgpr_count"],
        stack=numbers["private_segment_fixed_size"],
        bytes=int(size[1]),
        spills=numbers["vgpr_spill_count"] + numbers["sgpr_spill_count"],
    )


def _gcn_lines(text: str) -> Iterable[str]:
    """Yields instructions and labels of the function, without directives and comments."""
    body = text.partition("@function\n")[2].partition("\n\t.section")[0]
    for line in body.splitlines()[1:]:  # the first is the kernel's name
        words = " ".join(line.partition(";")[0].split())
        if words and (not words.startswith(".") or re.fullmatch(r"\.LBB\w+:", words)):
            yield words


def _renumbered(lines: Iterable[str]) -> Iterable[str]:
    labels: dict[str, str] = {}
    for line in lines:
        yield _GCN_LABEL.sub(lambda name: labels.setdefault(name[0], f"L{len(labels)}"), line)
