"""How Tune is told of the end of an actor, on its own actor manager and a real OutOfMemoryError."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ray.air.execution._internal.actor_manager import RayActorManager
from ray.exceptions import NodeDiedError, OutOfMemoryError, RayActorError

from study.nodes.care import Care, one_death_for_all
from study.record import Recorder
from study.storage import PATIENCE_S
from study.watchdog import FACTOR, FIRST_FLOOR_S, FLOOR_S
from tests.study.made import make, opened, row


@pytest.mark.parametrize("error", [OutOfMemoryError("low on memory"), NodeDiedError("gone"), RayActorError()])
def test_every_death_of_an_actor_reaches_its_trial(error: Any) -> None:
    one_death_for_all()
    one_death_for_all()  # twice is once
    told: list[tuple[str, Exception]] = []
    actor = SimpleNamespace(actor_id=7, _on_error=lambda actor, error: told.append(("actor", error)))
    task = SimpleNamespace(_tracked_actor=actor, _on_error=lambda actor, error: told.append(("task", error)))
    manager = RayActorManager(resource_manager=SimpleNamespace())
    manager._cleanup_actor = lambda tracked_actor: None
    manager._actor_task_failed(tracked_actor_task=task, exception=error)
    assert [who for who, _ in told] == ["actor", "task"]
    assert all(isinstance(one, RayActorError) and str(one) == str(error) for _, one in told)


class Watched:
    """A trial as Tune hands it over."""

    def __init__(self, books: Recorder) -> None:
        suggestion = books.next()
        assert suggestion is not None
        self.suggestion = suggestion
        self.config = {"number": suggestion.number, "train": suggestion.config.model_dump(mode="json")}
        self.num_failures = self.max_failures = 0
        self.temporary_state = SimpleNamespace(ray_actor=None)

    def sends(self, care: Care, epoch: int, **changes: Any) -> None:
        care.on_trial_result(0, [self], self, row(self.suggestion.config, epoch, **changes))


def looked(care: Care, trial: Any, seconds: float, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether the trial is held to hang within so many seconds of looking every second."""
    for _ in range(round(seconds)):
        now = (care.watchdog.now or 0.0) + 1.0
        monkeypatch.setattr("study.nodes.care.time.monotonic", lambda: now)  # noqa: B023
        care.on_step_begin(0, [trial])
    return bool(care._hangs)


def test_the_last_epoch_of_a_trial_may_wait_for_the_storage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(make(epochs=4), tmp_path) as books:
        care = Care(books, 3)
        trial = Watched(books)
        care.on_trial_start(0, [trial], trial)
        for epoch in (1, 2, 3):
            assert not looked(care, trial, 1, monkeypatch)
            trial.sends(care, epoch)
        assert not looked(care, trial, FLOOR_S + PATIENCE_S, monkeypatch)
        assert looked(care, trial, 2, monkeypatch)


def test_an_epoch_in_the_middle_may_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(make(epochs=5), tmp_path) as books:
        care = Care(books, 3)
        trial = Watched(books)
        care.on_trial_start(0, [trial], trial)
        for epoch in (1, 2, 3):
            assert not looked(care, trial, 1, monkeypatch)
            trial.sends(care, epoch)
        assert looked(care, trial, FLOOR_S + 2, monkeypatch)


def test_a_lone_trial_that_hangs_after_a_resume_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(make(epochs=4), tmp_path) as books:
        care, trial = Care(books, 3), Watched(books)
        care.on_trial_start(0, [trial], trial)
        for epoch in (1, 2):
            trial.sends(care, epoch, wall_s=200.0 * epoch)
    with opened(make(epochs=4), tmp_path) as books:
        care, trial = Care(books, 3), Watched(books)
        assert books.filed(trial.config["number"]) == 2
        care.on_trial_start(0, [trial], trial)
        assert FACTOR * 200.0 > FIRST_FLOOR_S
        assert not looked(care, trial, FACTOR * 200.0 + PATIENCE_S, monkeypatch)
        assert looked(care, trial, 2, monkeypatch)
        (why,) = care._hangs.values()
        assert "the longest before took 200 s" in why.line
