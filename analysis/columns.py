"""A long table by columns, for the page's script: compact, and sorted by comparing numbers alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

DIGITS = 8  # significant digits, of which three are shown; the downloads have all of them
Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class LongColumn:
    """One column: `values` by row, NaN where unknown.

    unit: how the page writes a number ("fraction" in percent, "s" as a duration, None as it is).
    texts: where given, values are indices into it and rows sort by index. colors: of texts, light colours.
    trials: the values are trial numbers that can be picked.
    """

    label: str
    values: Numbers
    unit: str | None = None
    texts: Sequence[str] | None = None
    colors: Sequence[str] = ()
    trials: bool = False

    @property
    def says_nothing(self) -> bool:
        """Whether all rows have the same value, or none."""
        known = self.values[np.isfinite(self.values)]
        same = len(known) == 0 or bool((known == known[0]).all())
        return same and len(known) in (0, len(self.values)) and len(self.values) > 1


@dataclass(frozen=True)
class LongTable:
    """All rows of a table. `key`: of the block of data on the page."""

    key: str
    columns: Sequence[LongColumn]
    caption: str

    def content(self) -> dict[str, Any]:
        """As the page's script reads it; `hidden`: the columns that are off until the reader wants them."""
        return {
            "rows": len(self.columns[0].values),
            "caption": self.caption,
            "columns": [_content(column) for column in self.columns],
            "hidden": [i for i in range(len(self.columns)) if self._idle(i)],
        }

    def _idle(self, at: int) -> bool:
        """Whether a column says nothing, or the same as one before it."""
        column = self.columns[at]
        return column.says_nothing or any(
            other.texts is column.texts and np.array_equal(other.values, column.values, equal_nan=True)
            for other in self.columns[:at]
        )


def _content(column: LongColumn) -> dict[str, Any]:
    made: dict[str, Any] = {"label": column.label, "values": rounded(column.values)}
    if column.texts is not None:
        made["texts"] = list(column.texts)
    if column.colors:
        made["colors"] = list(column.colors)
    if column.unit:
        made["unit"] = column.unit
    return made | ({"trials": True} if column.trials else {})


def rounded(values: Numbers, digits: int = DIGITS) -> list[float | None]:
    """To `digits` significant digits; whole numbers exactly, as integers; None for NaN and infinity."""
    known = np.isfinite(values)
    whole = known & (values == np.floor(np.where(known, values, 0.0))) & (np.abs(values) <= 2.0**53)
    return [
        int(value) if exact else float(f"{value:.{digits}g}") if real else None
        for value, exact, real in zip(values.tolist(), whole.tolist(), known.tolist(), strict=True)
    ]


def numbers(label: str, values: Any, unit: str | None = None, trials: bool = False) -> LongColumn:
    """A column of numbers; whatever is none is unknown."""
    return LongColumn(label, np.asarray(values, dtype=float), unit, trials=trials)


def words(
    label: str,
    values: Sequence[str | None],
    order: Sequence[str] | None = None,
    color: Mapping[str, str] | None = None,
    show: Mapping[str, str] | None = None,
) -> LongColumn:
    """A column of texts that sorts in `order`, else alphabetically, without case; None is unknown.

    `color`: of a value; `show`: other words for some values.
    """
    found = sorted({value for value in values if value is not None}, key=lambda word: (word.casefold(), word))
    if order is not None:
        found = [word for word in order if word in set(found)]
    at = {word: float(i) for i, word in enumerate(found)}
    shown = [(show or {}).get(word, word) for word in found]
    index = np.array(
        [at.get(value, np.nan) if value is not None else np.nan for value in values], dtype=float
    )
    return LongColumn(label, index, texts=shown, colors=[color[word] for word in found] if color else ())
