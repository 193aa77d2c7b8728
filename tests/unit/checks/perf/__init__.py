"""Tests of `kernelproof.checks.perf`."""
