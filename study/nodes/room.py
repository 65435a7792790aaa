"""How many trials run at once, while nodes come and go."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

LOOK_S = 2.0  # between two looks at the cluster


class Room:
    """The slots of the cluster as it is now: ``count`` asks it, in a thread.

    The driver's loop must not ask by itself: without the head the answer takes a minute.
    """

    def __init__(self, slots: int, count: Callable[[], int]) -> None:
        self.slots = self._told = slots
        self._count = count
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __getstate__(self) -> dict[str, Any]:
        """Empty: of use in this process alone, and Tune pickles the searcher that asks it."""
        return {}

    def __enter__(self) -> Room:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()

    def news(self) -> str | None:
        """What has changed since it was last asked for, in one line."""
        before, self._told = self._told, self.slots
        if before == self._told:
            return None
        why = "a node joined" if self._told > before else "a node left"
        return f"{why}: {self._told} trials at once, {before} before"

    def _look(self) -> None:
        while not self._over.wait(LOOK_S):
            try:
                self.slots = self._count()
            except Exception:  # the head is gone: study.nodes.headwatch ends the study
                continue
