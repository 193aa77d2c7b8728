"""Bounded reading of a file from outside, whatever stands in the file's place."""

import errno
import os
import stat
from pathlib import Path

# The fields that an object is counted for, each of which it may lack. A kernel's full run of
# mutants, the largest file of the project, has 59,000 values and fields.
_FIELDS_OF_OBJECT, _MOST_VALUES = 8, 150_000


def read_bounded(file: Path, most_bytes: int) -> bytes:
    """Returns at most `most_bytes` + 1 bytes of a file, so that a longer file can be told.

    Raises OSError if it is no regular file. A pipe is not waited for, and a device, which may have
    no end, is not read.
    """
    with open(file, "rb", opener=_open) as stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(file))
        return stream.read(most_bytes + 1)


def excess_of(content: bytes, most_bytes: int) -> str:
    """Returns the limit that JSON `content` exceeds, ``over 1,048,576 bytes``, or an empty string.

    Values are counted, too, because pydantic keeps a fault for each value and each missing field:
    the 650,000 faults of a file of 200 kB took 1.3 s and 600 MB.
    """
    if len(content) > most_bytes:
        return f"over {most_bytes:,} bytes"
    # Each value but the outermost stands behind one of these.
    values = sum(map(content.count, (b",", b"[", b"{"))) + _FIELDS_OF_OBJECT * content.count(b"{")
    return f"over {_MOST_VALUES:,} values and fields" if values > _MOST_VALUES else ""


def _open(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)
