"""Files that are replaced at once: a reader finds the old text or the new one, never a part."""

import os
from contextlib import suppress
from pathlib import Path

from kernelproof.errors import ResultsError, system_words


def write_whole(file: Path, text: str) -> None:
    """Replaces `file` by `text` in one step; raises ResultsError if the place is not writable.

    The text is written to a hidden draft beside the file, which is then renamed. A process that
    dies before the rename leaves the old file as it was.
    """
    draft = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(text, encoding="utf-8")
        draft.replace(file)
    except OSError as error:
        with suppress(OSError):
            draft.unlink()
        message = f"{file}: {system_words(error)}; expected a writable place"
        raise ResultsError(message) from None
