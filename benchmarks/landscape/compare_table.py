"""Tables of the comparison of searches, from ``results/search_comparison.parquet``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from analysis.pareto import epsilon, non_dominated
from benchmarks.landscape import indicators

BASELINE = "random"
AT_TRIALS = (10, 15, 30, 60)  # whole trainings' worth of epochs, and ended trials
SPARSITIES = np.array([0.8, 0.9, 0.95])
TARGET_TRIALS = 15
LENGTH = 30


@dataclass(frozen=True)
class Study:
    """What one replayed study reached."""

    epochs: np.ndarray  # [n]: spent on trials that have ended, after each of them
    seen: np.ndarray  # hypervolume as observed
    worth: np.ndarray  # of the observed front's true values
    front: np.ndarray  # [m, 2]: true values of the final front

    def after_epochs(self, budget: float) -> float:
        """Worth when ``budget`` epochs have been spent."""
        at = int(np.searchsorted(self.epochs, budget, side="right"))
        return float(self.worth[at - 1]) if at else 0.0

    def after_trials(self, count: int) -> float:
        """Worth when ``count`` trials have ended."""
        return float(self.worth[min(count, len(self.worth)) - 1])


def studies(frame: pd.DataFrame) -> dict[str, list[Study]]:
    """Method -> its studies by seed. Every trial counts with the values it ended with, stopped or not.

    A stopped network is a network; only to a search that calls it complete does it look like the others'.
    """
    found: dict[str, list[Study]] = {}
    for (method, _), part in frame.groupby(["method", "seed"], sort=False):
        observed = part[["accuracy", "sparsity"]].to_numpy(dtype=float)
        true = part[["true_accuracy", "true_sparsity"]].to_numpy(dtype=float)
        seen, worth = indicators.volumes(observed, true)
        front = indicators.front_of(observed, true)
        found.setdefault(str(method), []).append(
            Study(part["epochs"].cumsum().to_numpy(), seen, worth, front)
        )
    return found


def _spread(values: list[float] | np.ndarray) -> str:
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    return f"{middle:.4f} ({low:.4f} to {high:.4f})"


def final(found: dict[str, list[Study]], union: np.ndarray) -> list[str]:
    """Hypervolume and epsilon when all epochs are spent."""
    lines = [
        "| search | studies | hypervolume, true | hypervolume, observed | luck | additive epsilon |",
        "|---|---|---|---|---|---|",
    ]
    for method, mine in found.items():
        worth = np.array([study.worth[-1] for study in mine])
        seen = np.array([study.seen[-1] for study in mine])
        far = [epsilon(study.front, union, indicators.BOTH) for study in mine]
        cells = [_spread(worth), _spread(seen), f"{np.median(seen - worth):+.4f}", _spread(far)]
        lines.append(f"| {method} | {len(mine)} | " + " | ".join(cells) + " |")
    return lines


def anytime(found: dict[str, list[Study]], axis: str) -> list[str]:
    """Median true hypervolume on the way, over trials that ended or over epochs spent."""
    heads = [f"{n} trials" if axis == "trials" else f"{n} x {LENGTH} epochs" for n in AT_TRIALS]
    lines = ["| search | " + " | ".join(heads) + " |", "|---|" + "---|" * len(heads)]
    for method, mine in found.items():
        cells = []
        for n in AT_TRIALS:
            by = [s.after_trials(n) if axis == "trials" else s.after_epochs(n * LENGTH) for s in mine]
            cells.append(f"{np.median(by):.4f}")
        lines.append(f"| {method} | " + " | ".join(cells) + " |")
    return lines


def surfaces(found: dict[str, list[Study]]) -> list[str]:
    """Attainment surfaces, read at three sparsities."""
    heads = [f"{100 * s:.0f} % sparsity" for s in SPARSITIES]
    lines = ["| search | " + " | ".join(heads) + " |", "|---|" + "---|" * len(heads)]
    for method, mine in found.items():
        read = indicators.surfaces([study.front for study in mine], SPARSITIES)
        cells = [" / ".join(f"{100 * read[q][k]:.1f}" for q in sorted(read)) for k in range(len(SPARSITIES))]
        lines.append(f"| {method} | " + " | ".join(cells) + " |")
    return lines


def tests(found: dict[str, list[Study]], ours: str) -> list[str]:
    """One search of ours against all others, on the way and at the end: paired by seed, with effect sizes."""
    others = [name for name in found if name != ours]
    cells: dict[str, list[str]] = {name: [] for name in others}
    for budget in (TARGET_TRIALS * LENGTH, np.inf):
        worth = {name: np.array([s.after_epochs(budget) for s in mine]) for name, mine in found.items()}
        n = {name: min(len(found[ours]), len(found[name])) for name in others}
        pairs = {name: (worth[ours][: n[name]], worth[name][: n[name]]) for name in others}
        p = indicators.holm([indicators.paired(*pairs[name]) for name in others])
        for name, value in zip(others, p, strict=True):
            mine, theirs = pairs[name]
            cells[name] += [f"{np.median(mine - theirs):+.4f}", f"{value:.2g}"]
            cells[name] += [f"{indicators.a12(worth[ours], worth[name]):.2f}"]
    after = f"after {TARGET_TRIALS} trainings' epochs"
    return [
        f"| {ours} against | {after}: median difference | p, Holm | A12 | at the end | p, Holm | A12 |",
        "|---|---|---|---|---|---|---|",
        *(f"| {name} | " + " | ".join(cells[name]) + " |" for name in others),
    ]


def target(found: dict[str, list[Study]]) -> list[str]:
    """Whether random search's median end is reached in a quarter of its epochs, by each search."""
    goal = float(np.median([study.worth[-1] for study in found[BASELINE]]))
    lines = [
        f"Random search ends at a median true hypervolume of {goal:.4f}. The epochs after which the median "
        f"study of a search is there, in whole trainings; the target for ours is {TARGET_TRIALS}.",
        "",
        "| search | trainings' worth of epochs | studies there by then |",
        "|---|---|---|",
    ]
    budgets = np.arange(1, 2000) * LENGTH / 4
    for method, mine in found.items():
        end = max(study.epochs[-1] for study in mine)
        medians = [np.median([s.after_epochs(b) for s in mine]) for b in budgets[budgets <= end]]
        there = np.flatnonzero(np.array(medians) >= goal)
        when = f"{budgets[there[0]] / LENGTH:.1f}" if len(there) else "not reached"
        early = sum(study.after_epochs(TARGET_TRIALS * LENGTH) >= goal for study in mine)
        lines.append(f"| {method} | {when} | {early} of {len(mine)} at {TARGET_TRIALS} |")
    return lines


def write(path: Path) -> None:
    """Write the .md beside the Parquet file."""
    table = pq.read_table(path)
    meta: dict[str, Any] = json.loads(table.schema.metadata[b"spinetune"])
    frame = table.to_pandas()
    found = studies(frame)
    true = frame[["true_accuracy", "true_sparsity"]].to_numpy(dtype=float)
    union = true[non_dominated(true, indicators.BOTH)]
    ours = [name for name in found if name.startswith("ours")]
    lines = [
        "# Searches compared on the recorded landscape",
        "",
        f"Replayed asynchronous studies, {meta['slots']} slots, {meta['epochs']} epochs each "
        f"({meta['epochs'] // LENGTH} whole trainings; a search that stops trials starts more of them). "
        "`python -m benchmarks.landscape.compare`; how well the landscape is interpolated says "
        f"`landscape_error.md`. Commit {meta['commit']}, {meta['machine']['cpu']}, "
        f"optuna {meta['versions']['optuna']}, ray {meta['versions']['ray']}.",
        "",
        "Hypervolume from (chance accuracy 0.1, sparsity 0), so at most 0.9. Observed: of the values that "
        "the search saw, one seed each. True: the same front, chosen by the observed values, measured by the "
        "mean of 32 fresh seeds. Luck: their difference. Cells are median (quartiles) over studies.",
        "",
        "## At the end",
        "",
        *final(found, union),
        "",
        f"Epsilon: to the {len(union)} true points that no trial of any study dominates.",
        "",
        "## On the way: median true hypervolume over epochs spent",
        "",
        *anytime(found, "epochs"),
        "",
        "## On the way: over trials that ended",
        "",
        *anytime(found, "trials"),
        "",
        "## Attainment surfaces: accuracy, %, that 25 / 50 / 75 % of the studies reach",
        "",
        *surfaces(found),
        "",
        "## Target",
        "",
        *(target(found) if BASELINE in found else []),
        "",
        "## Tests",
        "",
        "True hypervolume, Wilcoxon's signed-rank test paired by seed, Holm over the rows of a table; "
        "A12: probability that a study of ours ends higher.",
        "",
    ]
    for name in ours:
        lines += [*tests(found, name), ""]
    path.with_suffix(".md").write_text("\n".join(lines))
    print(f"{path.with_suffix('.md')}: {len(frame)} trials of {sum(map(len, found.values()))} studies")
