"""Values of trials in order of arrival."""

from __future__ import annotations

import numpy as np

from study.stopping.protocol import Floats


class Shelf:
    """Rows [n, m] that grow by doubling: O(1) a row on average, one array to compare with."""

    def __init__(self, width: int) -> None:
        self._rows = np.empty((8, width))
        self._place: dict[int, int] = {}

    def put(self, number: int, values: Floats) -> None:
        """Keep a trial's values; those of a trial that is here already stay."""
        if number in self._place:
            return
        count = len(self._place)
        if count == len(self._rows):
            self._rows = np.concatenate([self._rows, np.empty_like(self._rows)])
        self._rows[count] = values
        self._place[number] = count

    def drop(self, number: int) -> None:
        """Its row turns to NaN: nothing compares with it any more."""
        if number in self._place:
            self._rows[self._place[number]] = np.nan

    @property
    def rows(self) -> Floats:
        """All of them [n, m]."""
        return self._rows[: len(self._place)]

    def before(self, number: int) -> tuple[Floats, Floats] | None:
        """The trial's values [m] and those of all that came before it [n, m]; None if it is not here."""
        place = self._place.get(number)
        return None if place is None else (self._rows[place], self._rows[:place])
