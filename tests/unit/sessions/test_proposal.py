"""The proposal of baselines: files taken over from another machine, and others refused."""

import json
import shutil
from pathlib import Path

import pytest

from kernelproof.errors import run_command
from kernelproof.records import golden, sensitivity, time_baseline
from kernelproof.sessions import proposal
from kernelproof.sessions.proposal import FOLDER

GOLDEN = "golden/gemma4_routing.json"
TIMES = "perf/h200/gemma4_routing.json"
CARD = "perf/h200/gate-card.json"
LOCK = "codegen/gemma4_routing.json"


@pytest.fixture
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the stored baselines, in their place."""
    folder = Path(shutil.copytree(FOLDER, tmp_path / "stored"))
    monkeypatch.setattr(proposal, "FOLDER", folder)
    return folder


@pytest.fixture
def measured(tmp_path: Path, stored: Path) -> Path:
    """A folder with every baseline as it is stored."""
    return Path(shutil.copytree(stored, tmp_path / "measured"))


def _slow_down(file: Path, percent: float) -> str:
    """Makes the first case of a baseline so much slower, and says which it is."""
    content = json.loads(file.read_text())
    extra = content["benchmarks"][0]["extra_info"]
    for process in extra["timing"]["processes"]:
        samples = process["samples_us"]
        samples["kernel"] = [us * (1 + percent / 100) for us in samples["kernel"]]
    file.write_text(json.dumps(time_baseline.FORMAT.seal(content)))
    return str(extra["case"])


def _propose(measured: Path, kind: str, row: str = "h200") -> tuple[int, str]:
    """Returns the exit code, and the Markdown that was written."""
    body = measured.parent / "body.md"
    words = [f"--kind={kind}", f"--row={row}", "--reason=a  b\nc"]
    code = run_command(lambda: proposal.main([*words, f"--measured={measured}", f"--body={body}"]))
    return code, body.read_text() if body.exists() else ""


def _refusal(measured: Path, kind: str, row: str, capsys: pytest.CaptureFixture[str]) -> str:
    """Returns the message of a refused proposal, which writes nothing."""
    before = {file: file.read_bytes() for file in proposal.FOLDER.rglob("*.json")}
    assert _propose(measured, kind, row) == (1, "")
    assert before == {file: file.read_bytes() for file in proposal.FOLDER.rglob("*.json")}
    return capsys.readouterr().err


def test_new_times_are_taken_over_with_old_and_new(measured: Path, stored: Path) -> None:
    """The file as it was measured, the reason in a line, the machine, the case in percent."""
    case = _slow_down(measured / TIMES, 5)
    code, body = _propose(measured, "perf")
    assert code == 0
    assert (stored / TIMES).read_bytes() == (measured / TIMES).read_bytes()
    lines = body.splitlines()
    assert lines[:3] == ["Baselines of kind perf, measured on row h200.", "", "Reason: a b c"]
    assert lines[5] == TIMES
    assert lines[6].startswith("  NVIDIA H200, driver ")
    (change,) = [line for line in lines if " us -> " in line]
    assert change.startswith(f"  {case}: ")
    assert " us (+5.0" in change


def test_a_first_baseline_of_a_row_is_old_nothing(measured: Path, stored: Path) -> None:
    """A row that was just added has none."""
    count = len(json.loads((stored / TIMES).read_text())["benchmarks"])
    (stored / TIMES).unlink()
    code, body = _propose(measured, "perf")
    assert (code, body.count(": nothing -> ")) == (0, count)


def test_new_digests_are_told_one_by_one(measured: Path, stored: Path) -> None:
    """Old and new of each that changes, and nothing for one that was not there."""
    before = golden.load("gemma4_routing", FOLDER / "golden")
    assert before
    first, second, *_ = before.digests
    digests = dict(before.digests)
    digests[first] = digests[first].model_copy(update={"outputs": "f" * 64})
    digests["fp32-E9-K9-T9"] = digests[second]
    golden.write(before.model_copy(update={"digests": digests}), measured / "golden")
    code, body = _propose(measured, "golden", "cpu")
    assert code == 0
    assert f"\n  {first}: {before.digests[first].outputs[:12]} -> ffffffffffff\n" in body
    assert f"\n  fp32-E9-K9-T9: nothing -> {before.digests[second].outputs[:12]}\n" in body
    assert body.count(" -> ") == 2
    assert (stored / GOLDEN).read_bytes() == (measured / GOLDEN).read_bytes()


def test_a_new_card_tells_what_it_sees(measured: Path, stored: Path) -> None:
    """Alarms, then the least slowdown of each case."""
    content = json.loads((measured / CARD).read_text())
    case = next(iter(content["cases"]))
    visible = content["cases"][case]["visible_percent"]
    content["cases"][case]["visible_percent"] = None
    (measured / CARD).write_text(json.dumps(sensitivity.FORMAT.seal(content)))
    code, body = _propose(measured, "gate-card")
    assert code == 0
    assert f" of {content['alarms']['rows']} unchanged rows blamed; " in body
    assert f"\n  {case}: {visible:.2f} % -> none\n" in body
    assert (stored / CARD).read_bytes() == (measured / CARD).read_bytes()


@pytest.mark.parametrize(
    ("kind", "row", "file"),
    [
        ("golden", "cpu", TIMES),
        ("golden", "cpu", LOCK),
        ("codegen", "cpu", GOLDEN),
        ("perf", "h100", TIMES),
        ("perf", "h200", CARD),
        ("perf", "h200", GOLDEN),
        ("gate-card", "h200", TIMES),
        ("golden", "cpu", "golden/deeper/toy.json"),
        ("golden", "cpu", "golden/Toy.json"),
        ("golden", "cpu", "golden/toy.py"),
        ("golden", "cpu", "conftest.py"),
        ("golden", "cpu", ".github/workflows/x.yml"),
    ],
)
def test_any_other_file_refuses_all(
    measured: Path, capsys: pytest.CaptureFixture[str], kind: str, row: str, file: str
) -> None:
    """A file of another kind, row or name: nothing is taken, not even what might be."""
    (measured / file).parent.mkdir(parents=True, exist_ok=True)
    with (measured / file).open("a") as stream:
        stream.write(" ")
    message = _refusal(measured, kind, row, capsys)
    assert "found it changed, expected nothing but" in message


def test_what_is_no_new_baseline_is_refused(
    measured: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A proposal refuses an unchanged baseline, an invalid file, a link and an unknown row."""
    words = "found no perf baseline of h200 that changes"
    assert words in _refusal(measured, "perf", "h200", capsys)
    file = measured / GOLDEN
    file.write_text(json.dumps(json.loads(file.read_text()) | {"kernel": "other"}))
    assert _propose(measured, "golden", "cpu") == (5, "")
    file.unlink()
    file.symlink_to("/etc/hostname")
    words = "golden/gemma4_routing.json: found neither a file"
    assert words in _refusal(measured, "golden", "cpu", capsys)
    assert _propose(measured, "golden", "cpuu") == (2, "")
    assert capsys.readouterr().err.startswith("--row: found 'cpuu', expected one of cpu, a100")


def test_a_long_list_is_cut_and_says_so() -> None:
    """A pull request's text holds 65,536 letters; what would end its block is no more."""
    body = proposal.body("golden", "cpu", "why", [f"line {number} ```" for number in range(900)])
    assert "\nand 700 more, in the files\n" in body
    assert len(body) < 65_536
    assert body.count("```") == 2
