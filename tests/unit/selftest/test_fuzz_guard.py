"""The limits of a reading hold: each planted breach is caught and reported."""

import os
import re
import resource
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from kernelproof.errors import BaselineError, Exit, UserError
from tests.fuzz import __main__ as command
from tests.fuzz import fuzz_results
from tests.fuzz.campaign import run_campaign
from tests.fuzz.guard import EscapeError, refuse_escapes
from tests.fuzz.readers import READERS
from tests.fuzz.trial import Reader, prepare, try_input


def _reader(read: Callable[[Path], bool]) -> Reader:
    """Returns a reader that does this with its file."""
    codes = frozenset({Exit.BASELINE})
    return Reader(name="planted", path="file.json", read=read, codes=codes, samples=({"a": 1},))


def _forever(_: Path) -> bool:
    while True:
        pass


def _beside(folder: Path) -> bool:
    return bool((folder / "results" / ".." / "beside").write_text("x"))


def _moved(folder: Path) -> bool:
    return bool((folder / "file.json").rename(folder / "results" / "mine"))


def _process(_: Path) -> bool:
    return subprocess.run(["true"], check=False).returncode == 0


def _refused(error: UserError) -> Callable[[Path], bool]:
    def read(_: Path) -> bool:
        raise error

    return read


def _printed(text: str) -> Callable[[Path], bool]:
    def read(_: Path) -> bool:
        print(text)
        return True

    return read


PLANTED = {
    "memory": (lambda _: bool(b"x" * 2**30), "MemoryError"),
    "processor time": (_forever, "TooSlowError: took more than 0.2 s$"),
    "waiting": (
        lambda _: threading.Event().wait(60),
        "TooSlowError: took more than 1 s of waiting",
    ),
    "a file beside": (_beside, "EscapeError: open: .*beside"),
    "a file moved": (_moved, "EscapeError: os.rename: "),
    "a shell": (lambda _: os.system("true") == 0, "EscapeError: os.system: "),  # noqa: S605
    "a process": (_process, "EscapeError: subprocess.Popen: "),
    "an exception": (lambda _: bool(1 / 0), "ZeroDivisionError: division by zero"),
    "an exit code": (_refused(UserError("no")), "BreachError: exit code 2: found 'no'"),
    "no words": (_refused(BaselineError("")), "BreachError: lines of a refusal: found 1"),
    "two lines": (_refused(BaselineError("a\nb")), "BreachError: lines of a refusal: found 2"),
    "an escape": (_refused(BaselineError("\x1b[2J")), "BreachError: no plain line: found"),
    "a long line": (_refused(BaselineError("x" * 2000)), "BreachError: length of a refusal"),
    "printed": (_printed("a\rb"), "BreachError: no plain line: found"),
    "a traceback": (_printed("Traceback (most recent call last):"), "BreachError: a traceback"),
}


def test_planted_breaches_are_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each breach has its message, does no harm, and leaves the next reading as free as before."""
    monkeypatch.setattr("tests.fuzz.guard.SECONDS", 0.2)
    monkeypatch.setattr("tests.fuzz.guard._SECONDS_TO_WAIT", 1)
    limit = resource.getrlimit(resource.RLIMIT_AS)
    for name, (read, message) in PLANTED.items():
        reader, folder = _reader(read), tmp_path / name
        prepare(reader, folder)
        wrong = try_input(reader, b"{}", folder).wrong
        last = re.sub(r"tests\.fuzz\.(trial|guard)\.", "", wrong.strip().rpartition("\n")[2])
        assert re.match(message, last), (name, wrong)
        assert not (folder / "beside").exists()
        assert try_input(_reader(lambda _: True), b"{}", folder).wrong == ""
        assert resource.getrlimit(resource.RLIMIT_AS) == limit


def test_results_may_be_written_and_git_may_run(tmp_path: Path) -> None:
    """The report does both; a link of any name that leads out of the results is followed."""
    results = tmp_path / "results"
    results.mkdir()
    (results / "link").symlink_to(tmp_path)
    with refuse_escapes(results):
        (results / "a").write_text("x")
        (results / "a").replace(results / "b")
        (results / "c").mkdir()
        subprocess.run(["git", "-C", str(results), "status"], capture_output=True, check=False)
    with pytest.raises(EscapeError), refuse_escapes(results):
        (results / "link" / "x").write_text("x")


def test_a_breach_is_kept_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The shortest input of each kind is kept, and the command tries just that one."""
    monkeypatch.setattr(fuzz_results, "FOLDER", tmp_path / "kept")

    def read(folder: Path) -> bool:
        if b"a" not in (folder / "file.json").read_bytes():
            raise KeyError("a")
        return True

    reader = _reader(read)
    monkeypatch.setitem(READERS, "planted", reader)
    *_, tally = run_campaign(reader, tmp_path / "tried", inputs=120, seeded=1)
    result = fuzz_results.reader_result(tally, peak_mib=1, seconds=1.0)
    assert tally.outcomes["wrong"] > 1
    (breach,) = result.wrong
    words, _, name = breach.command.rpartition(" ")
    assert (breach.said, words) == ("KeyError: 'a'", "nox -s fuzz -- --input")
    file = Path(name)
    assert fuzz_results.reader_of(file) == "planted"
    assert file.read_bytes() == min((content for content, _ in tally.wrong.values()), key=len)
    assert command.main(["--input", name]) == 1
    assert "KeyError: 'a'" in capsys.readouterr().out
    file.write_bytes(b"a")
    assert command.main(["--input", name]) == 0


def test_the_table_has_a_line_a_reader() -> None:
    """The line has counts by way and by outcome, then the highest costs."""
    result = fuzz_results.ReaderResult(
        reader="matrix",
        inputs={"bytes": 5_000, "values": 5_000, "fills": 72},
        outcomes={"taken": 248, "exit 2": 9_824},
        slowest_ms=391.2,
        peak_mib=163,
        seconds=171.4,
        wrong=[],
    )
    head, line = fuzz_results.table([result])
    assert head.split() == [
        *("reader", "bytes", "values", "fills", "taken", "left", "out", "exit", "2", "exit", "3"),
        *("exit", "5", "wrong", "slowest", "peak", "memory", "time"),
    ]
    assert line.split() == [
        *("matrix", "5,000", "5,000", "72", "248", "0", "9,824", "0", "0", "0"),
        *("391", "ms", "163", "MiB", "171", "s"),
    ]


def test_an_unknown_reader_is_refused() -> None:
    """The message has a likely name."""
    with pytest.raises(UserError, match="--only: found 'matrx', expected a reader; did you mean"):
        command.main(["--only", "matrx"])
