"""A file's content, no more of it than its reader takes, whatever stands in the file's place."""

import errno
import os
import stat
from pathlib import Path

# Fields of an object, about; a kernel's whole mutants have 59,000 values and fields.
_FIELDS, _MOST_VALUES = 8, 150_000


def read(file: Path, most: int) -> bytes:
    """The bytes of a file, of a longer one `most` + 1; OSError for what is no file.

    A pipe is not waited for, and a device, which may have no end, is not read.
    """
    with open(file, "rb", opener=_open) as stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(file))
        return stream.read(most + 1)


def excess(content: bytes, most: int) -> str:
    """What a JSON file's content has too much of: ``over 1,048,576 bytes``, or nothing.

    pydantic keeps every fault that it finds, a value or an object's field each: the 650,000 of a
    file of 200 kB took 1.3 s and 600 MB.
    """
    if len(content) > most:
        return f"over {most:,} bytes"
    # Each value but the outermost stands behind one of these.
    values = sum(map(content.count, (b",", b"[", b"{"))) + _FIELDS * content.count(b"{")
    return f"over {_MOST_VALUES:,} values and fields" if values > _MOST_VALUES else ""


def _open(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)
