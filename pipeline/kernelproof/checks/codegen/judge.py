"""Verdicts on generated code: what compilers answered, against the lock and the budgets."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from kernelproof.checks.codegen.compile_request import CompiledBuild
from kernelproof.plan.schema import Budget
from kernelproof.records.code_lock import CodeLock

Value = int | float | str | bool | None


class CodeVerdict(StrEnum):
    """A conclusion; `same` lets a build through, all others block it."""

    SAME = "same"
    CHANGED = "changed"
    OVER_BUDGET = "over-budget"
    ERROR = "error"
    MISSING = "missing"


@dataclass(frozen=True, kw_only=True)
class Move:
    """A count or a setting that is another one than in the lock; None where it is not there."""

    name: str
    old: Value
    new: Value


@dataclass(frozen=True, kw_only=True)
class JudgedBuild:
    """A build on an architecture with its verdict, the reason, and what moved."""

    build: str
    architecture: str
    verdict: CodeVerdict
    reason: str = ""
    moves: tuple[Move, ...] = ()


def judge(
    found: Sequence[CompiledBuild],
    lock: CodeLock | None,
    budgets: Sequence[Budget],
    *,
    is_whole: bool = True,
) -> tuple[JudgedBuild, ...]:
    """One verdict for each answer of one kernel.

    Where the answers are all that there are, also one for each line of the lock without an answer.
    """
    judged = [_judge_one(one, lock, budgets) for one in found]
    answered = {(one.build, one.architecture) for one in found}
    if lock and is_whole:
        reason = "it is in the lock, but not among the builds and architectures of now"
        judged += [
            JudgedBuild(build=build, architecture=one, verdict=CodeVerdict.CHANGED, reason=reason)
            for build, costs in lock.costs.items()
            for one in costs
            if (build, one) not in answered
        ]
    return tuple(judged)


def _judge_one(
    found: CompiledBuild, lock: CodeLock | None, budgets: Sequence[Budget]
) -> JudgedBuild:
    verdict, reason, moves = _concluded(found, lock, budgets)
    return JudgedBuild(
        build=found.build,
        architecture=found.architecture,
        verdict=verdict,
        reason=reason,
        moves=moves,
    )


def _concluded(
    found: CompiledBuild, lock: CodeLock | None, budgets: Sequence[Budget]
) -> tuple[CodeVerdict, str, tuple[Move, ...]]:
    if found.costs is None:
        return CodeVerdict.ERROR, found.error or "no costs and no error", ()
    lines = lock.costs.get(found.build, {}) if lock else {}
    locked = next((line for name, line in lines.items() if name == found.architecture), None)
    moves: tuple[Move, ...] = ()
    if lock and locked:
        old = {"settings": lock.builds[found.build].model_dump(), **locked.model_dump()}
        new = {"settings": found.settings.model_dump(), **found.costs.model_dump()}
        moves = tuple(_moves(_flat(old), _flat(new)))
    if passed := _passed(found, budgets):
        return CodeVerdict.OVER_BUDGET, passed, moves
    if lock is None or locked is None:
        return CodeVerdict.MISSING, "the lock has no line for it", ()
    if not moves:
        return CodeVerdict.SAME, "", ()
    return CodeVerdict.CHANGED, _why(found, lock, moves), moves


def _passed(found: CompiledBuild, budgets: Sequence[Budget]) -> str:
    """The budgets that it passes, or nothing."""
    passed = []
    for budget in budgets:
        if not budget.covers(found.build):
            continue
        for name in ("spills", "instructions_per_row"):
            limit, count = getattr(budget, f"max_{name}"), getattr(found.costs, name)
            if limit is not None and count > limit:
                words = name.replace("_", " ")
                passed.append(f"found {count:g} {words}, expected at most {limit:g}")
    return "; ".join(passed)


def _why(found: CompiledBuild, lock: CodeLock, moves: Sequence[Move]) -> str:
    """What the change is to be put down to."""
    if tools := drift(lock.toolchain, found.toolchain):
        return f"the toolchain is another one ({tools}); that is no fault of the kernel"
    if [move.name for move in moves] == ["sha256"]:
        return "the same counts, but other instructions or another order"
    return "the kernel, or how it is launched, compiles to other code"


def drift(old: dict[str, str], new: dict[str, str]) -> str:
    """``triton 3.6.0 -> 3.9.0``, for each tool of another version; nothing where all agree."""
    return ", ".join(
        f"{name} {old.get(name, 'none')} -> {new.get(name, 'none')}"
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    )


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Value]:
    """Nested values by their dotted names."""
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
        if old.get(name) != new.get(name) or type(old.get(name)) is not type(new.get(name))
    ]
