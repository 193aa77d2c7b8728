"""Tests of mutants, injected faults, sanitizers and fuzzing."""
