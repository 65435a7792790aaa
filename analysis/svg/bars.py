"""Bars, side by side, stacked or over one another, upright or lying."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.svg import colors, text
from analysis.svg.axes import SHARE, Axis, Floats, floats
from analysis.svg.figure import Unsupported
from analysis.svg.scatter import error_ends
from analysis.svg.scene import Panel
from analysis.svg.text import Font
from analysis.svg.values import coordinates, each, point_colors
from analysis.svg.xml import element, fine, num


@dataclass(frozen=True)
class Bars:
    """Bars of one trace: centre and width along their axis, foot and top along the other; see `upright`."""

    trace: Mapping[str, Any]
    upright: bool
    center: Floats
    width: Floats
    foot: Floats
    top: Floats

    def spans(self, axis: Axis) -> list[tuple[Floats, float, float]]:
        """What an axis must hold, see `axes.padded`: along the bars' feet without room."""
        if axis.horizontal == self.upright:
            ends = np.concatenate([self.center - self.width / 2, self.center + self.width / 2])
            return [(ends, 0.0 if axis.kind == "category" else SHARE, 0.0)]
        found = [(self.top, SHARE, 0.0), (self.foot, 0.0, 0.0)]
        error = error_ends(self.trace, axis.name[0], axis)
        return found + ([(np.concatenate(error), SHARE, 0.0)] if error else [])


def arranged(traces: Sequence[Mapping[str, Any]], x: Axis, y: Axis, layout: Mapping[str, Any]) -> list[Bars]:
    """Bars of the traces of one panel, in their places by `barmode`."""
    if not traces:
        return []
    mode = layout.get("barmode") or "group"
    uprights = {(trace.get("orientation") or "v") == "v" for trace in traces}
    if len(uprights) > 1:
        raise Unsupported("upright and lying bars in one panel")
    upright = uprights.pop()
    along, other = (x, y) if upright else (y, x)
    if other.kind == "log":
        raise Unsupported("bars on a log axis: they have no foot")
    pairs = []
    for trace in traces:
        across, up = coordinates(trace) if upright else coordinates(trace)[::-1]
        pairs.append((along.numbers(across), floats(up)))
    places = np.unique(np.concatenate([place[np.isfinite(place)] for place, _ in pairs]))
    gap = float(np.diff(places).min()) if len(places) > 1 else 1.0
    unit = gap * (1 - float(layout.get("bargap", 0.2)))
    count = len(traces) if mode == "group" else 1
    inner = 1 - float(layout.get("bargroupgap") or 0.0)
    sums: dict[tuple[float, bool], float] = {}
    found = []
    for i, (trace, (place, size)) in enumerate(zip(traces, pairs, strict=True)):
        n, slot = len(place), i if mode == "group" else 0
        width = floats(each(trace.get("width"), n, unit / count * inner))
        shift = unit * ((slot + 0.5) / count - 0.5) if trace.get("width") is None else 0.0
        center = place + shift
        if trace.get("offset") is not None:
            center = place + floats(each(trace["offset"], n, 0.0)) + width / 2
        foot = floats(each(trace.get("base"), n, 0.0))
        if mode in ("stack", "relative"):
            for j, (at, value) in enumerate(zip(place.tolist(), size.tolist(), strict=True)):
                key = (at, mode == "relative" and value < 0)
                foot[j] += sums.get(key, 0.0)
                sums[key] = sums.get(key, 0.0) + (value if np.isfinite(value) else 0.0)
        found.append(Bars(trace, upright, center, width, foot, foot + size))
    return found


def draw(bars: Bars, panel: Panel) -> str:
    """Rectangles, their labels, their error bars (about the top)."""
    along, other = (panel.x, panel.y) if bars.upright else (panel.y, panel.x)
    trace, n = bars.trace, len(bars.center)
    marker = trace.get("marker") or {}
    line = marker.get("line") or {}
    if marker.get("color") is None:
        raise Unsupported(f"trace {trace.get('name')!r} has bars without a colour")
    left, right = (along.to_px(bars.center + sign * bars.width / 2) for sign in (-1, 1))
    foot, top = other.to_px(bars.foot), other.to_px(bars.top)
    fills = point_colors(marker, "color", n, None)
    alphas = each(marker.get("opacity"), n, 1.0)
    edges, widths = each(line.get("color"), n, None), each(line.get("width"), n, 0)
    rows = zip(left.tolist(), right.tolist(), foot.tolist(), top.tolist(), strict=True)
    parts, words = [], []
    for i, (a, b, low, high) in enumerate(rows):
        if not np.isfinite([a, b, low, high]).all():
            continue
        across, up = ((a, b), (low, high)) if bars.upright else ((low, high), (a, b))
        x, y, w, h = min(across), min(up), abs(across[1] - across[0]), abs(up[1] - up[0])
        width = float(widths[i])
        paint = colors.paint("fill", fills[i], float(alphas[i]))
        if width > 0:
            paint |= colors.paint("stroke", edges[i] or "#444444") | {"stroke_width": fine(width)}
        parts.append(element("rect", x=x, y=y, width=w, height=h, **paint))
        words.append(
            _word(trace, i, fills, bars.upright, (x, y, w, h), high <= low if bars.upright else high >= low)
        )
    opacity = float(trace.get("opacity", 1.0))
    inner = panel.clip([*parts, *_errors(bars, panel)]) + "".join(words)
    return element("g", inner, opacity=fine(opacity)) if opacity < 1 else inner


def _word(
    trace: Mapping[str, Any],
    i: int,
    fills: Sequence[Any],
    upright: bool,
    box: tuple[float, float, float, float],
    onward: bool,
) -> str:
    """The label of a bar: inside at its end where it fits, else beyond; `onward`: up or to the right."""
    word, place = (
        each(trace.get(key), len(fills), default)[i]
        for key, default in (("text", ""), ("textposition", "auto"))
    )
    if word == "" or place == "none":
        return ""
    x, y, w, h = box
    size = Font().over(trace.get("textfont") or {"size": 12}).size
    wide, high = text.width(word, size) + 6, text.height(word, size) + 4
    inside = place == "inside" or (place == "auto" and wide <= w and high <= h)
    ink = colors.contrast(colors.parse(fills[i])[0]) if inside else "#444444"
    font = (
        Font(12.0, ink)
        .over(trace.get("textfont"))
        .over(trace.get("insidetextfont" if inside else "outsidetextfont"))
    )
    centered = inside and trace.get("insidetextanchor") == "middle"
    if upright:
        edge = y if onward else y + h
        at = y + h / 2 if centered else edge + (3 if inside == onward else -3)
        side = "middle" if centered else "top" if inside == onward else "bottom"
        return text.draw(word, x + w / 2, at, font, "middle", side)
    edge = x + w if onward else x
    at = x + w / 2 if centered else edge + (-3 if inside == onward else 3)
    anchor = "middle" if centered else "end" if inside == onward else "start"
    return text.draw(word, at, y + h / 2, font, anchor)


def _errors(bars: Bars, panel: Panel) -> list[str]:
    letter, axis = ("y", panel.y) if bars.upright else ("x", panel.x)
    ends = error_ends(bars.trace, letter, axis)
    if ends is None:
        return []
    given = bars.trace[f"error_{letter}"]
    cap = float(given.get("width", 4))
    along = panel.x if bars.upright else panel.y
    shift = bars.foot  # of stacked bars: the error stands about the top of the stack
    low, high = (axis.to_px(end + shift) for end in ends)
    pieces = []
    for at, a, b in zip(along.to_px(bars.center).tolist(), low.tolist(), high.tolist(), strict=True):
        if not np.isfinite([at, a, b]).all():
            continue
        if bars.upright:
            pieces.append(f"M{num(at)} {num(a)}V{num(b)}")
            pieces += [f"M{num(at - cap)} {num(end)}H{num(at + cap)}" for end in (a, b)]
        else:
            pieces.append(f"M{num(a)} {num(at)}H{num(b)}")
            pieces += [f"M{num(end)} {num(at - cap)}V{num(at + cap)}" for end in (a, b)]
    paint = colors.paint("stroke", given.get("color") or "#444444")
    width = fine(float(given.get("thickness", 2)))
    return [element("path", d="".join(pieces), fill="none", **paint, stroke_width=width)] if pieces else []
