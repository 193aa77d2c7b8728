"""The readers of YAML: the matrix, and the list of a kernel's mutants."""

import datetime
from pathlib import Path
from typing import Any

from kernelproof.errors import Exit
from kernelproof.files import yaml_document
from kernelproof.plan import matrix
from kernelproof.plan.cases import plan
from kernelproof.plan.repository import ROOT
from kernelproof.records import record_files
from kernelproof.selftest.mutation import mutant_list
from kernelproof.selftest.mutation.mutant_list import KernelMutantList
from tests.fuzz.planned_cases import KERNEL, TIMED_ROW
from tests.fuzz.structures import as_yaml
from tests.fuzz.trial import BreachError, Reader

_TODAY = datetime.date(2026, 11, 24)
_NAME_MAX = 225  # of a file system's 255 bytes; a draft's name is longer than its record's
_FILL = (4_000, 200_000)  # values and letters
_LINES = 26  # as many faults as are told, and that there are more
_LISTING = f"kernels/{KERNEL}/proof/mutants.yaml"
_UNTIL = datetime.date(2099, 1, 2)
_SKIP = {"cases": "*-cpu-*-T1", "check": "parity", "reason": "slow", "until": _UNTIL}


def _names_of_the_tree(folder: Path) -> None:
    """Makes the folders of the real kernels and their proofs, with nothing in them."""
    for file in ROOT.glob("kernels/**/__init__.py"):
        copy = folder / file.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.touch()


def _read_matrix(folder: Path) -> bool:
    """Plans each case once, and checks that no case's name leads out of its folder."""
    planned = plan(matrix.load(folder / "matrix.yaml", today=_TODAY))
    results = folder / "results"
    files = {str(record_files.path_of(results, case)).lower() for case in planned}
    if not 0 < len(files) == len(planned):
        raise BreachError(f"files of {len(planned)} results: found {len(files)}")
    for case in planned:
        file = record_files.path_of(results, case)
        if file.resolve().parent != (results / case.check).resolve():
            raise BreachError(f"a result outside its folder: found {file}")
        if len(file.name.encode()) > _NAME_MAX:
            raise BreachError(f"a name of {len(file.name)} letters: found {file.name}")
    return True


def _matrices() -> tuple[Any, ...]:
    """Returns the real matrix with fewer rows and shapes, and one without its optional parts."""
    real = yaml_document.read(matrix.FILE).data
    rows = {name: real["rows"][name] for name in ("cpu", TIMED_ROW)}
    kernel = dict(real["kernels"][KERNEL])
    needed = {name: kernel[name] for name in ("dtypes", "seconds_per_case", "golden")}
    shapes = [{"axes": {"E": 8, "T": [1, 2]}}, {"axes": {"E": 8, "T": 3}, "dtypes": ["fp32"]}]
    kernels = {KERNEL: {**needed, "shapes": shapes}}
    few = {"dtypes": real["dtypes"], "rows": rows, "kernels": kernels, "skips": [_SKIP]}
    kernel["bench"], kernel["shapes"] = kernel["bench"][-2:], kernel["shapes"][2:4]
    # Lists of cases that the shapes left plan.
    kernel["mutants"] = {
        name: ["*"] if isinstance(value, list) else value
        for name, value in kernel["mutants"].items()
    }
    return {**real, "rows": rows, "kernels": {KERNEL: kernel}}, few


def _read_listing(folder: Path) -> bool:
    return bool(mutant_list.read(folder / _LISTING, KernelMutantList).mutated)


def _small_listing() -> Any:
    data = yaml_document.read(mutant_list.file_of(KERNEL)).data
    return {name: entries[:2] for name, entries in data.items()}


def readers() -> tuple[Reader, ...]:
    """Returns both readers."""
    listing = (_small_listing(),)
    return tuple(
        Reader(
            name=name,
            path=path,
            read=read,
            codes=frozenset({Exit.MATRIX}),
            most_lines=_LINES,
            fill_sizes=_FILL,
            samples=samples,
            as_text=as_yaml,
            prepare=_names_of_the_tree,
        )
        for name, path, read, samples in (
            ("matrix", "matrix.yaml", _read_matrix, _matrices()),
            ("listing", _LISTING, _read_listing, listing),
        )
    )
