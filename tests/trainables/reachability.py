"""Dead neurons the slow way: a search of the graph of every synapse."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict

import torch
from spikingjelly.activation_based import layer, neuron
from torch import nn
from torch.nn import functional as F

from trainables import models

SHAPE = (2, 5, 5)


class Residual(nn.Module):
    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.body(x)
        y += x  # in place, as many residual networks do
        return y


class Functional(nn.Module):
    """Pools without a module."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.max_pool2d(x.flatten(0, 1), 2).unflatten(0, x.shape[:2])


class Graph:
    """Every value of the network is a vertex; an edge is a synapse (with its layer's number) or a wire."""

    def __init__(self, model: nn.Module, shape: tuple[int, ...]) -> None:
        self.size, self.edges, self.neurons, self.layers = 0, [], [], 0
        self.sources = self.fresh(*shape)
        self.sinks = self.expand(model, self.sources).flatten().tolist()
        live = self.reach(self.sources.flatten().tolist(), 0) & self.reach(self.sinks, 1)
        kept = [edge for edge in self.edges if edge[2] is not None and {edge[0], edge[1]} <= live]
        self.synapses = [sum(edge[2] == n for edge in kept) for n in range(self.layers)]
        self.weights = [len({edge[3] for edge in kept if edge[2] == n}) for n in range(self.layers)]
        self.neurons_live = len(live & set(self.neurons))
        self.fan_in = max(Counter((edge[1], edge[2]) for edge in kept).values(), default=0)
        self.fan_out = max(Counter((edge[0], edge[2]) for edge in kept).values(), default=0)

    def fresh(self, *shape: int) -> torch.Tensor:
        first, self.size = self.size, self.size + torch.Size(shape).numel()
        return torch.arange(first, self.size).reshape(shape)

    def reach(self, start: list[int], end: int) -> set[int]:
        following = defaultdict(list)
        for edge in self.edges:
            following[edge[end]].append(edge[1 - end])
        found, waiting = set(start), list(start)
        while waiting:
            new = set(following[waiting.pop()]) - found
            found |= new
            waiting += new
        return found

    def window(self, x: torch.Tensor, out: tuple[int, ...], k: int, stride: int, pad: int) -> list:
        """(output y, output x, kernel y, kernel x, input y, input x) of all taps on real inputs."""
        taps = itertools.product(range(out[0]), range(out[1]), range(k), range(k))
        found = [(oy, ox, i, j, oy * stride + i - pad, ox * stride + j - pad) for oy, ox, i, j in taps]
        return [tap for tap in found if 0 <= tap[4] < x.shape[1] and 0 <= tap[5] < x.shape[2]]

    def expand(self, module: nn.Module, x: torch.Tensor) -> torch.Tensor:
        if isinstance(module, nn.Sequential):
            for part in module:
                x = self.expand(part, x)
            return x
        if isinstance(module, models.DirectEncoding):
            return self.expand(module.stem, x)
        if isinstance(module, Residual):
            y = self.expand(module.body, x)
            out = self.fresh(*x.shape)
            for term in (x, y):
                self.edges += [(u, v, None, None) for u, v in zip(term.flatten(), out.flatten(), strict=True)]
            self.edges = [(int(u), int(v), n, key) for u, v, n, key in self.edges]
            return out
        if isinstance(module, neuron.BaseNode):
            self.neurons += x.flatten().tolist()
            return x
        if isinstance(module, nn.Flatten):
            return x.flatten()
        if isinstance(module, nn.BatchNorm2d):
            return x
        if isinstance(module, layer.VotingLayer):
            out = self.fresh(len(x) // module.voting_size)
            self.edges += [(int(u), int(out[i // module.voting_size]), None, None) for i, u in enumerate(x)]
            return out
        if isinstance(module, nn.MaxPool2d | Functional):
            size = x.shape[1] // 2
            out = self.fresh(len(x), size, size)
            for oy, ox, _, _, y, z in self.window(x, (size, size), 2, 2, 0):
                self.edges += [(int(x[c, y, z]), int(out[c, oy, ox]), None, None) for c in range(len(x))]
            return out
        number, self.layers = self.layers, self.layers + 1
        weight = module.weight
        if isinstance(module, nn.Linear):
            out = self.fresh(len(weight))
            pairs = weight.nonzero().tolist()
            self.edges += [(int(x[i]), int(out[o]), number, (o, i)) for o, i in pairs]
            return out
        assert isinstance(module, nn.Conv2d)
        k, stride, pad = module.kernel_size[0], module.stride[0], module.padding[0]
        sizes = [(n + 2 * pad - k) // stride + 1 for n in x.shape[1:]]
        out = self.fresh(len(weight), *sizes)
        per_group, outs = weight.shape[1], len(weight) // module.groups
        for oy, ox, i, j, y, z in self.window(x, tuple(sizes), k, stride, pad):
            for o, c in (weight[:, :, i, j] != 0).nonzero().tolist():
                u = x[o // outs * per_group + c, y, z]
                self.edges.append((int(u), int(out[o, oy, ox]), number, (o, c, i, j)))
        return out
