"""The runner guide and its files: what they name exists, and what they forbid they do not do."""

import re
from typing import Any

import nox.registry
import yaml
from pydantic import TypeAdapter

import noxfile
from kernelproof.plan import matrix
from kernelproof.plan.repository import ROOT
from kernelproof.plan.value_types import Label

GITHUB = ROOT / ".github"
GUIDE = (GITHUB / "RUNNERS.md").read_text()
DOCKERFILE = (GITHUB / "runners" / "Dockerfile").read_text()
VALUES: dict[str, Any] = yaml.safe_load((GITHUB / "runners" / "arc-values.yaml").read_text())
POD = VALUES["template"]["spec"]
(RUNNER,) = POD["containers"]


def test_the_guide_names_what_exists() -> None:
    """The sessions, paths and links of the guide are there."""
    sessions = set(re.findall(r'nox -s "?([a-z-]+(?:\([a-z0-9]+\))?)', GUIDE))
    assert {"doctor", "parity(h200)", "parity(cpu)", "gate-card"} <= sessions
    assert noxfile.ROOT == ROOT
    assert sessions <= set(nox.registry.get())
    paths = re.findall(r"`((?:\.github|pipeline)/[\w./-]+)`", GUIDE)
    paths += [f".github/{link}" for link in re.findall(r"\]\(([\w.]+)\)", GUIDE)]
    assert len(paths) > 5
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_a_runner_has_the_labels_of_its_row() -> None:
    """A runner that lacks one of the labels would never be given a job; a scale set has one."""
    labels = re.findall(r"labels\[\]=([\w-]+)", GUIDE)
    assert labels == matrix.load().rows["h200"].runner
    name = VALUES["runnerScaleSetName"]
    assert TypeAdapter(Label).validate_python(name) == name
    assert f"runner: [{name}]" in GUIDE


def test_a_pod_has_one_gpu_and_few_rights() -> None:
    """No root, no privileges, no token of the cluster, no folder of the node, no written secret."""
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
    assert isinstance(VALUES["githubConfigSecret"], str)
    assert VALUES["githubConfigSecret"] in GUIDE


def test_the_image_is_pinned_and_of_a_toolchain_of_nvidia_rows() -> None:
    """Each base has a version; the toolchain's file is there; nox is the noxfile's."""
    version = re.search(r"^ARG RUNNER_VERSION=(\d+\.\d+\.\d+)$", DOCKERFILE, re.MULTILINE)
    assert version
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    tags = [base.replace("${RUNNER_VERSION}", version[1]).partition(":")[2] for base in bases]
    assert [tag for tag in tags if not re.match(r"\d+\.\d+", tag)] == []
    toolchain = re.search(r"^ARG TOOLCHAIN=(\w+)$", DOCKERFILE, re.MULTILINE)
    assert toolchain
    rows = matrix.load().rows.values()
    assert toolchain[1] in {row.toolchain for row in rows if row.backend == "cuda"}
    needed = re.search(r'nox\.needs_version = ">=([\d.]+)"', (ROOT / "noxfile.py").read_text())
    assert needed
    assert f"nox=={needed[1]}" in DOCKERFILE
    assert DOCKERFILE.rstrip().endswith("USER runner")
