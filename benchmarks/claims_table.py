"""Re-examines the claims of STDS: tables from the runs of ``claims.py``.

``python benchmarks/claims_table.py`` reads ``results/claims_*.jsonl`` and writes ``results/claims.md``.

Accuracy at a given sparsity: for every seed the points (sparsity, test accuracy) of an arm's dial are
joined by straight lines over log10(1 - sparsity) and read at the target; the table holds the mean over
seeds with a percentile bootstrap interval over seeds (2,000 resamples). An arm whose dial does not reach the
target in some seed, or jumps over it (neighbours that differ in what remains by more than a factor of 2.6),
has no entry there. Differences are paired by seed, to the paper's own setting on CIFAR-10: sine under a
constant learning rate.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from analysis.stats import Estimate, bootstrap, spearman
from trainables.config import TrainConfig
from trainables.schedules import learning_rates

RESULTS = Path(__file__).with_name("results")
TARGETS = (0.90, 0.95, 0.98)
REFERENCE = "stds, sine, constant lr"
WIDEST = np.log10(2.6)  # between neighbours that a line may join
Runs = dict[str, list[dict[str, Any]]]  # arm -> runs


def read(path: Path) -> Runs:
    """The runs of one data set, by arm."""
    runs: Runs = defaultdict(list)
    for line in path.read_text().splitlines():
        row = json.loads(line)
        runs[row["arm"]].append(row)
    return runs


def at_sparsity(points: list[tuple[float, float]], target: float) -> float:
    """Accuracy where the line through (sparsity, accuracy) points crosses ``target``; NaN where none does.

    A point counts as at the target when what remains differs by no more than 5 %.
    """
    ordered = sorted(points)
    left = np.log10(np.clip([1 - sparsity for sparsity, _ in ordered], 1e-6, 1))
    wanted = np.log10(1 - target)
    tolerance = np.log10(1.05)
    if len(ordered) == 0 or wanted > left[0] + tolerance or wanted < left[-1] - tolerance:
        return float("nan")
    right = int(np.searchsorted(-left, -wanted))
    if 0 < right < len(left) and left[right - 1] - left[right] > WIDEST:
        on_a_point = min(abs(left[right - 1] - wanted), abs(left[right] - wanted)) <= tolerance
        if not on_a_point:
            return float("nan")
    return float(np.interp(-wanted, -left, [accuracy for _, accuracy in ordered]))


def by_seed(runs: list[dict[str, Any]], target: float) -> dict[int, float]:
    """Seed -> accuracy at ``target``."""
    points: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for run in runs:
        points[run["config"]["seed"]].append((run["sparsity_params"], run["accuracy_test"]))
    return {seed: at_sparsity(found, target) for seed, found in sorted(points.items())}


def _mean(values: Any) -> float:
    return float(np.mean(values))


def _interval(values: list[float]) -> Estimate | None:
    if not values or not np.isfinite(values).all():
        return None
    return bootstrap(_mean, np.array(values), rng=np.random.default_rng(0))


def _percent(found: Estimate | None, *, signed: bool = False) -> str:
    if found is None:
        return "not reached"
    sign = "+" if signed else ""
    return f"{100 * found.value:{sign}.1f} ({100 * found.low:{sign}.1f} to {100 * found.high:{sign}.1f})"


def matched(runs: Runs) -> list[str]:
    """Accuracy at 90, 95 and 98 % sparsity, and its difference to the reference arm, paired by seed."""
    reference = {target: by_seed(runs.get(REFERENCE, []), target) for target in TARGETS}
    heads = [f"{100 * target:.0f} %" for target in TARGETS]
    lines = [
        "| arm | n | " + " | ".join(heads) + " | " + " | ".join(f"difference at {h}" for h in heads) + " |",
        "|---|---|" + "---|" * 6,
    ]
    for arm, found in runs.items():
        if arm == "dense":
            continue
        cells, differences, n = [], [], 0
        for target in TARGETS:
            mine = by_seed(found, target)
            n = len(mine)
            cells.append(_percent(_interval(list(mine.values()))))
            both = [mine[seed] - reference[target][seed] for seed in mine if seed in reference[target]]
            differences.append("" if arm == REFERENCE else _percent(_interval(both), signed=True))
        lines.append(f"| {arm} | {n} | " + " | ".join(cells + differences) + " |")
    return lines


def control(runs: Runs) -> list[str]:
    """Does D control sparsity? Rank correlation over all runs, and steps of the dial that raise sparsity."""
    lines = [
        "| arm | Spearman of D and sparsity | steps of D that raise sparsity | runs |",
        "|---|---|---|---|",
    ]
    for arm, found in runs.items():
        if "final_threshold" not in found[0]["config"]:
            continue
        d = np.array([run["config"]["final_threshold"] for run in found])
        s = np.array([run["sparsity_params"] for run in found])
        rho = spearman(d, s, np.random.default_rng(0))
        up = total = 0
        for seed in {run["config"]["seed"] for run in found}:
            dial = sorted(
                (run["config"]["final_threshold"], run["sparsity_params"])
                for run in found
                if run["config"]["seed"] == seed
            )
            steps = np.diff([sparsity for _, sparsity in dial])
            up, total = up + int((steps > 0).sum()), total + len(steps)
        interval = f"{rho.value:.3f} ({rho.low:.3f} to {rho.high:.3f})"
        lines.append(f"| {arm} | {interval} | {up} of {total} | {len(found)} |")
    return lines


def late_pressure(fields: dict[str, Any]) -> float:
    """Mean L1 pressure over the last tenth of the training, relative to the whole, by the schedule."""
    config = TrainConfig(**fields)
    lrs = learning_rates(config.lr_schedule, 1.0, 1000)
    return float((1 - config.schedule()(0.9)) / (lrs[900:].sum() / lrs.sum()))


def collapse(runs: Runs) -> list[str]:
    """Late collapse: accuracy lost between the best epoch and the end, beside the late L1 pressure."""
    lines = [
        "| arm | late pressure / mean | " + "D / sum(lr): lost, points (runs at chance) | n each |",
        "|---|---|---|---|",
    ]
    late, lost = [], []
    for arm, found in runs.items():
        if not arm.startswith("stds"):
            continue
        ratio, cells = late_pressure(found[0]["config"]), []
        for d in sorted({run["config"]["final_threshold"] for run in found}):
            curves = [run["curves"]["accuracy_val"] for run in found if run["config"]["final_threshold"] == d]
            drops = [max(curve) - curve[-1] for curve in curves]
            late += [ratio * d] * len(drops)
            lost += drops
            cells.append(f"{d:g}: {100 * np.mean(drops):.1f} ({sum(curve[-1] < 0.2 for curve in curves)})")
        lines.append(f"| {arm} | {ratio:.2f} | {', '.join(cells)} | {len(curves)} |")
    rho = spearman(np.array(late), np.array(lost), np.random.default_rng(0))
    interval = f"{rho.value:.2f} ({rho.low:.2f} to {rho.high:.2f})"
    lines += ["", f"Rank correlation of late pressure and accuracy lost: {interval}, n = {len(late)} runs."]
    return lines


def main(argv: list[str]) -> int:
    """Write the tables."""
    folder = Path(argv[0]) if argv else RESULTS
    lines = ["# The claims of STDS, re-examined", "", __doc__.split("\n\n", 2)[2].strip(), ""]
    for path in sorted(folder.glob("claims_*.jsonl")):
        runs = read(path)
        origin = json.loads(path.with_suffix(".origin.json").read_text())
        name = path.stem.removeprefix("claims_")
        epochs = next(iter(runs.values()))[0]["config"]["epochs"]
        dense = _percent(_interval([run["accuracy_test"] for run in runs["dense"]]))
        lines += [
            f"## {name}", "",
            f"{sum(map(len, runs.values()))} runs of {epochs} epochs, dense {dense} % test accuracy; "
            f"commits {', '.join(origin['commits'])}; {origin['machine']['cpu']}, torch "
            f"{origin['versions']['torch']}.", "",
            "### Accuracy at equal sparsity, %", "", *matched(runs), "",
            "### Does D control sparsity?", "", *control(runs), "",
            "### Late collapse and L1 pressure", "", *collapse(runs), "",
        ]  # fmt: skip
    (folder / "claims.md").write_text("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
