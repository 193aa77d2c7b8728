"""The tables of a bench run: device times and host times, in a terminal and in Markdown."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from rich.console import Console

from kernelproof.files.text_table import aligned, markdown_rows
from kernelproof.records.bench_run import BenchCase, BenchRun, ContestantResult, ContestantTimes

_PLAIN: dict[str, Any] = {"markup": False, "highlight": False, "emoji": False, "soft_wrap": True}
_DIGITS = 4
_TEN, _HUNDRED = 10, 100
_DEVICE = (
    "device time: the median, in us a launch; +-% is the distance between the quartiles, "
    "x a peer's time by ours"
)
_HOST = "host time: the median, in us a call; bare is the launch of the jitted function alone"
_STAR = "* is no graph but a loop of launches: the host's time may show"


@dataclass(frozen=True, kw_only=True)
class BenchTable:
    """A table whose first line holds the column heads; `notes` explain its columns."""

    title: str
    lines: list[tuple[str, ...]]
    notes: list[str]

    @property
    def numbers(self) -> range:
        """Returns the columns that hold numbers: all but the first."""
        return range(1, len(self.lines[0]))


def tables(run: BenchRun) -> Iterator[BenchTable]:
    """Yields for each kernel and dtype the device times, then the host times."""
    for make_table in (_device_table, _host_table):
        groups = groupby(run.measured, lambda case: (case.kernel, case.dtype))
        for (kernel, dtype), group in groups:
            yield make_table(f"{kernel} {dtype}", list(group))


def heading(run: BenchRun) -> str:
    """Returns one line with the machine, the packages, the date, the commit and the command."""
    device, packages = run.machine.get("device", {}), run.machine.get("packages", {})
    driver = f", driver {device['driver']}" if "driver" in device else ""
    tools = ", ".join(f"{name} {packages.get(name, '?')}" for name in ("torch", "triton"))
    state = f"{run.commit[:12]}{' (dirty)' if run.dirty else ''}"
    return (
        f"bench {run.row}: {device.get('name', 'an unnamed device')}{driver}, {tools}, "
        f"{run.date}, {state}, `{run.command}`"
    )


def _device_table(name: str, cases: list[BenchCase]) -> BenchTable:
    shown, absent = _peers(cases)
    lines = [("shape", "kernel", "+-%", "GB/s", "floor", "/floor", *shown)]
    for case in cases:
        ours, floor = case.ours.timing, case.floor
        spread = f"{100 * ours.spread:.1f}" if ours else ""
        # A byte a nanosecond is a gigabyte a second.
        rate = f"{case.least_bytes / (1000 * ours.us):.0f}" if ours and case.least_bytes else ""
        floor_us = _starred(floor) if floor else ""
        ratio = f"{ours.us / floor.us:.2f}" if ours and floor else ""
        times = [_peer_time(case.peers.get(peer), ours) for peer in shown]
        lines.append((_shape(case), _time(case.ours), spread, rate, floor_us, ratio, *times))
    notes = [_DEVICE]
    if any("*" in cell for line in lines for cell in line):
        notes.append(_STAR)
    if absent:
        notes.append(f"not installed: {', '.join(absent)}")
    return BenchTable(title=f"{name}, device time", lines=lines, notes=notes)


def _host_table(name: str, cases: list[BenchCase]) -> BenchTable:
    peers, _ = _peers(cases)
    lines = [("shape", "kernel", "bare", *peers)]
    for case in cases:
        times = [_host_time(case.peers.get(peer)) for peer in peers]
        bare = "" if case.bare_host_us is None else number(case.bare_host_us)
        lines.append((_shape(case), _host_time(case.ours), bare, *times))
    return BenchTable(title=f"{name}, host time", lines=lines, notes=[_HOST])


def _peers(cases: Sequence[BenchCase]) -> tuple[list[str], list[str]]:
    """Returns the peers to show, and those that no case had installed."""
    states: dict[str, set[str]] = {}
    for name, result in (peer for case in cases for peer in case.peers.items()):
        states.setdefault(name, set()).add(result.state)
    absent = [name for name, kinds in states.items() if kinds == {"not installed"}]
    return [name for name in states if name not in absent], absent


def _shape(case: BenchCase) -> str:
    return " ".join(f"{axis}{size}" for axis, size in case.shape.items())


def number(us: float) -> str:
    """Returns at least four digits, and all of a whole number: ``1.784``, ``343.1``, ``52731``."""
    whole_digits = len(str(int(us)))
    return f"{us:.{max(_DIGITS - whole_digits, 0)}f}"


def _starred(timing: ContestantTimes) -> str:
    return number(timing.us) + ("" if timing.is_graph else "*")


def _time(result: ContestantResult) -> str:
    return _starred(result.timing) if result.timing else result.state


def _peer_time(result: ContestantResult | None, ours: ContestantTimes | None) -> str:
    """Returns ``343.1 x9.75``, or the reason that a peer has no time."""
    if result is None:
        return ""
    if not (result.timing and ours):
        return _time(result)
    ratio = result.timing.us / ours.us
    decimals = 2 if ratio < _TEN else 1 if ratio < _HUNDRED else 0
    return f"{_time(result)} x{ratio:.{decimals}f}"


def _host_time(result: ContestantResult | None) -> str:
    if result is None or result.state != "timed":
        return result.state if result else ""
    return "" if result.host_us is None else number(result.host_us)


def print_tables(run: BenchRun, console: Console) -> None:
    """Prints the tables; heads are bold if `console` has styles."""
    console.print(heading(run), style="bold", **_PLAIN)
    for table in tables(run):
        console.print(f"\n{table.title}", style="bold", **_PLAIN)
        for line in aligned(table.lines, right=table.numbers):
            console.print(line, **_PLAIN)
    console.print()
    for note in _notes(run):
        console.print(note, style="dim", **_PLAIN)


def _notes(run: BenchRun) -> list[str]:
    """Returns the notes of all tables, each once."""
    return list(dict.fromkeys(note for table in tables(run) for note in table.notes))


def markdown(run: BenchRun) -> str:
    """Returns the same tables as Markdown."""
    parts = [f"## {heading(run)}"]
    for table in tables(run):
        rows = markdown_rows(table.lines, right=table.numbers)
        parts += [f"### {table.title}", _escape_stars("\n".join(rows))]
    parts += [f"- {_escape_stars(note)}" for note in _notes(run)]
    return "\n\n".join(parts) + "\n"


def _escape_stars(text: str) -> str:
    return text.replace("*", "\\*")
