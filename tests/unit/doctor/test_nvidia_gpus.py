"""Facts of NVIDIA's GPUs, from a stand-in for NVML."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pynvml
import pytest

from kernelproof.doctor import nvidia_gpus
from kernelproof.doctor.facts import GpuFacts
from tests.unit.doctor.doctored import GPU


def _refuse(*_: object) -> None:
    raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """NVML, whose second GPU is that of `doctored` except for the changed answers."""

    def set_up(**changes: Callable[..., Any]) -> None:
        clocks = {pynvml.NVML_CLOCK_SM: 345, pynvml.NVML_CLOCK_MEM: 3201}
        most = {pynvml.NVML_CLOCK_SM: 1980, pynvml.NVML_CLOCK_MEM: 3201}
        answers: dict[str, Callable[..., Any]] = {
            "Init": lambda: None,
            "Shutdown": lambda: None,
            "SystemGetDriverVersion": lambda: "580.159.04",
            "DeviceGetHandleByIndex": {1: "gpu"}.__getitem__,
            "DeviceGetUUID": lambda _: "GPU-12ab",
            "DeviceGetName": lambda _: "NVIDIA H200",
            "DeviceGetClockInfo": lambda _, kind: clocks[kind],
            "DeviceGetMaxClockInfo": lambda _, kind: most[kind],
            "DeviceGetApplicationsClock": lambda _, kind: most[kind],
            "DeviceGetPersistenceMode": lambda _: 1,
            "DeviceGetEnforcedPowerLimit": lambda _: 700_000,
            "DeviceGetPowerManagementDefaultLimit": lambda _: 700_000,
            "DeviceGetCurrentClocksThrottleReasons": lambda _: 1,  # idle
            "DeviceGetTemperature": lambda *_: 34,
            "DeviceGetTemperatureThreshold": lambda *_: 87,
            "DeviceGetEccMode": lambda _: [1, 1],
            "DeviceGetTotalEccErrors": lambda *_: 0,
            "DeviceGetRemappedRows": lambda _: (2, 0, 0, 0),
            "DeviceGetMemoryInfo": lambda _: SimpleNamespace(total=150.7e9, free=150e9),
            "DeviceGetComputeRunningProcesses": lambda _: [],
        }
        for name, answer in (answers | changes).items():
            monkeypatch.setattr(f"pynvml.nvml{name}", answer)

    return set_up


def test_a_gpu(driver: Callable[..., None]) -> None:
    """All its facts, and its UUID in torch's form."""
    driver()
    assert nvidia_gpus.read([1]) == [GPU]
    assert nvidia_gpus.uuid_of(1) == "12ab"
    assert nvidia_gpus.complaint() == ""


def test_answers_become_facts(driver: Callable[..., None]) -> None:
    """Bits become words, processes their ids in order, and numbers booleans."""
    users = [SimpleNamespace(pid=pid) for pid in (9, 3)]
    answers: tuple[tuple[str, object, str, object], ...] = (
        ("CurrentClocksThrottleReasons", 0x4 | 0x20 | 0x1, "held_back_by", ("power limit", "heat")),
        ("ComputeRunningProcesses", users, "processes", (3, 9)),
        ("RemappedRows", (0, 0, 1, 0), "is_repair_pending", True),
        ("RemappedRows", (0, 0, 0, 1), "is_repair_pending", True),
        ("EccMode", [0, 1], "is_ecc", False),
        ("PersistenceMode", 0, "is_persistent", False),
        ("TotalEccErrors", 4, "uncorrected_errors", 4),
    )
    for question, answer, fact, value in answers:
        driver(**{f"DeviceGet{question}": lambda *_, answer=answer: answer})
        assert getattr(nvidia_gpus.read([1])[0], fact) == value, question


def test_a_refused_answer_is_none(driver: Callable[..., None]) -> None:
    """The GPU is still there if the driver refuses every question about it.

    Without a driver the complaint is NVML's own error message.
    """
    questions = [name for name in dir(pynvml) if name.startswith("nvmlDeviceGet")]
    refused = {name[4:]: _refuse for name in questions if "Handle" not in name}
    driver(**refused, SystemGetDriverVersion=_refuse)
    assert nvidia_gpus.read([1]) == [GpuFacts(number=1)]
    driver(Init=_refuse)
    assert nvidia_gpus.complaint() == "NVML says not supported"
