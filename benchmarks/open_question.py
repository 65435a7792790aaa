"""Is there a better schedule than linear, sine and S-LATS? A search, then fresh seeds for all: the trainings.

``python benchmarks/open_question.py --dataset digits`` does, and resumes, three steps:

1. a study of ``python -m study.launch`` searches shape, window and D;
2. of each sparsity band, its best trials are trained again with ``CHOICE`` seeds, and the one with the best
   mean validation accuracy whose mean sparsity is in the band is chosen;
3. the chosen ones, the arms and the dense network are trained with ``PROOF`` seeds, which chose nothing.

An arm's D is the least that reaches the band: interpolated in the sweep of ``claims.py`` (five seeds a
point), so an arm is not made worse by being sparser than asked. The runs of steps 2 and 3 are appended to
``results/open_question_DATASET.jsonl``; ``python benchmarks/open_question_table.py`` makes table and figure.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import claims
import numpy as np

from study import provenance

RESULTS = Path(__file__).with_name("results")
BANDS = (0.80, 0.90, 0.95)
MARGIN = 0.003  # of sparsity above the band that an arm's D aims at: single seeds scatter by about 0.002
# The searches of a data set, with the trials and flags of each. The default range of D (D / sum(lr) from 0.2)
# begins at 92 % sparsity on mnist5k: what it left out, a second one searches.
SEARCHES: dict[str, dict[str, list[str]]] = {
    "digits": {"open-question-digits": ["--trials=200"]},
    "mnist5k": {
        "open-question-mnist5k": ["--trials=80"],
        "open-question-mnist5k-low": ["--trials=60", "--threshold=0.05,0.25"],
    },
}
NEXT = 1000  # added to the numbers of the second search's trials
CANDIDATES = {"digits": 5, "mnist5k": 4}  # a band
CHOICE = {"digits": range(100, 105), "mnist5k": range(100, 103)}
PROOF = {"digits": range(200, 210), "mnist5k": range(200, 205)}
ARMS = {  # as they are called -> the arm of claims.py
    "linear": "stds, linear",
    "sine": "stds, sine",
    "S-LATS": "stds, slats",
    "S-LATS until 0.8": "stds, slats until 0.8",
    "linear, constant lr": "stds, linear, constant lr",
    "sine, constant lr": "stds, sine, constant lr",  # the paper's own setting
}
Fields = dict[str, Any]


def base(dataset: str) -> Fields:
    """What all runs share."""
    shared = {**claims.BASE[dataset], "pruner": "stds", "threads": 1, "device": "cpu"}
    return shared | {"precision": claims.PRECISION[dataset]}


def threshold(d: np.ndarray, sparsity: np.ndarray, target: float) -> float | None:
    """The least D with the sparsity ``target``, by interpolation in a sweep; None where it ends below."""
    order = np.argsort(d)
    d, sparsity = d[order], np.maximum.accumulate(sparsity[order])
    if sparsity[-1] < target:
        return None
    rising = np.r_[True, np.diff(sparsity) > 0]
    # what remains falls about exponentially with D: its logarithm is close to linear between two points
    rest = np.log(1 - np.minimum(sparsity[rising], 1 - 1e-9))
    return float(f"{np.interp(-np.log(1 - target), -rest, d[rising]):.4g}")


def arms(dataset: str) -> dict[str, dict[float, Fields]]:
    """Arm -> band -> configuration, without those bands that the arm's sweep does not reach."""
    lines = (RESULTS / f"claims_{dataset}.jsonl").read_text().splitlines()
    swept: dict[str, dict[float, list[float]]] = defaultdict(lambda: defaultdict(list))
    fixed: dict[str, Fields] = {}
    for run in map(json.loads, lines):
        config = run["config"]
        if run["arm"] in ARMS.values():
            swept[run["arm"]][config["final_threshold"]].append(run["sparsity_params"])
            fixed[run["arm"]] = {k: v for k, v in config.items() if k not in ("seed", "final_threshold")}
    found: dict[str, dict[float, Fields]] = {}
    for name, arm in ARMS.items():
        d = np.array(list(swept[arm]))
        mean = np.array([np.mean(values) for values in swept[arm].values()])
        reached = {band: threshold(d, mean, band + MARGIN) for band in BANDS}
        found[name] = {
            band: base(dataset) | fixed[arm] | {"final_threshold": value}
            for band, value in reached.items()
            if value is not None
        }
    return found


def search(dataset: str, studies: Path) -> list[Fields]:
    """The trials of the studies, which are begun or gone on with where they are not complete."""
    trials = []
    for at, (name, wanted) in enumerate(SEARCHES[dataset].items()):
        whole = studies / name / "study.json"
        if not whole.exists() or json.loads(whole.read_text())["state"] != "complete":
            shared = [f"--{key.replace('_', '-')}={value}" for key, value in base(dataset).items()]
            begin = [*shared, *wanted, "--confirm=0", f"--name={name}"]
            given = ["--resume", name] if whole.exists() else begin
            command = [sys.executable, "-m", "study.launch", *given, f"--output={studies}"]
            subprocess.run(command, check=True)
        lines = (studies / name / "trials.jsonl").read_text().splitlines()
        trials += [line | {"number": line["number"] + NEXT * at} for line in map(json.loads, lines)]
    return trials


def candidates(dataset: str, trials: list[Fields]) -> dict[float, list[Fields]]:
    """Band -> the configurations of its most accurate searched trials, best first."""
    done = [t for t in trials if t["kind"] == "search" and t["state"] == "COMPLETE"]
    found: dict[float, list[Fields]] = {}
    for band in BANDS:
        inside = [t for t in done if t["values"]["sparsity_params"] >= band]
        inside.sort(key=lambda t: -t["values"]["accuracy_val"])
        best = inside[: CANDIDATES[dataset]]
        found[band] = [base(dataset) | t["params"] | {"number": t["number"]} for t in best]
    return found


def choose(runs: list[Fields], band: float) -> Fields | None:
    """Of the candidates of a band that are as sparse in the mean, the one of the best mean validation."""
    mine = defaultdict(list)
    for run in runs:
        if (run["step"], run["band"]) == ("choice", band):
            mine[run["number"]].append(run)
    able = {n: r for n, r in mine.items() if np.mean([x["sparsity_params"] for x in r]) >= band}
    if not able:
        return None
    best = max(able.values(), key=lambda r: np.mean([x["accuracy_val"] for x in r]))[0]
    return {k: v for k, v in best["config"].items() if k != "seed"} | {"number": best["number"]}


def jobs(step: str, arm: str, band: float | None, fields: Fields, seeds: range) -> list[Fields]:
    """One configuration with its seeds."""
    config = {k: v for k, v in fields.items() if k != "number"}
    head = {"step": step, "arm": arm, "band": band, "number": fields.get("number")}
    return [head | {"config": config | {"seed": seed}} for seed in seeds]


def key(job: Fields) -> str:
    """What makes two runs the same."""
    return json.dumps([job["step"], job["arm"], job["band"], job["config"]], sort_keys=True)


def train_all(wanted: list[Fields], path: Path, processes: int) -> list[Fields]:
    """Train what is missing; all wanted runs."""
    lines = path.read_text().splitlines() if path.exists() else []
    known = {key(run): run for run in map(json.loads, lines)}
    missing = [job for job in wanted if key(job) not in known]
    started = time.monotonic()
    with multiprocessing.get_context("spawn").Pool(processes) as pool, path.open("a") as file:
        for done, run in enumerate(pool.imap_unordered(claims.train, missing), 1):
            del run["curves"]
            known[key(run)] = run
            file.write(json.dumps(run) + "\n")
            file.flush()
            left_s = (time.monotonic() - started) / done * (len(missing) - done)
            what = f"{run['step']} {run['arm']} {run['band']} {run['sparsity_params']:.4f}"
            print(f"{done}/{len(missing)} {what} {run['accuracy_val']:.4f}, {left_s / 60:.0f} minutes left")
            sys.stdout.flush()
    return [known[key(job)] for job in wanted]


def main(argv: list[str]) -> int:
    """All three steps; 0 when all is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--dataset", choices=list(SEARCHES), default="digits")
    parser.add_argument("--processes", type=int, default=provenance.cores())
    parser.add_argument("--studies", type=Path, default=Path("studies"), help="where the search's study lies")
    given = parser.parse_args(argv)
    dataset: str = given.dataset
    path = RESULTS / f"open_question_{dataset}.jsonl"
    trials = search(dataset, given.studies.absolute())
    about = path.with_suffix(".origin.json")
    before = json.loads(about.read_text())["commit"].split(", ") if about.exists() else []
    origin = {
        "commit": ", ".join(dict.fromkeys([*before, str(provenance.commit())])),
        "machine": provenance.machine(),
        "versions": provenance.versions(),
        "trials": sum(trial["kind"] == "search" for trial in trials),
    }
    about.write_text(json.dumps(origin, indent=1) + "\n")
    wanted = [
        job
        for band, found in candidates(dataset, trials).items()
        for fields in found
        for job in jobs("choice", "search", band, fields, CHOICE[dataset])
    ]
    runs = train_all(wanted, path, given.processes)
    seeds = PROOF[dataset]
    wanted = jobs("proof", "dense", None, base(dataset) | {"pruner": "dense"}, seeds)
    for band in BANDS:
        best = choose(runs, band)
        wanted += jobs("proof", "search", band, best, seeds) if best is not None else []
        for name, by_band in arms(dataset).items():
            wanted += jobs("proof", name, band, by_band[band], seeds) if band in by_band else []
    runs += train_all(wanted, path, given.processes)
    path.write_text("".join(f"{json.dumps(run)}\n" for run in runs))  # without what was chosen before
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
