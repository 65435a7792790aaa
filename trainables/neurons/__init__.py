"""``fuse``: the nodes of any SpikingJelly model run on compiled kernels, and ``unfuse``.

SpikingJelly runs the membrane equations as a Python loop over some thirty tensor operations a step; here
each direction is one kernel (``kernels.c``). Equations and what is kept for backward: ``multi_step.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from spikingjelly.activation_based import neuron
from torch import Tensor, nn

from trainables.neurons.compiled import Kernels, kernels
from trainables.neurons.dynamics import Dynamics, Kind, dynamics, settings
from trainables.neurons.multi_step import multi_step

__all__ = ["Dynamics", "Kind", "compile_kernels", "dynamics", "fuse", "kernels", "multi_step", "unfuse"]


def fuse(model: nn.Module) -> dict[str, str]:
    """Put the kernels under every multi-step IF, LIF and parametric LIF node of ``model``, in place.

    Returns the spiking nodes left alone, by name, each with the reason. States and their reset stay
    SpikingJelly's: ``functional.reset_net(model)`` before the next sequence. Spikes are SpikingJelly's to
    the bit in float32. Input of other dtypes than float32 and bfloat16, a device without kernels, and a
    node changed later to what has no kernel run SpikingJelly's own code. :func:`unfuse` undoes it.
    """
    left = {}
    for name, node in model.named_modules():
        if isinstance(node, neuron.BaseNode):
            constants = dynamics(node)
            if isinstance(constants, str):
                left[name] = constants
            else:
                # Set on the instance: the class, and with it isinstance and state_dict, stays what it was.
                node.multi_step_forward = _Fused(node)
    return left


def unfuse(model: nn.Module) -> None:
    """Give every node its own ``multi_step_forward`` back."""
    for node in model.modules():
        if isinstance(node.__dict__.get("multi_step_forward"), _Fused):
            del node.multi_step_forward


def compile_kernels(model: nn.Module, *dtypes: torch.dtype) -> None:
    """Compile what the nodes of ``model`` need on a CPU, before many processes want it at once."""
    for node in model.modules():
        constants = dynamics(node) if isinstance(node, neuron.BaseNode) else ""
        if isinstance(constants, Dynamics):
            for dtype in dtypes or (torch.float32,):
                kernels(constants.kind, dtype, torch.device("cpu"))


@dataclass
class _Fused:
    """Stands in for one node's ``multi_step_forward``."""

    node: Any
    known: Any = None  # settings, dtype and device of the last call
    plan: tuple[Dynamics, Kernels] | None = None  # and what they led to

    def __call__(self, x: Tensor, *args: Any, **kwargs: Any) -> Any:
        node = self.node
        key = (settings(node), x.dtype, x.device)
        if key != self.known:  # the first call, or a schedule has moved a constant
            k = dynamics(node)
            run = None if isinstance(k, str) else kernels(k.kind, x.dtype, x.device)
            self.known, self.plan = key, None if run is None or isinstance(k, str) else (k, run)
        if self.plan is None:
            return type(node).multi_step_forward(node, x, *args, **kwargs)
        k, run = self.plan
        v = node._memories["v"]
        if isinstance(v, Tensor):  # SpikingJelly starts from rest again after a change of shape
            v = v.to(x.device) if v.shape == x.shape[1:] else k.rest
        w = node._parameters["w"] if k.kind.learned else None
        spikes, node._memories["v"] = multi_step(x, v, w, k, run)
        return spikes
