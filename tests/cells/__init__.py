"""The cells of this repository: one file a check, with one test function each."""
