"""This machine: its row, its GPUs, its toolchains, and the revision of its source."""
