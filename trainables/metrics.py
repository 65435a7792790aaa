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


@dataclass(frozen=True)
class Metric:
    """Label for people, unit, and which way is better (None: neither)."""

    label: str
    unit: str
    direction: Direction | None = None


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
    "firing_rate": Metric("Firing rate", "spikes per neuron and step"),
    "threshold": Metric("Threshold d", "weight"),
    "l1_pressure": Metric("L1 pressure", "weight per learning rate"),
    "lr": Metric("Learning rate", "1"),
    "wall_s": Metric("Training time", "s", "minimize"),
}


def table() -> dict[str, dict[str, str | None]]:
    """The list as plain data, for files."""
    return {name: asdict(metric) for name, metric in METRICS.items()}


def finite(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row with None for every number that JSON cannot hold (NaN, infinities)."""
    return {
        key: None if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in row.items()
    }
