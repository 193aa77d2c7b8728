"""The folders of the repository whose kernels are proved."""

import os
from pathlib import Path

ROOT = Path(__file__).parents[3]
# The requirements of each toolchain, `<name>.txt`.
TOOLCHAINS = Path(__file__).parents[1] / "machine" / "toolchains"


def python_path(root: Path = ROOT) -> str:
    """Returns the PYTHONPATH under which a child imports `kernelproof` and the kernels of `root`."""
    return os.pathsep.join(str(folder) for folder in (root / "pipeline", root / "kernels", root))
