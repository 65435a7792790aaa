"""Shares of fronts that attain a point, outlines of cells, and the difference of two studies."""

import moocore
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from analysis.attained import attained_share, grid, outline
from analysis.figures.difference import difference_info, draw_difference
from analysis.figures.scale import Scale
from analysis.theme import rivals

FRONT = arrays.arrays(float, st.tuples(st.integers(0, 5), st.just(2)), elements=st.integers(1, 8).map(float))
FRONTS = st.lists(FRONT, min_size=1, max_size=5)
MASK = arrays.arrays(bool, st.tuples(st.integers(1, 6), st.integers(1, 6)))


@settings(deadline=None)
@given(fronts=FRONTS)
def test_shares_by_the_definition(fronts: list[np.ndarray]) -> None:
    """Some row at least as good in both; NaN rows do not count."""
    fronts[0] = np.vstack([fronts[0], [np.nan, 9.0]])
    x, y = np.arange(10) - 0.5, np.arange(10.0)
    got = attained_share(fronts, x, y)
    for i, j in np.ndindex(got.shape):
        hits = [any(a >= x[i] and b >= y[j] for a, b in front) for front in fronts]
        assert got[i, j] == pytest.approx(np.mean(hits))


def test_no_fronts_have_no_share() -> None:
    with pytest.raises(ValueError, match="needs at least one"):
        attained_share([], np.ones(1), np.ones(1))


@settings(deadline=None)
@given(mask=MASK)
def test_outlines_hold_the_cells_and_nothing_else(mask: np.ndarray) -> None:
    """The winding number around the middle of a cell is 1 inside and 0 outside, holes included."""
    x, y = np.cumsum(np.arange(1.0, mask.shape[0] + 2)), np.cumsum(np.arange(1.0, mask.shape[1] + 2)) / 3
    rings = outline(mask, x, y)
    for i, j in np.ndindex(mask.shape):
        middle = np.array([(x[i] + x[i + 1]) / 2, (y[j] + y[j + 1]) / 2])
        turns = 0.0
        for ring in rings:
            around = ring - middle
            angle = np.arctan2(around[:, 1], around[:, 0])
            step = np.diff(np.append(angle, angle[0]))
            turns += float(((step + np.pi) % (2 * np.pi) - np.pi).sum() / (2 * np.pi))
        assert round(turns) == mask[i, j]
    area = sum(
        float(r[:, 0] @ np.roll(r[:, 1], -1) - r[:, 1] @ np.roll(r[:, 0], -1)) / 2 for r in rings
    )  # Gauss: holes count negative
    assert area == pytest.approx(float((np.outer(np.diff(x), np.diff(y)) * mask).sum()))


def test_outline_of_a_frame_by_hand() -> None:
    """A square with a hole: four corners outside, four inside, run the other way; no corner on a line."""
    mask = np.ones((3, 3), dtype=bool)
    mask[1, 1] = False
    outer, hole = outline(mask, np.arange(4.0), np.arange(4.0))
    assert {tuple(corner) for corner in outer.tolist()} == {(0, 0), (3, 0), (3, 3), (0, 3)}
    assert {tuple(corner) for corner in hole.tolist()} == {(1, 1), (2, 1), (2, 2), (1, 2)}
    assert outline(np.zeros((2, 2), dtype=bool), np.arange(3.0), np.arange(3.0)) == []


def test_grids_keep_the_ends_and_what_fits() -> None:
    """Distinct, in order, no NaN; of a thousand values two hundred at most."""
    assert grid(np.array([3.0, np.nan, 1.0, 3.0])).tolist() == [1.0, 3.0]
    coarse = grid(np.arange(1000.0))
    assert (len(coarse), coarse[0], coarse[-1]) == (200, 0.0, 999.0)


@settings(deadline=None, max_examples=50)
@given(first=FRONTS, other=FRONTS)
def test_differences_are_those_of_the_shares_in_every_cell(
    first: list[np.ndarray], other: list[np.ndarray]
) -> None:
    """At any point, not only at corners of cells; the other way round the sign changes."""
    info = difference_info(first, other, 0.0, 0.0)
    for x, y in np.random.default_rng(0).uniform(0, 9, size=(30, 2)):
        shares = [
            np.mean([any(a >= x and b >= y for a, b in front) for front in fronts])
            for fronts in (first, other)
        ]
        i, j = np.searchsorted(info.x, x) - 1, np.searchsorted(info.y, y) - 1
        inside = i < info.difference.shape[0] and j < info.difference.shape[1]
        assert (info.difference[i, j] if inside else 0.0) == pytest.approx(shares[0] - shares[1])
    back = difference_info(other, first, 0.0, 0.0)
    np.testing.assert_allclose(back.difference, -info.difference)
    assert back.share(1, 2.0) == info.share(-1, 2.0)


def test_difference_agrees_with_moocore() -> None:
    """Its points of change and the difference at each, in fifths, from a library in C."""
    generator = np.random.default_rng(3)
    sides = [[generator.integers(1, 20, size=(6, 2)).astype(float) for _ in range(5)] for _ in range(2)]
    info = difference_info(*sides, 0.0, 0.0)
    sets = [
        np.column_stack([-np.concatenate(side), np.repeat(np.arange(1, 6), 6)]) for side in sides
    ]  # it minimises
    rows = moocore.eafdiff(*sets, intervals=5)
    assert len(rows) > 10
    for x, y, difference in rows:
        i, j = np.searchsorted(info.x, -x) - 1, np.searchsorted(info.y, -y) - 1
        assert 5 * info.difference[i, j] == pytest.approx(difference)


def test_the_drawing_has_a_trace_for_every_shade_and_two_medians() -> None:
    """Three shades a side whatever there is to shade, so that both views agree."""
    first, other = [[np.array([[0.9, 0.8]])] * 5, [np.array([[0.9, 0.8]])] * 3 + [np.empty((0, 2))] * 2]
    info = difference_info(first, other, 0.0, 0.0)
    styles = rivals(["a", "b"])
    for scale in (Scale(0.0, 1.0), Scale(0.0, 0.99, log=True)):
        figure = draw_difference(info, (styles["a"], styles["b"]), scale, "Sparsity", "Accuracy")
        assert len(figure.data) == 8
        shaded = [trace for trace in figure.data[:6] if trace.showlegend]
        assert [trace.name for trace in shaded] == ["a 33 \N{EN DASH} 67 %"]
        assert shaded[0].fillcolor == styles["a"].color
        assert sorted({y for y in shaded[0].y if y is not None}) == pytest.approx([0, 80])
