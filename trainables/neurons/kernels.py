"""The compiled kernels of a kind of neuron: C on a CPU, the same text through NVRTC on a GPU.

Both take one list of ctypes values, in the order of FORWARD and BACKWARD in ``kernels.c``. The GPU shell
has been compiled (a test does it with NVRTC, which needs no GPU) but NOT YET RUN on one.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch

from trainables.neurons import native
from trainables.neurons.dynamics import Kind

TEXT = Path(__file__).with_name("kernels.c")
NAMES = "spinetune_forward", "spinetune_backward"
THREADS = 256  # per block on a GPU
NVRTC_FLAGS = ["--fmad=false"]  # no contraction, as in native.FLAGS

Launch = Callable[[list[Any], int], None]  # arguments, number of neurons


@dataclass(frozen=True)
class Kernels:
    """``group``: neurons whose dL/dw the backward kernel adds up itself."""

    forward: Launch
    backward: Launch
    group: int


def source(kind: Kind, dtype: torch.dtype) -> str:
    """Complete C or CUDA text of one kind of neuron."""
    return kind.macros(dtype == torch.bfloat16) + TEXT.read_text()


@cache
def kernels(kind: Kind, dtype: torch.dtype, device: torch.device) -> Kernels | None:
    """Forward and backward, compiled on first use; None where SpikingJelly's own operations must do."""
    if dtype not in (torch.float32, torch.bfloat16):
        return None
    if device.type == "cpu":
        library = native.load(source(kind, dtype))
        return library and Kernels(*(_on_cpu(getattr(library, name)) for name in NAMES), group=1024)
    if device.type == "cuda" and torch.version.hip is None:
        return _cuda(kind, dtype, device)
    return None


def _on_cpu(function: Any) -> Launch:
    def launch(arguments: list[Any], n: int) -> None:
        function(*arguments, ctypes.c_int(torch.get_num_threads()))

    return launch


def _cuda(kind: Kind, dtype: torch.dtype, device: torch.device) -> Kernels | None:
    try:
        with torch.cuda.device(device):
            functions = [
                torch.cuda._compile_kernel(source(kind, dtype), name, nvcc_options=NVRTC_FLAGS)
                for name in NAMES
            ]
        return Kernels(*(_on_gpu(function.func, device) for function in functions), group=1)
    except (RuntimeError, OSError, AttributeError) as error:
        native.say_eager(str(error)[:500])
        return None


def _on_gpu(function: ctypes.c_void_p, device: torch.device) -> Launch:
    # torch's own launcher takes neither null pointers nor 64-bit integers: the driver is called as it does.
    driver = torch.cuda._utils._get_gpu_runtime_library()

    def launch(arguments: list[Any], n: int) -> None:
        if n == 0:
            return
        pointers = (ctypes.c_void_p * len(arguments))(*(ctypes.addressof(value) for value in arguments))
        stream = torch.cuda.current_stream(device)._as_parameter_
        with torch.cuda.device(device):
            shape = (-(-n // THREADS), 1, 1, THREADS, 1, 1, 0)
            torch.cuda._utils._check_cuda(
                driver.cuLaunchKernel(function, *shape, stream, pointers, None)
            )

    return launch
