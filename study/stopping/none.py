"""``none``: every trial runs to its end (safety stops apart)."""

from __future__ import annotations

from study.stopping.protocol import Plan, Row, Setting


class Never:
    """Compares nothing. O(1) a row."""

    def __init__(self, setting: Setting) -> None:
        pass

    def observe(self, number: int, plan: Plan, row: Row) -> None:
        """Nothing is kept."""

    def reason(self, number: int, row: Row) -> str | None:
        """Always None."""
        return None

    def ended(self, number: int, row: Row, complete: bool) -> None:
        """Nothing is kept."""
