"""The tables of a bench run in a terminal and in Markdown, and the run itself as JSON."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from kernelproof.checks.bench import bench_tables
from kernelproof.errors import ResultsError
from kernelproof.records import bench_run
from kernelproof.records.bench_run import BenchCase, BenchRun, ContestantResult, ContestantTimes

ABSENT, UNSUPPORTED = (ContestantResult(state=state) for state in ("not installed", "unsupported"))


def timed(us: float, host_us: float | None = None, *, is_graph: bool = True) -> ContestantResult:
    """Returns samples whose median is `us`, and whose quartiles are 2 % of it apart."""
    samples = [us * part for part in (0.5, 0.99, 1.0, 1.01, 1.5)]
    timing = ContestantTimes(samples_us=samples, launches=100, is_graph=is_graph)
    return ContestantResult(state="timed", timing=timing, host_us=host_us)


def measured(
    dtype: str,
    tokens: int,
    ours: ContestantResult,
    peers: dict[str, ContestantResult],
    bare: float | None = None,
) -> BenchCase:
    """Returns a case whose second floor is the fastest, and whose third does not support it."""
    floors = {"1 row, 1 warp": timed(30.0), "4 rows, 1 warp": timed(20.0)}
    return BenchCase(
        case=f"gemma4_routing-h200-{dtype}-E128-K8-T{tokens}",
        kernel="gemma4_routing",
        dtype=dtype,
        shape={"E": 128, "K": 8, "T": tokens},
        sets=2,
        least_bytes=80_000_000,
        ours=ours,
        floors={**floors, "8 rows, 1 warp": UNSUPPORTED},
        peers=peers,
        bare_host_us=bare,
    )


def failed(error: str) -> ContestantResult:
    """Returns the result of a contestant that raised."""
    return ContestantResult(state="error", error=error)


FAST = {"packed sort": timed(1.875, 20.5), "eager": timed(30.0, 98.125)}
SLOW = {"packed sort": UNSUPPORTED, "eager": timed(52_731.0, 98.0, is_graph=False)}
FAILED = {"packed sort": timed(1.875), "eager": failed("OSError: x")}
RUN = BenchRun(
    row="h200",
    date="2026-11-24",
    command="python -m kernelproof.checks.bench --row h200",
    commit="0123456789abcdef",
    dirty=False,
    machine={
        "packages": {"torch": "2.11.0+cu130", "triton": "3.6.0"},
        "device": {"name": "NVIDIA H200", "driver": "580.159.04"},
    },
    measured=[
        measured("fp32", 1, timed(1.5, 21.25), {**FAST, "vllm": ABSENT}, 7.0),
        measured("fp32", 4194304, timed(400.0, 21.5), {**SLOW, "vllm": ABSENT}, 7.25),
        measured("bf16", 1, failed("ValueError: no"), FAILED),
    ],
)
HEADING = (
    "bench h200: NVIDIA H200, driver 580.159.04, torch 2.11.0+cu130, triton 3.6.0, 2026-11-24, "
    "0123456789ab, `python -m kernelproof.checks.bench --row h200`"
)
TERMINAL = f"""\
{HEADING}

gemma4_routing fp32, device time
shape             kernel  +-%   GB/s  floor  /floor  packed sort        eager
E128 K8 T1         1.500  2.0  53333  20.00    0.07  1.875 x1.25  30.00 x20.0
E128 K8 T4194304   400.0  2.0    200  20.00   20.00  unsupported  52731* x132

gemma4_routing bf16, device time
shape       kernel  +-%  GB/s  floor  /floor  packed sort  eager
E128 K8 T1   error             20.00                1.875  error

gemma4_routing fp32, host time
shape             kernel   bare  packed sort  eager
E128 K8 T1         21.25  7.000        20.50  98.12
E128 K8 T4194304   21.50  7.250  unsupported  98.00

gemma4_routing bf16, host time
shape       kernel  bare  packed sort  eager
E128 K8 T1   error                     error

device time: the median, in us a launch; +-% is the distance between the quartiles, \
x a peer's time by ours
* is no graph but a loop of launches: the host's time may show
not installed: vllm
host time: the median, in us a call; bare is the launch of the jitted function alone
"""
MARKDOWN = """
| shape | kernel | +-% | GB/s | floor | /floor | packed sort | eager |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
| E128 K8 T1 | 1.500 | 2.0 | 53333 | 20.00 | 0.07 | 1.875 x1.25 | 30.00 x20.0 |
| E128 K8 T4194304 | 400.0 | 2.0 | 200 | 20.00 | 20.00 | unsupported | 52731\\* x132 |

### gemma4_routing bf16, device time
"""


def printed(run: BenchRun) -> str:
    """Returns what a terminal without colours shows."""
    stream = io.StringIO()
    bench_tables.print_tables(run, Console(file=stream, width=120))
    return stream.getvalue()


def test_the_tables() -> None:
    """Device times, then host times, a table a dtype, and each note once; so in Markdown."""
    assert printed(RUN) == TERMINAL
    text = bench_tables.markdown(RUN)
    title = "### gemma4_routing fp32, device time"
    assert text.startswith(f"## {HEADING}\n\n{title}\n{MARKDOWN}")
    assert text.count("| ---: |\n") == 4
    notes = [line.replace("*", "\\*") for line in TERMINAL.splitlines()[-4:]]
    assert text.endswith("".join(f"\n\n- {note}" for note in notes[1:]) + "\n")


def test_every_peer_fits_into_120_columns() -> None:
    """Five of them, at the largest numbers that a run may give."""
    names = ("packed sort", "eager", "torch.compile", "vllm", "sglang")
    peers = {name: timed(12_345.6, 1234.5) for name in names}
    looped = {**peers, "eager": timed(52_731.0, 98.0, is_graph=False)}
    fewer = {**peers, "vllm": UNSUPPORTED}
    cases = [
        measured("fp32", 10**7, timed(1234.5, 1234.5), results, 12.5) for results in (looped, fewer)
    ]
    lines = printed(RUN.model_copy(update={"measured": cases})).splitlines()
    assert max(map(len, lines[2:])) <= 120


def test_numbers_of_a_run(tmp_path: Path) -> None:
    """Four digits, the fastest floor that ran, and no spread of a single sample."""
    numbers = [bench_tables.number(us) for us in (0.8567, 1.7841, 21.0, 343.12, 52731.4)]
    assert numbers == ["0.857", "1.784", "21.00", "343.1", "52731"]
    first = RUN.measured[0]
    assert first.floor == first.floors["4 rows, 1 warp"].timing
    assert first.model_copy(update={"floors": {"x": UNSUPPORTED}}).floor is None
    assert ContestantTimes(samples_us=[3.0], launches=2, is_graph=True).spread == 0
    assert RUN.errors == [
        "error gemma4_routing-h200-bf16-E128-K8-T1: kernel: ValueError: no",
        "error gemma4_routing-h200-bf16-E128-K8-T1: eager: OSError: x",
    ]
    # Its JSON is of version 1, has floors and peers by name, and is the same run when read again.
    file = tmp_path / "h200.json"
    file.write_text(RUN.model_dump_json(indent=1))
    assert bench_run.read(file) == RUN
    content = json.loads(file.read_bytes())
    assert content["version"] == 1
    case = content["measured"][0]
    assert case["floors"]["4 rows, 1 warp"]["timing"]["samples_us"] == [10, 19.8, 20, 20.2, 30]
    absent = {"state": "not installed", "timing": None, "host_us": None, "error": ""}
    assert case["peers"]["vllm"] == absent


def test_a_file_that_is_no_run(tmp_path: Path) -> None:
    """The message names the file, and the exit code is that of unreadable results."""
    file = tmp_path / "x.json"
    for text, message in (
        (None, "no such file or directory; expected a file that bench wrote"),
        ("{", "found text that is no JSON (Expecting"),
        ('{"row": 7}', "row: input should be a valid string; expected a file that bench wrote"),
    ):
        if text is not None:
            file.write_text(text)
        with pytest.raises(ResultsError) as caught:
            bench_run.read(file)
        assert str(caught.value).startswith(f"{file}: {message}")
        assert caught.value.exit == 3
