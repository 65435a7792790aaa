"""Marker symbols as SVG paths around (0, 0); `r` is half of plotly's marker size."""

from __future__ import annotations

import math
from collections.abc import Callable

from analysis.svg.figure import Unsupported
from analysis.svg.xml import num

Points = list[tuple[float, float]]


def _ring(corners: int, outer: float, inner: float | None = None, start: float = -90.0) -> Points:
    """Corners of a regular polygon, or of a star with an inner radius."""
    radii = [outer] if inner is None else [outer, inner]
    count = corners * len(radii)
    turns = [math.radians(start + 360 * i / count) for i in range(count)]
    return [
        (radii[i % len(radii)] * math.cos(turn), radii[i % len(radii)] * math.sin(turn))
        for i, turn in enumerate(turns)
    ]


_THIRD = 2 / math.sqrt(3)
_UP: Points = [(-_THIRD, 0.5), (_THIRD, 0.5), (0.0, -1.0)]
_CROSS: Points = [
    (1.2, 0.4), (0.4, 0.4), (0.4, 1.2), (-0.4, 1.2), (-0.4, 0.4), (-1.2, 0.4), (-1.2, -0.4), (-0.4, -0.4),
    (-0.4, -1.2), (0.4, -1.2), (0.4, -0.4), (1.2, -0.4),
]  # fmt: skip
_HALF = math.sqrt(0.5)
# Closed outlines in units of r.
_CLOSED: dict[str, Points] = {
    "square": [(-1, -1), (1, -1), (1, 1), (-1, 1)],
    "diamond": [(0, -1.3), (1.3, 0), (0, 1.3), (-1.3, 0)],
    "diamond-tall": [(0, -1.4), (0.7, 0), (0, 1.4), (-0.7, 0)],
    "diamond-wide": [(0, -0.7), (1.4, 0), (0, 0.7), (-1.4, 0)],
    "cross": _CROSS,
    "x": [(_HALF * (x - y), _HALF * (x + y)) for x, y in _CROSS],
    "triangle-up": _UP,
    "triangle-down": [(x, -y) for x, y in _UP],
    "triangle-left": [(y, x) for x, y in _UP],
    "triangle-right": [(-y, x) for x, y in _UP],
    "pentagon": _ring(5, 1.0),
    "hexagon": _ring(6, 1.0),
    "hexagon2": _ring(6, 1.0, start=0),
    "octagon": _ring(8, 1.0, start=22.5),
    "star": _ring(5, 1.4, 0.535),
    "hexagram": _ring(6, 1.32, 0.76),
    "star-diamond": _ring(4, 1.4, 0.62),
    "star-square": _ring(4, 1.556, 0.62, start=45),
    "star-triangle-up": _ring(3, 1.6, 0.46),
    "star-triangle-down": _ring(3, 1.6, 0.46, start=90),
    "bowtie": [(1, 1), (1, -1), (-1, 1), (-1, -1)],
    "hourglass": [(1, 1), (-1, 1), (1, -1), (-1, -1)],
    "arrow-down": [(0, 0), (-1, -2), (1, -2)],  # the tip is at the place
    "arrow-up": [(0, 0), (-1, 2), (1, 2)],
    "arrow-left": [(0, 0), (2, -1), (2, 1)],
    "arrow-right": [(0, 0), (-2, -1), (-2, 1)],
}
# Strokes without a fill: pairs of ends in units of r.
_STROKES: dict[str, list[Points]] = {
    "line-ew": [[(-1.4, 0), (1.4, 0)]],
    "line-ns": [[(0, -1.4), (0, 1.4)]],
    "line-ne": [[(-1, 1), (1, -1)]],
    "line-nw": [[(-1, -1), (1, 1)]],
    "cross-thin": [[(-1.4, 0), (1.4, 0)], [(0, -1.4), (0, 1.4)]],
    "x-thin": [[(-1, -1), (1, 1)], [(-1, 1), (1, -1)]],
    "asterisk": [[(-1.2, 0), (1.2, 0)], [(0, -1.2), (0, 1.2)], [(-0.85, -0.85), (0.85, 0.85)],
                 [(-0.85, 0.85), (0.85, -0.85)]],
}  # fmt: skip
NAMES = ("circle", *_CLOSED, *_STROKES)


THIN = frozenset(_STROKES)


def split(symbol: object) -> tuple[str, bool]:
    """('square', is it open?) of 'square-open'. Raises `Unsupported` for a symbol that is not known."""
    name = str(symbol)
    base = name.removesuffix("-open")
    if base not in NAMES:
        raise Unsupported(f"marker symbol {name!r}")
    return base, name.endswith("-open")


def tracer(name: str, r: float) -> Callable[[str, str], str]:
    """A function of (x, y), as written, that gives the element of one mark without its paint."""
    if name == "circle":
        radius = num(r)
        return lambda x, y: f'<circle cx="{x}" cy="{y}" r="{radius}"/>'
    outlines, end = ([_CLOSED[name]], "z") if name in _CLOSED else (_STROKES[name], "")
    pieces, at = [], (0.0, 0.0)
    for outline in outlines:
        # Relative to where the pen is as written: rounded steps must not add up.
        for i, (x, y) in enumerate(outline):
            step = (round(x * r - at[0], 1), round(y * r - at[1], 1))
            pieces.append(f"{'m' if i == 0 else 'l'}{num(step[0])} {num(step[1])}")
            at = (at[0] + step[0], at[1] + step[1])
    rest = "".join(pieces).replace(" -", "-") + end
    return lambda x, y: f'<path d="M{x} {y}{rest}"/>'
