"""One study from its first trial to its report: Ray up, search, Ray down, front's networks, report."""

from __future__ import annotations

import errno
import json
import math
import shlex
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from rich.console import Console

from study import cluster, harvest, identity, live, provenance, resources, shared, storage
from study.agenda import Agenda
from study.console import Display, describe, headline
from study.mirror import TakenError
from study.outcome import Outcome
from study.record import Recorder
from study.search import Search
from study.space import space_hash
from study.spec import StudySpec
from study.store import FORMAT, Store, held
from trainables import cost, machine, metrics, neurons
from trainables.assembly import dataset, pruned_network
from trainables.errors import ConfigError

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO}  # a disk takes no more
INTERRUPTED = 130  # exit status, as shells give it for Ctrl-C


def conduct(spec: StudySpec, address: str | None, command: str, console: Console, *, resume: bool) -> int:
    """Run or resume the study; leaves a readable folder and a report however it ends.

    Returns 0 for a complete study, 1 where the report could not be made or the disk took no more, 130 for an
    interrupted one.
    """
    started = time.perf_counter()

    def tell(text: str) -> None:
        console.print(text, style="yellow", highlight=False, soft_wrap=True)

    with ExitStack() as outer:
        with ThreadPoolExecutor(1) as beside, ExitStack() as stack:
            if resume:  # before anything starts: a study that is running is not disturbed
                with _writing(spec):
                    shared.bring(spec, tell)
                    stack.enter_context(held(spec.folder))
            description = beside.submit(
                _description, spec, command
            )  # 3 s of work while Ray's processes start
            stack.enter_context(cluster.running(address))
            # These import Ray, which reads its environment then: not before it is set.
            from study import tuning
            from study.nodes import probe
            from study.nodes.storage import Newcomers

            # The folder is made when Ray is up and the parts of a run are there: a failure leaves nothing.
            described = description.result()
            found = probe.nodes()
            share = _share(spec, described, found)
            shared.seen_by_all(spec, alone=len(found) == 1)
            with _writing(spec):
                if not resume:
                    stack.enter_context(held(spec.folder))
                    if (spec.folder / "study.json").exists():  # another launch was quicker, and has ended
                        exists = f"study folder {spec.folder} exists already; choose another --name"
                        raise ConfigError([exists])
                place = shared.Shared(spec, outer, tell)
                store = stack.enter_context(closing(Store(spec.folder, place.checkpoints())))
                before = store.load() if resume else {}
                if not resume:  # first: a folder without it is no study
                    store.update(**described, state="running")
                place.attach(store, outer)
                asked, ended = store.asked.read(), store.trials.read()
                search = Search(spec, store.folder / "optuna.db", asked, ended, before.get("sampler"))
                agenda = Agenda(spec, search, asked, ended)
                stack.callback(agenda.close)
                kept = ("created_at", "timings", "sampler", "code")
                store.update(
                    **described | {key: before[key] for key in kept if key in before}, state="running"
                )
            recorder = Recorder(agenda, store)
            for notice in [*search.notices, *store.notices]:
                tell(notice)
            startup_s = time.perf_counter() - started
            try:
                with (
                    Display(recorder, share.slots, console),
                    live.LiveReport(recorder, spec.folder),
                    Newcomers(spec.place or str(spec.folder), tell) if address else nullcontext(),
                ):
                    tuning.run(recorder, share, place.tune)
            except OSError as error:  # Tune keeps files of its own in the study folder
                if error.errno not in FULL:
                    raise
                recorder.broken = recorder.broken or error
            search_s = time.perf_counter() - started - startup_s
            if recorder.broken is None:
                try:
                    times = (startup_s, search_s, before.get("timings"))
                    store.patiently(lambda: _file(recorder, share.slots, *times, console))
                except (
                    OSError
                ) as error:  # a full disk: the networks are larger than all that was filed before
                    recorder.broken = error
            # While Ray shuts down:
            report = _start_report(spec) if recorder.ended and not recorder.broken else None
        status = _conclude(spec, recorder, report, console)
        if behind := place.finish(complete=recorder.finished):
            tell(behind)
            status = status or 1
        return status


def _share(spec: StudySpec, described: dict[str, Any], nodes: list[resources.Node]) -> resources.Share:
    """What each trial gets, measured where that can change the answer; ConfigError where none fits."""
    from study.nodes import probe

    asked, train = spec.resources, spec.train
    parts, network = dataset(train), described["network"]
    values = math.prod(parts.shape) * (train.timesteps if parts.temporal else 1)
    guess_mib = resources.estimate_mib(
        network["prunable_weights"],
        network["neurons"],
        train.timesteps,
        train.batch_size,
        4 * values * (len(parts.train) + len(parts.val)),
    )
    share = resources.decide(asked, train.threads, train.device, nodes)  # what cannot fit is not measured
    if resources.needs_probe(asked, train.threads, train.device, nodes, guess_mib):
        gpu = resources.wants_gpu(asked, train.device, nodes)
        config = train.model_copy(update={"threads": train.threads or share.threads})
        measured = probe.measure(config, nodes, gpu)
        share = resources.decide(asked, train.threads, train.device, nodes, measured)
    return share


@contextmanager
def _writing(spec: StudySpec) -> Iterator[None]:
    """ConfigError where the study folder takes nothing."""
    try:
        yield
    except OSError as error:
        why = f"{spec.folder} cannot be written ({error.strerror})"
        raise ConfigError([f"{why}; make room and try again, or choose another --output"]) from None


def _file(
    recorder: Recorder,
    slots: int,
    startup_s: float,
    search_s: float,
    earlier: dict[str, float] | None,
    console: Console,
) -> None:
    """What the study knows at its end: networks, times, the sampler's choice, the audit of the stops."""
    store = recorder.store
    problem = harvest.front(recorder) if recorder.finished else None  # the test part waits for the end
    if problem:
        console.print(problem, style="yellow", highlight=False, soft_wrap=True)
    earlier = earlier or {"startup_s": 0.0, "search_s": 0.0}
    store.update(
        state="complete" if recorder.finished else "interrupted",
        reference_point=recorder.outcome.reference_point,
        confirmed=recorder.agenda.confirmed,
        stopping=recorder.audit(),
        timings={
            "startup_s": earlier["startup_s"] + startup_s,
            "search_s": earlier["search_s"] + search_s,
            "training_s": sum(line["train_wall_s"] for line in recorder.ended),
            "slots": slots,
        },
    )


def _description(spec: StudySpec, command: str) -> dict[str, Any]:
    """The entries of study.json that are known before the first trial."""
    with closing(Agenda(spec, Search(spec, None), [], [])) as agenda:
        planned = agenda.planned()
    parts = dataset(spec.train)
    model, geometry, _ = pruned_network(spec.train)  # all that can be wrong with it shows here
    precision = machine.resolve_precision(spec.train.precision, machine.resolve_device(spec.train.device))
    neurons.compile_kernels(model, precision)  # once, before many processes want them
    count = cost.connections(model, geometry)
    return {
        "format": FORMAT,
        "name": spec.name,
        "created_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "objectives": list(spec.search.objectives),
        "constraints": list(spec.search.constraints),
        "metrics": metrics.table(),
        "reference_point": Outcome(spec).reference_point,  # the dense arm may have to tell
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
        "chips": cost.chips.table(),  # with their limits: a reader can say by which one a network fails
        "spec": json.loads(spec.model_dump_json()),
        "space_hash": space_hash(spec.space),
        "seed": spec.train.seed,
        "budget": planned,
        "versions": provenance.versions(),
        "commit": provenance.commit(),
        "machine": provenance.machine(),
        "code": identity.code(),
        "command": command,
    }


def _start_report(spec: StudySpec) -> subprocess.Popen[bytes]:
    """The report, in a process of its own: it needs neither Ray nor torch, only the folder."""
    # A session of its own: Ctrl-C is for the driver, which ends it.
    return subprocess.Popen(live.command(spec.folder), stdout=subprocess.DEVNULL, start_new_session=True)


def _conclude(
    spec: StudySpec, recorder: Recorder, report: subprocess.Popen[bytes] | None, console: Console
) -> int:
    """Say the last words; returns the exit status."""

    def say(text: Any) -> None:
        console.print(text, highlight=False, soft_wrap=True)

    published = recorder.agenda.search.published
    if published is not None and published.problem:
        say(published.problem)
    for line in recorder.ended:
        if line["state"] == "FAIL":
            say(f"failed  {describe(line)}")
    again = f"python -m study.launch --resume {spec.name}"
    if spec.folder.parent != Path("studies").absolute():
        again += f" --output {shlex.quote(spec.resources.output)}"
    if spec.place:
        again += f" --storage {shlex.quote(storage.absolute(spec.resources.storage))}"
    if isinstance(recorder.broken, TakenError):
        say(f"{recorder.broken.strerror}; this launch ends")
        return 1
    if recorder.broken is not None:
        say(f"{spec.folder} takes no more ({recorder.broken.strerror}); what is filed is safe")
        say(f"make room and go on with: {again}")
        return 1
    status = 0
    if report is not None:
        try:
            status = report.wait()
        except KeyboardInterrupt:
            report.kill()
            say(f"interrupted; only the report is missing: python -m analysis.report {spec.folder}")
            return INTERRUPTED
        say(headline(recorder.ended, spec))
        trials = f"{len(recorder.ended)} trials, folder {spec.folder}"
        say(f"hypervolume {recorder.outcome.hypervolume:.4f}, {trials}")
    if report is not None and status == 0:
        say(f"report: {spec.folder / 'report.html'}")
    if recorder.finished:
        return 1 if status else 0
    say(f"interrupted; everything so far is saved. Go on with: {again}")
    return INTERRUPTED
