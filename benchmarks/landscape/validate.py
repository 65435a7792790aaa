"""How well the landscape is interpolated: errors on held-out configurations beside the seeds' own spread.

``python -m benchmarks.landscape.validate`` writes ``results/landscape_error.md``. Folds are over
configurations: all seeds of one are held out together. Each model of ``models.py`` is judged; the simulator
should use the best.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from analysis.pareto import non_dominated
from benchmarks.landscape import curves, features, simulator
from benchmarks.landscape.models import MODELS, trees

RESULTS = Path(__file__).parents[1] / "results"
FOLDS = 10
NEAR = 0.02  # in accuracy and in sparsity: how far inside the front a run still counts as near it
ALIVE = 0.5  # accuracy above which a network has not collapsed


def held_out(runs: curves.Runs, model: str, folds: int = FOLDS) -> tuple[np.ndarray, np.ndarray]:
    """Accuracy and sparsity [n, 30] of every run, predicted without its configuration."""
    x = features.matrix(runs.fields)
    y = curves.joined(runs.accuracy, runs.sparsity)
    fold = np.random.default_rng(0).permutation(runs.group.max() + 1)[runs.group] % folds
    guess = np.empty_like(y)
    for k in range(folds):
        out = fold == k
        guess[out] = MODELS[model](x[~out], y[~out])(x[out])
    accuracy, sparsity = np.hsplit(guess, 2)
    return curves.accuracy_of(accuracy), curves.sparsity_of(sparsity)


def near_front(runs: curves.Runs) -> np.ndarray:
    """Runs that would be on the front of all runs with ``NEAR`` more accuracy and sparsity; mask [n]."""
    points = np.column_stack([runs.accuracy[:, -1], runs.sparsity[:, -1]])
    points = points.astype(float)
    front = points[non_dominated(points, (True, True))]
    behind = (front[None] > points[:, None] + NEAR).all(axis=2).any(axis=1)
    return np.asarray(~behind & (points[:, 0] >= ALIVE))


def seed_sd(values: np.ndarray, group: np.ndarray) -> tuple[float, int]:
    """Pooled standard deviation over seeds of equal configurations, and how many configurations that is."""
    square, free, count = 0.0, 0, 0
    for one in np.unique(group):
        mine = values[group == one]
        if len(mine) > 1:
            square += float(((mine - mine.mean()) ** 2).sum())
            free, count = free + len(mine) - 1, count + 1
    return float(np.sqrt(square / free)) if free else float("nan"), count


def _errors(found: np.ndarray, real: np.ndarray, part: np.ndarray, points: float) -> str:
    error = points * (found[part] - real[part])
    return f"{np.sqrt((error**2).mean()):.2f} ({np.median(np.abs(error)):.2f})"


def parts_of(runs: curves.Runs) -> dict[str, np.ndarray]:
    """The runs over which errors are taken."""
    alive = runs.accuracy[:, -1] >= ALIVE
    return {"all": np.ones(len(runs), dtype=bool), "not collapsed": alive, "near the front": near_front(runs)}


def table(runs: curves.Runs, models: list[str]) -> list[str]:
    """Errors by model, with the floor that no model can pass."""
    parts = parts_of(runs)
    heads = [f"{what}, {name}" for what in ("accuracy", "sparsity") for name in parts]
    lines = [
        "| model | " + " | ".join(heads) + " | accuracy, all epochs | collapse told right | seconds |",
        "|---|" + "---|" * (len(heads) + 3),
    ]
    real = {"accuracy": runs.accuracy, "sparsity": runs.sparsity}
    collapsed = runs.accuracy[:, -1] < ALIVE
    for model in models:
        started = time.process_time()
        guess = dict(zip(real, held_out(runs, model), strict=True))
        cells = [_errors(guess[w][:, -1], real[w][:, -1], part, 100) for w in real for part in parts.values()]
        cells.append(_errors(guess["accuracy"], real["accuracy"], parts["all"], 100))
        said = guess["accuracy"][:, -1] < ALIVE
        rates = [(said == collapsed)[collapsed == state].mean() for state in (True, False)]
        cells.append(f"{100 * np.mean(rates):.1f} %")
        lines.append(f"| {model} | " + " | ".join(cells) + f" | {time.process_time() - started:.0f} |")
        alive = parts["not collapsed"]
        rho = spearmanr(guess["accuracy"][alive, -1], real["accuracy"][alive, -1]).statistic
        print(f"{lines[-1]} rank correlation of accuracy, not collapsed: {rho:.3f}", flush=True)
    floor, counts = [], []
    for what in real:
        for part in parts.values():
            sd, count = seed_sd(real[what][part, -1], runs.group[part])
            floor.append(f"{100 * sd:.2f}")
            counts.append(str(count))
    lines.append("| seed to seed (standard deviation) | " + " | ".join(floor) + " | | | |")
    lines.append("| configurations that it comes from | " + " | ".join(counts) + " | | | |")
    return lines


def independent(runs: curves.Runs, others: curves.Runs, model: str) -> list[str]:
    """Errors on trainings that are no part of the landscape, by configuration: five seeds' mean each."""
    landscape = simulator.Landscape(runs, model)
    lines = ["| runs | accuracy | sparsity | configurations |", "|---|---|---|---|"]
    found, real = [], []
    for one in np.unique(others.group):
        mine = np.flatnonzero(others.group == one)
        fields = {"lr": 0.01} | others.fields[mine[0]]
        found.append(landscape.truth(fields)[-1])
        real.append([others.accuracy[mine, -1].mean(), others.sparsity[mine, -1].mean()])
    guess, truth = np.array(found), np.array(real)
    for name, part in {"all": truth[:, 0] >= 0, "not collapsed": truth[:, 0] >= ALIVE}.items():
        cells = [_errors(guess[:, k], truth[:, k], part, 100) for k in range(2)]
        lines.append(f"| {name} | {cells[0]} | {cells[1]} | {part.sum()} |")
    return lines


def walls(runs: curves.Runs) -> str:
    """How much of the training time the configuration explains."""
    total = np.log(runs.wall_s[:, -1])
    x = features.matrix(runs.fields)
    fold = np.random.default_rng(0).permutation(runs.group.max() + 1)[runs.group] % FOLDS
    guess = np.empty(len(runs))
    for k in range(FOLDS):
        out = fold == k
        guess[out] = trees(x[~out], total[~out])(x[out])
    share = 1 - ((guess - total) ** 2).sum() / ((total - total.mean()) ** 2).sum()
    median, low, high = np.quantile(runs.wall_s[:, -1], [0.5, 0.1, 0.9])
    return (
        f"A training took {median:.1f} s (10 to 90 %: {low:.1f} to {high:.1f}); the configuration explains "
        f"{100 * max(share, 0.0):.0f} % of the variance of its logarithm on held-out configurations, so "
        "simulated times are those of a recorded run drawn at random."
    )


def main(argv: list[str]) -> int:
    """Judge the models."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--recorded", type=Path, default=simulator.RECORDED, help=".parquet or .jsonl")
    parser.add_argument("--model", action="append", default=[], help="only this one (may be repeated)")
    parser.add_argument("--target", type=Path, default=RESULTS / "landscape_error.md")
    given = parser.parse_args(argv)
    if given.recorded.suffix == ".parquet":
        runs = curves.from_parquet(given.recorded)
    else:
        runs = curves.from_rows([json.loads(line) for line in given.recorded.read_text().splitlines()])
    models = given.model or list(MODELS)
    lines = [
        "# How well the digits landscape is interpolated",
        "",
        f"`python -m benchmarks.landscape.validate`: {len(runs)} runs of {runs.group.max() + 1} "
        f"configurations in {FOLDS} folds over configurations, never over seeds of the same one. Cells: root "
        "mean square of the error of the final value in percentage points (median of its absolute value in "
        "brackets), against single runs: a perfect model would be left with the seeds' own spread, the last "
        "rows.",
        "",
        f"Not collapsed: accuracy of at least {ALIVE}. Near the front: not collapsed, and on the front of "
        f"all runs if it had {100 * NEAR:.0f} points more of both. Collapse told right: mean of the rates "
        "among collapsed and other runs. Seconds: of all folds.",
        "",
        *table(runs, models),
        "",
        f"The simulator uses: {simulator.MODEL}. Accuracy is interpolated as the logit of its share above "
        "chance, sparsity as the logarithm of what remains, all epochs at once, from the numbers of "
        "`features.py`. A seed's noise is the residual curve of a recorded run that ends nearby.",
        "",
        walls(runs),
        "",
    ]
    claims = RESULTS / "claims_digits.jsonl"
    if claims.exists():
        lines += ["Trainings of `claims.py` (named schedules, other code version), mean of their seeds:", ""]
        lines += independent(runs, curves.from_claims(claims), simulator.MODEL)
    given.target.write_text("\n".join(lines) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
