"""Imports of a kernel's proof."""

import importlib

from kernelproof.spec import Spec


def spec_of(kernel: str) -> Spec:
    """Returns the `SPEC` of a kernel, from ``<kernel>.proof`` in the first folder on the path."""
    spec: Spec = importlib.import_module(f"{kernel}.proof").SPEC
    return spec
