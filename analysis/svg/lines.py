"""Lines through points: steps, gaps, dashes, the path as text, and points that nobody would miss."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from analysis.svg.axes import Floats
from analysis.svg.figure import Unsupported
from analysis.svg.xml import num

_DASHES = {
    "dot": (1, 1),
    "dash": (3, 3),
    "longdash": (5, 5),
    "dashdot": (3, 1, 1, 1),
    "longdashdot": (5, 2, 1, 2),
}
_FAR = 20_000.0  # pixels: beyond the page, within what every renderer can hold


def dashes(dash: Any, width: float) -> str | None:
    """`stroke-dasharray` of a plotly dash: a name (in widths, at least 3 pixels) or lengths."""
    if dash in (None, "", "solid"):
        return None
    if dash in _DASHES:
        return " ".join(num(part * max(width, 3.0)) for part in _DASHES[dash])
    try:
        return " ".join(
            num(float(part.strip().removesuffix("px"))) for part in str(dash).replace(" ", ",").split(",")
        )
    except ValueError:
        raise Unsupported(f"dash {dash!r}") from None


def stepped(x: Floats, y: Floats, shape: str) -> tuple[Floats, Floats]:
    """Points of a step line: 'hv' goes across, then up; 'hvh' and 'vhv' turn half way."""
    if shape == "linear" or len(x) < 2:
        return x, y
    left, right, low, high = x[:-1], x[1:], y[:-1], y[1:]
    between = {
        "hv": [(right, low)],
        "vh": [(left, high)],
        "hvh": [((left + right) / 2, low), ((left + right) / 2, high)],
        "vhv": [(left, (low + high) / 2), (right, (low + high) / 2)],
    }[shape]
    columns = [(left, low), *between]
    xs = np.concatenate([np.stack([c[0] for c in columns], axis=1).ravel(), x[-1:]])
    ys = np.concatenate([np.stack([c[1] for c in columns], axis=1).ravel(), y[-1:]])
    return xs, ys


def runs(x: Floats, y: Floats, connect: bool = False) -> list[tuple[Floats, Floats]]:
    """The pieces between gaps (NaN), each with at least one point."""
    known = np.isfinite(x) & np.isfinite(y)
    if connect:
        return [(x[known], y[known])] if known.any() else []
    edges = np.flatnonzero(np.diff(np.concatenate([[False], known, [False]]).astype(int)))
    return [(x[a:b], y[a:b]) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def simplified(x: Floats, y: Floats, tolerance: float) -> tuple[Floats, Floats]:
    """Fewer points, none of which was further than `tolerance` from the new line (Douglas and Peucker)."""
    n = len(x)
    if n < 3:
        return x, y
    keep = np.zeros(n, dtype=bool)
    keep[[0, -1]] = True
    open_spans = [(0, n - 1)]
    while open_spans:
        a, b = open_spans.pop()
        if b - a < 2:
            continue
        dx, dy = x[b] - x[a], y[b] - y[a]
        px, py = x[a + 1 : b] - x[a], y[a + 1 : b] - y[a]
        length = dx * dx + dy * dy
        # To the segment, not to the endless line: a curve may turn back behind its ends.
        share = np.clip((px * dx + py * dy) / length, 0.0, 1.0) if length else np.zeros(b - a - 1)
        far = np.hypot(px - share * dx, py - share * dy)
        worst = int(np.argmax(far))
        if far[worst] > tolerance:
            middle = a + 1 + worst
            keep[middle] = True
            open_spans += [(a, middle), (middle, b)]
    return x[keep], y[keep]


def path(x: Sequence[float] | Floats, y: Sequence[float] | Floats, close: bool = False) -> str:
    """A path through points, with H and V where a coordinate stays."""
    parts: list[str] = []
    last = ("", "")
    xs, ys = (np.clip(np.asarray(values, dtype=float), -_FAR, _FAR).tolist() for values in (x, y))
    for across, up in zip(xs, ys, strict=True):
        point = (num(across), num(up))
        if not parts:
            parts.append(f"M{point[0]} {point[1]}")
        elif point == last:
            continue
        elif point[1] == last[1]:
            parts.append(f"H{point[0]}")
        elif point[0] == last[0]:
            parts.append(f"V{point[1]}")
        else:
            parts.append(f"L{point[0]} {point[1]}")
        last = point
    if len(parts) == 1 and not close:
        parts.append("h0")  # a round cap makes it a dot
    return "".join(parts).replace(" -", "-") + ("z" if close else "")
