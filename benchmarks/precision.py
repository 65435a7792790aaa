"""Does ``precision: auto`` cost accuracy? Final validation accuracy of the digits net, bfloat16 less float32.

Paired by seed (equal data order and initial weights), one thread, 30 epochs; pruned (stds, D = 0.3 of the sum
of learning rates, growth ends at 80 % of the training) and dense. The interval is Student's t, 95 %, of the
mean difference; the verdict is ``within noise`` where it holds 0; its width says what could have been seen.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
import time
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import torch
from scipy import stats
from torch import Tensor

from study import provenance
from trainables import machine
from trainables.config import TrainConfig
from trainables.train import Training

HERE = Path(__file__).parent
ARMS: dict[str, dict[str, Any]] = {
    "stds, D = 0.3 sum(lr), window_end 0.8": {"pruner": "stds", "final_threshold": 0.3, "window_end": 0.8},
    "dense": {"pruner": "dense"},
}


def final_row(precision: str, epochs: int, seed: int, arm: dict[str, Any]) -> dict[str, Any]:
    """The last row of one training in ``precision``."""
    if "precision" in TrainConfig.model_fields:
        arm = arm | {"precision": precision}
    training = Training(TrainConfig(epochs=epochs, seed=seed, device="cpu", threads=1, **arm))
    if "precision" not in TrainConfig.model_fields:
        forward, dtype = training.model.forward, machine.resolve_precision(precision, training.device)
        machine.prepare(training.model, training.device, dtype, threads=1)

        def cast(x: Tensor) -> Tensor:
            with machine.autocast(training.device, dtype):
                activity: Tensor = forward(x)
            return activity.float()

        training.model.forward = cast  # type: ignore[method-assign]
    with machine.flushed_denormals():
        *_, last = training
    return last


def compared(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Means, and the mean paired difference with its interval."""
    accuracy = {p: [r["accuracy_val"] for r in rows if r["precision"] == p] for p in ("float32", "bfloat16")}
    sparsity = {p: mean(r["sparsity_params"] for r in rows if r["precision"] == p) for p in accuracy}
    differences = [b - a for a, b in zip(accuracy["float32"], accuracy["bfloat16"], strict=True)]
    n = len(differences)
    half = stats.t.ppf(0.975, n - 1) * stdev(differences) / n**0.5
    low, high = mean(differences) - half, mean(differences) + half
    return {
        "n": n,
        "accuracy": {p: [mean(values), stdev(values)] for p, values in accuracy.items()},
        "sparsity": sparsity,
        "difference": [mean(differences), low, high],
        "verdict": "within noise" if low <= 0 <= high else "NOT within noise",
    }


def table(facts: dict[str, Any]) -> str:
    """The results as Markdown."""
    lines = [f"`{facts['command']}`: mean ± standard deviation over seeds, paired t interval", ""]
    lines += ["| training | n | float32 | bfloat16 | difference (95 %) | sparsity | verdict |"]
    lines += ["|---|--:|--:|--:|--:|--:|---|"]
    for arm, c in facts["arms"].items():
        values = [f"{m:.4f} ± {s:.4f}" for m, s in c["accuracy"].values()]
        m, low, high = c["difference"]
        cells = [arm, str(c["n"]), *values, f"{m:+.4f} ({low:+.4f} to {high:+.4f})"]
        cells += [", ".join(f"{value:.3f}" for value in c["sparsity"].values()), c["verdict"]]
        lines += ["| " + " | ".join(cells) + " |"]
    told = ("epochs", "machine", "load", "versions", "commit", "date")
    return "\n".join([*lines, "", *(f"- {name}: {json.dumps(facts[name])}" for name in told), ""])


def main() -> None:
    """Train, print the table, write the results."""
    parser = argparse.ArgumentParser(description="Final accuracy in bfloat16 and in float32.")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=30)
    given = parser.parse_args()
    if given.seeds < 2:
        parser.error("an interval needs two seeds")
    if not machine.bfloat16_is_fast(torch.device("cpu")):
        print("this CPU emulates bfloat16: accuracies hold, times do not", file=sys.stderr)
    facts: dict[str, Any] = {
        "command": shlex.join(["python", "benchmarks/precision.py", *sys.argv[1:]]),
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "commit": provenance.commit(),
        "machine": provenance.machine(),
        "load": round(os.getloadavg()[0], 2),
        "versions": provenance.versions(),
        "epochs": given.epochs,
        "arms": {},
        "rows": [],
    }
    for arm, fields in ARMS.items():
        for seed in range(given.seeds):
            for precision in ("float32", "bfloat16"):
                row = final_row(precision, given.epochs, seed, fields)
                facts["rows"].append({"arm": arm, "seed": seed, "precision": precision, **row})
        facts["arms"][arm] = compared([row for row in facts["rows"] if row["arm"] == arm])
    (HERE / "results").mkdir(exist_ok=True)
    (HERE / "results" / "precision.json").write_text(json.dumps(facts, indent=1) + "\n")
    (HERE / "results" / "precision.md").write_text(table(facts))
    print(table(facts))


if __name__ == "__main__":
    main()
