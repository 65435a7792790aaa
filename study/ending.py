"""What a study leaves when its last trial has ended, or when it was ended: entries, report, last words."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

from rich.console import Console

from study import harvest, live, storage
from study.claim import TakenError
from study.console import describe, headline, say
from study.nodes.headwatch import HeadLostError
from study.record import Recorder
from study.spec import StudySpec

INTERRUPTED = 130  # exit status, as shells give it for Ctrl-C


def file(
    recorder: Recorder,
    slots: int,
    startup_s: float,
    search_s: float,
    earlier: dict[str, float] | None,
    console: Console,
) -> None:
    """What the study knows at its end: networks, times, the sampler's choice, the audit of the stops."""
    store = recorder.store
    problem = None
    if recorder.finished:
        problem = harvest.front(recorder)  # the test part waits for the end
        recorder.sweep()
    if problem:
        say(console, problem, "yellow")
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


def start_report(spec: StudySpec) -> subprocess.Popen[bytes]:
    """The report, in a process of its own: it needs neither Ray nor torch, only the folder."""
    # A session of its own: Ctrl-C is for the driver, which ends it.
    return subprocess.Popen(live.command(spec.folder), stdout=subprocess.DEVNULL, start_new_session=True)


def conclude(
    spec: StudySpec, recorder: Recorder, report: subprocess.Popen[bytes] | None, console: Console
) -> int:
    """Say the last words; returns the exit status."""

    published = recorder.agenda.search.published
    if published is not None and published.problem:
        say(console, published.problem)
    for line in recorder.ended:
        if line["state"] == "FAIL":
            say(console, f"failed  {describe(line)}")
    again = f"python -m study.launch --resume {spec.name}"
    if spec.folder.parent != Path("studies").absolute():
        again += f" --output {shlex.quote(spec.resources.output)}"
    if spec.place:
        again += f" --storage {shlex.quote(storage.absolute(spec.resources.storage))}"
    if spec.resources.optuna_storage:  # a spec takes none with a password in it
        again += f" --optuna-storage {shlex.quote(spec.resources.optuna_storage)}"
    if isinstance(recorder.broken, HeadLostError):
        if report is not None and report.wait() == 0:
            say(console, f"report: {spec.folder / 'report.html'}")
        say(console, f"{recorder.broken}; what is filed is safe. Go on with: {again}")
        return 1
    if isinstance(recorder.broken, TakenError):
        say(console, f"{recorder.broken.strerror}; this launch ends")
        return 1
    if recorder.broken is not None:
        say(console, f"{spec.folder} takes no more ({recorder.broken.strerror}); what is filed is safe")
        say(console, f"make room and go on with: {again}")
        return 1
    status = 0
    if report is not None:
        try:
            status = report.wait()
        except KeyboardInterrupt:
            report.kill()
            say(console, f"interrupted; only the report is missing: python -m analysis.report {spec.folder}")
            return INTERRUPTED
        say(console, headline(recorder.ended, spec))
        trials = f"{len(recorder.ended)} trials, folder {spec.folder}"
        say(console, f"hypervolume {recorder.outcome.hypervolume:.4f}, {trials}")
    if report is not None and status == 0:
        say(console, f"report: {spec.folder / 'report.html'}")
    if recorder.finished:
        return 1 if status else 0
    say(console, f"interrupted; everything so far is saved. Go on with: {again}")
    return INTERRUPTED
