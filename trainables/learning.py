"""Losses and optimisers by name.

To add one: write one function and add one row to ``LOSSES`` or ``OPTIMIZERS``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import SGD, Adam, Optimizer


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

# (parameters, learning rate, momentum, weight decay) -> optimiser
Recipe = Callable[[Iterable[nn.Parameter], float, float, float], Optimizer]


def adam(parameters: Iterable[nn.Parameter], lr: float, momentum: float, weight_decay: float) -> Optimizer:
    """Adam (Kingma and Ba 2015); ``momentum`` is its beta_1, beta_2 is 0.999."""
    return Adam(parameters, lr, betas=(momentum, 0.999), weight_decay=weight_decay, fused=True)


def sgd(parameters: Iterable[nn.Parameter], lr: float, momentum: float, weight_decay: float) -> Optimizer:
    """SGD with heavy-ball momentum, not Nesterov's."""
    return SGD(parameters, lr, momentum=momentum, weight_decay=weight_decay, fused=True)


OPTIMIZERS: dict[str, Recipe] = {"adam": adam, "sgd": sgd}
