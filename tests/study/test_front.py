from __future__ import annotations

import moocore
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from study import front
from study.front import Front
from trainables.errors import ConfigError
from trainables.metrics import Direction

UP, DOWN = "maximize", "minimize"


@st.composite
def problems(draw: st.DrawFn, sizes: tuple[int, int] = (1, 24)) -> tuple[np.ndarray, list[Direction]]:
    """Points on a coarse grid, so that ties and equal points are frequent, in mixed directions."""
    m, n = draw(st.sampled_from([2, 3])), draw(st.integers(*sizes))
    points = draw(arrays(float, (n, m), elements=st.integers(0, 6).map(float)))
    return points / 4, draw(st.lists(st.sampled_from([UP, DOWN]), min_size=m, max_size=m))


def gains(points: np.ndarray, directions: list[Direction]) -> np.ndarray:
    return points * [1 if direction == UP else -1 for direction in directions]


def origin(directions: list[Direction]) -> list[float]:
    """A reference point inside the grid, so that some points are worse than it."""
    return [0.25 if direction == UP else 1.25 for direction in directions]


@given(problems())
def test_nondominated_is_what_no_pair_says_otherwise(problem: tuple[np.ndarray, list[Direction]]) -> None:
    points, directions = problem
    better = gains(points, directions)
    expected = [not any((q >= p).all() and (q > p).any() for q in better) for p in better]
    assert front.nondominated(points, directions).tolist() == expected


@given(problems((40, 60)))
@settings(max_examples=30)
def test_an_independent_library_agrees(problem: tuple[np.ndarray, list[Direction]]) -> None:
    points, directions = problem
    best = [direction == UP for direction in directions]
    kept = moocore.is_nondominated(points, maximise=best, keep_weakly=True)
    assert front.nondominated(points, directions).tolist() == kept.tolist()
    volume = moocore.hypervolume(points, ref=origin(directions), maximise=best)
    assert front.hypervolume(points, directions, origin(directions)) == pytest.approx(volume, abs=1e-12)
    half = len(points) // 2
    apart = moocore.epsilon_additive(points[:half], ref=points[half:], maximise=best)
    assert front.epsilon(points[:half], points[half:], directions) == pytest.approx(apart)
    ranks = np.empty(len(points), int)
    for rank, layer in enumerate(front.layers(points, directions)):
        ranks[layer] = rank
    assert ranks.tolist() == moocore.pareto_rank(points, maximise=best).tolist()


@pytest.mark.parametrize("m", [2, 3])
def test_an_independent_library_agrees_on_thousands(m: int) -> None:
    points = np.random.default_rng(m).normal(size=(3000, m))
    directions: list[Direction] = [UP, DOWN, UP][:m]
    best, reference = [direction == UP for direction in directions], [-1.0, 1.0, -1.0][:m]
    expected = moocore.hypervolume(points, ref=reference, maximise=best)
    assert front.hypervolume(points, directions, reference) == pytest.approx(expected, rel=1e-12)
    kept = moocore.is_nondominated(points, maximise=best, keep_weakly=True)
    assert (front.nondominated(points, directions) == kept).all()


class TestHypervolume:
    def test_by_hand(self) -> None:
        """Accuracy up, energy down: one step of 0.4 x 30, on it one of 0.1 x 20."""
        points = [(0.9, 70), (0.6, 50), (0.6, 60), (0.2, 10), (0.8, 200)]
        assert front.hypervolume(points, [UP, DOWN], (0.5, 100)) == pytest.approx(0.4 * 30 + 0.1 * 20)
        cubes = [(2, 1, 1), (1, 2, 1), (1, 1, 2)]  # three bars of 2 that share the unit cube at the origin
        assert front.hypervolume(cubes, [UP, UP, UP], (0, 0, 0)) == 4

    def test_nothing_is_nothing(self) -> None:
        for directions in ([UP, UP], [UP, UP, DOWN]):
            zero = [0.0] * len(directions)
            assert front.hypervolume([], directions, zero) == 0
            assert front.hypervolume([zero, [np.nan] * len(zero)], directions, zero) == 0
            assert front.nondominated([], directions).tolist() == []
            assert front.spread([], directions, zero, 3) == []
            assert front.near([], directions, zero) == []


def test_epsilon_by_hand() -> None:
    points, target = [(0.9, 50.0), (0.7, 20.0)], [(0.95, 50.0), (0.7, 10.0)]
    assert front.epsilon(points, target, [UP, DOWN], scale=[0.1, 100]) == pytest.approx(0.5)
    assert front.epsilon(target, points, [UP, DOWN]) == 0
    assert front.epsilon([], target, [UP, DOWN]) == np.inf
    assert front.epsilon(points, [], [UP, DOWN]) == -np.inf


def test_what_is_not_finite_is_on_no_front() -> None:
    points = [(1.0, np.nan), (np.inf, 0.0), (0.5, 0.5), (0.4, 0.4), (-np.inf, 9.0)]
    assert front.nondominated(points, [UP, UP]).tolist() == [False, False, True, False, False]
    assert front.near(points, [UP, UP], [1, 1]) == [3]
    assert front.distance(points, [UP, UP], [1, 1])[[0, 1, 4]].tolist() == [np.inf] * 3


@pytest.mark.parametrize("points", [[1, 2], [[1, 2, 3, 4]], [[1], [2]]])
def test_other_shapes_are_refused(points: list[object]) -> None:
    with pytest.raises(ValueError, match="for 2 objectives"):
        front.nondominated(points, [UP, UP])
    with pytest.raises(ValueError, match="noise is"):
        front.distance([[1, 2]], [UP, UP], [-1, 0])


class TestNear:
    def test_by_hand(self) -> None:
        """Front: (0.9, 0.2), (0.8, 0.6). One that needs 0.7 noises, one that needs 3, one 0.5, one equal."""
        points = [(0.9, 0.2), (0.8, 0.6), (0.793, 0.3), (0.77, 0.57), (0.795, 0.599), (0.9, 0.1), (0.8, 0.6)]
        found = front.distance(points, [UP, UP], [0.01, 0.01])
        assert found == pytest.approx([0, 0, 0.7, 3, 0.1, 0, 0])
        assert front.near(points, [UP, UP], [0.01, 0.01]) == [5, 4, 2]
        # an exact second objective cannot make up for anything, and a tie in it not either
        assert front.near(points, [UP, UP], [0.01, 0.0]) == [5, 4, 2]
        assert front.near(points, [UP, UP], [0.0, 0.01]) == [4]
        assert front.near(points, [UP, UP], [0.0, 0.0]) == []

    def test_of_ties_the_one_beside_the_front_comes_first(self) -> None:
        points = [(0.9, 0.5), (0.9, 0.1), (0.9, 0.4), (0.9, 0.3)]
        assert front.near(points, [UP, UP], [0.01, 0.01]) == [2, 3, 1]

    @given(problems((2, 16)))
    def test_the_distance_is_where_dominance_ends(self, problem: tuple[np.ndarray, list[Direction]]) -> None:
        """Moved a little further than its distance a point is not dominated; a little less, it is."""
        points, directions = problem
        noise = np.array([0.1, 0.3, 0.2])[: len(directions)]
        better = gains(points, directions)
        for p, distance in zip(better, front.distance(points, directions, noise), strict=True):
            moved = p + (distance + 1e-9) * noise
            assert not any((q >= moved).all() and (q > moved).any() for q in better)
            if distance > 0:
                moved = p + (distance - 1e-9) * noise
                assert any((q >= moved).all() and (q > moved).any() for q in better)


class TestSpread:
    @given(problems((1, 10)), st.integers(1, 4))
    @settings(max_examples=60)
    def test_is_the_greedy_choice(self, problem: tuple[np.ndarray, list[Direction]], k: int) -> None:
        points, directions = problem
        chosen = front.spread(points, directions, origin(directions), k)
        left = {tuple(p): i for i, p in reversed(list(enumerate(points.tolist())))}
        mask = front.nondominated(points, directions)
        candidates = [i for i in left.values() if mask[i]]
        assert len(chosen) == len(set(chosen)) == min(k, len(candidates))
        for count, index in enumerate(chosen):
            volumes = {
                i: front.hypervolume(points[[*chosen[:count], i]], directions, origin(directions))
                for i in candidates
            }
            assert volumes[index] == pytest.approx(max(volumes.values()), abs=1e-12)

    def test_all_that_there_are_in_the_order_of_their_worth(self) -> None:
        points = [(0.2, 0.9), (0.5, 0.5), (0.9, 0.2), (0.5, 0.5), (0.1, 0.1), (0.95, -1)]
        assert front.spread(points, [UP, UP], (0, 0), 9) == [1, 0, 2, 5]


class TestGrowingFront:
    @given(problems((1, 40)))
    def test_equals_the_whole_at_every_step(self, problem: tuple[np.ndarray, list[Direction]]) -> None:
        points, directions = problem[0][:, :2], problem[1][:2]
        growing = Front(directions, origin(directions))
        for count, point in enumerate(points.tolist(), start=1):
            added = growing.add(point, count - 1)
            mask = front.nondominated(points[:count], directions)
            assert added == mask[-1]
            labels = sorted(label for labels in growing.labels for label in labels)
            assert labels == np.flatnonzero(mask).tolist()
            best = [direction == UP for direction in directions]
            expected = moocore.hypervolume(points[:count], ref=origin(directions), maximise=best)
            assert growing.hypervolume == pytest.approx(expected, abs=1e-12)
        assert len(growing) == len(growing.points)
        assert set(growing.points) == set(map(tuple, points[mask].tolist()))
        assert np.all(np.diff(gains(np.array(growing.points), directions)[:, 0]) > 0)

    def test_refuses_what_is_not_finite_and_three_objectives(self) -> None:
        growing = Front([UP, UP], [0, 0])
        assert not growing.add((np.nan, 1.0))
        assert not growing.add((1.0, np.inf))
        assert len(growing) == 0
        with pytest.raises(ValueError, match="two objectives"):
            Front([UP, UP, UP], [0, 0, 0])


def test_reference_point_is_fixed_by_the_metric() -> None:
    names = ["accuracy_val", "sparsity_synapses", "energy_nj"]
    expected = {"accuracy_val": 0.1, "sparsity_synapses": 0.0, "energy_nj": 12.5}
    assert front.reference_point(names, 0.1, {"energy_nj": 12.5, "synapses": 7}) == expected
    with pytest.raises(ConfigError) as caught:
        front.reference_point(["synapses", "accuracy_val", "loss_val"], 0.1, {"loss_val": np.nan})
    assert [problem.split(":")[0] for problem in caught.value.problems] == [
        "no finite worst value of synapses", "no finite worst value of loss_val",
    ]  # fmt: skip
