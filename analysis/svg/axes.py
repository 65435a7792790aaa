"""One axis: from values to pixels, its range, its ticks."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from analysis.svg import text, ticks
from analysis.svg.figure import Unsupported
from analysis.svg.text import Font

Floats = npt.NDArray[np.float64]
SHARE = 1 / 18  # of the data's span that plotly leaves free on either side


@dataclass
class Axis:
    """A plotly axis with its data. `low`, `high`: what stands at `start` and `end` (pixels); log10 if log."""

    name: str
    given: Mapping[str, Any]
    kind: str = "linear"
    categories: list[str] = field(default_factory=list)
    low: float = 0.0
    high: float = 1.0
    start: float = 0.0
    end: float = 1.0
    grid: bool = True

    @property
    def horizontal(self) -> bool:
        """True for an x axis."""
        return self.name.startswith("x")

    @property
    def font(self) -> Font:
        """The font of the tick labels."""
        return Font(12.0).over(self.given.get("tickfont"))

    @property
    def shown(self) -> bool:
        """Whether anything of the axis itself is drawn."""
        return self.given.get("visible") is not False

    @property
    def before(self) -> float:
        """The pixel where it begins in reading order: the left or the upper end."""
        return min(self.start, self.end)

    @property
    def after(self) -> float:
        """The pixel at its right or lower end."""
        return max(self.start, self.end)

    def numbers(self, values: Iterable[Any]) -> Floats:
        """Data as positions along the axis before it becomes pixels; NaN for what has no place."""
        if self.kind == "category":
            places = {name: float(i) for i, name in enumerate(self.categories)}
            return np.array([_place(value, places) for value in values], dtype=float)
        array = floats(values)
        if self.kind == "log":
            with np.errstate(divide="ignore", invalid="ignore"):
                return np.where(array > 0, np.log10(array), np.nan)
        return array

    def to_px(self, numbers: Floats) -> Floats:
        """Positions along the axis as pixels."""
        share = (numbers - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    def px(self, values: Iterable[Any]) -> Floats:
        """Data as pixels; NaN for what has no place."""
        return self.to_px(self.numbers(values))

    def at(self, value: Any) -> float:
        """One value as a pixel."""
        return float(self.px([value])[0])

    def domain(self) -> tuple[float, float]:
        """Its part of the plot, as shares from the left or from below."""
        low, high = self.given.get("domain") or (0.0, 1.0)
        return float(low), float(high)

    def ticks(self, most: int | None = None) -> list[tuple[float, str]]:
        """(pixel, label) of the ticks inside the range."""
        found = [(number, label) for number, label in self._ticks(most)]
        low, high = min(self.low, self.high), max(self.low, self.high)
        slack = 1e-6 * (high - low)
        pixels = self.to_px(np.array([number for number, _ in found], dtype=float))
        return [
            (float(px), label)
            for px, (number, label) in zip(pixels, found, strict=True)
            if low - slack <= number <= high + slack
        ]

    def _ticks(self, most: int | None) -> list[tuple[float, str]]:
        given = self.given
        if given.get("tickvals") is not None and given.get("tickmode", "array") == "array":
            values = list(given["tickvals"])
            words = given.get("ticktext")
            names = ticks.labels(floats(values).tolist()) if words is None else [str(word) for word in words]
            numbers = self.numbers(values).tolist()
            if words is None:
                names = [self._dressed(float(value), name) for value, name in zip(values, names, strict=True)]
            pairs = zip(numbers, names, strict=False)
            return [(number, name) for number, name in pairs if math.isfinite(number)]
        if self.kind == "category":
            every = max(1, int(given.get("dtick") or 1))
            return [(float(i), name) for i, name in enumerate(self.categories)][::every]
        length = abs(self.end - self.start)
        room = 80 if self.horizontal else 40
        most = most or int(given.get("nticks") or 0) or int(min(max(length / room, 4), 9)) + 1
        if self.kind == "log":
            found = ticks.log(self.low, self.high, max(most, 3))
            return [(math.log10(value), self._dressed(value, _log_label(value))) for value in found]
        # A tenth more than asked for, so that a little room around round ends does not halve the ticks.
        found = ticks.linear(
            self.low, self.high, 1.1 * most, given.get("dtick"), float(given.get("tick0") or 0.0)
        )
        names = ticks.labels(found, bool(given.get("separatethousands")))
        return [(value, self._dressed(value, name)) for value, name in zip(found, names, strict=True)]

    def _dressed(self, value: float, name: str) -> str:
        spec = self.given.get("tickformat")
        shown = ticks.formatted(value, spec) if spec else name
        return f"{self.given.get('tickprefix') or ''}{shown}{self.given.get('ticksuffix') or ''}"

    def fit(self) -> tuple[list[tuple[float, str]], float]:
        """Ticks whose labels do not overlap, and the angle of the labels: fewer ticks first, then turned."""
        angle = self.given.get("tickangle")
        if angle not in (None, "auto"):
            return self.ticks(), float(angle)
        found = self.ticks()
        if not self.horizontal or self._apart(found):
            return found, 0.0
        fixed = self.kind == "category" or self.given.get("tickvals") is not None or self.given.get("dtick")
        if not fixed:
            for most in range(len(found) - 1, 1, -1):
                fewer = self.ticks(most)
                if len(fewer) > 1 and self._apart(fewer):
                    return fewer, 0.0
        if self.kind == "log" and self.given.get("tickvals") is not None:
            return self._sparser(found), 0.0
        pixels = sorted(px for px, _ in found)
        gap = min((b - a for a, b in itertools.pairwise(pixels)), default=100.0)
        return found, 30.0 if gap > 2.2 * self.font.size else 90.0

    def _sparser(self, found: list[tuple[float, str]]) -> list[tuple[float, str]]:
        """Every tick keeps its mark; a label that would touch the one before it is left empty."""
        kept, last = [], -math.inf
        for px, label in sorted(found):
            half = text.width(label, self.font.size) / 2
            if px - half > last + 4:
                kept.append((px, label))
                last = px + half
            else:
                kept.append((px, ""))
        return kept

    def _apart(self, found: list[tuple[float, str]]) -> bool:
        spans = sorted((px, text.width(label, self.font.size) / 2) for px, label in found if label)
        return all(b - a > wa + wb + 4 for (a, wa), (b, wb) in itertools.pairwise(spans))


def _log_label(value: float) -> str:
    if 1e-3 <= value < 1e5:
        return ticks.shown(value) if value < 1e4 else f"{value / 1000:g}k"
    power = math.floor(math.log10(value) + 1e-9)
    base = round(value / 10.0**power)
    head = "" if base == 1 else f"{base}\N{MULTIPLICATION SIGN}"
    return f"{head}10<sup>{power}</sup>".replace("-", ticks.MINUS)


def _place(value: Any, places: Mapping[str, float]) -> float:
    key = category(value)
    if key in places:
        return places[key]
    # A shape or an annotation may stand between categories, by their index.
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan


def category(value: Any) -> str:
    """The name of a category: whole floats without their zero, as in JavaScript."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def floats(values: Iterable[Any]) -> Floats:
    """Values as floats; NaN for None and for what is no number."""
    if isinstance(values, np.ndarray) and values.dtype.kind in "iufb":
        return values.astype(float)
    return np.array([_float(value) for value in values], dtype=float)


def _float(value: Any) -> float:
    if value is None:
        return math.nan
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan


def chosen_kind(given: Mapping[str, Any], data: Iterable[Any]) -> str:
    """The type of an axis: as given, else category where the data hold text that is no number."""
    kind = given.get("type") or "-"
    if kind != "-":
        return str(kind)
    words = [value for value in data if isinstance(value, str)]
    if not words:
        return "linear"
    if any(math.isnan(_float(word)) for word in words):
        return "category"
    raise Unsupported("numbers as text on an axis without a type")


def padded(
    spans: Iterable[tuple[Floats, float, float]], length: float, rangemode: str, log: bool
) -> tuple[float, float]:
    """A range around data. `spans`: (values, share of the axis to leave free, pixels to leave free)."""
    known = [(v[np.isfinite(v)], share, room) for v, share, room in spans]
    known = [entry for entry in known if len(entry[0])]
    if not known:
        return (0.0, 1.0) if log else (-1.0, 6.0) if rangemode == "normal" else (0.0, 6.0)
    low, high = min(v.min() for v, *_ in known), max(v.max() for v, *_ in known)
    tozero = rangemode in ("tozero", "nonnegative") and not log
    if tozero:
        low, high = min(low, 0.0), max(high, 0.0)
    if low == high:
        if tozero or rangemode == "nonnegative":
            return (0.0, float(high) + 1.0) if high >= 0 else (float(low) - 1.0, 0.0)
        return float(low) - 1.0, float(high) + 1.0
    span = float(high - low)
    left = right = 0.0
    for values, share, room in known:
        # Grow until the outermost value keeps its room.
        need = span * share + span * room / max(length - 2 * room, 20.0)
        left = max(left, need - float(values.min() - low))
        right = max(right, need - float(high - values.max()))
    if tozero:
        left, right = (0.0 if low == 0 else left), (0.0 if high == 0 else right)
    start = float(low) - left
    return (max(start, 0.0) if rangemode == "nonnegative" else start), float(high) + right
