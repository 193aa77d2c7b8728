"""Perf: the times of each case, as pytest-benchmark keeps them."""

from kernelproof.checks.perf.ask import ask as test_perf

__all__ = ["test_perf"]
