"""Which layers are pruned, and how a pruned network becomes a plain one."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from torch import nn
from torch.nn.utils import parametrize

from trainables.errors import ConfigError, unknown
from trainables.pruners import neuron_masks

PRUNABLE = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)


def prunable(model: nn.Module, exempt: Sequence[str] = ()) -> dict[str, nn.Module]:
    """Layers whose weight is pruned, by name: every convolution and linear layer, first and last too.

    ``exempt``: shell patterns of layer names (``fnmatch``) that are left out. ConfigError for a pattern
    that matches none, and where none is left.
    """
    layers: dict[str, nn.Module] = {
        name: layer for name, layer in model.named_modules() if isinstance(layer, PRUNABLE)
    }
    if not exempt:
        return layers
    problems = [
        "exempt: " + unknown("layer", pattern, layers)
        for pattern in exempt
        if not any(fnmatchcase(name, pattern) for name in layers)
    ]
    left = {
        name: layer
        for name, layer in layers.items()
        if not any(fnmatchcase(name, pattern) for pattern in exempt)
    }
    if not left and not problems:
        problems.append(f"exempt: {', '.join(exempt)} leaves no layer to prune of {', '.join(layers)}")
    if problems:
        raise ConfigError(problems)
    return left


def bake(model: nn.Module) -> nn.Module:
    """Replace every parametrised weight by its value, in place: plain layers, zeros where pruned.

    Masks of neurons (UPR) stay as a small module on their spiking node, see ``neuron_masks``: one position
    of a channel can't be folded into a convolution weight, which all positions share.
    """
    for layer in prunable(model).values():
        if parametrize.is_parametrized(layer, "weight"):
            parametrize.remove_parametrizations(layer, "weight", leave_parametrized=True)
    neuron_masks.bake(model)
    return model
