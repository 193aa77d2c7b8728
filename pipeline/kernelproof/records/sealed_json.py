"""Stored files that verdicts rest on: sealed when they are written, verified when they are read.

The seal is a digest of the content and lies in the file itself. It shows an edit by hand, a bad
merge or a lost line, none of which could be told from a change of the kernel otherwise. It keeps
nobody from sealing a file anew: that is what a blessing does.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic

from kernelproof.errors import BaselineError, system_words
from kernelproof.files.json_file import MalformedError, parse_model, read_json
from kernelproof.files.strict_model import Model
from kernelproof.plan.repository import shown_path


def digest_of(data: Any) -> str:
    """Returns the SHA-256 of JSON data, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class SealedFormat(Generic[Model]):
    """The format of one kind of stored file.

    A file holds the data of `model` and, under the key ``seal`` of its mapping `seal_in` (or of
    the whole file), their `digest`. `unpack` turns a file's data into the model's. Messages call
    the content `noun`; the command `remake` writes it anew.
    """

    model: type[Model]
    noun: str
    remake: str
    most_bytes: int
    seal_in: str = ""
    unpack: Callable[[Any], Any] = lambda data: data
    digest: Callable[[Any], str] = digest_of

    def read(self, file: Path) -> Model | None:
        """Returns the content of `file`, or None if there is no such file.

        Raises BaselineError if the file cannot be read, is too large, is not JSON of the model,
        repeats a key, or has a seal that does not fit its content.
        """
        try:
            data, seal = self._without_seal(read_json(file, self.most_bytes))
            data = self.unpack(data)
            content = parse_model(data, self.model)
        except FileNotFoundError:
            return None
        except OSError as error:
            problem = f"found {system_words(error)}, expected a readable file"
            raise self.refusal(file, problem) from None
        except MalformedError as error:
            raise self.refusal(file, f"{error}, expected {self.noun}") from None
        if seal is None:
            raise self.refusal(file, f"found no seal, expected {self.noun} with one")
        if seal != self.digest(data):
            problem = f"found a seal of other content, expected {self.noun} that nobody edited"
            raise self.refusal(file, problem)
        return content

    def seal(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the data of a file with the seal that fits them."""
        unsealed, _ = self._without_seal(data)
        seal = self.digest(self.unpack(unsealed))
        if not self.seal_in:
            return {**unsealed, "seal": seal}
        return {**unsealed, self.seal_in: {**unsealed[self.seal_in], "seal": seal}}

    def refusal(self, file: Path, problem: str) -> BaselineError:
        """Returns the error for a file with a problem, with two ways to mend it."""
        name = shown_path(file)
        mend = f"restore it: git checkout -- {name}, or make it anew: {self.remake}"
        return BaselineError(f"{name}: {problem}; {mend}")

    def _without_seal(self, data: Any) -> tuple[Any, Any]:
        """Returns the data of a file without their seal, and the seal, or None if it is missing."""
        holder = data.get(self.seal_in) if self.seal_in and isinstance(data, dict) else data
        if not isinstance(holder, dict):
            return data, None
        rest = {key: value for key, value in holder.items() if key != "seal"}
        return ({**data, self.seal_in: rest} if self.seal_in else rest), holder.get("seal")
