"""pytest-benchmark's file of a run over several GPUs, merged from a file for each share."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kernelproof.files.atomic_write import write_whole
from kernelproof.plan.repository import shown_path


def merge(parts: Sequence[Path], file: Path) -> None:
    """Writes the benchmarks of all parts into `file`, and removes the parts.

    All parts are of one host, commit and minute, so everything but the benchmarks is the first
    part's. A part is absent if it had nothing to time, or if its process died; a process that died
    may also leave half a part.
    """
    merged: dict[str, Any] = {}
    for part in parts:
        try:
            content = json.loads(part.read_bytes())
            benchmarks = [*merged.get("benchmarks", []), *content["benchmarks"]]
        except FileNotFoundError:
            continue
        except (OSError, ValueError, KeyError, TypeError):
            print(f"{shown_path(part)}: found half a file, expected a share's samples; left out")
        else:
            merged = {**content, **merged, "benchmarks": benchmarks}
        part.unlink(missing_ok=True)
    if merged:
        write_whole(file, json.dumps(merged, indent=4) + "\n")
        print(f"samples, for pytest-benchmark compare: {shown_path(file)}")
    else:
        file.unlink(missing_ok=True)
