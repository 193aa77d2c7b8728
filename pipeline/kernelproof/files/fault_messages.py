"""Words for the faults that pydantic finds in a file: found, expected, likely correction."""

import re
from typing import Any

from pydantic import ValidationError

from kernelproof.errors import did_you_mean
from kernelproof.escape import plain_line
from kernelproof.files import yaml_document

MOST_FAULTS = 1_000
# Digits, fraction, sign of the exponent, exponent.
_POWER = re.compile(r"([-+]?[0-9]+)(\.[0-9]*)?[eE]([-+]?)([0-9]{1,2})")
# Texts that need no quotes to be of the type that pydantic expects.
_UNQUOTED = {
    "int_type": re.compile(r"[0-9]+"),
    "float_type": re.compile(r"[0-9]+(\.[0-9]+)?"),
    "date_type": re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}"),
}


def first_fault(error: ValidationError) -> str:
    """Returns the first fault on one line: ``seconds: input should be a valid number``.

    Returns their number if there are very many: to spell them out takes 10 us and 1 kB each.
    """
    if (count := error.error_count()) > MOST_FAULTS:
        return f"the file: {count:,} faults"
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(map(str, first["loc"])) or "the file"
    return f"{plain_line(place)}: {plain_line(first['msg'].lower())}"


def describe_found(value: Any, text: str) -> str:
    """Returns a description of a value, which stands in the file as `text`: ``int '7'``."""
    if value is None:
        return "nothing"
    if isinstance(value, list | dict):
        kind = "list" if isinstance(value, list) else "mapping"
        return f"a {kind}" if value else f"an empty {kind}"
    kind = "text" if isinstance(value, str) else type(value).__name__
    return f"{kind} {yaml_document.quoted(text)}"


def describe_expected(detail: Any) -> str:
    """Returns what pydantic expected, as the end of a sentence: ``a list``, ``at least 0``."""
    message = re.sub(r"^\w+ should (be |have )?", "", detail["msg"])
    message = re.sub(r"a valid dictionary( or instance of \w+)?", "a mapping", message)
    message = re.sub(r" after validation, not .*", "", message)
    message = message.replace("match pattern", "text that matches")
    message = message.replace("greater than or equal to", "at least")
    message = message.replace("less than or equal to", "at most")
    return message.replace("a valid ", "a ").replace("a integer", "an integer")


def likely_correction(detail: Any, text: str) -> str:
    """Returns the likely correction of `text`, or an empty string if there is none."""
    kind = detail["type"]
    # 1. A power of ten without a point or a sign, which YAML 1.1 reads as text.
    if kind in {"int_type", "float_type"} and (power := _POWER.fullmatch(text)):
        digits, fraction, sign, exponent = power.groups()
        number = f"{digits}{fraction or '.0'}e{sign or '+'}{exponent}"
        if kind == "int_type":
            if not float(text).is_integer():
                return ""
            number = f"{float(text):.0f}"
        return f"write {number}: YAML reads {text!r} as text"
    # 2. A number or a date in quotes.
    if kind in _UNQUOTED and _UNQUOTED[kind].fullmatch(text):
        return "write it without quotes"
    # 3. A single value in the place of a list.
    if kind == "list_type" and text:
        return f"write [{plain_line(text)}]"
    # 4. A misspelt word.
    return did_you_mean(text, re.findall(r"'([^']+)'", detail["msg"]))
