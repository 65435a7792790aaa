"""One training step (forward, loss, backward, Adam, reset) beside SpikingJelly, snnTorch and a ReLU network.

Three networks, T=4, static images whose first convolution is computed once: the digits net (8 x 8, batch
64) and four 3 x 3 conv-BN-LIF layers with two poolings at 28 x 28 with 32 channels and 32 x 32 with 64
channels (batch 32). Every variant gets the same weights and runs in turn in one process; a round takes
each once. Ratios are medians of the ratios within a round: what slows the machine for a while slows both.

* SpikingJelly: its multi-step nodes, float32, in both layouts; the faster one of a round is the rival.
  On a GPU its own backends (torch, CUDA, Triton: it selects).
* snnTorch: ``Leaky`` (beta 1/2, ATan, reset to zero), stepped inside each layer, so that convolutions see
  all steps at once: faster than the loop over whole time steps in its tutorials.
* ReLU: the same network with ReLU for the neurons, over T x N images.

Peak memory: of a fresh process for each variant, growth of the resident set's peak from before the network
is built to the end of three steps (VmHWM, reset at the start); on a GPU torch's own peak.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import snntorch
import torch
from snntorch import surrogate as snn_surrogate
from spikingjelly.activation_based import functional, layer, neuron, surrogate
from torch import Tensor, nn
from torch.nn import functional as F

from study import provenance
from trainables import machine, models, neurons

HERE = Path(__file__).parent
T, CLASSES = 4, 10


class Variant(NamedTuple):
    """Whose neurons, in which precision and layout."""

    kind: str
    precision: str
    layout: str

    @property
    def label(self) -> str:
        return f"{self.kind}, {self.precision}, {self.layout}"


SPIKINGJELLY = [Variant("SpikingJelly", "float32", layout) for layout in ("contiguous", "channels_last")]
SNNTORCH = [Variant("snnTorch", "float32", layout) for layout in ("contiguous", "channels_last")]
SETTINGS = [(p, layout) for p in ("float32", "bfloat16") for layout in ("contiguous", "channels_last")]
RELU = [Variant("ReLU", *setting) for setting in SETTINGS]
OURS = [Variant("Spinetune", *setting) for setting in SETTINGS]
VARIANTS = [*SPIKINGJELLY, *SNNTORCH, *RELU, *OURS]


class Repeat(nn.Module):
    """[N, C, H, W] -> [T, N, C, H, W], a constant current."""

    def forward(self, x: Tensor) -> Tensor:
        return x.expand(T, *x.shape)


class SnnTorch(nn.Module):
    """Currents [T, *] -> spikes [T, *] by snnTorch's neuron."""

    def __init__(self) -> None:
        super().__init__()
        self.leaky = snntorch.Leaky(beta=0.5, spike_grad=snn_surrogate.atan(), reset_mechanism="zero")

    def forward(self, x: Tensor) -> Tensor:
        membrane, spikes = self.leaky.init_leaky(), []
        for current in x:
            spike, membrane = self.leaky(current, membrane)
            spikes.append(spike)
        return torch.stack(spikes)


def lif() -> nn.Module:
    """The neuron of the digits net."""
    return neuron.LIFNode(2.0, surrogate_function=surrogate.ATan(), detach_reset=True, step_mode="m")


def convolutions(shape: tuple[int, int, int], channels: int) -> nn.Module:
    """conv-BN-LIF, conv-BN-LIF, pool, conv-BN-LIF, conv-BN-LIF, pool, linear."""

    def block() -> list[nn.Module]:
        conv = layer.Conv2d(channels, channels, 3, padding=1, bias=False, step_mode="m")
        return [conv, layer.BatchNorm2d(channels, step_mode="m"), lif()]

    stem = [
        nn.Conv2d(shape[0], channels, 3, padding=1, bias=False),
        nn.BatchNorm2d(channels),
        Repeat(),
        lif(),
    ]
    pool = [layer.MaxPool2d(2, step_mode="m") for _ in range(2)]
    features = channels * (shape[1] // 4) * (shape[2] // 4)
    head = [layer.Flatten(start_dim=1, step_mode="m"), layer.Linear(features, CLASSES, step_mode="m")]
    return nn.Sequential(*stem, *block(), pool[0], *block(), *block(), pool[1], *head)


class Size(NamedTuple):
    """A network, its input, and how many steps one timing takes."""

    network: Callable[[], nn.Module]
    batch: int
    shape: tuple[int, int, int]
    steps: int


SIZES = {
    "digits net": Size(lambda: models.build("digits_net", T, (1, 8, 8), CLASSES, 2.0, 0), 64, (1, 8, 8), 20),
    "28x28, 32 channels": Size(lambda: convolutions((1, 28, 28), 32), 32, (1, 28, 28), 1),
    "32x32, 64 channels": Size(lambda: convolutions((3, 32, 32), 64), 32, (3, 32, 32), 1),
}


def with_neurons(model: nn.Module, kind: str) -> nn.Module:
    """``model`` with the neurons of ``kind``."""
    if kind == "Spinetune":
        assert not neurons.fuse(model)
    elif kind != "SpikingJelly":
        places = [name for name, module in model.named_modules() if isinstance(module, neuron.BaseNode)]
        for name in places:
            model.set_submodule(name, nn.ReLU() if kind == "ReLU" else SnnTorch())
    return model


def stepper(size: Size, variant: Variant, device: torch.device) -> Callable[[], None]:
    """A function that makes one training step of a variant on one batch."""
    torch.manual_seed(0)
    layout = torch.channels_last if variant.layout == "channels_last" else torch.contiguous_format
    model = with_neurons(size.network(), variant.kind).to(device).to(memory_format=layout)
    x = torch.rand(size.batch, *size.shape, device=device).contiguous(memory_format=layout)
    y = torch.randint(0, CLASSES, (size.batch,), device=device)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3, fused=True)
    precision = machine.resolve_precision(variant.precision, device)

    def step() -> None:
        with machine.autocast(device, precision):
            loss = F.cross_entropy(model(x).float().mean(0), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        functional.reset_net(model)

    return step


def timed(step: Callable[[], None], steps: int, device: torch.device) -> float:
    """Milliseconds of one step, over ``steps`` of them."""
    started = time.perf_counter()
    for _ in range(steps):
        step()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return (time.perf_counter() - started) / steps * 1e3


def interleaved(name: str, threads: int, rounds: int, device: torch.device) -> dict[str, list[float]]:
    """Milliseconds a step, round by round, of every variant of one size."""
    torch.set_num_threads(threads)
    size = SIZES[name]
    steppers = {variant.label: stepper(size, variant, device) for variant in VARIANTS}
    for step in steppers.values():
        timed(step, 3, device)
    times: dict[str, list[float]] = {label: [] for label in steppers}
    for _ in range(rounds):
        for label, step in steppers.items():
            times[label].append(timed(step, size.steps, device))
    return times


def peak_mib(name: str, variant: Variant, device: torch.device) -> float:
    """How far three steps of a variant raise the peak memory of this process (call in a fresh one)."""
    if device.type == "cuda":
        step = stepper(SIZES[name], variant, device)
        timed(step, 3, device)
        return torch.cuda.max_memory_allocated() / 2**20

    def status(key: str) -> int:
        lines = Path("/proc/self/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith(key)).split()[1])

    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew from what is resident
    before = status("VmRSS")
    timed(stepper(SIZES[name], variant, device), 3, device)
    return (status("VmHWM") - before) / 2**10


def memory(name: str, device: str) -> dict[str, float]:
    """Peak memory of every variant of one size, each in a process of its own."""
    found = {}
    for place, variant in enumerate(VARIANTS):
        command = [sys.executable, __file__, "--device", device, "--sizes", name, "--memory-of", str(place)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=HERE.parent)
        found[variant.label] = float(done.stdout.split()[-1])
    return found


def ratio(times: dict[str, list[float]], over: list[Variant], under: list[Variant]) -> float:
    """Median over rounds of (fastest of ``over``) / (fastest of ``under``)."""
    rounds = zip(*([times[v.label] for v in over + under]), strict=True)
    return median(min(r[: len(over)]) / min(r[len(over) :]) for r in rounds)


def table(facts: dict[str, Any]) -> str:
    """The results as Markdown."""
    lines = [f"`{facts['command']}`, {facts['rounds']} rounds", ""]
    head = ["network", "threads", "SpikingJelly / ours, float32", "SpikingJelly / ours, best"]
    head += ["snnTorch / ours, best", "ours / ReLU, by setting", "memory, ours / SpikingJelly, float32; best"]
    lines += ["| " + " | ".join(head) + " |"]
    lines += ["|---|--:|--:|--:|--:|--:|--:|"]
    for run in facts["runs"]:
        times, peaks = run["step_ms"], facts["peak_mib"].get(run["size"])
        relu = [f"{ratio(times, [a], [b]):.2f}" for a, b in zip(OURS, RELU, strict=True)]
        cells = [run["size"], str(run["threads"])]
        cells += [f"{ratio(times, SPIKINGJELLY, ours):.2f}" for ours in (OURS[:2], OURS)]
        cells += [f"{ratio(times, SNNTORCH, OURS):.2f}", ", ".join(relu)]
        if peaks:
            rival = min(peaks[v.label] for v in SPIKINGJELLY)
            cells += ["; ".join(f"{peaks[v.label] / rival:.2f}" for v in (OURS[1], OURS[3]))]
        lines += ["| " + " | ".join([*cells, *["-"] * (7 - len(cells))]) + " |"]
    lines += [
        "",
        f"Settings: {', '.join(f'{p} {layout}' for p, layout in SETTINGS)}. Ratios are medians.",
        "",
    ]
    lines += [
        "| step, ms (median) | " + " | ".join(f"{r['size']}, {r['threads']} thr." for r in facts["runs"])
    ]
    lines[-1] += " | peak MiB, " + ", ".join(facts["peak_mib"]) + " |"
    lines += ["|---|" + "--:|" * (len(facts["runs"]) + 1)]
    for variant in VARIANTS:
        cells = [f"{median(run['step_ms'][variant.label]):.4g}" for run in facts["runs"]]
        cells += [", ".join(f"{peaks[variant.label]:.0f}" for peaks in facts["peak_mib"].values())]
        lines += [f"| {variant.label} | " + " | ".join(cells) + " |"]
    told = ("device", "machine", "load", "versions", "commit", "date")
    return "\n".join([*lines, "", *(f"- {name}: {json.dumps(facts[name])}" for name in told), ""])


def main() -> None:
    """Measure, print the table, write the results."""
    parser = argparse.ArgumentParser(description="A training step beside SpikingJelly, snnTorch and ReLU.")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--threads", type=int, nargs="+", default=[2, 1])
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--sizes", nargs="+", default=list(SIZES), choices=list(SIZES))
    parser.add_argument("--no-memory", action="store_true", help="leave the peak memory out")
    parser.add_argument("--memory-of", type=int, help="print the peak memory of one variant, by its place")
    given = parser.parse_args()
    device = torch.device(given.device)
    torch.set_flush_denormal(True)  # for everyone
    if given.memory_of is not None:
        torch.set_num_threads(given.threads[0])
        print(peak_mib(given.sizes[0], VARIANTS[given.memory_of], device))
        return
    facts: dict[str, Any] = {
        "command": shlex.join(["python", "benchmarks/step_speed.py", *sys.argv[1:]]),
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "commit": provenance.commit(),
        "device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
        "machine": provenance.machine(),
        "load": round(os.getloadavg()[0], 2),
        "versions": provenance.versions() | {"snntorch": snntorch.__version__},
        "rounds": given.rounds,
        "peak_mib": {} if given.no_memory else {name: memory(name, given.device) for name in given.sizes},
        "runs": [],
    }
    for threads in given.threads if device.type == "cpu" else [1]:
        for name in given.sizes:
            times = interleaved(name, threads, given.rounds, device)
            facts["runs"].append({"size": name, "threads": threads, "step_ms": times})
    name = "step_speed" if device.type == "cpu" else "step_speed_cuda"
    (HERE / "results").mkdir(exist_ok=True)
    (HERE / "results" / f"{name}.json").write_text(json.dumps(facts, indent=1) + "\n")
    (HERE / "results" / f"{name}.md").write_text(table(facts))
    print(table(facts))


if __name__ == "__main__":
    main()
