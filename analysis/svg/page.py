"""A figure as inline SVG for readers without scripts: small enough for every figure of a report."""

from __future__ import annotations

import math

import plotly.graph_objects as go
from markupsafe import Markup, escape

from analysis.svg.render import Unsupported, draw

WIDTH, MOST = 960, 64_000  # pixels; bytes of one figure: fifteen of them stay below 1 MB


def inline(figure: go.Figure, height: int, key: str, summary: str, most: int = MOST) -> Markup | None:
    """The svg element of at most `most` bytes, with fewer marks and rougher lines where it takes that.

    What is left out is said below it. None where even that is too large, or what cannot be drawn at all.
    """
    every, tolerance = 1, 0.15
    for _ in range(4):
        try:
            drawing = draw(
                figure, WIDTH, height, title=summary, key=f"{key}-static", tolerance=tolerance, every=every,
                class_="static",
            )  # fmt: skip
        except Unsupported:
            return None
        size = len(drawing.markup.encode())
        if size <= most:
            return Markup(drawing.markup) + _said(drawing.left_out, every)
        # Lines first, half a pixel off is hardly seen; then marks too.
        if tolerance >= 0.5:
            every = math.ceil(every * 1.2 * size / most)
        tolerance = max(0.5, min(2 * tolerance, 2.0))
    return None


def _said(left_out: int, every: int) -> Markup:
    if not left_out:
        return Markup("")
    words = f"To keep the page small, one mark in {every} is drawn here; {left_out:,} are left out."
    return Markup('<p class="missing">{}</p>').format(escape(words))
