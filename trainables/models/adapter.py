"""Fits a network from elsewhere to the contract: images or frames in, activity [T, N, classes] out."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import torch
from spikingjelly.activation_based import functional, layer
from torch import Tensor, nn

from trainables.errors import ConfigError, said
from trainables.models.parts import Shape, reset

# functional.set_step_mode leaves what is inside these alone.
CONTAINERS = (
    layer.StepModeContainer,
    layer.MultiStepContainer,
    layer.SeqToANNContainer,
    layer.TLastMultiStepContainer,
    layer.TLastSeqToANNContainer,
    layer.ElementWiseRecurrentContainer,
    layer.LinearRecurrentContainer,
)


class Adapter(nn.Module):
    """``net`` behind the contract: images [N, C, H, W] or frames [T, N, C, H, W] -> [T, N, classes].

    ``way`` is how the network is called:
        sequence: once, with frames; images are repeated T times
        steps:    T times, with images, its states going on from one to the next
        images:   once, with images, which it repeats itself
    A network that answers [N, classes], the mean over its steps, counts as one step: [1, N, classes].
    """

    def __init__(self, net: nn.Module, timesteps: int, way: str) -> None:
        super().__init__()
        self.net, self.timesteps, self.way = net, timesteps, way

    def forward(self, x: Tensor) -> Tensor:
        """Class activity [T, N, classes], or [1, N, classes] of a network that answers with its mean."""
        if self.way == "images" and x.dim() == 5:
            problem = "network: takes images [N, C, H, W] only, the data are frames [T, N, C, H, W]"
            raise ConfigError([problem])
        if self.way != "images" and x.dim() == 4:
            # A copy, not a view: networks from elsewhere may write into their input.
            x = x.repeat(self.timesteps, 1, 1, 1, 1)
        activity: Tensor = (
            torch.stack([self.net(frame) for frame in x]) if self.way == "steps" else self.net(x)
        )
        return activity if activity.dim() == 3 else activity.unsqueeze(0)

    def extra_repr(self) -> str:
        """For print(model)."""
        return f"timesteps={self.timesteps}, way={self.way}"


def adapt(name: str, net: nn.Module, timesteps: int, shape: Shape, classes: int) -> nn.Module:
    """``net`` itself where it obeys the contract, else an :class:`Adapter` around it.

    How it has to be called is found by forward passes on zeros (without gradient, in evaluation mode):

    1. images and frames both give [T, N, classes]: as it is
    2. it answers images with a time axis and does not take frames: with images
    3. modules in SpikingJelly's step mode 's', or none that has a step mode and images give no time axis but
       frames do: as a sequence (in mode 'm') where that computes the same, else step by step
    4. it takes frames: as a sequence
    5. it takes images: once if it has modules in step mode 'm', else step by step

    ConfigError when every pass fails, and when the answer has not one output per class.
    """
    samples = 2 if timesteps != 2 else 3  # T and N must not be mistaken for each other
    images = torch.zeros(samples, *shape)
    from_images, from_frames = _answer(net, images), _answer(net, images.repeat(timesteps, 1, 1, 1, 1))
    obedient = (timesteps, samples, classes)
    if getattr(from_images, "shape", None) == getattr(from_frames, "shape", None) == obedient:
        return net
    way = _way(net, shape, _axes(from_images, samples), _axes(from_frames, samples))
    adapted = Adapter(net, timesteps, way)
    answer = _answer(adapted, images)
    if not _axes(answer, samples):
        raise ConfigError(
            [f"network {name}: {_complaint(from_images if way == 'steps' else answer, images, way)}"]
        )
    if answer.shape[2] != classes:
        outputs, rule = answer.shape[2], "it is told in network_args, e.g. num_classes"
        raise ConfigError([f"network {name}: has {outputs} outputs, the data have {classes} classes; {rule}"])
    return adapted


def _way(net: nn.Module, shape: Shape, axes_of_images: int, axes_of_frames: int) -> str:
    """How to call ``net``, from the axes of its answers (0: none, or no activity); sets its step mode."""
    modes = set(step_modes(net))
    if axes_of_images == 3 and not axes_of_frames:
        return "images"
    if "s" in modes or (not modes and (axes_of_images, axes_of_frames) == (2, 3)):
        if not _runs_multi_step(net, shape):
            return "steps"
        functional.set_step_mode(net, "m")
        return "sequence"
    if axes_of_frames:
        return "sequence"
    return "images" if axes_of_images and "m" in modes else "sequence" if "m" in modes else "steps"


def step_modes(net: nn.Module) -> Iterator[str]:
    """The step modes that ``functional.set_step_mode`` would change."""
    mode = getattr(net, "step_mode", None)
    if isinstance(mode, str):
        yield mode
    if not isinstance(net, CONTAINERS):
        for child in net.children():
            yield from step_modes(child)


@torch.no_grad()
def _answer(net: nn.Module, x: Tensor) -> Any:
    """What the network makes of ``x``, or the exception that it raises; it is left as it was."""
    training = net.training
    try:
        return net.eval()(x)
    except Exception as error:
        return error
    finally:
        net.train(training)
        reset(net)


def _runs_multi_step(net: nn.Module, shape: Shape) -> bool:
    """Whether a copy of ``net`` in step mode 'm' answers like the network itself called step by step.

    A network may consist of layers that know both modes and still not know 'm' itself: a forward that says
    ``flatten(1)`` mixes time and batch. Compared in float64 on strong random input: there no spike hangs on
    the order of a sum.
    """
    generator = torch.Generator().manual_seed(0)
    frames = 10 * torch.randn(2, 3, *shape, generator=generator, dtype=torch.float64)
    try:
        double = copy.deepcopy(net).double()
        stepwise = _answer(Adapter(double, 2, "steps"), frames)
        functional.set_step_mode(double, "m")
    except Exception:  # a module that cannot be copied, or has no multi-step mode
        return False
    at_once = _answer(double, frames)
    both_are_tensors = isinstance(stepwise, Tensor) and isinstance(at_once, Tensor)
    return both_are_tensors and stepwise.shape == at_once.shape and torch.allclose(stepwise, at_once)


def _axes(answer: Any, samples: int) -> int:
    """3 of an activity [T, N, K], 2 of its mean [N, K], 0 of anything else; N is ``samples``."""
    fits = isinstance(answer, Tensor) and answer.dim() in (2, 3) and answer.shape[-2] == samples
    return answer.dim() if fits else 0


def _complaint(answer: Any, images: Tensor, way: str) -> str:
    """What is wrong with an answer that is no activity."""
    given = f"a forward pass on zeros {list(images.shape)} ({way})"
    if isinstance(answer, Exception):
        return f"{given} failed: {said(answer)}"
    got = f"a tensor {list(answer.shape)}" if isinstance(answer, Tensor) else f"a {type(answer).__name__}"
    return f"{given} gave {got}; must give [T, {len(images)}, classes] or [{len(images)}, classes]"
