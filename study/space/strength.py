"""The pruners' own regularisers: where the search for ``pruner_strength`` starts from."""

from __future__ import annotations

from functools import cache

from trainables.assembly import pruned_network
from trainables.config import TrainConfig
from trainables.pruners import PRUNERS, Pruner


def default_strength(pruner: str, base: TrainConfig) -> float:
    """``pruner_strength`` that a pruner takes on this network where the config has None."""
    method = PRUNERS[pruner]
    if method.regulariser is Pruner.regulariser:
        return method.strength
    changes = {"pruner": pruner, "pruner_strength": None}
    return _attached_strength(base.model_copy(update=changes).model_dump_json())


@cache
def _attached_strength(config: str) -> float:
    """Of a pruner whose strength depends on the network (upr: on its synapses): it must be built."""
    return float(pruned_network(TrainConfig.model_validate_json(config))[2].regulariser)
