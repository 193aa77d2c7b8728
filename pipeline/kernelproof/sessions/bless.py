"""``python -m kernelproof.sessions.bless KIND --reason "..."``: replaces golden digests, locks, or times.

It refuses a dirty tree, an empty reason, results that are missing, red, of another commit or of
another machine, and rows that disagree. Blessing what is blessed already changes nothing.
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Blesses the results of the rows named, or else of the rows of this machine."""
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
    options = parser.parse_args(arguments)
    if not (reason := " ".join(options.reason.split())):
        raise RefusedError("--reason: found nothing, expected why the baseline may be another one")
    state = revision.current()
    if state.dirty:
        message = "found uncommitted changes, expected a clean tree: commit them, run parity again"
        raise RefusedError(message)
    the_matrix, selection = matrix.load(), cases.Selection.of(options)
    if not selection.rows(the_matrix):
        here = hardware.rows_here(the_matrix, hardware.accelerators())
        selection = replace(selection, row=here)
    proofs = partial(_judged, the_matrix, folder=options.results, state=state)
    if options.kind == "golden":
        _bless_golden(the_matrix, proofs(selection, Check.PARITY, is_replaced=True), reason)
        return 0
    every = replace(selection, case=(), dtype=()) if options.kind == "perf" else selection
    _require_good(proofs(every, Check.PARITY))
    if options.kind == "perf":
        print(bless_perf(proofs(selection, Check.PERF), reason, options.results))
        return 0
    python = sys.executable if options.this_python else toolchain.python_of("codegen")
    print(bless_codegen(reason, the_matrix, python=Path(python)))
    return 0


def _judged(
    the_matrix: Matrix,
    selection: Selection,
    check: Check,
    *,
    folder: Path,
    state: Revision,
    is_replaced: bool = False,
) -> list[CaseVerdict]:
    """The verdicts on what is planned and not skipped, but for golden digests to be replaced."""
    plan = cases.plan(the_matrix, selection, [check])
    if is_replaced:
        plan = tuple(replace(one, golden=False) for one in plan)
    return [one for one in judge(plan, folder, state) if one.verdict != Verdict.SKIP]


def _bless_golden(the_matrix: Matrix, judged: Sequence[CaseVerdict], reason: str) -> None:
    _require_good(judged)
    for kernel in dict.fromkeys(one.planned.case.kernel for one in judged):
        if the_matrix.kernels[kernel].golden:
            _bless([one for one in judged if one.planned.case.kernel == kernel], reason)


def _require_good(judged: Sequence[CaseVerdict]) -> None:
    red = [one for one in judged if not one.verdict.is_good]
    if red:
        first = red[0]
        message = (
            f"found {len(red)} of {len(judged)} cases that do not pass, expected none: "
            f"{first.verdict} {first.planned.case.id}: {first.reason.partition(chr(10))[0]}"
        )
        raise RefusedError(message)


def _bless(judged: Sequence[CaseVerdict], reason: str) -> None:
    """Writes the digests of one kernel's results, where they are other ones."""
    kernel = judged[0].planned.case.kernel
    old = golden.load(kernel)
    before = old.digests if old else {}
    after = {**before, **_digests(judged, before)}
    changed = [name for name in after if after[name] != before.get(name)]
    if not changed:
        print(f"{kernel}: nothing to bless, all {len(before)} digests are those of the results")
        return
    record = judged[0].record
    packages = record.machine.get("packages", {}) if record else {}
    toolchain = ", ".join(f"{name} {packages.get(name)}" for name in ("torch", "triton", "numpy"))
    blessing = GoldenBlessing(
        date=datetime.datetime.now(datetime.UTC).date(),
        reason=reason,
        toolchain=toolchain,
        changed=len(changed),
    )
    blessings = [blessing, *(old.blessings if old else [])][:_BLESSINGS_KEPT]
    ordered = {name: after[name] for name in sorted(after, key=_by_shape)}
    golden.write(Golden(kernel=kernel, blessings=blessings, digests=ordered))
    for name in changed:
        was = before[name].outputs[:12] if name in before else "nothing"
        print(f"{kernel}-{name}: {was} -> {after[name].outputs[:12]}")
    where = golden.path_of(kernel).relative_to(repository.ROOT)
    print(f"{where}: {len(changed)} of {len(after)} digests blessed; commit it")


def _digests(
    judged: Sequence[CaseVerdict], before: dict[str, GoldenDigests]
) -> dict[str, GoldenDigests]:
    """The digests in the records; RefusedError where two rows disagree."""
    found: dict[str, GoldenDigests] = {}
    for one in judged:
        name, record = golden.name_of(one.planned.case), one.record
        if record is None or record.digest is None or record.input_digest is None:
            raise RefusedError(
                f"{one.planned.case.id}: found no digest in its result, expected one"
            )
        old = before.get(name)
        was = old.outputs if old and old.outputs != record.digest else old.was if old else None
        new = GoldenDigests(inputs=record.input_digest, outputs=record.digest, was=was)
        if found.setdefault(name, new) != new:
            message = f"{one.planned.case.id}: found other bits than another row, expected the same"
            raise RefusedError(message)
    return found


def _by_shape(name: str) -> tuple[str | int, ...]:
    """Orders ``bf16-E128-K8-T2049`` by dtype, then by the sizes as numbers."""
    dtype, *sizes = name.split("-")
    return (dtype, *(int(size[1:]) for size in sizes))


if __name__ == "__main__":
    sys.exit(run_command(main))
