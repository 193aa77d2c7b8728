"""The check form: whether the outputs of a kernel are those that its `SPEC` announces."""
