"""What happens to the processes of trials, told to the recorder; those that hang are killed."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ray
from ray import tune
from ray.air.execution._internal.actor_manager import RayActorManager
from ray.exceptions import RayActorError, RayTaskError
from ray.tune.execution.tune_controller import TuneController
from ray.tune.experiment import Trial

from study.failing import Allowance, Cause, Waiting, cause, next_in_line, verdict
from study.watchdog import Watchdog, longest_s

if TYPE_CHECKING:
    from study.record import Recorder


def one_death_for_all() -> None:
    """Let Tune see the end of an actor in whatever Ray raises for it.

    Tune 2.60 knows RayActorError and ends the whole study with a RuntimeError on others: on OutOfMemoryError,
    which Ray raises where its memory monitor killed the actor. And it hears twice of a process that dies
    between two trials, while it is told of the second: the first time it requeues that trial, the second time
    it fails it because it is pending, and it holds it to be under way forever.
    """
    handle = RayActorManager._actor_task_failed
    if handle.__module__ == __name__:
        return

    def failed(self: Any, tracked_actor_task: Any, exception: Exception) -> None:
        if not isinstance(exception, RayActorError | RayTaskError):
            exception = RayActorError(error_msg=str(exception))
        handle(self, tracked_actor_task, exception)

    tell = TuneController._trial_task_failure

    def told(self: Any, trial: Any, exception: Exception) -> None:
        self._resetting_trials.discard(trial)
        if trial.status == Trial.PENDING and trial not in self._trial_to_actor:
            return  # requeued already
        tell(self, trial, exception)

    RayActorManager._actor_task_failed = failed
    TuneController._trial_task_failure = told


class Care(tune.Callback):
    """Reports to the recorder: rows, retries, ends. Decides with ``study.failing`` who is tried again.

    Ray Tune counts a trial's failures and compares them with its ``max_failures`` when one happens; that is
    set here beforehand.
    """

    def __init__(self, recorder: Recorder, retries: int) -> None:
        self.recorder, self.retries = recorder, retries
        self.broken: dict[int, str] = {}
        self.waiting: dict[int, Waiting] = {}
        self._trials: dict[int, Any] = {}
        self.watchdog = Watchdog(first_s=longest_s(recorder.store.epochs.read()))
        self._allowances: dict[int, Allowance] = {}
        self._causes: dict[int, list[Cause]] = {}  # since the last new epoch
        self._hangs: dict[int, Cause] = {}
        self._memory_mib: dict[int, float] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Of use in this process alone; Tune pickles callbacks."""
        return {}

    def queued(self, trial: Any) -> None:
        """The trial waits for a process, its first one or another one."""
        number = trial.config["number"]
        self._trials[number] = trial
        self.waiting[number] = Waiting(time.monotonic(), again=number in self._allowances)

    def next_in_line(self) -> Any | None:
        """The trial that comes before all others, if any has to."""
        number = next_in_line(self.waiting, time.monotonic())
        trial = None if number is None else self._trials[number]
        return trial if trial is not None and trial.status == Trial.PENDING else None

    def on_step_begin(self, iteration: int, trials: list[Any], **info: Any) -> None:
        self.watchdog.tick(time.monotonic())
        for number, (silent_s, known_s) in self.watchdog.hung().items():
            trial = next(one for one in trials if one.config["number"] == number)
            known = "none before" if known_s is None else f"the longest before took {known_s:.0f} s"
            said = f"no epoch for {silent_s:.0f} s, {known}: it hangs; its process was killed"
            self._hangs[number] = Cause("hang", said)
            actor = trial.temporary_state.ray_actor
            if actor is not None:
                ray.kill(actor)

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        number = trial.config["number"]
        self.waiting.pop(number, None)
        self.watchdog.started(number, last=_leads_to_the_last(trial, self.recorder.filed(number)))
        if number not in self._allowances:
            self._allowances[number] = Allowance(self.retries)

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        number = trial.config["number"]
        self._memory_mib[number] = result.get("memory_mib", 0.0)
        if result.get("broken"):
            self.broken[number] = result["reason"]
        elif "epoch" in result:
            last = _leads_to_the_last(trial, result["epoch"])
            self.watchdog.row(number, last=last, trained=not result.get("sent_again"))
            if result["epoch"] > self.recorder.filed(number):
                self._causes.pop(number, None)
                trial.max_failures = self._allowances[number].progressed(trial.num_failures)
            self.recorder.row(number, result)
        self._end_if_broken()

    def on_trial_recover(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        number = trial.config["number"]
        why = self._failed(trial)
        allowance = self._allowances.setdefault(number, Allowance(self.retries))
        trial.max_failures = allowance.failed(why.kind)
        self.watchdog.paused(number)
        self.recorder.retry(number)
        # Plain print: the display of a terminal lets it through.
        print(f"#{number}: {why.line}; it goes on from its last checkpoint", flush=True)

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        number = trial.config["number"]
        self.recorder.end(number, error=self.broken.pop(number, None))
        self._forget(number)
        self._end_if_broken()

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        number = trial.config["number"]
        self._failed(trial)
        self.recorder.end(number, error=verdict(self._causes[number], self.recorder.filed(number)))
        self._forget(number)
        self._end_if_broken()

    def _failed(self, trial: Any) -> Cause:
        number = trial.config["number"]
        why = self._hangs.pop(number, None) or cause(_last_error(trial), self._memory_mib.get(number))
        self._causes.setdefault(number, []).append(why)
        return why

    def _forget(self, number: int) -> None:
        self.watchdog.ended(number)
        for known in (
            self.waiting,
            self._trials,
            self._allowances,
            self._causes,
            self._hangs,
            self._memory_mib,
        ):
            known.pop(number, None)

    def _end_if_broken(self) -> None:
        """A disk that takes no more ends the study as Ctrl-C does."""
        if self.recorder.broken:
            os.kill(os.getpid(), signal.SIGUSR1)


def _leads_to_the_last(trial: Any, epoch: int) -> bool:
    """Whether the epoch after this one is the trial's last, or would be behind it."""
    return bool(epoch + 1 >= trial.config["train"]["epochs"])


def _last_error(trial: Any) -> str:
    """What Tune has just written about the trial; ``get_error`` reads an older copy in the study folder."""
    try:
        text = Path(trial.error_file).read_text(errors="replace")
    except (OSError, TypeError):
        return ""
    return text.rpartition("Failure # ")[2]
