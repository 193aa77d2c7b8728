"""Tests of the project itself: any machine, no GPU."""
