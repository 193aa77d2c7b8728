"""A fault of a file in the file's words: what was found, what was wanted, how to mend it."""

import re
from typing import Any

from pydantic import ValidationError

from kernelproof.errors import did_you_mean
from kernelproof.escape import plain_line
from kernelproof.files import yaml_document

_POWER = re.compile(r"([-+]?[0-9]+)(\.[0-9]*)?[eE]([-+]?)([0-9]{1,2})")
MOST_FAULTS = 1_000
_PLAIN = {
    "int_type": re.compile(r"[0-9]+"),
    "float_type": re.compile(r"[0-9]+(\.[0-9]+)?"),
    "date_type": re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}"),
}


def first_fault(error: ValidationError) -> str:
    """``seconds: input should be a valid number``: the first fault of a stored file, on one line.

    Where there are very many they are counted: to spell them out takes 10 us and 1 kB each.
    """
    if (count := error.error_count()) > MOST_FAULTS:
        return f"the file: {count:,} faults"
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(map(str, first["loc"])) or "the file"
    return f"{plain_line(place)}: {plain_line(first['msg'].lower())}"


def shown(value: Any, text: str) -> str:
    """What was found: a value, as `text` has it in the file."""
    if value is None:
        return "nothing"
    if isinstance(value, list | dict):
        kind = "list" if isinstance(value, list) else "mapping"
        return f"a {kind}" if value else f"an empty {kind}"
    kind = "text" if isinstance(value, str) else type(value).__name__
    return f"{kind} {yaml_document.quoted(text)}"


def wanted(detail: Any) -> str:
    """What pydantic asked for, as the end of "expected ..."."""
    message = re.sub(r"^\w+ should (be |have )?", "", detail["msg"])
    message = re.sub(r"a valid dictionary( or instance of \w+)?", "a mapping", message)
    message = re.sub(r" after validation, not .*", "", message)
    message = message.replace("match pattern", "text that matches")
    message = message.replace("greater than or equal to", "at least")
    message = message.replace("less than or equal to", "at most")
    return message.replace("a valid ", "a ").replace("a integer", "an integer")


def mend(detail: Any, text: str) -> str:
    """The likely correction of the text that is there."""
    wanted = detail["type"]
    if wanted in {"int_type", "float_type"} and (power := _POWER.fullmatch(text)):
        whole, fraction, sign, exponent = power.groups()
        number = f"{whole}{fraction or '.0'}e{sign or '+'}{exponent}"
        if wanted == "int_type":
            if not float(text).is_integer():
                return ""
            number = f"{float(text):.0f}"
        return f"write {number}: YAML reads {text!r} as text"
    if wanted in _PLAIN and _PLAIN[wanted].fullmatch(text):
        return "write it without quotes"
    if wanted == "list_type" and text:
        return f"write [{plain_line(text)}]"
    return did_you_mean(text, re.findall(r"'([^']+)'", detail["msg"]))
