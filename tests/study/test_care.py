"""How Tune is told of the end of an actor, on its own actor manager and a real OutOfMemoryError."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ray.air.execution._internal.actor_manager import RayActorManager
from ray.exceptions import NodeDiedError, OutOfMemoryError, RayActorError

from study.nodes.care import one_death_for_all


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
