"""One study from its first trial to its report: Ray up, search, Ray down, front's networks, report."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from rich.console import Console

from study import cluster, harvest, provenance
from study.console import Display, describe, headline
from study.record import Recorder
from study.search import OBJECTIVES, Search
from study.space import space_hash
from study.spec import StudySpec
from study.store import FORMAT, Store
from trainables import cost, machine, metrics, neurons
from trainables.assembly import dataset, pruned_network

INTERRUPTED = 130  # exit status, as shells give it for Ctrl-C


def conduct(spec: StudySpec, address: str | None, command: str, console: Console, *, resume: bool) -> int:
    """Run or resume the study; leaves a readable folder and a report however it ends.

    Returns 0 for a complete study, 1 where the report could not be made, 130 for an interrupted one.
    """
    started = time.perf_counter()
    with ThreadPoolExecutor(1) as beside, ExitStack() as stack:
        description = beside.submit(_description, spec, command)  # 3 s of work while Ray's processes start
        cpus = stack.enter_context(cluster.running(address))
        from study import tuning  # imports Ray, which reads its environment then: not before it is set

        # The folder is made when Ray is up and the parts of a run are there: a failure leaves nothing.
        described = description.result()
        store = Store(spec.folder)
        search = Search(spec, store.folder / "optuna.db")
        try:
            before = store.load() if resume else {"timings": None}
            search.reclaim(store.trials.read())
            known = {"created_at": before["created_at"]} if resume else {}
            store.update(**described | known, state="running", timings=before["timings"])
            recorder = Recorder(search, store)
            slots = tuning.slots(spec, cpus)
            startup_s = time.perf_counter() - started
            with Display(recorder, slots, console):
                finished = tuning.run(recorder, spec, slots, cpus)
            search_s = time.perf_counter() - started - startup_s
            problem = harvest.front(store, search, recorder.ended)
            earlier = before["timings"] or {"startup_s": 0.0, "search_s": 0.0}
            timings = {
                "startup_s": earlier["startup_s"] + startup_s,
                "search_s": earlier["search_s"] + search_s,
                "training_s": sum(line["train_wall_s"] for line in recorder.ended),
                "slots": slots,
            }
            store.update(state="complete" if finished else "interrupted", timings=timings)
            hypervolume = search.hypervolume()
            report = _start_report(spec) if recorder.ended else None  # while Ray shuts down
        finally:
            store.close()
            search.close()
    if problem:
        console.print(problem, style="yellow", highlight=False, soft_wrap=True)
    return _conclude(spec, recorder.ended, hypervolume, report, console, finished=finished)


def _description(spec: StudySpec, command: str) -> dict[str, Any]:
    """The entries of study.json that are known before the first trial."""
    with closing(Search(spec, None)) as search:
        planned = search.planned()
    parts = dataset(spec.train)
    model, geometry, _ = pruned_network(spec.train)  # all that can be wrong with it shows here
    precision = machine.resolve_precision(spec.train.precision, machine.resolve_device(spec.train.device))
    neurons.compile_kernels(model, precision)  # once, before many processes want them
    count = cost.connections(model, geometry)
    return {
        "format": FORMAT,
        "name": spec.name,
        "created_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "objectives": list(OBJECTIVES),
        "metrics": metrics.table(),
        "reference_point": {"accuracy_val": spec.chance, "sparsity_params": 0.0},
        "accuracy_floor": spec.search.accuracy_floor,
        "data": {
            "name": spec.train.dataset,
            "classes": parts.classes,
            "train": len(parts.train),
            "val": len(parts.val),
            "test": len(parts.test),
        },
        "network": {
            "name": spec.train.network,
            "prunable_weights": count.weights,
            "synapses": count.synapses,
            "neurons": geometry.neurons,
            "layers": list(geometry.uses),
            "nodes": list(geometry.nodes),
            "precision": str(precision).removeprefix("torch."),
        },
        "spec": json.loads(spec.model_dump_json()),
        "space_hash": space_hash(spec.space),
        "seed": spec.train.seed,
        "budget": planned,
        "versions": provenance.versions(),
        "commit": provenance.commit(),
        "machine": provenance.machine(),
        "command": command,
    }


def _start_report(spec: StudySpec) -> subprocess.Popen[bytes]:
    """The report, in a process of its own: it needs neither Ray nor torch, only the folder."""
    command = [sys.executable, "-m", "analysis.report", str(spec.folder)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL)


def _conclude(
    spec: StudySpec,
    ended: list[dict[str, Any]],
    hypervolume: float,
    report: subprocess.Popen[bytes] | None,
    console: Console,
    *,
    finished: bool,
) -> int:
    """Say the last words; returns the exit status."""

    def say(text: Any) -> None:
        console.print(text, highlight=False, soft_wrap=True)

    for line in ended:
        if line["state"] == "FAIL":
            say(f"failed  {describe(line)}")
    status = 0
    if report is not None:
        status = report.wait()
        say(headline(ended, spec.search.accuracy_floor))
        say(f"hypervolume {hypervolume:.4f}, {len(ended)} trials, folder {spec.folder}")
    if report is not None and status == 0:
        say(f"report: {spec.folder / 'report.html'}")
    if finished:
        return 1 if status else 0
    again = f"python -m study.launch --resume {spec.name}"
    if spec.folder.parent != Path("studies").absolute():
        again += f" --output {shlex.quote(spec.resources.output)}"
    say(f"interrupted; everything so far is saved. Go on with: {again}")
    return INTERRUPTED
