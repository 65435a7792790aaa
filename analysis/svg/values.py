"""Values of traces that may be one for all points or one for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from analysis.svg import colors
from analysis.svg.axes import floats
from analysis.svg.figure import Unsupported


def items(value: Any) -> list[Any] | None:
    """A list where one is given, else None."""
    return list(value) if isinstance(value, list | tuple | np.ndarray) else None


def each(value: Any, count: int, default: Any) -> list[Any]:
    """One value for each of `count` points; `default` where none is given."""
    several = items(value)
    if several is None:
        return [default if value is None else value] * count
    filled = [default if item is None else item for item in several[:count]]
    return filled + [default] * (count - len(filled))


def coordinates(trace: Mapping[str, Any]) -> tuple[Sequence[Any], Sequence[Any]]:
    """x and y of a trace; where one is missing it counts 0, 1, 2, ... (or x0, x0 + dx, ...)."""
    x, y = (trace.get(letter) for letter in "xy")
    count = (
        min(len(values) for values in (x, y) if values is not None) if x is not None or y is not None else 0
    )

    def counted(letter: str) -> list[float]:
        first, gap = float(trace.get(f"{letter}0") or 0.0), float(trace.get(f"d{letter}") or 1.0)
        return [first + gap * i for i in range(count)]

    return (
        counted("x") if x is None else x[:count],
        counted("y") if y is None else y[:count],
    )


def length(values: Any) -> int:
    """How many."""
    return 0 if values is None else len(values)


def point_colors(marker: Mapping[str, Any], key: str, count: int, default: Any) -> list[Any]:
    """Colours of points: one name for all, a name for each, or numbers on the marker's colour scale."""
    value = marker.get(key)
    several = items(value)
    if several is None or not several or any(isinstance(item, str) for item in several):
        return each(value, count, default)
    low, high = scale_ends(marker, several)
    numbers = floats(several)
    span = high - low
    shares = (numbers - low) / span if span else np.where(np.isfinite(numbers), 0.5, np.nan)
    return [color or default for color in colors.scale(stops(marker), shares)]


def stops(owner: Mapping[str, Any]) -> list[tuple[float, str]]:
    """The colour scale of a marker or heatmap. Raises `Unsupported` without one: the theme has to choose."""
    given = owner.get("colorscale")
    if given is None or isinstance(given, str):
        raise Unsupported("numbers as colours without a list of colours as their scale")
    pairs = [(float(at), str(color)) for at, color in given]
    return [(1 - at, color) for at, color in reversed(pairs)] if owner.get("reversescale") else pairs


def scale_ends(
    owner: Mapping[str, Any], values: Any, low: str = "cmin", high: str = "cmax"
) -> tuple[float, float]:
    """The values at the two ends of a colour scale, as given or as the data reach."""
    numbers = floats(np.ravel(np.asarray(values, dtype=object)))
    known = numbers[np.isfinite(numbers)]
    ends = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    given = owner.get(low), owner.get(high)
    return (
        ends[0] if given[0] is None else float(given[0]),
        ends[1] if given[1] is None else float(given[1]),
    )
