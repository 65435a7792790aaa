"""Networks by name, and any network by import path.

A builder takes the number of time steps, the image shape, the number of classes and the membrane time
constant, and returns a module that maps images [N, C, H, W] or frames [T, N, C, H, W] to class activity
[T, N, classes]. Static images enter as a constant current; the first convolution sees the same image in
every step and is therefore computed once and repeated T times, as in STDS. Every weight is that of a plain
convolution or linear layer, so pruners find them all, and the networks are plain sequences of layers where
their kind allows, so exporters can walk them.

To add a network: write one function in a file of this folder and add one row to ``MODELS``. What it takes
besides the four is keyword-only and annotated: the names, defaults and limits of ``network_args``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, ValidationError, create_model
from torch import nn

from trainables.errors import ConfigError, require_known, unknown
from trainables.imports import IMPORT_PATH
from trainables.models import zoo
from trainables.models.digits_net import digits_net
from trainables.models.imported import build_imported
from trainables.models.mlp import mlp
from trainables.models.parts import VOTERS, DirectEncoding, Shape, lif, reset
from trainables.models.sixconv import sixconv

__all__ = [
    "MODELS",
    "VOTERS",
    "DirectEncoding",
    "Network",
    "Shape",
    "build",
    "digits_net",
    "lif",
    "require_network",
    "reset",
]


@dataclass(frozen=True)
class Network:
    """A builder, where it comes from, and its size at home: on images of ``shape`` with ``classes``.

    ``weights`` counts the weights of convolutions and linear layers (no biases, no BN), ``neurons`` the
    spiking ones. ``smallest``: the smallest side of an image that leaves the last pooling something.
    """

    builder: Callable[..., nn.Module]
    source: str
    shape: Shape
    classes: int
    weights: int
    neurons: int
    smallest: int = 1

    def __call__(self, timesteps: int, shape: Shape, classes: int, tau: float, **args: Any) -> nn.Module:
        """The network, for images of ``shape``; ConfigError for images or arguments it does not take."""
        if min(shape[1:]) < self.smallest:
            size, least = "x".join(map(str, shape[1:])), self.smallest
            raise ConfigError(
                [f"network: its poolings leave nothing of {size} images; nearest valid: {least}x{least}"]
            )
        return self.builder(timesteps, shape, classes, tau, **self.checked(args))

    def checked(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """``args`` in the types of the builder's keyword-only parameters; ConfigError with all problems."""
        fields, model = _arguments(self.builder)
        try:
            values = model.model_validate(args)
        except ValidationError as error:
            raise ConfigError([_problem(detail, fields) for detail in error.errors()]) from None
        return {name: getattr(values, name) for name in fields}


@cache  # a search checks a config for every suggestion, and pydantic takes milliseconds to make a model
def _arguments(builder: Callable[..., nn.Module]) -> tuple[dict[str, Any], type[BaseModel]]:
    """Keyword-only parameters of a builder, type and default of each, and the model that checks them."""
    parameters = inspect.signature(builder, eval_str=True).parameters.values()
    fields = {p.name: (p.annotation, p.default) for p in parameters if p.kind is p.KEYWORD_ONLY}
    model: type[BaseModel] = create_model("Arguments", __config__=ConfigDict(extra="forbid"), **fields)  # type: ignore[call-overload]
    return fields, model


def _problem(detail: Any, fields: Mapping[str, Any]) -> str:
    key = ".".join(map(str, detail["loc"]))
    if detail["type"] == "extra_forbidden":
        return "network_args: " + unknown("argument", key, fields)
    default = fields[detail["loc"][0]][1]
    rule = detail["msg"][:1].lower() + detail["msg"][1:]
    return f"network_args.{key}: got {detail['input']!r}, {rule}; the default is {default!r}"


_STDS = "Chen et al. ICML 2022 (STDS)"
_SEW = "Fang et al. NeurIPS 2021, from SpikingJelly; STDS on ImageNet"
_VGG = "Simonyan and Zisserman ICLR 2015, from SpikingJelly"
_PHOTO: Shape = (3, 224, 224)

MODELS: dict[str, Network] = {
    "digits_net": Network(
        digits_net, f"6conv2fc in small; {_STDS}", (1, 8, 8), 10, weights=33_936, neurons=612, smallest=4
    ),
    "6conv2fc": Network(
        sixconv, f"{_STDS}, CIFAR-10", (3, 32, 32), 10, weights=36_715_264, neurons=985_188, smallest=4
    ),
    "sew_resnet18": Network(zoo.sew_resnet18, _SEW, _PHOTO, 1000, weights=11_678_912, neurons=2_483_712),
    "sew_resnet34": Network(zoo.sew_resnet34, _SEW, _PHOTO, 1000, weights=21_779_648, neurons=3_738_112),
    "spiking_vgg11_bn": Network(
        zoo.spiking_vgg11_bn, _VGG, _PHOTO, 1000, weights=132_851_392, neurons=7_434_240, smallest=32
    ),
    "spiking_vgg16_bn": Network(
        zoo.spiking_vgg16_bn, _VGG, _PHOTO, 1000, weights=138_344_128, neurons=13_555_712, smallest=32
    ),
    "mlp": Network(mlp, "fully connected", (1, 28, 28), 10, weights=226_304, neurons=356),
}


def require_network(name: str) -> str:
    """``name``, or a ValueError with the nearest network; an import path is held to its form alone."""
    if ":" not in name:
        return require_known("network", name, MODELS)
    if not IMPORT_PATH.fullmatch(name):
        raise ValueError(f"network: got {name!r}, an import path is package.module:Name, e.g. mynet:Net")
    return name


def build(
    name: str,
    timesteps: int,
    shape: Shape,
    classes: int,
    tau: float,
    seed: int,
    args: Mapping[str, Any] | None = None,
) -> nn.Module:
    """The network called ``name``, initialised from ``seed`` without touching the global random state.

    ``args`` go to the builder as keyword arguments. A name with a colon is an import path,
    ``package.module:Name``, of a user's module or factory: see :func:`build_imported`.
    """
    require_network(name)
    # Not torch.manual_seed: it would reseed every GPU too, which nothing here gives back.
    with torch.random.fork_rng(devices=[]):
        if ":" in name:
            return build_imported(name, timesteps, shape, classes, seed, args or {})
        torch.default_generator.manual_seed(seed)
        return MODELS[name](timesteps, shape, classes, tau, **(args or {}))
