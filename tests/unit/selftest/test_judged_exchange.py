"""Code that is exchanged in a loaded module: functions alone, wherever they are defined."""

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from kernelproof.selftest.verdict_mutation.code_exchange import exchange

SOURCE = '''\
"""A module."""

from functools import cache, cached_property

LIMIT = 3


class Finding:
    """A finding."""

    kind = "finding"

    @property
    def word(self):
        return f"{self.kind} 1"

    @staticmethod
    def least(values):
        return min(value for value in values if value > 1)

    @cached_property
    def kept(self):
        return 1


@cache
def limit(of=2):
    return LIMIT + 1


def is_one(value):
    return value is True
'''


def _loaded() -> ModuleType:
    module = ModuleType("loaded")
    module.__file__ = "loaded.py"
    exec(compile(SOURCE, "loaded.py", "exec"), vars(module))  # noqa: S102  (the text above)
    return module


def _exchanged(old: str, new: str) -> tuple[bool, Any]:
    """Whether it was done, and the module, of which an instance was made before."""
    assert SOURCE.count(old) == 1
    module = _loaded()
    module.one = module.Finding()  # type: ignore[attr-defined]
    return exchange(module, SOURCE, SOURCE.replace(old, new)), module


def test_a_function_has_its_other_code_at_once() -> None:
    """A plain one, a property, a static method, what is within it; below a cache as well."""
    assert _exchanged("value is True", "value is None")[1].is_one(None)
    assert _exchanged('kind} 1"', 'kind} 2"')[1].one.word == "finding 2"
    assert _exchanged("value > 1", "value > 2")[1].Finding.least([2, 3]) == 3
    assert _exchanged("LIMIT + 1", "LIMIT + 2")[1].limit() == 5
    assert _exchanged("        return 1\n", "        return 2\n")[1].one.kept == 2


def test_one_is_not_true() -> None:
    """Constants that are equal are not the same."""
    is_done, module = _exchanged("value is True", "value == 1")
    assert (is_done, module.is_one(1)) == (True, True)
    assert _exchanged("        return 1\n", "        return True\n")[1].one.kept is True


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("LIMIT = 3", "LIMIT = 4"),
        ('kind = "finding"', 'kind = "other"'),
        ("of=2", "of=3"),
        ("@cache\n", ""),
        ("def is_one", "def is_two"),
    ],
    ids=["a module's", "a class's", "a default", "a decorator", "a name"],
)
def test_what_an_import_runs_is_not_exchanged(old: str, new: str) -> None:
    """It is left as it was, and said."""
    is_done, module = _exchanged(old, new)
    assert not is_done
    assert (module.LIMIT, module.Finding.kind, module.limit(), module.is_one(1)) == (
        3,
        "finding",
        4,
        False,
    )


def test_a_function_that_is_another_by_now_is_not_exchanged() -> None:
    """As where something stands in its place."""
    module = _loaded()
    module.is_one = module.limit  # type: ignore[attr-defined]
    after = SOURCE.replace("value is True", "value is None")
    assert not exchange(module, SOURCE, after)


def test_the_text_is_that_of_a_file_of_the_project() -> None:
    """With all that it may hold."""
    import kernelproof.records.record_files as module  # noqa: PLC0415  (a module of its own, not a copy)

    text = Path(str(module.__file__)).read_text(encoding="utf-8")
    assert exchange(module, text, text)
