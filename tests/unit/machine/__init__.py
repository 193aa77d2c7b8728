"""Tests of `kernelproof.machine`."""
