"""A made-up study folder of any size: every file and every metric of a real one, numbers invented.

The same bytes for the same sizes and seed. A crude model stands for the trainings: more D is sparser, late
growth of the threshold costs accuracy, seeds add noise.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from trainables import metrics

SYNAPSES = np.array([7_744, 51_200, 16_384, 12_800])  # by layer, of the network of the default study
WEIGHTS = 33_936
NEURONS = 612
LR_SUM = 0.0765  # per epoch
GRID = np.linspace(0.0, 1.0, 33)
SCHEDULERS = ("linear", "sine", "cosine", "slats", "cubic", "exponential", "kumaraswamy", "free")
CHIPS = ("TrueNorth", "Loihi", "SpiNNaker", "Tianjic", "Loihi 2", "SpiNNaker 2", "Speck", "DYNAP-CNN")
FRESH = 4  # seeds for each confirmed configuration
Params = dict[str, Any]


def drawn(rng: np.random.Generator) -> Params:
    """Parameters of one search trial, in the keys of the search space."""
    scheduler = SCHEDULERS[int(rng.integers(len(SCHEDULERS)))]
    params: Params = {"scheduler": scheduler, "final_threshold": float(rng.uniform(0.05, 0.7))}
    if scheduler == "exponential":
        params["shape_rate"] = float(rng.uniform(-6, 6))
    if scheduler == "kumaraswamy":
        params |= {"shape_a": float(rng.uniform(0.5, 4)), "shape_b": float(rng.uniform(0.5, 4))}
    if scheduler == "free":
        params["shape_increments"] = rng.dirichlet(np.ones(4)).tolist()
    return params | {"window_start": float(rng.uniform(0, 0.3)), "window_end": float(rng.uniform(0.5, 0.9))}


def grown(params: Mapping[str, Any], u: np.ndarray) -> np.ndarray:
    """f(u): Kumaraswamy's distribution on the window; its exponents stand for the other shapes too."""
    exponents = {"sine": (1.5, 2.0), "cubic": (1.0, 3.0), "slats": (1.0, 1.6)}
    a, b = exponents.get(params["scheduler"], (params.get("shape_a", 1.0), params.get("shape_b", 1.0)))
    start, end = params["window_start"], params["window_end"]
    return 1 - (1 - np.clip((u - start) / (end - start), 0.0, 1.0) ** a) ** b


def trained(params: Mapping[str, Any], epochs: int, rng: np.random.Generator) -> dict[str, list[Any]]:
    """The columns of one training's rows, each a list over its epochs."""
    u = np.arange(1, epochs + 1) / epochs
    dense = params.get("pruner") == "dense"
    f = np.zeros(epochs) if dense else grown(params, u)
    ratio = 0.0 if dense else params["final_threshold"]
    by_layer = 1 - np.exp(-np.outer(6.5 * ratio * f, 1 + 0.3 * rng.standard_normal(4)).clip(0))
    late = 0.0 if dense else float(1 - grown(params, np.array([0.85]))[0])
    sparsity = by_layer.mean(axis=1)
    learned = 0.989 - 0.88 * np.exp(-9 * u) - 0.42 * ((sparsity - 0.85) / 0.15).clip(0, 1) ** 3.2
    learned -= 4.5 * late * ratio * ((u - 0.6) / 0.4).clip(0, 1) ** 2 * (1 + 6 * ratio)
    accuracy = ((learned + 0.006 * rng.standard_normal(epochs)).clip(0.1, 1.0) * 269).round() / 269
    left = (SYNAPSES * (1 - by_layer)).round().astype(int)
    rate = (0.2 + 0.02 * rng.standard_normal((epochs, 4))).clip(0) * (1 - 0.4 * sparsity[:, None])
    operations = left * rate * 4
    formed, gone = 0.05 * rng.random((2, epochs)) * np.exp(-3 * u)
    columns: dict[str, Any] = {
        "epoch": np.arange(1, epochs + 1),
        "progress": u,
        "loss_train": 0.09 * np.exp(-3 * u) + 0.01 * rng.random(epochs),
        "loss_val": 0.1 * (1 - accuracy) + 0.01,
        "accuracy_train": (accuracy + 0.01).clip(0, 1),
        "accuracy_val": accuracy,
        "sparsity_params": sparsity,
        "sparsity_synapses": 1 - left.sum(axis=1) / SYNAPSES.sum(),
        "synapses": left.sum(axis=1),
        "sparsity_params_live": sparsity,
        "sparsity_synapses_live": 1 - left.sum(axis=1) / SYNAPSES.sum(),
        "synapses_live": left.sum(axis=1),
        "neurons": np.full(epochs, NEURONS),
        "neurons_live": (NEURONS * (1 - 0.1 * sparsity)).astype(int),
        "fan_in": (144 * (1 - 0.8 * sparsity)).astype(int),
        "fan_out": (288 * (1 - 0.8 * sparsity)).astype(int),
        "synops": operations[:, 1:].sum(axis=1),
        "macs": operations[:, 0],
        "energy_nj": 0.9e-3 * operations.sum(axis=1),
        "firing_rate": rate.mean(axis=1),
        "spines_mature": 1 - sparsity,
        "spines_filopodia": sparsity,
        "spines_formed": formed,
        "spines_eliminated": gone,
        "spines_flipped": 0.1 * formed,
        "spines_survival": 1 - 0.6 * u * sparsity,
        "threshold": ratio * LR_SUM * epochs * f,
        "l1_pressure": np.gradient(ratio * f, u) if epochs > 1 else f,
        "lr": 0.005 * (1 + np.cos(np.pi * u)),
        "wall_s": 0.3 * np.arange(1, epochs + 1) + 0.01 * rng.random(epochs),
    }
    columns = {name: column.tolist() for name, column in columns.items()}
    fits = (left.sum(axis=1) // 11_016).clip(0, 7)
    columns["chips"] = [list(CHIPS[: 8 - few]) for few in fits]
    for name, values in {
        "layer_sparsity_params": by_layer,
        "layer_sparsity_synapses": by_layer,
        "layer_synapses": left,
        "layer_sparsity_params_live": by_layer,
        "layer_sparsity_synapses_live": by_layer,
        "layer_synapses_live": left,
        "layer_synops": operations * [0, 1, 1, 1],
        "layer_macs": operations * [1, 0, 0, 0],
        "node_firing_rate": rate,
    }.items():
        columns[name] = values.tolist()
    return columns


def line(number: int, params: Params, row: dict[str, Any] | None, epochs: int, **more: Any) -> dict[str, Any]:
    """One line of trials.jsonl; without a last row the trial failed."""
    dense = params.get("pruner") == "dense"
    ratio = None if dense else params["final_threshold"]
    d = None if ratio is None else ratio * LR_SUM * epochs
    started = 1.8e9 + 0.15 * epochs * (number // 2) + 0.01 * number
    config = {
        "dataset": "digits",
        "network": "digits_net",
        "pruner": "stds",
        "epochs": epochs,
        "lr": 0.01,
    } | params
    values = row and {name: row[name] for name in ("accuracy_val", "sparsity_params")}
    return {
        "number": number,
        "kind": "search",
        "name": None,
        "state": "COMPLETE" if row else "FAIL",
        "params": params,
        "config": config,
        "config_hash": f"{number:012x}",
        "seed": 0,
        "replicate_of": None,
        "values": values,
        "violations": {"accuracy_floor": 0.5 - row["accuracy_val"]} if row else {},
        "metrics": row or {},
        "shape": None if dense else grown(params, GRID).tolist(),
        "final_threshold": d,
        "threshold_ratio": ratio,
        "lr_sum": LR_SUM * epochs,
        "epochs": epochs if row else epochs // 2,
        "train_wall_s": 0.3 * epochs,
        "started_at": started,
        "ended_at": started + 0.3 * epochs,
        "retries": int(number % 50 == 7),
        "audited": None,
        "error": None if row else "RuntimeError: the loss became NaN",
    } | more


def plan(trials: int, rng: np.random.Generator) -> list[tuple[Params, dict[str, Any]]]:
    """Parameters and role of every trial: four arms, the search, and a fiftieth that confirms others."""
    window = {"final_threshold": 0.3, "window_start": 0.0, "window_end": 1.0}
    arms: list[Params] = [{"pruner": "dense"}]
    arms += [{"scheduler": name} | window for name in ("linear", "sine", "slats")]
    roles: list[tuple[Params, dict[str, Any]]] = [
        (arm, {"kind": "reference", "name": arm.get("scheduler", "dense")}) for arm in arms
    ]
    confirmed = max(trials // 50 // FRESH, 1)
    roles += [(drawn(rng), {}) for _ in range(trials - len(arms) - confirmed * FRESH)]
    for again in range(confirmed):
        for seed in range(1, FRESH + 1):
            params, role = roles[again]
            again_role = {"kind": "confirm", "replicate_of": again, "seed": seed, "name": role.get("name")}
            roles.append((params | {"seed": seed}, again_role))
    return roles


def make(folder: Path, trials: int, epochs: int, seed: int = 0) -> Path:
    """Write the folder: study.json, trials.jsonl, epochs.jsonl, models/index.json. Each 97th trial failed."""
    rng = np.random.default_rng(seed)
    (folder / "models").mkdir(parents=True)
    models = []
    roles = plan(trials, rng)
    with (
        (folder / "epochs.jsonl").open("w") as epochs_file,
        (folder / "trials.jsonl").open("w") as trials_file,
    ):
        for number, (params, role) in enumerate(roles):
            columns = trained(params, epochs, rng)
            names, failed = list(columns), number % 97 == 96
            rows = [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)]
            for row in rows[: epochs // 2 if failed else None]:
                epochs_file.write(json.dumps({"number": number, **row, "reason": None}) + "\n")
            last = None if failed else rows[-1]
            trials_file.write(json.dumps(line(number, params, last, epochs, **role)) + "\n")
            if role.get("kind") == "confirm" and last:
                test = {"accuracy_test": last["accuracy_val"] - 0.01, "nonzero_weights": 1_000}
                models.append({"number": number, "file": f"trial-{number:04d}.pt", **test})
    (folder / "models" / "index.json").write_text(json.dumps({"trials": models}))
    kinds = [role.get("kind", "search") for _, role in roles]
    study = {
        "format": 1,
        "name": f"made up, {trials} trials",
        "created_at": "2026-11-23T00:00:00Z",
        "state": "complete",
        "objectives": ["accuracy_val", "sparsity_params"],
        "constraints": [],
        "metrics": metrics.table(),
        "reference_point": {"accuracy_val": 0.1, "sparsity_params": 0.0},
        "accuracy_floor": 0.5,
        "data": {"name": "digits", "classes": 10, "train": 1259, "val": 269, "test": 269},
        "network": {
            "name": "digits_net",
            "prunable_weights": WEIGHTS,
            "synapses": int(SYNAPSES.sum()),
            "neurons": NEURONS,
            "layers": ["0.stem.0", "2", "7", "9"],
            "nodes": ["1", "5", "8", "10"],
        },
        "spec": {"search": {"trials": trials}, "train": {"epochs": epochs}},
        "seed": seed,
        "budget": {kind: kinds.count(kind) for kind in ("search", "reference", "confirm")},
        "confirmed": sorted({role["replicate_of"] for _, role in roles if "replicate_of" in role}),
        "versions": {"spinetune": "0.1.0"},
        "machine": {"cores": 2},
        "command": "benchmarks/made_study.py",
        "timings": {
            "startup_s": 10.0,
            "search_s": 0.15 * epochs * trials,
            "training_s": 0.3 * epochs * trials,
            "slots": 2,
        },
    }
    (folder / "study.json").write_text(json.dumps(study, indent=1))
    return folder
