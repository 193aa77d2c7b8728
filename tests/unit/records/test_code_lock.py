"""Lock files: written and read back, hostile ones refused, and the committed one in step."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gemma4_routing.proof import SPEC
from kernelproof.checks.codegen.compile import backend_of, settings
from kernelproof.checks.codegen.compile_request import CompiledBuild
from kernelproof.checks.codegen.judge import CodeVerdict, judge
from kernelproof.errors import BaselineError, run_command
from kernelproof.plan import matrix
from kernelproof.records import code_lock as locks
from tests.unit.checks.codegen.test_codegen_judge import BUILD, lock_of

TEXT = locks.text(lock_of())
AS_WRITTEN = "expected a lock as bless writes it"
UNEDITED = "found a seal that does not fit its lines, expected a lock that nobody edited"


def test_a_lock_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Every line of it; a second writing changes no byte."""
    locks.write(lock_of(), tmp_path)
    assert locks.read("toy", tmp_path) == lock_of()
    assert (tmp_path / "toy.json").read_text() == TEXT


def test_no_lock_is_none(tmp_path: Path) -> None:
    """That is no mistake of a file."""
    assert locks.read("toy", tmp_path) is None


def test_a_lock_has_a_line_for_each_comparison() -> None:
    """So that a diff shows what moved, and where."""
    lines = [line for line in TEXT.splitlines() if f'"{BUILD}' in line]
    assert [line.split('": ')[0].strip(' "') for line in lines] == [
        BUILD,
        f"{BUILD} sm_90",
        f"{BUILD} gfx942",
    ]


def _edited(edit: Callable[[Any], None]) -> str:
    data = json.loads(TEXT)
    edit(data)
    return json.dumps(data)


def _costs(data: Any) -> Any:
    return data["costs"][f"{BUILD} sm_90"]


# What somebody made of the file, and what is said of it.
HOSTILE = {
    "empty": ("", AS_WRITTEN),
    "truncated": (TEXT[: len(TEXT) // 2], AS_WRITTEN),
    "no seal": (TEXT.replace('"seal"', '"sael"'), "KeyError: 'seal'"),
    "no mapping": ("[]", AS_WRITTEN),
    "costs no mapping": (TEXT.replace('"costs": {', '"costs": [], "old": {'), AS_WRITTEN),
    "nested deeply": ("[" * 100_000, AS_WRITTEN),
    "a key twice": (TEXT.replace('"version": 1,', '"version": 1, "version": 1,'), "twice"),
    "a digest edited": (TEXT.replace("a" * 64, "b" * 64, 1), UNEDITED),
    "a count edited": (_edited(lambda it: _costs(it).update(registers=61)), UNEDITED),
    "the toolchain edited": (_edited(lambda it: it["toolchain"].update(triton="3.7.1")), UNEDITED),
    "a line removed": (_edited(lambda it: it["costs"].pop(f"{BUILD} sm_90")), UNEDITED),
    "a digest cut": (_edited(lambda it: _costs(it).update(sha256="ab")), "sha256"),
    "a negative count": (_edited(lambda it: _costs(it).update(spills=-1)), "spills"),
    "a count as text": (_edited(lambda it: _costs(it).update(spills="0")), "spills"),
    "not a number": (_edited(lambda it: _costs(it).update(instructions_per_row=1e999)), "finite"),
    "an unknown key": (_edited(lambda it: it.update(extra=1)), "extra"),
    "an unknown architecture": (
        TEXT.replace(f"{BUILD} sm_90", f"{BUILD} sm_91"),
        f"costs.{BUILD}.sm_91",
    ),
    "another version": (_edited(lambda it: it.update(version=2)), "version"),
    "another kernel's": (locks.text(lock_of(kernel="other")), "the lock of 'other'"),
    "other builds": (locks.text(lock_of(builds={})), "costs of other builds than it lists"),
    "no utf-8": ("\udcff", "UnicodeDecodeError"),
    "huge": (TEXT + " " * 5_000_000, "found over 4,194,304 bytes, expected a lock"),
}


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_hostile_lock_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], hostile: str
) -> None:
    """With exit code 5 and one clear line of where, what, and what to do."""
    text, told = HOSTILE[hostile]
    assert text != TEXT
    file = tmp_path / "toy.json"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    assert run_command(lambda: int(locks.read("toy", tmp_path) is None)) == 5
    said = capsys.readouterr().err
    assert said.startswith(f"{file}: found ")
    assert told in said
    assert said.endswith(f"; git checkout -- {file}, or nox -s bless -- codegen --reason ...\n")
    assert said.count("\n") == 1
    assert len(said) < 500 + 2 * len(str(file))


def test_a_folder_is_refused(tmp_path: Path) -> None:
    """Anything that cannot be read is."""
    (tmp_path / "toy.json").mkdir()
    with pytest.raises(BaselineError, match="found is a directory, expected a readable lock"):
        locks.read("toy", tmp_path)


def test_the_committed_lock_is_in_step() -> None:
    """Each build of the SPEC, as it is launched, on each architecture of its backend."""
    lock = locks.read("gemma4_routing")
    assert lock is not None
    assert lock.builds == {build.name: settings(build) for build in SPEC.builds}
    architectures = matrix.load().architectures
    assert {name: set(costs) for name, costs in lock.costs.items()} == {
        build.name: {one for one in architectures if backend_of(one) == build.backend}
        for build in SPEC.builds
    }


def test_the_committed_lock_is_within_the_budgets() -> None:
    """Of matrix.yaml, without compiling anything; and each build has one of each."""
    lock = locks.read("gemma4_routing")
    budgets = matrix.load().kernels["gemma4_routing"].codegen
    assert lock is not None
    assert budgets is not None
    found = [
        CompiledBuild(
            kernel=lock.kernel,
            build=build,
            architecture=architecture,
            toolchain=lock.toolchain,
            settings=lock.builds[build],
            costs=costs,
        )
        for build, every in lock.costs.items()
        for architecture, costs in every.items()
    ]
    assert {one.verdict for one in judge(found, lock, budgets)} == {CodeVerdict.SAME}
    for build in (name for name in lock.builds if "-E128-" in name):
        covering = [one for one in budgets if one.covers(build)]
        assert any(one.max_spills is not None for one in covering)
        assert any(one.max_instructions_per_row is not None for one in covering)
