"""The exchange of code in loaded functions: functions alone, wherever they are defined."""

from pathlib import Path
from types import ModuleType
from typing import Any

from kernelproof.records import record_files
from kernelproof.selftest.mutation.code_exchange import exchange, loaded_functions

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
# Code of a module, a class, a default, a decorator, and a name: an import runs it.
IMPORTED = [
    ("LIMIT = 3", "LIMIT = 4"),
    ('kind = "finding"', 'kind = "other"'),
    ("of=2", "of=3"),
    ("@cache\n", ""),
    ("def is_one", "def is_two"),
]


def _loaded() -> Any:
    module = ModuleType("loaded")
    exec(compile(SOURCE, "loaded.py", "exec"), vars(module))  # noqa: S102  (the text above)
    return module


def _exchanged(old: str, new: str) -> tuple[bool, Any]:
    """Returns whether the code was exchanged, and the module, with an instance made before."""
    assert SOURCE.count(old) == 1
    module = _loaded()
    module.finding = module.Finding()
    return exchange("loaded", SOURCE, SOURCE.replace(old, new), loaded_functions()), module


def test_a_function_has_its_other_code_at_once() -> None:
    """Plain functions, properties, static methods, generators within, and functions in caches."""
    assert _exchanged("value is True", "value is None")[1].is_one(None)
    assert _exchanged('kind} 1"', 'kind} 2"')[1].finding.word == "finding 2"
    assert _exchanged("value > 1", "value > 2")[1].Finding.least([2, 3]) == 3
    assert _exchanged("LIMIT + 1", "LIMIT + 2")[1].limit() == 5
    assert _exchanged("        return 1\n", "        return 2\n")[1].finding.kept == 2
    is_done, module = _exchanged("value is True", "value == 1")  # equal constants: 1 is not True
    assert (is_done, module.is_one(1)) == (True, True)
    assert _exchanged("        return 1\n", "        return True\n")[1].finding.kept is True


def test_code_that_an_import_runs_is_not_exchanged() -> None:
    """The module is left as it was, and the result says so."""
    for old, new in IMPORTED:
        is_done, module = _exchanged(old, new)
        facts = (module.LIMIT, module.Finding.kind, module.limit(), module.is_one(1))
        assert (old, is_done, facts) == (old, False, (3, "finding", 4, False))


def test_a_function_that_is_not_loaded_is_not_exchanged() -> None:
    """Its module is loaded, but not it, or not with the code that it had before."""
    module = _loaded()
    after = SOURCE.replace("value is True", "value is None")
    assert not exchange("absent", SOURCE, after, loaded_functions())
    before = SOURCE.replace("value is True", "value is False")
    assert not exchange("loaded", before, after, loaded_functions())
    assert [module.is_one(value) for value in (True, None)] == [True, False]


def test_a_file_of_the_project_is_as_it_was_loaded() -> None:
    """Every function of a real module is found, with the same code."""
    text = Path(record_files.__file__).read_text(encoding="utf-8")
    assert exchange(record_files.__name__, text, text, loaded_functions())
