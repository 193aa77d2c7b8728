"""Tests of `kernelproof.measure`."""
