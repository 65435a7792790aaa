"""Losses and optimisers by name.

To add one: write one function and add one row to ``LOSSES`` or ``OPTIMIZERS``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrize
from torch.optim import SGD, Adam, Optimizer

from trainables.pruners import neuron_masks


def mean_rate_mse(rates: Tensor, labels: Tensor) -> Tensor:
    """Mean squared error of class firing rates [N, classes] against one-hot labels [N]: STDS on CIFAR-10."""
    return F.mse_loss(rates, F.one_hot(labels, rates.shape[1]).to(rates.dtype))


def cross_entropy(activity: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of mean activities [N, classes], taken as logits, and labels [N]: STDS on ImageNet."""
    return F.cross_entropy(activity, labels)


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "mse": mean_rate_mse,
    "cross_entropy": cross_entropy,
}

Group = dict[str, Any]
Parameters = Iterable[nn.Parameter] | list[Group]

# (parameters, learning rate, momentum, weight decay) -> optimiser
Recipe = Callable[[Parameters, float, float, float], Optimizer]


def groups(model: nn.Module) -> list[Group]:
    """The network's own parameters, and those a pruner has put into it, which weight decay leaves alone.

    Decay would drive gates (UPR) to where they are half open and add to the one that STR's thresholds have:
    under Adam, which takes the size out, at the whole learning rate however small the decay.
    """
    learned = [
        parameter
        for module in model.modules()
        if isinstance(module, parametrize.ParametrizationList)
        for map_ in module
        for parameter in map_.parameters()
    ]
    learned += [
        parameter
        for _, node in neuron_masks.gated(model)
        for parameter in node.get_submodule(neuron_masks.NAME).parameters()
    ]
    theirs = {id(parameter) for parameter in learned}
    own = [parameter for parameter in model.parameters() if id(parameter) not in theirs]
    return [{"params": own}] + ([{"params": learned, "weight_decay": 0.0}] if learned else [])


def adam(parameters: Parameters, lr: float, momentum: float, weight_decay: float) -> Optimizer:
    """Adam (Kingma and Ba 2015); ``momentum`` is its beta_1, beta_2 is 0.999."""
    return Adam(parameters, lr, betas=(momentum, 0.999), weight_decay=weight_decay, fused=True)


def sgd(parameters: Parameters, lr: float, momentum: float, weight_decay: float) -> Optimizer:
    """SGD with heavy-ball momentum, not Nesterov's."""
    return SGD(parameters, lr, momentum=momentum, weight_decay=weight_decay, fused=True)


OPTIMIZERS: dict[str, Recipe] = {"adam": adam, "sgd": sgd}
