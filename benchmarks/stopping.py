"""What stopping rules save and what they cost, on recorded trainings: every stop is checked against the truth.

``python benchmarks/stopping.py`` replays ``results/claims_digits.jsonl``: the recorded runs of one seed are
one study's pool, a study draws ``--trials`` of them in random order and trains them in ``--slots`` slots of
slightly different speed; each rule sees the rows as they would have come. Safety stops are on in all of them.
Because the recorded ends of the stopped trials are known, every stop counts as audited: a stop is false if
the trial's end is on the front of all the study's trials, or within its noise. Writes ``results/stopping.md``.
"""

from __future__ import annotations

import argparse
import heapq
import json
import math
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from study import provenance
from study.spec import Stopping
from study.stopping import RULES, Plan, SafetyStop, Setting
from study.stopping.audit import Judge, Trial, Verdict, audit
from study.stopping.measures import wilson
from study.stopping.protocol import Row
from trainables.config import TrainConfig

RESULTS = Path(__file__).with_name("results")
OBJECTIVES = ("accuracy_val", "sparsity_params")
FLOOR, CHANCE = 0.5, 0.1
CURVES = ("accuracy_val", "sparsity_params", "threshold", "firing_rate")
Pools = dict[int, list["Recorded"]]


@dataclass(frozen=True)
class Recorded:
    """One real training with all its rows. ``whole``: it reached its last epoch with a feasible result."""

    plan: Plan
    rows: list[dict[str, Any]]
    whole: bool


def claims(path: Path) -> Pools:
    """Seed -> its recorded trainings with a scheduled threshold, from a file of benchmarks/claims.py."""
    pools: Pools = defaultdict(list)
    for line in path.read_text().splitlines():
        run = json.loads(line)
        plan = Plan.of(TrainConfig(**run["config"]))
        if not plan.driven:
            continue
        curves = {name: run["curves"][name] for name in CURVES}
        rows = [
            {"epoch": epoch, "progress": epoch / plan.epochs}
            | {name: curve[epoch - 1] for name, curve in curves.items()}
            for epoch in range(1, len(curves["accuracy_val"]) + 1)
        ]
        whole = run["reason"] is None and rows[-1]["accuracy_val"] > FLOOR
        pools[run["config"]["seed"]].append(Recorded(plan, rows, whole))
    return dict(pools)


LOADERS: dict[str, Callable[[Path], Pools]] = {"claims": claims}


def arrivals(runs: list[Recorded], slots: int, rng: np.random.Generator) -> Iterator[tuple[int, int]]:
    """(number, row index) as an asynchronous study files them; ``send(True)`` ends that trial."""
    speeds = rng.uniform(0.8, 1.25, len(runs))
    queue = [(speeds[number], number, 0) for number in range(min(slots, len(runs)))]
    heapq.heapify(queue)
    asked = len(queue)
    while queue:
        clock, number, index = heapq.heappop(queue)
        over = (yield number, index) or index + 1 == len(runs[number].rows)
        if not over:
            heapq.heappush(queue, (clock + speeds[number], number, index + 1))
        elif asked < len(runs):
            heapq.heappush(queue, (clock + speeds[asked], asked, 0))
            asked += 1


def replay(
    runs: list[Recorded], rule: str, stopping: Stopping, n_val: int, slots: int, seed: int
) -> tuple[list[Verdict], dict[int, int]]:
    """One study under one rule: its verdicts, and the epochs that each trial trained."""
    judge = Judge(RULES[rule](Setting(OBJECTIVES, n_val, FLOOR, stopping)), stopping.stop_audit, seed)
    safety = SafetyStop(CHANCE, 2 * math.sqrt(CHANCE * (1 - CHANCE) / n_val))
    trained: dict[int, int] = {}
    events = arrivals(runs, slots, np.random.default_rng([seed, 1]))
    stop: bool | None = None
    while True:
        try:
            number, index = events.send(stop)  # type: ignore[attr-defined]
        except StopIteration:
            return list(judge.verdicts.values()), trained
        run = runs[number]
        row: Row = run.rows[index]
        trained[number] = index + 1
        collapsed = safety.reason(number, row, run.plan.final_threshold * (1 - 1e-6)) is not None
        stop = judge.row(number, run.plan, row) is not None or collapsed
        if stop or index + 1 == len(run.rows):
            judge.ended(number, row, complete=run.whole and not stop)


def study(
    pool: list[Recorded], rule: str, stopping: Stopping, given: argparse.Namespace, seed: int
) -> dict[str, Any]:
    """What the rule does to one study, against the same study without it."""
    order = np.random.default_rng([seed, 0]).permutation(len(pool))[: given.trials]
    runs = [pool[index] for index in order]
    verdicts, trained = replay(runs, rule, stopping, given.n_val, given.slots, seed)
    everything = sum(replay(runs, "none", stopping, given.n_val, given.slots, seed)[1].values())
    trials = {number: Trial(run.rows, run.plan.epochs, run.whole) for number, run in enumerate(runs)}
    reference = {"accuracy_val": CHANCE, "sparsity_params": 0.0}

    def judged(these: list[Verdict]) -> dict[str, Any]:
        return audit(these, trials, OBJECTIVES, reference, given.n_val)

    stops = [Verdict(v.number, v.epoch, v.reason, audited=True) for v in verdicts if not v.audited]
    truth = judged(stops)
    return {
        "trials": len(runs),
        "stops": len(stops),
        "false": truth["false_stops"],
        "on_front": truth["on_front"],
        "lost": truth["hypervolume_lost"] or 0.0,
        "tau": truth["rank_correlation"],
        "saved": 1 - sum(trained.values()) / everything,
        "checked": (estimate := judged(verdicts))["audited"],
        "checked_false": estimate["false_stops"],
    }


def table(rows: dict[str, list[dict[str, Any]]]) -> list[str]:
    """Markdown, one line a rule."""
    lines = [
        "| rule | stopped | false stops (95 %) | of them on the front | hypervolume lost: mean, worst "
        "| tau | epochs saved | audit's estimate of the false-stop rate |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, studies in rows.items():

        def total(key: str, studies: list[dict[str, Any]] = studies) -> int:
            return sum(one[key] for one in studies)

        def share(hits: int, n: int) -> str:
            low, high = wilson(hits, n)
            return f"{hits / n:.1%} ({low:.1%} to {high:.1%}) of {n}" if n else "-"

        taus = [one["tau"] for one in studies if one["tau"] is not None]
        losses = [one["lost"] for one in studies]
        lines.append(
            f"| {name} | {total('stops') / total('trials'):.1%} | {share(total('false'), total('stops'))} "
            f"| {total('on_front')} | {np.mean(losses):.2%}, {max(losses):.2%} "
            f"| {f'{np.mean(taus):.2f}' if taus else '-'} | {np.mean([one['saved'] for one in studies]):.1%} "
            f"| {share(total('checked_false'), total('checked'))} |"
        )
    return lines


def main(argv: list[str]) -> int:
    """Replay every rule and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--source", type=Path, default=RESULTS / "claims_digits.jsonl")
    parser.add_argument("--loader", choices=list(LOADERS), default="claims")
    parser.add_argument("--n-val", type=int, default=269, help="validation samples (digits: 269)")
    parser.add_argument("--trials", type=int, default=60, help="trials per study")
    parser.add_argument("--slots", type=int, default=4)
    parser.add_argument("--orders", type=int, default=10, help="studies per seed")
    parser.add_argument("--output", type=Path, default=RESULTS / "stopping.md")
    given = parser.parse_args(argv)

    pools = LOADERS[given.loader](given.source)
    default = Stopping()
    settings = {
        "none": ("none", default),
        "pareto (default)": ("pareto", default),
        "pareto, noise 0": ("pareto", default.model_copy(update={"stop_noise": 0.0})),
        "pareto, noise 2": ("pareto", default.model_copy(update={"stop_noise": 2.0})),
        "pareto, one peer": ("pareto", default.model_copy(update={"stop_peers": 1})),
        "pareto from 0.75": ("pareto", default.model_copy(update={"stop_from": 0.75})),
        "discard": ("discard", default),
        "asha": ("asha", default),
    }
    studies = [(seed, order) for seed in pools for order in range(given.orders)]
    rows = {
        name: [study(pools[seed], rule, stopping, given, 1000 * seed + order) for seed, order in studies]
        for name, (rule, stopping) in settings.items()
    }
    print("\n".join(table(rows)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
