"""Hand-made trials with what a real row has of spines, layers, chips and cost: known answers throughout."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.analysis.folder import METRICS, trial, write_folder

NETWORK = {
    "name": "tiny", "prunable_weights": 1000, "synapses": 4000, "neurons": 60,
    "layers": ["conv", "fc"], "nodes": ["lif1", "lif2"],
}  # fmt: skip
CHIPS = [
    {"name": "Small", "label": "Small", "confirmed": True, "source": "a paper",
     "limits": {"neurons": 100, "synapses": 500, "fan_in": 16, "fan_out": None, "weights": None}},
    {"name": "Vague", "label": "Vague (unconfirmed)", "confirmed": False, "source": "a vendor",
     "limits": {"neurons": 100, "synapses": 1000}},
    {"name": "Large", "label": "Large", "confirmed": True, "source": "a paper", "limits": {"neurons": 1000}},
]  # fmt: skip
LABELS = {
    "spines_filopodia": "Filopodia", "spines_formed": "Spines formed", "spines_flipped": "Spines flipped",
    "spines_eliminated": "Spines eliminated", "spines_survival": "Survival",
}  # fmt: skip
# By trial: kind and schedule, accuracy, sparsity, D / sum(lr), synapses of conv and fc, rates, energy, chips.
TRIALS: tuple[tuple[Any, ...], ...] = (
    (0, "dense", 0.95, 0.0, 0.0, (3000, 1000), (0.3, 0.2), 40.0, ("Large",)),
    (1, "linear", 0.90, 0.7, 0.2, (900, 300), (0.3, 0.2), 12.0, ("Large",)),
    (2, "slats", 0.94, 0.8, 0.2, (500, 300), (0.3, 0.1), 10.0, ("Vague (unconfirmed)", "Large")),
    (3, "slats", 0.90, 0.9, 0.4, (100, 300), (0.2, 0.1), 5.0, ("Small", "Vague (unconfirmed)", "Large")),
    (4, "linear", 0.10, 1.0, 0.6, (0, 50), (0.2, 0.0), 1.0, ("Small", "Vague (unconfirmed)", "Large")),
)
FAN = {0: 60, 1: 40, 2: 20, 3: 10, 4: 5}


def write_inside(folder: Path, chips: bool = True, **study: Any) -> Path:
    """Two arms, a front of two (trials 2 and 3), and a collapsed trial whose conv and lif2 are dead.

    Each has four epochs: of its spines 0.5 are eliminated in epoch 2 and 0.1 formed in epoch 3; survival
    ends at 0.25. Pressure: 1, 2, 4, 1 times D / sum(lr) for all but trial 3, whose is 1 throughout.
    """
    records, epochs = [], []
    for number, name, accuracy, sparsity, ratio, synapses, rates, energy, fits in TRIALS:
        dense, left = name == "dense", sum(synapses)
        metrics = {
            "accuracy_val": accuracy, "sparsity_params": sparsity, "neurons_live": 60, "synapses_live": left,
            "fan_in": FAN[number], "fan_out": FAN[number], "synops": 1000.0 * energy, "macs": 10.0,
            "energy_nj": energy, "chips": list(fits), "layer_synapses": list(synapses),
            "layer_synapses_live": list(synapses), "node_firing_rate": list(rates),
            "layer_sparsity_params": [1 - synapses[0] / 3000, 1 - synapses[1] / 1000],
        }  # fmt: skip
        config = {"pruner": "dense" if dense else "stds", "scheduler": name}
        records.append(
            trial(
                number, accuracy, sparsity, kind="reference" if number < 2 else "search",
                name=name if number < 2 else None, config=config, params={"scheduler": name},
                threshold_ratio=ratio, metrics=metrics,
            )
        )  # fmt: skip
        best = 0.95
        for i, value in enumerate((0.5, best, 0.92, accuracy)):
            epochs.append(
                {
                    "number": number, "epoch": i + 1, "progress": (i + 1) / 4, "accuracy_val": value,
                    "sparsity_params": sparsity * (i + 1) / 4, "threshold": ratio * (i + 1) / 4,
                    "firing_rate": 0.2, "l1_pressure": ratio * ((1, 2, 4, 1)[i] if number != 3 else 1),
                    "spines_filopodia": sparsity * (i + 1) / 4, "spines_formed": (0, 0, 0.1, 0)[i],
                    "spines_eliminated": (0, 0.5, 0, 0)[i], "spines_flipped": 0.01,
                    "spines_survival": (1, 0.5, 0.25, 0.25)[i],
                }
            )  # fmt: skip
    told = METRICS | {name: {"label": label, "unit": "fraction of weights"} for name, label in LABELS.items()}
    more = {"network": NETWORK, "metrics": told} | ({"chips": CHIPS} if chips else {})
    return write_folder(folder, records, epochs, **(more | study))
