"""The legend: above or below the plot in columns, or at its right side."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analysis.svg import colors, lines, text
from analysis.svg.figure import Unsupported
from analysis.svg.scatter import line_color, look, marker_of, mode
from analysis.svg.text import Font
from analysis.svg.values import items, point_colors
from analysis.svg.xml import element, fine, num

_ITEM, _GAP, _BETWEEN = 30.0, 6.0, 14.0  # width of a sample, from it to its words, between entries; pixels


@dataclass(frozen=True)
class Entry:
    """A line of the legend: words, and the trace whose look it shows (None: a heading)."""

    words: str
    trace: Mapping[str, Any] | None


def entries(traces: Sequence[Mapping[str, Any]], layout: Mapping[str, Any]) -> list[Entry]:
    """What the legend lists: traces with a name, group by group, by rank."""
    shown = layout.get("showlegend")
    listed = [
        trace for trace in traces if trace["type"] != "heatmap" and trace.get("showlegend") is not False
    ]
    asked = any(trace.get("showlegend") for trace in listed)
    if shown is False or not listed or (shown is None and len(listed) < 2 and not asked):
        return []
    groups: dict[str, list[Mapping[str, Any]]] = {}
    ranked = sorted(listed, key=lambda trace: float(trace.get("legendrank") or 1000))
    for i, trace in enumerate(ranked):
        groups.setdefault(str(trace.get("legendgroup") or f"\0{i}"), []).append(trace)
    found = []
    for members in groups.values():
        heads = [(trace.get("legendgrouptitle") or {}).get("text") for trace in members]
        found += [Entry(f"<b>{head}</b>", None) for head in heads if head][:1]
        found += [Entry(str(trace.get("name") or ""), trace) for trace in members]
    return found[::-1] if _reversed(listed, layout) else found


def _reversed(traces: Sequence[Mapping[str, Any]], layout: Mapping[str, Any]) -> bool:
    """Stacks and bands are listed from the top, as they lie."""
    order = (layout.get("legend") or {}).get("traceorder")
    if order:
        return "reversed" in str(order)
    stacked = layout.get("barmode") == "stack" and any(trace["type"] == "bar" for trace in traces)
    return stacked or any(str(trace.get("fill")).startswith("tonext") for trace in traces)


class Legend:
    """The legend of a plot `width` pixels wide: its size is known before the plot's height is."""

    def __init__(self, traces: Sequence[Mapping[str, Any]], layout: Mapping[str, Any], base: Font) -> None:
        """Collects the entries; see `arrange`."""
        self.given = layout.get("legend") or {}
        self.entries = entries(traces, layout)
        self.font = Font(12.0, base.color).over(self.given.get("font"))
        self.title = (self.given.get("title") or {}).get("text") or ""
        self.flat = self.given.get("orientation") == "h"
        self.row = 1.55 * self.font.size
        self.columns, self.column = 1, 0.0
        self.cells: list[tuple[float, float]] = []
        self.size = (0.0, 0.0)

    def arrange(self, width: float) -> None:
        """Places every entry: in one row where they fit, else in columns; upright: one below the other."""
        if not self.entries:
            return
        sizes = [self._wide(entry) for entry in self.entries]
        head = text.width(self.title, self.font.size) + _BETWEEN if self.title else 0.0
        if not self.flat:
            self.columns = 1
        elif head + sum(sizes) - _BETWEEN <= width:
            at = [head + sum(sizes[:i]) for i in range(len(sizes))]
            self.cells = [(x, self.row / 2) for x in at]
            self.size = (head + sum(sizes) - _BETWEEN, self.row)
            return
        else:
            self.columns = self._columns(sizes, width)
        top = self.row if self.title else 0.0
        rows = math.ceil(len(sizes) / self.columns)
        widths = [max(sizes[c :: self.columns], default=0.0) for c in range(self.columns)]
        starts = [sum(widths[:c]) for c in range(self.columns)]
        self.cells = [
            (starts[i % self.columns], top + (i // self.columns + 0.5) * self.row) for i in range(len(sizes))
        ]
        self.size = (max(sum(widths) - _BETWEEN, head), top + rows * self.row)

    @staticmethod
    def _columns(sizes: Sequence[float], width: float) -> int:
        """The most columns, each as wide as its widest entry, that fit."""
        for columns in range(len(sizes), 1, -1):
            if sum(max(sizes[c::columns]) for c in range(columns)) - _BETWEEN <= width:
                return columns
        return 1

    def _wide(self, entry: Entry) -> float:
        sample = _ITEM + _GAP if entry.trace is not None else 0.0
        return sample + text.width(entry.words, self.font.size) + _BETWEEN

    @property
    def side(self) -> str:
        """Where room is needed for it: 'top', 'bottom', 'right', or '' inside the plot."""
        if not self.entries:
            return ""
        x, y = (float(self.given.get(key, default)) for key, default in (("x", 1.02), ("y", 1.0)))
        anchor = self.given.get("yanchor")
        if y >= 1 and anchor == "bottom":
            return "top"
        if y < 0 or (y <= 0 and anchor == "top"):
            return "bottom"
        if x >= 1 and self.given.get("xanchor", "left") in ("left", "auto"):
            return "right"
        if not (0 <= x <= 1 and 0 <= y <= 1):
            raise Unsupported(f"a legend at x = {x:g}, y = {y:g}")
        return ""

    def draw(self, x: float, y: float) -> str:
        """All entries with the legend's upper left corner at (x, y)."""
        if not self.entries:
            return ""
        parts = []
        back = colors.paint("fill", self.given.get("bgcolor"))
        if back["fill"] != "none":
            parts.append(
                element("rect", x=x - 4, y=y - 2, width=self.size[0] + 8, height=self.size[1] + 4, **back)
            )
        if self.title:
            parts.append(text.draw(self.title, x, y + self.row / 2, self.font))
        for entry, (dx, dy) in zip(self.entries, self.cells, strict=True):
            if entry.trace is None:
                parts.append(text.draw(entry.words, x + dx, y + dy, self.font))
                continue
            parts.append(_sample(entry.trace, x + dx, y + dy))
            parts.append(text.draw(entry.words, x + dx + _ITEM + _GAP, y + dy, self.font))
        return "".join(parts)


def _first(value: Any) -> Any:
    several = items(value)
    return value if several is None else several[0] if several else None


def _sample(trace: Mapping[str, Any], x: float, y: float) -> str:
    """A small picture of the trace, `_ITEM` wide from x, with its middle at y."""
    inner = _bar(trace, x, y) if trace["type"] == "bar" else _swatch(trace, x, y) + _mark(trace, x, y)
    opacity = float(trace.get("opacity", 1.0))
    return element("g", inner, opacity=fine(opacity)) if opacity < 1 and inner else inner


def _bar(trace: Mapping[str, Any], x: float, y: float) -> str:
    marker = trace.get("marker") or {}
    line = marker.get("line") or {}
    edge = _first(line.get("color")) if _first(line.get("width")) else None
    color = point_colors(marker, "color", 1, None)[0]
    paint = colors.paint("fill", color) | colors.paint("stroke", edge)
    return element("rect", x=x + 9, y=y - 6, width=12.0, height=12.0, **paint)


def _swatch(trace: Mapping[str, Any], x: float, y: float) -> str:
    """The fill and the line."""
    parts, what, line = [], mode(trace), trace.get("line") or {}
    if (trace.get("fill") or "none") != "none":
        color = trace.get("fillcolor")
        paint = colors.paint("fill", color) if color else colors.paint("fill", line_color(trace), 0.5)
        top, high = (y, 6.0) if "lines" in what else (y - 5, 10.0)
        parts.append(element("rect", x=x + 3, y=top, width=24.0, height=high, **paint))
    width = float(line.get("width", 2))
    if "lines" in what and width > 0:
        look_of = colors.paint("stroke", line_color(trace)) | {"stroke_width": fine(width)}
        course = f"M{num(x)} {num(y)}H{num(x + _ITEM)}"
        parts.append(
            element("path", d=course, stroke_dasharray=lines.dashes(line.get("dash"), width), **look_of)
        )
    return "".join(parts)


def _mark(trace: Mapping[str, Any], x: float, y: float) -> str:
    if "markers" not in mode(trace):
        return ""
    marker = marker_of(trace)
    line = marker.get("line") or {}
    color = point_colors(marker, "color", 1, None)[0]
    size, alpha = _first(marker.get("size")) or 6, _first(marker.get("opacity"))
    symbol = _first(marker.get("symbol")) or "circle"
    edge, width = _first(line.get("color")), _first(line.get("width")) or 0
    paint, one = look(symbol, min(float(size), 16.0), color, 1.0 if alpha is None else alpha, edge, width)
    return f"<g{paint}>{one(num(x + _ITEM / 2), num(y))}</g>"
