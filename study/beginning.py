"""What is known of a study before its first trial: its description, and what each trial gets."""

from __future__ import annotations

import json
import math
import time
from contextlib import closing
from typing import Any

from study import identity, provenance, resources
from study.agenda import Agenda
from study.outcome import Outcome
from study.search import Search
from study.space import space_hash
from study.spec import AUTO, StudySpec
from study.store import FORMAT
from trainables import cost, machine, metrics, neurons
from trainables.assembly import dataset, pruned_network


def share(spec: StudySpec, described: dict[str, Any], nodes: list[resources.Node]) -> resources.Share:
    """What each trial gets, measured where that can change the answer; ConfigError where none fits."""
    from study.nodes import probe

    asked, train = spec.resources, spec.train
    parts, network = dataset(train), described["network"]
    values = math.prod(parts.shape) * (train.timesteps if parts.temporal else 1)
    guess_mib = resources.estimate_mib(
        network["prunable_weights"],
        network["neurons"],
        train.timesteps,
        train.batch_size,
        4 * values * (len(parts.train) + len(parts.val)),
    )
    share = resources.decide(asked, train.threads, train.device, nodes)  # what cannot fit is not measured
    if resources.needs_probe(asked, train.threads, train.device, nodes, guess_mib):
        config = train.model_copy(update=share.place(train))
        measured = probe.measure(config, nodes, share)
        share = resources.decide(asked, train.threads, train.device, nodes, measured)
    return share


def description(spec: StudySpec, command: str) -> dict[str, Any]:
    """The entries of study.json that are known before the first trial."""
    with closing(Agenda(spec, Search(spec, None), [], [])) as agenda:
        planned = agenda.planned()
    parts = dataset(spec.train)
    model, geometry, _ = pruned_network(spec.train)  # all that can be wrong with it shows here
    device = spec.train.device
    if device == AUTO and spec.resources.gpus_per_trial == 0:
        device = "cpu"  # as Share.place says to the trials
    precision = machine.resolve_precision(spec.train.precision, machine.resolve_device(device))
    neurons.compile_kernels(model, precision)  # once, before many processes want them
    count = cost.connections(model, geometry)
    return {
        "format": FORMAT,
        "name": spec.name,
        "created_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "objectives": list(spec.search.objectives),
        "constraints": list(spec.search.constraints),
        "metrics": metrics.table(),
        "reference_point": Outcome(spec).reference_point,  # the dense arm may have to tell
        "accuracy_floor": spec.search.accuracy_floor,
        "data": {
            "name": spec.train.dataset,
            "classes": parts.classes,
            "train": len(parts.train),
            "val": len(parts.val),
            "test": len(parts.test),
        },
        "network": {
            "name": spec.train.network,
            "prunable_weights": count.weights,
            "synapses": count.synapses,
            "neurons": geometry.neurons,
            "layers": list(geometry.uses),
            "nodes": list(geometry.nodes),
            "precision": str(precision).removeprefix("torch."),
        },
        "chips": cost.chips.table(),  # with their limits: a reader can say by which one a network fails
        "spec": json.loads(spec.model_dump_json()),
        "space_hash": space_hash(spec.space),
        "seed": spec.train.seed,
        "budget": planned,
        "versions": provenance.versions(),
        "commit": provenance.commit(),
        "machine": provenance.machine(),
        "code": identity.code(),
        "command": command,
    }
