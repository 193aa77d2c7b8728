"""Tests of `kernelproof.records`."""
