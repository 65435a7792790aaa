"""One study from its first trial to its report: Ray up, search, Ray down, front's networks, report."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass

from rich.console import Console

from study import beginning, cluster, ending, live, shared
from study.agenda import Agenda
from study.console import Display, say
from study.nodes import headwatch
from study.record import Recorder
from study.resources import Node, Share
from study.search import Search
from study.spec import StudySpec
from study.store import Store, held
from trainables.errors import ConfigError

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO}  # a disk takes no more
KEPT = ("created_at", "timings", "sampler", "code")  # entries of study.json that a resumed study keeps


def conduct(spec: StudySpec, address: str | None, command: str, console: Console, *, resume: bool) -> int:
    """Run or resume the study; leaves a readable folder and a report however it ends.

    Returns 0 for a complete study, 1 where the report could not be made, the disk took no more or the head of
    the cluster was lost, 130 for an interrupted one.
    """
    started = time.perf_counter()

    def tell(text: str) -> None:
        say(console, text, "yellow")

    with ExitStack() as outer:
        place = shared.Shared(spec, outer, tell)
        with ThreadPoolExecutor(1) as beside, ExitStack() as stack:
            if resume:  # before anything starts: a study that is running is not disturbed
                with _writing(spec):
                    # A driver that lives on this machine keeps its claim, whatever the storage makes of it;
                    # where there is no folder there is none, and a claim that is refused leaves none.
                    here = spec.folder.is_dir()
                    if here:
                        stack.enter_context(held(spec.folder))
                    place.hold()
                    if not here:
                        stack.enter_context(held(spec.folder))
                    place.bring()
            # 3 s of work while Ray's processes start
            description = beside.submit(beginning.description, spec, command)
            stack.enter_context(cluster.running(address))
            from study.nodes import probe  # imports Ray, which reads its environment then: not before

            # The folder is made when Ray is up and the parts of a run are there: a failure leaves nothing.
            described = description.result()
            share = beginning.share(spec, described, probe.nodes())
            if not resume:
                place.hold()
                shared.unused(spec)  # another launch was quicker
            nodes = probe.nodes()  # a measurement takes minutes
            shared.seen_by_all(spec, nodes)
            with _writing(spec):
                if not resume:
                    stack.enter_context(held(spec.folder))
                    if (spec.folder / "study.json").exists():  # another launch was quicker, and has ended
                        exists = f"study folder {spec.folder} exists already; choose another --name"
                        raise ConfigError([exists])
                store = stack.enter_context(closing(Store(spec.folder, place.checkpoints())))
                before = store.load() if resume else {}
                if not resume:  # first: a folder without it is no study
                    store.update(**described, state="running")
                place.attach(store)
                asked, ended = store.asked.read(), store.trials.read()
                search = Search(spec, store.folder / "optuna.db", asked, ended, before.get("sampler"))
                agenda = Agenda(spec, search, asked, ended)
                stack.callback(agenda.close)
                kept = {key: before[key] for key in KEPT if key in before}
                store.update(**described | kept, state="running")
            for notice in [*search.notices, *store.notices]:
                tell(notice)
            run = _Run(spec, Recorder(agenda, store), share, console, started, before.get("timings"))
            report = run.go(place, nodes if address else None, tell)
        status = ending.conclude(spec, run.recorder, report, console)
        if behind := place.finish(complete=run.recorder.finished):
            tell(behind)
            status = status or 1
        return status


@dataclass
class _Run:
    """The part of a launch in which trials run."""

    spec: StudySpec
    recorder: Recorder
    share: Share
    console: Console
    started: float
    earlier: dict[str, float] | None  # times of the launches before
    startup_s: float = 0.0

    def go(
        self, place: shared.Shared, nodes: Sequence[Node] | None, tell: shared.Tell
    ) -> subprocess.Popen[bytes] | None:
        """Run the trials and file what the study knows then; the report, which is being made.

        ``nodes``: of a cluster those whose way to the storage was checked.
        """
        from study import tuning
        from study.nodes.storage import Newcomers

        spec, recorder = self.spec, self.recorder
        self.startup_s = time.perf_counter() - self.started
        patience_s = headwatch.LOCAL_S if nodes is None else headwatch.CLUSTER_S
        shown = ExitStack()
        try:
            with (
                shown,
                nullcontext() if nodes is None else Newcomers(spec.place or str(spec.folder), nodes, tell),
                headwatch.HeadWatch(headwatch.address(), patience_s, lambda s: self._lost(s, shown)),
            ):
                shown.enter_context(Display(recorder, self.share.slots, self.console))
                shown.enter_context(live.LiveReport(recorder, spec.folder))
                tuning.run(recorder, self.share, place.tune)
        except OSError as error:  # Tune keeps files of its own in the study folder
            if error.errno not in FULL:
                raise
            recorder.broken = recorder.broken or error
        if recorder.broken is None:
            try:
                recorder.store.patiently(self._file)
            except OSError as error:  # a full disk: the networks are larger than all that was filed before
                recorder.broken = error
        # While Ray shuts down:
        return ending.start_report(spec) if recorder.ended and not recorder.broken else None

    def _file(self) -> None:
        search_s = time.perf_counter() - self.started - self.startup_s
        ending.file(self.recorder, self.share.slots, self.startup_s, search_s, self.earlier, self.console)

    def _lost(self, silent_s: float, shown: ExitStack) -> None:
        """End the study from a thread: the main one waits for the head, and Ray's exit would, too."""
        recorder = self.recorder
        recorder.broken = headwatch.HeadLostError(
            f"the head of the cluster has not answered for {silent_s:.0f} s"
        )
        shown.close()
        with suppress(OSError):
            self._file()
        report = ending.start_report(self.spec) if recorder.ended else None
        status = ending.conclude(self.spec, recorder, report, self.console)
        sys.stdout.flush()
        os._exit(status)  # of a local Ray the warden ends what still runs


@contextmanager
def _writing(spec: StudySpec) -> Iterator[None]:
    """ConfigError where the study folder takes nothing."""
    try:
        yield
    except OSError as error:
        why = f"{spec.folder} cannot be written ({error.strerror})"
        begun = (spec.folder / "study.json").is_file()
        again = f"go on with it (--resume {spec.name})" if begun else "try again"
        raise ConfigError([f"{why}; make room and {again}, or choose another --output"]) from None
