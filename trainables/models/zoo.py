"""Residual and VGG networks from SpikingJelly's model zoo, with a stem that is computed once an image.

The zoo's networks take frames of three colours. Here their first convolution and its BN become a stem for
any number of colours, computed once for a static image as the authors of STDS do (ImageNet/sew_resnet.py:
one 7 x 7 convolution for T steps), and what follows stays the zoo's own modules under their own names.
"""

from __future__ import annotations

from collections import OrderedDict
from itertools import pairwise
from typing import Annotated, Any

from pydantic import Field
from spikingjelly.activation_based import functional, layer, neuron, surrogate
from torch import nn

from trainables.models.parts import DirectEncoding, Shape, Share, Width, he

Widths = Annotated[tuple[Width, ...], Field(max_length=64)]


# The zoo is imported where it is used: with what it imports it costs a process 0.1 s.


def _sew_resnet(name: str, timesteps: int, shape: Shape, classes: int, zero_init_residual: bool) -> nn.Module:
    from spikingjelly.activation_based.model import sew_resnet

    net: Any = getattr(sew_resnet, name)(
        cnf="ADD",
        spiking_neuron=neuron.IFNode,
        num_classes=classes,
        zero_init_residual=zero_init_residual,
        surrogate_function=surrogate.ATan(),
        detach_reset=True,
    )
    functional.set_step_mode(net, "m")
    stem = nn.Sequential(nn.Conv2d(shape[0], 64, 7, stride=2, padding=3, bias=False), nn.BatchNorm2d(64))
    parts: OrderedDict[str, nn.Module] = OrderedDict(conv1=DirectEncoding(he(stem), timesteps))
    for name in ("sn1", "maxpool", "layer1", "layer2", "layer3", "layer4", "avgpool"):
        parts[name] = getattr(net, name)
    parts["flat"] = layer.Flatten(start_dim=1, step_mode="m")
    parts["fc"] = net.fc
    return nn.Sequential(parts)


def sew_resnet18(
    timesteps: int, shape: Shape, classes: int, tau: float, *, zero_init_residual: bool = False
) -> nn.Module:
    """SEW-ResNet18 (Fang et al. NeurIPS 2021), ADD, as STDS uses it on ImageNet: IF neurons without ``tau``.

    Stem of stride 4, made for 224 x 224 images. The outputs of the last linear layer are the activity:
    logits of every step, of which STDS takes the mean over time.
    """
    return _sew_resnet("sew_resnet18", timesteps, shape, classes, zero_init_residual)


def sew_resnet34(
    timesteps: int, shape: Shape, classes: int, tau: float, *, zero_init_residual: bool = False
) -> nn.Module:
    """SEW-ResNet34: as :func:`sew_resnet18` with 3, 4, 6 and 3 blocks."""
    return _sew_resnet("sew_resnet34", timesteps, shape, classes, zero_init_residual)


def _spiking_vgg(
    letter: str, timesteps: int, shape: Shape, classes: int, tau: float, hidden: Widths, dropout: float
) -> nn.Module:
    from spikingjelly.activation_based.model import spiking_vgg

    constants = {"tau": tau, "surrogate_function": surrogate.ATan(), "detach_reset": True}
    layers = spiking_vgg.SpikingVGG.make_layers(
        spiking_vgg.cfgs[letter], batch_norm=True, neuron=neuron.LIFNode, **constants
    )
    functional.set_step_mode(layers, "m")
    stem = nn.Sequential(nn.Conv2d(shape[0], 64, 3, padding=1), nn.BatchNorm2d(64))
    # The zoo makes it 7 x 7 whatever it is: of a 32 x 32 image it would copy the one pixel left 49 times.
    side = [min(7, size // 32) for size in shape[1:]]
    widths = [512 * side[0] * side[1], *hidden, classes]
    head: list[nn.Module] = [layer.AdaptiveAvgPool2d(side), layer.Flatten(start_dim=1)]
    for before, after in pairwise(widths[:-1]):
        head += [layer.Linear(before, after), neuron.LIFNode(**constants), layer.Dropout(dropout)]
    head.append(layer.Linear(widths[-2], classes))
    classifier = nn.Sequential(*head)
    functional.set_step_mode(classifier, "m")
    # Not the zoo's normal(0, 0.01) for linear layers: under it no hidden neuron fires at first.
    return nn.Sequential(
        OrderedDict(
            conv1=DirectEncoding(he(stem), timesteps),
            features=he(layers[2:]),
            classifier=he(classifier),
        )
    )


def spiking_vgg11_bn(
    timesteps: int,
    shape: Shape,
    classes: int,
    tau: float,
    *,
    hidden: Widths = (4096, 4096),
    dropout: Share = 0.5,
) -> nn.Module:
    """VGG-11 with BN (Simonyan and Zisserman 2015, column A) and LIF neurons; logits as activity.

    ``hidden`` are the widths of the FC layers before the last: ``[]`` is the form used for CIFAR.
    """
    return _spiking_vgg("A", timesteps, shape, classes, tau, hidden, dropout)


def spiking_vgg16_bn(
    timesteps: int,
    shape: Shape,
    classes: int,
    tau: float,
    *,
    hidden: Widths = (4096, 4096),
    dropout: Share = 0.5,
) -> nn.Module:
    """VGG-16 with BN (column D): the network of most papers on lottery tickets in spiking networks."""
    return _spiking_vgg("D", timesteps, shape, classes, tau, hidden, dropout)
