"""Study folders for the tests of the search section, on top of `folder`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tests.analysis.folder import trial, write_folder

AUDIT = {
    "rule": "pareto", "stopped": 8, "audited": 4, "false_stops": 1, "false_stop_rate": 0.25,
    "false_stop_interval": [0.046, 0.699], "on_front": 1, "hypervolume_lost": 0.0123,
    "rank_correlation": 0.5, "epochs_saved": 120, "epochs_saved_share": 0.1,
    "cases": [{"number": 2, "epoch": 15, "near_front": True, "on_front": True},
              {"number": 99, "epoch": 15, "near_front": False, "on_front": False}],
}  # fmt: skip


def write_searched(folder: Path, n: int, third: bool = False, **study: Any) -> Path:
    """`n` search trials in two slots of ten seconds each, trial i from 10 (i // 2) on; no luck in them.

    Accuracy is a up to 0.99, sparsity 1 - a / 2 where the schedule is S-LATS and 0.3 less where it is linear;
    so the schedule alone decides who is on the front, and the parameter a where. `b` decides nothing,
    `shape_a` belongs to S-LATS alone. Every seventh trial was stopped at half its epochs.
    """
    rng, rows = np.random.default_rng(7), []
    for number in range(n):
        scheduler, a = ("slats", "linear")[number % 2], float(rng.uniform(0.6, 0.99))
        sparsity = 1 - a / 2 - 0.3 * (number % 2)
        params: dict[str, Any] = {"scheduler": scheduler, "a": a, "b": float(rng.random())}
        if scheduler == "slats":
            params["shape_a"] = float(rng.uniform(0.5, 2.0))
        start = 1e9 + 10.0 * (number // 2)
        config = {"pruner": "stds", "scheduler": scheduler}
        row = trial(number, a, sparsity, params=params, config=config, started_at=start, ended_at=start + 10)
        if third:
            for part in ("values", "metrics"):
                row[part] = row[part] | {"synapses": 1e5 * (1 - sparsity)}
        if number % 7 == 6:
            row |= {"state": "PRUNED", "values": None, "epochs": 15, "error": "left behind"}
        rows.append(row)
    if third:
        study |= {
            "objectives": ["accuracy_val", "sparsity_params", "synapses"],
            "reference_point": {"accuracy_val": 0.1, "sparsity_params": 0.0, "synapses": 4e5},
        }
    return write_folder(folder, rows, **({"timings": {"slots": 2, "search_s": 10.0 * n}} | study))
