"""Which library runs the model, and in which numbers: what there is, and which is chosen.

Imports nothing heavy: the command line asks here too.
"""

import importlib.metadata
import importlib.util
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path

from transforms.embed.model import ModelError

AUTO, TORCH, ONNX, OPENVINO = "auto", "torch", "onnx", "openvino"
FP32, BF16, INT8 = "fp32", "bf16", "int8"
BACKENDS = (AUTO, TORCH, ONNX, OPENVINO)
PRECISIONS = (FP32, BF16, INT8)

_COUNTS_IN = {  # what auto can come to is torch or openvino
    AUTO: (FP32, BF16, INT8),
    TORCH: (FP32, BF16),
    ONNX: (FP32,),
    OPENVINO: (FP32, BF16, INT8),
}
# What of torch and its like an export is made with, and what each backend needs beside them.
EXPORTERS = ("sentence-transformers", "tokenizers", "torch", "transformers")
NEEDS = {TORCH: (), ONNX: ("onnx", "onnxruntime"), OPENVINO: ("openvino",)}

_CPU = Path("/proc/cpuinfo")
_MEASURED_BF16 = {"avx512_bf16", "amx_bf16"}  # as x86 calls it
_HAVE_BF16 = {*_MEASURED_BF16, "bf16"}  # as ARM does
_GRAPHICS = ("/dev/nvidiactl", "/dev/dxg")  # of Linux, and of Linux in Windows


class BackendError(ModelError):
    """This machine cannot run the model as asked; the message is one line with the fix."""


def refusal(backend: str, precision: str) -> str:
    """Say why the two do not go together and what does; nothing where they do."""
    if precision in _COUNTS_IN[backend]:
        return ""
    others = [name for name, known in _COUNTS_IN.items() if precision in known and name != AUTO]
    return (
        f"--encoder {backend} has no {precision}: use --encoder {' or '.join(others)}, or "
        f"--encoder_precision {' or '.join(_COUNTS_IN[backend])}"
    )


def installed(backend: str) -> bool:
    """Say whether the packages that a backend needs are there, without importing them."""
    return all(importlib.util.find_spec(name) for name in NEEDS[backend])


def choose(
    backend: str,
    precision: str,
    cuda: Callable[[], bool] | None = None,
    there: Callable[[str], bool] = installed,
    bf16: Callable[[], bool] | None = None,
) -> str:
    """Choose what runs the model here: torch on a GPU, else OpenVINO where it is, else torch.

    Args:
        cuda: says whether there is a GPU, and may be asked or not.
        there: says whether a backend's packages are installed.
        bf16: says whether the processor counts in bf16.

    Raises:
        BackendError: the two do not go together, or this machine lacks what they need.
    """
    if why := refusal(backend, precision):
        raise BackendError(why)
    on_graphics = backend in (AUTO, TORCH) and precision != INT8 and (cuda or has_cuda)()
    chosen = backend
    if backend == AUTO and on_graphics:
        chosen = TORCH
    elif backend == AUTO:
        chosen = OPENVINO if precision == INT8 or there(OPENVINO) else TORCH
    if not there(chosen):
        asked = f"--encoder {backend} --encoder_precision {precision}"
        raise BackendError(f"{asked} needs: pip install 'newsevents[{chosen}]'")
    if precision == BF16 and not on_graphics and not (bf16 or _counts_in_bf16)():
        raise BackendError(
            "--encoder_precision bf16: this machine's processor cannot, and would be slower "
            "than with fp32: use fp32, or int8 with --encoder openvino"
        )
    return chosen


def settle(
    backend: str,
    cuda: Callable[[], bool] | None = None,
    bf16: Callable[[], bool] | None = None,
) -> str:
    """Choose the precision that the default model is run in on this machine.

    bf16 on a processor of which the instructions are known to be worth it, else fp32.

    Args:
        cuda: says whether there may be a GPU, on which fp32 stays.
        bf16: says whether the processor has such instructions.
    """
    on_graphics = backend in (AUTO, TORCH) and (cuda or _may_have_cuda)()
    fast = BF16 in _COUNTS_IN[backend] and not on_graphics and (bf16 or _gains_by_bf16)()
    return BF16 if fast else FP32


@cache
def has_cuda() -> bool:
    """Say whether torch can use a GPU; imports torch only where there may be one."""
    if not _may_have_cuda():
        return False
    import torch

    return torch.cuda.is_available()


def _may_have_cuda() -> bool:
    try:
        without = importlib.metadata.version("torch").endswith("+cpu")
    except importlib.metadata.PackageNotFoundError:
        return False
    return not without and (os.name == "nt" or any(map(os.path.exists, _GRAPHICS)))


def _gains_by_bf16() -> bool:
    return not _MEASURED_BF16.isdisjoint(_instructions())


def _counts_in_bf16() -> bool:
    return not _HAVE_BF16.isdisjoint(_instructions())


def _instructions() -> list[str]:
    try:
        return _CPU.read_text(encoding="utf-8", errors="replace").split()
    except OSError:  # not Linux
        return []
