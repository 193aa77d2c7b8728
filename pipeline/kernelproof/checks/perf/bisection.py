"""The search for the first slower or dearer commit: ``perf-regress -- --bisect GOOD..BAD``.

Generated code comes first: a commit with the code of GOOD is good, and one with the code of BAD is
bad. Only other commits have to be judged: timed on a GPU row, counted on the cpu row.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from kernelproof.checks.perf.commit_comparison import (
    CompiledCode,
    code_hashes,
    commit_tree,
    compile_kernels,
)
from kernelproof.machine.worktree import subject_of

# Tells if a commit is worse than GOOD, from (good, commit, code of good, code of commit).
CommitJudge = Callable[[str, str, CompiledCode, CompiledCode], bool]


@dataclass(kw_only=True)
class Bisection:
    """A search among the commits after `good`, the oldest first and BAD last."""

    good: str
    commits: Sequence[str]
    compile: Callable[[str], CompiledCode]
    is_worse: CommitJudge
    say: Callable[[str], None]
    _codes: dict[str, CompiledCode] = field(default_factory=dict)

    def code(self, commit: str) -> CompiledCode:
        """Returns the code of a commit, which is compiled once."""
        if commit not in self._codes:
            self._codes[commit] = self.compile(commit)
        return self._codes[commit]

    def run(self) -> str | None:
        """Returns the first bad commit, None if the last is no worse than `good`."""
        if not self._is_bad(self.commits[-1]):
            return None
        last_good, first_bad = -1, len(self.commits) - 1
        while first_bad - last_good > 1:
            middle = (last_good + first_bad) // 2
            if self._is_bad(self.commits[middle]):
                first_bad = middle
            else:
                last_good = middle
        return self.commits[first_bad]

    def _is_bad(self, commit: str) -> bool:
        bad = self.commits[-1]
        hashes = code_hashes(self.code(commit))
        if hashes == code_hashes(self.code(self.good)):
            is_bad, how = False, f"the code of {self.good[:12]}"
        elif hashes == code_hashes(self.code(bad)) and commit != bad:
            is_bad, how = True, f"the code of {bad[:12]}"
        else:
            is_bad = self.is_worse(self.good, commit, self.code(self.good), self.code(commit))
            how = "judged"
        self.say(f"{'bad ' if is_bad else 'good'}  {subject_of(commit)} ({how})")
        return is_bad


def commit_compiler(
    kernels: Sequence[str], architectures: Sequence[str], *, workers: int
) -> Callable[[str], CompiledCode]:
    """Returns a function that compiles the kernels of a commit, in a worktree of its own."""

    def compile_at(commit: str) -> CompiledCode:
        with commit_tree(commit) as root:
            return compile_kernels(root, kernels, architectures, workers=workers)

    return compile_at
