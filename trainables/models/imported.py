"""Any network by import path: ``package.module:Name``, a ``torch.nn.Module`` class or a factory of one."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from trainables.errors import ConfigError, said, unknown
from trainables.imports import find, whose
from trainables.models.adapter import adapt
from trainables.models.parts import Shape

# Where functions of libraries do make networks; elsewhere in them are some that fetch files, for example.
FACTORIES = ("spikingjelly.activation_based.model", "torchvision.models", "trainables.models")


def build_imported(
    path: str, timesteps: int, shape: Shape, classes: int, seed: int, args: Mapping[str, Any]
) -> nn.Module:
    """The network that ``path(**args)`` makes, fitted to the contract by :func:`adapter.adapt`.

    It gets what the user gave in ``args`` and nothing else: a factory that wants the number of time steps,
    classes or colours is told them there, e.g. ``{"T": 4, "num_classes": 10}``; ``tau`` does not reach it.

    Modules are looked for where Python does and then in the current folder, so that ``mynet:Net`` is
    ``mynet.py`` beside where the command runs. Ray gives trials the folder of the launch on their search
    path: on a cluster it must be on shared storage, or be uploaded (``ray job submit --working-dir .``), or
    the package be installed on every node. Importing a module runs its code.

    Everything that goes wrong is one ConfigError: no such module, one that fails while it is imported, no
    such name in it, not callable, arguments it refuses, not an ``nn.Module``, and outputs that do not fit.
    So is a function that no network comes from (``imports.whose``): a checkpoint or a study's settings may be
    a stranger's, and nothing that they name is called with their arguments but what makes networks.
    """
    factory = _find(path)
    _check_arguments(path, factory, args)
    # After the import, which may draw numbers, and does so in a process's first network only.
    torch.default_generator.manual_seed(seed)
    try:
        net = factory(**args)
    except Exception as error:
        raise ConfigError([f"network {path}: could not be built: {said(error)}"]) from error
    if not isinstance(net, nn.Module):
        raise ConfigError([f"network {path}: made a {type(net).__name__}; must make a torch.nn.Module"])
    return adapt(path, net, timesteps, shape, classes)


def _find(path: str) -> Callable[..., Any]:
    found = find("network", path)
    if isinstance(found, nn.Module):
        rule = "every trial needs one of its own: name its class or a function that makes it"
        raise ConfigError([f"network {path}: is a network that is built already; {rule}"])
    if not callable(found):
        rule = "must be an nn.Module class or a function that makes one"
        raise ConfigError([f"network {path}: is a {type(found).__name__}; {rule}"])
    if inspect.isclass(found):
        if not issubclass(found, nn.Module):
            raise ConfigError([f"network {path}: is a class {found.__name__}; must be an nn.Module"])
    elif not str(found.__module__).startswith(FACTORIES) and (owner := whose(found)):
        rule = "write a function of your own that calls it"
        raise ConfigError([f"network {path}: is a function of {owner}, which has no networks; {rule}"])
    factory: Callable[..., Any] = found
    return factory


def _check_arguments(path: str, factory: Callable[..., Any], args: Mapping[str, Any]) -> None:
    """ConfigError for keywords that the factory does not know, and for those it needs and did not get."""
    try:
        parameters = inspect.signature(factory).parameters.values()
    except ValueError:  # some builtins have no signature: calling them will tell
        return
    named = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    names = [p.name for p in named]
    problems = []
    if not any(p.kind is p.VAR_KEYWORD for p in parameters):
        problems = [unknown("argument", key, names) for key in args if key not in names]
    needed = [p.name for p in named if p.default is p.empty and p.name not in args]
    problems += [f"argument {key!r} is needed and was not given" for key in needed]
    if problems:
        raise ConfigError([f"network {path}: network_args: {problem}" for problem in problems])
