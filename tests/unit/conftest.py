"""The environment of all tests and of the processes that they start, and what they share."""

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from kernelproof.plan.repository import python_path
from tests.unit.extending.tree import Tree

# Triton reads it as a kernel is decorated; on a GPU, TRITON_INTERPRET=0 compiles kernels instead.
os.environ.setdefault("TRITON_INTERPRET", "1")
# Processes that a test starts import the same sources as this one.
os.environ["PYTHONPATH"] = python_path()
# A worker of pytest-xdist is an ordinary process to the tests: pytest-benchmark measures in a run
# of pytest that a test starts, and signals, which execnet handles in its own way, do as elsewhere.
os.environ.pop("PYTEST_XDIST_WORKER", None)
if threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


@pytest.fixture(autouse=True)
def _handler_of_sigterm() -> Iterator[None]:
    """Restores the handler that a command sets which a test runs in this process."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture(scope="session")
def shared_tree(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """Returns a copy of the repository with the toy kernel, for all tests that do not change it.

    Their commands write into folders of their own: ``--results``.
    """
    tree = Tree.at(tmp_path_factory.mktemp("shared_tree"))
    tree.add_toy()
    return tree
