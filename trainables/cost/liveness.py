"""Dead neurons: connections that no path joins to both the input and the output.

A neuron without a nonzero path from the input never fires (biases aside), one without a path to the output
does not matter; their synapses can go, whatever their weights. Found by one forward and one backward pass of
the network's shadow: weights become 1[w != 0], biases and normalisation vanish, max pooling becomes average
pooling (it looks at all of its window), and each layer and neuron passes on 1[x != 0] and, backwards,
1[g != 0] 1[x != 0]. Forward a value is then nonzero where a path from the input ends, backward a gradient
where a path to the output begins; residual additions, pooling, voting, reshaping and the hooks of a pruning
method need no code of their own. One sample and one time step: all steps see the same graph.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from spikingjelly.activation_based.base import MemoryModule
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from trainables.cost.geometry import SPIKING, Geometry, is_timed, spiking_nodes
from trainables.pruners import neuron_masks


class _Live(torch.autograd.Function):
    """1[x != 0] over time, x [steps, ...] -> [copies, ...], all copies alike; backwards 1[g != 0] 1[x != 0].

    Paths exist or not: their number would overflow.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, copies: int) -> Tensor:
        on = (x.sum(0, keepdim=True) if len(x) > 1 else x) != 0
        ctx.steps = len(x)
        ctx.save_for_backward(on)  # the mask, not the result, which the network may change in place
        return on.expand(copies, *on.shape[1:]).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (on,) = ctx.saved_tensors
        alive = ((grad.sum(0, keepdim=True) if len(grad) > 1 else grad) != 0) & on
        return alive.expand(ctx.steps, *on.shape[1:]).to(grad.dtype), None


def _live(x: Tensor, copies: int = 1) -> Tensor:
    on: Tensor = _Live.apply(x, copies)
    return on


def _identity(x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    return x


def _average(pool: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def pooled(
        x: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
        ceil_mode: bool = False, return_indices: bool = False,
    ) -> Tensor:  # fmt: skip
        if any(step != 1 for step in (dilation if isinstance(dilation, tuple) else (dilation,))):
            raise NotImplementedError(
                "dead neurons: max pooling with a dilation has no average to stand for it"
            )
        return pool(x, kernel_size, stride, padding, ceil_mode)

    return pooled


def _adaptive(pool: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return lambda x, output_size, return_indices=False: pool(x, output_size)


_SHADOWS: dict[Any, Callable[..., Tensor]] = {
    F.max_pool1d: _average(F.avg_pool1d),
    F.max_pool2d: _average(F.avg_pool2d),
    F.max_pool3d: _average(F.avg_pool3d),
    F.adaptive_max_pool1d: _adaptive(F.adaptive_avg_pool1d),
    F.adaptive_max_pool2d: _adaptive(F.adaptive_avg_pool2d),
    F.adaptive_max_pool3d: _adaptive(F.adaptive_avg_pool3d),
} | dict.fromkeys(
    (
        F.batch_norm, F.instance_norm, F.layer_norm, F.group_norm, F.rms_norm, F.dropout, F.softmax,
        F.sigmoid, torch.sigmoid, torch.softmax, Tensor.sigmoid, Tensor.softmax,
    ),
    _identity,
)  # fmt: skip


class _Shadows(TorchFunctionMode):
    """Functions that would hide paths or make some up, replaced wherever the network calls them."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _SHADOWS.get(func, func)(*args, **(kwargs or {}))


def _plainly(forward: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """``forward`` outside of the mode, which costs a microsecond or two at every operation."""

    def run(*args: Any) -> Tensor:
        with torch._C.DisableTorchFunction():
            return forward(*args)

    return run


@dataclass(frozen=True)
class Liveness:
    """What is left without dead neurons. ``weights`` and ``synapses`` by layer, in the geometry's order.

    ``fan_in``: most synapses onto one output of a layer; ``fan_out``: most synapses of one input of a layer
    (an input pixel is one too). Where a residual addition joins two layers, each counts by itself.
    """

    weights: list[int]
    synapses: list[int]
    neurons: int
    fan_in: int
    fan_out: int


class Paths:
    """Finds the paths of a network with one sample of ``shape`` as its input, once per call of ``trace``."""

    def __init__(self, model: nn.Module, geometry: Geometry, shape: tuple[int, ...]) -> None:
        self.model, self.shape = model, shape
        self._modules = list(model.modules())
        self._memories = [
            m for m in self._modules if isinstance(m, MemoryModule) and not isinstance(m, SPIKING)
        ]
        self._layers = {name: model.get_submodule(name) for name in geometry.uses}
        self._nodes = spiking_nodes(model)
        self._positions = [int(uses.flatten()[0]) for uses in geometry.uses.values()]  # of linear layers
        # What passed through the shadow: inputs, synapses, outputs of a layer; spikes of a neuron's calls.
        self._seen: dict[str, tuple[Tensor, Tensor, Tensor]] = {}
        self._spikes: list[tuple[str, Tensor]] = []

    def trace(self, ones: list[Tensor]) -> Liveness:
        """``ones``: 1[w != 0] of each layer, float32, in the geometry's order. The model stays as it was."""
        self._seen, self._spikes = {}, []
        ones = [one.detach().requires_grad_() for one in ones]
        device = ones[0].device
        with torch.enable_grad(), torch.autocast(device.type, enabled=False), self._shadow(ones):
            image = torch.ones(1, *self.shape, device=device, requires_grad=True)
            out = self.model(image).sum()
            seen = [self._seen[name] for name in self._layers]
            inputs, synapses = [one[0] for one in seen], [one[1] for one in seen]
            wanted = [*ones, *inputs, *synapses, *(spikes for _, spikes in self._spikes)]
            grads = iter(torch.autograd.grad(out, wanted, materialize_grads=True))
        with torch.no_grad():
            weights = [(one * next(grads)).count_nonzero() for one in ones]
            fan_out = [next(grads).amax() for _ in inputs]
            kept = [synapse * next(grads) for synapse in synapses]
            alive: dict[str, Tensor] = {}
            for name, spikes in self._spikes:
                reached = (spikes * next(grads)).sum(0)
                alive[name] = alive[name] + reached if name in alive else reached
            numbers = [*weights, *(live.count_nonzero() for live in alive.values())]
            numbers += [k.sum(dtype=torch.float64).long() for k in kept]
            most = torch.stack([torch.stack([k.amax() for k in kept]).amax(), torch.stack(fan_out).amax()])
            found = torch.cat([torch.stack(numbers), most.long()]).tolist()
            self._seen, self._spikes = {}, []  # free the graph
        first, last = len(ones), len(found) - 2 - len(ones)
        return Liveness(found[:first], found[last:-2], sum(found[first:last]), found[-2], found[-1])

    def _layer(self, name: str, layer: Any, ones: Tensor, positions: int) -> Callable[[Tensor], Tensor]:
        """The layer's forward function with weight ``ones`` and no bias. One sample: what leads is time."""
        flat = isinstance(layer, nn.Linear)

        def forward(x: Tensor) -> Tensor:
            one = (positions, x.shape[-1]) if flat else x.shape[-len(layer.kernel_size) - 1 :]
            steps = x.reshape(-1, *one)
            on = _live(steps)
            known = self._seen.get(name)
            if known is None or not torch.equal(known[0], on):  # else: the next turn of a loop over steps
                synapses = F.linear(on, ones) if flat else layer._conv_forward(on, ones, None)
                known = (on, synapses, _live(synapses, len(steps)))
                self._seen.setdefault(name, known)
            y = known[2].clone()  # the network may change it in place
            return y.reshape(*x.shape[:-1], -1) if flat else y.reshape(*x.shape[: -len(one)], *y.shape[1:])

        return forward

    def _node(self, name: str, node: nn.Module) -> Callable[..., Tensor]:
        """The forward function of stateless neurons that fire where any input arrives."""
        timed = is_timed(node)

        def forward(x: Tensor, *args: Any) -> Tensor:
            spikes = _live(x, len(x) if timed else 1)
            self._spikes.append((name, spikes))
            return spikes.clone()  # likewise

        return forward

    @contextmanager
    def _shadow(self, ones: list[Tensor]) -> Iterator[None]:
        """The model in eval mode with the shadow's forward functions."""
        pairs = [
            (layer, self._layer(name, layer, one, positions))
            for (name, layer), one, positions in zip(self._layers.items(), ones, self._positions, strict=True)
        ]
        pairs += [(node, self._node(name, node)) for name, node in self._nodes.items()]
        # Gates of masked neurons stay what they are: a closed one ends its paths, a half open one does not.
        gates = [node.get_submodule(neuron_masks.NAME) for _, node in neuron_masks.gated(self.model)]
        pairs += [(gate, gate.forward) for gate in gates]
        hidden = [module.__dict__.get("forward") for module, _ in pairs]
        training = [module for module in self._modules if module.training]
        try:
            for module in training:
                module.training = False
            for module, forward in pairs:
                module.__dict__["forward"] = _plainly(forward)
            with _Shadows():
                yield
        finally:
            for (module, _), forward_before in zip(pairs, hidden, strict=True):
                del module.__dict__["forward"]
                if forward_before is not None:
                    module.__dict__["forward"] = forward_before
            for module in training:
                module.training = True
            for memory in self._memories:
                memory.reset()  # the neurons kept their state, other memories (filters) ran
