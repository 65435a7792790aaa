"""A larger made-up study for the answer and the front: every axis, stopped trials, many seeds. Invented."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tests.analysis.folder import METRICS, simulate, study_json, write_folder

NETWORK = {"name": "6conv2fc", "prunable_weights": 36_715_264, "synapses": 3_000_000_000, "neurons": 985_188}
DATA = {"name": "cifar10", "classes": 10, "train": 45_000, "val": 5_000, "test": 10_000}
MORE = {
    "sparsity_params_live": {"label": "Sparsity (parameters, live)", "unit": "fraction"},
    "sparsity_synapses_live": {"label": "Sparsity (synapses, live)", "unit": "fraction"},
    "synops": {"label": "Synaptic operations (AC)", "unit": "per sample", "direction": "minimize"},
    "energy_nj": {"label": "Energy", "unit": "nJ per sample", "direction": "minimize"},
}
OPS, LIVE = 90_000.0, 0.02


def measure(row: dict[str, Any]) -> None:
    """Other measures of the same pruning: synapses are lost later than parameters, operations with both."""
    values = row["metrics"]
    left = 1 - values["sparsity_params"]
    values["sparsity_synapses"] = 1 - min(1.0, 2 * left) if left < 1 else 0.0
    values["sparsity_params_live"] = min(1.0, values["sparsity_params"] + LIVE * values["sparsity_params"])
    values["sparsity_synapses_live"] = values["sparsity_synapses"]
    values["synops"] = OPS * left**0.8
    values["energy_nj"] = 0.9e-3 * values["synops"] + 20.0
    if row["state"] == "COMPLETE":
        row["values"] = {name: values[name] for name in ("accuracy_val", "sparsity_params")}


def write_large(folder: Path, trials: int = 200, seeds: int = 9, **study: Any) -> Path:
    """Arms, a search of which every ninth trial was stopped and every twentieth failed, and confirmation."""
    rng = np.random.default_rng(1)
    arms = [("dense", 0.0), *[(name, d) for name in ("linear", "sine", "slats") for d in (0.2, 0.4)]]
    names = ["kumaraswamy", "free", "cubic", "cosine", "linear", "sine", "slats"]
    rows, epochs, settings = [], [], {}
    for number in range(len(arms) + trials):
        arm = number < len(arms)
        scheduler, ratio = arms[number] if arm else (str(rng.choice(names)), float(rng.uniform(0.1, 0.7)))
        params: dict[str, float] = {}
        if scheduler == "kumaraswamy":
            params = {"shape_a": 1.5, "shape_b": 2.5}
        if not arm:
            window = {"window_start": float(rng.uniform(0, 0.3)), "window_end": float(rng.uniform(0.55, 1))}
            params |= window
        settings[number] = (scheduler, ratio, params)
        row, curve = simulate(number, scheduler, round(ratio, 3), params, rng)
        if arm:
            row |= {"kind": "reference", "name": scheduler}
        elif number % 20 == 19:
            row |= {"state": "FAIL", "values": None, "metrics": {}, "error": "RuntimeError: worker died"}
        elif number % 9 == 8:
            end = 6 + number % 17
            curve, row["metrics"] = curve[:end], {**row["metrics"], **curve[end - 1]}
            row |= {"state": "PRUNED", "values": None, "error": "stopped: dominated with confidence"}
        if row["metrics"]:
            measure(row)
        rows.append(row)
        epochs += curve
    chosen = [row["number"] for row in rows[: len(arms)]]
    done = [row for row in rows[len(arms) :] if row["values"] and row["values"]["accuracy_val"] > 0.5]
    for least in (0.7, 0.8, 0.9, 0.95, 0.98):
        enough = [row for row in done if row["values"]["sparsity_params"] >= least]
        ranked = sorted(enough, key=lambda row: -row["values"]["accuracy_val"])
        chosen += [row["number"] for row in ranked[:2]]
    chosen = list(dict.fromkeys(chosen))
    number = len(rows)
    models = []
    for again in chosen:
        for seed in range(101, 101 + seeds):
            row, _ = simulate(number, settings[again][0], settings[again][1], settings[again][2], rng)
            row |= {"kind": "confirm", "replicate_of": again, "seed": seed}
            measure(row)
            rows.append(row)
            models.append({"number": number, "accuracy_test": row["values"]["accuracy_val"] - 0.004})
            number += 1
    new: dict[str, Any] = {
        "name": "large", "network": NETWORK, "data": DATA, "metrics": METRICS | MORE, "confirmed": chosen,
        "spec": study_json()["spec"] | {"train": {"timesteps": 8, "network_args": {}}},
        "budget": {"search": trials, "reference": len(arms), "confirm": len(chosen) * seeds},
    }  # fmt: skip
    return write_folder(folder, rows, epochs, models, **(new | study))
