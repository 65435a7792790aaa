"""The compiled kernels of a kind of neuron: C on a CPU, the same text through NVRTC on a GPU.

The GPU's kernels and launcher have NOT YET RUN on one. Tests compile the text with NVRTC, which needs no GPU,
and run it, through the launcher, as C++ on a CPU, one thread after the other: spikes are SpikingJelly's.
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
THREADS = 256  # per block on a GPU
NVRTC_FLAGS = ["--fmad=false"]  # no contraction, as in native.FLAGS

# The arguments of FORWARD and BACKWARD in kernels.c: pointers (0 is null), counts, numbers.
P, N, F = ctypes.c_void_p, ctypes.c_longlong, ctypes.c_float
TYPES = (
    (P, N, P, F, P, P, P, N, N, F, P, F, F),
    (P, P, P, P, F, P, ctypes.c_int, P, P, N, N, F, P, F, F, F, F, F),
)

SHELLS = tuple(zip(("spinetune_forward", "spinetune_backward"), TYPES, strict=True))

Launch = Callable[[int, tuple[float, ...]], None]  # number of neurons, arguments


@dataclass(frozen=True)
class Kernels:
    """``group``: neurons whose dL/dw the backward kernel adds up itself."""

    group: int
    forward: Launch
    backward: Launch


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
        return None if library is None else Kernels(1024, *(_on_cpu(library[name], t) for name, t in SHELLS))
    if device.type == "cuda" and torch.version.hip is None:
        return _cuda(kind, dtype, device)
    return None


def _on_cpu(function: Any, types: tuple[Any, ...]) -> Launch:
    function.argtypes, function.restype = (*types, ctypes.c_int), None

    def launch(n: int, arguments: tuple[float, ...]) -> None:
        function(*arguments, torch.get_num_threads())

    return launch


def _cuda(kind: Kind, dtype: torch.dtype, device: torch.device) -> Kernels | None:
    try:
        with torch.cuda.device(device):
            text = source(kind, dtype)
            built = [torch.cuda._compile_kernel(text, name, nvcc_options=NVRTC_FLAGS) for name, _ in SHELLS]
        shells = zip(built, SHELLS, strict=True)
        return Kernels(1, *(_on_gpu(kernel.func, types, device) for kernel, (_, types) in shells))
    except (RuntimeError, OSError, AttributeError) as error:
        native.say_eager(str(error)[:500])
        return None


def _on_gpu(function: ctypes.c_void_p, types: tuple[Any, ...], device: torch.device) -> Launch:
    # torch's own launcher takes neither null pointers nor 64-bit integers: the driver is called as it does.
    from torch.cuda import _utils

    driver = _utils._get_gpu_runtime_library()

    def launch(n: int, arguments: tuple[float, ...]) -> None:
        if n == 0:
            return
        values = [kind(value) for kind, value in zip(types, arguments, strict=True)]
        pointers = (ctypes.c_void_p * len(values))(*map(ctypes.addressof, values))
        shape = (-(-n // THREADS), 1, 1, THREADS, 1, 1, 0)
        with torch.cuda.device(device):
            stream = torch.cuda.current_stream(device)._as_parameter_
            _utils._check_cuda(driver.cuLaunchKernel(function, *shape, stream, pointers, None))

    return launch
