"""The first commit that made something slower or dearer: ``perf-regress -- --bisect GOOD..BAD``.

Generated code comes first: a commit whose code is that of GOOD is good, one whose code is that of
BAD is bad, and only what is neither has to be judged: timed on a GPU row, counted on the cpu row.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from kernelproof.checks.perf.commit_costs import Code, code_of, hashes, tree_of
from kernelproof.machine.worktree import subject_of

# Whether a commit is worse than GOOD: of two commits, and what each compiles to.
CommitJudge = Callable[[str, str, Code, Code], bool]


@dataclass(kw_only=True)
class Bisection:
    """Commits after `good`, the oldest first; the last is `bad`."""

    good: str
    commits: Sequence[str]
    compile: Callable[[str], Code]
    is_worse: CommitJudge
    told: Callable[[str], None]
    _codes: dict[str, Code] = field(default_factory=dict)

    def code(self, commit: str) -> Code:
        """What a commit compiles to, compiled once."""
        if commit not in self._codes:
            self._codes[commit] = self.compile(commit)
        return self._codes[commit]

    def run(self) -> str | None:
        """The first bad commit, None where the last is no worse than `good`."""
        if not self._is_bad(self.commits[-1]):
            return None
        low, high = -1, len(self.commits) - 1  # the last known good one, the first known bad one
        while high - low > 1:
            middle = (low + high) // 2
            if self._is_bad(self.commits[middle]):
                high = middle
            else:
                low = middle
        return self.commits[high]

    def _is_bad(self, commit: str) -> bool:
        code = self.code(commit)
        found, good = hashes(code), hashes(self.code(self.good))
        last = hashes(self.code(self.commits[-1]))
        if found == good:
            is_bad, how = False, f"the code of {self.good[:12]}"
        elif found == last and commit != self.commits[-1]:
            is_bad, how = True, f"the code of {self.commits[-1][:12]}"
        else:
            is_bad = self.is_worse(self.good, commit, self.code(self.good), code)
            how = "judged"
        self.told(f"{'bad ' if is_bad else 'good'}  {subject_of(commit)} ({how})")
        return is_bad


def compiled(
    kernels: Sequence[str], architectures: Sequence[str], *, workers: int
) -> Callable[[str], Code]:
    """Compiles a commit's kernels, in a worktree of it."""

    def compile_at(commit: str) -> Code:
        with tree_of(commit) as root:
            return code_of(root, kernels, architectures, workers=workers)

    return compile_at
