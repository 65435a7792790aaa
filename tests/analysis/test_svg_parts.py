"""Parts of the SVG renderer against values by hand and invariants."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from analysis.svg import colors, lines, symbols, text, ticks
from analysis.svg.axes import Axis
from analysis.svg.figure import Unsupported
from analysis.svg.xml import element, num
from analysis.theme import styles


@pytest.mark.parametrize(
    ("low", "high", "most", "expected"),
    [
        (0, 10, 5, [0, 2, 4, 6, 8, 10]),
        (0, 1, 4, [0, 0.5, 1]),
        (-1, 1, 4, [-1, -0.5, 0, 0.5, 1]),
        (0.13, 0.31, 4, [0.15, 0.2, 0.25, 0.3]),
        (5, 0, 5, [0, 1, 2, 3, 4, 5]),
    ],
)
def test_linear_ticks(low: float, high: float, most: int, expected: list[float]) -> None:
    """Multiples of 1, 2, 5 times a power of ten."""
    assert ticks.linear(low, high, most) == pytest.approx(expected)


@given(st.floats(-1e9, 1e9), st.floats(1e-6, 1e9), st.integers(2, 12))
def test_linear_ticks_are_inside_even_and_few(low: float, span: float, most: int) -> None:
    """At most one more than asked for, inside, and apart by one step."""
    high = low + span
    assume(span > 1e-5 * max(abs(low), 1))  # else the numbers themselves are too coarse
    found = ticks.linear(low, high, most)
    assert len(found) <= most + 1
    assert all(low - 1e-6 * span <= tick <= high + 1e-6 * span for tick in found)
    gaps = np.diff(found)
    assert np.allclose(gaps, gaps[:1], rtol=1e-3) if len(gaps) else True


def test_log_ticks() -> None:
    """All of 1 to 9 in a short range, 1-2-5 in a longer one, then powers of ten."""
    assert ticks.log(0, 1, 12) == pytest.approx([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    assert ticks.log(0, 2, 8) == pytest.approx([1, 2, 5, 10, 20, 50, 100])
    assert ticks.log(2, -2, 6) == pytest.approx([0.01, 0.1, 1, 10, 100])
    assert all(value > 0 for value in ticks.log(-323.3, 308.2, 5))
    assert ticks.log(-12, 0, 5) == pytest.approx([1e-12, 1e-9, 1e-6, 1e-3, 1])


def test_tick_labels() -> None:
    """The same decimals along an axis; short forms of large numbers; the true minus."""
    assert ticks.labels([0, 0.5, 1]) == ["0", "0.5", "1.0"]
    assert ticks.labels([-2, 0, 2]) == ["\N{MINUS SIGN}2", "0", "2"]
    assert ticks.labels([0, 20_000, 40_000]) == ["0", "20k", "40k"]
    assert ticks.labels([0, 500_000, 1_000_000]) == ["0", "0.5M", "1M"]
    assert ticks.labels([0, 2e-5]) == ["0", "2\N{MULTIPLICATION SIGN}10<sup>\N{MINUS SIGN}5</sup>"]


@pytest.mark.parametrize(
    ("value", "spec", "shown"),
    [(0.123, ".0%", "12%"), (3.0, ".2f", "3.00"), (1234, ",d", "1,234"), (0.5, "+.1f", "+0.5"),
     (1.5, "~g", "1.5"), (12_000, "~s", "12k"), (-2.5, ".1f", "\N{MINUS SIGN}2.5"), (0.25, ".1~%", "25%")],
)  # fmt: skip
def test_tick_formats(value: float, spec: str, shown: str) -> None:
    """d3's meaning of the formats that are read; any other is refused."""
    assert ticks.formatted(value, spec) == shown
    with pytest.raises(Unsupported, match="tickformat"):
        ticks.formatted(value, "%Y")


def test_labels_keep_apart() -> None:
    """A crowded axis gets fewer ticks; names that cannot be thinned are turned."""
    crowded = Axis("x", {"ticksuffix": " of a long unit"}, low=0, high=10, start=0, end=200)
    found, angle = crowded.fit()
    assert angle == 0
    spans = [(px, text.width(label, 12) / 2) for px, label in found]
    assert all(b - a > wa + wb for (a, wa), (b, wb) in itertools.pairwise(spans))
    names = Axis("x", {}, "category", [f"layer number {i}" for i in range(9)], -0.5, 8.5, 0, 400)
    assert names.fit()[1] == 30


@given(st.lists(st.tuples(st.floats(0, 300), st.floats(0, 200)), min_size=1, max_size=40), st.floats(0.05, 5))
def test_simplified_lines_stay_near(points: list[tuple[float, float]], tolerance: float) -> None:
    """No point is further than the tolerance from the new line; its ends stay."""
    x, y = (np.array(values) for values in zip(*points, strict=True))
    sx, sy = lines.simplified(x, y, tolerance)
    assert (sx[0], sy[0], sx[-1], sy[-1]) == (x[0], y[0], x[-1], y[-1])

    def distance(px: float, py: float) -> float:
        best = math.inf
        for i in range(max(len(sx) - 1, 1)):
            ax, ay, bx, by = sx[i], sy[i], sx[min(i + 1, len(sx) - 1)], sy[min(i + 1, len(sy) - 1)]
            length = (bx - ax) ** 2 + (by - ay) ** 2
            share = min(1, max(0, ((px - ax) * (bx - ax) + (py - ay) * (by - ay)) / length)) if length else 0
            best = min(best, math.hypot(px - ax - share * (bx - ax), py - ay - share * (by - ay)))
        return best

    assert max(distance(px, py) for px, py in points) <= tolerance + 1e-6


def test_paths_and_dashes() -> None:
    """Short commands where a coordinate stays; dashes by name and by length."""
    assert lines.path([0, 10, 10, 20], [5, 5, 8, 9.26]) == "M0 5H10V8L20 9.3"
    assert lines.path([0, 0, 1], [0, 0, -1], close=True) == "M0 0L1-1z"
    assert (lines.dashes("solid", 2), lines.dashes("dot", 4), lines.dashes("8px,4px", 2)) == (
        None,
        "4 4",
        "8 4",
    )
    with pytest.raises(Unsupported, match="dash"):
        lines.dashes("wavy", 1)
    broken = lines.runs(np.array([0.0, 1, np.nan, 3]), np.array([0.0, 1, 2, 3]))
    assert [list(x) for x, _ in broken] == [[0, 1], [3]]


def test_colors() -> None:
    """Hex and an opacity apart; a scale mixes linearly."""
    assert colors.paint("fill", "rgba(0, 114, 178, 0.07)") == {"fill": "#0072b2", "fill_opacity": "0.07"}
    assert colors.paint("stroke", "#ABC", 0.5) == {"stroke": "#aabbcc", "stroke_opacity": "0.5"}
    assert colors.paint("fill", "rgba(0,0,0,0)") == {"fill": "none"}
    mixed = colors.scale([(0, "#000000"), (1, "#ff0080")], [0, 0.5, 2, math.nan])
    assert mixed == [
        "#000000",
        "#800040",
        "#ff0080",
        None,
    ]


def test_text_tags_and_widths() -> None:
    """Plotly's tags are known, all else are letters; entities are read once."""
    assert lines_of("a<b>b</b><br>c &lt;b&gt; <img>") == [["a", "b"], ["c <b> <img>"]]
    assert text.width("iiii", 10) < text.width("mmmm", 10)
    assert text.width("ab<br>abc", 10) == text.width("abc", 10)
    raised = text.draw("10<sup>3</sup> m", 0, 0, text.Font(10))
    assert 'dy="-3.5"' in raised
    assert 'dy="3.5"' in raised
    assert text.draw("  ", 0, 0, text.Font()) == ""


def lines_of(given: str) -> list[list[str]]:
    return [[piece for piece, _ in line] for line in text.lines(given)]


@pytest.mark.parametrize("symbol", symbols.NAMES)
def test_symbols_surround_their_place(symbol: str) -> None:
    """Every symbol, those of the theme among them, draws something near its place; open ones too."""
    base, is_open = symbols.split(f"{symbol}-open")
    assert (base, is_open) == (symbol, True)
    mark = symbols.tracer(symbol, 5.0)("10", "20")
    assert mark.startswith("<circle" if symbol == "circle" else '<path d="M10 20')


def test_the_themes_symbols_are_known() -> None:
    """Known schedules and spare styles."""
    for style in styles(
        [*"abcdefghijklmnopqrstuvw", "dense", "linear", "sine", "slats", "cubic", "free"]
    ).values():
        assert symbols.split(style.symbol) == (style.symbol, False)


def test_xml() -> None:
    """Numbers to a tenth without idle zeros; attributes quoted."""
    assert [num(value) for value in (1.0, -0.04, 2.449, -3.25)] == ["1", "0", "2.4", "-3.2"]
    assert element("a", b_c='"<', d=None, e=1.25) == '<a b-c="&quot;&lt;" e="1.2"/>'
