"""Imports of a kernel's proof: the `SPEC` of `kernels/<name>/proof`."""

import importlib

from kernelproof.spec import Spec


def spec_of(kernel: str) -> Spec:
    """Returns the `SPEC` of a kernel, imported from the first folder of kernels on the path."""
    spec: Spec = importlib.import_module(f"{kernel}.proof").SPEC
    return spec
