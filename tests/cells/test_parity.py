"""Parity: the bits of each case."""

from kernelproof.checks.parity.ask import ask as test_parity

__all__ = ["test_parity"]
