"""Tests of `kernelproof.plan`."""
