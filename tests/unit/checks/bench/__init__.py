"""Tests of `kernelproof.checks.bench`."""
