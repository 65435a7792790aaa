"""What every format of foreign results becomes: columns of cells, and where each row stood."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Foreign:
    """Rows of results that were not written here.

    `columns`: name -> cells, all of one length; a cell is text, a number, or None where nothing is known.
    `places`: where each row stood, in words. `notices`: what was repaired or left out while reading.
    """

    columns: dict[str, list[Any]]
    places: Sequence[str]
    notices: tuple[str, ...] = ()


class Problems(ValueError):  # noqa: N818 - it holds several
    """Everything that is wrong with some results, each with its rule and its fix."""

    def __init__(self, problems: Sequence[str]) -> None:
        """At least one."""
        super().__init__("; ".join(problems))
        self.problems = list(problems)
