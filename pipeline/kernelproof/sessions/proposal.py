"""``python -m kernelproof.sessions.proposal``: takes over baselines that another machine measured.

The folder that the machine left may differ from the stored baselines only in files of the named
kind and row, which the readers of baselines must find whole; anything else refuses all of it. Old
and new figures are written as Markdown, for the pull request that proposes them.
"""

import argparse
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from kernelproof.errors import RefusedError, UsageError, did_you_mean, run_command
from kernelproof.files.atomic_write import write_whole
from kernelproof.plan import matrix
from kernelproof.plan.repository import ROOT
from kernelproof.plan.schedule import KINDS
from kernelproof.records import code_lock as locks
from kernelproof.records import golden, sensitivity, time_baseline
from kernelproof.records.time_baseline import BlessedTime
from kernelproof.records.timing import CaseTiming

FOLDER = ROOT / "pipeline" / "baselines"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_LINES_SHOWN = 200
Value = TypeVar("Value")


def main(arguments: Sequence[str] | None = None) -> int:
    """Takes the files over and writes what changes; refuses if nothing does."""
    parser = argparse.ArgumentParser(
        prog="python -m kernelproof.sessions.proposal", description=__doc__
    )
    parser.add_argument("--kind", choices=list(KINDS), required=True)
    parser.add_argument("--row", required=True, metavar="ROW", help="where it was measured")
    parser.add_argument("--reason", required=True, help="why the baseline may be another one")
    text = "the baselines as that machine left them"
    parser.add_argument("--measured", type=Path, required=True, metavar="FOLDER", help=text)
    text = "the Markdown to write"
    parser.add_argument("--body", type=Path, required=True, metavar="FILE.md", help=text)
    options = parser.parse_args(arguments)
    if options.row not in (rows := list(matrix.load().rows)):
        message = f"--row: found {options.row!r}, expected one of {', '.join(rows)}"
        raise UsageError(f"{message}; {did_you_mean(options.row, rows)}".rstrip("; "))
    changed = changed_files(options.measured, options.kind, options.row, FOLDER)
    lines = [line for file in changed for line in _figures(file, options.measured, options.row)]
    write_whole(options.body, body(options.kind, options.row, options.reason, lines))
    for file in changed:
        write_whole(FOLDER / file, (options.measured / file).read_text(encoding="utf-8"))
        print(f"pipeline/baselines/{file}: taken over")
    return 0


def changed_files(measured: Path, kind: str, row: str, stored: Path) -> list[Path]:
    """Returns the changed files, relative to `measured`; raises RefusedError for other kinds."""
    changed = []
    for file in sorted(measured.rglob("*")):
        name = file.relative_to(measured)
        if file.is_symlink() or not (file.is_file() or file.is_dir()):
            raise RefusedError(f"{name}: found neither a file nor a folder, expected baselines")
        if file.is_dir() or _is_same(file, stored / name):
            continue
        if not _is_of(name, kind, row):
            message = f"{name}: found it changed, expected nothing but {kind} baselines of {row}"
            raise RefusedError(message)
        changed.append(name)
    if not changed:
        raise RefusedError(f"found no {kind} baseline of {row} that changes; nothing to propose")
    return changed


def _is_same(file: Path, stored: Path) -> bool:
    return stored.is_file() and stored.read_bytes() == file.read_bytes()


def _is_of(name: Path, kind: str, row: str) -> bool:
    """Returns True if a relative path is the place of a baseline of this kind and row."""
    *folders, last = name.parts
    if kind == "gate-card":
        return (folders, last) == (["perf", row], "gate-card.json")
    expected = ["perf", row] if kind == "perf" else [kind]
    is_named = name.suffix == ".json" and _NAME.fullmatch(name.stem) is not None
    return folders == expected and is_named


def body(kind: str, row: str, reason: str, lines: Sequence[str]) -> str:
    """Returns the pull request's text: the reason, then old and new of each changed figure."""
    hidden = len(lines) - _LINES_SHOWN
    more = [f"and {hidden} more, in the files"] if hidden > 0 else []
    return "\n".join(
        [
            f"Baselines of kind {kind}, measured on row {row}.",
            "",
            f"Reason: {' '.join(reason.split())}",
            "",
            "```text",
            *(line.replace("`", "'") for line in [*lines[:_LINES_SHOWN], *more]),
            "```",
            "",
            "Look at what moved, and at why, before you approve: from here on it is what is right.",
            "",
        ]
    )


def _figures(name: Path, measured: Path, row: str) -> Iterator[str]:
    """Yields old and new of one file; raises BaselineError if the new file is not whole."""
    kind, kernel = name.parts[0], name.stem
    new, old = measured / kind, FOLDER / kind
    yield f"{name}"
    if kind == "golden":
        yield from _digests(kernel, old, new)
    elif kind == "codegen":
        yield from _moves(kernel, new)
    elif name.name == "gate-card.json":
        yield from _visible(row, old, new)
    else:
        yield from _times(row, kernel, old, new)


def _moved(
    old: Mapping[str, Value], new: Mapping[str, Value], show: Callable[[Value], str]
) -> Iterator[str]:
    """Yields ``name: old -> new`` for each value that is not the same; a missing one is nothing."""
    for name in dict.fromkeys([*new, *old]):
        before, after = (
            show(values[name]) if name in values else "nothing" for values in (old, new)
        )
        if (name in old) != (name in new) or old[name] != new[name]:
            yield f"  {name}: {before} -> {after}"


def _digests(kernel: str, old: Path, new: Path) -> Iterator[str]:
    """Yields ``bf16-E128-K8-T1: 0123456789ab -> ba9876543210`` for each digest that changes."""
    before, after = golden.load(kernel, old), golden.load(kernel, new)
    if after:
        yield f"  {after.blessings[0].toolchain}"
    was, now = (
        {name: digests.outputs for name, digests in table.digests.items()} if table else {}
        for table in (before, after)
    )
    yield from _moved(was, now, lambda digest: digest[:12])


def _moves(kernel: str, new: Path) -> Iterator[str]:
    """Yields the compiler of a new lock, and what each build moved from and to."""
    if lock := locks.read(kernel, new):
        yield f"  {', '.join(f'{tool} {version}' for tool, version in lock.toolchain.items())}"
        yield f"  {lock.moved}"
        yield from (f"  {move}" for move in lock.moves)


def _times(row: str, kernel: str, old: Path, new: Path) -> Iterator[str]:
    """Yields the machine, then old and new time and ratio of each case that changes."""
    before, after = time_baseline.load(row, kernel, old), time_baseline.load(row, kernel, new)
    if after is None:
        return
    yield f"  {_machine(after.kernelproof.machine)}"
    was, now = (
        {name: _blessed(stored.timing) for name, stored in table.stored.items()} if table else {}
        for table in (before, after)
    )
    for name in dict.fromkeys([*now, *was]):
        if was.get(name) != now.get(name):
            yield f"  {name}: {_change(was.get(name), now.get(name))}"


def _blessed(timing: CaseTiming) -> BlessedTime:
    return BlessedTime(time_us=round(timing.us, 4), ratio_to_floor=round(timing.ratio, 4))


def _change(old: BlessedTime | None, new: BlessedTime | None) -> str:
    """Returns ``22.5100 us -> 22.3000 us (-0.93 %), 1.121 -> 1.110 of the floor``."""
    before, after = (f"{time.time_us:.4f} us" if time else "nothing" for time in (old, new))
    if old is None or new is None:
        return f"{before} -> {after}"
    percent = 100 * (new.time_us / old.time_us - 1)
    ratios = f"{old.ratio_to_floor:.3f} -> {new.ratio_to_floor:.3f} of the floor"
    return f"{before} -> {after} ({percent:+.2f} %), {ratios}"


def _visible(row: str, old: Path, new: Path) -> Iterator[str]:
    """Yields ``case: 2.10 % -> 1.95 %``: the least slowdown that is found in 95 of 100 runs."""
    before, after = sensitivity.load(row, old), sensitivity.load(row, new)
    if after is None:
        return
    alarms = after.alarms
    yield f"  {_machine(after.machine)}"
    yield f"  {alarms.blamed} of {alarms.rows} unchanged rows blamed; the least that is seen:"
    was, now = (
        {name: seen.visible_percent for name, seen in card.cases.items()} if card else {}
        for card in (before, after)
    )
    yield from _moved(was, now, lambda percent: "none" if percent is None else f"{percent:.2f} %")


def _machine(machine: Mapping[str, Any]) -> str:
    """Returns ``NVIDIA H200, driver 580.159.04, torch 2.11.0, triton 3.6.0``."""
    device, packages = machine.get("device") or {}, machine.get("packages") or {}
    versions = [f"{name} {packages[name]}" for name in ("torch", "triton") if name in packages]
    return ", ".join([f"{device.get('name')}, driver {device.get('driver')}", *versions])


if __name__ == "__main__":
    sys.exit(run_command(main))
