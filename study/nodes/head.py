"""Answers of the agent from any node's shell: a task on the head, which has the study folders."""

from __future__ import annotations

from collections.abc import Iterator

from study.remote import agent
from study.remote.agent import Frame
from trainables.errors import ConfigError


def ask(request: Frame) -> Iterator[Frame]:
    """The agent's frames; Ray is connected."""
    import ray
    from ray import cloudpickle
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    heads = [
        node["NodeID"]
        for node in ray.nodes()
        if node["Alive"] and "node:__internal_head__" in node["Resources"]
    ]
    if not heads:
        raise ConfigError(["address: the cluster has no head now; try again"])
    cloudpickle.register_pickle_by_value(agent)  # the head may have no such module, or an older one
    remote = ray.remote(agent.answers).options(
        num_cpus=0,  # beside the trials, however full the head is
        num_returns="streaming",
        max_retries=0,
        scheduling_strategy=NodeAffinitySchedulingStrategy(heads[0], soft=False),
    )
    stream = remote.remote(request)
    try:
        for reference in stream:
            yield ray.get(reference)
    except ray.exceptions.RayError as error:
        raise OSError(str(error).strip().splitlines()[0]) from None
    finally:
        ray.cancel(stream)
