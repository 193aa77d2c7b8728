"""Spreading over GPUs: which of a host's GPUs are the row, by which variable, and whose share."""

import argparse
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from kernelproof.machine import gpus, hardware
from kernelproof.machine.gpus import Gpu, Share, gpus_of
from kernelproof.machine.hardware import Accelerator
from kernelproof.measure import torch_device
from kernelproof.plan import matrix
from kernelproof.plan.schema import Row

H200 = Accelerator(backend="cuda", name="NVIDIA H200", arch="sm_90")
RTX = Accelerator(backend="cuda", name="NVIDIA GeForce RTX 4090", arch="sm_89")
MI300X = Accelerator(backend="hip", arch="gfx942")
B60 = Accelerator(backend="xpu", name="Intel(R) Arc(TM) Pro B60 Graphics")
UUIDS = ["GPU-aa11-0", "GPU-aa22-1", "GPU-bb33-2", "GPU-bb44-3"]

Host = Callable[..., None]


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    """Makes this machine one with just these accelerators."""

    def become(*found: Accelerator, works: bool = True) -> None:
        nvidia = [gpu for gpu in found if gpu.backend == "cuda"]

        def begin() -> None:
            if not works:
                raise RuntimeError

        nvml = SimpleNamespace(
            NVMLError=RuntimeError,
            nvmlInit=begin,
            nvmlShutdown=lambda: None,
            nvmlDeviceGetCount=lambda: len(nvidia),
            nvmlDeviceGetHandleByIndex=lambda index: index,
            nvmlDeviceGetUUID=UUIDS.__getitem__,
        )
        monkeypatch.setattr(gpus, "pynvml", nvml)
        monkeypatch.setattr(hardware, "accelerators", lambda: found)

    return become


def _row(name: str) -> Row:
    return matrix.load().rows[name]


def _numbers(row: str, **environment: str) -> list[int]:
    return [gpu.number for gpu in gpus_of(_row(row), environment)]


def test_nvidia_gpus_are_seen_alone_by_their_uuid(host: Host) -> None:
    """A UUID stays the same whatever the runtime counts by."""
    host(H200, H200)
    assert gpus_of(_row("h200"), {}) == (
        Gpu(number=0, variable="CUDA_VISIBLE_DEVICES", value=UUIDS[0]),
        Gpu(number=1, variable="CUDA_VISIBLE_DEVICES", value=UUIDS[1]),
    )


@pytest.mark.parametrize(
    ("row", "gpu", "variable"),
    [("mi300x", MI300X, "HIP_VISIBLE_DEVICES"), ("b60", B60, "ZE_AFFINITY_MASK")],
)
def test_others_by_their_number(host: Host, row: str, gpu: Accelerator, variable: str) -> None:
    """Each vendor's runtime reads a variable of its own."""
    host(H200, gpu, gpu)
    assert gpus_of(_row(row), {}) == (
        Gpu(number=0, variable=variable, value="0"),
        Gpu(number=1, variable=variable, value="1"),
    )


@pytest.mark.parametrize(
    ("found", "numbers"),
    [
        ((H200,), []),
        ((), []),
        ((RTX, RTX), []),
        ((RTX, H200), [1]),
        ((H200, RTX, H200), [0, 2]),
        ((H200, MI300X), []),
    ],
    ids=["alone", "none", "strangers", "second", "between", "another vendor's"],
)
def test_the_gpus_of_the_row(
    host: Host, found: tuple[Accelerator, ...], numbers: list[int]
) -> None:
    """Those of its name; none where one GPU alone is there to be seen: it needs no process more."""
    host(*found)
    assert _numbers("h200") == numbers


def test_an_interpreted_row_has_none(host: Host) -> None:
    """However many GPUs there are."""
    host(H200, H200)
    assert _numbers("cpu") == []


def test_a_driver_that_is_gone_between_two_questions_has_none(host: Host) -> None:
    """A process cannot see just one GPU if that GPU has no name."""
    host(H200, H200, works=False)
    assert _numbers("h200") == []


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        ("0,1,3", [0, 1, 3]),
        ("3, 1", [3, 1]),
        ("2", []),
        ("", []),
        ("-1", []),
        ("0,1,7,2", [0, 1]),
        ("0,1,1,2", [0, 1]),
        ("GPU-aa11,GPU-bb44-3", [0, 3]),
        ("GPU-aa,GPU-bb44", []),
        ("GPU-aa11,GPU-bb", []),
        ("GPU-", []),
        ("MIG-1/2,MIG-1/3", []),
        ("all", []),
    ],
)
def test_what_the_environment_shows_is_honoured(
    host: Host, wanted: str, numbers: list[int]
) -> None:
    """In its order; as CUDA reads it, up to the first word that is no GPU or not one alone."""
    host(H200, H200, H200, H200)
    assert _numbers("h200", CUDA_VISIBLE_DEVICES=wanted) == numbers


def test_numbers_say_nothing_where_cuda_sorts_by_speed(host: Host) -> None:
    """Its order is the driver's among equals, or where it is asked to be."""
    host(RTX, H200, H200)
    assert _numbers("h200", CUDA_VISIBLE_DEVICES="1,2") == []
    both = {"CUDA_VISIBLE_DEVICES": "1,2", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
    assert _numbers("h200", **both) == [1, 2]
    assert _numbers("h200", CUDA_VISIBLE_DEVICES="GPU-aa22,GPU-bb33") == [1, 2]


@pytest.mark.parametrize(
    ("row", "gpu", "variable"),
    [
        ("mi300x", MI300X, "ROCR_VISIBLE_DEVICES"),
        ("mi300x", MI300X, "CUDA_VISIBLE_DEVICES"),
        ("b60", B60, "ONEAPI_DEVICE_SELECTOR"),
    ],
)
def test_a_second_count_beneath_is_left_alone(
    host: Host, row: str, gpu: Accelerator, variable: str
) -> None:
    """Numbers would be of what it shows: the cells run in one process, as they are told to."""
    host(gpu, gpu)
    assert _numbers(row, **{variable: "1"}) == []


def test_shares_are_the_plan() -> None:
    """Each case in one of them, neighbours in different ones; each begins at another place."""
    plan = range(11)
    shares = [Share(number=number, of=3).take(plan) for number in (1, 2, 3)]
    assert shares == [(0, 3, 6, 9), (4, 7, 10, 1), (8, 2, 5)]
    assert Share(number=3, of=3).take(plan[:2]) == ()


def test_a_share_is_read_as_it_is_written() -> None:
    """For argparse."""
    assert str(Share.parse("2/3")) == "2/3"


@pytest.mark.parametrize("text", ["", "2", "0/3", "4/3", "a/3", "1/", "-1/3", "1/2/3"])
def test_what_is_no_share(text: str) -> None:
    """Is said, with what was expected."""
    with pytest.raises(argparse.ArgumentTypeError) as caught:
        Share.parse(text)
    assert str(caught.value) == f"found {text!r}, expected a share such as 2/3"


def test_no_uuid_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable by which a process sees its GPU alone holds a hash in the record."""
    uuid = "GPU-0123abcd-4567-89ef-0123-456789abcdef"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", f"{uuid},1")
    recorded = torch_device.fingerprint(_row("cpu"))["environment"]["CUDA_VISIBLE_DEVICES"]
    assert recorded.startswith("GPU-")
    assert recorded.endswith(",1")
    assert len(recorded) == len("GPU-") + 16 + len(",1")
    assert "0123abcd" not in recorded
