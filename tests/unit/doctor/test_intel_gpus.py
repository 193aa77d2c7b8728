"""Facts of Intel's GPUs, from output of xpu-smi as people recorded it of theirs.

Each recording is an excerpt with its source above it. Parts that are made up are said to be.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from kernelproof.doctor import intel_gpus
from kernelproof.doctor.facts import GpuFacts
from kernelproof.machine import hardware
from kernelproof.machine.hardware import Accelerator


@pytest.fixture
def xpu_smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """A machine without other GPUs, and a function that makes Intel's command print a text."""
    monkeypatch.setattr(hardware, "_nvidia", list)
    monkeypatch.setattr(hardware, "_KFD", tmp_path / "nodes")
    monkeypatch.setenv("PATH", str(tmp_path))

    def prints(text: str) -> None:
        command = tmp_path / "xpu-smi"
        command.write_text(f"#!/bin/sh\necho '{text}'\n")
        command.chmod(0o755)

    return prints


# https://github.com/intel/xpumanager/issues/127: an Arc Pro B60, xpu-smi of 2026-03. Its driver's
# runtime did not know the card's name yet.
RECORDED_1 = {
    "core_clock_rate_mhz": "2400",
    "device_id": 0,
    "device_name": "Intel(R) Graphics [0xe211]",
    "driver_version": "7B7A46009E666C4D10E1134",
    "memory_ecc_state": "disabled",
    "memory_free_size_byte": "25447600128",
    "memory_physical_size_byte": "25669140480",
    "pci_device_id": "0xe211",
}
# The names of xpu-smi 2, which prints 0 for free memory that it does not know: cmdDiscovery in
# https://github.com/intel/xpumanager, ial/cmn/cmd_discovery.cpp. The name is the one that torch
# reports, too: https://github.com/intel/torch-xpu-ops/issues/5258.
WRITTEN_2 = {
    "device_id": "0",
    "device_name": "Intel(R) Arc(TM) Pro B60 Graphics",
    "driver_version": "7B7A46009E666C4D10E1134",
    "memory_physical_size": "24480.00 MiB",
    "memory_physical_size_byte": "25669140480",
    "memory_free_size_byte": "0",
    "core_clock_rate": "2400 MHz",
}


# Made up: numbers that are numbers.
NUMBERS = {**RECORDED_1, "core_clock_rate_mhz": 2400, "memory_free_size_byte": 23000000000}


def test_a_b60(xpu_smi: Callable[[str], None]) -> None:
    """Either version of the command gives its facts."""
    facts = GpuFacts(number=0, driver="7B7A46009E666C4D10E1134", max_clock_mhz=2400)
    for answer, free in ((RECORDED_1, 25.447600128), (WRITTEN_2, None), (NUMBERS, 23.0)):
        xpu_smi(json.dumps(answer))
        name = str(answer["device_name"])
        expected = replace(facts, name=name, total_gb=25.66914048, free_gb=free)
        assert intel_gpus.read([0]) == [expected]


def test_an_answer_without_facts(xpu_smi: Callable[[str], None]) -> None:
    """An error, an answer without an entry, or no command at all: every fact is None."""
    answers = [intel_gpus.read([0])]
    for text in ("cannot load libze", "[]", "{}"):
        xpu_smi(text)
        answers.append(intel_gpus.read([0]))
    assert answers == [[GpuFacts(number=0)]] * 4


def test_lists_of_devices(xpu_smi: Callable[[str], None]) -> None:
    """A GPU with broken firmware has no name, but hides no other one.

    https://github.com/intel/xpumanager/issues/158, of 2.1.0. The command prints ``null`` without a
    GPU; other answers would be another program's.
    """
    name = str(WRITTEN_2["device_name"])
    broken = {"device_id": 0, "device_state": "survivability mode"}
    xpu_smi(json.dumps({"device_list": [broken, {"device_id": 1, "device_name": name}]}))
    expected = (Accelerator(backend="xpu"), Accelerator(backend="xpu", name=name))
    assert hardware.accelerators() == expected
    for answer in ({"device_list": None}, {"device_list": ["none"]}, ["none"]):
        xpu_smi(json.dumps(answer))
        assert hardware.accelerators() == ()
