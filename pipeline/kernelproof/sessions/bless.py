"""``python -m kernelproof.sessions.bless KIND --reason "..."``: replaces baselines by results.

It refuses a dirty tree, an empty reason, rows that disagree, and results that are missing, red, of
another commit or of another machine. If the results are those of the baselines already, nothing
changes.
"""

import argparse
import datetime
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from kernelproof.checks.codegen.bless import bless_codegen
from kernelproof.checks.judge_plan import judge
from kernelproof.checks.perf.bless import bless_perf
from kernelproof.errors import RefusedError, run_command
from kernelproof.machine import hardware, revision, toolchain
from kernelproof.machine.revision import Revision
from kernelproof.plan import cases, matrix, repository
from kernelproof.plan.cases import Selection
from kernelproof.plan.schema import Check, Matrix
from kernelproof.records import golden, record_files
from kernelproof.records.golden import Golden, GoldenBlessing, GoldenDigests
from kernelproof.records.verdict import CaseVerdict, Verdict

_BLESSINGS_KEPT = 20
_PACKAGES = ("torch", "triton", "numpy")


def main(arguments: Sequence[str] | None = None) -> int:
    """Blesses the results of the named rows, or of those of this machine, and returns 0.

    Raises RefusedError if they may not be blessed.
    """
    options = _options(arguments)
    if not (reason := " ".join(options.reason.split())):
        raise RefusedError("--reason: found nothing, expected why the baseline may be another one")
    state = revision.current()
    if state.dirty:
        message = "found uncommitted changes, expected a clean tree: commit them, run parity again"
        raise RefusedError(message)
    plan, selection = matrix.load(), cases.Selection.of(options)
    if not selection.rows(plan):
        here = hardware.rows_here(plan, hardware.accelerators())
        selection = replace(selection, row=here)
    verdicts = partial(_verdicts, plan, folder=options.results, state=state)
    if options.kind == "golden":
        _bless_golden(plan, verdicts(selection, Check.PARITY, is_replaced=True), reason)
        return 0
    # The times of a few cases rest on the parity of all cases of their rows.
    is_perf = options.kind == "perf"
    all_cases = replace(selection, row=selection.rows(plan), case=(), dtype=())
    _require_good(verdicts(all_cases if is_perf else selection, Check.PARITY))
    if is_perf:
        print(bless_perf(verdicts(selection, Check.PERF), reason, options.results))
        return 0
    python = sys.executable if options.this_python else toolchain.python_of("codegen")
    print(bless_codegen(reason, plan, python=Path(python)))
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="nox -s bless --",
        description="Replaces baselines by the results in results/, on purpose.",
        epilog="exit codes: 0 blessed, or nothing to bless; 1 refused; 5 a baseline is unreadable",
    )
    text = "golden: the digests of every case; codegen: the code of every build; perf: times"
    parser.add_argument("kind", choices=["golden", "codegen", "perf"], help=text)
    parser.add_argument("--reason", required=True, help="why the baseline may be another one")
    parser.add_argument("--this-python", action="store_true", help=argparse.SUPPRESS)
    cases.Selection.add_options(parser.add_argument)
    parser.add_argument("--results", type=Path, default=record_files.FOLDER, metavar="FOLDER")
    return parser.parse_args(arguments)


def _verdicts(
    plan: Matrix,
    selection: Selection,
    check: Check,
    *,
    folder: Path,
    state: Revision,
    is_replaced: bool = False,
) -> list[CaseVerdict]:
    """Returns the verdicts on all planned cases that are not skipped.

    If the golden digests are to be replaced (`is_replaced`), no case is judged by them.
    """
    planned = cases.plan(plan, selection, [check])
    if is_replaced:
        planned = tuple(replace(case, golden=False) for case in planned)
    verdicts = judge(planned, folder, state)
    return [verdict for verdict in verdicts if verdict.verdict != Verdict.SKIP]


def _bless_golden(plan: Matrix, verdicts: Sequence[CaseVerdict], reason: str) -> None:
    _require_good(verdicts)
    for kernel in dict.fromkeys(verdict.planned.case.kernel for verdict in verdicts):
        if plan.kernels[kernel].golden:
            own = [verdict for verdict in verdicts if verdict.planned.case.kernel == kernel]
            _bless_kernel(kernel, own, reason)


def _require_good(verdicts: Sequence[CaseVerdict]) -> None:
    red = [verdict for verdict in verdicts if not verdict.verdict.is_good]
    if red:
        first = red[0]
        message = (
            f"found {len(red)} of {len(verdicts)} cases that do not pass, expected none: "
            f"{first.verdict} {first.planned.case.id}: {first.reason.partition(chr(10))[0]}"
        )
        raise RefusedError(message)


def _bless_kernel(kernel: str, verdicts: Sequence[CaseVerdict], reason: str) -> None:
    """Writes the digests of one kernel's results, if any of them is new."""
    old = golden.load(kernel)
    before = old.digests if old else {}
    after = {**before, **_digests(verdicts, before)}
    changed = [name for name in after if after[name] != before.get(name)]
    if not changed:
        print(f"{kernel}: nothing to bless, all {len(before)} digests are those of the results")
        return
    record = verdicts[0].record
    packages = record.machine.get("packages", {}) if record else {}
    blessing = GoldenBlessing(
        date=datetime.datetime.now(datetime.UTC).date(),
        reason=reason,
        toolchain=", ".join(f"{name} {packages.get(name)}" for name in _PACKAGES),
        changed=len(changed),
    )
    blessings = [blessing, *(old.blessings if old else [])][:_BLESSINGS_KEPT]
    ordered = {name: after[name] for name in sorted(after, key=_by_shape)}
    golden.write(Golden(kernel=kernel, blessings=blessings, digests=ordered))
    for name in changed:
        was = before[name].outputs[:12] if name in before else "nothing"
        print(f"{kernel}-{name}: {was} -> {after[name].outputs[:12]}")
    file = golden.path_of(kernel).relative_to(repository.ROOT)
    print(f"{file}: {len(changed)} of {len(after)} digests blessed; commit it")


def _digests(
    verdicts: Sequence[CaseVerdict], before: dict[str, GoldenDigests]
) -> dict[str, GoldenDigests]:
    """Returns the digests in the records, by name; raises RefusedError if two rows disagree."""
    digests: dict[str, GoldenDigests] = {}
    for verdict in verdicts:
        case, record = verdict.planned.case, verdict.record
        if record is None or record.digest is None or record.input_digest is None:
            raise RefusedError(f"{case.id}: found no digest in its result, expected one")
        name = golden.name_of(case)
        old = before.get(name)
        was = old.outputs if old and old.outputs != record.digest else old.was if old else None
        new = GoldenDigests(inputs=record.input_digest, outputs=record.digest, was=was)
        if digests.setdefault(name, new) != new:
            message = f"{case.id}: found other bits than another row, expected the same"
            raise RefusedError(message)
    return digests


def _by_shape(name: str) -> tuple[str | int, ...]:
    """Returns a key that orders ``bf16-E128-K8-T2049`` by dtype, then by the sizes as numbers."""
    dtype, *sizes = name.split("-")
    return (dtype, *(int(size[1:]) for size in sizes))


if __name__ == "__main__":
    sys.exit(run_command(main))
