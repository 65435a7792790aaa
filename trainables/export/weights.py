"""Safetensors: the baked weights, batch norm kept, and all that rebuilds the network; no code inside."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from trainables import models
from trainables.checkpoint import atomically
from trainables.config import TrainConfig, build
from trainables.errors import ConfigError
from trainables.pruners import neuron_masks


def to_safetensors(model: nn.Module, config: TrainConfig, metadata: Mapping[str, str], path: Path) -> None:
    """Write the state of baked ``model`` to ``path``.

    ``metadata`` must hold "shape", a JSON list (C, H, W), and "classes"; the config is added as JSON.
    """
    # Copies: safetensors refuses tensors that share memory, as tied weights do, or that are not contiguous.
    tensors = {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, tensor in model.state_dict().items()
    }
    kept = {"format": "pt", "config": json.dumps(config.model_dump(mode="json")), **metadata}
    atomically(path, lambda scratch: save_file(tensors, scratch, kept))


def from_safetensors(path: Path) -> nn.Module:
    """The network in ``path``, on the CPU, in evaluation mode: the same outputs, bit for bit.

    ConfigError where the file is not one that :func:`to_safetensors` wrote. The data set is not needed.
    """
    try:
        with safe_open(path, "pt") as file:
            metadata: dict[str, Any] = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        config = build(TrainConfig, json.loads(metadata["config"]))
        shape, classes = tuple(json.loads(metadata["shape"])), int(metadata["classes"])
        model = models.build(
            config.network, config.timesteps, shape, classes, config.tau, config.seed, config.network_args
        )
        neuron_masks.install(model, tensors)
        model.load_state_dict(tensors)
    except ConfigError:
        raise
    except OSError as error:
        raise ConfigError([f"{path}: {error.strerror or error}"]) from None
    except (SafetensorError, KeyError, ValueError, RuntimeError, AttributeError):
        raise ConfigError([f"{path}: damaged, or not written by `python -m trainables export`"]) from None
    return model.eval()
