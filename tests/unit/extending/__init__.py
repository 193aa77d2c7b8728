"""What `test_extending.py` adds to a copy of the tree, and the copy itself."""
