from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.trial import TrialState

from study.search import OBJECTIVES, Search, Suggestion
from study.spec import StudySpec

REFERENCES = 4  # dense, linear, sine, slats; of these the space holds sine


def make(trials: int = 6, **budget: Any) -> StudySpec:
    space = {"schedulers": ("sine", "kumaraswamy")}
    return StudySpec.model_validate(
        {"name": "s", "space": space, "search": {"trials": trials, "startup": 2, **budget}}
    )


@contextmanager
def opened(spec: StudySpec, path: Path | None = None) -> Iterator[Search]:
    search = Search(spec, path)
    try:
        yield search
    finally:
        search.close()


def result(suggestion: Suggestion) -> dict[str, float]:
    """A made-up outcome: sparsity grows with D, accuracy falls, a late window helps."""
    config = suggestion.config
    d = 0.0 if config.pruner == "dense" else config.final_threshold
    return {"accuracy_val": 1 - d * d - 0.1 * (1 - config.window_end), "sparsity_params": d / (0.2 + d)}


@cache
def undisturbed(trials: int) -> list[tuple[str, Any]]:
    with opened(make(trials)) as search:
        return run_out(search)


def ended(search: Search, suggestion: Suggestion) -> tuple[str, Any]:
    search.tell(suggestion.number, "COMPLETE", result(suggestion))
    return suggestion.kind, suggestion.params


def run_out(search: Search) -> list[tuple[str, Any]]:
    done = []
    while (suggestion := search.ask()) is not None:
        done.append(ended(search, suggestion))
    return done


class TestBudget:
    def test_reference_arms_come_first_and_on_top(self) -> None:
        with opened(make(trials=4)) as search:
            asked = [suggestion for _ in range(8) if (suggestion := search.ask())]
            assert search.ask() is None
            assert search.ask() is None
            assert search.planned() == {"search": 4, "reference": 4}
        assert [one.name for one in asked[:4]] == ["dense", "linear", "sine", "slats"]
        assert [one.kind for one in asked] == ["reference"] * 4 + ["search"] * 4
        assert [one.number for one in asked] == list(range(8))
        assert asked[0].config.pruner == "dense"
        assert all(one.name is None and one.config.pruner == "stds" for one in asked[4:])

    def test_failed_and_stopped_trials_are_counted(self) -> None:
        with opened(make(trials=3)) as search:
            numbers = [one.number for _ in range(REFERENCES + 3) if (one := search.ask())]
            search.tell(numbers[4], "FAIL")
            search.tell(numbers[5], "PRUNED")
            assert search.ask() is None

    def test_a_budget_can_grow_later(self, tmp_path: Path) -> None:
        path = tmp_path / "optuna.db"
        with opened(make(trials=2), path) as search:
            first = run_out(search)
        with opened(make(trials=5), path) as search:
            assert search.reclaim([]) == 0
            more = run_out(search)
        assert first + more == undisturbed(5)
        assert [kind for kind, _ in more] == ["search"] * 3


class TestSequence:
    @pytest.mark.parametrize("sampler", ["tpe", "random"])
    def test_equal_seeds_and_values_suggest_the_same(self, sampler: str) -> None:
        runs = []
        for _ in range(2):
            with opened(make(8, sampler=sampler)) as search:
                runs.append(run_out(search))
        assert runs[0] == runs[1]
        searched = [params["final_threshold"] for kind, params in runs[0] if kind == "search"]
        assert len(set(searched)) == 8  # a sampler seeded alike for every trial would repeat itself
        with opened(make(8, sampler=sampler, search_seed=1)) as search:
            assert run_out(search) != runs[0]

    @pytest.mark.parametrize("killed_at", [0, 3, 4, 7, 9])
    def test_killed_and_reopened_goes_on_as_if_undisturbed(self, killed_at: int, tmp_path: Path) -> None:
        """One slot. 0 to 3 are reference arms, 4 is the first searched trial, 9 the last."""
        path = tmp_path / "optuna.db"
        killed = Search(make(6), path)
        before = [ended(killed, one) for _ in range(killed_at) if (one := killed.ask())]
        lost = killed.ask()  # asked, running, and then the process is gone: nothing is told, nothing closed
        assert lost is not None
        with opened(make(6), path) as search:
            assert search.reclaim([]) == 1
            states = [trial.state for trial in search.study.trials]
            assert TrialState.RUNNING not in states
            assert states[lost.number] == TrialState.FAIL
            after = run_out(search)
            assert search.reclaim([]) == 0
        killed.close()
        # A reference arm that is queued again comes after the others; searched trials keep their order.
        resumed = sorted(before + after, key=lambda one: one[0] == "search")
        assert resumed[REFERENCES:] == undisturbed(6)[REFERENCES:]
        assert sorted(map(str, resumed[:REFERENCES])) == sorted(map(str, undisturbed(6)[:REFERENCES]))
        if killed_at >= REFERENCES:
            assert after[0][1] == lost.params

    def test_several_running_trials_are_all_queued_again_even_twice(self, tmp_path: Path) -> None:
        path = tmp_path / "optuna.db"
        first = Search(make(4), path)
        lost = [first.ask() for _ in range(6)]
        params = [one.params for one in lost if one]
        second = Search(make(4), path)
        assert second.reclaim([]) == 6
        again = [second.ask() for _ in range(6)]
        assert [one.params for one in again if one] == params
        assert [(one.kind, one.name) for one in again if one] == [(one.kind, one.name) for one in lost if one]
        with opened(make(4), path) as third:
            assert third.reclaim([]) == 6
            everything = run_out(third)
            assert [entry[1] for entry in everything[:6]] == params
            assert len(everything) == 8
        first.close()
        second.close()


@pytest.mark.parametrize("state", ["COMPLETE", "PRUNED", "FAIL"])
def test_killed_between_filing_and_telling(state: str, tmp_path: Path) -> None:
    """A trial whose line is written has ended, whatever the database says."""
    path = tmp_path / "optuna.db"
    killed = Search(make(1), path)
    asked = [one for _ in range(REFERENCES + 1) if (one := killed.ask())]
    values = [result(one) if state == "COMPLETE" else None for one in asked]
    filed = [
        {"number": one.number, "state": state, "values": v} for one, v in zip(asked, values, strict=True)
    ]
    with opened(make(1), path) as search:
        assert search.reclaim(filed) == 0
        assert {trial.state.name for trial in search.study.trials} == {state}
        assert search.spent
        assert len(search.front()) == (state == "COMPLETE")
    killed.close()


def test_killed_while_reclaiming_queues_nothing_twice(tmp_path: Path) -> None:
    path = tmp_path / "optuna.db"
    killed = Search(make(1), path)
    asked = [one for _ in range(REFERENCES + 1) if (one := killed.ask())]
    attrs = {"kind": "search", "retry_of": asked[-1].number}
    killed.study.enqueue_trial(asked[-1].params, user_attrs=attrs)  # and killed before the old one failed
    with opened(make(1), path) as search:
        search.reclaim([])
        assert [kind for kind, _ in run_out(search)].count("search") == 1
    killed.close()


def test_outcomes_in_the_file_read_by_plain_optuna(tmp_path: Path) -> None:
    path = tmp_path / "optuna.db"
    with opened(make(4), path) as search:
        asked = [one for _ in range(8) if (one := search.ask())]
        search.tell(asked[4].number, "COMPLETE", {"accuracy_val": 0.75, "sparsity_params": 0.5})
        search.tell(asked[5].number, "PRUNED")
        search.tell(asked[6].number, "FAIL")
        name = search.study.study_name
    study = optuna.load_study(study_name=name, storage=f"sqlite:///{path}")
    assert [direction.name for direction in study.directions] == ["MAXIMIZE"] * len(OBJECTIVES)
    ends = ["RUNNING"] * 4 + ["COMPLETE", "PRUNED", "FAIL", "RUNNING"]
    assert [trial.state.name for trial in study.trials] == ends
    assert study.trials[4].values == [0.75, 0.5]
    assert study.trials[4].params == asked[4].params
    assert study.trials[5].values is None
    assert study.trials[2].params == asked[2].params  # a reference arm the sampler may learn from
    assert study.trials[1].params == {}  # and one that is no point of the space


@contextmanager
def told(points: list[tuple[float, float]], floor: float) -> Iterator[Search]:
    """A search whose searched trials ended with these (accuracy, sparsity); the arms beat them all."""
    spec = make(max(len(points), 1), accuracy_floor=floor, sampler="random")
    with opened(spec) as search:
        for accuracy, sparsity in [(1.0, 1.0)] * REFERENCES + points:
            suggestion = search.ask()
            assert suggestion is not None
            values = {"accuracy_val": accuracy, "sparsity_params": sparsity}
            search.tell(suggestion.number, "COMPLETE", values)
        yield search


def union(points: list[tuple[float, float]], chance: float) -> float:
    """Area of the union of rectangles (chance, 0)-(accuracy, sparsity), cell by cell on their own grid."""
    xs = sorted({chance, *(max(accuracy, chance) for accuracy, _ in points)})
    ys = sorted({0.0, *(sparsity for _, sparsity in points)})
    return sum(
        (x1 - x0) * (y1 - y0)
        for x0, x1 in pairwise(xs)
        for y0, y1 in pairwise(ys)
        if any(accuracy >= x1 and sparsity >= y1 for accuracy, sparsity in points)
    )


class TestFront:
    def test_empty_at_first(self) -> None:
        with opened(make()) as search:
            assert search.front() == []
            assert search.hypervolume() == 0

    def test_reference_arms_are_not_on_it(self) -> None:
        with told([], floor=0.0) as search:
            assert [trial.values for trial in search.study.trials] == [[1.0, 1.0]] * REFERENCES
            assert search.front() == []
            assert search.hypervolume() == 0

    def test_trials_below_the_floor_are_infeasible(self) -> None:
        with told([(0.49, 1.0), (0.5, 0.9), (0.9, 0.3), (0.4, 0.2)], floor=0.5) as search:
            assert [trial.values for trial in search.front()] == [[0.9, 0.3], [0.5, 0.9]]
            assert search.hypervolume() == pytest.approx(0.3 * 0.8 + 0.6 * 0.4)

    def test_only_infeasible_trials_make_no_front(self) -> None:
        with told([(0.1, 1.0), (0.2, 0.9)], floor=0.5) as search:
            assert search.front() == []
            assert search.hypervolume() == 0

    grid = st.integers(0, 10).map(lambda n: n / 10)  # coarse on purpose: many ties and duplicates

    @settings(max_examples=12, deadline=None)
    @given(
        points=st.lists(st.tuples(grid, grid) | st.tuples(st.floats(0, 1), st.floats(0, 1)), max_size=7),
        floor=st.sampled_from([0.0, 0.05, 0.5]),
    )
    def test_front_and_hypervolume_by_brute_force(
        self, points: list[tuple[float, float]], floor: float
    ) -> None:
        feasible = [point for point in points if point[0] >= floor]
        best = [p for p in feasible if not any(q != p and q[0] >= p[0] and q[1] >= p[1] for q in feasible)]
        with told(points, floor) as search:
            front = [tuple(trial.values) for trial in search.front()]
            hypervolume = search.hypervolume()
        assert sorted(front) == sorted(best)
        assert [sparsity for _, sparsity in front] == sorted(sparsity for _, sparsity in front)
        assert hypervolume == pytest.approx(union(feasible, 0.1))
