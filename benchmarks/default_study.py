"""What one command costs and where its time goes: the default study beside the same job with stock tools.

Runs ``python -m study.launch`` and ``stock_study.py`` in turn, each in a process of its own, with the same
number of trials (reference arms included) and epochs. ``wall`` is the whole process, from start to exit, on
this one's clock; ``overhead ratio`` is wall / (training_s / slots). The parts of a launch add up to its
wall, in seconds of one slot, by the times in its trials.jsonl:

* imports, Ray start: until the first trial is suggested;
* first trials start: until the first step of every slot's first trial (a first step is taken as the trial's
  end minus its training time, so the little that passes between epochs counts here);
* training / slots: time inside the epochs; between trials: what is left until every slot's last trial ends;
* uneven end: slots wait for the last trial; after the last trial: Ray's end, front's networks, report.

``--against-stock`` runs no study: it alternates one training of either kind, same shape and length, in this
process, after an epoch to warm up. Results, with every raw figure, go to ``benchmarks/results``.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import mean, median
from typing import Any

from study import provenance

HERE = Path(__file__).parent
Figures = dict[str, Any]
Runs = dict[str, list[Figures]]  # of "spinetune" and of "stock"

TRAINING = {"one training, s": "training_s"}  # row of the table -> figure of a run; the first is compared
STUDY = {
    "wall, s": "wall_s",
    "wall per trial, s": "wall_per_trial_s",
    "overhead ratio": "overhead_ratio",
    "training per epoch, s": "training_per_epoch_s",
    "epochs trained": "epochs_trained",
    "best validation accuracy at sparsity of 0.9 or more": "best_accuracy",
    "part: imports, Ray start, s": "before_s",
    "part: first trials start, s": "first_start_s",
    "part: training / slots, s": "training_per_slot_s",
    "part: between trials, s": "between_s",
    "part: uneven end, s": "uneven_end_s",
    "part: after the last trial, s": "after_s",
    "startup_s of study.json": "startup_s",
    "search_s of study.json less training / slots": "search_overhead_s",
    "report, timed alone, s": "report_s",
}


def timed(command: list[str], **environment: str) -> tuple[float, str]:
    """Wall time of a process and what it printed; exits with its last words when it fails."""
    env, started = os.environ | environment, time.perf_counter()
    done = subprocess.run(command, cwd=HERE.parent, env=env, capture_output=True, text=True)
    wall = time.perf_counter() - started
    if done.returncode:
        sys.exit(f"{shlex.join(command)} failed:\n{(done.stdout + done.stderr)[-3000:]}")
    return wall, done.stdout


def launch(number: int, flags: list[str]) -> Figures:
    """One study with Spinetune."""
    with tempfile.TemporaryDirectory(prefix="bench-") as output:
        folder, began = Path(output) / f"bench-{number}", time.time()
        place = ["--output", output, "--name", folder.name]
        wall, _ = timed([sys.executable, "-m", "study.launch", *flags, *place])
        report, _ = timed([sys.executable, "-m", "analysis.report", str(folder)])
        study = json.loads((folder / "study.json").read_text())
        trials = [json.loads(line) for line in (folder / "trials.jsonl").read_text().splitlines()]
    slots, training = study["timings"]["slots"], study["timings"]["training_s"]
    suggested = min(trial["started_at"] for trial in trials)
    steps = sorted(trial["ended_at"] - trial["train_wall_s"] for trial in trials)[:slots]
    ends = sorted(trial["ended_at"] for trial in trials)[-slots:]
    rows = [trial["metrics"] for trial in trials if trial["state"] == "COMPLETE"]
    best = max((row["accuracy_val"] for row in rows if row["sparsity_params"] >= 0.9), default=None)
    figures = {
        "before_s": suggested - began,
        "first_start_s": mean(steps) - suggested,
        "between_s": mean(ends) - mean(steps) - training / slots,
        "uneven_end_s": ends[-1] - mean(ends),
        "after_s": began + wall - ends[-1],
        "report_s": report,
        "search_overhead_s": study["timings"]["search_s"] - training / slots,
        "trials": len(trials),
        "epochs": study["spec"]["train"]["epochs"],
        "epochs_trained": sum(trial["epochs"] for trial in trials),
    }
    return with_quotients(study["timings"] | figures | {"wall_s": wall, "best_accuracy": best})


def stock(like: Figures) -> Figures:
    """One study with stock tools, the size of a launch. Ray's files and token go to a temp folder."""
    sizes = [f"--{name}={like[name]}" for name in ("trials", "epochs")]
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        token = Path(scratch) / "token"
        token.write_text(secrets.token_hex(32))
        command = [sys.executable, str(HERE / "stock_study.py"), *sizes]
        wall, printed = timed(command, RAY_TMPDIR=scratch, RAY_AUTH_TOKEN_PATH=str(token))
    figures = json.loads(printed.strip().splitlines()[-1])
    return with_quotients(figures | {"wall_to_last_result_s": figures["wall_s"], "wall_s": wall})


def with_quotients(run: Figures) -> Figures:
    """Add the figures that are quotients of others."""
    per_slot = run["training_s"] / run["slots"]
    return run | {
        "training_per_slot_s": per_slot,
        "overhead_ratio": run["wall_s"] / per_slot,
        "wall_per_trial_s": run["wall_s"] / run["trials"],
        "training_per_epoch_s": run["training_s"] / run["epochs_trained"],
    }


def studies(given: argparse.Namespace) -> Runs:
    """Launches with stock studies spread evenly between them, a launch first: it sets the size."""
    runs: Runs = {"spinetune": [], "stock": []}
    turns = [(turn / given.repeats, "spinetune") for turn in range(given.repeats)]
    turns += [((turn + 0.5) / given.stock_repeats, "stock") for turn in range(given.stock_repeats)]
    for _, kind in sorted(turns):
        number = len(runs[kind]) + 1
        runs[kind].append(launch(number, given.flags) if kind == "spinetune" else stock(runs["spinetune"][0]))
    return runs


def trainings(given: argparse.Namespace) -> Runs:
    """Single trainings without Ray, alternating, on one thread."""
    import stock_study

    from trainables.config import TrainConfig
    from trainables.train import Training

    config, data = TrainConfig(), stock_study.load()
    point = {"shape": config.scheduler, "threshold": config.final_threshold, "start": 0.0, "end": 1.0}
    next(Training(config)), next(stock_study.training(point, data, config.epochs))
    ours, stocks = [], []
    for _ in range(given.repeats):
        ours.append({"training_s": list(Training(config))[-1]["wall_s"]})
        stocks.append({"training_s": list(stock_study.training(point, data, config.epochs))[-1]["train_s"]})
    return {"spinetune": ours, "stock": stocks}


def cell(runs: list[Figures], key: str) -> str:
    """Median (lowest to highest) over runs."""
    values = [run[key] for run in runs if run.get(key) is not None]
    if len(set(values)) < 2:
        return f"{values[0]:.4g}" if values else "-"
    return f"{median(values):.4g} ({min(values):.4g} to {max(values):.4g})"


def page(facts: Figures, rows: dict[str, str]) -> str:
    """The results as Markdown."""
    ours, stocks, key = facts["spinetune"], facts["stock"], next(iter(rows.values()))
    lines = [f"`{facts['command']}`: medians (lowest to highest)", ""]
    lines += [f"| | Spinetune, n={len(ours)} | stock tools, n={len(stocks)} |", "|---|---:|---:|"]
    lines += [f"| {label} | {cell(ours, name)} | {cell(stocks, name)} |" for label, name in rows.items()]
    if stocks:
        a, b = ([run[key] for run in runs] for runs in (ours, stocks))
        extremes = f"{min(b) / max(a):.2f} to {max(b) / min(a):.2f} over all pairs"
        lines += ["", f"{key}, stock / Spinetune: **{median(b) / median(a):.2f}** ({extremes})"]
    told = ("machine", "load", "versions", "commit", "date")
    return "\n".join([*lines, "", *(f"- {name}: {json.dumps(facts[name])}" for name in told), ""])


def main() -> None:
    """Measure, print the table, write the results."""
    parser = argparse.ArgumentParser(description="The default study beside the same job with stock tools.")
    parser.add_argument("--repeats", type=int, default=3, help="launches, or pairs of trainings")
    parser.add_argument("--stock-repeats", type=int, default=1, help="stock studies; 0 for none")
    parser.add_argument("--against-stock", action="store_true", help="no studies: compare trainings alone")
    parser.add_argument("flags", nargs="*", help="after --: flags for study.launch")
    given = parser.parse_args()
    if given.repeats < 1 or (given.against_stock and given.flags):
        parser.error("at least one repeat; no flags with --against-stock")
    facts: Figures = {
        "command": shlex.join(["python", "benchmarks/default_study.py", *sys.argv[1:]]),
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "commit": provenance.commit(),
        "machine": provenance.machine(),
        "load": round(os.getloadavg()[0], 2),  # before the first run; a quiet machine has almost none
        "versions": provenance.versions(),
    }
    facts |= trainings(given) if given.against_stock else studies(given)
    name, rows = ("training", TRAINING) if given.against_stock else ("default_study", STUDY)
    (HERE / "results").mkdir(exist_ok=True)
    (HERE / "results" / f"{name}.json").write_text(json.dumps(facts, indent=1) + "\n")
    (HERE / "results" / f"{name}.md").write_text(page(facts, rows))
    print(page(facts, rows))


if __name__ == "__main__":
    main()
