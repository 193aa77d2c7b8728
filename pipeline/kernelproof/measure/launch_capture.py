"""How often Triton kernels were launched: the proof that the kernel ran, and not a fallback."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import triton
from triton.compiler import CompiledKernel
from triton.runtime.jit import JITFunction


@contextmanager
def counted(jitted: Sequence[Any]) -> Iterator[Counter[str]]:
    """Counts the launches of jitted functions by name, compiled or interpreted."""
    counts: Counter[str] = Counter()
    names = {function.__name__ for function in jitted}

    def launched(metadata: Any) -> None:
        if (name := metadata.get()["name"]) in names:
            counts[name] += 1

    with ExitStack() as stack:
        if triton.knobs.runtime.interpret:
            for function in jitted:
                stack.enter_context(patch.object(function, "run", _counting(function, counts)))
        else:
            # Triton's own hook: a compiled kernel can be launched past its function.
            triton.knobs.runtime.launch_enter_hook.add(launched)
            stack.callback(triton.knobs.runtime.launch_enter_hook.remove, launched)
        yield counts


def _counting(function: Any, counts: Counter[str]) -> Any:
    run = function.run

    def counting_run(*arguments: Any, **settings: Any) -> Any:
        counts[function.__name__] += 1
        return run(*arguments, **settings)

    return counting_run


def compiled_by(call: Callable[[], object]) -> list[CompiledKernel]:
    """The compiled kernels that a call launches on a GPU, each once, in their order."""
    run, item, kernels = JITFunction.run, CompiledKernel.__getitem__, []

    def noted(function: Any, *arguments: Any, **settings: Any) -> Any:
        kernels.append(run(function, *arguments, **settings))
        return kernels[-1]

    def noted_item(kernel: Any, grid: Any) -> Any:
        kernels.append(kernel)
        return item(kernel, grid)

    # A launcher may keep what `run` gave, and launch that, past the function.
    with (
        patch.object(JITFunction, "run", noted),
        patch.object(CompiledKernel, "__getitem__", noted_item),
    ):
        call()
    return list({id(kernel): kernel for kernel in kernels}.values())
