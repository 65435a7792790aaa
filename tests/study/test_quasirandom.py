from __future__ import annotations

import math
from typing import Any

import numpy as np
import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from study.samplers.quasirandom import WIDTH, Sobol, coordinate, derived, placed


def points(seed: int, first: int, count: int, dimensions: int) -> np.ndarray:
    return np.array(
        [[coordinate(seed, i, d) for d in range(dimensions)] for i in range(first, first + count)]
    )


def discrepancy(sample: np.ndarray) -> float:
    """Centred L2 discrepancy (Hickernell 1998)."""
    n, d = sample.shape
    off = abs(sample - 0.5)
    single = (1 + off / 2 - off**2 / 2).prod(axis=1).sum()
    apart = abs(sample[:, None] - sample[None])
    pairs = (1 + off[:, None] / 2 + off[None] / 2 - apart / 2).prod(axis=2).sum()
    return math.sqrt((13 / 12) ** d - 2 / n * single + pairs / n**2)


class TestPoints:
    @pytest.mark.parametrize("seed", range(3))
    @pytest.mark.parametrize("first", [0, 8, 24])
    def test_eight_points_take_each_eighth_of_every_axis_once(self, seed: int, first: int) -> None:
        found = points(seed, first, 8, 7)
        assert (np.sort((found * 8).astype(int), axis=0) == np.arange(8)[:, None]).all()
        assert found.min() >= 0
        assert found.max() < 1

    def test_they_are_spread_far_better_than_random_ones(self) -> None:
        rng = np.random.default_rng(0)
        random = [discrepancy(rng.random((32, 4))) for _ in range(20)]
        found = [discrepancy(points(seed, 0, 32, 4)) for seed in range(5)]
        assert max(found) < min(random)
        assert np.mean(found) < 0.5 * np.mean(random)

    def test_seeds_and_blocks_of_dimensions_are_different_sequences(self) -> None:
        assert coordinate(0, 3, 2) != coordinate(1, 3, 2)
        assert coordinate(0, 3, 0) != coordinate(0, 3, WIDTH)
        assert coordinate(0, 3, WIDTH - 1) == coordinate(0, 3, WIDTH - 1)

    def test_derived_seeds_are_far_apart_and_fit_numpy(self) -> None:
        seeds = {derived(seed, index, name) for seed in range(9) for index in range(9) for name in "xy"}
        assert len(seeds) == 162
        assert max(seeds) < 2**32
        assert derived(0, 1, "x") == 1418028529  # a study from last year draws the same


class TestPlaced:
    @pytest.mark.parametrize(
        ("distribution", "expected"),  # at 0, 0.25, 0.5, 0.75 and just below 1
        [
            (FloatDistribution(-1, 3), [-1, 0, 1, 2, 3]),
            (FloatDistribution(0.01, 100, log=True), [0.01, 0.1, 1, 10, 100]),
            (FloatDistribution(0, 1, step=0.25), [0, 0.25, 0.5, 0.75, 1]),
            (IntDistribution(1, 4), [1, 2, 3, 4, 4]),
            (IntDistribution(0, 30, step=10), [0, 10, 20, 30, 30]),
            (IntDistribution(1, 128, log=True), [1, 2, 8, 32, 128]),
            (CategoricalDistribution(["a", None, 3]), ["a", "a", None, 3, 3]),
            (FloatDistribution(2, 2), [2, 2, 2, 2, 2]),
        ],
    )
    def test_by_hand(self, distribution: BaseDistribution, expected: list[Any]) -> None:
        found = [placed(distribution, u) for u in (0, 0.25, 0.5, 0.75, math.nextafter(1, 0))]
        assert found == (
            expected if isinstance(distribution, CategoricalDistribution) else pytest.approx(expected)
        )

    @given(
        st.sampled_from([
            FloatDistribution(0.1, 0.7, log=True), FloatDistribution(-0.3, 0.9, step=0.1),
            IntDistribution(3, 11), IntDistribution(1, 1000, log=True), IntDistribution(-4, 8, step=3),
            FloatDistribution(1e-9, 1e9),
            CategoricalDistribution([True, "x", 2.5]),
        ]),
        st.floats(0, 1, exclude_max=True),
    )  # fmt: skip
    def test_is_always_a_value_of_the_distribution(self, distribution: BaseDistribution, u: float) -> None:
        value = placed(distribution, u)
        assert distribution._contains(distribution.to_internal_repr(value))
        if isinstance(distribution, IntDistribution):
            assert isinstance(value, int)

    def test_choices_and_steps_have_equal_shares(self) -> None:
        grid = [(i + 0.5) / 60 for i in range(60)]
        for distribution in (
            IntDistribution(2, 6),
            FloatDistribution(0, 1, step=0.25),
            IntDistribution(0, 8, step=2),
        ):
            _, counts = np.unique([placed(distribution, u) for u in grid], return_counts=True)
            assert counts.tolist() == [12] * 5


class TestSobol:
    def test_a_conditional_space_is_spread_evenly(self) -> None:
        """64 trials: each choice 16 times, the float behind one of them once in each of 16 parts."""
        study = optuna.create_study(directions=["maximize", "maximize"])
        behind = []
        for index in range(64):
            study.sampler = Sobol(0, index)
            trial = study.ask()
            if trial.suggest_categorical("shape", ["a", "b", "c", "d"]) == "c":
                behind.append(trial.suggest_float("y", 0, 1))
            trial.suggest_int("n", 1, 4)
        counts = np.unique([trial.params["shape"] for trial in study.trials], return_counts=True)[1]
        assert counts.tolist() == [16] * 4
        assert len(behind) == 16
        assert np.unique((np.array(behind) * 8).astype(int), return_counts=True)[1].tolist() == [2] * 8

    def test_a_value_known_beforehand_moves_no_other(self) -> None:
        """As of a trial that was killed between two parameters."""
        found = []
        for known in ({}, {"x": 0.123}, {"x": 0.123, "y": 0.456}):
            study = optuna.create_study(sampler=Sobol(0, 5), directions=["maximize", "maximize"])
            study.enqueue_trial(known)
            trial = study.ask()
            found.append([trial.suggest_float(name, 0, 1) for name in "xyz"])
        assert found[1] == [0.123, *found[0][1:]]
        assert found[2] == [0.123, 0.456, found[0][2]]
