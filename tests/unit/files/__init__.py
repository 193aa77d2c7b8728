"""Tests of `kernelproof.files`."""
