"""A few inputs for the report as its user runs it: a process, in a copy of the repository."""

import random
from collections.abc import Iterator
from pathlib import Path

from kernelproof.errors import Exit
from kernelproof.files.atomic_write import write_whole
from kernelproof.machine import revision
from kernelproof.records import record_files
from tests.fuzz.mutation import mutate
from tests.fuzz.planned_cases import PLAN, passing
from tests.fuzz.readers import READERS
from tests.fuzz.trial import BreachError, files_beside, require_plain
from tests.unit.extending.tree import Tree

# The readers whose file the report reads in its own place in a tree, and earlier runs.
REPORTED = [name for name in READERS if name not in {"listing", "reproduce", "report"}]
_CODES = frozenset({Exit.GOOD, Exit.BLOCKED, Exit.MATRIX, Exit.RESULTS, Exit.BASELINE})
_ARGUMENTS = ("--row", "cpu", "--row", "h200", "--history", "runs")


def inputs(name: str, count: int, seeded: int) -> Iterator[bytes]:
    """Yields inputs for a reader's process, other ones than those of its campaign."""
    dice = random.Random(f"{seeded} {name} processes")  # noqa: S311  (no secret)
    for _ in range(count):
        yield mutate(READERS[name].files, dice)


def make_tree(root: Path) -> Tree:
    """Returns a copy of the repository with results of its own state, and an earlier run."""
    tree = Tree.at(root)
    state = revision.current(tree.root)
    for planned in PLAN:
        record = passing(planned).model_copy(update={"commit": state.commit, "tree": state.tree})
        record_files.write(tree.root / "results", planned, record)
    history = tree.root / READERS["history"].path
    write_whole(history.parents[1] / "1" / "report.json", READERS["history"].files[0].decode())
    return tree


def report_code(tree: Tree, name: str, content: bytes) -> int:
    """Returns the exit code of the report with this content in the file of a reader.

    Raises BreachError for a breach. The old file is put back afterwards.
    """
    file = tree.root / READERS[name].path
    file.parent.mkdir(parents=True, exist_ok=True)
    old = file.read_bytes() if file.exists() else None
    before = files_beside(tree.root)
    file.write_bytes(content)
    try:
        ended = tree.report(*_ARGUMENTS)
    finally:
        file.unlink()
        if old is not None:
            file.write_bytes(old)
    if ended.returncode not in _CODES:
        raise BreachError(f"exit code: found {ended.returncode}: {ended.stderr[-2000:]!r}")
    require_plain(ended.stdout)
    require_plain(ended.stderr)
    if files := files_beside(tree.root) - before:
        raise BreachError(f"files beside: found {sorted(files)[:5]}")
    return ended.returncode
