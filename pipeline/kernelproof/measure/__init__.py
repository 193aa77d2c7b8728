"""Measurement: launches kernels with torch and Triton, watches them and compares their outputs."""
