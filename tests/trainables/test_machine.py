from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from trainables import machine

CPU = torch.device("cpu")


def test_auto_follows_the_hardware() -> None:
    named = {"float32": torch.float32, "bfloat16": torch.bfloat16}
    assert {name: machine.resolve_precision(name, CPU) for name in named} == named
    fast = machine.bfloat16_is_fast(CPU)
    assert machine.resolve_precision("auto", CPU) == (torch.bfloat16 if fast else torch.float32)


def test_hardware_is_what_the_kernel_says() -> None:
    """An independent witness: /proc/cpuinfo lists the instructions."""
    cpuinfo = Path("/proc/cpuinfo")
    if not cpuinfo.exists():
        pytest.skip("no /proc/cpuinfo on this system")
    words = set(cpuinfo.read_text().split())
    assert machine.bfloat16_is_fast(CPU) == bool(words & {"avx512_bf16", "amx_bf16"})


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_model_and_images_meet_in_one_layout(precision: torch.dtype) -> None:
    before = torch.get_num_threads()
    model = machine.prepare(nn.Sequential(nn.Conv2d(3, 4, 3)), CPU, precision, before)
    assert torch.get_num_threads() == before
    static, frames = torch.randn(2, 3, 5, 5), torch.randn(4, 2, 3, 5, 5)
    for x, seen in ((static, static), (frames, frames.flatten(0, 1))):
        moved = machine.images(x, precision)
        assert torch.equal(moved, x)
        flat = moved.flatten(0, moved.dim() - 4)
        assert flat.data_ptr() == moved.data_ptr()
        assert flat.is_contiguous(memory_format=torch.channels_last)
        with machine.autocast(CPU, precision):
            out = model(flat)
        assert out.dtype == precision
        assert out.is_contiguous(memory_format=torch.channels_last)
        torch.testing.assert_close(out.float(), model(seen), rtol=0.02, atol=0.02)
    assert model[0].weight.dtype == torch.float32
    table = torch.randn(2, 7)
    assert machine.images(table, precision) is table


def test_a_gpu_keeps_float32_contiguous() -> None:
    gpu = torch.device("cuda")  # no GPU needed to ask
    assert machine.memory_format(gpu, torch.float32) == torch.contiguous_format
    assert machine.memory_format(gpu, torch.bfloat16) == torch.channels_last


def test_denormals_are_flushed_inside_the_block_only() -> None:
    def denormal() -> float:
        return float(torch.tensor(1e-40) * 1.0)

    assert denormal() > 0
    with machine.flushed_denormals():
        assert denormal() == 0
        with machine.flushed_denormals():
            assert denormal() == 0
        assert denormal() == 0
    assert denormal() > 0
