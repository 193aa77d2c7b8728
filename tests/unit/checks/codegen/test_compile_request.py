"""Compilers with scripts of a few lines in their place: answers, deaths and deadlines.

They are processes, since their ends and their pipes are what is asked about.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from kernelproof.checks.codegen import compile_request
from kernelproof.checks.codegen.compile_request import CompileRequest, CompilerError, ask
from kernelproof.errors import Exit

# Given a script, returns the builds in words, and the counts of progress.
Compiled = Callable[[str], tuple[list[str], list[int]]]
REQUEST = CompileRequest(kernels=["toy"], architectures=["sm_90", "gfx942"])
BUILD = {"kernel": "toy", "build": "fp32", "architecture": "gfx942", "toolchain": {}}
BUILD |= {"settings": {"pointers": {}, "integers": {}, "constants": {}, "options": {}}}
# Begins a build, among remarks; then does something else.
BEGINS = f"""
import json, os, sys, time
share = json.loads(sys.argv[1])["share"]
build = json.loads({json.dumps(json.dumps(BUILD))})
def tell(**more): print(json.dumps(build | more), flush=True)
os.write(1, b"remark: \\xff\\n")
tell()
print("a word", file=sys.stderr, flush=True)
"""
PLACE = "at toy fp32 on gfx942:\na word"


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> Compiled:
    """Returns a function that asks two workers, which run a script after `BEGINS`."""

    def ask_script(script: str) -> tuple[list[str], list[int]]:
        command = ("-S", "-E", "-c", BEGINS + script)
        monkeypatch.setattr(compile_request, "_COMPILER", command)
        counts: list[int] = []
        builds = ask(REQUEST, workers=2, progress=counts.append)
        return [f"{build.architecture} {build.error}" for build in builds], counts

    return ask_script


def test_builds_are_in_the_order_of_the_request(compiled: Compiled) -> None:
    """Each is counted once, as it is done; a remark is left out."""
    script = 'tell(error="no", architecture=["gfx942", "sm_90"][share])'
    assert compiled(script) == (["sm_90 no", "gfx942 no"], [1, 2])


def test_each_build_has_the_limit_for_itself(
    compiled: Compiled, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Builds that take longer together are done."""
    monkeypatch.setattr(compile_request, "SECONDS_A_BUILD", 1.8)
    builds, _ = compiled("for _ in range(3): time.sleep(0.7); tell(error='no')")
    assert builds == ["gfx942 no"] * 6


@pytest.mark.parametrize(
    ("script", "end", "limit"),
    [
        ("sys.exit(3)", "ended with 3", 60),
        ("os.kill(os.getpid(), 11)", "ended with -11", 60),
        ("print('{}', flush=True); time.sleep(60)", "said what it should not, '{}',", 60),
        ("while not time.sleep(0.01): print('a remark', flush=True)", "was ended after 1.5 s", 1.5),
    ],
    ids=["ends", "is killed", "says something else", "never ends"],
)
def test_a_worker_that_fails_names_its_build(
    compiled: Compiled, monkeypatch: pytest.MonkeyPatch, script: str, end: str, limit: float
) -> None:
    """With its last words; the other worker, which would take a minute, is not waited for."""
    monkeypatch.setattr(compile_request, "SECONDS_A_BUILD", limit)
    started = time.monotonic()
    with pytest.raises(CompilerError) as caught:
        compiled(f"time.sleep(60 * share)\n{script}")
    assert time.monotonic() - started < 10
    message = str(caught.value)
    assert message == f"codegen: a worker of {Path(sys.executable)} {end} {PLACE}"
    assert caught.value.exit == Exit.BLOCKED
