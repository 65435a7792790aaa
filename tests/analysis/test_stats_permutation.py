"""Permutation tests and Holm's correction against scipy, closed forms and the definition."""

from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from analysis import stats

VALUES = st.lists(st.integers(-4, 4).map(float), min_size=1, max_size=8)


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@settings(deadline=None)
@given(pairs=st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3)), min_size=2, max_size=8))
def test_exact_sign_flips_agree_with_scipy(pairs: list[tuple[int, int]]) -> None:
    """All 2^n ways; in tenths, so that sums tie only up to rounding."""
    a, b = np.array(pairs, dtype=float).T / 10
    expected = scipy_stats.permutation_test(
        (a, b), lambda x, y: abs(np.sum(np.round(10 * (x - y)))), permutation_type="samples",
        alternative="greater", n_resamples=np.inf,
    ).pvalue  # fmt: skip
    assert stats.paired_permutation(a, b, rng()) == pytest.approx(expected)


@pytest.mark.parametrize("n", [1, 2, 5, 12])
def test_smallest_p_is_reached_when_every_pair_agrees(n: int) -> None:
    """Only the observed signs and their opposites reach the sum: 2 / 2^n."""
    a = np.arange(1.0, n + 1)
    assert stats.paired_permutation(a, np.zeros(n), rng()) == stats.smallest_p(n) == 2 / 2**n


def test_beyond_twelve_pairs_random_flips_come_near_the_exact_p() -> None:
    """13 pairs by the definition, within four standard errors; the same generator state, the same p."""
    a = np.random.default_rng(5).normal(0.35, 1, size=13)
    signs = np.array(list(product((-1, 1), repeat=13)))
    exact = np.mean(np.abs(signs @ a) >= abs(a.sum()) - 1e-12)
    got = stats.paired_permutation(a, np.zeros(13), rng())
    assert got == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 9999))
    assert got == stats.paired_permutation(a, np.zeros(13), rng())
    apart = stats.paired_permutation(np.ones(40), np.zeros(40), rng(), resamples=99)
    assert apart == stats.smallest_p(40, resamples=99) == 0.01


def test_pairs_with_a_gap_do_not_count() -> None:
    """Three whole pairs: 2 / 8; no pair: no p."""
    a, b = [1.0, 2.0, np.nan, 3.0], [0.0, 0.0, 0.0, 0.0]
    assert stats.paired_permutation(a, b, rng()) == 0.25
    assert np.isnan(stats.paired_permutation([np.nan], [1.0], rng()))
    assert np.isnan(stats.smallest_p(0))


@pytest.mark.parametrize("n", [6, 14])
def test_paired_p_is_uniform_where_nothing_differs(n: int) -> None:
    """Without an effect p <= alpha happens in a share alpha of 400 data sets; n exact and random."""
    generator = np.random.default_rng(2)
    p = np.array(
        [
            stats.paired_permutation(generator.normal(size=n), generator.normal(size=n), generator, 199)
            for _ in range(400)
        ]
    )
    for alpha in (0.125, 0.25, 0.5):
        assert np.mean(p <= alpha) == pytest.approx(alpha, abs=4 * np.sqrt(alpha * (1 - alpha) / 400))


@given(x=VALUES, y=VALUES)
@settings(deadline=None, max_examples=40)
def test_unpaired_test_agrees_with_the_definition(x: list[float], y: list[float]) -> None:
    """Every way to deal the values out, by the difference of the means."""
    both, n = np.array(x + y), len(x)
    gaps = []
    for rows in combinations(range(len(both)), n):
        mask = np.isin(np.arange(len(both)), rows)
        gaps.append(abs(both[mask].mean() - both[~mask].mean()))
    observed = abs(np.mean(x) - np.mean(y))
    got = stats.permutation(x, y, rng())
    if len(gaps) <= 10_000:
        assert got == pytest.approx(np.mean(np.array(gaps) >= observed - 1e-9))
    else:
        assert got == pytest.approx(np.mean(np.array(gaps) >= observed - 1e-9), abs=0.03)


def test_unpaired_test_of_an_empty_side_has_no_p() -> None:
    """And gaps do not count."""
    assert np.isnan(stats.permutation([], [1.0], rng()))
    assert stats.permutation([np.nan, 5.0, 6.0], [1.0, 2.0], rng()) == pytest.approx(2 / 6)


@settings(deadline=None)
@given(p=st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_holm_is_the_closed_test_of_bonferroni(p: list[float]) -> None:
    """A hypothesis falls when Bonferroni rejects every intersection that holds it."""
    m = len(p)
    subsets = [s for size in range(1, m + 1) for s in combinations(range(m), size)]
    expected = [max(min(1.0, len(s) * min(p[j] for j in s)) for s in subsets if i in s) for i in range(m)]
    assert stats.holm(p) == pytest.approx(expected)


def test_holm_by_hand() -> None:
    """Holm's own steps: 4 p1, 3 p2, 2 p3, p4, never falling; a test that was not made does not count."""
    assert stats.holm([0.01, np.nan, 0.04, 0.03, 0.005]) == pytest.approx(
        [0.03, np.nan, 0.06, 0.06, 0.02], nan_ok=True
    )
    assert stats.holm([]).shape == (0,)
