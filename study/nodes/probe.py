"""The nodes of a cluster as they stand, and a trial measured on one of each kind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from study.resources import MIB, Measured, Node, Share, to_measure
from trainables.config import TrainConfig
from trainables.errors import ConfigError

PROBE_S = 900.0  # a large data set is read for the first time, kernels are compiled
KIND = "accelerator_type:"


def nodes() -> list[Node]:
    """What Ray may hand out on each node that lives."""
    found = []
    for entry in ray.nodes():
        if not entry["Alive"]:
            continue
        has = entry["Resources"]
        kinds = [name.removeprefix(KIND) for name in has if name.startswith(KIND)]
        found.append(
            Node(
                name=f"{entry['NodeManagerHostname']} ({entry['NodeManagerAddress']})",
                cpus=has.get("CPU", 0.0),
                gpus=has.get("GPU", 0.0),
                memory_mib=has.get("memory", 0.0) / MIB,
                id=entry["NodeID"],
                gpu_kind=kinds[0] if kinds else "",
            )
        )
    return sorted(found, key=lambda node: node.name)


def measure(config: TrainConfig, on: Sequence[Node], share: Share) -> list[Measured]:
    """One trial on one node of each kind, each in a process of its own; ConfigError where none can run."""
    chosen = to_measure(share, on)
    asked = [_start(config, node, share) for node in chosen]
    results = []
    for node, task in zip(chosen, asked, strict=True):
        try:
            done = ray.get(task, timeout=PROBE_S + 60)
        except (ray.exceptions.RayError, TimeoutError) as error:
            done = str(error).strip().splitlines()[-1]
        if isinstance(done, str):
            raise ConfigError(
                [
                    f"resources: one trial was tried on {node.name}, to measure it, and failed: {done}; "
                    "nearest valid: a smaller batch_size or network, or your own numbers (--cpus-per-trial, "
                    "--gpus-per-trial, --memory-gib-per-trial)"
                ]
            )
        results.append(Measured(**done))
    return results


def _start(config: TrainConfig, node: Node, share: Share) -> Any:
    pinned = NodeAffinitySchedulingStrategy(node.id, soft=False)
    needs = {"num_cpus": min(1.0, share.cpus), "num_gpus": 1 if share.gpus else 0}
    task = ray.remote(tried).options(**needs, max_retries=0, scheduling_strategy=pinned)
    return task.remote(config.model_dump(mode="json"), 1.0 if share.gpus else 0.0)


def tried(config: dict[str, Any], gpus: float = 0.0) -> dict[str, float] | str:
    """The measurement of a trial that has so many GPUs, or in one line why there is none."""
    command = [sys.executable, "-m", "study.probe", str(gpus)]
    read, write = os.pipe()  # communicate() would close an input of its own at once
    with subprocess.Popen(
        command, stdin=read, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            os.write(write, json.dumps(config).encode() + b"\n")
            os.close(read)
            said, wrong = process.communicate(timeout=PROBE_S)
        except subprocess.TimeoutExpired:
            return f"no result after {PROBE_S:.0f} s"
        finally:
            os.close(write)  # not before: the end of its input ends the probe, as when this process is killed
            process.kill()
    if process.returncode < 0:
        short = ", as when memory is short" if process.returncode == -9 else ""
        return f"ended by signal {-process.returncode}{short}"
    if process.returncode:
        return (wrong.strip().splitlines() or ["no reason given"])[-1]
    return dict(json.loads(said.splitlines()[-1]))
