"""The two packages that `pip install` makes of the tree: their contents, and their neighbours.

Pip builds and installs them for real, into an environment of their own. Torch, and the package
`kernels` of Hugging Face with its user `transformers`, are pip's installations, too, in the
environment of these tests; a path in a .pth file shows them, since torch alone takes minutes.
"""

import json
import os
import subprocess
import sys
import venv
from importlib.metadata import Distribution, distributions
from pathlib import Path

import pytest

from tests.unit.extending.tree import Tree
from tests.unit.test_layers import imports, is_light

# The packages that a module is imported from, where the distribution has another name.
DISTRIBUTIONS = {"yaml": "pyyaml", "pynvml": "nvidia-ml-py", "pydantic_core": "pydantic"}
# What the project's own sessions bring by themselves: `noxfile.py`, and the mutants of the judge.
BROUGHT = {"nox", "coverage"}
IMPORTED = """\
import json, kernels, kernelproof, gemma4_routing, torch, transformers.integrations.hub_kernels
from transformers.utils import is_kernels_available
ids = gemma4_routing.gemma4_routing(torch.tensor([[1.0, 3.0, 2.0]]), 2, torch.ones(3))[1]
modules = (kernels, kernelproof, gemma4_routing, torch)
print(json.dumps([is_kernels_available(), ids.tolist(), *(module.__file__ for module in modules)]))
"""


@pytest.fixture(scope="module")
def environment(shared_tree: Tree, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns an environment with both packages, which sees those of the tests' own Python."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=True)
    neighbours = [path for path in sys.path if path.endswith("-packages")]
    (_packages(folder) / "neighbours.pth").write_text("\n".join(neighbours))
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), "install"]
    options = ["--quiet", "--no-index", "--no-deps", "--no-build-isolation"]
    command = [*pip, *options, str(shared_tree.root), str(shared_tree.root / "kernels")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def _packages(environment: Path) -> Path:
    return next((environment / "lib").glob("python*/site-packages"))


@pytest.fixture(scope="module")
def installed(environment: Path) -> dict[str, Distribution]:
    """Returns what is installed in the environment itself, by name."""
    path = [str(_packages(environment))]
    return {distribution.name: distribution for distribution in distributions(path=path)}


def _files(distribution: Distribution) -> set[str]:
    """Returns the files of a package, without what describes the distribution."""
    files = {str(file) for file in distribution.files or ()}
    return {file for file in files if ".dist-info/" not in file and not file.endswith(".pyc")}


def test_the_package_holds_its_sources_and_data(
    shared_tree: Tree, installed: dict[str, Distribution]
) -> None:
    """All that a command reads is there, and `kernelproof` is the only name."""
    source = shared_tree.root / "pipeline"
    expected = {
        str(file.relative_to(source))
        for file in (source / "kernelproof").rglob("*")
        if file.is_file() and file.name != "README.md" and file.suffix != ".pyc"
    }
    assert _files(installed["kernelproof"]) == expected
    suffixes = {Path(file).suffix for file in expected}
    assert {".py", ".txt", ".yaml", ".json", ".html", ".js", ".css"} <= suffixes


def test_kernels_are_packages_without_their_proofs(installed: dict[str, Distribution]) -> None:
    """Each folder is a package by its own name; neither `kernels` nor a proof is among them."""
    files = _files(installed["kernelproof-kernels"])
    assert {file.partition("/")[0] for file in files} == {"gemma4_routing", "toy"}
    assert {"toy/__init__.py", "toy/kernel.py", "gemma4_routing/cuda/lanes.py"} < files
    assert [file for file in files if "proof" in file or not file.endswith(".py")] == []
    assert installed.keys() == {"kernelproof", "kernelproof-kernels"}


def test_what_is_imported_is_required(installed: dict[str, Distribution]) -> None:
    """Files that plan, judge or report import base requirements; the others those of `run`, too."""
    base: set[str] = set(BROUGHT)
    run: set[str] = set()
    for requirement in installed["kernelproof"].requires or ():
        name = requirement.partition(">")[0].partition(";")[0].strip()
        (run if "extra ==" in requirement else base).add(name)
    wrong = []
    for module, names in imports().items():
        allowed = base if is_light(module) else base | run
        for top in {name.partition(".")[0] for name in names}:
            is_ours = top in sys.stdlib_module_names or top == module.partition(".")[0]
            if module.startswith("kernelproof.") and not is_ours:
                distribution = DISTRIBUTIONS.get(top, top)
                wrong += [] if distribution in allowed else [f"{module} imports {top}"]
    assert wrong == []
    kernels = installed["kernelproof-kernels"].requires or []
    assert {requirement.partition(">")[0] for requirement in kernels} == {"torch", "triton"}


def test_other_packages_named_kernels_keep_working(environment: Path, shared_tree: Tree) -> None:
    """Hugging Face's `kernels`, torch and ours are imported, from the project's root as well.

    In a process, whose path has neither the tree nor what pytest adds.
    """
    done = _run(environment, shared_tree.root, "-c", IMPORTED)
    assert done.returncode == 0, done.stderr
    is_seen, ids, *files = json.loads(done.stdout)
    assert is_seen, "transformers does not see Hugging Face's kernels"
    assert ids == [[1, 2]]
    own = str(_packages(environment))
    assert [file.startswith(own) for file in files] == [False, True, True, False], files
    assert not files[0].startswith(str(shared_tree.root)), (
        "the folder of the kernels stands before it"
    )


def test_an_installed_package_judges(environment: Path, shared_tree: Tree, tmp_path: Path) -> None:
    """The report answers the plan of the matrix at or above the working directory."""
    case = "gemma4_routing-cpu-fp32-E8-K8-T1"
    command = ["-m", "kernelproof.report", "--case", case, "--results", str(tmp_path)]
    done = _run(environment, shared_tree.root / "kernels", *command)
    assert done.returncode == 1, done.stderr
    assert f"missing {case}" in done.stdout
    assert (tmp_path / "report.html").is_file()


def _run(environment: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [environment / "bin" / "python", *arguments],
        cwd=folder,
        env={**variables, "TRITON_INTERPRET": "1", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
