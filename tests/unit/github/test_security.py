"""The rule of SECURITY.md: unreviewed code reaches no GPU runner, baseline, secret or write token.

The tables list the events that may start each workflow, and the machine, the permissions, the
branch and the environment of each job. The rules compare the files with the tables. Each hole is
planted into the text of a real file, in memory, and has to be found.
"""

import re
from collections.abc import Iterator
from typing import Any

from kernelproof.plan.repository import ROOT
from tests.unit.github.workflow_files import WORKFLOWS, Block, WorkflowFile

HOSTED = "ubuntu-24.04"
PLANNED = "${{ matrix.row.runner }}"
ROWS = "${{ fromJSON(needs.plan.outputs.rows) }}"
MAIN_ONLY = "github.ref == format('refs/heads/{0}', github.event.repository.default_branch)"
READS = {"contents": "read"}
PUBLISHES = {"attestations": "write", "id-token": "write", "pages": "write"}
# The events that start each workflow, with their settings less the inputs. A pull request may be
# anybody's; the others need somebody who has read the code, or a branch that is protected.
TRIGGERS: dict[str, dict[str, dict[str, Any]]] = {
    "baseline.yml": {"workflow_dispatch": {}},
    "ci.yml": {"pull_request": {}, "merge_group": {}, "push": {"branches": ["main"]}},
    "gpu.yml": {
        "push": {"branches": ["main", "gpu/**"]},
        "merge_group": {},
        "schedule": {},
        "workflow_dispatch": {},
    },
    "nightly.yml": {"schedule": {}, "workflow_dispatch": {}},
    "pages.yml": {"workflow_call": {}},
}


def _job(runs_on: str = HOSTED, **settings: Any) -> dict[str, Any]:
    """Returns what a job may be, a hosted one with a reading token unless `settings` differ."""
    plain = {"uses": None, "permissions": READS, "if": None, "environment": None}
    return {**plain, "runs-on": runs_on, **settings}


_MAIN_JOB = _job(**{"if": MAIN_ONLY})
_PAGES_CALL = {
    **_job(uses="$/.github/workflows/pages.yml", permissions={**READS, **PUBLISHES}),
    "runs-on": None,
    "if": "!cancelled() && needs.plan.result == 'success' && "
    f"github.event_name != 'workflow_dispatch' && {MAIN_ONLY}",
}
_PAGES_CALL["permissions"]["actions"] = "read"
JOBS = {
    "baseline.yml": {
        "plan": _MAIN_JOB,
        "measure": {**_MAIN_JOB, "runs-on": PLANNED},
        "propose": {
            **_MAIN_JOB,
            "permissions": {"contents": "write", "pull-requests": "write"},
            "environment": "baselines",
        },
    },
    "ci.yml": dict.fromkeys(("lint", "tests", "page", "codegen", "parity", "mutants"), _job()),
    "gpu.yml": {
        "plan": _job(),
        "row": _job(PLANNED),
        "report": _job(**{"if": "always() && (inputs.against == '' || inputs.check != 'perf')"}),
        "pages": _PAGES_CALL,
    },
    "nightly.yml": dict.fromkeys(("verdict-mutants", "fuzz", "mutants", "faults"), _job()),
    "pages.yml": {
        "build": {**_MAIN_JOB, "permissions": {"actions": "read", **READS}},
        "publish": {**_MAIN_JOB, "permissions": PUBLISHES, "environment": "github-pages"},
    },
}
# The jobs whose scripts may hold the run's token.
TOKENS = {("baseline.yml", "propose"), ("pages.yml", "build")}
_MOST_MINUTES = 30
_USES = re.compile(r"^ *(?:- )?uses: *(.*)$", re.MULTILINE)
_PINNED = re.compile(
    r"actions/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+|\$/\.github/workflows/pages\.yml"
)
# Expressions whose value the author of a pull request writes.
_THEIRS = re.compile(r"github\.head_ref|github\.event\.(pull_request\.head|workflow_run|comment)")


def _objections(file: WorkflowFile) -> list[str]:
    """Returns everything that the rules object to in one workflow."""
    rules = (_started, _jobs, _rows, _actions, _checkouts, _scripts, _timeouts, _tokens)
    return [f"{file.name}: {objection}" for rule in rules for objection in rule(file)]


def _started(file: WorkflowFile) -> Iterator[str]:
    """Allows the events of the table alone, and no permission for the whole workflow."""
    triggers = {
        event: {name: value for name, value in settings.items() if name != "inputs"}
        if isinstance(settings, dict)
        else {}
        for event, settings in file.triggers.items()
    }
    if triggers != TRIGGERS.get(file.name):
        yield f"starts on {triggers}, expected {TRIGGERS.get(file.name)}"
    if file.content.get("permissions") != {}:
        yield f"permissions: found {file.content.get('permissions')}, expected {{}} at the top"


def _jobs(file: WorkflowFile) -> Iterator[str]:
    """Allows each job its machine, permissions, branch and environment of the table."""
    allowed = JOBS.get(file.name, {})
    if file.jobs.keys() != allowed.keys():
        yield f"found jobs {[*file.jobs]}, expected {[*allowed]}"
    for key, job in file.jobs.items():
        for name, value in allowed.get(key, {}).items():
            setting = job.get(name)
            if name == "environment" and isinstance(setting, dict):
                setting = setting["name"]
            if setting != value:
                yield f"{key}: {name}: found {setting!r}, expected {value!r}"


def _rows(file: WorkflowFile) -> Iterator[str]:
    """Allows a job's rows to come from `kernelproof.plan.schedule` alone, through its step."""
    planned = {"fail-fast": False, "matrix": {"row": ROWS}}
    output = "${{ steps.plan.outputs.rows }}"
    for key, job in file.jobs.items():
        if job.get("strategy", planned) != planned:
            yield f"{key}: found other rows than those of the plan"
        if job.get("outputs", {}).get("rows", output) != output:
            yield f"{key}: found rows of another step than the plan's"
    scripts = [step["run"] for _, step in file.steps if step.get("id") == "plan"]
    for script in scripts:
        if not script.startswith('rows="$(python -m kernelproof.plan.schedule --'):
            yield "plan: found rows that kernelproof.plan.schedule did not print"


def _actions(file: WorkflowFile) -> Iterator[str]:
    """Allows GitHub's own actions at a full commit, with the version that a person reads."""
    lines = _USES.findall(file.text)
    for line in lines:
        if not _PINNED.fullmatch(line):
            yield f"{line}: not pinned to a commit with its version"
    if len(lines) != sum("uses" in block for block in _blocks(file)):
        yield "uses: found one that is not on a line of its own"


def _blocks(file: WorkflowFile) -> Iterator[Block]:
    yield from file.jobs.values()
    yield from (step for _, step in file.steps)


def _checkouts(file: WorkflowFile) -> Iterator[str]:
    """Allows a checkout of the run's own commit, as the first step, that leaves no credentials."""
    for key, job in file.jobs.items():
        for number, step in enumerate(job.get("steps", [])):
            if not str(step.get("uses")).startswith("actions/checkout@"):
                continue
            settings = step.get("with") or {}
            if settings.get("persist-credentials") is not False:
                yield f"{key}: checkout leaves credentials behind"
            if more := set(settings) - {"persist-credentials", "clean", "fetch-depth"}:
                yield f"{key}: checkout with {', '.join(sorted(more))}"
            if number:
                yield f"{key}: checkout is not the first step"


def _scripts(file: WorkflowFile) -> Iterator[str]:
    """Lets values reach a shell through the environment alone, and strangers' words nowhere."""
    for key, step in file.steps:
        if "${{" in f"{step.get('run', '')}{(step.get('with') or {}).get('script', '')}":
            yield f"{key}: an expression stands in a script"
        if step.get("shell", "bash") != "bash":
            yield f"{key}: another shell than bash"
    if file.content.get("defaults") != {"run": {"shell": "bash"}}:
        yield "scripts run in another shell than bash"
    if match := _THEIRS.search(file.text):
        yield f"{match[0]}: what the author of a pull request writes is used"


def _timeouts(file: WorkflowFile) -> Iterator[str]:
    """Allows half an hour at most, or the minutes that the limits of a row add up to."""
    for key, job in file.jobs.items():
        minutes = job.get("timeout-minutes")
        is_bounded = isinstance(minutes, int) and 0 < minutes <= _MOST_MINUTES
        if not is_bounded and minutes != "${{ matrix.row.minutes }}" and "uses" not in job:
            yield f"{key}: no timeout"


def _tokens(file: WorkflowFile) -> Iterator[str]:
    """Allows no secret, and the run's own token in the jobs that are named above alone."""
    if re.search(r"\bsecrets\b", file.text):
        yield "secrets: found the word, expected none"
    for key, job in file.jobs.items():
        if re.search(r"github[._]token", str(job).lower()) and (file.name, key) not in TOKENS:
            yield f"{key}: holds the run's token"
    if "token" in str(file.content.get("env", "")).lower():
        yield "every job holds the run's token"


_READS = "    permissions:\n      contents: read\n"
_LINT = f"    name: Lint\n    runs-on: {HOSTED}\n"
_GUARD = f"    if: {MAIN_ONLY}\n"
_PROPOSE = f"    needs: [plan, measure]\n{_GUARD}"
_CHECKOUT = "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1"
_NO_CREDENTIALS = "          persist-credentials: false\n"
_SET_UP = "      - name: Set up"
_NOX = "run: nox -s lint"
_OWN_TOKEN = f"{_NOX}\n        env: {{K: '${{{{ github.token }}}}'}}"
_SECRET, _THEIR_REF = (
    _OWN_TOKEN.replace("github.token", words) for words in ("secrets.KEY", "github.head_ref")
)
_WRITES_ACTIONS = "      actions: write\n      pull-r"
_OWN_GPU = f"{_PROPOSE}    runs-on: [self-hosted, gpu]\n"
_CALL = f"  call:\n    uses: $/.github/workflows/pages.yml\n  lint:\n{_LINT}"
_INHERITS = "    secrets: inherit\n    with:\n      rows:"
_PLANS_CHECKOUT = f"        with:\n{_NO_CREDENTIALS}{_SET_UP}"
_RUN_OF_GPU = "  workflow_run:\n    workflows: [GPU]\n    types: [completed]\n  workflow_call:\n"
_OWN_MATRIX = f"{_LINT}    strategy:\n      matrix:\n        row: [{{runner: gpu}}]\n"
_OTHER_ROW = "        include: [{row: {runner: other}}]\n"
_HEAD = "          ref: ${{ github.event.pull_request.head.sha }}\n"
# In one file each: the text that the hole replaces in its first place, the hole, the objection.
HOLES = [
    ("gpu.yml", "on:\n", "on:\n  pull_request:\n", "starts on {'pull_request'"),
    ("baseline.yml", "on:\n", "on:\n  pull_request:\n", "starts on {'pull_request'"),
    ("ci.yml", "  pull_request:\n", "  pull_request_target:\n", "starts on {'pull_request_target'"),
    ("pages.yml", "  workflow_call:\n", _RUN_OF_GPU, "starts on {'workflow_run'"),
    ("gpu.yml", "  merge_group:\n", "  issue_comment:\n", "'issue_comment'"),
    ("gpu.yml", '[main, "gpu/**"]', '["**"]', "starts on {'push': {'branches': ['**']}"),
    ("gpu.yml", '  push:\n    branches: [main, "gpu/**"]\n', "  push:\n", "starts on {'push': {}"),
    ("ci.yml", _READS, _READS.replace("read", "write"), "lint: permissions: "),
    ("gpu.yml", _READS, "", "plan: permissions: found None"),
    ("gpu.yml", _READS, "    permissions: write-all\n", "plan: permissions: found 'write-all'"),
    ("gpu.yml", "\npermissions: {}\n", "\npermissions: read-all\n", "expected {} at the top"),
    ("baseline.yml", "      pull-r", _WRITES_ACTIONS, "propose: permissions: "),
    ("pages.yml", f"    name: Build\n{_GUARD}", "    name: Build\n", "build: if: "),
    ("baseline.yml", f"    needs: plan\n{_GUARD}", "    needs: plan\n", "measure: if: "),
    ("baseline.yml", _PROPOSE, "    needs: [plan, measure]\n", "propose: if: "),
    ("baseline.yml", "    environment: baselines\n", "", "propose: environment: found None"),
    ("baseline.yml", f"{_PROPOSE}    runs-on: {HOSTED}\n", _OWN_GPU, "propose: runs-on: "),
    ("ci.yml", _LINT, _LINT.replace(HOSTED, "[self-hosted, gpu]"), "lint: runs-on: "),
    ("ci.yml", _LINT, _LINT.replace(HOSTED, "${{ 1 && 'gpu' || 'gpu' }}"), "lint: runs-on: "),
    ("ci.yml", _LINT, _OWN_MATRIX.replace(HOSTED, PLANNED), "lint: found other rows than"),
    ("gpu.yml", '"$(python -m', '"$(cat rows.json || python -m', "schedule did not print"),
    ("gpu.yml", "{{ steps.plan.outputs.rows", "{{ inputs.row", "plan: found rows of another step"),
    ("gpu.yml", f"row: {ROWS}\n", f"row: {ROWS}\n{_OTHER_ROW}", "row: found other rows than"),
    ("gpu.yml", "$/.github/workflows/pages.yml", "someone/else/.github/x.yml@main", "not pinned"),
    ("ci.yml", f"  lint:\n{_LINT}", _CALL, "found jobs ['call', 'lint'"),
    ("ci.yml", _NO_CREDENTIALS, f"{_NO_CREDENTIALS}{_HEAD}", "lint: checkout with ref"),
    ("ci.yml", _CHECKOUT, "actions/checkout@v7", "actions/checkout@v7: not pinned"),
    ("ci.yml", _CHECKOUT, "actions/checkout@3d3c42e # v7.0.1", "checkout@3d3c42e # v7.0.1: not"),
    ("ci.yml", _CHECKOUT, _CHECKOUT.replace("actions/", "someone/"), "someone/checkout@"),
    ("ci.yml", _CHECKOUT, _CHECKOUT.partition(" #")[0], "not pinned to a commit with its version"),
    ("gpu.yml", _NO_CREDENTIALS, _NO_CREDENTIALS.replace("false", "true"), "leaves credentials"),
    ("gpu.yml", _PLANS_CHECKOUT, _SET_UP, "plan: checkout leaves credentials behind"),
    ("gpu.yml", '--against="$AGAINST"', '--against="${{ inputs.against }}"', "row: an expression"),
    ("ci.yml", _NOX, "run: echo '${{ github.event.pull_request.title }}'", "lint: an expression"),
    ("ci.yml", _NOX, _THEIR_REF, "github.head_ref"),
    ("ci.yml", "    timeout-minutes: 10\n", "", "lint: no timeout"),
    ("ci.yml", "    timeout-minutes: 10\n", "    timeout-minutes: 1440\n", "lint: no timeout"),
    ("ci.yml", _NOX, _SECRET, "secrets: found"),
    ("gpu.yml", "    with:\n      rows:", _INHERITS, "secrets: "),
    ("ci.yml", _NOX, _OWN_TOKEN, "lint: holds the run"),
    ("ci.yml", "    shell: bash\n", "    shell: python\n", "another shell than bash"),
]


def test_the_workflows_keep_the_rules() -> None:
    """The rules object to nothing in the project's own files, of which the tables know each."""
    assert WORKFLOWS.keys() == TRIGGERS.keys() == JOBS.keys()
    assert [objection for file in WORKFLOWS.values() for objection in _objections(file)] == []


def test_planted_holes_are_found() -> None:
    """The rules object to each hole in words that name it, and to a file that no table knows."""
    missed = []
    for name, old, new, objection in HOLES:
        text = WORKFLOWS[name].text
        planted = WorkflowFile(name, text.replace(old, new, 1))
        if old not in text or not any(objection in words for words in _objections(planted)):
            missed.append((name, new, _objections(planted)))
    assert missed == []
    unknown = _objections(WorkflowFile("x.yml", "on: push\njobs: {a: {}}"))
    assert any("found jobs" in words for words in unknown)


def test_the_tables_let_only_reviewed_code_write() -> None:
    """A pull request starts hosted jobs that read; a job that may write runs on the default branch.

    A writing job is hosted and has an environment, or calls one that has it.
    """
    started = [name for name, events in TRIGGERS.items() if "pull_request" in events]
    assert started == ["ci.yml"]
    assert [job for job in JOBS["ci.yml"].values() if job != _job()] == []
    writers = {
        (name, key): job
        for name, jobs in JOBS.items()
        for key, job in jobs.items()
        if "write" in job["permissions"].values()
    }
    assert writers.keys() == {
        ("baseline.yml", "propose"),
        ("gpu.yml", "pages"),
        ("pages.yml", "publish"),
    }
    for job in writers.values():
        assert job["if"].endswith(MAIN_ONLY)
        assert (job["runs-on"] == HOSTED and job["environment"]) or job["uses"]
    for name in ("baseline.yml", "pages.yml"):
        assert {job["if"] for job in JOBS[name].values()} == {MAIN_ONLY}


def test_the_rule_is_written_down() -> None:
    """SECURITY.md names for people what the rules ask for, and this file."""
    text = (ROOT / ".github" / "SECURITY.md").read_text(encoding="utf-8")
    words = ["baselines", "github-pages", "gpu/**", "ephemeral", "tests/unit/github"]
    assert [word for word in words if word not in text] == []
