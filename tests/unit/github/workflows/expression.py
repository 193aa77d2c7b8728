"""The expressions of workflows, as far as the project's files use them."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

_TOKEN = re.compile(r"\s*('(?:[^']|'')*'|\|\||&&|==|!=|\.\*|[!(),.]|[\w-]+)")
_EMBEDDED = re.compile(r"\$\{\{(.*?)\}\}")
Functions = Mapping[str, Callable[..., Any]]

PLAIN: Functions = {
    "format": lambda text, *values: text.format(*values),
    "fromjson": json.loads,
    "join": lambda values, between=",": between.join(map(str, values)),
}


def resolved(value: Any, contexts: Mapping[str, Any], functions: Functions = PLAIN) -> Any:
    """A value of a workflow with its expressions replaced, as text unless it is one alone."""
    if isinstance(value, dict):
        return {name: resolved(one, contexts, functions) for name, one in value.items()}
    if isinstance(value, list):
        return [resolved(one, contexts, functions) for one in value]
    if not isinstance(value, str):
        return value
    if whole := _EMBEDDED.fullmatch(value):
        return evaluate(whole[1], contexts, functions)
    return _EMBEDDED.sub(lambda match: shown(evaluate(match[1], contexts, functions)), value)


def shown(value: Any) -> str:
    """A value as text: nothing for null, true and false in small letters."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def evaluate(text: str, contexts: Mapping[str, Any], functions: Functions = PLAIN) -> Any:
    """The value of one expression; ValueError for what is none."""
    tokens, place = [], 0
    while text[place:].strip():
        match = _TOKEN.match(text, place)
        if match is None:
            raise ValueError(f"{text!r}: found {text[place:]!r}, expected a word or an operator")
        tokens.append(match[1])
        place = match.end()
    parser = _Parser(tokens, contexts, {**PLAIN, **functions})
    value = parser.either()
    if parser.tokens:
        raise ValueError(f"{text!r}: found {parser.tokens[0]!r}, expected its end")
    return value


class _Parser:
    def __init__(
        self, tokens: Sequence[str], contexts: Mapping[str, Any], functions: Functions
    ) -> None:
        self.tokens, self._contexts, self._functions = list(tokens), contexts, functions

    def _takes(self, token: str) -> bool:
        if self.tokens[:1] != [token]:
            return False
        del self.tokens[0]
        return True

    def either(self) -> Any:
        value = self._both()
        while self._takes("||"):
            other = self._both()
            value = value or other
        return value

    def _both(self) -> Any:
        value = self._equal()
        while self._takes("&&"):
            other = self._equal()
            value = value and other
        return value

    def _equal(self) -> Any:
        value = self._one()
        if self._takes("=="):
            return _comparable(value) == _comparable(self._one())
        if self._takes("!="):
            return _comparable(value) != _comparable(self._one())
        return value

    def _one(self) -> Any:
        if self._takes("!"):
            return not self._one()
        if self._takes("("):
            value = self.either()
            assert self._takes(")")
        elif self.tokens[0].startswith("'"):
            value = self.tokens.pop(0)[1:-1].replace("''", "'")
        elif self.tokens[1:2] == ["("]:
            value = self._call()
        else:
            value = self._contexts[self.tokens.pop(0)]
        return self._inner(value)

    def _inner(self, value: Any) -> Any:
        """What is below a value: ``.name``, or ``.*.name`` of each of a list."""
        while True:
            if self._takes("."):
                name = self.tokens.pop(0)
                value = value.get(name) if isinstance(value, Mapping) else None
            elif self._takes(".*"):
                assert self._takes(".")
                name = self.tokens.pop(0)
                value = [one[name] for one in value]
            else:
                return value

    def _call(self) -> Any:
        name = self.tokens.pop(0).lower()
        assert self._takes("(")
        values = []
        while not self._takes(")"):
            values.append(self.either())
            self._takes(",")
        return self._functions[name](*values)


def _comparable(value: Any) -> Any:
    """As GitHub compares: no letter is large, and null is the empty text."""
    return value.lower() if isinstance(value, str) else "" if value is None else value
