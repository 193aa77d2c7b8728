"""A kernel with a SPEC of one build for each backend, in which tests plant changes."""
