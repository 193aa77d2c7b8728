"""The validity of a record: it is of this source, and of the machine that its row names."""

from pathlib import Path

from kernelproof.machine.revision import Revision
from kernelproof.plan.cases import Planned
from kernelproof.records import record_files
from kernelproof.records.record_files import HalfWrittenError, Record


def is_recorded(planned: Planned, folder: Path, source: Revision) -> bool:
    """Returns True if `folder` holds a whole record of the case that is of `source`."""
    try:
        record = record_files.read(folder, planned)
    except HalfWrittenError:
        return False
    return record is not None and not refusal(record, planned, source)


def refusal(record: Record, planned: Planned, source: Revision) -> str:
    """Returns why a record says nothing about this source and row, or an empty string."""
    if (device := record.device) != planned.device:
        return f"its result is of {device}, expected {planned.device}: run it on that machine"
    if record.commit != source.commit:
        return f"its result is of commit {record.commit[:12]}, expected {source.commit[:12]}"
    if record.tree != source.tree:
        return "its result is of other files than these, at the same commit: run it again"
    return ""
