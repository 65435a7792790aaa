"""The one list of metrics: what every column of a row means.

Whatever names a column (training rows, objectives of a search, axes of the report) takes name, label,
unit and direction from here; ``study.json`` carries the table to readers that do not import this package.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

Direction = Literal["maximize", "minimize"]
Per = Literal["layer", "node"]


@dataclass(frozen=True)
class Metric:
    """Label for people, unit, and which way is better (None: neither).

    ``per``: the value is a list, one entry per layer with weights or per layer of spiking neurons, in the
    order of the forward pass (``cost.Meter.layers`` and ``.nodes`` are their names).
    """

    label: str
    unit: str
    direction: Direction | None = None
    per: Per | None = None


METRICS: dict[str, Metric] = {
    "epoch": Metric("Epoch", "count"),
    "progress": Metric("Progress", "fraction"),
    "loss_train": Metric("Training loss", "1", "minimize"),
    "loss_val": Metric("Validation loss", "1", "minimize"),
    "accuracy_train": Metric("Training accuracy", "fraction", "maximize"),
    "accuracy_val": Metric("Validation accuracy", "fraction", "maximize"),
    "accuracy_test": Metric("Test accuracy", "fraction", "maximize"),
    "sparsity_params": Metric("Sparsity (parameters)", "fraction", "maximize"),
    "sparsity_synapses": Metric("Sparsity (synapses)", "fraction", "maximize"),
    "synapses": Metric("Synapses left", "count", "minimize"),
    # live: what no path joins to both input and output (dead neurons) counts as lost
    "sparsity_params_live": Metric("Sparsity (parameters, live)", "fraction", "maximize"),
    "sparsity_synapses_live": Metric("Sparsity (synapses, live)", "fraction", "maximize"),
    "synapses_live": Metric("Live synapses", "count", "minimize"),
    "neurons": Metric("Neurons", "count"),
    "neurons_live": Metric("Live neurons", "count", "minimize"),
    "fan_in": Metric("Largest fan-in", "synapses", "minimize"),
    "fan_out": Metric("Largest fan-out", "synapses", "minimize"),
    "synops": Metric("Synaptic operations (AC)", "per sample", "minimize"),
    "macs": Metric("Multiplications (MAC)", "per sample", "minimize"),
    "energy_nj": Metric("Energy", "nJ per sample", "minimize"),
    "firing_rate": Metric("Firing rate", "spikes per neuron and step"),
    "spines_mature": Metric("Mature spines", "fraction of weights"),
    "spines_filopodia": Metric("Filopodia", "fraction of weights"),
    "spines_formed": Metric("Spines formed", "fraction of weights per epoch"),
    "spines_eliminated": Metric("Spines eliminated", "fraction of weights per epoch"),
    "spines_flipped": Metric("Spines that changed sign", "fraction of weights per epoch"),
    "spines_survival": Metric("Survival of the first spines", "fraction of the first generation"),
    "threshold": Metric("Threshold d", "weight"),
    "l1_pressure": Metric("L1 pressure", "weight per learning rate"),
    "lr": Metric("Learning rate", "1"),
    "wall_s": Metric("Training time", "s", "minimize"),
    "chips": Metric("Chips that it fits on", "names"),
    "layer_sparsity_params": Metric("Sparsity (parameters)", "fraction", "maximize", "layer"),
    "layer_sparsity_synapses": Metric("Sparsity (synapses)", "fraction", "maximize", "layer"),
    "layer_synapses": Metric("Synapses left", "count", "minimize", "layer"),
    "layer_sparsity_params_live": Metric("Sparsity (parameters, live)", "fraction", "maximize", "layer"),
    "layer_sparsity_synapses_live": Metric("Sparsity (synapses, live)", "fraction", "maximize", "layer"),
    "layer_synapses_live": Metric("Live synapses", "count", "minimize", "layer"),
    "layer_synops": Metric("Synaptic operations (AC)", "per sample", "minimize", "layer"),
    "layer_macs": Metric("Multiplications (MAC)", "per sample", "minimize", "layer"),
    "node_firing_rate": Metric("Firing rate", "spikes per neuron and step", None, "node"),
}


def table() -> dict[str, dict[str, str | None]]:
    """The list as plain data, for files."""
    return {name: asdict(metric) for name, metric in METRICS.items()}


def finite(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row with None for every number that JSON cannot hold (NaN, infinities), also inside lists."""
    return {key: _finite(value) for key, value in row.items()}


def _finite(value: Any) -> Any:
    if isinstance(value, list):
        return [_finite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
