"""pytest-benchmark's files of a run that was spread over GPUs: one of all of them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kernelproof.files.atomic_write import write_whole
from kernelproof.plan.repository import shown_path


def merge(parts: Sequence[Path], file: Path) -> None:
    """Writes the benchmarks of all parts into `file`, and takes the parts away.

    What surrounds them is the first part's: all are of one host, commit and minute. A part that is
    not there had nothing to time, or is of a process that died, as is one that is not whole.
    """
    whole: dict[str, Any] = {}
    for part in parts:
        try:
            content = json.loads(part.read_bytes())
            benchmarks = [*whole.get("benchmarks", []), *content["benchmarks"]]
        except FileNotFoundError:
            continue
        except (OSError, ValueError, KeyError, TypeError):
            print(
                f"{shown_path(part)}: found half a file, expected the samples of a share; left out"
            )
        else:
            whole = {**content, **whole, "benchmarks": benchmarks}
        part.unlink(missing_ok=True)
    if whole:
        write_whole(file, json.dumps(whole, indent=4) + "\n")
        print(f"samples, for pytest-benchmark compare: {shown_path(file)}")
    else:
        file.unlink(missing_ok=True)
