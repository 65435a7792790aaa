"""Heatmaps and the colour bars beside a plot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from analysis.svg import colors, text, ticks
from analysis.svg.axes import Axis, Floats, floats
from analysis.svg.scene import Panel
from analysis.svg.text import Font
from analysis.svg.values import scale_ends, stops
from analysis.svg.xml import element

STEPS = 64  # shades: neighbours of one shade become one rectangle


def cells(trace: Mapping[str, Any]) -> Floats:
    """z as an array [rows, columns]."""
    z = trace.get("z")
    rows = [floats(row) for row in ([] if z is None else z)]
    width = max((len(row) for row in rows), default=0)
    if not rows or not width:
        return np.empty((len(rows), 0))
    return np.array([np.pad(row, (0, width - len(row)), constant_values=np.nan) for row in rows])


def edges(trace: Mapping[str, Any], axis: Axis) -> Floats:
    """Edges of the cells along an axis: half way between centres, or as given where there is one more."""
    count = cells(trace).shape[0 if axis.name.startswith("y") else 1]
    letter = axis.name[0]
    given = trace.get(letter)
    if given is None:
        first, gap = float(trace.get(f"{letter}0") or 0.0), float(trace.get(f"d{letter}") or 1.0)
        given = [first + gap * i for i in range(count)]
    at = axis.numbers(given)
    if len(at) == count + 1:
        return at
    if len(at) < 2:
        return np.array([at[0] - 0.5, at[0] + 0.5]) if len(at) else at
    middle = (at[:-1] + at[1:]) / 2
    return np.concatenate([[2 * at[0] - middle[0]], middle, [2 * at[-1] - middle[-1]]])


def draw(trace: Mapping[str, Any], panel: Panel) -> str:
    """One rectangle per run of cells of one shade, and the words of the cells."""
    z = cells(trace)
    if not z.size:
        return ""
    low, high = scale_ends(trace, z, "zmin", "zmax")
    share = np.clip((z - low) / (high - low), 0, 1) if high > low else np.where(np.isfinite(z), 0.5, np.nan)
    shade = np.rint(share * STEPS)
    palette = colors.scale(stops(trace), np.arange(STEPS + 1) / STEPS)
    # On whole pixels: no seams between neighbours.
    x, y = (np.rint(axis.to_px(edges(trace, axis))).tolist() for axis in (panel.x, panel.y))
    gap_x, gap_y = (float(trace.get(f"{letter}gap") or 0.0) / 2 for letter in "xy")
    parts = []
    for i, row in enumerate(shade.tolist()):
        top, bottom = min(y[i], y[i + 1]) + gap_y, max(y[i], y[i + 1]) - gap_y
        j = 0
        while j < len(row):
            end = j + 1
            while end < len(row) and row[end] == row[j] and not gap_x:
                end += 1
            if np.isfinite(row[j]):
                a, b = sorted((x[j], x[end]))
                box = {
                    "x": a + gap_x,
                    "y": top,
                    "width": max(b - a - 2 * gap_x, 0.0),
                    "height": max(bottom - top, 0.0),
                }
                parts.append(element("rect", **box, fill=palette[int(row[j])]))
            j = end
    boxes = element("g", parts, shape_rendering="crispEdges")
    return panel.clip([boxes, _words(trace, z, share, palette, x, y)])


def _words(
    trace: Mapping[str, Any],
    z: Floats,
    share: Floats,
    palette: list[str | None],
    x: list[float],
    y: list[float],
) -> str:
    if not trace.get("texttemplate"):
        return ""
    given = trace.get("text") if trace["texttemplate"] == "%{text}" else None
    chosen = (trace.get("textfont") or {}).get("color")
    size = float((trace.get("textfont") or {}).get("size") or 12)
    parts = []
    for i, row in enumerate(z.tolist()):
        for j, value in enumerate(row):
            if not np.isfinite(value):
                continue
            word = given[i][j] if given is not None else ticks.shown(value)
            back = palette[round(float(share[i, j]) * STEPS)] or "#ffffff"
            ink = chosen or colors.contrast(back)
            middle = ((x[j] + x[j + 1]) / 2, (y[i] + y[i + 1]) / 2)
            parts.append(text.draw(word, *middle, Font(size, ink), "middle"))
    return "".join(parts)


class ColorBar:
    """The colour scale of a trace as a bar at the right."""

    def __init__(self, owner: Mapping[str, Any], values: Any, low: str, high: str, font: Font) -> None:
        """`owner`: a heatmap or a marker; `values`: what it colours by."""
        given = owner.get("colorbar") or {}
        self.given, self.stops = given, stops(owner)
        self.ends = scale_ends(owner, values, low, high)
        self.thickness = float(given.get("thickness") or 14)
        self.font = Font(12.0, font.color).over(given.get("tickfont"))
        self.title = Font(12.0, font.color).over((given.get("title") or {}).get("font"))
        words = (given.get("title") or {}).get("text") or ""
        self.words = words
        self.right = (given.get("title") or {}).get("side") == "right"
        axis = Axis("y", given, low=self.ends[0], high=self.ends[1], start=200.0, end=0.0)
        self.ticks = max((text.width(label, self.font.size) for _, label in axis.ticks()), default=0.0)

    @property
    def room(self) -> float:
        """Width that it needs beside the plot, in pixels."""
        beside = (
            self.ticks
            + 8
            + (text.height(self.words, self.title.size) + 4 if self.words and self.right else 0)
        )
        above = (
            text.width(self.words, self.title.size) - self.thickness if self.words and not self.right else 0
        )
        return 14 + self.thickness + max(beside, above) + 4

    def draw(self, x: float, top: float, bottom: float, key: str) -> str:
        """The bar with its left edge 14 pixels right of `x`."""
        length = float(self.given.get("len") or 1.0) * (bottom - top)
        place = self.given.get("y")
        middle = (top + bottom) / 2 if place is None else bottom - float(place) * (bottom - top)
        top, bottom, left = middle - length / 2, middle + length / 2, x + 14
        above = self.words and not self.right
        top += text.height(self.words, self.title.size) + 4 if above else 0
        ramp = [
            element("stop", offset=f"{at:.4g}", stop_color=colors.parse(color)[0]) for at, color in self.stops
        ]
        parts = [element("linearGradient", ramp, id=key, x1="0", y1="1", x2="0", y2="0")]
        box = {"x": left, "y": top, "width": self.thickness, "height": bottom - top}
        parts.append(element("rect", **box, fill=f"url(#{key})"))
        axis = Axis("y", self.given, low=self.ends[0], high=self.ends[1], start=bottom, end=top)
        if self.ends[0] != self.ends[1]:
            parts += [
                text.draw(label, left + self.thickness + 5, at, self.font) for at, label in axis.ticks()
            ]
        if above:
            parts.append(text.draw(self.words, left, top - 6, self.title, "start", "bottom"))
        elif self.words:
            at = left + self.thickness + 12 + self.ticks
            parts.append(text.draw(self.words, at, middle, self.title, "middle", "bottom", angle=90))
        return "".join(parts)
