"""Tests of `gemma4_routing`."""
