"""Tests of `kernelproof.run`."""
