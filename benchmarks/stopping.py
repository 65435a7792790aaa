"""What stopping rules save and what they cost on recorded trainings: every stop is checked against the truth.

``python -m benchmarks.stopping`` replays the trainings of ``claims.py`` (the runs of one seed are one study's
pool) and of the landscape (one pool): a study draws ``--trials`` of them in random order and trains them in
``--slots`` slots of slightly different speed; each rule sees the rows as they would have come. Safety stops
are always on.
Because the recorded ends of the stopped trials are known, every stop counts as audited: a stop is false if
the trial's end is on the front of all the study's trials or within its noise. Writes ``results/stopping.md``.
"""

from __future__ import annotations

import argparse
import heapq
import math
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.recorded import FLOOR, SOURCES, Pools, Recorded
from study import provenance
from study.spec import Stopping
from study.stopping import RULES, SafetyStop, Setting
from study.stopping.audit import Judge, Trial, Verdict, audit
from study.stopping.forecast import promised
from study.stopping.measures import wilson
from study.stopping.pareto import ParetoStop
from study.stopping.protocol import Row

RESULTS = Path(__file__).with_name("results")
OBJECTIVES = ("accuracy_val", "sparsity_params")
CHANCE = 0.1
MOMENTS = (0.5, 0.6, 0.7, 0.8, 0.9)
Errors = tuple[float, float, float]


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


def drawn(pool: list[Recorded], given: argparse.Namespace, seed: int) -> list[Recorded]:
    """The trials of one study, in the order of asking."""
    return [pool[index] for index in np.random.default_rng([seed, 0]).permutation(len(pool))[: given.trials]]


def study(
    pool: list[Recorded], rule: str, stopping: Stopping, given: argparse.Namespace, seed: int
) -> dict[str, Any]:
    """What the rule does to one study, against the same study without it."""
    runs = drawn(pool, given, seed)
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


def forecast_errors(runs: list[Recorded], given: argparse.Namespace, seed: int) -> dict[float, list[Errors]]:
    """Progress -> (forecast, 0.8 x alone, no change) - truth, of the sparsity at the end, one entry a trial.

    Forecasts are made when the row comes in, from the ends known then; collapsed trials are left out.
    """
    rule = ParetoStop(Setting(OBJECTIVES, given.n_val, FLOOR, Stopping(stop_rule="pareto")))
    errors: dict[float, list[Errors]] = defaultdict(list)
    for number, index in arrivals(runs, given.slots, np.random.default_rng([seed, 1])):
        run, row = runs[number], runs[number].rows[index]
        rule.observe(number, run.plan, row)
        cohort = rule.cohort(run.plan)
        epoch, u = index + 1, round((index + 1) / run.plan.epochs, 2)
        if not run.whole or u not in MOMENTS or not cohort.trusted(epoch):
            continue
        slot, truth = cohort.slots[number], run.rows[-1]["sparsity_params"]
        now = row["sparsity_params"]
        depth = -math.log(max(1 - now, 1e-4))
        x = promised(depth, row["threshold"], run.plan.final_threshold)
        ahead = float(cohort.end_levels(epoch, 0)[0][slot])
        guesses = (1 - math.exp(-ahead), 1 - math.exp(-depth - 0.8 * x), now)
        errors[u].append(tuple(guess - truth for guess in guesses))  # type: ignore[arg-type]
    return errors


def forecast_table(errors: dict[float, list[Errors]]) -> list[str]:
    """Markdown, one line a moment."""
    lines = [
        "| progress u | n | forecast: rms, median, 90 % | 0.8 x, no peers | sparsity stays as it is |",
        "|---|---|---|---|---|",
    ]
    for u in sorted(errors):
        sizes = np.abs(np.array(errors[u]))
        cells = [
            f"{np.sqrt((size**2).mean()):.4f}, {np.median(size):.4f}, {np.quantile(size, 0.9):.4f}"
            for size in sizes.T
        ]
        lines.append(f"| {u:.1f} | {len(sizes)} | {' | '.join(cells)} |")
    return lines


def settings() -> dict[str, tuple[str, Stopping]]:
    """What is compared: name in the table -> rule and settings."""
    default = Stopping()
    found = {"none": ("none", default), "pareto (default)": ("pareto", default)}
    variants: dict[str, dict[str, Any]] = {
        "pareto, noise 0": {"stop_noise": 0.0},
        "pareto, noise 2": {"stop_noise": 2.0},
        "pareto, one peer": {"stop_peers": 1},
        "pareto from 0.75": {"stop_from": 0.75},
    }
    found |= {name: ("pareto", default.model_copy(update=update)) for name, update in variants.items()}
    return found | {"discard": ("discard", default), "asha": ("asha", default)}


def section(title: str, pools: Pools, given: argparse.Namespace) -> list[str]:
    """Both tables of one pool of trainings."""
    orders = given.studies // len(pools)
    seeds = [(seed, 1000 * seed + order) for seed in pools for order in range(orders)]
    rows = {
        name: [study(pools[pool], rule, stopping, given, seed) for pool, seed in seeds]
        for name, (rule, stopping) in settings().items()
    }
    errors: dict[float, list[Errors]] = defaultdict(list)
    for pool, seed in seeds:
        for u, found in forecast_errors(drawn(pools[pool], given, seed), given, seed).items():
            errors[u] += found
    size = min(map(len, pools.values()))
    n = f"n = {len(seeds)} studies ({len(pools)} seeds x {orders} orders) of {given.trials} trials"
    return [
        f"## {title}",
        "",
        f"{n}, drawn from {size} recorded trainings per seed; {given.slots} slots.",
        "",
        *table(rows),
        "",
        "Error of the forecast sparsity at the end (fraction), of trials that end above the accuracy floor:",
        "",
        *forecast_table(errors),
        "",
    ]


def source(name: str, given: argparse.Namespace) -> list[str]:
    """The sections of one source."""
    file, load = SOURCES[name]
    pools = load(RESULTS / file)
    families = Counter(run.plan.family for pool in pools.values() for run in pool)
    largest = families.most_common(1)[0][0]
    alone = {seed: [run for run in pool if run.plan.family == largest] for seed, pool in pools.items()}
    found = section(f"{file}: one family ({', '.join(largest)} timesteps), as in a search", alone, given)
    if len(families) > 1:
        mixed = f"all {len(families)} families mixed; pareto, discard and asha compare inside a family only"
        found += section(f"{file}: {mixed}", pools, given)
    return found


def main(argv: list[str]) -> int:
    """Replay every rule and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--source", nargs="+", choices=list(SOURCES), default=list(SOURCES))
    parser.add_argument("--n-val", type=int, default=269, help="validation samples (digits: 269)")
    parser.add_argument("--trials", type=int, default=60, help="trials per study")
    parser.add_argument("--slots", type=int, default=4)
    parser.add_argument("--studies", type=int, default=50, help="per source, spread over its seeds")
    parser.add_argument("--output", type=Path, default=RESULTS / "stopping.md")
    given = parser.parse_args(argv)

    sections = [line for name in given.source for line in source(name, given)]
    versions = ", ".join(f"{name} {version}" for name, version in provenance.versions().items())
    command = " ".join(["python -m benchmarks.stopping", *argv])
    about = [
        "# Stopping rules on recorded trainings",
        "",
        f"`{command}`; {versions}.",
        "",
        "Every stop is checked against the recorded end of its trial. False: that end is on the front of all",
        "the study's trials, or would be if it were one standard deviation better. Hypervolume lost: of that",
        "front, without the stopped trials. tau: Kendall's tau-b between non-domination ranks at the epoch",
        "of a stop and at the end. Epochs saved: beyond those that safety stops save alone. Last column: the",
        f"rate as the study itself would estimate it, from the {Stopping().stop_audit:.0%} of the sentenced",
        "trials that run on. Studies of one seed share trainings: intervals over all stops are too narrow.",
        "Form of the forecast and sizes of the noise were chosen on claims_digits.jsonl: on that file",
        "pareto's figures are those of a rule that was fitted to it, the baselines' are not. The landscape",
        "(quasi-random shapes, windows, D and learning rates) was recorded later and has fitted nothing.",
        "",
    ]
    text = "\n".join(about + sections)
    given.output.write_text(text.rstrip() + "\n")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
