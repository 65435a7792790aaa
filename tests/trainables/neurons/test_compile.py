"""The kernels' text under every compiler there is, and what happens where there is none."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from spikingjelly.activation_based import neuron

from trainables.neurons import Kind, compile_kernels, compiled, native
from trainables.neurons.surrogates import SLOPES

KINDS = [
    Kind(leaky=False, decay_input=False, hard=False, detach=False),
    Kind(learned=True),
    Kind(learned=True, decay_input=False, detach=False),
    *[Kind(slope=row.code) for row in SLOPES.values()],
]


def nvrtc() -> ctypes.CDLL | None:
    """NVIDIA's run-time compiler, which needs no GPU: the one torch's CUDA wheels bring, or the system's."""
    wheels = Path(torch.__file__).parents[1] / "nvidia"
    for path in [*sorted(wheels.glob("cu*/lib/libnvrtc.so.*")), "libnvrtc.so"]:
        try:
            return ctypes.CDLL(str(path))
        except OSError:
            continue
    return None


CASES = [(kind, torch.float32) for kind in KINDS] + [(kind, torch.bfloat16) for kind in KINDS[:3]]


@pytest.mark.parametrize(("kind", "dtype"), CASES)
def test_cuda_text_compiles_with_nvrtc(kind: Kind, dtype: torch.dtype) -> None:
    library = nvrtc()
    if library is None:
        pytest.skip("no NVRTC on this machine")
    program, size = ctypes.c_void_p(), ctypes.c_size_t()
    text = compiled.source(kind, dtype).encode()
    assert library.nvrtcCreateProgram(ctypes.byref(program), text, b"kernels.cu", 0, None, None) == 0
    options = [b"--gpu-architecture=compute_80", *(flag.encode() for flag in compiled.NVRTC_FLAGS)]
    status = library.nvrtcCompileProgram(program, len(options), (ctypes.c_char_p * len(options))(*options))
    library.nvrtcGetProgramLogSize(program, ctypes.byref(size))
    log = ctypes.create_string_buffer(size.value)
    library.nvrtcGetProgramLog(program, log)
    assert status == 0, log.value.decode()
    library.nvrtcGetPTXSize(program, ctypes.byref(size))
    ptx = ctypes.create_string_buffer(size.value)
    library.nvrtcGetPTX(program, ptx)
    for name, types in compiled.SHELLS:
        # the entry's parameters are the ones the launcher passes, in number and size
        entry = ptx.value.decode().split(f".entry {name}(")[1].split(")")[0]
        sizes = {"u64": 8, "u32": 4, "b64": 8, "b32": 4, "f32": 4}
        found = [
            sizes[line.split(".param .")[1].split()[0]] for line in entry.splitlines() if ".param" in line
        ]
        assert found == [ctypes.sizeof(kind) for kind in types]


def test_cuda_text_compiles_with_nvcc(tmp_path: Path) -> None:
    if shutil.which("nvcc") is None:
        pytest.skip("no nvcc on this machine")
    path = tmp_path / "kernels.cu"
    path.write_text(compiled.source(Kind(learned=True), torch.bfloat16))
    subprocess.run(["nvcc", "-ptx", *compiled.NVRTC_FLAGS, "-o", tmp_path / "k.ptx", path], check=True)
    assert "spinetune_backward" in (tmp_path / "k.ptx").read_text()


def in_a_fresh_process(code: str, **environment: str) -> list[str]:
    root = Path(__file__).parents[3]
    prepared = (
        "import warnings, torch\n"
        "from spikingjelly.activation_based import neuron\n"
        "from trainables import neurons\n"
        "node, plain = neuron.LIFNode(step_mode='m'), neuron.LIFNode(step_mode='m')\n"
        "x = torch.randn(4, 9, generator=torch.Generator().manual_seed(0)) + 1\n"
        "neurons.fuse(node)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", prepared + code],
        env=environment, cwd=root, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.splitlines()


def test_without_a_compiler_it_says_so_once_and_gives_the_same_spikes() -> None:
    said, equal = in_a_fresh_process(
        "with warnings.catch_warnings(record=True) as said:\n"
        "    warnings.simplefilter('always')\n"
        "    first = node(x)\n"
        "    node(x)\n"
        "    soft = neuron.IFNode(v_reset=None, step_mode='m')\n"
        "    neurons.fuse(soft), soft(x)\n"
        "print(len(said), said[0].message)\n"
        "print(torch.equal(first, plain(x)))\n",
        PATH="/nonexistent",
        HOME="/nonexistent",
    )
    assert said.startswith("1 neurons run as plain torch operations")
    assert "no C compiler found" in said
    assert equal == "True"


def test_a_compiler_that_fails_is_quoted(tmp_path: Path) -> None:
    broken = tmp_path / "cc"
    broken.write_text("#!/bin/sh\necho the disk is on fire >&2\nexit 1\n")
    broken.chmod(0o755)
    said, equal = in_a_fresh_process(
        "with warnings.catch_warnings(record=True) as said:\n"
        "    warnings.simplefilter('always')\n"
        "    first = node(x)\n"
        "print(said[0].message)\n"
        "print(torch.equal(first, plain(x)))\n",
        PATH=f"{tmp_path}:{os.environ['PATH']}",
        HOME=str(tmp_path),
    )
    assert "the disk is on fire" in said
    assert equal == "True"


def test_compiled_once_and_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if shutil.which("cc") is None:
        pytest.skip("no C compiler on this machine")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    model = torch.nn.Sequential(neuron.IFNode(step_mode="m"), torch.nn.ReLU(), neuron.LIFNode())
    compiled.kernels.cache_clear()
    native.load.cache_clear()
    compile_kernels(model)
    built = {path: path.stat().st_mtime_ns for path in (tmp_path / "spinetune").iterdir()}
    assert len(built) == 1  # the second node has step mode s
    compiled.kernels.cache_clear()
    native.load.cache_clear()
    compile_kernels(model, torch.float32, torch.bfloat16)
    again = {path: path.stat().st_mtime_ns for path in (tmp_path / "spinetune").iterdir()}
    assert len(again) == 2
    assert again.items() > built.items()
