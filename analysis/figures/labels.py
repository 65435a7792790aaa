"""Direct labels that avoid one another: pure geometry in units of the plot's pixels."""

from __future__ import annotations

from collections.abc import Sequence

# Where a label may sit around its point, in order of preference: plotly's name, offset of the text's centre
# in units of (half the text's width + gap, text height).
_PLACES = (
    ("middle right", 1, 0), ("middle left", -1, 0), ("top center", 0, 1), ("bottom center", 0, -1),
    ("top right", 1, 1), ("bottom right", 1, -1), ("top left", -1, 1), ("bottom left", -1, -1),
)  # fmt: skip
_CHAR, _LINE, _GAP = 6.6, 15.0, 10.0


def corner(
    level: float, text: str, marks: Sequence[tuple[float, float]], size: tuple[float, float]
) -> tuple[str, bool]:
    """Where to name a horizontal line at `level` [0, 1]: (side, above it?), covering the fewest marks."""
    width, height = size

    def covered(side: str, above: bool) -> int:
        end, edge = len(text) * _CHAR / width, level + (1 if above else -1) * _LINE / height
        near = [y for x, y in marks if (x < end if side == "left" else x > 1 - end)]
        return sum(min(level, edge) - 0.01 <= y <= max(level, edge) + 0.01 for y in near)

    spots = [("right", True), ("left", True), ("right", False), ("left", False)]
    return min(spots, key=lambda spot: covered(*spot))


def places(
    points: Sequence[tuple[float, float]],
    labels: Sequence[str],
    obstacles: Sequence[tuple[float, float]],
    size: tuple[float, float],
) -> list[str]:
    """A plotly `textposition` for each label, chosen greedily to cover the least.

    `points`, `obstacles`: positions as fractions [0, 1] of the plot; `size`: the plot in pixels. The cost of
    a place is the number of obstacles inside the text's box, three for every label already placed that it
    overlaps, and ten for leaving the plot.
    """
    width, height = size
    marks = [(x * width, y * height) for x, y in (*obstacles, *points)]
    taken: list[tuple[float, float, float]] = []
    chosen = []
    for (x, y), label in zip(points, labels, strict=True):
        half = len(label) * _CHAR / 2
        best: tuple[float, str, tuple[float, float, float]] | None = None
        for name, right, up in _PLACES:
            cx, cy = (
                x * width + right * (half + _GAP),
                y * height + up * (_LINE if right == 0 else 0.7 * _LINE),
            )
            cost = sum(abs(mx - cx) < half + 4 and abs(my - cy) < _LINE / 2 + 4 for mx, my in marks) + 0.0
            cost += 3 * sum(abs(tx - cx) < half + th and abs(ty - cy) < _LINE for tx, ty, th in taken)
            cost += 10 * (cx - half < 0 or cx + half > width or cy < _LINE / 2 or cy > height - _LINE / 2)
            if best is None or cost < best[0]:
                best = (cost, name, (cx, cy, half))
        assert best is not None
        chosen.append(best[1])
        taken.append(best[2])
    return chosen
