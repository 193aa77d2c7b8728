"""Verdicts on generated code as text: a line for each architecture, the moves, and a summary."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from kernelproof.checks.codegen.judge import CodeVerdict, JudgedBuild, Move, Value
from kernelproof.files.text_table import aligned

STATIC = (
    "Counts are static: they see neither predicated traffic, nor how often a loop runs, nor "
    "latency."
)
_MOST_TABLES = 6
# With more tables than these the counts of single instructions are left out.
_FEW_TABLES = 2
_HASH_LETTERS = 16
# Moves that a line shows in the place of a table.
_MAIN_MOVES = ("registers", "spills", "num_warps", "rows", "instructions_per_row", "bytes")


def summary(judged: Iterable[JudgedBuild]) -> str:
    """Returns ``160 same, 2 changed``, in the order of the verdicts."""
    counts = Counter(build.verdict for build in judged)
    return ", ".join(f"{counts[verdict]} {verdict}" for verdict in CodeVerdict if counts[verdict])


def report_lines(kernel: str, judged: Sequence[JudgedBuild]) -> Iterator[str]:
    """Yields a line for each architecture, then each blocking build with its reason and moves."""
    for architecture in dict.fromkeys(build.architecture for build in judged):
        here = [build for build in judged if build.architecture == architecture]
        yield f"{kernel}  {architecture:8}{summary(here)}"
    missing = [build for build in judged if build.verdict == CodeVerdict.MISSING]
    if missing:
        yield f"missing: {len(missing)} lines of the lock, the first {_name(missing[0])}"
    good = {CodeVerdict.SAME, CodeVerdict.MISSING}
    blocking = [build for build in judged if build.verdict not in good]
    for build in blocking[:_MOST_TABLES]:
        yield f"\n{build.verdict} {_name(build)}: {build.reason}"
        yield from _move_table(build.moves, with_kinds=len(blocking) <= _FEW_TABLES)
    if len(blocking) > _MOST_TABLES:
        yield ""
        yield from drift_lines(blocking[_MOST_TABLES:])


def _move_table(moves: Iterable[Move], *, with_kinds: bool) -> Iterator[str]:
    rows = [
        (move.name, _short(move.old), f"-> {_short(move.new)}")
        for move in moves
        if with_kinds or not move.name.startswith("kinds.")
    ]
    yield from (f"    {line}" for line in aligned(rows, right={1}))


def drift_lines(judged: Iterable[JudgedBuild]) -> Iterator[str]:
    """Yields a line for each build that is not the same, with its main moves or its reason."""
    for build in judged:
        if build.verdict == CodeVerdict.SAME:
            continue
        moves = {move.name: move for move in build.moves}
        text = ", ".join(
            f"{name} {_short(moves[name].old)} -> {_short(moves[name].new)}"
            for name in _MAIN_MOVES
            if name in moves
        )
        yield f"{build.verdict} {_name(build)}: {text or build.reason}"


def _name(judged: JudgedBuild) -> str:
    return f"{judged.build} {judged.architecture}"


def _short(value: Value) -> str:
    if value is None:
        return "none"
    return value[:_HASH_LETTERS] if isinstance(value, str) else f"{value}"
