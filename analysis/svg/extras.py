"""Shapes and annotations: what stands on a plot beside its traces."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from analysis.svg import colors, lines, text
from analysis.svg.axes import Axis
from analysis.svg.figure import Unsupported
from analysis.svg.text import Font
from analysis.svg.xml import element, fine, num

Place = Callable[[Any, str], float]


def places(axes: Mapping[str, Axis], area: tuple[float, float, float, float]) -> Place:
    """A function of (coordinate, reference) that gives pixels. `area`: left, top, right, bottom of the plot.

    References: 'x2' an axis, 'x2 domain' its part of the plot, 'paper' the whole plot; 'paper' needs to know
    the direction and comes as 'paper x' or 'paper y'.
    """

    def place(value: Any, reference: str) -> float:
        if reference.startswith("paper"):
            share = float(value)
            left, top, right, bottom = area
            return (
                left + share * (right - left) if reference.endswith("x") else bottom - share * (bottom - top)
            )
        name, _, domain = reference.partition(" ")
        if name not in axes:
            raise Unsupported(f"a place by {reference!r}, an axis that the figure does not have")
        axis = axes[name]
        if domain:
            return axis.start + float(value) * (axis.end - axis.start)
        return axis.at(value)

    return place


def _reference(item: Mapping[str, Any], letter: str) -> str:
    given = str(item.get(f"{letter}ref") or letter)
    return f"paper {letter}" if given == "paper" else given


def shape(item: Mapping[str, Any], place: Place) -> str:
    """A line, rectangle or ellipse."""
    if item.get("visible") is False:
        return ""
    x0, x1 = (place(item[key], _reference(item, "x")) for key in ("x0", "x1"))
    y0, y1 = (place(item[key], _reference(item, "y")) for key in ("y0", "y1"))
    if not all(map(math.isfinite, (x0, x1, y0, y1))):
        return ""  # a place that its axis does not have: nothing is drawn in the browser either
    line = item.get("line") or {}
    width = float(line.get("width", 2))
    alpha = float(item.get("opacity", 1.0))
    paint = colors.paint("stroke", line.get("color", "#444444") if width > 0 else None, alpha)
    paint |= {"stroke_width": fine(width), "stroke_dasharray": lines.dashes(line.get("dash"), width)}
    kind = item.get("type") or "rect"
    if kind == "line":
        return element("path", d=lines.path([x0, x1], [y0, y1]), fill="none", **paint)
    fill = colors.paint("fill", item.get("fillcolor") or "rgba(0,0,0,0)", alpha)
    left, top, wide, high = min(x0, x1), min(y0, y1), abs(x1 - x0), abs(y1 - y0)
    if kind == "rect":
        return element("rect", x=left, y=top, width=wide, height=high, **fill, **paint)
    return element(
        "ellipse", cx=left + wide / 2, cy=top + high / 2, rx=wide / 2, ry=high / 2, **fill, **paint
    )


def annotation(item: Mapping[str, Any], place: Place, base: Font) -> str:
    """Words at a place, on a ground of their own where asked, with an arrow where asked."""
    words = item.get("text") or ""
    if item.get("visible") is False or not re.sub(r"<[^>]*>", "", str(words)).strip():
        return ""
    x = place(item.get("x", 0.5), _reference(item, "x"))
    y = place(item.get("y", 0.5), _reference(item, "y"))
    if not (math.isfinite(x) and math.isfinite(y)):
        return ""
    font = Font(12.0, base.color).over(item.get("font"))
    arrow = item.get("showarrow") is not False
    x, y = x + float(item.get("xshift") or 0), y - float(item.get("yshift") or 0)
    tip = (x, y)
    if arrow:
        x, y = x + float(item.get("ax", -10)), y + float(item.get("ay", -30))
    pad = float(item.get("borderpad", 1)) + 1
    wide, high = text.width(words, font.size), text.height(words, font.size)
    angle = float(item.get("textangle") or 0)
    box = (wide, high) if angle % 180 == 0 else (high, wide) if angle % 90 == 0 else (wide, high)
    # Without an arrow 'auto' goes by the thirds of the plot where the words are placed by it.
    left = x - {"left": 0.0, "center": 0.5, "right": 1.0}[_anchor(item, "x", arrow)] * (box[0] + 2 * pad)
    top = y - {"top": 0.0, "middle": 0.5, "bottom": 1.0}[_anchor(item, "y", arrow)] * (box[1] + 2 * pad)
    middle = (left + pad + box[0] / 2, top + pad + box[1] / 2)
    alpha = float(item.get("opacity", 1.0))
    ground = colors.paint("fill", item.get("bgcolor"), alpha)
    edge = colors.paint("stroke", item.get("bordercolor"), alpha)
    parts = [_arrow(item, (x, y), tip, font)] if arrow else []
    if ground["fill"] != "none" or edge["stroke"] != "none":
        size = {"width": box[0] + 2 * pad, "height": box[1] + 2 * pad}
        parts.append(element("rect", x=left, y=top, **size, **ground, **edge))
    if angle:
        parts.append(text.draw(words, *middle, font, "middle", "middle", angle, alpha))
        return "".join(parts)
    # By the anchor, not by the measured width: a font of another width then errs on the free side.
    anchor = _anchor(item, "x", arrow)
    if "<br" in str(words).lower():
        anchor = {"left": "left", "right": "right"}.get(str(item.get("align")), "center")
    at = {"left": left + pad, "center": middle[0], "right": left + pad + box[0]}[anchor]
    side = {"left": "start", "center": "middle", "right": "end"}[anchor]
    return "".join([*parts, text.draw(words, at, middle[1], font, side, "middle", 0.0, alpha)])


def _anchor(item: Mapping[str, Any], letter: str, arrow: bool) -> str:
    given = item.get(f"{letter}anchor") or "auto"
    middle = "center" if letter == "x" else "middle"
    if given != "auto":
        return str(given)
    if arrow or not str(item.get(f"{letter}ref") or "").startswith(("paper",)):
        return middle
    share = float(item.get(letter, 0.5))
    low, high = ("left", "right") if letter == "x" else ("bottom", "top")
    return low if share < 1 / 3 else high if share > 2 / 3 else middle


def _arrow(item: Mapping[str, Any], tail: tuple[float, float], tip: tuple[float, float], font: Font) -> str:
    dx, dy = tip[0] - tail[0], tip[1] - tail[1]
    length = math.hypot(dx, dy)
    short = float(item.get("standoff") or 0)
    if length <= short:
        return ""
    ux, uy = dx / length, dy / length
    end = (tip[0] - short * ux, tip[1] - short * uy)
    width = float(item.get("arrowwidth") or 1)
    paint = colors.paint("stroke", item.get("arrowcolor") or font.color)
    course = lines.path([tail[0], end[0]], [tail[1], end[1]])
    if item.get("arrowhead", 1):
        back = 4.0 * float(item.get("arrowsize") or 1)
        wings = [
            (end[0] - back * ux + side * back * 0.6 * uy, end[1] - back * uy - side * back * 0.6 * ux)
            for side in (-1, 1)
        ]
        (ax, ay), (bx, by) = wings
        course += f"M{num(ax)} {num(ay)}L{num(end[0])} {num(end[1])}L{num(bx)} {num(by)}"
    return element("path", d=course, fill="none", **paint, stroke_width=fine(width))
