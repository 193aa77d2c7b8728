"""The GPU rows that CI plans: their JSON, their bounds, and the mistakes that end with 2."""

import datetime
import json
from collections.abc import Callable

import pytest

from kernelproof.checks.perf import gate_card
from kernelproof.errors import run_command
from kernelproof.plan import cases, matrix, schedule
from kernelproof.plan.schema import Check, Kernel, Matrix, Promise, Row, Shape, Skip

Load = Callable[[Matrix], None]


def _row(backend: str, device: str) -> Row:
    values = {"arch": "sm_1", "memory_gb": 16, "toolchain": "cpu", "runner": ["own", device]}
    return Row.model_validate({"backend": backend, "device": device, **values})


def _plan(rows: dict[str, Row], *skipped: str) -> Matrix:
    """Two cases a row, of 100 seconds each."""
    shapes = [Shape.model_validate({"axes": {"T": [1, 2]}})]
    kernel = Kernel(
        dtypes={"fp32": Promise(max_ulp=1)}, seconds_per_case=100, golden=False, shapes=shapes
    )
    until = datetime.date(2999, 1, 1)
    skips = [Skip(cases=ids, check=Check.PARITY, reason="why", until=until) for ids in skipped]
    return Matrix(dtypes=["fp32"], rows=rows, kernels={"toy": kernel}, skips=skips)


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Load:
    """Puts a matrix in the place of matrix.yaml."""
    return lambda plan: monkeypatch.setattr(matrix, "load", lambda: plan)


def _run(*arguments: str) -> int:
    return run_command(lambda: schedule.main(arguments))


THREE = {
    "host": _row("interpreter", "cpu"),
    "big": _row("cuda", "Big"),
    "red": _row("hip", "Red"),
}


def test_the_json_is_one_line_of_the_gpu_rows(
    load: Load, capsys: pytest.CaptureFixture[str]
) -> None:
    """Name, labels, minutes, queue: 30 to install, and 200 seconds of cases as whole ones."""
    load(_plan(THREE))
    assert _run("--check", "parity") == 0
    assert capsys.readouterr().out == (
        '[{"name": "big", "runner": ["own", "Big"], "minutes": 34, "queue": "host-Big-own"}, '
        '{"name": "red", "runner": ["own", "Red"], "minutes": 34, "queue": "host-Red-own"}]\n'
    )


def test_rows_of_one_host_share_a_queue_in_the_order_of_the_matrix(
    load: Load, capsys: pytest.CaptureFixture[str]
) -> None:
    """The order of a host's labels does not count, nor that of the rows of a command line."""
    big = THREE["big"]
    other = big.model_copy(update={"toolchain": "cuda", "runner": big.runner[::-1]})
    load(_plan({**THREE, "late": other}))
    queues = {entry["name"]: entry["queue"] for entry in schedule.schedule(cases.Selection())}
    assert queues == {"big": "host-Big-own", "red": "host-Red-own", "late": "host-Big-own"}
    assert _run("--row", "late", "--row", "big") == 0
    printed = json.loads(capsys.readouterr().out)
    assert [entry["name"] for entry in printed] == ["big", "late"]


def test_skipped_cases_take_no_minutes_and_a_row_of_them_alone_no_runner(load: Load) -> None:
    """A runner that is known to be away is not waited for."""
    load(_plan(THREE, "toy-big-fp32-T1", "toy-red-*"))
    planned = schedule.schedule(cases.Selection(), [Check.PARITY])
    assert [(entry["name"], entry["minutes"]) for entry in planned] == [("big", 32)]


def test_only_what_is_asked_takes_minutes(load: Load, capsys: pytest.CaptureFixture[str]) -> None:
    """Times take 40 processes of five minutes at most, a gate card 32; shapes do not count."""
    load(_plan(THREE))
    for words, minutes in {
        "": 234,
        "--check all": 234,
        "--check parity": 34,
        "--check perf": 230,
        "--baseline golden": 34,
        "--baseline codegen": 34,
        "--baseline perf": 234,
        "--baseline gate-card": 190,
    }.items():
        assert _run("--row", "big", *words.split()) == 0
        assert [row["minutes"] for row in json.loads(capsys.readouterr().out)] == [minutes], words


def test_a_gate_card_has_the_processes_that_it_is_planned_for() -> None:
    """The schedule plans a card's processes and two to calibrate, and enough for a baseline."""
    arguments = gate_card._parser().parse_args([])  # noqa: SLF001  (its default is told nowhere else)
    assert arguments.processes + 2 == schedule._CARD_PROCESSES  # noqa: SLF001
    assert gate_card.BASELINE_PROCESSES <= schedule._PERF_PROCESSES  # noqa: SLF001


def test_what_needs_no_gpu_is_measured_without_one(load: Load) -> None:
    """Digests and code come from any machine, times from a GPU alone."""
    load(_plan(THREE))
    codes = {kind: _run("--row", "host", "--baseline", kind) for kind in schedule.KINDS}
    assert codes == {"golden": 0, "codegen": 0, "perf": 2, "gate-card": 2}


def test_no_row_to_plan_ends_with_2_and_says_why(
    load: Load, capsys: pytest.CaptureFixture[str]
) -> None:
    """GitHub would refuse the empty matrix, and say nothing of the rows."""
    empty = "found no GPU row with a case to run, expected at least one; add a row whose backend is"
    unknown = "expected a row of matrix.yaml"
    for word, skipped, said in (
        ("", ("toy-big-*", "toy-red-*"), f"matrix.yaml: {empty}"),
        ("--row=host", (), f"matrix.yaml --row host: {empty}"),
        ("--row=reb", (), f"--row: found 'reb', {unknown}; did you mean 'red'?"),
        ("--row=--help", (), f"--row: found '--help', {unknown}; known: big, host, red"),
    ):
        load(_plan(THREE, *skipped))
        assert _run(*filter(None, [word])) == 2
        printed = capsys.readouterr()
        assert (printed.out, printed.err.count("\n")) == ("", 1)
        assert printed.err.startswith(said)


def test_256_rows_are_planned_and_257_end_with_2(
    load: Load, capsys: pytest.CaptureFixture[str]
) -> None:
    """The bound is on the rows that are planned: a row without cases does not count."""
    rows = {f"row{number}": _row("cuda", "Big") for number in range(257)}
    load(_plan(rows, "toy-row7-*"))
    assert len(schedule.schedule(cases.Selection())) == 256
    load(_plan(rows))
    assert _run() == 2
    assert capsys.readouterr() == (
        "",
        "matrix.yaml: found 257 GPU rows, expected at most 256, "
        "all that GitHub takes at once; name some of them with --row\n",
    )


def test_every_gpu_row_of_the_matrix_is_planned_with_its_own_labels() -> None:
    """The project's own matrix, every backend that is no interpreter."""
    plan = matrix.load()
    planned_cases = cases.plan(plan, checks=[Check.PARITY])
    with_cases = {planned.case.row for planned in planned_cases if not planned.skip}
    gpus = {name for name, row in plan.rows.items() if row.backend in {"cuda", "hip", "xpu"}}
    planned = {entry["name"]: entry["runner"] for entry in schedule.schedule(cases.Selection())}
    assert planned == {name: plan.rows[name].runner for name in gpus & with_cases}
