"""Which trials a figure draws where it cannot draw them all."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from analysis.outcome import Outcome

FEW = 6  # lines of the front that a small panel can hold apart
ARMS = 8


def spread(numbers: Sequence[int], most: int, keep: Collection[int] = ()) -> list[int]:
    """At most `most` of `numbers`, in their order: those in `keep`, the rest evenly spread, with both ends.

    More than `most` in `keep` are spread themselves.
    """
    kept = [number for number in numbers if number in keep]
    if len(kept) >= most:
        return _even(kept, most)
    rest = [number for number in numbers if number not in keep]
    drawn = {*kept, *_even(rest, most - len(kept))}
    return [number for number in numbers if number in drawn]


def _even(numbers: list[int], most: int) -> list[int]:
    if len(numbers) <= most:
        return numbers
    return [numbers[at] for at in np.linspace(0, len(numbers) - 1, most).round().astype(int)]


def best_few(outcome: Outcome, most: int = FEW) -> list[int]:
    """Trials of the front, from least to most sparse: the confirmed front and the knee, the rest spread."""
    numbers = [int(number) for number in outcome.front["number"]]
    keep = {*outcome.confirmed_front, *([outcome.knee] if outcome.knee is not None else [])}
    return spread(numbers, most, keep)


def arms(outcome: Outcome, most: int = ARMS) -> list[int]:
    """Completed reference arms by number, the first of each schedule before its further ones."""
    rows = outcome.references
    first = rows.drop_duplicates("scheduler")["number"].tolist()
    return spread([int(number) for number in rows["number"]], most, set(first))
