"""What a trial gets and how many run at once: arithmetic on the nodes, the spec and a measurement; no Ray."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from study.spec import AUTO, Resources
from trainables.config import TrainConfig
from trainables.errors import ConfigError

MARGIN = 1.2  # memory kept for a trial, in units of what one took: data sets and shapes of spines differ
GPU_SHARE = 0.9  # of a GPU's memory that trials may take
PLENTY = 0.5  # share of a node's memory under which an estimate decides without a measurement
LISTED = 8  # nodes in a message
SOME_GPU = 1e-4  # a part of a GPU of which nothing is known yet: its node has one
MIB = 2**20


@dataclass(frozen=True)
class Node:
    """What Ray may hand out on one machine. Memory is Ray's own share of it, about 70 %."""

    name: str  # host and address
    cpus: float
    memory_mib: float
    gpus: float = 0.0
    id: str = ""
    gpu_kind: str = ""  # as Ray calls it


@dataclass(frozen=True)
class Measured:
    """One trial alone, in a process of its own."""

    memory_mib: float  # the most it had in RAM
    step_s: float  # one optimiser step, median
    gpu_memory_mib: float = 0.0  # the most that torch had reserved, and the context
    gpu_total_mib: float = 0.0  # of the GPU that it ran on
    gpu_busy: float = 1.0  # share of the step in which the GPU computed


@dataclass(frozen=True)
class Share:
    """What every trial gets, and how many run at once."""

    slots: int
    cpus: float
    gpus: float
    memory_mib: int  # kept for it by Ray on its node; 0: none, there is plenty
    why: str

    @property
    def threads(self) -> int:
        """CPU threads of a trial: of half a CPU one."""
        return max(1, int(self.cpus))

    def place(self, train: TrainConfig) -> dict[str, Any]:
        """Fields of a trial's config that say where it runs; no hash and no checkpoint depends on them.

        ``auto`` without a GPU of its own is the CPU. Ray hides no GPU from such a trial (see
        ``cluster.ENVIRONMENT``): all those of a machine would meet on one that nobody counts.
        """
        device = "cpu" if train.device == AUTO and not self.gpus else train.device
        return {"threads": train.threads or self.threads, "device": device}


def estimate_mib(weights: int, neurons: int, timesteps: int, batch: int, data_bytes: int) -> float:
    """Memory that a trial will hardly pass, in MiB, without running it.

    1024 for Python, torch and Ray; the data three times (file, parts, batch); 64 bytes a weight (weight,
    gradient, two moments, pruner, and all of them again in a checkpoint); 64 bytes for each neuron, time
    step and sample of a batch (float32 of: current, potential, spike, normalised, and their gradients, and
    as much again in convolutions). The digits net, 1,104 MiB by this, takes 600 to 700.
    """
    return 1024 + (3 * data_bytes + 64 * weights + 64 * neurons * timesteps * batch) / MIB


def wants_gpu(asked: Resources, device: str, nodes: Sequence[Node]) -> bool:
    """Whether trials run on GPUs: by the number asked for, else by the device and what there is."""
    if asked.gpus_per_trial != AUTO:
        return float(asked.gpus_per_trial) > 0
    return device != "cpu" and any(node.gpus >= 1 for node in nodes)


def needs_probe(asked: Resources, threads: int, device: str, nodes: Sequence[Node], guess_mib: float) -> bool:
    """Whether a measurement can change the answer.

    | asked                        | situation                                               | probe |
    |------------------------------|---------------------------------------------------------|-------|
    | grows                        | any                                                     | no    |
    | GPUs auto                    | trials run on GPUs, more than one at once               | yes   |
    | memory auto                  | estimate x trials that a node's CPUs hold > half of it  | yes   |
    | numbers, or memory is plenty | any                                                     | no    |
    """
    if asked.grows:
        return False
    if asked.gpus_per_trial == AUTO and wants_gpu(asked, device, nodes):
        return asked.slots != 1
    if asked.memory_gib_per_trial != AUTO:
        return False
    gpus = _gpus_asked(asked)
    cpus = _cpus(asked, threads, nodes, gpus)
    counts = [_fit(node, cpus, gpus, 0) for node in nodes]
    if asked.slots:
        counts = [min(count, asked.slots) for count in counts]
    return any(
        count * guess_mib > PLENTY * node.memory_mib for count, node in zip(counts, nodes, strict=True)
    )


def decide(
    asked: Resources, threads: int, device: str, nodes: Sequence[Node], measured: Sequence[Measured] = ()
) -> Share:
    """What a trial gets; ConfigError with the numbers where no node holds one.

    ``measured``: one entry for each kind of GPU, or one; the most demanding counts.

    |            | asked              | gets                                                                |
    |------------|--------------------|---------------------------------------------------------------------|
    | CPUs       | a number           | that number                                                         |
    |            | auto, threads > 0  | its threads                                                         |
    |            | auto, slots > 0    | the most that lets so many run at once, or as many as there is room for, on the nodes that hold one; whole, at least 1 |
    |            | auto               | 1                                                                   |
    | GPUs       | a number           | that number                                                         |
    |            | auto, on CPUs      | 0                                                                   |
    |            | auto, on GPUs      | 1/k, k = min(90 % of a GPU's memory / measured, 1 / measured share of the step that the GPU computes, CPUs of a node / CPUs of a trial / its GPUs), at least 1; not measured: k = 1 |
    | memory     | a number           | that number, kept by Ray                                            |
    |            | auto, measured     | 1.2 times what was measured, kept by Ray where CPUs and GPUs alone would overfill a node |
    |            | auto               | none kept                                                           |
    | slots      | 0                  | sum over nodes of the trials that each holds                        |
    |            | a number           | that number, at most that sum                                       |

    A trial runs on one node, and on one GPU where it gets a part of one: three trials of 0.4 need two GPUs.
    """  # noqa: E501  (a table)
    gpus, reason = _gpus_asked(asked), ""
    if asked.gpus_per_trial == AUTO and wants_gpu(asked, device, nodes):
        gpus, reason = _gpu_part(_cpus(asked, threads, nodes, SOME_GPU), nodes, measured)
    cpus = _cpus(asked, threads, nodes, gpus)
    memory_mib = _memory_asked(asked)
    if asked.memory_gib_per_trial == AUTO and measured:
        need = math.ceil(MARGIN * max(one.memory_mib for one in measured))
        if any(_fit(node, cpus, gpus, 0) > _fit(node, cpus, gpus, need) for node in nodes):
            memory_mib = need
    told = f"{cpus:g} CPUs, {gpus:g} GPUs, {memory_mib / 1024:.1f} GiB a trial"
    if asked.grows:
        return Share(asked.slots, cpus, gpus, math.ceil(memory_mib), f"{told}, as asked: the cluster grows")
    fit = sum(_fit(node, cpus, gpus, memory_mib) for node in nodes)
    if not fit:
        raise ConfigError([_refusal(cpus, gpus, memory_mib, nodes)])
    slots = min(asked.slots or fit, fit)
    cut = f" ({asked.slots} asked)" if asked.slots > fit else ""
    why = "; ".join(filter(None, [f"{slots} at once{cut}: {told}", reason, *map(_said, measured)]))
    return Share(slots, cpus, gpus, math.ceil(memory_mib), why)


def slots(asked: Resources, share: Share, nodes: Sequence[Node]) -> int:
    """Trials of ``share`` that run at once on these nodes; at least 1, at most what was asked."""
    if asked.grows:
        return share.slots
    fit = sum(_fit(node, share.cpus, share.gpus, share.memory_mib) for node in nodes)
    return max(1, min(asked.slots or fit, fit))


def to_measure(share: Share, nodes: Sequence[Node]) -> list[Node]:
    """Nodes on which a trial is measured: one for each kind of GPU, or one, of those that hold a trial the
    one with the most memory. A head that trials stay away from has no CPU for a measurement either.
    """
    kinds: dict[str, Node] = {}
    for node in sorted(nodes, key=lambda node: -node.memory_mib):
        if _fit(node, share.cpus, share.gpus, 0):
            kinds.setdefault(node.gpu_kind if share.gpus else "", node)
    return list(kinds.values())


def _cpus(asked: Resources, threads: int, nodes: Sequence[Node], gpus: float) -> float:
    """CPUs of a trial that gets ``gpus``."""
    if asked.cpus_per_trial != AUTO:
        return float(asked.cpus_per_trial)
    if threads:
        return float(threads)
    if not asked.slots or asked.grows:
        return 1.0
    memory_mib = _memory_asked(asked)

    def together(cpus: float) -> int:
        return sum(_fit(node, cpus, gpus, memory_mib) for node in nodes)

    most = min(asked.slots, together(1))
    largest = int(max((node.cpus for node in nodes), default=1))
    return float(next((cpus for cpus in range(largest, 1, -1) if together(cpus) >= max(1, most)), 1))


def _gpus_asked(asked: Resources) -> float:
    return 0.0 if asked.gpus_per_trial == AUTO else float(asked.gpus_per_trial)


def _memory_asked(asked: Resources) -> float:
    """MiB."""
    return 0.0 if asked.memory_gib_per_trial == AUTO else 1024 * float(asked.memory_gib_per_trial)


def _gpu_part(cpus: float, nodes: Sequence[Node], measured: Sequence[Measured]) -> tuple[float, str]:
    """Part of a GPU that a trial gets, and why."""
    able = [node for node in nodes if node.gpus >= 1 and node.cpus >= cpus]
    limits = [(node.cpus // cpus // node.gpus, "its CPUs") for node in able]
    seen = [one for one in measured if one.gpu_total_mib]
    if not seen or not able:
        return 1.0, "a whole GPU each: not measured"
    for one in seen:
        limits.append((GPU_SHARE * one.gpu_total_mib / max(1.0, MARGIN * one.gpu_memory_mib), "its memory"))
        limits.append((1 / max(0.01, one.gpu_busy), "its time"))
    most, limit = min(limits, key=lambda entry: entry[0])
    together = max(1, int(most))
    return math.floor(1e4 / together) / 1e4, f"{together} trials share a GPU, by {limit}"


def _fit(node: Node, cpus: float, gpus: float, memory_mib: float) -> int:
    """Trials that a node holds at once."""
    counts = [node.cpus / cpus]
    if 0 < gpus < 1:
        counts.append(int(node.gpus) * int(1 / gpus + 1e-9))
    elif gpus:
        counts.append(node.gpus / gpus)
    if memory_mib:
        counts.append(node.memory_mib / memory_mib)
    return int(min(counts) + 1e-9)


def _refusal(cpus: float, gpus: float, memory_mib: float, nodes: Sequence[Node]) -> str:
    """What was asked for beside what each node has, and the largest trial that one of them holds."""
    best = max(nodes, key=lambda node: (node.gpus >= gpus, node.cpus, node.memory_mib), default=None)
    have = [
        f"{node.name} has {node.cpus:g} CPUs, {node.gpus:g} GPUs, {node.memory_mib / 1024:.1f} GiB"
        for node in nodes[:LISTED]
    ]
    more = [f"{len(nodes) - LISTED} more nodes alike or smaller"] if len(nodes) > LISTED else []
    flags = []
    if best is not None:
        if cpus > best.cpus:
            flags.append(f"--cpus-per-trial {best.cpus:g}")
        if gpus > best.gpus:
            flags.append(f"--gpus-per-trial {best.gpus:g}")
        if memory_mib > best.memory_mib:
            flags.append(f"--memory-gib-per-trial {math.floor(best.memory_mib / 102.4) / 10:g}")
    asks = f"{cpus:g} CPUs, {gpus:g} GPUs"
    asks += f", {memory_mib / 1024:.1f} GiB of memory" if memory_mib else ""
    nearest = " ".join(flags) or "a node to run on"
    return f"resources: a trial asks {asks}; {'; '.join([*have, *more])}; nearest valid: {nearest}"


def _said(one: Measured) -> str:
    text = f"measured: {one.memory_mib:.0f} MiB, a step takes {1e3 * one.step_s:.1f} ms"
    if one.gpu_total_mib:
        text += f", {one.gpu_memory_mib:.0f} of {one.gpu_total_mib:.0f} MiB on the GPU, "
        text += f"which computes {one.gpu_busy:.0%} of the time"
    return text
