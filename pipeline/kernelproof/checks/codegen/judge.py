"""Verdicts on generated code, by the lock and the budgets."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from kernelproof.checks.codegen.compile_request import CompiledBuild
from kernelproof.plan.schema import Budget
from kernelproof.records.code_lock import CodeLock

Value = int | float | str | bool | None


class CodeVerdict(StrEnum):
    """A conclusion on the code of one build; only `same` lets it through."""

    SAME = "same"
    CHANGED = "changed"
    OVER_BUDGET = "over-budget"
    ERROR = "error"
    MISSING = "missing"


@dataclass(frozen=True, kw_only=True)
class Move:
    """A count or a setting that differs from the lock; None on the side that lacks it."""

    name: str
    old: Value
    new: Value


@dataclass(frozen=True)
class JudgedBuild:
    """A build on an architecture with its verdict, the reason, and its moves."""

    build: str
    architecture: str
    verdict: CodeVerdict
    reason: str = ""
    moves: tuple[Move, ...] = ()


def judge(
    compiled: Sequence[CompiledBuild],
    lock: CodeLock | None,
    budgets: Sequence[Budget],
    *,
    is_whole: bool = True,
) -> tuple[JudgedBuild, ...]:
    """Returns a verdict for each compiled build of one kernel.

    If these are all its builds (`is_whole`), each line of the lock without a build gets one, too.
    """
    judged = [
        JudgedBuild(build.build, build.architecture, *_conclusion(build, lock, budgets))
        for build in compiled
    ]
    pairs = {(build.build, build.architecture) for build in compiled}
    if lock and is_whole:
        reason = "it is in the lock, but no longer among the builds and architectures"
        judged += [
            JudgedBuild(build, architecture, CodeVerdict.CHANGED, reason)
            for build, costs in lock.costs.items()
            for architecture in costs
            if (build, architecture) not in pairs
        ]
    return tuple(judged)


def _conclusion(
    compiled: CompiledBuild, lock: CodeLock | None, budgets: Sequence[Budget]
) -> tuple[CodeVerdict, str, tuple[Move, ...]]:
    """Returns the verdict, its reason and the moves: error, budget, lock, in this order."""
    if compiled.costs is None:
        return CodeVerdict.ERROR, compiled.error or "no costs and no error", ()
    lines = lock.costs.get(compiled.build, {}) if lock else {}
    locked = next((line for name, line in lines.items() if name == compiled.architecture), None)
    moves: tuple[Move, ...] = ()
    if lock and locked:
        old = {"settings": lock.builds[compiled.build].model_dump(), **locked.model_dump()}
        new = {"settings": compiled.settings.model_dump(), **compiled.costs.model_dump()}
        moves = tuple(_moves(_flat(old), _flat(new)))
    if excess := _excess(compiled, budgets):
        return CodeVerdict.OVER_BUDGET, excess, moves
    if lock is None or locked is None:
        return CodeVerdict.MISSING, "the lock has no line for it", ()
    if not moves:
        return CodeVerdict.SAME, "", ()
    return CodeVerdict.CHANGED, _cause(compiled, lock, moves), moves


def _excess(compiled: CompiledBuild, budgets: Sequence[Budget]) -> str:
    """Returns the counts that are above a budget of the build, empty if none is."""
    counts = []
    for budget in budgets:
        if not budget.covers(compiled.build):
            continue
        for name in ("spills", "instructions_per_row"):
            limit, count = getattr(budget, f"max_{name}"), getattr(compiled.costs, name)
            if limit is not None and count > limit:
                words = name.replace("_", " ")
                counts.append(f"found {count:g} {words}, expected at most {limit:g}")
    return "; ".join(counts)


def _cause(compiled: CompiledBuild, lock: CodeLock, moves: Sequence[Move]) -> str:
    if tools := drift(lock.toolchain, compiled.toolchain):
        return f"the toolchain is another one ({tools}); that is no fault of the kernel"
    if [move.name for move in moves] == ["sha256"]:
        return "the same counts, but other instructions or another order"
    return "the kernel, or how it is launched, compiles to other code"


def drift(old: dict[str, str], new: dict[str, str]) -> str:
    """Returns ``triton 3.6.0 -> 3.9.0`` for each tool of another version, empty if all agree."""
    return ", ".join(
        f"{name} {old.get(name, 'none')} -> {new.get(name, 'none')}"
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    )


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Value]:
    """Returns nested values by their dotted names."""
    flat: dict[str, Value] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat


def _moves(old: dict[str, Value], new: dict[str, Value]) -> list[Move]:
    names = [*new, *(name for name in old if name not in new)]
    return [
        Move(name=name, old=old.get(name), new=new.get(name))
        for name in names
        # False and 0 are equal, but compile to other code.
        if old.get(name) != new.get(name) or type(old.get(name)) is not type(new.get(name))
    ]
