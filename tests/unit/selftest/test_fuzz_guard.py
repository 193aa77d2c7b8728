"""What holds while a file is read is real: each planted breach is caught, and told."""

import os
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from kernelproof.errors import BaselineError, Exit, UserError
from tests.fuzz import __main__ as command
from tests.fuzz import ask as module
from tests.fuzz import record
from tests.fuzz.ask import ask, settle
from tests.fuzz.campaign import campaign
from tests.fuzz.guard import EscapeError, nothing_outside
from tests.fuzz.reader import Reader
from tests.fuzz.readers import EVERY


def _reader(read: Callable[[Path], bool]) -> Reader:
    """One that does this with its file."""
    codes = frozenset({Exit.BASELINE})
    return Reader(name="planted", home="file.json", read=read, codes=codes, wholes=({"a": 1},))


def _bomb(_: Path) -> bool:
    return bool(b"x" * 2**30)


def _forever(_: Path) -> bool:
    while True:
        pass


def _beside(folder: Path) -> bool:
    return bool((folder / "results" / ".." / "beside").write_text("x"))


def _moved(folder: Path) -> bool:
    return bool((folder / "file.json").rename(folder / "results" / "mine"))


def _shell(_: Path) -> bool:
    return os.system("true") == 0  # noqa: S605  (what the guard has to stop)


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
    "memory": (_bomb, "MemoryError"),
    "time": (_forever, "TooSlowError: took more than 0.2 s"),
    "a file beside": (_beside, "EscapeError: open: .*beside"),
    "a file moved": (_moved, "EscapeError: os.rename: "),
    "a shell": (_shell, "EscapeError: os.system: "),
    "a process": (_process, "EscapeError: subprocess.Popen: "),
    "an exception": (lambda _: bool(1 / 0), "ZeroDivisionError: division by zero"),
    "an exit code": (_refused(UserError("no")), "WrongError: exit code 2: found 'no'"),
    "no words": (_refused(BaselineError("")), "WrongError: lines of a refusal: found 1"),
    "two lines": (_refused(BaselineError("a\nb")), "WrongError: lines of a refusal: found 2"),
    "an escape": (_refused(BaselineError("\x1b[2J")), "WrongError: no plain line: found"),
    "a long line": (_refused(BaselineError("x" * 2000)), "WrongError: length of a refusal"),
    "printed": (_printed("a\rb"), "WrongError: no plain line: found"),
    "a traceback": (_printed("Traceback (most recent call last):"), "WrongError: a traceback"),
}


@pytest.mark.parametrize(("read", "said"), PLANTED.values(), ids=PLANTED)
def test_a_breach_is_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: Callable[[Path], bool], said: str
) -> None:
    """And the next reading is as free as before."""
    monkeypatch.setattr(module, "SECONDS", 0.2)
    reader = _reader(read)
    settle(reader, tmp_path)
    answer = ask(reader, b"{}", tmp_path)
    last = answer.wrong.strip().rpartition("\n")[2].replace("tests.fuzz.ask.", "")
    assert re.match(said, last.replace("tests.fuzz.guard.", ""))
    assert not (tmp_path / "beside").exists()
    assert ask(_reader(lambda _: True), b"{}", tmp_path).wrong == ""
    assert len(b"x" * 2**30) == 2**30


def test_results_may_be_written_and_git_be_asked(tmp_path: Path) -> None:
    """That is what the report does."""
    with nothing_outside(tmp_path):
        (tmp_path / "a").mkdir()
        (tmp_path / "a" / "b").write_text("x")
        (tmp_path / "a" / "b").replace(tmp_path / "c")
        subprocess.run(["git", "-C", str(tmp_path), "status"], capture_output=True, check=False)


def test_a_link_out_of_the_results_leads_outside(tmp_path: Path) -> None:
    """Whatever it is called."""
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "link").symlink_to(tmp_path)
    with pytest.raises(EscapeError), nothing_outside(tmp_path / "results"):
        (tmp_path / "results" / "link" / "x").write_text("x")


def test_a_reading_that_waits_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes no time of the processor."""
    monkeypatch.setattr("tests.fuzz.guard._SECONDS_TO_WAIT", 0.2)

    def wait(_: Path) -> bool:
        time.sleep(60)
        return True

    reader = _reader(wait)
    settle(reader, tmp_path)
    assert "took more than 0.2 s of waiting" in ask(reader, b"", tmp_path).wrong


def test_a_failure_is_kept_and_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One for each kind, the shortest; the command asks just that one."""
    monkeypatch.setattr(record, "FOLDER", tmp_path / "kept")

    def read(folder: Path) -> bool:
        if b"a" not in (folder / "file.json").read_bytes():
            raise KeyError("a")
        return True

    reader = _reader(read)
    monkeypatch.setitem(EVERY, "planted", reader)
    *_, tally = campaign(reader, tmp_path / "asked", inputs=120, seeded=1)
    found = record.fuzzed(tally, peak_mib=1, seconds=1.0)
    assert tally.outcomes["wrong"] > 1
    (one,) = found.wrong
    said, _, name = one.command.rpartition(" ")
    assert (one.said, said) == ("KeyError: 'a'", "nox -s fuzz -- --input")
    file = Path(name)
    assert record.reader_of(file) == "planted"
    assert file.read_bytes() == min((k[0] for k in tally.wrong.values()), key=len)
    assert command.main(["--input", name]) == 1
    assert "KeyError: 'a'" in capsys.readouterr().out
    file.write_bytes(b"a")
    assert command.main(["--input", name]) == 0


def test_the_table_has_a_line_a_reader() -> None:
    """Counts by way and by outcome, then what the worst took."""
    one = record.Fuzzed(
        reader="matrix",
        inputs={"bytes": 5_000, "values": 5_000, "fills": 72},
        outcomes={"taken": 248, "exit 2": 9_824},
        slowest_ms=391.2,
        peak_mib=163,
        seconds=171.4,
        wrong=[],
    )
    head, line = record.table([one])
    assert head.split() == [
        *("reader", "bytes", "values", "fills", "taken", "left", "out", "exit", "2", "exit", "3"),
        *("exit", "5", "wrong", "slowest", "peak", "memory", "time"),
    ]
    assert line.split() == [
        *("matrix", "5,000", "5,000", "72", "248", "0", "9,824", "0", "0", "0"),
        *("391", "ms", "163", "MiB", "171", "s"),
    ]


def test_an_unknown_reader_is_a_user_s_mistake() -> None:
    """Told with a likely name."""
    with pytest.raises(UserError, match="--only: found 'matrx', expected a reader; did you mean"):
        command.main(["--only", "matrx"])
