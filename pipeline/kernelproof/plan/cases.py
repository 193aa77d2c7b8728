"""The cases that a matrix plans, and the narrowing of a plan to some of them."""

import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from math import prod
from typing import Any

from kernelproof.errors import UsageError, did_you_mean
from kernelproof.plan.schema import Check, Kernel, Matrix, Shape, Skip

# The lists of shapes in a kernel's block of matrix.yaml, by their place there.
PARITY, PERF, BENCH, SANITIZE = ("shapes",), ("perf", "shapes"), ("bench",), ("sanitize", "shapes")
SHAPE_LISTS: dict[tuple[str, ...], Callable[[Kernel], Sequence[Shape]]] = {
    PARITY: lambda kernel: kernel.shapes,
    PERF: lambda kernel: kernel.perf.shapes if kernel.perf else [],
    BENCH: lambda kernel: kernel.bench or [],
    SANITIZE: lambda kernel: kernel.sanitize.shapes if kernel.sanitize else [],
}
_OPTIONS = ("row", "dtype", "kernel", "case")
_NAMES_SHOWN, _IDS_SHOWN = 12, 3


@dataclass(frozen=True, kw_only=True)
class Case:
    """A kernel, at one shape, in one cell: the unit that pytest runs."""

    kernel: str
    row: str
    dtype: str
    shape: tuple[tuple[str, int], ...]

    @property
    def cell(self) -> str:
        """Returns the row and dtype: ``h200-bf16``."""
        return f"{self.row}-{self.dtype}"

    @property
    def id(self) -> str:
        """Returns the name of the case everywhere: ``gemma4_routing-h200-bf16-E128-K8-T250000``."""
        return f"{self.kernel}-{self.cell}-{self._sizes}"

    @property
    def key(self) -> str:
        """Returns the id without the row.

        The key seeds the inputs, so that all rows are asked for the same bits.
        """
        return f"{self.kernel}-{self.dtype}-{self._sizes}"

    @property
    def _sizes(self) -> str:
        return "-".join(f"{axis}{size}" for axis, size in self.shape)


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A case with the check that it has to answer on `device`, unless the matrix skips it.

    With `golden`, its bits have to be the blessed ones; a slowdown of `limit_percent` blocks.
    """

    case: Case
    check: Check
    device: str
    golden: bool
    limit_percent: float | None = None
    skip: Skip | None = None


@dataclass(frozen=True, kw_only=True)
class Selection:
    """The names by which a command line narrows a plan; an empty one stands for everything."""

    row: Sequence[str] = field(default_factory=tuple)
    dtype: Sequence[str] = field(default_factory=tuple)
    kernel: Sequence[str] = field(default_factory=tuple)
    case: Sequence[str] = field(default_factory=tuple)

    @staticmethod
    def add_options(add_option: Callable[..., Any]) -> None:
        """Adds the options to a command line; argparse and pytest take the same words."""
        for word in _OPTIONS:
            pattern = ", or those of a pattern such as '*-T128'" if word == "case" else ""
            text = f"only this {word}{pattern}; may be given several times"
            add_option(f"--{word}", action="append", default=[], metavar=word.upper(), help=text)

    @classmethod
    def of(cls, options: Any) -> "Selection":
        """Returns the selection in parsed options."""
        return cls(**{word: tuple(getattr(options, word)) for word in _OPTIONS})

    def rows(self, matrix: Matrix) -> tuple[str, ...]:
        """Returns the rows that are named, by themselves or by cases that are all of one row."""
        row_of = {case.id: case.row for check in Check for case in cases_of(matrix, check)}
        rows = [{row_of[name] for name in matching_ids(case, row_of.keys())} for case in self.case]
        of_cases = (names.pop() for names in rows if len(names) == 1)
        return tuple(dict.fromkeys((*self.row, *of_cases)))

    def arguments(self) -> list[str]:
        """Returns the command line that the selection stands for."""
        named = ((word, name) for word in _OPTIONS for name in getattr(self, word))
        return [part for word, name in named for part in (f"--{word}", name)]


def cases_of(matrix: Matrix, check: Check = Check.PARITY) -> tuple[Case, ...]:
    """Returns every case that a check is asked of; speed is asked of rows that compile alone."""
    if check != Check.PERF:
        return listed_cases(matrix, PARITY)
    return tuple(case for case in listed_cases(matrix, PERF) if matrix.rows[case.row].is_compiled)


def listed_cases(matrix: Matrix, place: tuple[str, ...]) -> tuple[Case, ...]:
    """Returns the cases of the shapes at a place of `SHAPE_LISTS`, row by row, in the file's order.

    A shape is left out at dtypes that it does not name, and on rows of less memory than it needs.
    """
    return tuple(
        Case(kernel=name, row=row_name, dtype=dtype, shape=sizes)
        for (row_name, row), (name, kernel) in itertools.product(
            matrix.rows.items(), matrix.kernels.items()
        )
        for dtype, shape in itertools.product(kernel.dtypes, SHAPE_LISTS[place](kernel))
        if dtype in (shape.dtypes or kernel.dtypes) and row.memory_gb >= (shape.min_memory_gb or 0)
        for sizes in _sizes_of(shape)
    )


def _sizes_of(shape: Shape) -> Iterator[tuple[tuple[str, int], ...]]:
    """Yields each combination of a shape's sizes, as (axis, size) pairs by the axes' names."""
    axes = sorted(shape.axes)
    for sizes in itertools.product(*(shape.axes[axis] for axis in axes)):
        yield tuple(zip(axes, sizes, strict=True))


def mutant_cases(
    matrix: Matrix, kernel: str, row: str, *, is_quick: bool = False
) -> tuple[Case, ...]:
    """Returns the parity cases to run a kernel's mutants against on a row.

    With `is_quick`, only those that suffice on an interpreted row.
    """
    mutants, is_compiled = matrix.kernels[kernel].mutants, matrix.rows[row].is_compiled
    return tuple(
        case
        for case in cases_of(matrix)
        if (case.kernel, case.row) == (kernel, row)
        and mutants
        and mutants.covers(case.key, is_compiled=is_compiled, is_quick=is_quick)
    )


def bound_on_cases(matrix: Matrix, kernel: Kernel, shape: Shape) -> int:
    """Returns an upper bound on the cases of one shape, without making them."""
    rows = sum(row.memory_gb >= (shape.min_memory_gb or 0) for row in matrix.rows.values())
    return rows * len(shape.dtypes or kernel.dtypes) * prod(map(len, shape.axes.values()))


def repeated_cases(cases: Sequence[Case]) -> Iterator[Case]:
    """Yields the first case of each kernel and shape that is planned twice, on any row or dtype."""
    seen: set[str] = set()
    yielded = set()
    for case in cases:
        if case.id in seen and (case.kernel, case.shape) not in yielded:
            yielded.add((case.kernel, case.shape))
            yield case
        seen.add(case.id)


def plan(
    matrix: Matrix, selection: Selection | None = None, checks: Iterable[Check] = Check
) -> tuple[Planned, ...]:
    """Returns the plan of a matrix within `selection`, check by check.

    Raises UsageError if the selection has an unknown name, or leaves nothing of the plan.
    """
    checks, selection = list(checks), selection or Selection()
    all_cases = dict.fromkeys(case for check in Check for case in cases_of(matrix, check))
    chosen = frozenset(select(tuple(all_cases), selection))
    planned = tuple(
        _planned(matrix, case, check)
        for check in checks
        for case in cases_of(matrix, check)
        if case in chosen
    )
    if checks and not planned:
        within = " ".join(["", *selection.arguments()])
        message = (
            f"no case of {', '.join(checks)} is within{within}; drop one, or ask another check"
        )
        raise UsageError(message)
    return planned


def _planned(matrix: Matrix, case: Case, check: Check) -> Planned:
    kernel = matrix.kernels[case.kernel]
    perf = kernel.perf if check == Check.PERF else None
    return Planned(
        case=case,
        check=check,
        device=matrix.rows[case.row].device,
        golden=kernel.golden and check == Check.PARITY,
        limit_percent=perf.limit_percent if perf else None,
        skip=next((skip for skip in matrix.skips if skip.covers(case.id, check)), None),
    )


def select_listed(matrix: Matrix, place: tuple[str, ...], selection: Selection) -> tuple[Case, ...]:
    """Returns the `listed_cases` within `selection`; raises UsageError if there are none."""
    if not (cases := listed_cases(matrix, place)):
        raise UsageError(
            f"matrix.yaml: found no {place[0]}: in any kernel, expected shapes to run; add some"
        )
    return select(cases, selection)


def select(cases: Sequence[Case], selection: Selection) -> tuple[Case, ...]:
    """Returns the cases within `selection`, in their order.

    Raises UsageError if the selection has an unknown name, or leaves no case.
    """
    # 1. Each name is known: of a row, dtype or kernel by itself, of a case also as a pattern.
    words = {"row": selection.row, "dtype": selection.dtype, "kernel": selection.kernel}
    for word, names in words.items():
        known = {getattr(case, word) for case in cases}
        for name in names:
            if name not in known:
                raise _unknown(word, name, known)
    ids, named = {case.id for case in cases}, set[str]()
    for name in selection.case:
        if not (matched := matching_ids(name, ids)):
            raise _unknown("case", name, ids)
        named |= matched
    # 2. Names of one option widen the selection; the options narrow it.
    chosen = tuple(
        case
        for case in cases
        if (not selection.case or case.id in named)
        and all(not names or getattr(case, word) in names for word, names in words.items())
    )
    if not chosen:
        message = f"no case is within {' '.join(selection.arguments())}; drop one of them"
        raise UsageError(message)
    return chosen


def matching_ids(name: str, ids: Collection[str]) -> set[str]:
    """Returns the ids that a name stands for: the name itself, or all that match its pattern."""
    return {name} if name in ids else {case_id for case_id in ids if fnmatchcase(case_id, name)}


def _unknown(word: str, name: str, known: Collection[str]) -> UsageError:
    """Returns the error for an unknown name, with the nearest known name or some known names."""
    names = sorted(known)
    if not (hint := did_you_mean(name, names)):
        step = len(names) // _IDS_SHOWN or 1
        shown = names[::step][:_IDS_SHOWN] if word == "case" else names[:_NAMES_SHOWN]
        hint = f"{'such as' if word == 'case' else 'known:'} {', '.join(shown)}"
    return UsageError(f"--{word}: found {name!r}, expected a {word} of matrix.yaml; {hint}")
