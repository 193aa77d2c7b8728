"""The runner guide and its files: what they name exists, and what they forbid they do not do."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import TypeAdapter

from kernelproof.plan import matrix
from kernelproof.plan.repository import ROOT
from kernelproof.plan.value_types import Label
from tests.unit.extending.tree import Tree

GITHUB = ROOT / ".github"
GUIDE = (GITHUB / "RUNNERS.md").read_text()
DOCKERFILE = (GITHUB / "runners" / "Dockerfile").read_text()
VALUES: dict[str, Any] = yaml.safe_load((GITHUB / "runners" / "arc-values.yaml").read_text())
POD = VALUES["template"]["spec"]
(RUNNER,) = POD["containers"]


def test_sessions_that_it_names_exist(tmp_path: Path) -> None:
    """Each ``nox -s`` of the guide."""
    named = set(re.findall(r'nox -s "?([a-z-]+(?:\([a-z0-9]+\))?)', GUIDE))
    assert {"doctor", "parity(h200)", "parity(cpu)", "gate-card"} <= named
    assert named <= Tree.at(tmp_path).sessions().keys()


def test_files_that_it_names_exist() -> None:
    """Paths and links."""
    paths = re.findall(r"`((?:\.github|pipeline)/[\w./-]+)`", GUIDE)
    paths += [f".github/{link}" for link in re.findall(r"\]\(([\w.]+)\)", GUIDE)]
    assert len(paths) > 5
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_labels_are_those_of_the_row() -> None:
    """A runner that lacks one of them would never be given a job."""
    labels = re.findall(r"labels\[\]=([\w-]+)", GUIDE)
    assert labels == matrix.load().rows["h200"].runner


def test_the_scale_set_is_one_label_of_a_row() -> None:
    """Its name is what `runner:` takes, and the guide says so."""
    name = VALUES["runnerScaleSetName"]
    assert TypeAdapter(Label).validate_python(name) == name
    assert f"runner: [{name}]" in GUIDE


def test_a_pod_has_one_gpu_and_few_rights() -> None:
    """No root, no privileges, no token of the cluster, no folder of the node."""
    limits = RUNNER["resources"]["limits"]
    assert [count for name, count in limits.items() if "/" in name] == [1]
    assert RUNNER["securityContext"]["privileged"] is False
    assert RUNNER["securityContext"]["allowPrivilegeEscalation"] is False
    assert RUNNER["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert POD["securityContext"]["runAsNonRoot"] is True
    assert POD["automountServiceAccountToken"] is False
    assert [set(volume) - {"name"} for volume in POD["volumes"]] == [{"emptyDir"}]
    assert not {"hostNetwork", "hostPID", "hostIPC"} & POD.keys()
    assert VALUES["minRunners"] == 0


def test_no_secret_stands_in_the_values() -> None:
    """A secret of the cluster is named."""
    assert isinstance(VALUES["githubConfigSecret"], str)
    assert VALUES["githubConfigSecret"] in GUIDE


@pytest.mark.parametrize("base", re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE))
def test_bases_are_pinned(base: str) -> None:
    """By a tag that is a version."""
    version = re.search(r"^ARG RUNNER_VERSION=(\d+\.\d+\.\d+)$", DOCKERFILE, re.MULTILINE)
    assert version
    tag = base.replace("${RUNNER_VERSION}", version[1]).partition(":")[2]
    assert re.match(r"\d+\.\d+", tag)


def test_the_image_is_of_a_toolchain_of_nvidia_rows() -> None:
    """Its file is there, and its nox is the noxfile's."""
    toolchain = re.search(r"^ARG TOOLCHAIN=(\w+)$", DOCKERFILE, re.MULTILINE)
    assert toolchain
    rows = matrix.load().rows.values()
    assert toolchain[1] in {row.toolchain for row in rows if row.backend == "cuda"}
    wanted = re.search(r'nox\.needs_version = ">=([\d.]+)"', (ROOT / "noxfile.py").read_text())
    assert wanted
    assert f"nox=={wanted[1]}" in DOCKERFILE
    assert DOCKERFILE.rstrip().endswith("USER runner")
