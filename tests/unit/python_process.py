"""Scripts in a Python process of their own, for what this one's imports or settings would hide."""

import os
import subprocess
import sys

from kernelproof.plan.repository import ROOT


def lines_of(script: str, **environment: str) -> list[str]:
    """Returns the lines that a script prints, which has to end with 0.

    It runs in the repository, in this environment with some variables changed.
    """
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()
