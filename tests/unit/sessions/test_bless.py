"""Blessing of golden digests, from made-up results of a kernel with two shapes."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kernelproof.checks.judge_plan import judge
from kernelproof.errors import BaselineError, RefusedError
from kernelproof.machine import hardware, revision, toolchain
from kernelproof.machine.revision import Revision
from kernelproof.plan import cases, matrix, repository
from kernelproof.plan.cases import Planned, Selection
from kernelproof.plan.schema import Check, Matrix, Perf, Shape
from kernelproof.records import golden, record_files
from kernelproof.sessions import bless
from tests.unit.records.made_records import record_of

STATE = Revision(commit="c" * 40, dirty=False, tree="7" * 64)
REASON = ("--reason", "the  first\nbits")
NAMES = ["fp32-E8-K2-T9", "fp32-E8-K2-T10"]
Capture = pytest.CaptureFixture[str]


def _matrix() -> Matrix:
    """Returns the matrix with one kernel, on the cpu and h200 rows."""
    plan = matrix.load()
    shape = Shape.model_validate({"axes": {"E": 8, "K": 2, "T": [10, 9]}, "dtypes": ["fp32"]})
    perf = Perf(limit_percent=3.0, shapes=[shape])
    changes = {"shapes": [shape], "perf": perf, "bench": None, "mutants": None, "golden": True}
    toy = plan.kernels["gemma4_routing"].model_copy(update=changes)
    rows = {name: plan.rows[name] for name in ("cpu", "h200")}
    return plan.model_copy(update={"kernels": {"toy": toy}, "rows": rows, "skips": []})


MATRIX = _matrix()


class Repository:
    """A folder with results and golden digests; its state may be changed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.state = STATE

    def record(self, row: str = "cpu", **changes: Any) -> None:
        """Writes a passing record of every case of a row, with some fields changed."""
        for planned in self.planned(row):
            fields = {"commit": self.state.commit, "tree": self.state.tree, **changes}
            record_files.write(self.root / "results", planned, record_of(planned, **fields))

    def planned(self, *rows: str) -> tuple[Planned, ...]:
        """Returns the planned cases of rows."""
        return cases.plan(MATRIX, Selection(row=rows), [Check.PARITY])

    def verdicts(self) -> list[str]:
        """Returns the verdicts of the cpu row, with their reasons, at the present state."""
        judged = judge(self.planned("cpu"), self.root / "results", self.state)
        return [f"{verdict.verdict} {verdict.reason}".strip() for verdict in judged]

    def bless(self, *arguments: str, kind: str = "golden") -> None:
        """Runs the command."""
        results = str(self.root / "results")
        assert bless.main([kind, *(arguments or REASON), "--results", results]) == 0

    def stored(self) -> golden.Golden:
        """Returns the golden digests."""
        digests = golden.load("toy")
        assert digests
        return digests


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    """A clean tree in which every case of the cpu row passes, and nothing is blessed."""
    made = Repository(tmp_path)
    monkeypatch.setattr(matrix, "load", lambda: MATRIX)
    monkeypatch.setattr(revision, "current", lambda: made.state)
    monkeypatch.setattr(hardware, "accelerators", tuple)
    monkeypatch.setattr(repository, "ROOT", tmp_path)
    readers: list[Callable[..., Any]] = [golden.load.__wrapped__, golden.objection, golden.write]
    for function in (*readers, golden.path_of):
        monkeypatch.setattr(function, "__defaults__", (tmp_path / "golden",))
    golden.load.cache_clear()
    made.record()
    yield made
    golden.load.cache_clear()


def test_blessed_digests_make_results_good(tree: Repository, capsys: Capture) -> None:
    """A line for each digest; the results that they came from stay good, and a reason is kept."""
    assert tree.verdicts()[0].startswith("fail golden: no blessed digest of fp32-E8-K2-T")
    tree.bless()
    assert capsys.readouterr().out.splitlines() == [
        *(f"toy-{name}: nothing -> 111111111111" for name in reversed(NAMES)),
        "golden/toy.json: 2 of 2 digests blessed; commit it",
    ]
    assert tree.verdicts() == ["pass", "pass"]
    stored = tree.stored()
    assert list(stored.digests) == NAMES
    (blessing,) = stored.blessings
    assert (blessing.reason, blessing.changed) == ("the first bits", 2)
    tree.bless()
    output = capsys.readouterr().out
    assert output == "toy: nothing to bless, all 2 digests are those of the results\n"
    assert tree.stored() == stored


def test_a_definition_that_moved_can_be_blessed(tree: Repository) -> None:
    """Its results are red until then; the file keeps the old digest and the old reason."""
    tree.bless()
    machine = {"packages": {"torch": "9", "triton": "8"}, "device": {"name": "cpu"}}
    tree.record(digest="3" * 64, machine=machine)
    assert all("golden: the definition moved" in verdict for verdict in tree.verdicts())
    tree.bless("--reason", "twice the toy")
    assert tree.verdicts() == ["pass", "pass"]
    stored = tree.stored()
    reasons = [blessing.reason for blessing in stored.blessings]
    assert reasons == ["twice the toy", "the first bits"]
    assert stored.blessings[0].toolchain == "torch 9, triton 8, numpy None"
    assert {digests.was for digests in stored.digests.values()} == {"1" * 64}
    tree.bless("--case", "toy-cpu-fp32-E8-K2-T9", "--reason", "x")
    assert tree.stored() == stored


def test_twenty_blessings_are_kept(tree: Repository) -> None:
    """The newest comes first."""
    for place in range(22):
        tree.record(digest=f"{place:064x}")
        tree.bless("--reason", f"number {place}")
    reasons = [blessing.reason for blessing in tree.stored().blessings]
    assert reasons == [f"number {place}" for place in range(21, 1, -1)]


def _refusal(tree: Repository, *arguments: str, kind: str = "golden") -> str:
    with pytest.raises(RefusedError) as caught:
        tree.bless(*arguments, kind=kind)
    assert caught.value.exit == 1
    return str(caught.value)


def test_what_has_no_bits_to_bless_is_refused(tree: Repository) -> None:
    """An empty reason, results without a digest, and uncommitted files, whose bits are nobody's.

    An unreadable baseline is not replaced, since its history would be lost.
    """
    for reason in ("", " \n "):
        assert _refusal(tree, "--reason", reason).startswith("--reason: found nothing, expected")
    (tree.root / "golden").mkdir()
    (tree.root / "golden" / "toy.json").write_text("{")
    with pytest.raises(BaselineError, match=r"toy\.json"):
        tree.bless()
    (tree.root / "golden" / "toy.json").unlink()
    tree.record(digest=None)
    assert "found no digest in its result" in _refusal(tree)
    tree.state = replace(STATE, dirty=True)
    message = "found uncommitted changes, expected a clean tree: commit them, run parity again"
    assert _refusal(tree) == message


def test_results_of_another_commit_are_refused(tree: Repository) -> None:
    """Bless refuses results of another commit for each kind of baseline, and red results."""
    tree.state = replace(STATE, commit="d" * 40)
    start = "found 2 of 2 cases that do not pass, expected none: "
    for kind in ("golden", "codegen", "perf"):
        assert _refusal(tree, kind=kind).startswith(f"{start}missing toy-cpu-fp32-E8-K2-T10: ")
    tree.record(outcome="fail", reason="9 differ\n  more")
    assert _refusal(tree) == f"{start}fail toy-cpu-fp32-E8-K2-T10: 9 differ"
    assert not (tree.root / "golden").exists()


def test_rows_that_disagree_are_refused(tree: Repository) -> None:
    """A digest is the same on every row."""
    rows = (*REASON, "--row=cpu", "--row=h200")
    tree.record("h200", digest="3" * 64)
    message = "toy-h200-fp32-E8-K2-T10: found other bits than another row, expected the same"
    assert _refusal(tree, *rows) == message
    assert not (tree.root / "golden").exists()
    tree.record("h200")
    tree.bless(*rows)
    assert len(tree.stored().digests) == 2


def test_code_and_times_are_blessed_after_parity(
    tree: Repository, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """Generated code by the Python of its toolchain, times by the results of perf."""
    calls: list[tuple[Any, ...]] = []

    def blessed(*arguments: Any, **options: Any) -> str:
        calls.append((*arguments, *options.values()))
        return "blessed"

    tree.bless()
    monkeypatch.setattr(bless, "bless_codegen", blessed)
    monkeypatch.setattr(bless, "bless_perf", blessed)
    monkeypatch.setattr(toolchain, "python_of", lambda name: f"/{name}/python")
    capsys.readouterr()
    tree.bless(kind="codegen")
    timed = (*REASON, "--case", "toy-h200-fp32-E8-K2-T9")
    message = "found 2 of 2 cases that do not pass, expected none: missing toy-h200-fp32-E8-K2-T10"
    assert _refusal(tree, *timed, kind="perf").startswith(message)
    tree.record("h200")
    tree.bless(*timed, kind="perf")
    assert capsys.readouterr().out == "blessed\nblessed\n"
    of_code, (verdicts, *of_times) = calls
    assert of_code == ("the first bits", MATRIX, Path("/codegen/python"))
    names = [(verdict.planned.check, verdict.planned.case.id) for verdict in verdicts]
    assert names == [("perf", timed[-1])]
    assert of_times == ["the first bits", tree.root / "results"]
