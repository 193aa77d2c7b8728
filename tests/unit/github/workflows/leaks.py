"""Holes to plant in the workflows, for the rules to find: actions, scripts, tokens, timeouts."""

from tests.unit.github.workflows.holes import Hole

CHECKOUT = "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1"
NO_CREDENTIALS = "          persist-credentials: false\n"

LEAKS = [
    Hole(
        "a checkout of somebody's commit",
        "ci.yml",
        NO_CREDENTIALS,
        f"{NO_CREDENTIALS}          ref: ${{{{ github.event.pull_request.head.sha }}}}\n",
        "ci.yml: lint: checkout with ref",
    ),
    Hole(
        "an action at a tag",
        "ci.yml",
        CHECKOUT,
        "actions/checkout@v7",
        "ci.yml: lint: actions/checkout@v7: not pinned",
    ),
    Hole(
        "an action at a short commit",
        "ci.yml",
        CHECKOUT,
        "actions/checkout@3d3c42e # v7.0.1",
        "ci.yml: lint: actions/checkout@3d3c42e: not pinned",
    ),
    Hole(
        "somebody's action",
        "ci.yml",
        CHECKOUT,
        f"someone/checkout@{'a' * 40} # v7.0.1",
        "ci.yml: lint: someone/checkout@",
    ),
    Hole(
        "an action without its version",
        "ci.yml",
        CHECKOUT,
        CHECKOUT.partition(" #")[0],
        "found no commit with its version",
    ),
    Hole(
        "credentials stay",
        "gpu.yml",
        NO_CREDENTIALS,
        "          persist-credentials: true\n",
        "gpu.yml: plan: checkout leaves credentials behind",
    ),
    Hole(
        "credentials stay by default",
        "gpu.yml",
        f"        with:\n{NO_CREDENTIALS}      - name: Set up",
        "      - name: Set up",
        "gpu.yml: plan: checkout leaves credentials behind",
    ),
    Hole(
        "an input pasted into a script",
        "gpu.yml",
        '--row="$ROW" --against="$AGAINST"',
        '--row="$ROW" --against="${{ inputs.against }}"',
        "gpu.yml: row: an expression stands in a script",
    ),
    Hole(
        "an event pasted into a script",
        "ci.yml",
        "run: nox -s lint",
        'run: echo "${{ github.event.pull_request.title }}"; nox -s lint',
        "ci.yml: lint: an expression stands in a script",
    ),
    Hole(
        "a branch's name that a stranger chose",
        "ci.yml",
        "run: nox -s lint",
        "run: nox -s lint\n        env:\n          BRANCH: ${{ github.head_ref }}",
        "ci.yml: github.head_ref: what the author",
    ),
    Hole(
        "a missing timeout",
        "ci.yml",
        "    timeout-minutes: 10\n",
        "",
        "ci.yml: lint: no timeout",
    ),
    Hole(
        "a timeout of a day",
        "ci.yml",
        "    timeout-minutes: 10\n",
        "    timeout-minutes: 1440\n",
        "ci.yml: lint: no timeout",
    ),
    Hole(
        "a secret",
        "ci.yml",
        "run: nox -s lint",
        "run: nox -s lint\n        env:\n          KEY: ${{ secrets.KEY }}",
        "ci.yml: secrets: found the word",
    ),
    Hole(
        "secrets handed on",
        "gpu.yml",
        "    with:\n      rows:",
        "    secrets: inherit\n    with:\n      rows:",
        "gpu.yml: secrets: found the word",
    ),
    Hole(
        "the run's token in a script",
        "ci.yml",
        "run: nox -s lint",
        "run: nox -s lint\n        env:\n          KEY: ${{ github.token }}",
        "ci.yml: lint: holds the run's token",
    ),
    Hole(
        "another shell",
        "ci.yml",
        "    shell: bash\n",
        "    shell: python\n",
        "ci.yml: scripts run in another shell than bash",
    ),
]
