"""The checks of this repository: one file a check, one test function each."""
