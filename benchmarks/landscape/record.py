"""Records the landscape: trains every configuration of ``design.py``, then packs the runs.

``python -m benchmarks.landscape.record`` appends one line a run to ``runs/digits.jsonl`` beside this file
(or in ``--output``). A run that is there already is not repeated, so the command can be stopped and given
again; ``--minutes`` stops it by itself. ``--estimate`` trains three configurations in as many processes as
the recording will have, and says how long it takes. ``--pack`` writes ``results/landscape_digits.parquet``
and the ``.md`` beside it.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import time
from pathlib import Path
from typing import Any

import torch

from benchmarks.landscape import design, pack
from study import provenance
from trainables.assembly import dataset, evaluate
from trainables.config import TrainConfig, config_hash
from trainables.train import Training

HERE = Path(__file__).parent


def train(job: dict[str, Any]) -> dict[str, Any]:
    """One run: its curves, final metrics and test accuracy; only ``error`` where it raised."""
    try:
        config = TrainConfig(**job["config"])
        # as a study trains: silent networks run on, for the study's own rule to stop
        run = Training(config, end_silent=False)
        rows = list(run)
        _, accuracy_test = evaluate(run.model, dataset(config).test, run.loss, torch.float32)
    except Exception as error:  # one bad configuration must not end an hour's recording
        return {**job, "error": f"{type(error).__name__}: {error}"}
    last = {key: value for key, value in rows[-1].items() if not isinstance(value, list)}
    return {
        **job,
        "config_hash": config_hash(config),
        "accuracy_test": accuracy_test,
        **last,
        "curves": {name: [float(f"{float(row[name]):.7g}") for row in rows] for name in pack.CURVES},
    }


def known(path: Path) -> list[str]:
    """The configurations that are recorded; a line torn by a crash is cut off first."""
    if not path.exists():
        return []
    data = path.read_bytes()
    whole = data.rfind(b"\n") + 1
    if whole < len(data):
        print(f"{path}: the last line was torn, its run is repeated", flush=True)
        with path.open("r+b") as file:
            file.truncate(whole)
    return [_key(json.loads(line)) for line in data[:whole].splitlines()]


def _key(job: dict[str, Any]) -> str:
    return json.dumps([job["kind"], job["config"]], sort_keys=True)


def note_origin(path: Path) -> None:
    """Commits, machine and versions of the runs, beside them."""
    earlier = json.loads(path.read_text())["commits"] if path.exists() else []
    origin = {
        "commits": list(dict.fromkeys([*earlier, provenance.commit()])),  # oldest first
        "machine": provenance.machine(),
        "versions": provenance.versions(),
        "command": "python -m benchmarks.landscape.record",
    }
    path.write_text(json.dumps(origin, indent=1) + "\n")


def record(path: Path, wanted: list[dict[str, Any]], processes: int, minutes: float) -> int:
    """Train what is missing, for ``minutes`` at most; the number of runs that raised."""
    there = set(known(path))
    missing = [job for job in wanted if _key(job) not in there]
    print(f"{len(wanted) - len(missing)} of {len(wanted)} runs are there", flush=True)
    note_origin(path.with_suffix(".origin.json"))
    errors, started = 0, time.monotonic()
    context = multiprocessing.get_context("spawn")
    with context.Pool(processes) as pool, path.open("a") as file:
        for done, row in enumerate(pool.imap_unordered(train, missing), 1):
            passed_s = time.monotonic() - started
            left_min = passed_s / done * (len(missing) - done) / 60
            what = f"{done}/{len(missing)} {row['kind']} {row['number']} {row['config'].get('scheduler', '')}"
            if "error" in row:
                errors += 1
                print(f"{what}: {row['error']} in {row['config']}", flush=True)
            else:
                file.write(json.dumps(row) + "\n")
                file.flush()
                got = f"{row['sparsity_params']:.4f} {row['accuracy_val']:.4f} in {row['wall_s']:.1f} s"
                print(f"{what} {got}, {left_min:.0f} minutes left", flush=True)
            if passed_s > 60 * minutes:
                print(f"stopped after {minutes:g} minutes; the same command goes on", flush=True)
                break  # leaving the pool ends the runs under way
    return errors


def estimate(wanted: list[dict[str, Any]], processes: int) -> None:
    """Say how long the recording takes, by three runs beside the load there is."""
    sample = [job for job in wanted if job["kind"] == "sample"][:3]
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        pool.map(train, sample[:processes])  # starts the processes
        started = time.monotonic()
        times = [row["wall_s"] for row in pool.map(train, sample, chunksize=1)]
    shown = ", ".join(f"{wall_s:.1f}" for wall_s in times)
    hours = sum(times) / len(times) * len(wanted) / processes / 3600
    print(f"three runs took {shown} s in {processes} processes, {time.monotonic() - started:.1f} s in all")
    print(f"{len(wanted)} runs: about {hours:.2f} hours under this load")


def main(argv: list[str]) -> int:
    """Record, estimate or pack; 1 where a run raised."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--configurations", type=int, default=1200, help="of the quasi-random sample")
    parser.add_argument("--processes", type=int, default=provenance.cores(), help="one thread each")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="stop after that long")
    parser.add_argument("--output", type=Path, default=HERE / "runs", help="folder of the runs' lines")
    parser.add_argument("--estimate", action="store_true", help="only say how long it takes")
    parser.add_argument("--pack", action="store_true", help="write the Parquet file instead of training")
    given = parser.parse_args(argv)

    given.output.mkdir(parents=True, exist_ok=True)
    path = given.output / "digits.jsonl"
    if given.pack:
        pack.write(path, HERE.parent / "results" / "landscape_digits.parquet")
        return 0
    wanted = list(design.jobs(given.configurations))
    if given.estimate:
        estimate(wanted, given.processes)
        return 0
    return int(record(path, wanted, given.processes, given.minutes) > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
