"""A12 against its definition, scipy and simulation; how often the intervals hold what they should."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from analysis import stats

VALUES = st.lists(st.integers(0, 5).map(float), min_size=1, max_size=9)


@settings(deadline=None)
@given(x=VALUES, y=VALUES)
def test_a12_counts_pairs(x: list[float], y: list[float]) -> None:
    """Larger counts one, equal a half; the same as Mann and Whitney's U over n m; swapped it is 1 - A."""
    wins = np.mean([1.0 if a > b else 0.5 if a == b else 0.0 for a in x for b in y])
    got = stats.a12(x, y)
    assert got.value == pytest.approx(wins)
    assert got.value == pytest.approx(scipy_stats.mannwhitneyu(x, y).statistic / (len(x) * len(y)))
    back = stats.a12(y, x)
    assert (back.value, got.n) == (pytest.approx(1 - got.value), len(x) + len(y))
    if len(x) + len(y) > 2:
        assert got.low <= got.value <= got.high
        assert (back.low, back.high) == (pytest.approx(1 - got.high), pytest.approx(1 - got.low))


def test_a12_interval_solves_its_equation() -> None:
    """At its ends the distance is z standard deviations of Hanley and McNeil's variance."""
    x, y = np.arange(8.0), np.arange(6.0) - 1.3
    got = stats.a12(x, y)
    for end in (got.low, got.high):
        q1, q2 = end / (2 - end), 2 * end**2 / (1 + end)
        mean = 6.0  # (8 + 6) / 2 - 1, in place of n - 1 and of m - 1
        variance = (end * (1 - end) + mean * (q1 - end**2) + mean * (q2 - end**2)) / 48
        assert abs(got.value - end) == pytest.approx(1.959964 * np.sqrt(variance), rel=1e-6)


def test_a12_of_samples_apart_still_has_a_width() -> None:
    """Five above five: A is 1, and 0.6 or so cannot be ruled out; gaps and empty sides."""
    apart = stats.a12(np.arange(5) + 10.0, np.arange(5.0))
    assert (apart.value, apart.high) == (1.0, 1.0)
    assert 0.55 < apart.low < 0.75
    assert stats.a12([np.nan, 1.0], [0.0]).value == 1.0
    assert np.isnan(stats.a12([1.0], [0.0]).low)
    assert np.isnan(stats.a12([], [0.0]).value)


@pytest.mark.parametrize("shift", [0.0, 1.0, 2.0])
@pytest.mark.parametrize("n", [5, 20])
def test_a12_interval_covers(n: int, shift: float) -> None:
    """Of normal values a shift apart A is Phi(shift / sqrt 2): held in 95 % of 400 simulations or so."""
    generator, truth = np.random.default_rng(7), scipy_stats.norm.cdf(shift / np.sqrt(2))
    ends = [stats.a12(generator.normal(shift, 1, n), generator.normal(0, 1, n)) for _ in range(400)]
    assert 0.92 < np.mean([end.low <= truth <= end.high for end in ends]) < 0.99


def test_words_of_cliffs_delta() -> None:
    """The bounds themselves belong to the larger word; the sign does not matter."""
    deltas = [0.0, -0.146, 0.147, -0.33, 0.473, 0.474, -1.0, float("nan")]
    words = ["negligible", "negligible", "small", "medium", "medium", "large", "large", "unknown"]
    assert [stats.magnitude(delta) for delta in deltas] == words
    assert [stats.cliffs_delta(a) for a in (0.0, 0.5, 1.0)] == [-1.0, 0.0, 1.0]


def coverage(n: int, strata: int, stratified: bool) -> tuple[float, float]:
    """How often a 95 % interval of the mean holds it, and its mean width; groups lie 10 apart."""
    generator, inside, width = np.random.default_rng(11), [], []
    labels = np.repeat(np.arange(strata), n)
    truth = 10 * labels.mean()
    for _ in range(300):
        values = 10 * labels + generator.normal(size=n * strata)
        got = stats.bootstrap(
            np.mean, values, rng=generator, resamples=300, strata=labels if stratified else None
        )
        inside.append(got.low <= truth <= got.high)
        width.append(got.high - got.low)
    return float(np.mean(inside)), float(np.mean(width))


@pytest.mark.parametrize(("n", "strata"), [(10, 1), (30, 1), (5, 4)])
def test_bootstrap_covers_the_mean(n: int, strata: int) -> None:
    """Ten, thirty and four times five normal values: 95 %, three standard errors of 300 simulations."""
    share, width = coverage(n, strata, stratified=True)
    assert share == pytest.approx(0.95, abs=0.04)
    total = n * strata
    exact = 2 * scipy_stats.t.ppf(0.975, total - strata) / np.sqrt(total)
    assert width == pytest.approx(exact, rel=0.08)


def test_groups_are_not_chance() -> None:
    """Drawn without their groups, values that lie 10 apart by group get an interval many times too wide."""
    assert coverage(5, 4, stratified=False)[1] > 5 * coverage(5, 4, stratified=True)[1]


def test_bootstrap_keeps_the_sizes_of_groups_and_rows_together() -> None:
    """Every resample has three of one group and two of the other, and pairs stay pairs."""
    seen = []

    def look(x: np.ndarray, labels: np.ndarray) -> float:
        seen.append((int((labels == 1).sum()), len(labels), bool((x // 10 == labels).all())))
        return float(x.mean())

    labels = np.array([1, 0, 1, 1, 0])
    stats.bootstrap(look, labels * 10.0 + 3, labels, rng=np.random.default_rng(0), strata=labels, resamples=9)
    assert set(seen) == {(3, 5, True)}
    alone = stats.bootstrap(np.mean, np.arange(3.0), rng=np.random.default_rng(0), strata=[0, 1, 2])
    assert np.isnan(alone.low)


def test_bootstrap_refuses_what_does_not_fit() -> None:
    """Arrays of other lengths and labels that are not one a row."""
    generator = np.random.default_rng(0)
    with pytest.raises(ValueError, match="arrays of 2, 3 rows"):
        stats.bootstrap(np.mean, np.zeros(2), np.zeros(3), rng=generator)
    with pytest.raises(ValueError, match="one label a row"):
        stats.bootstrap(np.mean, np.zeros(2), rng=generator, strata=[1])
