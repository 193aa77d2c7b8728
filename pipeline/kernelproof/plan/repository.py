"""The paths of the repository whose kernels are proved."""

import os
from pathlib import Path


def _root() -> Path:
    """Returns the folder of the source tree, or, if the package is installed, of matrix.yaml.

    The latter is the working directory or the nearest folder above it.
    """
    source = Path(__file__).parents[2]
    if source.name == "pipeline":
        return source.parent
    folders = (Path.cwd(), *Path.cwd().parents)
    return next((folder for folder in folders if (folder / "matrix.yaml").is_file()), folders[0])


ROOT = _root()
# The requirements of each toolchain, `<name>.txt`.
TOOLCHAINS = Path(__file__).parents[1] / "machine" / "toolchains"


def python_path(root: Path = ROOT) -> str:
    """Returns the PYTHONPATH of a child process that imports `kernelproof` and kernels of `root`.

    Folders that this process was given come after them.
    """
    own = [str(folder) for folder in (root / "pipeline", root / "kernels", root)]
    given = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    return os.pathsep.join([*own, *(folder for folder in given if folder and folder not in own)])


def shown_path(file: Path) -> str:
    """Returns the name of a file in messages: relative to the repository if it is inside."""
    return str(file.relative_to(ROOT)) if file.is_relative_to(ROOT) else str(file)
