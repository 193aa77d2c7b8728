"""A stand-in for NVIDIA's library, pynvml."""

from types import SimpleNamespace

from kernelproof.machine.hardware import Accelerator

UUIDS = ["GPU-aa11-0", "GPU-aa22-1", "GPU-bb33-2", "GPU-bb44-3"]


def nvml_of(*gpus: Accelerator) -> SimpleNamespace:
    """Returns the part of the library that is asked about these GPUs; without any, no driver."""

    def begin() -> None:
        if not gpus:
            raise RuntimeError

    return SimpleNamespace(
        NVMLError=RuntimeError,
        nvmlInit=begin,
        nvmlShutdown=lambda: None,
        nvmlDeviceGetCount=lambda: len(gpus),
        nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetUUID=UUIDS.__getitem__,
        nvmlDeviceGetName=lambda index: gpus[index].name,
        nvmlDeviceGetCudaComputeCapability=lambda index: tuple(map(int, gpus[index].arch[3:])),
    )
