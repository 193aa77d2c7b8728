"""Spreading over GPUs: which of a host's GPUs are the row, by which variable, and whose share."""

import argparse
from collections.abc import Callable

import pytest

from kernelproof.machine import gpus, hardware
from kernelproof.machine.gpus import Gpu, Share, gpus_of
from kernelproof.machine.hardware import Accelerator
from kernelproof.plan import matrix
from tests.unit.machine.fake_nvml import UUIDS, nvml_of

H200 = Accelerator(backend="cuda", name="NVIDIA H200", arch="sm_90")
RTX = Accelerator(backend="cuda", name="NVIDIA GeForce RTX 4090", arch="sm_89")
MI300X = Accelerator(backend="hip", arch="gfx942")
B60 = Accelerator(backend="xpu", name="Intel(R) Arc(TM) Pro B60 Graphics")
BY_BUS = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}

Host = Callable[..., None]


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    """Makes this machine one with just these accelerators."""

    def become(*accelerators: Accelerator, works: bool = True) -> None:
        nvidia = [gpu for gpu in accelerators if gpu.backend == "cuda"]
        monkeypatch.setattr(gpus, "pynvml", nvml_of(*(nvidia if works else [])))
        monkeypatch.setattr(hardware, "accelerators", lambda: accelerators)

    return become


# The accelerators of a host, a row, its environment, and the numbers of the GPUs that are the row.
NUMBERS: list[tuple[tuple[Accelerator, ...], str, dict[str, str], list[int]]] = [
    # One GPU alone needs no process more; a row is known by its name and its vendor.
    ((H200,), "h200", {}, []),
    ((), "h200", {}, []),
    ((RTX, RTX), "h200", {}, []),
    ((RTX, H200), "h200", {}, [1]),
    ((H200, RTX, H200), "h200", {}, [0, 2]),
    ((H200, MI300X), "h200", {}, []),
    ((H200, H200), "cpu", {}, []),
    # A second count beneath: numbers would be of what it shows.
    ((MI300X, MI300X), "mi300x", {"ROCR_VISIBLE_DEVICES": "1"}, []),
    ((MI300X, MI300X), "mi300x", {"CUDA_VISIBLE_DEVICES": "1"}, []),
    ((B60, B60), "b60", {"ONEAPI_DEVICE_SELECTOR": "1"}, []),
    # CUDA sorts by speed, and as the driver does among equals or if it is asked to.
    ((RTX, H200, H200), "h200", {"CUDA_VISIBLE_DEVICES": "1,2"}, []),
    ((RTX, H200, H200), "h200", {"CUDA_VISIBLE_DEVICES": "1,2", **BY_BUS}, [1, 2]),
    ((RTX, H200, H200), "h200", {"CUDA_VISIBLE_DEVICES": "GPU-aa22,GPU-bb33"}, [1, 2]),
]
# What CUDA is shown of four GPUs: in its order, up to the first word that is no GPU or not one.
SHOWN = {
    "0,1,3": [0, 1, 3],
    "3, 1": [3, 1],
    "2": [],
    "": [],
    "-1": [],
    "0,1,7,2": [0, 1],
    "0,1,1,2": [0, 1],
    "GPU-aa11,GPU-bb44-3": [0, 3],
    "GPU-aa,GPU-bb44": [],
    "GPU-aa11,GPU-bb": [],
    "GPU-": [],
    "MIG-1/2,MIG-1/3": [],
    "all": [],
}
NUMBERS += [((H200,) * 4, "h200", {"CUDA_VISIBLE_DEVICES": w}, n) for w, n in SHOWN.items()]


def _gpus(row: str, environment: dict[str, str]) -> tuple[Gpu, ...]:
    return gpus_of(matrix.load().rows[row], environment)


def test_the_gpus_of_a_row_are_those_that_the_environment_shows(host: Host) -> None:
    """None if a GPU alone is shown, or if what is shown cannot be told."""
    wrong = []
    for accelerators, row, environment, expected in NUMBERS:
        host(*accelerators)
        numbers = [gpu.number for gpu in _gpus(row, environment)]
        wrong += [(row, environment, numbers)] if numbers != expected else []
    assert wrong == []
    host(H200, H200, works=False)  # a driver that is gone between two questions
    assert _gpus("h200", {}) == ()


def test_a_gpu_is_seen_alone_by_its_vendors_variable(host: Host) -> None:
    """NVIDIA's by its UUID, which is the same whatever is counted; others by their number."""
    for row, gpu, variable, values in (
        ("h200", H200, "CUDA_VISIBLE_DEVICES", UUIDS),
        ("mi300x", MI300X, "HIP_VISIBLE_DEVICES", "01"),
        ("b60", B60, "ZE_AFFINITY_MASK", "01"),
    ):
        host(*([H200] if gpu != H200 else []), gpu, gpu)
        expected = [Gpu(number=n, variable=variable, value=values[n]) for n in (0, 1)]
        assert [*_gpus(row, {})] == expected


def test_shares_are_the_plan() -> None:
    """Each case in one of them, neighbours in different ones; each begins at another place."""
    plan = range(11)
    shares = [Share.parse(f"{number}/3") for number in (1, 2, 3)]
    assert [share.take(plan) for share in shares] == [(0, 3, 6, 9), (4, 7, 10, 1), (8, 2, 5)]
    assert shares[2].take(plan[:2]) == ()
    assert str(shares[1]) == "2/3"
    for text in ("", "2", "0/3", "4/3", "a/3", "1/", "-1/3", "1/2/3"):
        with pytest.raises(argparse.ArgumentTypeError) as caught:
            Share.parse(text)
        assert str(caught.value) == f"found {text!r}, expected a share such as 2/3"
