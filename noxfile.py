# /// script
# dependencies = [
#     "nox>=2026.10.20",  # brings virtualenv and filelock
#     "nvidia-ml-py>=13",
#     "pydantic>=2.12",
#     "pyyaml>=6",
#     "rich>=14",
# ]
# ///
"""The project's sessions: a table of contents for `kernelproof` and `tests`.

Each toolchain of `pipeline/kernelproof/machine/toolchains/` is one environment, whichever sessions
use it; under ``nox --no-venv`` it is the Python that runs nox.
"""

import itertools
import sys
from pathlib import Path

import nox

ROOT = Path(__file__).parent
sys.path.insert(0, str(ROOT / "pipeline"))  # nox does not put this folder on the path

from kernelproof.plan.schema import Check  # noqa: E402
from kernelproof.records.verdict import session_of  # noqa: E402
from kernelproof.sessions.nox_processes import (  # noqa: E402
    load_rows,
    python_of,
    row_session,
    rows_here,
    run,
    run_cells,
    run_light,
    run_on_cpu,
    run_on_rows,
    run_perf,
    run_tools,
)

nox.needs_version = ">=2026.10.20"
nox.options.default_venv_backend = "none"
nox.options.sessions = ["tests"]
ROWS = load_rows()
SCHEMA = "pipeline/kernelproof/plan/matrix.schema.json"
WORKFLOWS = sorted(str(file) for file in Path(".github/workflows").glob("*.yml"))


@nox.session
def parity(session: nox.Session) -> None:
    """Prove the bits of every kernel on the row or rows that this machine is."""
    run_cells(session, Check.PARITY, rows_here(session))


@nox.session
def codegen(session: nox.Session) -> None:
    """Compile the kernels for every GPU architecture, without a GPU; compare with the lock."""
    python = python_of(session, "codegen")
    run(session, python, "-m", "kernelproof.checks.codegen", *session.posargs)


@nox.session(name="perf-regress")
def perf_regress(session: nox.Session) -> None:
    """Judge speed by stored baselines, or by a commit: `-- --against REF`, `--bisect GOOD..BAD`.

    On a GPU row by its times, on the cpu row by the code generated for every GPU.
    """
    run_perf(session, rows_here(session))


@nox.session(name="gate-card")
def gate_card(session: nox.Session) -> None:
    """Measure what perf-regress can see on the GPU row that this machine is; write its card."""
    run_on_rows(session, "kernelproof.checks.perf.gate_card", "--row")


@nox.session
def mutants(session: nox.Session) -> None:
    """Plant faults into kernels, or `-- --of verdicts`; see that a case, or a test, kills each."""
    if {"verdicts", "--of=verdicts"} & {*session.posargs}:
        run_on_cpu(session, "-m", "kernelproof.selftest.mutation")
    else:
        run_on_rows(session, "kernelproof.selftest.mutation", "--row")


@nox.session
def sanitize(session: nox.Session) -> None:
    """Run small cases under compute-sanitizer, on NVIDIA rows; `-- --tool NAME` runs one tool."""
    run_on_rows(session, "kernelproof.selftest.sanitize", "--on", "--sanitize")


@nox.session
def faults(session: nox.Session) -> None:
    """Crash, hang, fill the disk: does every case still get its verdict? `-- --fault NAME`."""
    run_on_rows(session, "kernelproof.selftest.faults", "--row")


@nox.session
def bench(session: nox.Session) -> None:
    """Time kernels beside their floors and peers, on the GPU row that this machine is."""
    run_on_rows(session, "kernelproof.checks.bench", "--row", "--bench")


@nox.session
def report(session: nox.Session) -> None:
    """Judge results/ against the plan: terminal, page, JSON, JUnit XML, Markdown."""
    run(session, sys.executable, "-m", "kernelproof.report", *session.posargs)


@nox.session
def page(session: nox.Session) -> None:
    """Test the report's page in a headless Chromium, which has to be installed."""
    run(session, python_of(session, "browser"), "-m", "pytest", "tests/browser", *session.posargs)


@nox.session
def bless(session: nox.Session) -> None:
    """Replace baselines by fresh results: `-- golden|codegen|perf --reason "..."`."""
    run_light(session, "kernelproof.sessions.bless")


@nox.session
def reproduce(session: nox.Session) -> None:
    """Run a recorded result again: which bits and conditions differ: `-- RESULT`."""
    run_light(session, "kernelproof.sessions.reproduce")


@nox.session
def doctor(session: nox.Session) -> None:
    """Check this machine: its row, driver, GPU, toolchain, disk; say what to fix."""
    run_light(session, "kernelproof.doctor")


@nox.session
def tests(session: nox.Session) -> None:
    """Test the project itself, on any machine."""
    workers = ["-p", "no:benchmark", "-n", "auto", "--maxprocesses", "8", "--dist", "loadfile"]
    run_on_cpu(session, "-m", "pytest", *workers, "tests/unit", toolchain="tests")


@nox.session
def fuzz(session: nox.Session) -> None:
    """Give broken and hostile files to every reader: `-- --inputs N --only READER`."""
    run_on_cpu(session, "-m", "tests.fuzz")


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, types, the matrix and the workflows."""
    commands = (
        ["ruff", "format", "--check", "."],
        ["ruff", "check", "."],
        ["mypy"],
        ["check-jsonschema", f"--schemafile={SCHEMA}", "matrix.yaml"],
        ["check-jsonschema", "--builtin-schema=vendor.github-workflows", *WORKFLOWS],
        ["zizmor", "--offline", "--persona=pedantic", *WORKFLOWS],
    )
    run_tools(session, "lint", commands)


for check, row in itertools.product(Check, ROWS):
    if check != Check.PERF or ROWS[row].is_compiled:
        nox.session(name=f"{session_of(check)}({row})", default=False)(row_session(check, row))
