"""A few inputs to the report as its user runs it: a process, in a copy of the repository."""

import random
from collections.abc import Iterator
from pathlib import Path

from kernelproof.errors import Exit
from kernelproof.files.atomic_write import write_whole
from kernelproof.machine import revision
from kernelproof.records import record_files
from tests.fuzz.ask import WrongError, require_plain
from tests.fuzz.mutation import mutated
from tests.fuzz.plan import PLAN, passing
from tests.fuzz.readers import EVERY
from tests.unit.extending.tree import Tree

# The readers whose file the report of a whole tree reads in its own place.
_READ = ("matrix", "record", "times", "golden", "codegen", "baseline", "card", "bench", "mutants")
READERS = (*_READ, "history")
_CODES = frozenset({*(Exit.GOOD, Exit.BLOCKED, Exit.MATRIX, Exit.RESULTS), Exit.BASELINE})
_ARGUMENTS = ("--row", "cpu", "--row", "h200", "--history", "runs")


def inputs(name: str, count: int, seeded: int) -> Iterator[bytes]:
    """What a reader's process is asked: others than in `campaign`."""
    dice = random.Random(f"{seeded} {name} processes")  # noqa: S311  (no secret)
    for _ in range(count):
        yield mutated(EVERY[name].seeds, dice)


def settle(root: Path) -> Tree:
    """A copy of the repository with results of its own state, and an earlier run."""
    tree = Tree.at(root)
    state = revision.current(tree.root)
    for planned in PLAN:
        record = passing(planned).model_copy(update={"commit": state.commit, "tree": state.tree})
        record_files.write(tree.root / "results", planned, record)
    history = tree.root / EVERY["history"].home
    write_whole(history.parents[1] / "1" / "report.json", EVERY["history"].seeds[0].decode())
    return tree


def ask(tree: Tree, name: str, content: bytes) -> int:
    """The exit code of the report with this file in its place; WrongError for a wrong answer.

    The file that was there is there again afterwards.
    """
    home = tree.root / EVERY[name].home
    home.parent.mkdir(parents=True, exist_ok=True)
    kept = home.read_bytes() if home.exists() else None
    before = _listing(tree.root)
    home.write_bytes(content)
    try:
        done = tree.report(*_ARGUMENTS)
    finally:
        home.unlink()
        if kept is not None:
            home.write_bytes(kept)
    if done.returncode not in _CODES:
        raise WrongError(f"exit code: found {done.returncode}: {done.stderr[-2000:]!r}")
    require_plain(done.stdout)
    require_plain(done.stderr)
    if after := _listing(tree.root) - before:
        raise WrongError(f"files beside: found {sorted(after)[:5]}")
    return done.returncode


def _listing(root: Path) -> set[str]:
    files = (file.relative_to(root) for file in root.rglob("*"))
    return {
        str(one) for one in files if one.parts[0] != "results" and "__pycache__" not in one.parts
    }
