"""The nodes of a cluster as they stand, and a trial measured on one of each kind."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from study.resources import MIB, Measured, Node
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


def measure(config: TrainConfig, on: Sequence[Node], gpu: bool) -> list[Measured]:
    """One trial on one node of each kind, each in a process of its own; ConfigError where none can run."""
    kinds: dict[str, Node] = {}
    for node in on:
        if not gpu or node.gpus >= 1:
            kinds.setdefault(node.gpu_kind if gpu else "", node)
    asked = [_start(config, node, gpu) for node in kinds.values()]
    results = []
    for node, task in zip(kinds.values(), asked, strict=True):
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


def _start(config: TrainConfig, node: Node, gpu: bool) -> Any:
    pinned = NodeAffinitySchedulingStrategy(node.id, soft=False)
    options = {"num_cpus": 1, "num_gpus": 1 if gpu else 0, "max_retries": 0, "scheduling_strategy": pinned}
    return _measure.options(**options).remote(config.model_dump(mode="json"))


@ray.remote
def _measure(config: dict[str, Any]) -> dict[str, float] | str:
    """The measurement, or in one line why there is none."""
    command = [sys.executable, "-m", "study.probe"]
    try:
        done = subprocess.run(
            command, input=json.dumps(config), capture_output=True, text=True, timeout=PROBE_S, check=False
        )
    except subprocess.TimeoutExpired:
        return f"no result after {PROBE_S:.0f} s"
    if done.returncode:
        killed = f"ended by signal {-done.returncode}" + (
            ", as when memory is short" if done.returncode == -9 else ""
        )
        return (
            killed if done.returncode < 0 else (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        )
    return dict(json.loads(done.stdout.splitlines()[-1]))
