"""What the networks are put together from, and what every network needs: spiking nodes, stem, reset."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from spikingjelly.activation_based import neuron, surrogate
from torch import Tensor, nn

Shape = tuple[int, int, int]  # (C, H, W) of one image or one frame
Width = Annotated[int, Field(ge=1, le=65_536)]  # channels or neurons of one layer
Share = Annotated[float, Field(ge=0, lt=1)]

VOTERS = 10  # output neurons per class; their mean is the class's activity (STDS uses 10)


def lif(tau: float) -> nn.Module:
    """The neuron of STDS on CIFAR-10: LIF with ATan surrogate gradient and detached reset."""
    node: nn.Module = neuron.LIFNode(
        tau, surrogate_function=surrogate.ATan(), detach_reset=True, step_mode="m"
    )
    return node


class DirectEncoding(nn.Module):
    """[N, C, H, W] -> [T, N, *]: a stateless stem, applied once; its output is a constant current.

    Frames [T, N, C, H, W] bring their own time axis: the stem is applied to each. Its layers are plain
    ``torch.nn`` ones, which no ``functional.set_step_mode`` can turn into layers that expect a time axis.
    """

    def __init__(self, stem: nn.Module, timesteps: int) -> None:
        super().__init__()
        self.stem = stem
        self.timesteps = timesteps

    def forward(self, x: Tensor) -> Tensor:
        """Of images, a view: the T copies share their memory."""
        if x.dim() == 5:
            frames: Tensor = self.stem(x.flatten(0, 1))
            return frames.reshape(*x.shape[:2], *frames.shape[1:])
        current: Tensor = self.stem(x)
        return current.expand(self.timesteps, *current.shape)


def reset(model: nn.Module) -> None:
    """Forget the last sequence: call ``reset()`` of every module that has one, a user's own included.

    The walk of SpikingJelly's ``functional.reset_net``, which also logs a line for every module that is not
    its own, and remembers a model's modules from the first call on, also when they have been replaced since.
    """
    for module in model.modules():
        forget = getattr(module, "reset", None)
        if callable(forget):
            forget()


def he(module: nn.Module) -> nn.Module:
    """He initialisation (2015) of every convolution (fan out, as in ResNet) and linear layer, biases 0."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(layer, nn.Linear):
            nn.init.kaiming_normal_(layer.weight, mode="fan_in", nonlinearity="relu")
        else:
            continue
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
    return module
