"""A run of kernels' mutants on one row: by the cases of parity that ``matrix.yaml`` names."""

import argparse
import os
from collections.abc import Iterator, Sequence

from kernelproof.errors import Exit, UsageError, UserError, did_you_mean
from kernelproof.plan import cases, matrix
from kernelproof.plan.repository import ROOT
from kernelproof.plan.schema import Matrix, Row
from kernelproof.selftest.mutation.kernel_coverage import is_reached
from kernelproof.selftest.mutation.mutant import Mutant
from kernelproof.selftest.mutation.mutant_messages import MutantAnswer, MutantRequest
from kernelproof.selftest.mutation.mutant_plan import chosen, plan_kernel
from kernelproof.selftest.mutation.mutant_pool import MutantPool
from kernelproof.selftest.mutation.mutant_status import MutantVerdict, judge, left_alive

_GB_A_WORKER = 20  # twice the far rows of parity in fp32, and what a process takes by itself
_TIMES_TRACED = 10  # how many times as long the unmutated kernel may take while it is traced


class RedKernelError(UserError):
    """A kernel whose cases fail without a fault, and would kill every mutant."""

    exit = Exit.BLOCKED


class KernelRun:
    """The mutants of kernels on a row; first the unmutated kernels run, then what they reach."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.matrix = matrix.load(ROOT / "matrix.yaml")
        self.row, self.is_quick = options.row or "cpu", options.quick
        kernels = _kernels(self.matrix, options.kernel)
        mutants = [mutant for kernel in kernels for mutant in plan_kernel(kernel, ROOT)]
        mutants = chosen(mutants, "mutant", options.mutant)
        if self.row not in self.matrix.rows:
            known = list(self.matrix.rows)
            message = f"--row: found {self.row!r}, expected one of {', '.join(known)}"
            raise UsageError(f"{message}; {did_you_mean(self.row, known)}")
        self.backend = self.matrix.rows[self.row].backend
        if options.own:
            mutants = [mutant for mutant in mutants if mutant.backend == self.backend]
            if not mutants:
                raise UsageError(f"--own: found no mutant that only {self.row} runs; leave it out")
        self.mutants = mutants
        self.workers = options.workers or _workers(self.matrix.rows[self.row])
        self.case_seconds: dict[str, float] = {}
        self._reached: dict[str, MutantAnswer] = {}

    def verdicts(self) -> list[MutantVerdict]:
        """Runs the kernels, then the mutants that the quick cases reach; prints what blocks."""
        row = self.matrix.rows[self.row]
        with MutantPool(name=self.row, row=row, workers=self.workers, root=ROOT) as pool:
            # The unmutated kernels have to pass, and show what the cases reach.
            for kernel in dict.fromkeys(mutant.kernel for mutant in self.mutants):
                self._run_unmutated(pool, kernel)
            reached = {mutant.id: mutant for mutant in self.mutants if self._is_reached(mutant)}
            counts = f"{len(reached)} of {len(self.mutants)} mutants"
            print(f"{counts} are reached by the quick cases", flush=True)

            # Only mutants that a case reaches can be killed.
            requests = [self._request(mutant) for mutant in reached.values()]
            answers = pool.ask_all(
                requests, lambda answer: self._judge(reached[answer.id], answer).status
            )
        return [self._judge(mutant, answers.get(mutant.id)) for mutant in self.mutants]

    def gaps(self, verdicts: Sequence[MutantVerdict]) -> Iterator[str]:
        """Yields a line for each kernel of whose killed mutants the cases of --quick leave some."""
        for kernel in dict.fromkeys(mutant.kernel for mutant in self.mutants):
            quick = {case.id for case in self._cases(kernel, is_quick=True)}
            own = [verdict for verdict in verdicts if verdict.mutant.kernel == kernel]
            if alive := left_alive(own, quick):
                yield (
                    f"matrix.yaml: kernels.{kernel}.mutants.enough: found cases that leave "
                    f"{len(alive)} of the killed alive, {alive[0]} among them; expected none: "
                    "name those that are enough"
                )

    def _cases(self, kernel: str, *, is_quick: bool) -> tuple[cases.Case, ...]:
        return cases.mutant_cases(self.matrix, kernel, self.row, is_quick=is_quick)

    def _judge(self, mutant: Mutant, answer: MutantAnswer | None) -> MutantVerdict:
        outcomes, backend = answer.outcomes if answer else (), self.backend
        return judge(mutant, outcomes, backend=backend, is_reached=answer is not None)

    def _run_unmutated(self, pool: MutantPool, kernel: str) -> None:
        """Runs a kernel's cases without a fault, and keeps what they reach of it."""
        request = self._request_of(kernel)
        limit = request.seconds * _TIMES_TRACED
        answer = pool.ask(request.model_copy(update={"is_traced": True, "seconds": limit}))
        for outcome in answer.outcomes:
            if outcome.outcome != "pass":
                message = (
                    f"mutants: found {outcome.case or kernel} to be red without any: "
                    f"{outcome.reason}; expected a pass; mend it first: nox -s parity"
                )
                raise RedKernelError(message)
            self.case_seconds[outcome.case] = outcome.seconds
        self._reached[kernel] = answer

    def _request(self, mutant: Mutant) -> MutantRequest:
        fields = {"id": mutant.id, "file": mutant.file, "text": mutant.text}
        return self._request_of(mutant.kernel).model_copy(
            update={**fields, "is_brief": self.is_quick}
        )

    def _request_of(self, kernel: str) -> MutantRequest:
        """Returns the request for a kernel without a mutant."""
        settings = self.matrix.kernels[kernel].mutants
        names = [case.id for case in self._cases(kernel, is_quick=self.is_quick)]
        if not settings or not names:
            raise UsageError(f"mutants: found no case of {kernel} on {self.row}, expected some")
        return MutantRequest(id="", kernel=kernel, cases=names, seconds=settings.seconds_per_mutant)

    def _is_reached(self, mutant: Mutant) -> bool:
        """Returns whether the row runs a mutant's code; a GPU's jitted functions leave no trace."""
        if self.backend != "interpreter" and mutant.is_jitted:
            return mutant.backend in {None, self.backend}
        return is_reached(mutant, self._reached[mutant.kernel].reached)


def _workers(row: Row) -> int:
    """Returns one worker a core; on a GPU no more than fit into its memory with far rows."""
    cores = os.cpu_count() or 1
    return min(cores, max(1, row.memory_gb // _GB_A_WORKER)) if row.is_compiled else cores


def _kernels(plan: Matrix, names: Sequence[str]) -> list[str]:
    """Returns the kernels of these names, or all with mutants; raises UsageError for others."""
    known = [name for name, kernel in plan.kernels.items() if kernel.mutants]
    for name in names:
        if name not in known:
            mend = did_you_mean(name, known) or f"known: {', '.join(known)}"
            raise UsageError(f"--kernel: found {name!r}, expected one with mutants; {mend}")
    return [name for name in known if not names or name in names]
