"""How well do slots stay busy on 1 to 8 nodes, and how many results a second does the driver bear?

``python -m benchmarks.scaling`` simulates nodes on this machine: one raylet each, on the loopback, with
trials that sleep instead of training, so that cores do not matter. Everything else is the study's own: the
agenda, samplers, books, Ray adapter. Writes ``results/scaling.json`` and ``.md``.

Each trial notes when its epochs begin and end, in its own process. A slot is busy while a trial of it sleeps.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.scaling_table import (
    SPREAD,
    Clock,
    driver,
    efficiency,
    merged,
    read_spans,
    results_per_s,
    table,
)
from study import cluster, provenance

os.environ |= cluster.ENVIRONMENT | cluster.LOCAL_ENVIRONMENT  # Ray reads them when it is imported
# A node of 256 slots starts 256 processes at once; this machine's cores would let all of them time out.
os.environ |= {"RAY_worker_maximum_startup_concurrency": str(os.cpu_count() or 1)}
from ray import tune
from ray.cluster_utils import Cluster

RESULTS = Path(__file__).with_name("results")
ROW = "row.json"  # in the scratch folder: what a measuring process has found
PR_SET_MEMORY_MERGE = 67


class Asleep(tune.Trainable):
    """A trial that sleeps through its epochs and makes up its rows from the parameters. Imports no torch.

    No trial begins before every slot has its process. Tune gives a process whose trial has ended the next
    one, and takes back the request for that one's own: where trials end faster than processes start, the
    first processes would run them all.
    """

    epoch_s = 0.0
    slots = 0
    notes = Path()
    ready = False

    def setup(self, config: dict[str, Any]) -> None:
        self.given = config["train"]
        self.number = config["number"]
        self.epoch = 0
        self.note = self.notes / f"{os.getpid()}.jsonl"
        self.note.touch()

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self.setup(new_config)
        return True

    def step(self) -> dict[str, Any]:
        chance = random.Random(self.number)
        while not self.ready:
            time.sleep(1)
            self.ready = sum(1 for _ in self.notes.iterdir()) >= self.slots
            if self.ready:  # slots of a running study are not in step
                time.sleep(self.epoch_s * self.given["epochs"] * chance.random())
        began = time.time()
        time.sleep(self.epoch_s * chance.uniform(1 - SPREAD, 1 + SPREAD))
        self.epoch += 1
        with self.note.open("a") as file:
            file.write(json.dumps([began, time.time(), self.number]) + "\n")
        d = 0.0 if self.given["pruner"] == "dense" else self.given["final_threshold"]
        progress = self.epoch / self.given["epochs"]
        return {
            "accuracy_val": 1 - d * d * self.given["window_end"] * progress,
            "sparsity_params": progress * d / (0.1 + d),
            "firing_rate": 0.1,
            "epoch": self.epoch,
            "progress": progress,
            "threshold": 1e9,
            "wall_s": self.epoch * self.epoch_s,
            "reason": None,
            "done": self.epoch == self.given["epochs"],
        }


def worker_memory_mib(pids: list[int]) -> float:
    """Mean private memory of these processes, swapped pages included."""
    private = []
    for pid in pids:
        try:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue
        lines = [line.split() for line in text.splitlines() if line.startswith(("Private_", "Swap:"))]
        private.append(sum(int(line[1]) for line in lines) / 1024)
    return float(np.mean(private)) if private else float("nan")


def load() -> float:
    """Processes that ran or waited for a core, mean of the last minute."""
    return os.getloadavg()[0]


def add_node(nodes: Cluster, slots: int) -> None:
    """Ray waits 30 s for a raylet, on a busy machine at times in vain."""
    for attempt in range(5):
        try:
            nodes.add_node(num_cpus=slots, object_store_memory=80 * 2**20)
            return
        except Exception as error:  # Ray's own, of no class
            print(f"attempt {attempt + 1}: {error}", file=sys.stderr)
    raise SystemExit("no node could be started")


def measure(setting: dict[str, Any], scratch: Path) -> dict[str, Any]:
    """One study on a simulated cluster that lives as long as it does."""
    from study import tuning
    from study.agenda import Agenda
    from study.record import Recorder
    from study.resources import Share
    from study.search import Search
    from study.spec import StudySpec
    from study.store import Store

    if setting["pages_merged"]:  # inherited by every process that this one starts
        assert ctypes.CDLL(None).prctl(PR_SET_MEMORY_MERGE, 1, 0, 0, 0) == 0, "needs Linux 6.4 with KSM"
    slots = setting["nodes"] * setting["slots_per_node"]
    trials = slots * setting["rounds"]
    Asleep.epoch_s = setting["trial_s"] / setting["epochs"]
    Asleep.slots = slots
    Asleep.notes = scratch / "notes"
    Asleep.notes.mkdir()
    tuning.TrialRun = Asleep  # type: ignore[misc, assignment]
    spec = StudySpec.model_validate(
        {
            "name": "scaling",
            "train": {"epochs": setting["epochs"], "threads": 1},
            "search": {"trials": trials, "confirm": 0},
            "resources": {"output": str(scratch), "slots": slots},
        }
    )
    before = load()
    began = time.perf_counter()
    nodes = Cluster()
    try:
        for _ in range(setting["nodes"]):
            add_node(nodes, setting["slots_per_node"])
        nodes_s = time.perf_counter() - began
        with cluster.running(nodes.address):
            joined_s = time.perf_counter() - began - nodes_s
            with (
                closing(Store(spec.folder)) as store,
                closing(Agenda(spec, Search(spec, None), [], [])) as agenda,
            ):
                recorder = Recorder(agenda, store)
                memory: list[float] = []
                clock: list[Clock] = []
                recorder.on_change = lambda: _look(clock, memory, recorder, trials // 2)
                started = time.time()
                tuning.run(recorder, Share(slots, 1, 0, 0, "one CPU each"), spec.folder)
                wall_s = time.time() - started
                assert recorder.finished
                choice = agenda.search.choice or {}
    finally:
        nodes.shutdown()
    spans = read_spans(Asleep.notes)
    assert len(spans) == slots, f"{len(spans)} processes ran the trials of {slots} slots"
    return {
        **setting,
        "slots": slots,
        "trials": len(recorder.ended),
        "sampler": choice.get("name", spec.search.sampler),
        **efficiency(spans, started, slots),
        "results_per_s": results_per_s(spans),
        **driver(spans, clock),
        "wall_s": wall_s,
        "nodes_up_s": nodes_s,
        "joined_s": joined_s,
        "tune_folder_mib": sum(p.stat().st_size for p in (spec.folder / "tune").rglob("*")) / 2**20,
        "worker_mib": memory[0] if memory else float("nan"),
        "commit": provenance.commit(),
        "nice": os.getpriority(os.PRIO_PROCESS, 0),
        "load_before": before,
        "load_after": load(),
    }


def _look(clock: list[Clock], memory: list[float], recorder: Any, at: int) -> None:
    """Note the driver's CPU time after every event, and in the middle of the study its trials' memory."""
    clock.append((time.time(), time.thread_time(), time.process_time()))
    if not memory and len(recorder.ended) >= at:
        memory.append(worker_memory_mib([int(path.stem) for path in Asleep.notes.glob("*.jsonl")]))


def settings(given: argparse.Namespace) -> list[dict[str, Any]]:
    """What is measured: trials of ordinary length on ever more nodes, then slots, then as fast as they go."""
    long = {"trial_s": given.trial_s, "epochs": 10, "rounds": given.rounds}
    nodes = [{"nodes": count, "slots_per_node": 4, **long} for count in given.nodes]
    nodes += [{"nodes": 1, "slots_per_node": slots, **long} for slots in given.wide]
    fast = [
        {"nodes": 1, "slots_per_node": slots, "trial_s": 0.0, "epochs": 10, "rounds": max(4, 640 // slots)}
        for slots in given.slots
    ]
    return [{**setting, "pages_merged": given.merge} for setting in nodes + fast]


def apart(setting: dict[str, Any]) -> dict[str, Any]:
    """Measure in a process of its own: one Ray after the other, each with all of its memory back."""
    with tempfile.TemporaryDirectory(prefix="sc-", dir="/tmp") as scratch:  # short, for Ray's sockets
        token = Path(scratch) / "token"
        token.touch(mode=0o600)
        token.write_text(os.urandom(32).hex())
        environment = os.environ | {"RAY_TMPDIR": scratch, "RAY_AUTH_TOKEN_PATH": str(token)}
        alike: list[str] = []
        if setting["pages_merged"]:  # processes whose pages are equal: the same addresses, the same hashes
            alike = ["setarch", "--addr-no-randomize"]
            environment["PYTHONHASHSEED"] = "0"
            environment["RAY_memory_monitor_refresh_ms"] = "0"  # kills at 95 %, before the kernel has merged
        command = [
            *alike,
            sys.executable,
            "-m",
            "benchmarks.scaling",
            "--measure",
            json.dumps(setting),
            "--scratch",
            scratch,
        ]
        subprocess.run(command, env=environment, check=True)
        return dict(json.loads((Path(scratch) / ROW).read_text()))


def main(argv: list[str]) -> int:
    """Measure one setting after the other; what is done is written after each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--nodes", type=int, nargs="*", default=[1, 2, 4, 8], help="of 4 slots each")
    parser.add_argument("--trial-s", type=float, default=30.0)
    parser.add_argument("--rounds", type=int, default=5, help="trials per slot")
    parser.add_argument("--wide", type=int, nargs="*", default=[], help="slots of one node; 256 take 30 GiB")
    parser.add_argument("--slots", type=int, nargs="*", default=[8, 32], help="for the saturation")
    parser.add_argument(
        "--merge",
        action="store_true",
        help="equal pages of memory, by the kernel: 1 to /sys/kernel/mm/ksm/run, 2000 to pages_to_scan",
    )
    parser.add_argument("--output", type=Path, default=RESULTS)
    parser.add_argument("--add", action="store_true", help="keep the other rows of the results there are")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    parser.add_argument("--scratch", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args(argv)
    if given.measure:
        row = measure(json.loads(given.measure), given.scratch)
        (given.scratch / ROW).write_text(json.dumps(row))
        return 0
    origin = {
        "command": "python -m benchmarks.scaling",
        "machine": provenance.machine(),
        "versions": provenance.versions(),
    }
    path = given.output / "scaling.json"
    results = json.loads(path.read_text())["results"] if given.add else []
    for setting in settings(given):
        row = apart(setting)
        results = merged(results, row)
        print({key: round(v, 3) if isinstance(v, float) else v for key, v in row.items()}, flush=True)
        whole = json.dumps({**origin, "results": results}, indent=1) + "\n"
        path.write_text(whole)
        (given.output / "scaling.md").write_text(table(results, origin))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
