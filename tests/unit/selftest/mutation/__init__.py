"""Tests of the mutation engine and of its two targets."""
