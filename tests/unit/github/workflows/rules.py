"""The rules that keep unreviewed code from GPU runners, baselines, secrets and write tokens.

Each rule looks at one workflow and yields what it objects to; `objections` asks all of them.
.github/SECURITY.md explains the rules to people.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tests.unit.github.workflows.reading import HOSTED, UNKNOWN, Block, Workflow, workflows

# Who starts these has read the code, or has written it on a branch that is protected.
REVIEWED = frozenset({"push", "merge_group", "schedule", "workflow_dispatch"})
# Anybody starts this; what it starts has a token that can read, and hosted machines.
UNREVIEWED = frozenset({"pull_request"})
# A called workflow has the triggers of its callers.
CALLED = "workflow_call"
BRANCHES = frozenset({"main", "gpu/**"})
GUARD = "github.ref == format('refs/heads/{0}', github.event.repository.default_branch)"
# The jobs that may write, what they may write, and the environment that holds them.
WRITERS: Mapping[tuple[str, str], tuple[frozenset[str], str]] = {
    ("baseline.yml", "propose"): (frozenset({"contents", "pull-requests"}), "baselines"),
    ("gpu.yml", "pages"): (frozenset({"attestations", "id-token", "pages"}), CALLED),
    ("pages.yml", "publish"): (frozenset({"attestations", "id-token", "pages"}), "github-pages"),
}
# The jobs whose scripts may hold the run's token.
TOKENS = frozenset({("baseline.yml", "propose"), ("pages.yml", "build")})
# Workflows of which no job runs for another branch than the default one.
GUARDED = frozenset({"baseline.yml", "pages.yml"})
_MOST_MINUTES = 30
_PINNED = re.compile(r"actions/[a-z-]+@[0-9a-f]{40}")
_USES = re.compile(r"^ *(?:- )?uses: *(.*)$", re.MULTILINE)
_USES_PINNED = re.compile(r"actions/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
# What the author of a pull request writes, wherever it would be used.
_THEIRS = re.compile(r"github\.head_ref|github\.event\.(pull_request\.head|workflow_run|comment)")


def objections(texts: Mapping[str, str] | None = None) -> list[str]:
    """What the rules object to in these workflows, or in the project's: nothing, or holes."""
    every = workflows(texts)
    found = []
    for file in every.values():
        rules = (_triggers, _permissions, _actions, _checkouts, _scripts, _timeouts, _tokens)
        found += [f"{file.name}: {said}" for rule in rules for said in rule(file)]
        found += [f"{file.name}: {said}" for said in _reach(file, every)]
    return found


def _triggers(file: Workflow) -> Iterator[str]:
    """Known ones alone: all others run with a token of the default branch, whoever starts them."""
    for trigger in file.triggers.keys() - REVIEWED - UNREVIEWED - {CALLED}:
        yield f"{trigger}: a trigger that is not allowed"
    if "push" in file.triggers:
        branches = (file.triggers["push"] or {}).get("branches", ["**"])
        for branch in sorted({*branches} - BRANCHES):
            yield f"push: {branch}: a branch that not only maintainers may push to"


def starts(file: Workflow, every: Mapping[str, Workflow]) -> set[str]:
    """What can start a workflow: its own triggers, or those of each that calls it."""
    own = set(file.triggers) - {CALLED}
    callers = [one for one in every.values() if file.name in one.calls.values()]
    return own.union(*(starts(one, every) for one in callers if one != file))


def _reach(file: Workflow, every: Mapping[str, Workflow]) -> Iterator[str]:
    """What a job can reach, by what can start it."""
    unreviewed = sorted(starts(file, every) - REVIEWED)
    for key, job in file.jobs.items():
        labels = file.labels(key)
        if UNKNOWN in labels or file.calls.get(key) == UNKNOWN:
            yield f"{key}: a machine or a workflow that cannot be followed"
        if unreviewed and not labels <= HOSTED:
            yield f"{key}: {', '.join(unreviewed)} reaches {', '.join(sorted(labels - HOSTED))}"
        if unreviewed and (_written(job) or "environment" in job):
            yield f"{key}: {', '.join(unreviewed)} reaches a write token or an environment"
        if file.name in GUARDED and job.get("if") != GUARD:
            yield f"{key}: runs on other branches than the default one"
    if file.name in GUARDED and not starts(file, every) <= REVIEWED:
        yield "starts on more than reviewed code"


def _written(job: Block) -> set[str]:
    permissions = job.get("permissions")
    if not isinstance(permissions, dict):
        return {"everything"}
    return {name for name, access in permissions.items() if access not in {"read", "none"}}


def _permissions(file: Workflow) -> Iterator[str]:
    """None at the top, each job's own; writing is for the jobs named above, one by one."""
    if file.content.get("permissions") != {}:
        yield "permissions: found some for the whole workflow, expected {}"
    for key, job in file.jobs.items():
        allowed, environment = WRITERS.get((file.name, key), (frozenset(), ""))
        if more := _written(job) - allowed:
            yield f"{key}: may write {', '.join(sorted(more))}"
        if not environment:
            continue
        if not file.labels(key) <= HOSTED:
            yield f"{key}: may write, and runs on a machine of one's own"
        if GUARD not in str(job.get("if")):
            yield f"{key}: may write, and runs on other branches than the default one"
        if environment != CALLED and _name(job.get("environment")) != environment:
            yield f"{key}: may write outside the environment {environment}"


def _name(environment: Any) -> str:
    return str(environment["name"] if isinstance(environment, dict) else environment)


def _actions(file: Workflow) -> Iterator[str]:
    """GitHub's own, at forty digits, with the version that a person reads."""
    for key, step in file.steps:
        if "uses" in step and not _PINNED.fullmatch(step["uses"]):
            yield f"{key}: {step['uses']}: not pinned to a commit"
    lines = _USES.findall(file.text)
    calls = {f"$/.github/workflows/{name}" for name in file.calls.values()}
    for line in lines:
        if line not in calls and not _USES_PINNED.fullmatch(line):
            yield f"{line}: found no commit with its version, expected both"
    if len(lines) != sum("uses" in step for _, step in file.steps) + len(file.calls):
        yield "uses: found one that is not on a line of its own"


def _checkouts(file: Workflow) -> Iterator[str]:
    """Of the run's own commit, once, as the first step, and without leaving credentials."""
    for key, job in file.jobs.items():
        for number, step in enumerate(job.get("steps", [])):
            if not str(step.get("uses")).startswith("actions/checkout@"):
                continue
            settings = step.get("with") or {}
            if settings.get("persist-credentials") is not False:
                yield f"{key}: checkout leaves credentials behind"
            if others := set(settings) - {"persist-credentials", "clean", "fetch-depth"}:
                yield f"{key}: checkout with {', '.join(sorted(others))}"
            if number:
                yield f"{key}: checkout is not the first step"


def _scripts(file: Workflow) -> Iterator[str]:
    """Values reach a shell through the environment, as data; what strangers write, nowhere."""
    for key, step in file.steps:
        script = f"{step.get('run', '')}{(step.get('with') or {}).get('script', '')}"
        if "${{" in script:
            yield f"{key}: an expression stands in a script"
        if step.get("shell", "bash") != "bash":
            yield f"{key}: another shell than bash"
    if file.scripts and file.content.get("defaults") != {"run": {"shell": "bash"}}:
        yield "scripts run in another shell than bash"
    if found := _THEIRS.search(file.text):
        yield f"{found[0]}: what the author of a pull request writes is used"


def _timeouts(file: Workflow) -> Iterator[str]:
    """Half an hour at most; for a row, what the limits in matrix.yaml add up to."""
    for key, job in file.jobs.items():
        minutes = job.get("timeout-minutes")
        is_bounded = isinstance(minutes, int) and 0 < minutes <= _MOST_MINUTES
        if not is_bounded and minutes != "${{ matrix.row.minutes }}" and "uses" not in job:
            yield f"{key}: no timeout"


def _tokens(file: Workflow) -> Iterator[str]:
    """No secret anywhere; the run's own token in the steps that need it, in two jobs alone."""
    if re.search(r"\bsecrets\b", file.text):
        yield "secrets: found the word, expected none"
    for key, job in file.jobs.items():
        if re.search(r"github[._]token", str(job).lower()) and (file.name, key) not in TOKENS:
            yield f"{key}: holds the run's token"
    if "token" in str(file.content.get("env", "")).lower():
        yield "every job holds the run's token"
