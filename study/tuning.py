"""The Ray adapter: trainable, searcher, scheduler. Translates; decides nothing."""

from __future__ import annotations

import contextlib
import logging
import os
import resource
import signal
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ray import tune
from ray._private import worker as ray_worker
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from study import storage
from study.failing import NoGPUError, check_gpus, out_of_memory
from study.nodes import probe
from study.nodes.care import Care, one_death_for_all
from study.nodes.lean import lean
from study.nodes.room import Room
from study.resources import slots
from trainables import train
from trainables.config import TrainConfig
from trainables.errors import ConfigError

if TYPE_CHECKING:  # worker processes import this file and need no Optuna
    from study.record import Recorder
    from study.resources import Share

MANY = "100000"  # trials that may wait for a process: no limit
# Of nodes that die: ``Care`` and ``Room`` say these in a line each.
TOLD = ("A worker died or was killed", "has been marked dead", "Raylet is terminated")
SAVING_SHARE = 50  # a trial trains at least this many times as long as it saves
RETRY_S = 30.0  # of a save that failed, at most


class TrialRun(tune.Trainable):
    """One ``Training`` in a worker process that serves trial after trial.

    Starting a process takes as long as a short trial (import torch, connect), so processes are reused, and
    whatever Python raises is returned as the reason of a last row: the process lives on, only a kill ends
    it. A bad trial is therefore not retried, a killed one is, and one that found no memory: its process ends,
    and all that it held is free for the next.
    """

    def setup(self, config: dict[str, Any]) -> None:
        """Ray's constructor. The training is built in the first step, where its errors can be reported."""
        self._run: train.Training | None = None
        self._rows: list[dict[str, Any]] = []  # all of the run, so that none is lost with the driver
        self._again: list[dict[str, Any]] = []  # of them those that the driver may have lost
        self._saved_at = time.monotonic()
        self._save_s = 0.0
        self._unsaved = False
        self._refused = 0  # attempts to save, in a row

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take over the next trial."""
        self.setup(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """One epoch."""
        try:
            run = self._training()
            if self._again:
                row = self._again.pop(0)
            elif run.done:  # killed between its last row and its end: the row is filed, nothing is left
                return {"done": True}
            else:
                row = next(run)
                self._rows.append(row)
                self._unsaved = True
                if run.done or time.monotonic() - self._saved_at >= SAVING_SHARE * self._save_s:
                    self._save()
        except Exception as error:
            if isinstance(error, NoGPUError):
                raise  # not the trial's fault: another node may have one
            if out_of_memory(error):
                self._run = None  # in the middle of an epoch: not to be saved
                raise MemoryError(f"{error}; the process held {_memory_mib():.0f} MiB at most") from None
            where = traceback.extract_tb(error.__traceback__)[-1]
            reason = f"{type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})"
            return {"reason": reason, "broken": True, "done": True}
        return {**row, "memory_mib": _memory_mib(), "done": run.done and not self._again}

    def cleanup(self) -> None:
        """The study is interrupted: nothing that was trained is lost."""
        if self._unsaved:
            self._save()

    def _training(self) -> train.Training:
        if self._run is None:
            config = TrainConfig(**self.config["train"])
            check_gpus(self.config["gpus"], config.device)
            # Silent trials are the study's to stop: reference arms run on, others count as stopped.
            run = train.Training(config, end_silent=False)
            try:
                state = storage.patiently(lambda: storage.load(self.config["checkpoint"]))
                run.load_state_dict(state)
                self._rows = state["rows"]
                self._again = [row for row in self._rows if row["epoch"] > self.config["filed"]]
            except FileNotFoundError:
                pass
            except (OSError, ConfigError, KeyError):  # damaged, or of another study: from the beginning
                run = train.Training(config, end_silent=False)
            self._run = run
        return self._run

    def _save(self) -> None:
        """Write the whole state of the training, and its rows.

        A full disk or storage that is gone is no reason to end a trial: the next epoch tries again, the last
        one until the storage is back.
        """
        if self._run is None:
            return
        started = time.monotonic()
        state = self._run.state_dict() | {"rows": self._rows}
        patience_s = storage.PATIENCE_S if self._run.done else 0.0
        try:
            storage.patiently(lambda: storage.save(state, self.config["checkpoint"]), patience_s)
            self._unsaved = False
            self._refused = 0
        except OSError:
            self._refused += 1
        self._saved_at = time.monotonic()
        self._save_s = self._saved_at - started
        if self._refused:  # by the clock: an attempt that a store's client has waited out took long
            self._save_s = min(2.0**self._refused, RETRY_S) / SAVING_SHARE


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
