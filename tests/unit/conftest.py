"""What every test needs before it imports a kernel: the interpreter, and the way to the sources."""

import os

from kernelproof.plan.repository import python_path

# Triton reads it as a kernel is decorated; on a GPU, TRITON_INTERPRET=0 compiles kernels instead.
os.environ.setdefault("TRITON_INTERPRET", "1")
# Processes that a test starts import the same sources as this one.
os.environ["PYTHONPATH"] = python_path()
