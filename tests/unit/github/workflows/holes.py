"""Holes to plant in the workflows, for the rules to find: triggers, machines, permissions."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Hole:
    """A change of one file, and what a rule has to say of it."""

    name: str
    file: str
    old: str
    new: str
    said: str


READS = "    permissions:\n      contents: read\n"
WORKFLOW_RUN = "  workflow_run:\n    workflows: [GPU]\n    types: [completed]\n"
RUNNER = "    runs-on: ${{ matrix.row.runner }}\n"
LINT = "    name: Lint\n    runs-on: ubuntu-24.04\n"
GUARD = "    if: github.ref == format('refs/heads/{0}', github.event.repository.default_branch)\n"
PROPOSED = f"    needs: [plan, measure]\n{GUARD}"
ROWS = "${{ fromJSON(needs.plan.outputs.rows) }}"

HOLES = [
    Hole(
        "a pull request starts the GPU rows",
        "gpu.yml",
        "on:\n",
        "on:\n  pull_request:\n",
        "gpu.yml: row: pull_request reaches",
    ),
    Hole(
        "a pull request starts what may write",
        "gpu.yml",
        "on:\n",
        "on:\n  pull_request:\n",
        "gpu.yml: pages: pull_request reaches a write token",
    ),
    Hole(
        "a pull request starts what is called",
        "gpu.yml",
        "on:\n",
        "on:\n  pull_request:\n",
        "pages.yml: publish: pull_request reaches a write token",
    ),
    Hole(
        "a pull request starts baselines",
        "baseline.yml",
        "on:\n",
        "on:\n  pull_request:\n",
        "baseline.yml: starts on more than reviewed code",
    ),
    Hole(
        "a pull request's target, with its checkout",
        "ci.yml",
        "  pull_request:\n",
        "  pull_request_target:\n",
        "ci.yml: pull_request_target: a trigger that is not allowed",
    ),
    Hole(
        "a run of anything starts the page",
        "pages.yml",
        "  workflow_call:\n",
        f"{WORKFLOW_RUN}  workflow_call:\n",
        "pages.yml: workflow_run: a trigger that is not allowed",
    ),
    Hole(
        "the page is of any branch",
        "pages.yml",
        f"    name: Build\n{GUARD}",
        "    name: Build\n",
        "pages.yml: build: runs on other branches than the default one",
    ),
    Hole(
        "an issue's comment starts it",
        "gpu.yml",
        "  merge_group:\n",
        "  issue_comment:\n",
        "gpu.yml: issue_comment: a trigger that is not allowed",
    ),
    Hole(
        "any branch starts the GPU rows",
        "gpu.yml",
        '    branches: [main, "gpu/**"]\n',
        '    branches: ["**"]\n',
        "gpu.yml: push: **: a branch that not only maintainers",
    ),
    Hole(
        "every push starts the GPU rows",
        "gpu.yml",
        '  push:\n    branches: [main, "gpu/**"]\n',
        "  push:\n",
        "gpu.yml: push: **: a branch that not only maintainers",
    ),
    Hole(
        "a write permission",
        "ci.yml",
        READS,
        "    permissions:\n      contents: write\n",
        "ci.yml: lint: may write contents",
    ),
    Hole(
        "a job without permissions of its own",
        "gpu.yml",
        READS,
        "",
        "gpu.yml: plan: may write everything",
    ),
    Hole(
        "all permissions",
        "gpu.yml",
        READS,
        "    permissions: write-all\n",
        "gpu.yml: plan: may write everything",
    ),
    Hole(
        "permissions for the whole",
        "gpu.yml",
        "\npermissions: {}\n",
        "\npermissions: read-all\n",
        "gpu.yml: permissions: found some for the whole workflow",
    ),
    Hole(
        "the one that may write may write more",
        "baseline.yml",
        "      pull-requests: write #",
        "      actions: write\n      pull-requests: write #",
        "baseline.yml: propose: may write actions",
    ),
    Hole(
        "the one that may write measures",
        "baseline.yml",
        f"{PROPOSED}    runs-on: ubuntu-24.04\n",
        f"{PROPOSED}    runs-on: [self-hosted, gpu]\n",
        "baseline.yml: propose: may write, and runs on a machine of one's own",
    ),
    Hole(
        "the one that may write does so for any branch",
        "baseline.yml",
        PROPOSED,
        "    needs: [plan, measure]\n",
        "baseline.yml: propose: may write, and runs on other branches",
    ),
    Hole(
        "the one that may write has no environment",
        "baseline.yml",
        "    environment: baselines\n",
        "",
        "baseline.yml: propose: may write outside the environment baselines",
    ),
    Hole(
        "baselines are measured for any branch",
        "baseline.yml",
        f"    needs: plan\n{GUARD}",
        "    needs: plan\n",
        "baseline.yml: measure: runs on other branches",
    ),
    Hole(
        "a self-hosted label",
        "ci.yml",
        LINT,
        "    name: Lint\n    runs-on: [self-hosted, gpu]\n",
        "ci.yml: lint: pull_request reaches gpu, self-hosted",
    ),
    Hole(
        "a self-hosted label through an expression",
        "ci.yml",
        LINT,
        "    name: Lint\n    runs-on: ${{ github.event_name == 'push' && 'gpu' || 'gpu' }}\n",
        "ci.yml: lint: a machine or a workflow that cannot be followed",
    ),
    Hole(
        "a self-hosted label through a matrix of one's own",
        "ci.yml",
        LINT,
        "    name: Lint\n    strategy:\n      matrix:\n        row: [{runner: gpu}]\n" + RUNNER,
        "ci.yml: lint: a machine or a workflow that cannot be followed",
    ),
    Hole(
        "rows that kernelproof.plan.schedule did not print",
        "gpu.yml",
        'rows="$(python -m kernelproof.plan.schedule',
        'rows="$(cat rows.json || python -m kernelproof.plan.schedule',
        "gpu.yml: row: a machine or a workflow that cannot be followed",
    ),
    Hole(
        "rows of another step",
        "gpu.yml",
        "rows: ${{ steps.plan.outputs.rows }}",
        "rows: ${{ inputs.row }}",
        "gpu.yml: row: a machine or a workflow that cannot be followed",
    ),
    Hole(
        "a second entry in the matrix",
        "gpu.yml",
        f"        row: {ROWS}\n",
        f"        row: {ROWS}\n        include: [{{row: {{runner: other}}}}]\n",
        "gpu.yml: row: a machine or a workflow that cannot be followed",
    ),
    Hole(
        "somebody's workflow",
        "gpu.yml",
        "$/.github/workflows/pages.yml",
        "someone/else/.github/workflows/pages.yml@main",
        "gpu.yml: pages: a machine or a workflow that cannot be followed",
    ),
    Hole(
        "a call from what pull requests start",
        "ci.yml",
        "  lint:\n" + LINT,
        "  call:\n    uses: $/.github/workflows/pages.yml\n  lint:\n" + LINT,
        "pages.yml: publish: pull_request reaches a write token",
    ),
]
