"""What stands for the commands of a runner: nox, narrowed to one case; gh; pip, which notes alone.

Each notes its words, in a line of the file that NOTES names. What a session of nox does is up to
SESSIONS: those named there run, on the row without a GPU and one case of it; all others end with 0,
or with the code that CODES gives them.
"""

import sys
from pathlib import Path

CASE = "gemma4_routing-cpu-fp32-E8-K8-T1"

_NOX = f"""#!{sys.executable}
import json
import os
import subprocess
import sys

words = sys.argv[1:]
with open(os.environ["NOTES"], "a") as notes:
    print("nox", *words, file=notes)
name = words[1].partition("(")[0]
if name not in os.environ["SESSIONS"].split():
    print(f"{{name}}: noted")
    sys.exit(json.loads(os.environ["CODES"]).get(name, 0))
narrowed = [*words, *([] if "--" in words else ["--"]), "--case={CASE}"]
command = [sys.executable, "-m", "nox", "--no-venv", *narrowed]
sys.exit(subprocess.run(command, env={{**os.environ, "NOX_SCRIPT_MODE": "none"}}).returncode)
"""

_GH = """#!/usr/bin/env bash
set -eu
echo "gh $*" >> "$NOTES"
case "$1 $2" in
    "run list") ls "$KEPT" ;;
    "run download") test -d "$KEPT/$3/$5" && mkdir -p "$7" && cp -r "$KEPT/$3/$5/." "$7" ;;
    "pr create") test -n "$GH_TOKEN" ;;
    *) exit 1 ;;
esac
"""

_PYTHON = f"""#!/usr/bin/env bash
if [[ "$1 $2" == "-m pip" ]]; then
    echo "pip ${{*:3}}" >> "$NOTES"
    exit 0
fi
exec "{sys.executable}" "$@"
"""


def write(folder: Path) -> None:
    """Puts the stand-ins into a folder, to be first on the path."""
    folder.mkdir(parents=True)
    for name, text in {"nox": _NOX, "gh": _GH, "python": _PYTHON}.items():
        command = folder / name
        command.write_text(text)
        command.chmod(0o755)
