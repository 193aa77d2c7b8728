"""The cases that a matrix plans, and the narrowing of a plan to some of them."""

import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from math import prod
from typing import Any

from kernelproof.errors import UsageError, did_you_mean
from kernelproof.plan.schema import Check, Kernel, Matrix, Shape, Skip


@dataclass(frozen=True, kw_only=True)
class Case:
    """One kernel, at one shape, in one cell: what pytest runs."""

    kernel: str
    row: str
    dtype: str
    shape: tuple[tuple[str, int], ...]

    @property
    def cell(self) -> str:
        """``h200-bf16``."""
        return f"{self.row}-{self.dtype}"

    @property
    def id(self) -> str:
        """``gemma4_routing-h200-bf16-E128-K8-T250000``: its name everywhere."""
        return f"{self.kernel}-{self.cell}-{self._sizes}"

    @property
    def key(self) -> str:
        """Its id without the row: seeds its inputs, so that every row must give the same bits."""
        return f"{self.kernel}-{self.dtype}-{self._sizes}"

    @property
    def _sizes(self) -> str:
        return "-".join(f"{axis}{size}" for axis, size in self.shape)


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A check that a case has to answer on `device`, unless the matrix skips it.

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
    """What a command line narrows a plan to; nothing named stands for everything."""

    row: Sequence[str] = field(default_factory=tuple)
    dtype: Sequence[str] = field(default_factory=tuple)
    kernel: Sequence[str] = field(default_factory=tuple)
    case: Sequence[str] = field(default_factory=tuple)

    @staticmethod
    def add_options(add_option: Callable[..., Any]) -> None:
        """Adds the options to a command line: argparse and pytest take the same words."""
        for word in ("row", "dtype", "kernel", "case"):
            pattern = ", or those of a pattern such as '*-T128'" if word == "case" else ""
            text = f"only this {word}{pattern}; may be given several times"
            add_option(f"--{word}", action="append", default=[], metavar=word.upper(), help=text)

    @classmethod
    def of(cls, options: Any) -> "Selection":
        """The selection in parsed options."""
        named = {word: tuple(getattr(options, word)) for word in ("row", "dtype", "kernel", "case")}
        return cls(**named)

    def rows(self, matrix: Matrix) -> tuple[str, ...]:
        """The rows that it names, by themselves or by cases that are all of one row."""
        rows = {case.id: case.row for check in Check for case in cases_of(matrix, check)}
        named = [{rows[one] for one in matching(name, rows.keys())} for name in self.case]
        return tuple(dict.fromkeys((*self.row, *(one.pop() for one in named if len(one) == 1))))

    def arguments(self) -> list[str]:
        """The command line it came from."""
        words = {"row": self.row, "dtype": self.dtype, "kernel": self.kernel, "case": self.case}
        return [
            part for word, names in words.items() for name in names for part in (f"--{word}", name)
        ]


def cases_of(matrix: Matrix, check: Check = Check.PARITY) -> tuple[Case, ...]:
    """Every case that a check is asked of, row by row, the shapes as they stand in the file."""
    if check != Check.PERF:
        return tuple(_cases(matrix, lambda kernel: kernel.shapes))
    timed = _cases(matrix, lambda kernel: kernel.perf.shapes if kernel.perf else [])
    return tuple(case for case in timed if matrix.rows[case.row].backend != "interpreter")


def benched(matrix: Matrix) -> tuple[Case, ...]:
    """Every case that bench times, in the same order."""
    return tuple(_cases(matrix, lambda kernel: kernel.bench or []))


def sanitized(matrix: Matrix) -> tuple[Case, ...]:
    """Every case that runs under compute-sanitizer, in the same order."""
    return tuple(_cases(matrix, lambda kernel: kernel.sanitize.shapes if kernel.sanitize else []))


def of_mutants(
    matrix: Matrix, kernel: str, row: str, *, is_quick: bool = False
) -> tuple[Case, ...]:
    """The parity cases of a row that a kernel's mutants are run against, or those enough to."""
    mutants, is_compiled = matrix.kernels[kernel].mutants, matrix.rows[row].is_compiled
    return tuple(
        case
        for case in cases_of(matrix)
        if (case.kernel, case.row) == (kernel, row)
        and mutants
        and mutants.covers(case.key, is_compiled=is_compiled, is_quick=is_quick)
    )


def _cases(matrix: Matrix, shapes_of: Callable[[Kernel], Sequence[Shape]]) -> Iterator[Case]:
    for (row_name, row), (name, kernel) in itertools.product(
        matrix.rows.items(), matrix.kernels.items()
    ):
        for dtype, shape in itertools.product(kernel.dtypes, shapes_of(kernel)):
            if shape.dtypes and dtype not in shape.dtypes:
                continue
            if shape.min_memory_gb and row.memory_gb < shape.min_memory_gb:
                continue
            axes = sorted(shape.axes.items())
            for sizes in itertools.product(*(sizes for _, sizes in axes)):
                named = tuple(zip((axis for axis, _ in axes), sizes, strict=True))
                yield Case(kernel=name, row=row_name, dtype=dtype, shape=named)


def most_cases(matrix: Matrix, kernel: Kernel, shape: Shape) -> int:
    """How many cases one block of sizes plans at most, without making them."""
    rows = sum(row.memory_gb >= (shape.min_memory_gb or 0) for row in matrix.rows.values())
    return rows * len(shape.dtypes or kernel.dtypes) * prod(map(len, shape.axes.values()))


def repeated(cases: Sequence[Case]) -> Iterator[Case]:
    """The first case of each shape that is planned twice, whatever the rows and dtypes."""
    seen: set[str] = set()
    told = set()
    for case in cases:
        if case.id in seen and (case.kernel, case.shape) not in told:
            told.add((case.kernel, case.shape))
            yield case
        seen.add(case.id)


def plan(
    matrix: Matrix, selection: Selection | None = None, checks: Iterable[Check] = Check
) -> tuple[Planned, ...]:
    """What the matrix plans within `selection`; UsageError where that is nothing, or no name."""
    asked, selection = list(checks), selection or Selection()
    every = dict.fromkeys(case for check in Check for case in cases_of(matrix, check))
    chosen = frozenset(select(tuple(every), selection))
    planned = tuple(
        _planned(matrix, case, check)
        for check in asked
        for case in cases_of(matrix, check)
        if case in chosen
    )
    if asked and not planned:
        within = " ".join(["", *selection.arguments()])
        message = f"no case of {', '.join(asked)} is within{within}; drop one, or ask another check"
        raise UsageError(message)
    return planned


def _planned(matrix: Matrix, case: Case, check: Check) -> Planned:
    kernel = matrix.kernels[case.kernel]
    is_perf, name = kernel.perf is not None and check == Check.PERF, case.id
    return Planned(
        case=case,
        check=check,
        device=matrix.rows[case.row].device,
        golden=kernel.golden and check == Check.PARITY,
        limit_percent=kernel.perf.limit_percent if kernel.perf and is_perf else None,
        skip=next((skip for skip in matrix.skips if skip.covers(name, check)), None),
    )


def select_benched(matrix: Matrix, selection: Selection) -> tuple[Case, ...]:
    """The cases that bench times within `selection`."""
    if not (cases := benched(matrix)):
        message = "matrix.yaml: found no bench: in any kernel, expected shapes to time; add some"
        raise UsageError(message)
    return select(cases, selection)


def select_sanitized(matrix: Matrix, selection: Selection) -> tuple[Case, ...]:
    """The cases that run under compute-sanitizer within `selection`."""
    if not (cases := sanitized(matrix)):
        message = "matrix.yaml: found no sanitize: in any kernel, expected shapes to run; add some"
        raise UsageError(message)
    return select(cases, selection)


def select(cases: Sequence[Case], selection: Selection) -> tuple[Case, ...]:
    """The cases within `selection`; UsageError for an unknown name, or where nothing is left."""
    words = {"row": selection.row, "dtype": selection.dtype, "kernel": selection.kernel}
    for word, names in words.items():
        known = {getattr(case, word) for case in cases}
        for name in names:
            if name not in known:
                raise _unknown(word, name, known)
    ids, named = {case.id for case in cases}, set[str]()
    for name in selection.case:
        if not (matched := matching(name, ids)):
            raise _unknown("case", name, ids)
        named |= matched
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


def matching(name: str, ids: Collection[str]) -> set[str]:
    """The ids that a name stands for: itself, or as a pattern."""
    return {name} if name in ids else {one for one in ids if fnmatchcase(one, name)}


def _unknown(word: str, name: str, known: Collection[str]) -> UsageError:
    several = sorted(known)
    some = ", ".join(several[:12] if word != "case" else several[:: len(several) // 3 or 1][:3])
    close = did_you_mean(name, several) or f"{'such as' if word == 'case' else 'known:'} {some}"
    return UsageError(f"--{word}: found {name!r}, expected a {word} of matrix.yaml; {close}")
