"""A made-up study folder, the same bytes for the same arguments. The numbers are invented, not measured."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

EPOCHS = 30
LR_SUM = 6.2
GRID = np.linspace(0.0, 1.0, 33)
METRICS = {
    "accuracy_val": {"label": "Validation accuracy", "unit": "fraction", "direction": "maximize"},
    "accuracy_train": {"label": "Training accuracy", "unit": "fraction", "direction": "maximize"},
    "sparsity_params": {"label": "Sparsity (parameters)", "unit": "fraction", "direction": "maximize"},
    "sparsity_synapses": {"label": "Sparsity (synapses)", "unit": "fraction", "direction": "maximize"},
    "synapses": {"label": "Synapses left", "unit": "count", "direction": "minimize"},
    "threshold": {"label": "Threshold d", "unit": "weight", "direction": None},
}


def shape(scheduler: str, u: np.ndarray, params: Mapping[str, float]) -> np.ndarray:
    """f(u) of the schedules that appear in the made-up study."""
    if scheduler == "sine":
        return (1 - np.cos(np.pi * u)) / 2
    if scheduler == "slats":
        return u + np.sin(np.pi * u) / np.pi
    if scheduler == "kumaraswamy":
        start, end = params["window_start"], params["window_end"]
        inside = np.clip((u - start) / (end - start), 0.0, 1.0)
        return 1 - (1 - inside ** params["shape_a"]) ** params["shape_b"]
    return u


def study_json(**changes: Any) -> dict[str, Any]:
    """study.json of format 1, with changes."""
    spec = {
        "name": "digits",
        "data": {"name": "digits", "split": [0.7, 0.15, 0.15]},
        "training": {"epochs": EPOCHS, "batch_size": 64, "lr": 0.01, "lr_schedule": "cosine"},
        "search": {"space": "kumaraswamy", "threshold_ratio": [0.05, 0.7], "trials": 26, "sampler": "tpe"},
    }
    return {
        "format": 1, "name": "digits", "state": "complete", "created_at": "2026-11-22T15:50:00Z",
        "objectives": ["accuracy_val", "sparsity_params"], "metrics": METRICS,
        "reference_point": {"accuracy_val": 0.1, "sparsity_params": 0.0}, "accuracy_floor": 0.5,
        "data": {"name": "digits", "classes": 10, "train": 1257, "val": 270, "test": 270},
        "network": {"name": "digits_net", "prunable_weights": 83088, "synapses": 386112, "neurons": 4196},
        "spec": spec, "space_hash": "9f3a61c0d2e4", "seed": 0,
        "versions": {"spinetune": "0.1.0", "python": "3.11.7", "torch": "2.14.1", "ray": "2.60.0"},
        "commit": "abc1234", "machine": {"cpu": "Example CPU", "cores": 2, "memory_gib": 23.5, "gpu": None},
        "command": "python -m study.launch --trials 26",
        "timings": {"startup_s": 9.1, "search_s": 100.2, "training_s": 180.0, "slots": 2},
        "budget": {"search": 26, "reference": 8},
    } | changes  # fmt: skip


def trial(number: int, accuracy: float | None, sparsity: float | None, **changes: Any) -> dict[str, Any]:
    """One line of trials.jsonl; without an accuracy the trial failed."""
    values = {"accuracy_val": accuracy, "sparsity_params": sparsity}
    done = accuracy is not None
    return {
        "number": number, "kind": "search", "name": None, "state": "COMPLETE" if done else "FAIL",
        "params": {"scheduler": "linear", "final_threshold": 0.3},
        "config": {"pruner": "stds", "scheduler": "linear", "final_threshold": 0.3},
        "threshold_ratio": 0.3, "final_threshold": 0.3 * LR_SUM,
        "config_hash": f"{number:012x}", "seed": 0, "replicate_of": None,
        "values": values if done else None, "metrics": values if done else {}, "shape": GRID.tolist(),
        "lr_sum": LR_SUM, "epochs": EPOCHS, "train_wall_s": 5.8, "started_at": 1.0, "ended_at": 7.0,
        "error": None if done else "ValueError: the loss became NaN in epoch 3",
    } | changes  # fmt: skip


def write_folder(
    folder: Path,
    trials: Iterable[Mapping[str, Any]],
    epochs: Iterable[Mapping[str, Any]] = (),
    models: Iterable[Mapping[str, Any]] | None = None,
    **study: Any,
) -> Path:
    """Write the files of a study; `study` changes entries of study.json."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "study.json").write_text(json.dumps(study_json(**study)), encoding="utf-8")
    for name, rows in (("trials", trials), ("epochs", epochs)):
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / f"{name}.jsonl").write_text(text, encoding="utf-8")
    if models is not None:
        (folder / "models").mkdir(exist_ok=True)
        (folder / "models" / "index.json").write_text(json.dumps({"trials": list(models)}), encoding="utf-8")
    return folder


def simulate(
    number: int, scheduler: str, ratio: float, params: Mapping[str, float], rng: np.random.Generator
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A trial and its epochs from a crude model: more D is sparser, late pruning costs accuracy."""
    u = np.arange(1, EPOCHS + 1) / EPOCHS
    dense = scheduler == "dense"
    f = np.zeros_like(u) if dense else shape(scheduler, u, params)
    late = 0.0 if dense else float(1 - shape(scheduler, np.array([0.85]), params)[0])
    reach = 6.5 * ratio * f * (1 + 0.15 * rng.standard_normal())
    sparsity = 1 - np.exp(-np.clip(reach, 0.0, None))
    cost = 4.5 * late * ratio * np.clip((u - 0.6) / 0.4, 0, 1) ** 2 * (1 + 6 * ratio)
    learned = 0.989 - 0.88 * np.exp(-9 * u) - 0.42 * np.clip((sparsity - 0.85) / 0.15, 0, 1) ** 3.2 - cost
    accuracy = np.round(np.clip(learned + 0.006 * rng.standard_normal(EPOCHS), 0.1, 1.0) * 270) / 270
    rows = [
        {
            "number": number, "epoch": i + 1, "progress": float(u[i]), "accuracy_val": float(accuracy[i]),
            "sparsity_params": float(sparsity[i]), "threshold": float(ratio * LR_SUM * f[i]),
            "loss_train": float(0.09 * np.exp(-3 * u[i])), "wall_s": 0.2,
        }
        for i in range(EPOCHS)
    ]  # fmt: skip
    record = trial(number, float(accuracy[-1]), float(sparsity[-1]))
    record["params"] = {"scheduler": scheduler, "final_threshold": ratio, **params}
    record |= {"threshold_ratio": ratio, "final_threshold": ratio * LR_SUM}
    record["config"] = {
        "pruner": "dense" if dense else "stds",
        "scheduler": scheduler,
        "final_threshold": ratio,
    }
    record["shape"] = None if dense else shape(scheduler, GRID, params).tolist()
    record["metrics"] = {key: value for key, value in rows[-1].items() if key not in ("number", "epoch")}
    record["train_wall_s"] = round(5.5 + float(rng.random()), 2)
    return record, rows


def write_study(folder: Path, trials: int = 26, seed: int = 0, **study: Any) -> Path:
    """A study of eight reference arms and `trials` search trials, two of them failed, with test accuracy."""
    rng = np.random.default_rng(seed)
    arms = [
        ("dense", 0.0),
        *[(name, d) for name in ("linear", "sine", "slats") for d in (0.2, 0.35)],
        ("slats", 0.5),
    ]
    records, epochs = [], []
    for number, (name, ratio) in enumerate(arms):
        record, rows = simulate(number, name, ratio, {}, rng)
        records.append(record | {"kind": "reference", "name": name})
        epochs += rows
    for number in range(len(arms), len(arms) + trials):
        scheduler = str(rng.choice(["kumaraswamy", "kumaraswamy", "kumaraswamy", "sine", "slats", "linear"]))
        ratio = round(float(rng.uniform(0.05, 0.7)), 3)
        params: dict[str, float] = {}
        if scheduler == "kumaraswamy":
            window = sorted(rng.uniform(0, 1, 2).round(2).tolist())
            params = {
                "shape_a": round(float(rng.uniform(0.8, 2.2)), 2),
                "shape_b": round(float(rng.uniform(0.9, 3)), 2),
            }
            params |= {"window_start": 0.4 * window[0], "window_end": 0.6 + 0.4 * window[1]}
        record, rows = simulate(number, scheduler, ratio, params, rng)
        if trials > 6 and number in (len(arms) + 5, len(arms) + 11):
            record |= {"state": "FAIL", "values": None, "metrics": {}, "error": "RuntimeError: worker died"}
            rows = rows[:3]
        records.append(record)
        epochs += rows
    models = [
        {"number": r["number"], "file": f"trial-{r['number']:04d}.pt", "nonzero_weights": 5100,
         "accuracy_test": round(r["values"]["accuracy_val"] - 0.006, 4)}
        for r in records if r["values"] and r["values"]["accuracy_val"] >= 0.5
    ]  # fmt: skip
    return write_folder(folder, records, epochs, models, **study)


SEEDS = (101, 102, 103, 104, 105)
# By trial: name or schedule, the accuracy and sparsity that the search saw, and the means over fresh seeds.
CONFIRMED = {
    0: ("dense", 0.99, 0.0, 0.98, 0.0),
    1: ("linear", 0.70, 0.93, 0.68, 0.93),
    2: ("sine", 0.90, 0.92, 0.89, 0.915),
    3: ("slats", 0.94, 0.85, 0.935, 0.85),
    4: ("kumaraswamy", 0.97, 0.82, 0.95, 0.81),
    5: ("kumaraswamy", 0.96, 0.91, 0.92, 0.905),  # the winner of the search was lucky
    6: ("cubic", 0.95, 0.92, 0.93, 0.915),
    7: ("cosine", 0.90, 0.96, 0.86, 0.955),
}


def write_confirmed(folder: Path, third: bool = False, **study: Any) -> Path:
    """Four arms, nine search trials of every outcome, and five fresh seeds for arms and front.

    Of a configuration with means (a, s) the fresh run i = -2..2 has accuracy a + 0.01 i + w and sparsity
    s - 0.001 i; w is 0 for the arms and (1, -1, 0, 1, -1) * 0.002 for the search's. Test accuracy is 0.01
    less. The last run of trial 7 failed. With a third objective, synapses left, trial 8 is on the front too.
    """

    def made(number: int, arm: str, accuracy: float | None, sparsity: float | None, **more: Any) -> Any:
        dense = arm == "dense"
        config = {"pruner": "dense" if dense else "stds", "scheduler": arm, "final_threshold": 0.3}
        row = trial(number, accuracy, sparsity, config=config, params={"scheduler": arm}, **more)
        if third and accuracy is not None and sparsity is not None:
            left = {"synapses": 5_000.0 if number == 8 else round(386_112 * (1 - sparsity), 1)}
            row |= {"values": row["values"] | left, "metrics": row["metrics"] | left}
        return row

    rows = []
    for number, (name, accuracy, sparsity, _, _) in CONFIRMED.items():
        arm = {"kind": "reference", "name": name} if number < 4 else {}
        rows.append(made(number, name, accuracy, sparsity, **arm))
    rows += [
        made(8, "linear", 0.89, 0.90),
        made(9, "cubic", 0.98, 0.985, violations={"fits: Loihi": 3.0, "accuracy_floor": -0.48}),
        made(10, "linear", 0.1, 1.0, violations={"accuracy_floor": 0.4}),
        made(11, "linear", None, None),
        made(12, "linear", None, None, state="PRUNED", error="silent from epoch 9 on"),
    ]
    wiggle, number, models = (1, -1, 0, 1, -1), 13, []
    for again, (name, _, _, accuracy, sparsity) in CONFIRMED.items():
        for i, (seed, w) in enumerate(zip(SEEDS, wiggle, strict=True)):
            more = {
                "kind": "confirm",
                "replicate_of": again,
                "seed": seed,
                "name": name if again < 4 else None,
            }
            value = accuracy + 0.01 * (i - 2) + (0.002 * w if again > 3 else 0.0)
            failed = (again, seed) == (7, 105)
            sparse = sparsity - 0.001 * (i - 2) if sparsity else 0.0
            rows.append(made(number, name, None if failed else value, sparse, **more))
            if not failed:
                models.append({"number": number, "accuracy_test": value - 0.01, "nonzero_weights": 100})
            number += 1
    epochs = [
        {"number": n, "epoch": e, "progress": e / 2, "accuracy_val": 0.9, "sparsity_params": 0.4 * e}
        for n in (4, 5, 6, 7)
        for e in (1, 2)
    ]
    new: dict[str, Any] = {
        "budget": {"search": 9, "reference": 4, "confirm": 40}, "confirmed": list(CONFIRMED),
        "constraints": ["fits: Loihi"], "sampler": {"name": "tpe", "why": "schedulers are categories"},
        "stopping": {"rule": "pareto", "false_stop_rate": 0.25, "epochs": {"saved": 120}, "audited": [4, 8]},
    }  # fmt: skip
    if third:
        new["objectives"] = ["accuracy_val", "sparsity_params", "synapses"]
        new["reference_point"] = {"accuracy_val": 0.1, "sparsity_params": 0.0, "synapses": 386_112.0}
    return write_folder(folder, rows, epochs, models, **(new | study))


HOSTILE = "</script><img src=x onerror=alert(1)>\"'&{{ 7*7 }}<b>%{x}"


def write_hostile(folder: Path) -> Path:
    """A study whose names, errors, parameters, labels and spec are full of markup and script."""
    metrics = {name: {"label": HOSTILE, "unit": "fraction"} for name in ("accuracy_val", "sparsity_params")}
    config = {"pruner": "stds", "scheduler": HOSTILE, "final_threshold": 2.0}
    rows = [
        trial(0, 0.9, 0.9, config=config, params={HOSTILE: HOSTILE}, seed=HOSTILE),
        trial(1, 0.8, 0.95, config=config, params={HOSTILE: [HOSTILE]}),
        trial(2, 0.8, 0.8, kind="reference", name=HOSTILE, config=config),
        trial(3, None, None, error=HOSTILE, config=config),
    ]
    epochs = [{"number": 0, "epoch": 1, "accuracy_val": 0.9, "sparsity_params": 0.9, "threshold": HOSTILE}]
    strings: dict[str, Any] = dict.fromkeys(
        ("name", "command", "commit", "created_at", "space_hash", "state"), HOSTILE
    )
    nested = {key: {HOSTILE: HOSTILE} for key in ("spec", "machine", "network", "versions")}
    return write_folder(folder, rows, epochs, metrics=metrics, **strings, **nested)
