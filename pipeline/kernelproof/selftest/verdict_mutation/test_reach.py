"""The tests that a mutant is run against: those that run the statement that it changes."""

import ast
from collections.abc import Sequence
from functools import cached_property

from kernelproof.selftest.mutation.mutant import Mutant
from kernelproof.selftest.verdict_mutation.test_coverage import Measured


class Reach:
    """Of one file, the tests of each of its mutants, the quickest first."""

    def __init__(self, file: str, source: str, found: Measured) -> None:
        self.seconds = found.seconds
        self.of = found.files[file]
        self.source = source

    def tests(self, mutant: Mutant) -> list[str]:
        """Of what runs when the file is imported, those of the tests' files that run any of it."""
        lines = self._lines(mutant)
        reaching = {test for line in lines for test in self.of.tests.get(line, ())}
        names = [self._names[test] for test in sorted(reaching or self._any)]
        return sorted(names, key=self.seconds.__getitem__)

    def _lines(self, mutant: Mutant) -> range:
        """Those of the innermost statement around a mutant; of one with a body, up to that."""
        line = mutant.place[0] if mutant.place else mutant.line
        within = [lines for lines in self._statements if line in lines]
        return min(within, key=len, default=range(line, line + 1))

    @cached_property
    def _statements(self) -> Sequence[range]:
        found = []
        for node in ast.walk(ast.parse(self.source)):
            if isinstance(node, ast.stmt):
                body = getattr(node, "body", None)
                last = body[0].lineno - 1 if body else node.end_lineno or node.lineno
                found.append(range(node.lineno, max(last, node.lineno) + 1))
        return found

    @cached_property
    def _names(self) -> list[str]:
        return list(self.seconds)

    @cached_property
    def _any(self) -> set[int]:
        reaching = {test for tests in self.of.tests.values() for test in tests}
        files = {_file(self._names[test]) for test in reaching}
        return {test for test, name in enumerate(self._names) if _file(name) in files}


def _file(test: str) -> str:
    return test.partition("::")[0]
