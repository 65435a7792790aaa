"""What the machine is good at: number format, memory layout and threads of a training step.

On a CPU (two cores of an AMD EPYC with AVX-512 bf16, torch 2.14; ``benchmarks/step_speed.py``) channels_last
takes 11 to 24 % off the float32 step of a convolutional network, since torch's pooling and batch
normalisation vectorise over channels; bfloat16 takes off another 2 to 11 % on the digits net and 39 to 54 %
where convolutions dominate. Tried without gain: keeping freed memory in the process (mallopt), which saves
page faults but no time once neurons are fused.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import torch
from torch import Tensor, nn

from trainables.errors import ConfigError


def resolve_device(name: str) -> torch.device:
    """``auto`` is the first GPU where there is one; a device that is not there is a ConfigError."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(name)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        found = torch.cuda.device_count()
        raise ConfigError([f"device: got {name!r}, but {found} CUDA devices were found; nearest valid: cpu"])
    return device


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def worthwhile_threads(synapses: int) -> int:
    """All cores for a step whose batch sends spikes over many ``synapses``, else one thread.

    A small step gains little from a second core and may lose all: that of the digits net (6 million synapses
    in a batch of 64) took 5.4 ms on two quiet cores, 6.8 ms on one, and 66 ms on two that others were using.
    """
    return cores() if synapses > 100_000_000 else 1


def bfloat16_is_fast(device: torch.device) -> bool:
    """Whether ``device`` multiplies bfloat16 in hardware (AVX-512 bf16, AMX, or a GPU since Ampere)."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    found = torch.cpu.get_capabilities()
    return any(bool(found.get(name)) for name in ("avx512_bf16", "amx_bf16"))


def resolve_precision(name: str, device: torch.device) -> torch.dtype:
    """``auto`` is bfloat16 where the hardware has it, else float32; the other two are what they say.

    A bfloat16 asked for by name runs anywhere, slower than float32 where it is emulated.
    """
    if name == "auto":
        name = "bfloat16" if bfloat16_is_fast(device) else "float32"
    return torch.bfloat16 if name == "bfloat16" else torch.float32


def autocast(device: torch.device, precision: torch.dtype) -> AbstractContextManager[None]:
    """The context of forward and loss. Weights, optimiser and membrane arithmetic stay float32."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == torch.bfloat16)


@contextmanager
def flushed_denormals() -> Iterator[None]:
    """Denormal numbers count as 0 in this thread: membrane potentials and surrogate slopes decay into them,
    and a CPU computes them slowly.
    """
    before = sys.float_info.min / 2 == 0  # torch can set this but not tell it
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)


def memory_format(device: torch.device, precision: torch.dtype) -> torch.memory_format:
    """channels_last, but not for float32 on a GPU, whose convolutions are made for the contiguous layout."""
    contiguous = device.type != "cpu" and precision == torch.float32
    return torch.contiguous_format if contiguous else torch.channels_last


def prepare(model: nn.Module, device: torch.device, precision: torch.dtype, threads: int) -> nn.Module:
    """``model`` on ``device`` in its layout; sets the threads of this process."""
    torch.set_num_threads(threads)
    model.to(memory_format=memory_format(device, precision))
    return model.to(device)


def images(x: Tensor, precision: torch.dtype) -> Tensor:
    """A batch [N, C, H, W] or [T, N, C, H, W] in the layout that :func:`prepare` gives the model."""
    layout = memory_format(x.device, precision)
    if x.dim() == 5:
        frames = x.flatten(0, 1).contiguous(memory_format=layout)
        return torch.unflatten(frames, 0, x.shape[:2])
    return x.contiguous(memory_format=layout) if x.dim() == 4 else x
