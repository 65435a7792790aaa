"""Compares searches on the recorded landscape: thirty replayed studies of each, all in the same epochs.

``python -m benchmarks.landscape.compare`` replays what is missing (one line a study in
``runs/studies.jsonl``; can be stopped and given again), then writes ``results/search_comparison.parquet``
(every trial of every study) and ``results/search_comparison.md``. ``--table`` only writes these.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.landscape import compare_table, curves, methods, simulator
from benchmarks.landscape.replay import Trial, replay
from study import provenance

HERE = Path(__file__).parent
TARGET = HERE.parent / "results" / "search_comparison.parquet"
SLOTS = 4
TRIALS = 60  # whole trainings that the epochs of one study pay for

_landscape: simulator.Landscape


def prepare(recorded: Path) -> None:
    """Interpolate the landscape, once a process."""
    global _landscape
    _landscape = landscape(recorded)


def landscape(recorded: Path) -> simulator.Landscape:
    """From the packed runs, or from their lines while they are being recorded."""
    if recorded.suffix == ".parquet":
        return simulator.load(recorded)
    lines = recorded.read_text().splitlines()
    return simulator.Landscape(curves.from_rows([json.loads(line) for line in lines]))


def study(job: tuple[str, int]) -> dict[str, Any]:
    """Replay one study; its trials in the order in which they ended, with observed and true values.

    Like a real study it trains every configuration with the same seed: asked twice, answered twice alike.
    """
    method, seed = job
    started = time.process_time()
    search = methods.METHODS[method](seed)
    trials = replay(
        search,
        lambda fields, number: _landscape.run(fields, seed),
        epochs=TRIALS * methods.LENGTH,
        length=methods.LENGTH,
        slots=SLOTS,
    )
    replayed_s = time.process_time() - started
    return {"method": method, "seed": seed, "cpu_s": round(replayed_s, 2), "trials": list(map(_line, trials))}


def _line(trial: Trial) -> dict[str, Any]:
    last = trial.rows[-1]
    accuracy, sparsity = _landscape.truth(trial.fields)[last["epoch"] - 1]
    return {
        "number": trial.number,
        "epochs": last["epoch"],
        "ended_s": round(trial.ended_s, 2),
        "stopped": trial.stopped,
        "scheduler": trial.fields.get("scheduler", "dense"),
        "accuracy": last["accuracy_val"],
        "sparsity": last["sparsity_params"],
        "true_accuracy": float(accuracy),
        "true_sparsity": float(sparsity),
    }


def pack(studies: list[dict[str, Any]], target: Path) -> None:
    """Every trial of every study, a row each, with provenance in the metadata."""
    rows = [
        {"method": one["method"], "seed": one["seed"], "place": place, **trial}
        for one in studies
        for place, trial in enumerate(one["trials"])
    ]
    meta = {
        "commit": provenance.commit(),
        "machine": provenance.machine(),
        "versions": provenance.versions(),
        "slots": SLOTS,
        "epochs": TRIALS * methods.LENGTH,
        "cpu_s": {name: [s["cpu_s"] for s in studies if s["method"] == name] for name in methods.METHODS},
    }
    table = pa.Table.from_pylist(rows)
    small = {"accuracy": pa.float32(), "sparsity": pa.float32(), "ended_s": pa.float32()}
    small |= {"true_accuracy": pa.float32(), "true_sparsity": pa.float32(), "number": pa.int16()}
    small |= {"epochs": pa.int16(), "place": pa.int16(), "seed": pa.int16()}
    schema = pa.schema([(f.name, small.get(f.name, f.type)) for f in table.schema])
    table = table.cast(schema).replace_schema_metadata({"spinetune": json.dumps(meta)})
    target.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, target, compression="zstd", compression_level=19)


def main(argv: list[str]) -> int:
    """Replay what is missing and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seeds", type=int, default=30, help="studies a method")
    parser.add_argument("--processes", type=int, default=provenance.cores())
    parser.add_argument("--method", action="append", default=[], help="only this one (may be repeated)")
    parser.add_argument("--recorded", type=Path, default=simulator.RECORDED, help="landscape to replay on")
    parser.add_argument("--studies", type=Path, default=HERE / "runs" / "studies.jsonl")
    parser.add_argument("--target", type=Path, default=TARGET, help="Parquet file; the .md lies beside it")
    parser.add_argument("--table", action="store_true", help="replay nothing")
    given = parser.parse_args(argv)
    if unknown := [name for name in given.method if name not in methods.METHODS]:
        parser.error(f"--method: {unknown} not among {', '.join(methods.METHODS)}")

    given.studies.parent.mkdir(parents=True, exist_ok=True)
    lines = given.studies.read_text().splitlines() if given.studies.exists() else []
    studies = [json.loads(line) for line in lines]
    there = {(one["method"], one["seed"]) for one in studies}
    names = given.method or list(methods.METHODS)
    jobs = [(name, seed) for seed in range(given.seeds) for name in names if (name, seed) not in there]
    if jobs and not given.table:
        started = time.monotonic()
        context = multiprocessing.get_context("spawn")
        with (
            context.Pool(given.processes, prepare, (given.recorded,)) as pool,
            given.studies.open("a") as file,
        ):
            for done, one in enumerate(pool.imap_unordered(study, jobs), 1):
                file.write(json.dumps(one) + "\n")
                file.flush()
                studies.append(one)
                left = (time.monotonic() - started) / done * (len(jobs) - done) / 60
                what = f"{one['method']}, seed {one['seed']}: {len(one['trials'])} trials, {one['cpu_s']} s"
                print(f"{done}/{len(jobs)} {what}, {left:.0f} minutes left", flush=True)
    order = list(methods.METHODS)
    studies.sort(key=lambda one: (order.index(one["method"]), one["seed"]))
    pack(studies, given.target)
    compare_table.write(given.target)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
