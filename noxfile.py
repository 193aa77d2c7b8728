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
from functools import partial
from pathlib import Path

import nox

ROOT = Path(__file__).parent
sys.path.insert(0, str(ROOT / "pipeline"))

from kernelproof.errors import USER_ERRORS, MatrixError  # noqa: E402
from kernelproof.plan import matrix  # noqa: E402  (nox does not put this folder on the path)
from kernelproof.plan.schema import Check  # noqa: E402
from kernelproof.sessions.nox_processes import (  # noqa: E402
    code_of,
    is_help_asked,
    is_no_venv,
    output_of,
    python_of,
    run,
)

nox.needs_version = ">=2026.10.20"
nox.options.default_venv_backend = "none"
nox.options.sessions = ["tests"]

try:
    ROWS = matrix.load().rows
except MatrixError as error:
    print(error, file=sys.stderr)
    sys.exit(int(error.exit))


@nox.session
def parity(session: nox.Session) -> None:
    """Prove the bits of every kernel on the row or rows that this machine is."""
    _cells(session, "parity", _rows_here(session))


@nox.session
def codegen(session: nox.Session) -> None:
    """Compile the kernels for every GPU architecture, without a GPU; compare with the lock."""
    run(
        session, python_of(session, "codegen"), "-m", "kernelproof.checks.codegen", *session.posargs
    )


@nox.session(name="perf-regress")
def perf_regress(session: nox.Session) -> None:
    """Judge speed by stored baselines, or by a commit: `-- --against REF`, `--bisect GOOD..BAD`.

    On a GPU row by its times, on the cpu row by the code generated for every GPU.
    """
    rows = _rows_here(session)
    timed = [row for row in rows if ROWS[row].is_compiled]
    if any(word.partition("=")[0] in {"--against", "--bisect"} for word in session.posargs):
        for row in rows:
            python = python_of(session, ROWS[row].toolchain if row in timed else "codegen")
            run(session, python, "-m", "kernelproof.checks.perf", "--on", row, *session.posargs)
    elif timed or is_help_asked(session):
        _cells(session, "perf", timed or rows)
    else:
        session.log("timing an interpreter says nothing: the generated code is judged instead")
        run(session, python_of(session, "codegen"), "-m", "kernelproof.checks.codegen")


@nox.session(name="gate-card")
def gate_card(session: nox.Session) -> None:
    """Measure what perf-regress can see on the GPU row that this machine is; write its card."""
    _on_rows(session, "kernelproof.checks.perf.gate_card", "--row")


@nox.session
def mutants(session: nox.Session) -> None:
    """Plant faults into the kernels: does parity kill every one? `-- --mutant ID` runs one."""
    _on_rows(session, "kernelproof.selftest.mutation", "--row")


@nox.session
def judge(session: nox.Session) -> None:
    """Judge the judge: branch coverage and mutants of the verdict and report code."""
    _on_the_cpu(session, "-m", "kernelproof.selftest.verdict_mutation")


@nox.session
def sanitize(session: nox.Session) -> None:
    """Run small cases under compute-sanitizer, on NVIDIA rows; `-- --tool NAME` runs one tool."""
    _on_rows(session, "kernelproof.selftest.sanitize", "--on", "--sanitize")


@nox.session
def faults(session: nox.Session) -> None:
    """Crash, hang, fill the disk: does every case still get its verdict? `-- --fault NAME`."""
    _on_rows(session, "kernelproof.selftest.faults", "--row")


@nox.session
def bench(session: nox.Session) -> None:
    """Time kernels beside their floors and peers, on the GPU row that this machine is."""
    _on_rows(session, "kernelproof.checks.bench", "--row", "--bench")


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
    here = ["--this-python"] if is_no_venv(session) else []
    run(session, sys.executable, "-m", "kernelproof.sessions.bless", *here, *session.posargs)


@nox.session
def reproduce(session: nox.Session) -> None:
    """Run a recorded result again: which bits and conditions differ: `-- RESULT`."""
    here = ["--this-python"] if is_no_venv(session) else []
    run(session, sys.executable, "-m", "kernelproof.sessions.reproduce", *here, *session.posargs)


@nox.session
def doctor(session: nox.Session) -> None:
    """Check this machine: its row, driver, GPU, toolchain, disk; say what to fix."""
    here = ["--this-python"] if is_no_venv(session) else []
    run(session, sys.executable, "-m", "kernelproof.doctor", *here, *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """Test the project itself, on any machine."""
    workers = ["-p", "no:benchmark", "-n", "auto", "--maxprocesses", "8", "--dist", "loadfile"]
    command = ["-m", "pytest", *workers, "tests/unit", *session.posargs]
    run(session, python_of(session, "tests"), *command, env=ROWS["cpu"].environment)


@nox.session
def fuzz(session: nox.Session) -> None:
    """Give broken and hostile files to all that reads one: `-- --inputs N --only READER`."""
    _on_the_cpu(session, "-m", "tests.fuzz")


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, types, the matrix and the workflows."""
    python = python_of(session, "lint")
    workflows = sorted(str(file) for file in Path(".github/workflows").glob("*.yml"))
    schemas = {
        "--schemafile=pipeline/kernelproof/plan/matrix.schema.json": ["matrix.yaml"],
        "--builtin-schema=vendor.github-workflows": workflows,
    }
    run(session, python, "-m", "ruff", "format", "--check", ".")
    run(session, python, "-m", "ruff", "check", ".")
    run(session, python, "-m", "mypy")
    for schema, files in schemas.items():
        run(session, python, "-m", "check_jsonschema", schema, *files)
    zizmor = str(Path(python).with_name("zizmor"))  # a binary without a module
    run(session, zizmor, "--offline", "--persona=pedantic", *workflows)


def _one_row(session: nox.Session, *, check: str, row: str) -> None:
    _rows_here(session, "--row", row)
    _cells(session, check, [row])


for a_check, a_row in itertools.product(Check, ROWS):
    if a_check != Check.PERF or ROWS[a_row].is_compiled:
        one_row = partial(_one_row, check=a_check, row=a_row)
        one_row.__doc__ = f"The same on {ROWS[a_row].device}."
        a_session = "perf-regress" if a_check == Check.PERF else a_check
        nox.session(name=f"{a_session}({a_row})", default=False)(one_row)


def _cells(session: nox.Session, check: str, rows: list[str]) -> None:
    """Runs the cells of these rows, a process each, then judges them all."""
    ask = partial(code_of, session, sys.executable, "-m", "kernelproof.report", "--check", check)
    ask = partial(ask, *(f"--row={row}" for row in rows), *session.posargs)
    try:
        for row in rows:
            command = ["-m", "kernelproof.checks", check, "--on", row, *session.posargs]
            python = python_of(session, ROWS[row].toolchain)
            code = code_of(session, python, *command, env=ROWS[row].environment)
            if code in USER_ERRORS or is_help_asked(session):
                sys.exit(code)
    except KeyboardInterrupt:
        ask()
        raise
    if code := ask():
        sys.exit(code)


def _on_rows(session: nox.Session, module: str, option: str, *asked: str) -> None:
    """Runs a module on the row or rows that this machine is; `option` names the row to it."""
    for row in _rows_here(session, *asked):
        command = ["-m", module, option, row, *session.posargs]
        python = python_of(session, ROWS[row].toolchain)
        run(session, python, *command, env=ROWS[row].environment)


def _on_the_cpu(session: nox.Session, *command: str) -> None:
    """Runs a command in the environment of the row that every machine can be."""
    row = ROWS["cpu"]
    python = python_of(session, row.toolchain)
    run(session, python, *command, *session.posargs, env=row.environment)


def _rows_here(session: nox.Session, *named: str) -> list[str]:
    """The rows that this machine is, or that are named; refused before gigabytes are installed."""
    present = [] if is_no_venv(session) else ["--present"]
    arguments = [*present, *named, *session.posargs]
    return output_of(
        session, sys.executable, "-m", "kernelproof.machine.hardware", *arguments
    ).split()
