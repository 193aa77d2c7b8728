"""``python -m kernelproof.sessions.proposal``: takes over baselines that another machine measured.

Of the folder that it left, only files of the kind and the row that were asked for are taken, and
only whole ones, by the readers of the baselines themselves; anything else refuses all of it. What
changes, old and new, is written as Markdown, for the pull request that proposes it.
"""

import argparse
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

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


def main(arguments: Sequence[str] | None = None) -> int:
    """Takes the files over, and writes what changes; refused where that is nothing."""
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
    """The files below `measured` that are not as `stored`, relative; RefusedError for any other."""
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
    """Whether a relative path is where a baseline of this kind and row is kept."""
    *folders, last = name.parts
    if kind == "gate-card":
        return (folders, last) == (["perf", row], "gate-card.json")
    expected = ["perf", row] if kind == "perf" else [kind]
    is_named = name.suffix == ".json" and _NAME.fullmatch(name.stem) is not None
    return folders == expected and is_named


def body(kind: str, row: str, reason: str, lines: Sequence[str]) -> str:
    """The pull request's text: the reason, then every figure that changes, old and new."""
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
    """Old and new of one file; BaselineError where the new one is not whole."""
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


def _digests(kernel: str, old: Path, new: Path) -> Iterator[str]:
    """``bf16-E128-K8-T1: 0123456789ab -> ba9876543210``, for each digest that changes."""
    before, after = golden.load(kernel, old), golden.load(kernel, new)
    was, now = (
        {k: v.outputs for k, v in one.digests.items()} if one else {} for one in (before, after)
    )
    if after:
        yield f"  {after.blessings[0].toolchain}"
    for name in dict.fromkeys([*now, *was]):
        if was.get(name) != now.get(name):
            yield f"  {name}: {was.get(name, 'nothing')[:12]} -> {now.get(name, 'nothing')[:12]}"


def _moves(kernel: str, new: Path) -> Iterator[str]:
    """What a lock says of itself: its compiler, and what each build moved from and to."""
    if lock := locks.read(kernel, new):
        yield f"  {', '.join(f'{tool} {version}' for tool, version in lock.toolchain.items())}"
        yield f"  {lock.moved}"
        yield from (f"  {move}" for move in lock.moves)


def _times(row: str, kernel: str, old: Path, new: Path) -> Iterator[str]:
    """``case: 22.5100 us -> 22.3000 us (-0.93 %), 1.121 -> 1.110 of the floor``."""
    before, after = time_baseline.load(row, kernel, old), time_baseline.load(row, kernel, new)
    if after is None:
        return
    yield f"  {_machine(after.kernelproof.machine)}"
    was, now = (
        {k: _was(v.timing) for k, v in one.stored.items()} if one else {} for one in (before, after)
    )
    for name in dict.fromkeys([*now, *was]):
        if was.get(name) != now.get(name):
            yield f"  {name}: {_moved(was.get(name), now.get(name))}"


def _was(timing: CaseTiming) -> BlessedTime:
    return BlessedTime(time_us=round(timing.us, 4), ratio_to_floor=round(timing.ratio, 4))


def _moved(old: BlessedTime | None, new: BlessedTime | None) -> str:
    if old is None or new is None:
        before, after = (f"{one.time_us:.4f} us" if one else "nothing" for one in (old, new))
        return f"{before} -> {after}"
    percent = 100 * (new.time_us / old.time_us - 1)
    times = f"{old.time_us:.4f} us -> {new.time_us:.4f} us ({percent:+.2f} %)"
    return f"{times}, {old.ratio_to_floor:.3f} -> {new.ratio_to_floor:.3f} of the floor"


def _visible(row: str, old: Path, new: Path) -> Iterator[str]:
    """``case: 2.10 % -> 1.95 %``: the least slowdown that is found in 95 of 100 runs."""
    before, after = sensitivity.load(row, old), sensitivity.load(row, new)
    if after is None:
        return
    alarms = after.alarms
    yield f"  {_machine(after.machine)}"
    yield f"  {alarms.blamed} of {alarms.rows} unchanged rows blamed; the least that is seen:"
    was, now = (
        {k: v.visible_percent for k, v in one.cases.items()} if one else {}
        for one in (before, after)
    )
    for name in dict.fromkeys([*now, *was]):
        yield f"  {name}: {_percent(was, name)} -> {_percent(now, name)}"


def _percent(visible: Mapping[str, float | None], name: str) -> str:
    if name not in visible:
        return "nothing"
    return "none" if (found := visible[name]) is None else f"{found:.2f} %"


def _machine(machine: Mapping[str, Any]) -> str:
    """``NVIDIA H200, driver 580.159.04, torch 2.11.0, triton 3.6.0``."""
    device, packages = machine.get("device") or {}, machine.get("packages") or {}
    versions = [f"{name} {packages[name]}" for name in ("torch", "triton") if name in packages]
    return ", ".join([f"{device.get('name')}, driver {device.get('driver')}", *versions])


if __name__ == "__main__":
    sys.exit(run_command(main))
