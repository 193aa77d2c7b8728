"""Parity: whether a kernel still gives the right bits; README.md lists the questions."""
