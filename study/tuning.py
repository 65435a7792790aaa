"""The Ray adapter: trainable, searcher, scheduler. Translates; decides nothing."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import resource
import signal
import traceback
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ray import tune
from ray._private import worker as ray_worker
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from study import storage
from study.failing import NoGPUError, UnreadableError, check_gpus
from study.nodes import probe
from study.nodes.care import Care, one_death_for_all
from study.nodes.lean import lean
from study.nodes.room import Room
from study.resources import slots
from study.saver import Saver
from trainables import train
from trainables.config import TrainConfig
from trainables.errors import ConfigError, out_of_memory

if TYPE_CHECKING:  # worker processes import this file and need no Optuna
    from study.record import Recorder
    from study.resources import Share

MANY = "100000"  # trials that may wait for a process: no limit
# Of nodes that die: ``Care`` and ``Room`` say these in a line each.
TOLD = ("A worker died or was killed", "has been marked dead", "Raylet is terminated")


class TrialRun(tune.Trainable):
    """One ``Training`` in a worker process that serves trial after trial.

    Starting a process takes as long as a short trial (import torch, connect), so processes are reused, and
    whatever Python raises is returned as the reason of a last row: the process lives on, only a kill ends
    it. A bad trial is therefore not retried, a killed one is, and so is one that found no memory or could not
    read its state: its process ends, and all that it held is free for the next.
    """

    def setup(self, config: dict[str, Any]) -> None:
        """Ray's constructor. The training is built in the first step, where its errors can be reported."""
        self._run: train.Training | None = None
        # All of the run, so that none is lost with the driver; as text: they are written again every epoch.
        self._rows: list[str] = []
        self._again: list[dict[str, Any]] = []  # of them those that the driver may have lost
        self._saver = Saver(partial(storage.write, config["checkpoint"]))

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take over the next trial."""
        self._saver.drop()
        self.setup(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """One epoch."""
        try:
            run = self._training()
            if again := bool(self._again):
                row = self._again.pop(0)
            elif run.done:  # killed between its last row and its end: the row is filed, nothing is left
                return {"done": True}
            else:
                row = next(run)
                self._rows.append(json.dumps(row))
                self._save(run)
        except Exception as error:
            if isinstance(error, NoGPUError | UnreadableError):
                raise  # not the trial's fault: it may be otherwise on another node, or later
            if out_of_memory(error):
                self._run = None  # in the middle of an epoch
                self._flush()  # the state of the one before: what goes on elsewhere shall find it
                raise MemoryError(f"{error}; the process held {_memory_mib():.0f} MiB at most") from None
            where = traceback.extract_tb(error.__traceback__)[-1]
            reason = f"{type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})"
            return {"reason": reason, "broken": True, "done": True}
        done = run.done and not self._again
        return {**row, "sent_again": again, "memory_mib": _memory_mib(), "done": done}

    def cleanup(self) -> None:
        """The study is interrupted: nothing that was trained is lost."""
        self._flush()

    def _training(self) -> train.Training:
        if self._run is None:
            config = TrainConfig(**self.config["train"])
            check_gpus(self.config["gpus"], config.device)
            # Silent trials are the study's to stop: reference arms run on, others count as stopped.
            run = train.Training(config, end_silent=False)
            if (state := self._state()) is not None:
                try:
                    run.load_state_dict(state)
                    # As mappings: of a study that was begun before rows were text.
                    rows = [json.loads(row) if isinstance(row, str) else dict(row) for row in state["rows"]]
                    self._rows = [json.dumps(row) for row in rows]
                    self._again = [row for row in rows if row["epoch"] > self.config["filed"]]
                except (ConfigError, KeyError):  # of another study: from the beginning
                    run = train.Training(config, end_silent=False)
            self._run = run
        return self._run

    def _state(self) -> dict[str, Any] | None:
        """What a process before has saved; None: nothing, or what is damaged.

        UnreadableError where nobody knows: a trial that began anew would write over what it could not read.
        """
        try:
            return storage.patiently(lambda: storage.load(self.config["checkpoint"]))
        except (FileNotFoundError, ConfigError):
            return None
        except OSError as error:
            raise UnreadableError(storage.why(error)) from None

    def _save(self, run: train.Training) -> None:
        """Have the state of the training, and its rows, written beside the next epoch, or after the last.

        A full disk or storage that is gone is no reason to end a trial: it is tried again and again, after
        the last epoch until the storage is back.
        """
        self._saver.put(storage.packed(run.state_dict() | {"rows": self._rows}))
        if run.done:
            self._flush()

    def _flush(self) -> None:
        """Wait until the newest state is written; for long where it is what a trial was run for."""
        run = self._run
        last = run is not None and run.done and run.reason is None
        self._saver.flush(storage.PATIENCE_S if last else 0.0)


class _Searcher(Searcher):
    """Hands the recorder's suggestions to Tune. What became of a trial goes through ``Care``.

    Ray's own OptunaSearch is not used: with several objectives it tells truncated trials as complete,
    leaves trials running forever, and cannot set constraints.
    """

    def __init__(self, recorder: Recorder, share: Share, room: Room) -> None:
        super().__init__()
        self.recorder = recorder
        self.gpus, self.place = share.gpus, share.place(recorder.agenda.spec.train)
        self.room = room

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        if news := self.room.news():
            print(news, flush=True)
        if self.recorder.broken is None and len(self.recorder.running) >= self.room.slots:
            return None
        suggestion = self.recorder.next()
        if suggestion is None:  # FINISHED is for good, None for now
            over = self.recorder.finished or self.recorder.broken is not None
            return Searcher.FINISHED if over else None
        number = suggestion.number
        config = suggestion.config.model_copy(update=self.place)
        return {
            "gpus": self.gpus,
            "number": number,
            "train": config.model_dump(mode="json"),
            "checkpoint": self.recorder.store.checkpoint(number),
            "filed": self.recorder.filed(number),
        }

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        pass

    def save(self, checkpoint_path: str) -> None:
        """The search lives in its files; a pickled copy could only disagree with them."""

    def restore(self, checkpoint_path: str) -> None:
        pass


class _Scheduler(FIFOScheduler):
    """First in, first out, and the recorder's stops.

    ``choose_trial_to_run`` mostly names none: Tune then hands a free process to the newest trial without one.
    Its FIFO rule gives it to the oldest pending trial, even where a new process is already starting for that
    (after a kill), and drops the starting one; with trials shorter than a start, concurrency never recovers.
    Without any rule, trials that wait because there are fewer CPUs than slots (a node died) wait until the
    whole budget is spent: see ``failing.next_in_line``.
    """

    def __init__(self, recorder: Recorder, care: Care) -> None:
        super().__init__()
        self.recorder, self.care = recorder, care

    def on_trial_add(self, tune_controller: Any, trial: Any) -> None:
        self.care.queued(trial)

    def choose_trial_to_run(self, tune_controller: Any) -> Any | None:
        return self.care.next_in_line()

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        stop = "epoch" in result and self.recorder.should_stop(trial.config["number"], result)
        return TrialScheduler.STOP if stop else TrialScheduler.CONTINUE  # type: ignore[no-any-return]


def _memory_mib() -> float:
    """The most memory that this process has held (Linux counts in KiB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def run(recorder: Recorder, share: Share, folder: Path) -> bool:
    """Run trials until the budget is spent (True) or a signal ends it (False). Failed trials are results.

    ``share``: what a trial gets; how many run at once follows the nodes. ``folder``: where Tune keeps files
    of its own. They are written for nobody and never read.
    """
    _quieten()
    lean()
    one_death_for_all()
    os.environ["TUNE_MAX_PENDING_TRIALS_PG"] = MANY  # our searcher says how many there are
    spec = recorder.agenda.spec
    care = Care(recorder, spec.resources.retries)
    room = Room(share.slots, lambda: slots(spec.resources, share, probe.nodes()))
    needs = {"cpu": share.cpus, "gpu": share.gpus}
    if share.memory_mib:
        needs["memory"] = share.memory_mib * 2**20
    tuner = tune.Tuner(
        tune.with_resources(TrialRun, needs),
        tune_config=tune.TuneConfig(
            search_alg=_Searcher(recorder, share, room),
            scheduler=_Scheduler(recorder, care),
            num_samples=-1,  # until the searcher has no more
            reuse_actors=True,
            trial_name_creator=_name,
            trial_dirname_creator=_name,
        ),
        run_config=tune.RunConfig(
            name="tune",
            storage_path=str(folder),
            callbacks=[care],
            failure_config=tune.FailureConfig(max_failures=spec.resources.retries),
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),  # TrialRun writes its own
            verbose=0,
        ),
    )
    with room, _terminate_like_interrupt():
        try:
            tuner.fit()
        except Exception:  # Tune cannot find its snapshot: a full disk did not take that either
            if recorder.broken is None:
                raise
    return recorder.finished


def _quieten() -> None:
    """Ray's warnings, and its paragraphs about dead workers and nodes, which ``Care`` says in a line."""
    for name in ("ray.tune", "ray.train", "ray"):
        logging.getLogger(name).setLevel(logging.ERROR)
    # Unfinished trials, which the driver lists; a snapshot that could not be written, which nobody reads.
    for name in ("ray.tune.tune", "ray.tune.execution.experiment_state"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    tell = ray_worker.print_to_stdstream  # what a raylet has to say; log_to_driver does not reach it
    if tell.__module__ == __name__:
        return

    def tell_the_rest(data: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        if not any(told in line for line in data["lines"] for told in TOLD):
            tell(data, *args, **kwargs)

    ray_worker.print_to_stdstream = tell_the_rest


def _name(trial: Any) -> str:
    return f"trial-{trial.config['number']:04d}"


@contextlib.contextmanager
def _terminate_like_interrupt() -> Any:
    """SIGTERM saves and ends as Ctrl-C does: Tune listens for SIGUSR1, its default on SIGTERM is a crash."""
    before = signal.signal(signal.SIGTERM, lambda *_: os.kill(os.getpid(), signal.SIGUSR1))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
