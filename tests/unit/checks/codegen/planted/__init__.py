"""A kernel to plant changes in, and a SPEC of its one build: what generated code is tested on."""
