"""What the driver costs: studies of trivial trials on a real, local Ray.

``python benchmarks/driver_cost.py`` runs studies of 1,000 and 5,000 trials that end with their first row,
made up from the parameters, and writes ``results/driver_cost.json`` and ``.md``: trials per second, memory,
and seconds for each suggestion and each end against the number of trials.

Everything is the study's own (agenda, samplers, database, log, Ray adapter) but the training.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from study import cluster, provenance
from study.agenda import Agenda
from study.record import Recorder
from study.resources import Share
from study.search import Search
from study.spec import StudySpec
from study.store import Store

os.environ |= cluster.ENVIRONMENT | cluster.LOCAL_ENVIRONMENT  # Ray reads them when it is imported
from ray import tune

from study import tuning

RESULTS = Path(__file__).with_name("results")
PARTS = 10  # of a study, whose medians show how costs grow


class Trivial(tune.Trainable):
    """A trial that trains nothing: more sparsity for more D, less accuracy."""

    def setup(self, config: dict[str, Any]) -> None:
        self.given = config["train"]

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self.setup(new_config)
        return True

    def step(self) -> dict[str, Any]:
        d = 0.0 if self.given["pruner"] == "dense" else self.given["final_threshold"]
        late = self.given["window_end"]
        row = {"accuracy_val": 1 - d * d * late, "sparsity_params": d / (0.1 + d), "firing_rate": 0.1}
        return {
            **row,
            "epoch": 1,
            "progress": 1.0,
            "threshold": 1e9,
            "wall_s": 0.0,
            "reason": None,
            "done": True,
        }


def timed(owner: Any, name: str) -> list[float]:
    """Let every call of a method note down its seconds."""
    times: list[float] = []
    plain: Callable[..., Any] = getattr(owner, name)

    def measured(*given: Any, **named: Any) -> Any:
        started = time.perf_counter()
        try:
            return plain(*given, **named)
        finally:
            times.append(time.perf_counter() - started)

    setattr(owner, name, measured)
    return times


def study(trials: int, sampler: str, folder: Path, slots: int) -> dict[str, Any]:
    """One study, measured from the first suggestion to the last end."""
    spec = StudySpec.model_validate(
        {
            "name": f"{sampler}-{trials}",
            "train": {"epochs": 1, "threads": 1},
            "search": {"trials": trials, "sampler": sampler, "confirm": 0},
            "resources": {"output": str(folder), "slots": slots},
        }
    )
    with (
        closing(Store(spec.folder)) as store,
        closing(Agenda(spec, Search(spec, store.folder / "optuna.db"), [], [])) as agenda,
    ):
        recorder = Recorder(agenda, store)
        suggest_s, tell_s = timed(agenda.search, "suggest"), timed(recorder, "end")
        started = time.perf_counter()
        tuning.run(recorder, Share(slots, 1, 0, 0, "one CPU each"), spec.folder)
        wall_s = time.perf_counter() - started
        assert recorder.finished
        assert len(recorder.ended) == trials + len(agenda.search.references)
        choice = agenda.search.choice or {"name": sampler}

    def parts(times: list[float]) -> list[float]:
        return [float(np.median(part)) for part in np.array_split(times, PARTS)]

    return {
        "trials": trials,
        "sampler": choice["name"],
        "slots": slots,
        "wall_s": wall_s,
        "trials_per_s": len(recorder.ended) / wall_s,
        "peak_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "suggest_s": parts(suggest_s),
        "end_s": parts(tell_s),
        "growth": growth(suggest_s),
    }


def growth(times: list[float]) -> float:
    """Exponent b of seconds ~ n^b, by least squares over the second half of the suggestions."""
    n = np.arange(1, len(times) + 1)[len(times) // 2 :]
    medians = np.array_split(np.array(times)[len(times) // 2 :], PARTS)
    at = [float(np.mean(part)) for part in np.array_split(n, PARTS)]
    return float(np.polyfit(np.log(at), np.log([np.median(part) for part in medians]), 1)[0])


def table(results: list[dict[str, Any]], origin: dict[str, Any]) -> str:
    """The results as Markdown."""
    machine, versions = origin["machine"], origin["versions"]
    lines = [
        "# What the driver costs",
        "",
        f"`python benchmarks/driver_cost.py`, {machine['cpu']}, {machine['cores']} cores, "
        f"ray {versions['ray']}, optuna {versions['optuna']}, commit {origin['commit']}; "
        "n = 1 study a row, load before it in the JSON.",
        "",
        "| trials | sampler | slots | trials a second | driver's peak memory, MiB "
        "| a suggestion, ms: first tenth | last tenth | growth n^b | an end, ms: first tenth | last tenth |",
        "|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in results:
        first, last = (1e3 * row["suggest_s"][at] for at in (0, -1))
        end_first, end_last = (1e3 * row["end_s"][at] for at in (0, -1))
        lines.append(
            f"| {row['trials']:,} | {row['sampler']} | {row['slots']} | {row['trials_per_s']:.1f} "
            f"| {row['peak_rss_mib']:.0f} | {first:.1f} | {last:.1f} | {row['growth']:.2f} "
            f"| {end_first:.1f} | {end_last:.1f} |"
        )
    lines += [
        "",
        f"n log n would be b = {1 + 1 / math.log(1000):.2f} at 1,000 trials; peak memory adds up over rows.",
    ]
    return "\n".join(lines) + "\n"


def main(argv: list[str]) -> int:
    """Run the studies, one after the other on one Ray."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--trials", type=int, nargs="+", default=[1000, 5000])
    parser.add_argument("--sampler", nargs="+", default=["auto", "tpe"])
    parser.add_argument("--slots", type=int, default=provenance.cores())
    parser.add_argument("--output", type=Path, default=RESULTS)
    given = parser.parse_args(argv)
    tuning.TrialRun = Trivial  # type: ignore[misc, assignment]
    results = []
    with tempfile.TemporaryDirectory() as scratch, cluster.running(None):
        for trials in given.trials:
            for sampler in given.sampler:
                load = Path("/proc/loadavg").read_text().split()[0]
                results.append(study(trials, sampler, Path(scratch), given.slots) | {"load_before": load})
                print(
                    {key: value for key, value in results[-1].items() if not isinstance(value, list)},
                    flush=True,
                )
    origin = {
        "commit": provenance.commit(),
        "machine": provenance.machine(),
        "versions": provenance.versions(),
    }
    (given.output / "driver_cost.json").write_text(
        json.dumps({**origin, "results": results}, indent=1) + "\n"
    )
    (given.output / "driver_cost.md").write_text(table(results, origin))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
