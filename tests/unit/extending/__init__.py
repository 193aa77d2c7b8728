"""The copy of the repository for tests, and the additions that `test_extending.py` makes to it."""
