"""Captures of Triton launches: proof that the kernel ran, and not a fallback in its place."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import triton
from triton.compiler import CompiledKernel
from triton.runtime.jit import JITFunction


@contextmanager
def count_launches(jitted: Sequence[Any]) -> Iterator[Counter[str]]:
    """Counts the launches of jitted functions by name, compiled or interpreted."""
    counts: Counter[str] = Counter()
    names = {function.__name__ for function in jitted}

    def count(metadata: Any) -> None:
        if (name := metadata.get()["name"]) in names:
            counts[name] += 1

    with ExitStack() as stack:
        if triton.knobs.runtime.interpret:
            for function in jitted:
                stack.enter_context(patch.object(function, "run", _counting(function, counts)))
        else:
            # Triton's own hook, because a compiled kernel can be launched without its function.
            triton.knobs.runtime.launch_enter_hook.add(count)
            stack.callback(triton.knobs.runtime.launch_enter_hook.remove, count)
        yield counts


def _counting(function: Any, counts: Counter[str]) -> Any:
    """Returns the `run` of an interpreted function, which then counts its calls."""
    run = function.run

    def counting_run(*arguments: Any, **settings: Any) -> Any:
        counts[function.__name__] += 1
        return run(*arguments, **settings)

    return counting_run


def capture_kernels(call: Callable[[], object]) -> list[CompiledKernel]:
    """Returns the compiled kernels that a call launches on a GPU, in order, each once."""
    run, item, kernels = JITFunction.run, CompiledKernel.__getitem__, []

    def capturing_run(function: Any, *arguments: Any, **settings: Any) -> Any:
        kernels.append(run(function, *arguments, **settings))
        return kernels[-1]

    def capturing_item(kernel: Any, grid: Any) -> Any:
        kernels.append(kernel)
        return item(kernel, grid)

    # A launcher may keep the compiled kernel that `run` returns, and launch that without `run`.
    with (
        patch.object(JITFunction, "run", capturing_run),
        patch.object(CompiledKernel, "__getitem__", capturing_item),
    ):
        call()
    return list({id(kernel): kernel for kernel in kernels}.values())
