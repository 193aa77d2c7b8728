"""Verdicts on generated code as text: a line an architecture, what moved, and the summary."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from kernelproof.checks.codegen.judge import CodeVerdict, JudgedBuild, Move, Value

STATIC = (
    "Counts are of the code as it stands: they see neither predicated traffic, nor how often a "
    "loop runs, nor latency."
)
_MOST_TABLES = 6
_FEW_TABLES = 2
# What a line has room for, where it stands for a table.
_TELLING = ("registers", "spills", "num_warps", "rows", "instructions_per_row", "bytes")


def summary(judged: Iterable[JudgedBuild]) -> str:
    """``160 same, 2 changed``, in the order of the verdicts."""
    counts = Counter(one.verdict for one in judged)
    return ", ".join(f"{counts[verdict]} {verdict}" for verdict in CodeVerdict if counts[verdict])


def lines_of(kernel: str, judged: Sequence[JudgedBuild]) -> Iterator[str]:
    """One line an architecture, then what blocks: its reason, and a table of what moved."""
    architectures = list(dict.fromkeys(one.architecture for one in judged))
    for architecture in architectures:
        here = [one for one in judged if one.architecture == architecture]
        yield f"{kernel}  {architecture:8}{summary(here)}"
    blocking = [one for one in judged if one.verdict != CodeVerdict.SAME]
    missing = [one for one in blocking if one.verdict == CodeVerdict.MISSING]
    if missing:
        yield f"missing: {len(missing)} lines of the lock, the first {_name(missing[0])}"
    told = [one for one in blocking if one.verdict != CodeVerdict.MISSING]
    for one in told[:_MOST_TABLES]:
        yield f"\n{one.verdict} {_name(one)}: {one.reason}"
        yield from table(one.moves, with_kinds=len(told) <= _FEW_TABLES)
    if len(told) > _MOST_TABLES:
        yield ""
        yield from drift_lines(told[_MOST_TABLES:])


def table(moves: Iterable[Move], *, with_kinds: bool) -> Iterator[str]:
    """One line for everything that moved: its name, old, new."""
    shown = [move for move in moves if with_kinds or not move.name.startswith("kinds.")]
    wide = max((len(move.name) for move in shown), default=0)
    old_wide = max((len(_short(move.old)) for move in shown), default=0)
    for move in shown:
        yield f"    {move.name:{wide}}  {_short(move.old):>{old_wide}} -> {_short(move.new)}"


def drift_lines(judged: Iterable[JudgedBuild]) -> Iterator[str]:
    """One line for each that is not the same, with the most telling of what moved."""
    for one in judged:
        if one.verdict == CodeVerdict.SAME:
            continue
        moved = {move.name: move for move in one.moves}
        told = ", ".join(
            f"{name} {_short(moved[name].old)} -> {_short(moved[name].new)}"
            for name in _TELLING
            if name in moved
        )
        yield f"{one.verdict} {_name(one)}: {told or one.reason}"


def _name(judged: JudgedBuild) -> str:
    return f"{judged.build} {judged.architecture}"


def _short(value: Value) -> str:
    if value is None:
        return "none"
    return f"{value[:16]}" if isinstance(value, str) else f"{value}"
