"""Scatter traces: fill, error bars, line, marks, text, in this order from below."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np

from analysis.svg import colors, lines, symbols, text
from analysis.svg.axes import SHARE, Axis, Floats, floats
from analysis.svg.figure import Unsupported
from analysis.svg.scene import Panel
from analysis.svg.text import Font
from analysis.svg.values import coordinates, each, items, point_colors
from analysis.svg.xml import attributes, element, fine, group, num

_FEW = 20  # points with marks, where the trace does not say its mode


def mode(trace: Mapping[str, Any]) -> str:
    """What a trace draws: some of lines, markers, text; 'none'."""
    given = trace.get("mode")
    return str(given) if given else "lines+markers" if len(coordinates(trace)[0]) < _FEW else "lines"


def line_color(trace: Mapping[str, Any]) -> Any:
    """The colour of the line: its own, else that of the marks. Raises `Unsupported` where there is none."""
    color = (trace.get("line") or {}).get("color") or (trace.get("marker") or {}).get("color")
    if not isinstance(color, str):
        raise Unsupported(f"trace {trace.get('name')!r} has a line without a colour")
    return color


def spans(trace: Mapping[str, Any], axis: Axis) -> list[tuple[Floats, float, float]]:
    """What an axis must hold of a trace, with the room around it; see `axes.padded`."""
    letter = axis.name[0]
    values = axis.numbers(coordinates(trace)["xy".index(letter)])
    marked = "markers" in mode(trace) or "text" in mode(trace)
    fill = str(trace.get("fill") or "none")
    sizes = floats(
        items((trace.get("marker") or {}).get("size")) or [(trace.get("marker") or {}).get("size") or 6]
    )
    room = 0.8 * float(np.nanmax(sizes)) if "markers" in mode(trace) and len(sizes) else 0.0
    if fill == f"tozero{letter}":
        values = np.append(values, 0.0)
    along = "y" if letter == "x" else "x"
    tight = fill in (f"tozero{along}", f"tonext{along}") or (letter == "x" and not marked)
    bars = trace.get(f"error_{along}") or {}
    tight = tight and not (letter == "x" and _visible(bars))
    found = [(values, 0.0 if tight else SHARE, 0.0 if tight else room)]
    ends = error_ends(trace, letter, axis)
    return found + ([(np.concatenate(ends), SHARE, 0.0)] if ends else [])


def _visible(bars: Mapping[str, Any]) -> bool:
    return bool(bars) and bars.get("visible") is not False and bool({"array", "value"} & set(bars))


def error_ends(trace: Mapping[str, Any], letter: str, axis: Axis) -> tuple[Floats, Floats] | None:
    """Lower and upper ends of error bars along an axis; NaN where a point has none."""
    bars = trace.get(f"error_{letter}") or {}
    if not _visible(bars):
        return None
    raw = coordinates(trace)["xy".index(letter)]
    values = floats(raw) if axis.kind != "category" else axis.numbers(raw)
    kind = bars.get("type") or "data"
    if kind == "data":
        up = floats(each(bars.get("array"), len(values), None))
        down = floats(each(bars.get("arrayminus"), len(values), None)) if "arrayminus" in bars else up
    else:
        up = np.full(len(values), float(bars.get("value") or 0.0))
        down = np.full(len(values), float(bars["valueminus"])) if "valueminus" in bars else up
        if kind == "percent":
            up, down = np.abs(values) * up / 100, np.abs(values) * down / 100
    if bars.get("symmetric"):
        down = up
    none = ~((np.nan_to_num(up) != 0) | (np.nan_to_num(down) != 0))
    low, high = values - np.nan_to_num(down), values + np.nan_to_num(up)
    low[none], high[none] = np.nan, np.nan
    if axis.kind == "log":
        return axis.numbers(low), axis.numbers(high)
    return low, high


def draw(trace: Mapping[str, Any], panel: Panel) -> str:
    """The markup of one trace; remembers its line in the panel for the fill of the next one."""
    xs, ys = coordinates(trace)
    x, y = panel.x.px(xs), panel.y.px(ys)
    what, free = mode(trace), trace.get("cliponaxis") is False
    line = trace.get("line") or {}
    curve = lines.stepped(x, y, str(line.get("shape") or "linear"))
    clipped = [_fill(trace, panel, curve), _error_bars(trace, panel, x, y)]
    if "lines" in what and len(x):
        clipped.append(_line(trace, panel, curve))
    shown = _inside(panel, x, y) if free else np.isfinite(x) & np.isfinite(y)
    points = _points(trace, x, y, shown, panel) if "markers" in what else ""
    words = _words(trace, x, y, shown, what) if "text" in what else ""
    panel.previous = curve
    opacity = trace.get("opacity")
    faint = fine(float(opacity)) if opacity is not None and float(opacity) < 1 else None
    parts = [panel.clip([*clipped, *([] if free else [points, words])])]
    parts += [points, words] if free else []
    return group([part for part in parts if part], opacity=faint)


def _inside(panel: Panel, x: Floats, y: Floats) -> Any:
    slack = 0.5
    with np.errstate(invalid="ignore"):
        return (
            (x >= panel.x.before - slack) & (x <= panel.x.after + slack)
            & (y >= panel.y.before - slack) & (y <= panel.y.after + slack)
        )  # fmt: skip


def _line(trace: Mapping[str, Any], panel: Panel, curve: tuple[Floats, Floats]) -> str:
    line = trace.get("line") or {}
    width = float(line.get("width", 2))
    if width <= 0:
        return ""
    pieces = lines.runs(*curve, connect=bool(trace.get("connectgaps")))
    if line.get("simplify") is not False:
        pieces = [lines.simplified(*piece, panel.tolerance) for piece in pieces]
    course = "".join(lines.path(*piece) for piece in pieces)
    if not course:
        return ""
    return element(
        "path", d=course, fill="none", **colors.paint("stroke", line_color(trace)), stroke_width=fine(width),
        stroke_dasharray=lines.dashes(line.get("dash"), width), stroke_linejoin="round",
    )  # fmt: skip


def _fill(trace: Mapping[str, Any], panel: Panel, curve: tuple[Floats, Floats]) -> str:
    fill = str(trace.get("fill") or "none")
    if fill == "none" or not len(curve[0]):
        return ""
    color = trace.get("fillcolor")
    given = colors.paint("fill", color) if color else colors.paint("fill", line_color(trace), 0.5)
    if fill == "toself":
        course = "".join(lines.path(*piece, close=True) for piece in lines.runs(*curve))
    else:
        letter = fill[-1]
        course = ""
        for x, y in lines.runs(*curve, connect=fill.startswith("tonext")):
            back = _back(panel, letter, fill.startswith("tonext"), x, y)
            x, y = (np.concatenate(pair) for pair in ((x, back[0]), (y, back[1])))
            course += lines.path(*lines.simplified(x, y, panel.tolerance), close=True)
    return element("path", d=course, stroke="none", **given) if course else ""


def _back(panel: Panel, letter: str, following: bool, x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """The other edge of a filled region: the line before this one, backwards, or the axis at zero."""
    if following and panel.previous is not None:
        known = np.isfinite(panel.previous[0]) & np.isfinite(panel.previous[1])
        return panel.previous[0][known][::-1], panel.previous[1][known][::-1]
    axis = panel.x if letter == "x" else panel.y
    zero = axis.at(0.0) if axis.kind != "log" else axis.start
    ends = (y if letter == "x" else x)[[-1, 0]]
    level = np.full(2, zero)
    return (level, ends) if letter == "x" else (ends, level)


def _error_bars(trace: Mapping[str, Any], panel: Panel, x: Floats, y: Floats) -> str:
    parts = []
    for letter, axis in (("x", panel.x), ("y", panel.y)):
        ends = error_ends(trace, letter, axis)
        if ends is None:
            continue
        bars = trace[f"error_{letter}"]
        low, high = (axis.to_px(end) for end in ends)
        cap = float(bars.get("width", 4))
        pieces = []
        for a, b, across, up in zip(low.tolist(), high.tolist(), x.tolist(), y.tolist(), strict=True):
            if not np.isfinite([a, b, across, up]).all():
                continue
            if letter == "y":
                pieces.append(f"M{num(across)} {num(a)}V{num(b)}")
                caps = [f"M{num(across - cap)} {num(end)}H{num(across + cap)}" for end in (a, b)]
            else:
                pieces.append(f"M{num(a)} {num(up)}H{num(b)}")
                caps = [f"M{num(end)} {num(up - cap)}V{num(up + cap)}" for end in (a, b)]
            pieces += caps if cap else []
        color = bars.get("color") or line_color(trace)
        thickness = fine(float(bars.get("thickness", 2)))
        if pieces:
            paint = colors.paint("stroke", color)
            parts.append(element("path", d="".join(pieces), fill="none", **paint, stroke_width=thickness))
    return "".join(parts)


def marker_of(trace: Mapping[str, Any]) -> Mapping[str, Any]:
    """The look of the marks, in the colour of the line where they have none of their own."""
    marker = trace.get("marker") or {}
    return marker if marker.get("color") is not None else {**marker, "color": line_color(trace)}


def _points(trace: Mapping[str, Any], x: Floats, y: Floats, shown: Any, panel: Panel) -> str:
    count, marker = len(x), marker_of(trace)
    line = marker.get("line") or {}
    styles = zip(
        each(marker.get("symbol"), count, "circle"),
        each(marker.get("size"), count, 6),
        point_colors(marker, "color", count, "rgba(0,0,0,0)"),
        each(marker.get("opacity"), count, 1.0),
        each(line.get("color"), count, None),
        each(line.get("width"), count, 0),
        strict=True,
    )
    drawn = [
        (style, num(across), num(up))
        for style, across, up, on in zip(styles, x.tolist(), y.tolist(), shown.tolist(), strict=True)
        if on
    ]
    parts = []
    for style, members in itertools.groupby(drawn[:: panel.every], key=lambda entry: entry[0]):
        paint, trace_one = look(*style)
        inner = "".join(trace_one(across, up) for _, across, up in members)
        parts.append(f"<g{paint}>{inner}</g>")
    panel.left_out += len(drawn) - len(drawn[:: panel.every])
    return "".join(parts)


def look(symbol: Any, size: Any, color: Any, opacity: Any, edge: Any, width: Any) -> tuple[str, Any]:
    """(attributes of the group, function that gives one mark) of a marker's style."""
    name, is_open = symbols.split(symbol)
    width, alpha = float(width), float(opacity)
    fill = colors.paint("fill", None if is_open or name in symbols.THIN else color, alpha)
    # An open mark is drawn in the colour of its fill.
    stroke = color if is_open else edge or "#444444"
    width = (width or 1.0) if is_open else width
    around = colors.paint("stroke", stroke if width > 0 else None, alpha)
    painted = {**fill, **around, "stroke_width": fine(width) if width > 0 else None}
    return attributes(**painted), symbols.tracer(name, float(size) / 2)


def _words(trace: Mapping[str, Any], x: Floats, y: Floats, shown: Any, what: str) -> str:
    count, given = len(x), trace.get("textfont") or {}
    marker = trace.get("marker") or {}
    sizes = each(given.get("size"), count, 12)
    inks = each(given.get("color"), count, "#444444")
    radii = each(marker.get("size") if "markers" in what else 0, count, 6 if "markers" in what else 0)
    places = each(trace.get("textposition"), count, "middle center")
    rows = zip(each(trace.get("text"), count, ""), x.tolist(), y.tolist(), shown.tolist(), strict=True)
    parts = []
    for i, (word, across, up, on) in enumerate(rows):
        if not on or word == "":
            continue
        vertical, horizontal = str(places[i]).split()
        gap = float(radii[i]) / 1.6 + 1 if radii[i] else 0.0
        sign = {"left": -1, "center": 0, "right": 1}[horizontal]
        down = {"top": -1, "middle": 0, "bottom": 1}[vertical]
        anchor = {"left": "end", "center": "middle", "right": "start"}[horizontal]
        side = {"top": "bottom", "middle": "middle", "bottom": "top"}[vertical]
        font = Font(float(sizes[i]), str(inks[i]))
        parts.append(text.draw(word, across + sign * gap, up + down * gap, font, anchor, side))
    return "".join(parts)
