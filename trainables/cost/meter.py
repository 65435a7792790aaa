"""The facade of the cost package: one object per training measures everything, once an epoch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from trainables.cost.activity import Activity, watch
from trainables.cost.chips import fits
from trainables.cost.connections import fan, indicator, weight_of
from trainables.cost.geometry import Geometry, geometry
from trainables.cost.liveness import Paths
from trainables.cost.operations import energy_nj, operations
from trainables.cost.spines import SpineLife

Entries = dict[str, float | int | list[float] | list[int] | list[str] | None]

LIVE = (
    "sparsity_params_live", "sparsity_synapses_live", "synapses_live", "neurons_live", "fan_in", "fan_out",
    "chips", "layer_sparsity_params_live", "layer_sparsity_synapses_live", "layer_synapses_live",
)  # fmt: skip
ACTIVE = ("synops", "macs", "energy_nj", "firing_rate", "layer_synops", "layer_macs", "node_firing_rate")


class Meter:
    """Measures a network of input ``shape`` (one sample, no batch dimension).

    Make it after the pruners are attached and the model is on its device. Every epoch: forward passes inside
    ``with meter.watch():``, then ``meter.row()``, once: the spines' life is told from row to row. All
    convolution and linear layers that the network calls are counted, also those exempt from pruning.

    ``no_paths``: why the network's paths can't be traced (a layer the shadow of ``liveness`` has no stand-in
    for, neurons that are not SpikingJelly's), or None; if set, all live entries are None.
    """

    def __init__(self, model: nn.Module, shape: tuple[int, ...], found: Geometry | None = None) -> None:
        self.model, self.shape = model, tuple(shape)
        self.geometry = found or geometry(model, self.shape)
        self._modules = {name: model.get_submodule(name) for name in self.geometry.uses}
        weights = self._weights()
        self.weights = list(self.geometry.weights.values())
        self.synapses = [self.geometry.synapses_of(name) for name in self.geometry.uses]
        self._uses = [uses.to(weights[0].device) for uses in self.geometry.uses.values()]
        self._life = SpineLife(weights)
        self._paths = Paths(model, self.geometry, self.shape)
        self.no_paths = self._trial(weights)
        self._activity: Activity | None = None
        self._samples = 0
        self.silent_epochs = 0

    @property
    def layers(self) -> list[str]:
        """Names of the layers, in the order of all ``layer_*`` entries."""
        return list(self.geometry.uses)

    @property
    def nodes(self) -> list[str]:
        """Names of the spiking layers, in the order of all ``node_*`` entries."""
        return list(self.geometry.nodes)

    @property
    def silent(self) -> bool:
        """No neuron of the last spiking layer fired in the last watched pass.

        Once is no verdict: a sound network can be silent after its first epoch, while the running means of
        its batch normalisation still lag. ``silent_epochs`` counts the rows in succession that found it so.
        """
        if self._activity is None or not self._activity.fired:
            return False
        return float(self._activity.fired[self.nodes[-1]]) == 0

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Record what flows through the network in the forward passes of the block."""
        self._samples = 0

        def count(model: nn.Module, args: tuple[Tensor, ...]) -> None:
            self._samples += args[0].shape[-len(self.shape) - 1]  # [N, *shape] or [T, N, *shape]

        handle = self.model.register_forward_pre_hook(count)
        try:
            with watch(self.model, self.layers) as self._activity:
                yield
        finally:
            handle.remove()

    def row(self) -> Entries:
        """All cost entries of an epoch's row, named as in ``trainables.metrics``.

        None: activity where nothing was watched; live entries where no path is found (``self.no_paths``).
        """
        weights = self._weights()  # each read once: a parametrised weight is computed at every access
        with torch.no_grad():
            ones = [indicator(weight) for weight in weights]
            leaving = [fan(layer, one) for layer, one in zip(self._modules.values(), ones, strict=True)]
            taps = [leave.sum((0, 1)) for leave in leaving]
            counts = [tap.sum() for tap in taps]
            counts += [(tap * uses[0, 0]).sum() for tap, uses in zip(taps, self._uses, strict=True)]
            numbers = [int(number) for number in torch.stack(counts).tolist()]
        self.silent_epochs = self.silent_epochs + 1 if self.silent else 0
        left, synapses = numbers[: len(weights)], numbers[len(weights) :]
        row: Entries = {
            "sparsity_params": _lost(left, self.weights),
            "sparsity_synapses": _lost(synapses, self.synapses),
            "synapses": sum(synapses),
            "layer_sparsity_params": _lost_each(left, self.weights),
            "layer_sparsity_synapses": _lost_each(synapses, self.synapses),
            "layer_synapses": synapses,
            "neurons": self.geometry.neurons,
        }
        return row | self._live(ones) | self._life.look(weights) | self._active(leaving)

    def _live(self, ones: list[Tensor]) -> Entries:
        if self.no_paths is not None:
            return dict.fromkeys(LIVE)
        live = self._paths.trace(ones)
        synapses = sum(live.synapses)
        found = fits(live.neurons, synapses, live.fan_in, live.fan_out, sum(self.weights))
        return {
            "sparsity_params_live": _lost(live.weights, self.weights),
            "sparsity_synapses_live": _lost(live.synapses, self.synapses),
            "synapses_live": synapses,
            "neurons_live": live.neurons,
            "fan_in": live.fan_in,
            "fan_out": live.fan_out,
            "chips": [fit.chip.label for fit in found if fit.fits],
            "layer_sparsity_params_live": _lost_each(live.weights, self.weights),
            "layer_sparsity_synapses_live": _lost_each(live.synapses, self.synapses),
            "layer_synapses_live": live.synapses,
        }

    def _trial(self, weights: list[Tensor]) -> str | None:
        """Why no path can be traced, if so: the unpruned shadow must join input and output."""
        try:
            found = self._paths.trace([torch.ones_like(weight) for weight in weights])
        except Exception as error:  # a network is anybody's code; a statistic must not end its training
            return f"{type(error).__name__}: {error}"
        return None if any(found.synapses) else "no neuron of the unpruned network is reached"

    def _active(self, leaving: list[Tensor]) -> Entries:
        activity = self._activity
        if activity is None or not self._samples:
            return dict.fromkeys(ACTIVE)
        pairs = []
        for (name, layer), leave in zip(self._modules.items(), leaving, strict=True):
            events = activity.events[name]
            assert isinstance(events.counts, Tensor)
            analog = torch.as_tensor(events.analog, device=leave.device, dtype=torch.float64)
            pairs.append(torch.stack([operations(layer, events.counts, leave), analog]))
        # One transfer for all layers and nodes.
        fired = (
            torch.stack([activity.fired[name] for name in self.nodes])
            if self.nodes
            else leaving[0].new_zeros(0)
        )
        numbers = torch.cat([torch.stack(pairs).flatten(), fired.double()]).tolist()
        split = 2 * len(pairs)
        totals, analogs = numbers[:split:2], numbers[1:split:2]
        acs = [0.0 if a else x / self._samples for x, a in zip(totals, analogs, strict=True)]
        macs = [x / self._samples if a else 0.0 for x, a in zip(totals, analogs, strict=True)]
        chances = [activity.could[name] for name in self.nodes]
        return {
            "synops": sum(acs),
            "macs": sum(macs),
            "energy_nj": energy_nj(sum(macs), sum(acs)),
            "firing_rate": sum(numbers[split:]) / sum(chances) if chances else None,
            "layer_synops": acs,
            "layer_macs": macs,
            "node_firing_rate": [n / c for n, c in zip(numbers[split:], chances, strict=True)],
        }

    def _weights(self) -> list[Tensor]:
        return [weight_of(layer) for layer in self._modules.values()]

    def state_dict(self) -> dict[str, Any]:
        """What the next row depends on besides the model and what is watched: tensors and plain data."""
        return {"spines": self._life.state_dict(), "silent_epochs": self.silent_epochs}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from the state of another training's meter over an equal network."""
        self._life.load_state_dict(state["spines"])
        self.silent_epochs = int(state["silent_epochs"])


def _lost(left: list[int], total: list[int]) -> float:
    return 1 - sum(left) / sum(total)


def _lost_each(left: list[int], total: list[int]) -> list[float]:
    return [1 - x / n for x, n in zip(left, total, strict=True)]
