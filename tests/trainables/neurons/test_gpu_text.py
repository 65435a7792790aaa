"""The GPU's kernels and their launcher without a GPU: the CUDA text as C++, one thread after the other.

Replaced are the compiler (``kernels``), the driver, and torch's current device and stream. ``cuLaunchKernel``
reads the arguments through the pointers to them, by the types of the kernel's own parameters, as the real
one does.
"""

from __future__ import annotations

import contextlib
import ctypes
import shutil
import subprocess
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch.cuda import _utils

from tests.trainables.neurons.cases import LAYOUTS, NODES, SHAPE, compare, currents, node_of
from trainables import neurons
from trainables.neurons import Kind, compiled
from trainables.neurons.surrogates import SLOPES

COMPILER = shutil.which("c++")
pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C++ compiler on this machine")

BEFORE = """
#include <cmath>
#include <utility>
static struct { unsigned x; } blockIdx, blockDim, threadIdx;
#define __CUDACC__
#define __global__
#define __device__
#define __forceinline__ inline
"""
AFTER = """
template <class... A, std::size_t... I>
static void grid(
    void (*kernel)(A...), unsigned blocks, unsigned threads, void **a, std::index_sequence<I...>) {
  blockDim.x = threads;
  for (blockIdx.x = 0; blockIdx.x < blocks; blockIdx.x++)
    for (threadIdx.x = 0; threadIdx.x < threads; threadIdx.x++) kernel(*static_cast<A *>(a[I])...);
}
template <class... A> static void grid(void (*kernel)(A...), unsigned blocks, unsigned threads, void **a) {
  grid(kernel, blocks, threads, a, std::index_sequence_for<A...>());
}
extern "C" void grid_forward(unsigned b, unsigned t, void **a) { grid(spinetune_forward, b, t, a); }
extern "C" void grid_backward(unsigned b, unsigned t, void **a) { grid(spinetune_backward, b, t, a); }
"""


def launch(function: Any, *shape_and_more: Any) -> int:
    """The driver's ``cuLaunchKernel``; the kernel's whole grid has run when it returns."""
    blocks, *ones, threads = shape_and_more[:4]
    assert blocks > 0
    assert 0 < threads <= 1024  # a GPU refuses others
    assert [*ones, *shape_and_more[4:7]] == [1, 1, 1, 1, 0]
    stream, pointers, extra = shape_and_more[7:]
    assert (stream.value, extra) == (77, None)
    function(ctypes.c_uint(blocks), ctypes.c_uint(threads), pointers)
    return 0


@pytest.fixture
def gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fused nodes run the GPU's kernels through the GPU's launcher, on arrays in main memory."""
    monkeypatch.setattr(_utils, "_get_gpu_runtime_library", lambda: SimpleNamespace(cuLaunchKernel=launch))
    monkeypatch.setattr(torch.cuda, "device", lambda device: contextlib.nullcontext())
    stream = SimpleNamespace(_as_parameter_=ctypes.c_void_p(77))
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: stream)

    @cache
    def kernels(kind: Kind, dtype: torch.dtype, device: torch.device) -> compiled.Kernels:
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.so"
        text = BEFORE + compiled.source(kind, dtype) + AFTER
        command = [
            str(COMPILER),
            "-O1",
            "-ffp-contract=off",
            "-shared",
            "-fPIC",
            "-x",
            "c++",
            "-o",
            str(path),
        ]
        subprocess.run([*command, "-"], input=text.encode(), check=True)
        grids = ctypes.CDLL(str(path))
        pairs = zip((grids.grid_forward, grids.grid_backward), compiled.TYPES, strict=True)
        return compiled.Kernels(1, *(compiled._on_gpu(grid, types, device) for grid, types in pairs))

    monkeypatch.setattr(neurons, "kernels", kernels)


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize("v_reset", [-0.3, None])
@pytest.mark.parametrize("kind", NODES)
def test_every_kind_and_reset(kind: str, v_reset: float | None) -> None:
    spikes = compare(node_of(kind, v_reset=v_reset), currents("contiguous"))
    assert 0.05 < spikes.mean() < 0.6


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout(layout: str) -> None:
    compare(node_of("plif", v_reset=-0.3, detach_reset=True), currents(layout))


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize("function", SLOPES, ids=lambda function: function.__name__)
def test_every_surrogate(function: Any) -> None:
    compare(node_of("lif", function), currents("contiguous"))


@pytest.mark.usefixtures("gpu")
def test_a_constant_current_s_gradient_is_summed_in_the_kernel() -> None:
    slab, gradients = currents("contiguous")[0], []
    for is_fused in (False, True):
        node, leaf = node_of("lif"), slab.clone().requires_grad_()
        if is_fused:
            neurons.fuse(node)
        spikes = node((leaf * 2).expand(SHAPE))
        (spikes * torch.linspace(-1, 1, spikes.numel()).view_as(spikes)).sum().backward()
        gradients.append(leaf.grad)
    torch.testing.assert_close(*gradients, rtol=1e-6, atol=1e-6 * float(gradients[0].abs().max()))


def fused_run(kind: str) -> list[torch.Tensor]:
    """Spikes and gradients of a fused node fed with bfloat16."""
    node = node_of(kind)
    neurons.fuse(node)
    x = currents("contiguous").bfloat16().requires_grad_()
    spikes = node(x)
    (spikes * torch.linspace(-1, 1, spikes.numel()).view_as(spikes)).sum().backward()
    return [spikes.detach(), x.grad, node.v.detach(), *(p.grad for p in node.parameters())]


@pytest.mark.parametrize("kind", NODES)
def test_bfloat16_has_the_bits_of_the_cpu_s_kernels(kind: str, request: pytest.FixtureRequest) -> None:
    expected = fused_run(kind)
    request.getfixturevalue("gpu")
    got = fused_run(kind)
    for mine, theirs in zip(got, expected, strict=True):
        if mine.dim():
            assert torch.equal(mine, theirs)
        else:  # summed in another order
            torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=0)
