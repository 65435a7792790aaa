"""Re-examines the claims of STDS on data that need no download: the trainings.

``python benchmarks/claims.py --dataset digits`` trains every arm (method, schedule, learning-rate curve) at
every setting of its dial (D, target sparsity or penalty) with every seed, and appends one line a run to
``results/claims_DATASET.jsonl``; a run that is there already is not repeated, so the command can be stopped
and given again. ``python benchmarks/claims_table.py`` makes the tables.

Every arm trains the same network for the same epochs with the same optimiser. No method was tuned beyond
the dial that is swept and the defaults of its paper.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from study import provenance
from trainables.assembly import dataset, evaluate, network
from trainables.config import TrainConfig, config_hash
from trainables.train import Training

RESULTS = Path(__file__).with_name("results")
TARGETS = (0.90, 0.95, 0.98)
# pruner_strength over the range in which each method passes 80 to 98 %; of UPR times the synapses of the
# dense network, which its penalty counts.
STRENGTHS = {
    "digits": {
        "str": (3.0, 3.5, 4.0, 4.5, 5.0, 5.5, 6.0),
        "grad_r": (0.2, 0.3, 0.4, 0.5, 0.65, 0.8),
        "upr": (3e-4, 6e-4, 8e-4, 1e-3, 1.2e-3, 1.5e-3, 2.5e-3),
    },
    "mnist5k": {
        "str": (1.0, 2.0, 3.0, 3.5, 4.0, 4.5, 5.0, 5.5, 6.0),
        "grad_r": (0.12, 0.2, 0.3, 0.4, 0.5, 0.65, 0.8),
        "upr": (3e-4, 6e-4, 8e-4, 1e-3, 1.2e-3, 1.5e-3, 2.5e-3, 5e-3, 1e-2, 2e-2),
    },
}

BASE: dict[str, dict[str, Any]] = {
    "digits": {"dataset": "digits", "network": "digits_net", "epochs": 30, "lr": 0.01},
    "mnist5k": {"dataset": "mnist5k", "network": "digits_net", "epochs": 8, "lr": 0.01},
}
# bfloat16 is within noise of float32 (results/precision.md) and takes 0.6 of its time at 28x28.
PRECISION = {"digits": "float32", "mnist5k": "bfloat16"}
# The same arms, fewer of them where a run takes longer.
SHAPES = {
    "digits": ("linear", "sine", "cosine", "exponential", "slats", "cubic"),
    "mnist5k": ("linear", "sine", "slats", "cubic"),
}
THRESHOLDS = {  # D / sum(lr)
    "digits": (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.45, 0.5, 0.55, 0.6, 0.7),
    "mnist5k": (0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.65),
}
SETTLE = {"window_end": 0.8}  # the last fifth of the training is left to recover


def arms(dataset: str, synapses: int) -> dict[str, list[dict[str, Any]]]:
    """Arm -> the settings of its dial, as fields of ``TrainConfig``; ``synapses`` of the dense network."""
    found: dict[str, list[dict[str, Any]]] = {"dense": [{"pruner": "dense"}]}

    def sweep(name: str, field: str, values: tuple[float, ...], **fixed: Any) -> None:
        found[name] = [{**fixed, field: value} for value in values]

    for shape in SHAPES[dataset]:
        sweep(f"stds, {shape}", "final_threshold", THRESHOLDS[dataset], pruner="stds", scheduler=shape)
    for shape in ("linear", "sine"):
        fixed = {"pruner": "stds", "scheduler": shape, "lr_schedule": "constant"}
        sweep(f"stds, {shape}, constant lr", "final_threshold", THRESHOLDS[dataset], **fixed)
    for pruner in ("stds", "st", "nspdi"):
        fixed = {"pruner": pruner, "scheduler": "slats", **SETTLE}
        sweep(f"{pruner}, slats until 0.8", "final_threshold", THRESHOLDS[dataset], **fixed)
    for weighting in ("positions", "scale") if dataset == "digits" else ():
        fixed = {"pruner": "stds", "scheduler": "slats", "layer_weighting": weighting, **SETTLE}
        name = f"stds, slats until 0.8, by {weighting}"
        sweep(name, "final_threshold", THRESHOLDS[dataset], **fixed)
    for pruner in ("agp", "set", "rigl", "deep_r", "admm"):  # each with its authors' schedule and window
        sweep(pruner, "final_sparsity", TARGETS, pruner=pruner)
    for pruner, strengths in STRENGTHS[dataset].items():
        scale = 1 / synapses if pruner == "upr" else 1.0
        sweep(pruner, "pruner_strength", tuple(scale * strength for strength in strengths), pruner=pruner)
    return found


def jobs(dataset: str, seeds: int, only: list[str]) -> Iterator[dict[str, Any]]:
    """Every run, seed by seed, so that a stopped benchmark has whole seeds."""
    _, geometry = network(TrainConfig(**BASE[dataset]))
    for seed in range(seeds):
        for arm, settings in arms(dataset, geometry.synapses).items():
            if only and arm not in only:
                continue
            for fields in settings:
                config = {**BASE[dataset], **fields, "seed": seed, "threads": 1}
                config |= {"precision": PRECISION[dataset], "device": "cpu"}
                yield {"arm": arm, "config": config}


def train(job: dict[str, Any]) -> dict[str, Any]:
    """One run: its curves, final metrics and test accuracy."""
    config = TrainConfig(**job["config"])
    run = Training(config)
    rows = list(run)
    _, accuracy_test = evaluate(run.model, dataset(config).test, run.loss, torch.float32)
    curves = ("accuracy_val", "sparsity_params", "l1_pressure", "threshold", "firing_rate")
    last = {key: value for key, value in rows[-1].items() if not isinstance(value, list)}
    return {
        **job,
        "config_hash": config_hash(config),
        "accuracy_test": accuracy_test,
        **last,
        "curves": {name: [round(float(row[name]), 6) for row in rows] for name in curves},
    }


def main(argv: list[str]) -> int:
    """Train what is missing; 0 when all is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--dataset", choices=list(BASE), default="digits")
    parser.add_argument("--seeds", type=int, default=5, help="runs per setting")
    parser.add_argument("--processes", type=int, default=provenance.cores())
    parser.add_argument("--arm", action="append", default=[], help="only this arm (may be repeated)")
    parser.add_argument("--output", type=Path, default=RESULTS)
    given = parser.parse_args(argv)

    path = given.output / f"claims_{given.dataset}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = path.read_text().splitlines() if path.exists() else []
    known = {json.dumps(json.loads(line)["config"], sort_keys=True) for line in lines}
    wanted = list(jobs(given.dataset, given.seeds, given.arm))
    missing = [job for job in wanted if json.dumps(job["config"], sort_keys=True) not in known]
    origin_path = path.with_suffix(".origin.json")
    earlier = json.loads(origin_path.read_text())["commits"] if origin_path.exists() else []
    origin = {
        "commits": list(dict.fromkeys([*earlier, provenance.commit()])),  # of the runs, oldest first
        "machine": provenance.machine(),
        "versions": provenance.versions(),
    }
    origin_path.write_text(json.dumps(origin, indent=1) + "\n")

    started = time.monotonic()
    context = multiprocessing.get_context("spawn")
    with context.Pool(given.processes) as pool, path.open("a") as file:
        for done, row in enumerate(pool.imap_unordered(train, missing), 1):
            file.write(json.dumps(row) + "\n")
            file.flush()
            left_s = (time.monotonic() - started) / done * (len(missing) - done)
            what = f"{row['arm']:32} {row['sparsity_params']:.4f} {row['accuracy_test']:.4f}"
            print(f"{done}/{len(missing)} {what}, {left_s / 60:.0f} minutes left", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
