"""The recorded landscape as one Parquet file: a row a run, curves as lists, provenance in the metadata."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

# One value an epoch. The threshold is not among them: it is D f(u), which the configuration tells exactly.
CURVES = (
    "accuracy_val",
    "accuracy_train",
    "loss_val",
    "loss_train",
    "sparsity_params",
    "sparsity_synapses",
    "firing_rate",
    "synops",
    "energy_nj",
    "wall_s",
)
CONFIG = (
    "pruner",
    "scheduler",
    "final_threshold",
    "window_start",
    "window_end",
    "lr",
    "shape_rate",
    "shape_a",
    "shape_b",
    "shape_increments",
    "seed",
)
LAST = ("synapses", "synapses_live", "neurons_live", "fan_in", "fan_out")
EPOCHS = 30
MOST_BYTES = 10 * 2**20


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The recorded runs."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def table(runs: list[dict[str, Any]]) -> pa.Table:
    """A row a run: kind, number, fields of the configuration, final values, curves [30] as float32.

    A run that ended early (loss not finite) has NaN in the epochs that it did not train.
    """
    runs = sorted(runs, key=lambda run: (run["kind"], run["number"], run["config"]["seed"]))
    columns: dict[str, Any] = {
        "kind": [run["kind"] for run in runs],
        "number": pa.array([run["number"] for run in runs], pa.int32()),
        "config_hash": [run["config_hash"] for run in runs],
    }
    for name in CONFIG:
        columns[name] = pa.array([run["config"].get(name) for run in runs])
    columns["reason"] = pa.array([run["reason"] for run in runs], pa.string())
    columns["epochs_trained"] = pa.array([run["epoch"] for run in runs], pa.int16())
    columns["accuracy_test"] = pa.array([run["accuracy_test"] for run in runs], pa.float32())
    for name in LAST:
        columns[name] = pa.array([run[name] for run in runs], pa.int32())
    for name in CURVES:
        padded = np.full((len(runs), EPOCHS), np.nan, dtype=np.float32)
        for row, run in zip(padded, runs, strict=True):
            row[: len(run["curves"][name])] = run["curves"][name]
        columns[name] = pa.FixedSizeListArray.from_arrays(pa.array(padded.ravel()), EPOCHS)
    return pa.table(columns)


def write(lines: Path, target: Path) -> None:
    """Pack the runs of ``lines`` into ``target`` and describe them in the .md beside it."""
    runs = read_lines(lines)
    origin = json.loads(lines.with_suffix(".origin.json").read_text())
    sample = {run["number"] for run in runs if run["kind"] == "sample"}
    counts = {
        "runs": len(runs),
        "configurations": len({_configuration(run) for run in runs}),
        "configurations of the sample": len(sample),
        "runs by kind": dict(sorted(Counter(run["kind"] for run in runs).items())),
        "training hours": round(sum(run["wall_s"] for run in runs) / 3600, 2),
    }
    shared = {name: value for name, value in runs[0]["config"].items() if name not in CONFIG}
    meta = {"origin": origin, "counts": counts, "shared": shared}
    packed = table(runs).replace_schema_metadata({"spinetune": json.dumps(meta)})
    target.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(packed, target, compression="zstd", compression_level=19)
    size = target.stat().st_size
    if size > MOST_BYTES:
        raise SystemExit(f"{target}: {size / 2**20:.1f} MiB, must be at most {MOST_BYTES / 2**20:.0f}")
    target.with_suffix(".md").write_text("\n".join(_described(meta, size, target.name)) + "\n")
    print(f"{target}: {len(runs)} runs, {size / 2**20:.2f} MiB")


def read(path: Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The packed runs, and their provenance."""
    found = pq.read_table(path)
    return found.to_pandas(), json.loads(found.schema.metadata[b"spinetune"])


def _configuration(run: dict[str, Any]) -> str:
    return json.dumps({k: v for k, v in run["config"].items() if k != "seed"}, sort_keys=True)


def _described(meta: dict[str, Any], size: int, name: str) -> list[str]:
    origin, counts = meta["origin"], meta["counts"]
    kinds = ", ".join(f"{n} {kind}" for kind, n in counts["runs by kind"].items())
    versions = ", ".join(f"{package} {version}" for package, version in origin["versions"].items())
    return [
        "# The digits landscape",
        "",
        f"`{name}` ({size / 2**20:.1f} MiB): {counts['runs']} real trainings of {counts['configurations']} "
        f"configurations ({kinds} runs), {counts['training hours']} hours of one core. All have in common: "
        + ", ".join(f"{key} {value}" for key, value in meta["shared"].items())
        + ".",
        "",
        "`kind`: `sample` is the quasi-random sample (scrambled Sobol sequence; one configuration in eight "
        "with three seeds), `reference` the dense network and the named schedules at four D with five seeds, "
        "`grid` ten D for each named schedule over the whole training. D (`final_threshold`) is in units of "
        "the sum of the learning rates. Lists have one value an epoch; those of a run that ended early "
        "(`reason`) end in NaN. The metadata key `spinetune` of the schema holds the provenance as JSON.",
        "",
        "| | |",
        "|---|---|",
        f"| command | `{origin['command']}`, then `--pack` |",
        f"| commits of the runs | {', '.join(map(str, origin['commits']))} |",
        f"| machine | {origin['machine']['cpu']}, {origin['machine']['cores']} cores, "
        f"{origin['machine']['system']} |",
        f"| versions | {versions} |",
    ]
