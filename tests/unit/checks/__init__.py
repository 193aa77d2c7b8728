"""Tests of `kernelproof.checks`."""
