"""Where a student computes, and in which precision: the GPU that the pod has, else the CPUs.

On a CPU everything is fp32. On a GPU answers are written in bfloat16 where the GPU multiplies it itself, which halves the
memory and more than halves the time; a GPU that only emulates it stays at fp32. fp16 is not used: T5 overflows in it.
"""

from __future__ import annotations

import torch

from prompt2model_stages.cpus import multiplies_bfloat16
from prompt2model_stages.errors import StageError, blocked


def usable_device() -> torch.device:
    """The process's first GPU, where it has one, else its CPUs."""
    return torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")


def check_gpu(wanted: int, field: str) -> None:
    """Raises: StageError Blocked, GPUNotUsable, where a GPU is reserved and PyTorch cannot use it."""
    if wanted and not torch.cuda.is_available():
        raise gpu_not_usable(wanted, field)


def gpu_not_usable(wanted: int, field: str) -> StageError:
    """That a GPU is reserved and PyTorch cannot use it."""
    build = "is a build without CUDA" if torch.version.cuda is None else f"(CUDA {torch.version.cuda}) finds no GPU"
    return blocked(
        "GPUNotUsable",
        f"{field} reserves {wanted} GPU(s), and PyTorch {torch.__version__} in the image {build}.",
        "Build the images with a CUDA build of PyTorch (`TORCH_INDEX= make images`), check the node's driver and runtime class, or "
        f"set {field} to 0.",
    )


def low_precision(device: torch.device) -> torch.dtype | None:
    """bfloat16 where the device multiplies it faster than fp32, else nothing."""
    if device.type == "cuda":
        # Emulated, it is slower than fp32: PyTorch counts that as support, unless it is asked not to.
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else None
    return torch.bfloat16 if multiplies_bfloat16() else None


def answering_precision(device: torch.device) -> torch.dtype:
    """What answers are computed in. On CPUs always fp32: one machine's answers are then another one's."""
    return (low_precision(device) if device.type == "cuda" else None) or torch.float32


def computed() -> str:
    """The device and the precision of answers in this process, such as `cuda, bfloat16`."""
    device = usable_device()
    return f"{device.type}, {str(answering_precision(device)).removeprefix('torch.')}"
