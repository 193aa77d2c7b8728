"""The cells of the matrix: one file a check, one function each, parametrized by `case` alone."""
