"""Pruning methods by name, each attached from outside to the weights of any ``nn.Module``.

A method puts a ``torch.nn.utils.parametrize`` map between every prunable layer and its weight: the layer
keeps its original parameter theta and reads its weight as ``map(theta)``. So any network can be pruned
without knowing it. Weights are read once per layer and forward pass, also over T steps (multi-step layers
fold T into the batch), so ``parametrize.cached`` would save nothing.

To add a pruner: write one class in a file of this folder, see ``base.Pruner`` for what it may fill in, and
add one row to ``PRUNERS``.
"""

from __future__ import annotations

from typing import Any

from torch import nn
from torch.nn.utils import parametrize

from trainables.pruners import neuron_masks
from trainables.pruners.admm import ADMM
from trainables.pruners.agp import AGP
from trainables.pruners.base import Moment, Pruner, Spines
from trainables.pruners.deep_r import DeepR
from trainables.pruners.dense import Dense
from trainables.pruners.drop_grow import SET, RigL
from trainables.pruners.grad_r import GradR
from trainables.pruners.layers import PRUNABLE, bake, prunable
from trainables.pruners.learned import STR
from trainables.pruners.nspdi import NSPDI
from trainables.pruners.st import ST
from trainables.pruners.stds import STDS
from trainables.pruners.upr import UPR

__all__ = ["PRUNABLE", "PRUNERS", "Moment", "Pruner", "Spines", "attach", "bake", "neuron_masks", "prunable"]

# set and str are files drop_grow and learned: a module of that name here would hide the builtin.
PRUNERS: dict[str, type[Pruner[Any]]] = {
    "dense": Dense,
    "stds": STDS,
    "st": ST,
    "nspdi": NSPDI,
    "str": STR,
    "grad_r": GradR,
    "deep_r": DeepR,
    "agp": AGP,
    "admm": ADMM,
    "set": SET,
    "rigl": RigL,
    "upr": UPR,
}


def attach(model: nn.Module, name: str, options: Any, geometry: Any) -> Pruner[Any]:
    """Put the pruner called ``name`` between every prunable layer and its weight.

    ``options``: the ``TrainConfig`` (attributes named in the pruner's ``fields``). ``geometry``: has
    ``uses``, synapses per weight by layer name, and ``shape``, one input sample. Build the optimiser
    afterwards, for some methods have parameters of their own. Initialise weights before: ``nn.init`` on a
    weight that is already parametrised is silently lost. Draws no random numbers; ``Pruner.start`` may.
    """
    layers = prunable(model, options.exempt)
    if not layers:
        raise ValueError(f"{type(model).__name__} has no convolution or linear layer to prune")
    spines = []
    for layer_name, layer in layers.items():
        theta: Any = layer.weight
        spines.append(Spines(layer_name, layer, theta, geometry.uses[layer_name].to(theta.device)))
    pruner = PRUNERS[name](spines, options)
    for one in spines:
        map_ = pruner.map(one).to(one.theta)  # device, and float64 where the network has it
        parametrize.register_parametrization(one.layer, "weight", map_)
        pruner.maps.append(map_)
    pruner.equip(model, geometry)
    return pruner
