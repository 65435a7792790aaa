"""Every figure of the report as SVG: well formed, complete, harmless, small; the rest is refused."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plotly.subplots import make_subplots

from analysis import theme
from analysis.svg.page import MOST, inline
from analysis.svg.render import Unsupported, draw
from tests.analysis.folder import HOSTILE, write_confirmed, write_hostile, write_study
from tests.analysis.pictures import area, figures, named, parsed, pictures, words

STUDIES: dict[str, Callable[[Path], Path]] = {
    "plain": write_study,
    "confirmed": write_confirmed,
    "three objectives": lambda folder: write_confirmed(folder, third=True),
    "hostile": write_hostile,
}


def plot(*traces: Any, **layout: Any) -> go.Figure:
    return go.Figure(list(traces), {"template": theme.template(), **layout})


@pytest.mark.parametrize("name", STUDIES)
def test_every_figure_of_every_section(name: str, tmp_path: Path) -> None:
    """Nothing that a section draws is beyond the renderer, in a paper's column and on a page."""
    for key, figure, height in figures(STUDIES[name](tmp_path / "s")):
        for width in (352, 720):
            root = parsed(draw(figure, width, height, title=key, key="k").markup)
            titles = [axis.title.text for axis in figure.select_yaxes() if axis.title.text]
            shown = " ".join(words(root)).replace(" ", "")
            # A long title is on two lines, without the space between them.
            assert all(
                re.sub(r"&\w+;|\s", "", title)[:12] in re.sub(r"[<>&]|\s", "", shown) for title in titles
            )


def test_hostile_text_is_text(tmp_path: Path) -> None:
    """Markup of a study stands in the drawing as letters; `parsed` has found no foreign element."""
    found = []
    for _, figure, height in figures(write_hostile(tmp_path / "s")):
        markup = draw(figure, 960, height, title=HOSTILE, key="k").markup
        assert "<img" not in markup
        assert "<script" not in markup
        found += words(parsed(markup))
    assert any("onerror=alert(1)" in text for text in found)


def test_control_characters_do_not_break_xml() -> None:
    """XML 1.0 holds neither NUL nor lone surrogates, not even escaped."""
    figure = plot(go.Scatter(x=[0], y=[0], mode="text", text=["a\x00b\x0bc\ud800d\ufffe"]))
    assert "a\ufffdb\ufffdc\ufffdd\ufffd" in words(parsed(draw(figure, 300, 200, title="\x01").markup))


@settings(deadline=None, max_examples=15)
@given(
    st.lists(st.tuples(st.floats(0, 10), st.floats(-3, 4)), min_size=1, max_size=30),
    st.booleans(),
    st.sampled_from([300, 720]),
)
def test_marks_stand_where_their_values_say(
    points: list[tuple[float, float]], flipped: bool, width: int
) -> None:
    """On fixed ranges: pixel = left + share * width, to the tenth; one mark for each point."""
    x, y = [list(values) for values in zip(*points, strict=True)]
    ends = [10, 0] if flipped else [0, 10]
    figure = plot(
        go.Scatter(x=x, y=y, mode="markers", marker={"size": 8, "color": theme.BLUE}, cliponaxis=False),
        xaxis={"range": ends}, yaxis={"range": [-3, 4]},
    )  # fmt: skip
    root = parsed(draw(figure, width, 240, title="t").markup)
    left, top, right, bottom = area(root)
    marks = named(root, "circle")
    assert len(marks) == len(points)
    for mark, across, up in zip(marks, x, y, strict=True):
        share = (across - ends[0]) / (ends[1] - ends[0])
        assert float(mark["cx"]) == pytest.approx(left + share * (right - left), abs=0.11)
        assert float(mark["cy"]) == pytest.approx(bottom - (up + 3) / 7 * (bottom - top), abs=0.11)


VALUES = st.one_of(st.none(), st.floats(-1e6, 1e6), st.integers(-50, 50))


@st.composite
def anything(draw_from: st.DrawFn) -> go.Figure:
    """A figure of several panels with random traces, axes, shapes and words."""
    columns = draw_from(st.integers(1, 3))
    figure = make_subplots(rows=1, cols=columns)
    figure.update_layout(template=theme.template(), showlegend=draw_from(st.booleans()))
    palette = st.sampled_from([theme.BLUE, theme.RED, "rgba(1, 2, 3, 0.5)"])
    symbols = ["circle", "square-open", "star", "x-thin", "line-ew", "arrow-down", *(
        style.symbol for style in theme.styles([*"abcdefghijklmnopqr", "dense", "linear", "free"]).values()
    )]  # fmt: skip
    for column in range(1, columns + 1):
        category, log = draw_from(st.booleans()), draw_from(st.booleans())
        kind = draw_from(st.sampled_from(["scatter", "bar", "heatmap"]))
        names = st.text(max_size=12).map(lambda word: f"n{word}")
        for _ in range(draw_from(st.integers(1, 2))):
            n = draw_from(st.integers(0, 12))
            x = draw_from(st.lists(names if category else st.floats(-5, 5), min_size=n, max_size=n))
            y = draw_from(st.lists(VALUES, min_size=n, max_size=n))
            color = draw_from(palette)
            if kind == "heatmap":
                scale = [[0, theme.PAPER], [1, theme.BLUE]]
                figure.add_heatmap(z=[y, y[::-1]], colorscale=scale, zmin=0, zmax=9, row=1, col=column)
            elif kind == "bar":
                figure.add_bar(
                    x=x, y=y, marker={"color": color}, name=draw_from(st.text()), row=1, col=column
                )
            else:
                figure.add_scatter(
                    x=x, y=y, mode=draw_from(st.sampled_from(["lines", "markers", "lines+markers", "text"])),
                    text=draw_from(st.text(max_size=9)), name=draw_from(st.text(max_size=30)),
                    line={"color": color, "dash": draw_from(st.sampled_from(["solid", "dot", "8px,4px"])),
                          "shape": draw_from(st.sampled_from(["linear", "hv", "vhv"]))},
                    marker={"symbol": draw_from(st.sampled_from(symbols)), "color": color, "size": 9},
                    fill=draw_from(st.sampled_from([None, "tozeroy", "tonexty", "toself"])),
                    error_y={"array": [1] * n, "color": theme.INK}, row=1, col=column,
                )  # fmt: skip
        if log and kind == "scatter":
            figure.update_yaxes(type="log", row=1, col=column)
        figure.update_yaxes(title=draw_from(st.text(max_size=40)), row=1, col=column)
    figure.add_hline(y=draw_from(st.floats(-9, 9)), line={"color": theme.SOFT, "dash": "dash"}, row=1, col=1)
    figure.add_annotation(
        x=0.5, y=0.5, xref="paper", yref="paper", text=draw_from(st.text()), showarrow=False
    )
    return figure


@settings(deadline=None, max_examples=12)
@given(anything())
def test_any_figure_is_well_formed_and_repeatable(figure: go.Figure) -> None:
    """Finite numbers, known elements, unique ids; the same figure gives the same bytes; or it is refused."""
    first = draw(figure, 720, 300, title="t", key="k").markup
    parsed(first)
    assert draw(figure, 720, 300, title="t", key="k").markup == first


UNKNOWN: dict[str, tuple[go.Figure, str]] = {
    "trace": (plot(go.Pie(values=[1, 2])), "type 'pie'"),
    "option": (plot(go.Scatter(x=[1], y=[1], stackgroup="a")), "stackgroup"),
    "axis": (plot(go.Scatter(x=["2024-01-01"], y=[1]), xaxis={"type": "date"}), "type='date'"),
    "spline": (plot(go.Scatter(x=[1], y=[1], line={"shape": "spline"})), "shape='spline'"),
    "symbol": (
        plot(go.Scatter(x=[1], y=[1], mode="markers", marker={"symbol": "y-up", "color": "#000000"})), "y-up",
    ),
    "layout": (plot(updatemenus=[{}]), "updatemenus"),
    "colour": (plot(go.Scatter(x=[1, 2], y=[1, 2], line={"color": "hsl(1,2%,3%)"})), "hsl"),
    "no colour": (plot(go.Scatter(x=[1, 2], y=[1, 2], name="bare")), "'bare'"),
    "size": (plot(go.Scatter(x=[1], y=[1], line_color="#000000")), "no room"),
}  # fmt: skip


@pytest.mark.parametrize("case", UNKNOWN)
def test_what_cannot_be_drawn_is_refused_by_name(case: str) -> None:
    """Never left out in silence."""
    figure, name = UNKNOWN[case]
    with pytest.raises(Unsupported, match=re.escape(name)):
        draw(figure, 30 if case == "size" else 720, 300, title="t")
    assert case == "size" or inline(figure, 300, "k", "s") is None


def test_lines_fills_and_bars_have_their_corners() -> None:
    """By hand: a step line, a region down to zero, a lying bar."""
    step = plot(
        go.Scatter(x=[0, 1], y=[0, 1], mode="lines", line_color=theme.BLUE, line_shape="hv", fill="tozeroy"),
        xaxis={"range": [0, 1]}, yaxis={"range": [0, 1]},
    )  # fmt: skip
    root = parsed(draw(step, 300, 200, title="t").markup)
    left, top, right, bottom = (f"{edge:g}" for edge in area(root))
    paths = [path["d"] for path in named(root, "path")]
    assert f"M{left} {bottom}H{right}V{top}" in paths
    assert f"M{left} {bottom}H{right}V{top}V{bottom}H{left}z" in paths
    bars = plot(
        go.Bar(y=["a", "b"], x=[1, 3], orientation="h", marker={"color": theme.RED}),
        xaxis={"range": [0, 4]}, bargap=0.5,
    )  # fmt: skip
    root = parsed(draw(bars, 300, 200, title="t").markup)
    x0, y0, x1, y1 = area(root)
    found = [rect for rect in named(root, "rect") if rect.get("fill") == theme.RED]
    assert [float(rect["width"]) for rect in found] == pytest.approx(
        [(x1 - x0) / 4, 3 * (x1 - x0) / 4], abs=0.1
    )
    assert [float(rect["height"]) for rect in found] == pytest.approx([(y1 - y0) / 4] * 2, abs=0.1)
    assert float(found[0]["y"]) > float(found[1]["y"])


def test_stacked_bars_stand_on_one_another() -> None:
    """The foot of the second is the top of the first."""
    traces = [
        go.Bar(x=["a"], y=[value], marker={"color": color})
        for value, color in ((1, theme.RED), (2, theme.BLUE))
    ]
    root = parsed(draw(plot(*traces, barmode="stack", showlegend=False), 300, 200, title="t").markup)
    low, high = (next(r for r in named(root, "rect") if r.get("fill") == c) for c in (theme.RED, theme.BLUE))
    assert float(high["y"]) + float(high["height"]) == pytest.approx(float(low["y"]), abs=0.11)
    assert float(high["height"]) == pytest.approx(2 * float(low["height"]), abs=0.2)


def test_pictures_without_scripts_are_small(tmp_path: Path) -> None:
    """Of 200 trials every figure's static drawing is there; together at most 1 MB."""
    drawn = [picture.static for picture in pictures(write_study(tmp_path / "s", trials=200))]
    assert None not in drawn
    assert sum(len(str(markup).encode()) for markup in drawn) < 1e6


def test_too_many_marks_are_thinned_and_counted() -> None:
    """The drawing stays small and says how many marks it leaves out."""
    rng = np.random.default_rng(0)
    trace = go.Scatter(
        x=rng.random(20_000), y=rng.random(20_000), mode="markers", marker={"color": theme.BLUE}
    )
    drawn = str(inline(plot(trace), 400, "k", "s"))
    assert len(drawn.encode()) < 1.01 * MOST
    kept = drawn.count("<circle")
    every, left = re.search(r"one mark in (\d+) is drawn here; ([\d,]+) are left out", drawn).groups()  # type: ignore[union-attr]
    assert kept == math.ceil(20_000 / int(every))
    assert kept + int(left.replace(",", "")) == 20_000
