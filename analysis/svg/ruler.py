"""How axes look: grid, zero line, ticks, labels, titles, and the room that labels and titles need."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from analysis.svg import colors, lines, text
from analysis.svg.axes import Axis
from analysis.svg.text import Font
from analysis.svg.xml import element, fine, num

_PAD = 4.0


class Ruler:
    """One axis as it is drawn. `across`: pixels (start, end) of the other direction of its panel."""

    def __init__(self, axis: Axis, across: tuple[float, float], at: float, base: Font) -> None:
        """`at`: the pixel of the other direction where its line and labels are."""
        self.axis, self.given, self.across, self.at = axis, axis.given, across, at
        self.ticks, self.angle = axis.fit()
        self.labelled = axis.shown and axis.given.get("showticklabels") is not False
        title = self.given.get("title") or {}
        self.words = str(title.get("text") or "") if axis.shown else ""
        self.title = Font(14.0, base.color).over(title.get("font"))
        self._fit_title(axis.after - axis.before)
        self.standoff = float(title.get("standoff") or 10)
        outer = self.given.get("side") or ("bottom" if axis.horizontal else "left")
        self.sign = 1 if outer in ("bottom", "right") else -1
        self.mark = float(self.given.get("ticklen") or 5) if self.given.get("ticks") == "outside" else 0.0

    def _fit_title(self, length: float) -> None:
        """A title longer than its axis goes on two lines, in smaller letters if it must."""
        self.words = text.wrapped(self.words, self.title.size, length * 1.15)
        wide = text.width(self.words, self.title.size) if self.words else 0.0
        if wide > 1.15 * length:
            smaller = max(self.title.size * 1.15 * length / wide, 0.7 * self.title.size)
            self.title = replace(self.title, size=smaller)

    @property
    def labels(self) -> float:
        """Depth of the tick labels in pixels, with the gap to the plot."""
        if not self.labelled or not self.ticks:
            return 0.0
        size = self.axis.font.size
        widest = max(text.width(label, size) for _, label in self.ticks)
        tall = max(text.height(label, size) for _, label in self.ticks)
        if not self.axis.horizontal:
            return widest + _PAD + self.mark
        turn = math.radians(abs(self.angle))
        return math.sin(turn) * widest + math.cos(turn) * tall + _PAD + self.mark

    @property
    def depth(self) -> float:
        """Pixels that it needs outside of the plot."""
        return self.labels + (self.standoff + text.height(self.words, self.title.size) if self.words else 0.0)

    @property
    def overhang(self) -> float:
        """Pixels by which the last label reaches beyond the end of a horizontal axis."""
        if not (self.axis.horizontal and self.labelled and self.ticks):
            return 0.0
        size = self.axis.font.size
        reach = 0.5 if not self.angle else math.cos(math.radians(self.angle))
        return max(px + reach * text.width(label, size) - self.axis.after for px, label in self.ticks)

    def below(self) -> str:
        """What lies under the traces: grid and zero line."""
        axis, given = self.axis, self.given
        if not axis.shown:
            return ""
        parts = []
        if given.get("showgrid", axis.grid):
            width = float(given.get("gridwidth") or 1)
            paint = colors.paint("stroke", given.get("gridcolor") or "#eeeeee")
            course = "".join(self._cross(px) for px, _ in self.ticks)
            dash = lines.dashes(given.get("griddash"), width)
            if course:
                parts.append(
                    element("path", d=course, **paint, stroke_width=fine(width), stroke_dasharray=dash)
                )
        low, high = min(axis.low, axis.high), max(axis.low, axis.high)
        if given.get("zeroline") and axis.kind == "linear" and low <= 0 <= high:
            paint = colors.paint("stroke", given.get("zerolinecolor") or "#444444")
            thick = fine(float(given.get("zerolinewidth") or 1))
            parts.append(element("path", d=self._cross(axis.at(0.0)), **paint, stroke_width=thick))
        return "".join(parts)

    def _cross(self, px: float) -> str:
        a, b = (num(end) for end in self.across)
        return f"M{num(px)} {a}V{b}" if self.axis.horizontal else f"M{a} {num(px)}H{b}"

    def above(self) -> str:
        """The line of the axis, ticks, labels and title."""
        axis, given = self.axis, self.given
        if not axis.shown:
            return ""
        parts = []
        if given.get("showline"):
            a, b, at = num(axis.start), num(axis.end), num(self.at)
            course = f"M{a} {at}H{b}" if axis.horizontal else f"M{at} {a}V{b}"
            paint = colors.paint("stroke", given.get("linecolor") or "#444444")
            parts.append(
                element("path", d=course, **paint, stroke_width=fine(float(given.get("linewidth") or 1)))
            )
        if self.mark and self.ticks:
            ends = (num(self.at), num(self.at + self.sign * self.mark))
            marks = [
                f"M{num(px)} {ends[0]}V{ends[1]}" if axis.horizontal else f"M{ends[0]} {num(px)}H{ends[1]}"
                for px, _ in self.ticks
            ]
            paint = colors.paint("stroke", given.get("tickcolor") or "#444444")
            parts.append(
                element(
                    "path", d="".join(marks), **paint, stroke_width=fine(float(given.get("tickwidth") or 1))
                )
            )
        if self.labelled:
            parts += [self._label(px, label) for px, label in self.ticks]
        if self.words:
            parts.append(self._title())
        return "".join(parts)

    def _label(self, px: float, label: str) -> str:
        font, off = self.axis.font, self.at + self.sign * (_PAD + self.mark)
        if not self.axis.horizontal:
            return text.draw(label, off, px, font, "end" if self.sign < 0 else "start")
        if not self.angle:
            return text.draw(label, px, off, font, "middle", "top" if self.sign > 0 else "bottom")
        forward = (self.angle > 0) == (self.sign > 0)
        return text.draw(
            label, px, off + self.sign * 4, font, "start" if forward else "end", "middle", self.angle
        )

    def _title(self) -> str:
        middle = (self.axis.start + self.axis.end) / 2
        off = self.at + self.sign * (self.labels + self.standoff)
        if self.axis.horizontal:
            return text.draw(
                self.words, middle, off, self.title, "middle", "top" if self.sign > 0 else "bottom"
            )
        return text.draw(
            self.words, off, middle, self.title, "middle", "bottom", angle=-90 if self.sign < 0 else 90
        )


def font_of(layout: Mapping[str, Any]) -> Font:
    """The font of the whole figure."""
    return Font(12.0, "#444444").over(layout.get("font"))
