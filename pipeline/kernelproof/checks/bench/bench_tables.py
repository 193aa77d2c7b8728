"""The tables of a run: device times and host times, in a terminal and in Markdown."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from rich.console import Console

from kernelproof.records.bench_run import BenchCase, BenchRun, ContestantResult, ContestantTimes

_PLAIN: dict[str, Any] = {"markup": False, "highlight": False, "emoji": False, "soft_wrap": True}
_DIGITS = 4
_DEVICE = (
    "device time: the median, in us a launch; +-% is the distance between the quartiles, "
    "x a peer's time by ours"
)
_HOST = "host time: the median, in us a call; bare is the launch of the jitted function alone"
_STAR = "* is no graph but a loop of launches: the host's time may show"


@dataclass(frozen=True, kw_only=True)
class Table:
    """Lines of equal length under `columns`; `notes` say what stands there."""

    title: str
    columns: tuple[str, ...]
    lines: list[tuple[str, ...]]
    notes: list[str]


def tables(bench: BenchRun) -> Iterator[Table]:
    """For each kernel and dtype the device times, then the host times."""
    for timed in (_device, _host):
        for (kernel, dtype), group in groupby(bench.measured, lambda one: (one.kernel, one.dtype)):
            yield timed(f"{kernel} {dtype}", list(group))


def heading(bench: BenchRun) -> str:
    """One line: on what, with what, when and how it was measured."""
    device, packages = bench.machine.get("device", {}), bench.machine.get("packages", {})
    driver = f", driver {device['driver']}" if "driver" in device else ""
    tools = ", ".join(f"{name} {packages.get(name, '?')}" for name in ("torch", "triton"))
    state = f"{bench.commit[:12]}{' (dirty)' if bench.dirty else ''}"
    return (
        f"bench {bench.row}: {device.get('name', 'an unnamed device')}{driver}, {tools}, "
        f"{bench.date}, {state}, `{bench.command}`"
    )


def _device(of: str, measured: list[BenchCase]) -> Table:
    names = _peers(measured)
    absent = [name for name in names if _is_absent(measured, name)]
    shown = [name for name in names if name not in absent]
    lines = []
    for one in measured:
        ours, floor = one.ours.timing, one.floor
        rate = f"{one.least_bytes / ours.us / 1000:.0f}" if ours and one.least_bytes else ""
        lines.append(
            (
                _shape(one),
                _time(one.ours),
                f"{100 * ours.spread:.1f}" if ours else "",
                rate,
                number(floor.us) + _star(floor) if floor else "",
                f"{ours.us / floor.us:.2f}" if ours and floor else "",
                *(_beside(one.peers.get(name), ours) for name in shown),
            )
        )
    notes = [_DEVICE]
    if any("*" in cell for line in lines for cell in line):
        notes.append(_STAR)
    if absent:
        notes.append(f"not installed: {', '.join(absent)}")
    columns = ("shape", "kernel", "+-%", "GB/s", "floor", "/floor", *shown)
    return Table(title=f"{of}, device time", columns=columns, lines=lines, notes=notes)


def _host(of: str, measured: list[BenchCase]) -> Table:
    names = [name for name in _peers(measured) if not _is_absent(measured, name)]
    lines = [
        (
            _shape(one),
            _host_of(one.ours),
            _us(one.bare_host_us),
            *(_host_of(one.peers.get(name)) for name in names),
        )
        for one in measured
    ]
    columns = ("shape", "kernel", "bare", *names)
    return Table(title=f"{of}, host time", columns=columns, lines=lines, notes=[_HOST])


def _peers(measured: Iterable[BenchCase]) -> list[str]:
    return list(dict.fromkeys(name for one in measured for name in one.peers))


def _is_absent(measured: Iterable[BenchCase], name: str) -> bool:
    return all(one.peers[name].state == "not installed" for one in measured if name in one.peers)


def _shape(one: BenchCase) -> str:
    return " ".join(f"{axis}{size}" for axis, size in one.shape.items())


def number(us: float) -> str:
    """Four digits, and no fewer than all of a whole number: ``1.784``, ``343.1``, ``52731``."""
    whole = len(str(int(us)))
    return f"{us:.{max(_DIGITS - whole, 0)}f}"


def _us(us: float | None) -> str:
    return "" if us is None else number(us)


def _star(timing: ContestantTimes) -> str:
    return "" if timing.is_graph else "*"


def _time(entry: ContestantResult) -> str:
    return number(entry.timing.us) + _star(entry.timing) if entry.timing else entry.state


def _beside(entry: ContestantResult | None, ours: ContestantTimes | None) -> str:
    """``343.1 x9.75``, or why there is no time."""
    if entry is None:
        return ""
    if not (entry.timing and ours):
        return _time(entry)
    ratio = entry.timing.us / ours.us
    return f"{_time(entry)} x{ratio:.{2 if ratio < 10 else 1 if ratio < 100 else 0}f}"  # noqa: PLR2004


def _host_of(entry: ContestantResult | None) -> str:
    if entry is None or entry.state == "timed":
        return _us(entry.host_us) if entry else ""
    return entry.state


def print_tables(bench: BenchRun, console: Console) -> None:
    """Prints the tables; bold heads only where `console` has them."""
    console.print(heading(bench), style="bold", **_PLAIN)
    for table in tables(bench):
        widths = [max(map(len, column)) for column in zip(table.columns, *table.lines, strict=True)]
        console.print(f"\n{table.title}", style="bold", **_PLAIN)
        for line in (table.columns, *table.lines):
            console.print(_aligned(line, widths), **_PLAIN)
    console.print()
    for note in _notes(bench):
        console.print(note, style="dim", **_PLAIN)


def _notes(bench: BenchRun) -> list[str]:
    """The notes of all tables, each once."""
    return list(dict.fromkeys(note for table in tables(bench) for note in table.notes))


def _aligned(line: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = zip(line, widths, strict=True)
    return "  ".join([first[0].ljust(first[1]), *(cell.rjust(wide) for cell, wide in others)])


def _literal(text: str) -> str:
    return text.replace("*", "\\*")


def markdown(bench: BenchRun) -> str:
    """The same tables as Markdown."""
    parts = [f"## {heading(bench)}"]
    for table in tables(bench):
        head = f"| {' | '.join(table.columns)} |\n| --- {'| ---: ' * (len(table.columns) - 1)}|"
        lines = "\n".join(f"| {' | '.join(line)} |" for line in table.lines)
        parts += [f"### {table.title}", f"{head}\n{_literal(lines)}"]
    parts += [f"- {_literal(note)}" for note in _notes(bench)]
    return "\n\n".join(parts) + "\n"
