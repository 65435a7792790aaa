"""Multi-step IF and LIF neurons as two pure tensor functions, and ``fuse``: SpikingJelly's nodes run on them.

Membrane equations, hard reset to ``rest`` or soft reset by the threshold, for t = 1 .. T:

    charge    h[t] = v[t-1] + x[t]                                   IF
              h[t] = v[t-1] + (x[t] - (v[t-1] - rest)) / tau         LIF, input decays
              h[t] = v[t-1] - (v[t-1] - rest) / tau + x[t]           LIF, input kept
    fire      s[t] = 1 if h[t] >= threshold else 0
    reset     v[t] = rest if s[t] else h[t]   (hard)      v[t] = h[t] - s[t] threshold   (soft)

Backward, with the ATan surrogate ds/dh = (alpha/2) / (1 + (pi alpha/2 (h - threshold))^2) (Fang et al.
ICCV 2021): dL/dh[t] = dL/ds[t] ds/dh + dL/dv[t] dv/dh. Only h is kept for it. SpikingJelly runs these
lines as a Python loop over some thirty tensor operations a step; here each direction is one kernel.
"""

from __future__ import annotations

import ctypes
import math
from dataclasses import dataclass
from typing import Any

import torch
from spikingjelly.activation_based import neuron, surrogate
from torch import Tensor, nn

from trainables import native

MODES = {"if": 0, "lif": 1, "lif_input_kept": 2}


@dataclass(frozen=True)
class Dynamics:
    """Constants of one layer of neurons; ``rest`` is also the hard reset's target."""

    mode: str = "lif"
    tau: float = 2.0
    threshold: float = 1.0
    rest: float = 0.0
    hard: bool = True
    detach: bool = True
    alpha: float = 2.0


def lif_forward(x: Tensor, v0: Tensor, k: Dynamics) -> tuple[Tensor, Tensor, Tensor]:
    """Spikes [T, *], charged potentials h [T, *] and last potential [*] from currents [T, *] and v0 [*]."""
    v, spikes, charged = v0, [], []
    for current in x:
        if k.mode == "if":
            h = v + current
        elif k.mode == "lif":
            h = v + (current - (v - k.rest)) / k.tau
        else:
            h = v - (v - k.rest) / k.tau + current
        s = (h - k.threshold >= 0).to(h.dtype)
        v = s * k.rest + (1 - s) * h if k.hard else h - s * k.threshold
        spikes.append(s)
        charged.append(h)
    return torch.stack(spikes), torch.stack(charged), v


def lif_backward(grad_s: Tensor, grad_v: Tensor, charged: Tensor, k: Dynamics) -> tuple[Tensor, Tensor]:
    """Gradients of currents [T, *] and of v0 [*] from those of spikes [T, *] and last potential [*]."""
    grad_x = []
    half = k.alpha / 2
    for g, h in zip(grad_s.flip(0), charged.flip(0), strict=True):
        u = h - k.threshold
        ds = half / (1 + (math.pi * half * u) ** 2)
        keep = (u < 0).to(h.dtype) if k.hard else torch.ones_like(h)
        if not k.detach:
            keep = keep + ((k.rest - h) if k.hard else -k.threshold) * ds
        gh = g * ds + grad_v * keep
        leak = gh / k.tau if k.mode != "if" else torch.zeros_like(gh)
        grad_x.append(leak if k.mode == "lif" else gh)
        grad_v = gh - leak
    return torch.stack(grad_x[::-1]), grad_v


def _slabs(like: Tensor, steps: int) -> Tensor:
    """Uninitialised [T, *like.shape]: T slabs in the memory layout of ``like`` (channels_last stays so)."""
    return torch.empty_strided(
        (steps, *like.shape), (like.numel(), *like.stride()), dtype=like.dtype, device=like.device
    )


def _in_layout(tensor: Tensor, template: Tensor) -> Tensor:
    """``tensor`` with the strides of ``template``: itself where it has them, else a copy."""
    if tensor.stride() == template.stride():
        return tensor
    return torch.empty_strided(template.shape, template.stride(), dtype=template.dtype).copy_(tensor)


def _pointer(tensor: Tensor) -> ctypes.c_void_p:
    return ctypes.c_void_p(tensor.data_ptr())


class _LIF(torch.autograd.Function):
    """The two functions as one differentiable operation; compiled for float32 on a CPU, eager elsewhere."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, v0: Tensor, k: Dynamics) -> tuple[Tensor, Tensor]:
        library = native.library() if x.device.type == "cpu" and x.dtype == torch.float32 else None
        ctx.constants, ctx.library = k, library
        if library is None:
            spikes, charged, v = lif_forward(x, v0, k)
        else:
            slab = torch.empty_like(x[0])  # keeps the strides exactly where x[0] is dense
            if slab.stride() != x[0].stride():
                x = x.contiguous()
                slab = torch.empty_like(x[0])
            v0 = _in_layout(v0, slab)
            spikes, charged, v = _slabs(slab, len(x)), _slabs(slab, len(x)), slab
            arrays = [_pointer(t) for t in (v0, spikes, charged, v)]
            library.spinetune_lif_forward(
                _pointer(x), ctypes.c_int64(x.stride(0)), *arrays,
                ctypes.c_int64(len(x)), ctypes.c_int64(slab.numel()),
                ctypes.c_float(k.tau), ctypes.c_float(k.threshold), ctypes.c_float(k.rest),
                MODES[k.mode], int(k.hard), torch.get_num_threads(),
            )  # fmt: skip
        ctx.save_for_backward(charged)
        return spikes, v

    @staticmethod
    def backward(ctx: Any, grad_s: Tensor, grad_v: Tensor) -> tuple[Tensor, Tensor, None]:
        (charged,), k, library = ctx.saved_tensors, ctx.constants, ctx.library
        if library is None:
            return *lif_backward(grad_s, grad_v, charged, k), None
        grad_s, grad_v = _in_layout(grad_s, charged), _in_layout(grad_v, charged[0])
        grad_x, grad_v0 = torch.empty_like(charged), torch.empty_like(charged[0])
        library.spinetune_lif_backward(
            *(_pointer(t) for t in (grad_s, grad_v, charged, grad_x, grad_v0)),
            ctypes.c_int64(len(charged)), ctypes.c_int64(grad_v0.numel()),
            ctypes.c_float(k.tau), ctypes.c_float(k.threshold), ctypes.c_float(k.rest),
            ctypes.c_float(k.alpha),
            MODES[k.mode], int(k.hard), int(k.detach), torch.get_num_threads(),
        )  # fmt: skip
        return grad_x, grad_v0, None


def lif(x: Tensor, v0: Tensor, k: Dynamics) -> tuple[Tensor, Tensor]:
    """Spikes [T, *] and last membrane potential [*]; differentiable in currents x [T, *] and in v0 [*]."""
    spikes, v = _LIF.apply(x, v0, k)
    return spikes, v


def _dynamics(node: Any) -> Dynamics | str:
    """The node's constants, or why it can't be fused."""
    if type(node) not in (neuron.IFNode, neuron.LIFNode):
        return "not an IFNode or LIFNode"
    if node.step_mode != "m" or node.store_v_seq:
        return "needs step_mode 'm' and store_v_seq False"
    if type(node.surrogate_function) is not surrogate.ATan or not node.surrogate_function.spiking:
        return f"surrogate {type(node.surrogate_function).__name__} has no kernel; ATan has"
    mode = "if" if type(node) is neuron.IFNode else "lif" if node.decay_input else "lif_input_kept"
    return Dynamics(
        mode=mode,
        tau=1.0 if mode == "if" else float(node.tau),
        threshold=float(node.v_threshold),
        rest=0.0 if node.v_reset is None else float(node.v_reset),
        hard=node.v_reset is not None,
        detach=bool(node.detach_reset),
        alpha=float(node.surrogate_function.alpha),
    )


def fuse(model: nn.Module) -> dict[str, str]:
    """Put the kernels under every multi-step IF and LIF node of ``model``, in place.

    Returns the spiking nodes left alone, by name, each with the reason. States and their reset stay
    SpikingJelly's: ``functional.reset_net(model)`` before the next sequence. :func:`unfuse` undoes it.
    """
    left = {}
    for name, node in model.named_modules():
        if isinstance(node, neuron.BaseNode):
            constants = _dynamics(node)
            if isinstance(constants, str):
                left[name] = constants
            else:
                # Set on the instance: the class, and with it isinstance and state_dict, stays what it was.
                node.multi_step_forward = _Fused(node, constants)
    return left


def unfuse(model: nn.Module) -> None:
    """Give every node its own ``multi_step_forward`` back."""
    for node in model.modules():
        node.__dict__.pop("multi_step_forward", None)


@dataclass(frozen=True)
class _Fused:
    """Stands in for one node's ``multi_step_forward``."""

    node: Any
    constants: Dynamics

    def __call__(self, x: Tensor) -> Tensor:
        v = self.node.v
        if not isinstance(v, Tensor):  # SpikingJelly keeps a number until the first input fixes the shape
            v = torch.full_like(x[0], float(v))
        spikes, self.node.v = lif(x, v, self.constants)
        return spikes
