"""Intervals and correlations against published values and scipy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from analysis import stats


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    # Newcombe 1998, Statistics in Medicine 17:857, table I, method 3.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_known_values(hits: int, n: int, low: float, high: float) -> None:
    """Four published intervals to four digits."""
    got = stats.wilson(hits / n, n)
    assert (round(got.low, 4), round(got.high, 4), got.n) == (low, high, n)


@given(hits=st.integers(0, 500), more=st.integers(0, 500))
def test_wilson_agrees_with_scipy(hits: int, more: int) -> None:
    """A second implementation."""
    n = hits + more
    if n == 0:
        assert np.isnan(stats.wilson(0.5, 0).low)
        return
    expected = scipy_stats.binomtest(hits, n).proportion_ci(method="wilson")
    got = stats.wilson(hits / n, n)
    assert (got.low, got.high) == (pytest.approx(expected.low, abs=1e-12), pytest.approx(expected.high))


def test_bootstrap_is_seeded_and_covers_the_mean() -> None:
    """Same generator state, same interval; for a mean it is close to mean +- 1.96 standard errors."""
    values = np.random.default_rng(1).normal(size=400)
    first, second = (stats.bootstrap(np.mean, values, rng=np.random.default_rng(3)) for _ in range(2))
    assert first == second
    half = 1.96 * values.std() / 20
    assert (first.low, first.high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.02)


def test_bootstrap_of_one_value_has_no_interval() -> None:
    """n = 1 says nothing about spread."""
    got = stats.bootstrap(np.mean, np.array([2.0]), rng=np.random.default_rng(0))
    assert (got.value, got.n) == (2.0, 1)
    assert np.isnan(got.low)


@given(pairs=st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=3, max_size=30))
def test_rank_correlation_agrees_with_scipy(pairs: list[tuple[int, int]]) -> None:
    """With ties; constant columns have none."""
    x, y = np.array(pairs, dtype=float).T
    got = stats.rank_correlation(x, y)
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        assert np.isnan(got)
    else:
        assert got == pytest.approx(scipy_stats.spearmanr(x, y).statistic)


def test_spearman_leaves_out_gaps() -> None:
    """NaN pairs do not count; a monotone relation has rho 1 whatever its form."""
    x = np.array([1.0, 2.0, np.nan, 3.0, 4.0])
    got = stats.spearman(x, np.exp(x), np.random.default_rng(0), resamples=50)
    assert (got.value, got.n) == (pytest.approx(1.0), 4)
    assert got.low == pytest.approx(1.0)


def test_spearman_without_pairs() -> None:
    """No pairs: no value, no interval, no warning."""
    got = stats.spearman(np.array([]), np.array([]), np.random.default_rng(0))
    assert np.isnan(got.value)
    assert got.n == 0
