"""Recorded trainings as the pools from which stopping rules are replayed."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.landscape import curves, design, pack
from study.stopping import Plan
from trainables.config import TrainConfig

FLOOR = 0.5
CURVES = ("accuracy_val", "sparsity_params", "threshold", "firing_rate")


@dataclass(frozen=True)
class Recorded:
    """One real training with all its rows. ``whole``: it reached its last epoch with a feasible result."""

    plan: Plan
    rows: list[dict[str, Any]]
    whole: bool


Pools = dict[int, list[Recorded]]


def claims(path: Path) -> Pools:
    """Seed -> its recorded trainings with a scheduled threshold, from a file of benchmarks/claims.py."""
    pools: Pools = defaultdict(list)
    for line in path.read_text().splitlines():
        run = json.loads(line)
        plan = Plan.of(TrainConfig(**run["config"]))
        if plan.driven:
            found = {name: run["curves"][name] for name in CURVES}
            pools[run["config"]["seed"]].append(_recorded(plan, found, run["reason"] is None))
    return dict(pools)


def landscape(path: Path) -> Pools:
    """One pool: of every configuration of the landscape that is pruned by its threshold, the first seed.

    Thresholds are worked out from the schedule: they were not recorded.
    """
    frame, _ = pack.read(path)
    pool: dict[str, Recorded] = {}
    for row in frame.to_dict("records"):
        fields = {name: curves.plain(row[name]) for name in curves.FIELDS if curves.given(row[name])}
        if (configuration := json.dumps(fields)) in pool:
            continue
        config = TrainConfig(**(design.BASE | fields))
        plan = Plan.of(config)
        if not plan.driven:
            continue
        n = int(row["epochs_trained"])
        found = {name: row[name][:n].tolist() for name in CURVES if name != "threshold"}
        ends = [epoch / config.epochs for epoch in range(1, n + 1)]
        found["threshold"] = [plan.final_threshold * float(config.schedule()(u)) for u in ends]
        pool[configuration] = _recorded(plan, found, n == config.epochs)
    return {0: list(pool.values())}


def _recorded(plan: Plan, found: Mapping[str, list[float]], ended: bool) -> Recorded:
    rows = [
        {"epoch": epoch, "progress": epoch / plan.epochs}
        | {name: curve[epoch - 1] for name, curve in found.items()}
        for epoch in range(1, len(found["accuracy_val"]) + 1)
    ]
    return Recorded(plan, rows, ended and rows[-1]["accuracy_val"] > FLOOR)


# Name -> file in results/, and what reads it.
SOURCES: dict[str, tuple[str, Callable[[Path], Pools]]] = {
    "claims": ("claims_digits.jsonl", claims),
    "landscape": ("landscape_digits.parquet", landscape),
}
