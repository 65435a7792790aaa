"""Made-up studies to be laid beside each other. The numbers are invented, not measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.analysis.folder import write_confirmed, write_folder


def change(folder: Path, **study: Any) -> Path:
    """Change entries of study.json."""
    info = json.loads((folder / "study.json").read_text())
    (folder / "study.json").write_text(json.dumps(info | study))
    return folder


def shifted(folder: Path, by: float, seeds: int = 0, **study: Any) -> Path:
    """`write_confirmed` with all accuracies of the search's fresh runs `by` higher, and seeds moved on."""
    write_confirmed(folder, **study)
    lines = [json.loads(line) for line in (folder / "trials.jsonl").read_text().splitlines()]
    for line in lines:
        if line["kind"] == "confirm":
            line["seed"] += seeds
            if line["values"] and line["replicate_of"] > 3:
                line["values"]["accuracy_val"] += by
    (folder / "trials.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def foreign(folder: Path, seeds: tuple[int | None, ...] = (101, 102, 103)) -> Path:
    """A lab's old runs: accuracy, sparsity, scheduler and seed, and not a word more."""
    rows = [
        {
            "number": 10 * i + k, "state": "COMPLETE", "seed": seed, "config": {"scheduler": "linear"},
            "values": {"accuracy": 0.95 - 0.1 * k - 0.01 * i, "sparsity": 0.85 + 0.07 * k},
        }
        for i, seed in enumerate(seeds)
        for k in (0, 1)
    ]  # fmt: skip
    write_folder(folder, rows)
    (folder / "study.json").write_text(
        json.dumps({"format": 1, "name": "old runs", "objectives": ["accuracy", "sparsity"]})
    )
    return folder
