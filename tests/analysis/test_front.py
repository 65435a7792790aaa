"""The front's numbers on every axis: marks, limits, what was reached, and what can be picked."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis import pareto, theme
from analysis.figures import front as front_module
from analysis.figures.axis import Axis, axis, ticks
from analysis.figures.front import FrontInfo, front_info
from analysis.figures.front_draw import draw_front
from analysis.figures.hover import TRIALS
from analysis.outcome import Outcome, classify
from analysis.results import Study, load
from tests.analysis.folder import trial, write_confirmed, write_folder
from tests.analysis.fronts import LIVE, OPS, write_large
from tests.analysis.test_outcome import TRIALS as MADE_UP

Made = tuple[Study, Outcome, FrontInfo]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """The small hand-checked study."""
    study = load(write_folder(tmp_path_factory.mktemp("front") / "s", MADE_UP))
    outcome = classify(study)
    return study, outcome, front_info(study, outcome)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Two hundred trials with every measure."""
    study = load(write_large(tmp_path_factory.mktemp("front") / "s", seeds=3))
    outcome = classify(study)
    return study, outcome, front_info(study, outcome)


def figures(made: Made) -> list[Any]:
    """Every view."""
    study, _, info = made
    return [draw_front(info, theme.styles(study.trials["scheduler"]), view) for view in info.views]


def test_marks_limits_and_counts(small: Made) -> None:
    """The region's corners, the axis limits, the dense line, the counts."""
    info = small[2]
    view = info.views[0]
    assert view.steps[:4] == ((0.0, 0.95), (0.8, 0.95), (0.8, 0.94), (0.9, 0.94))
    assert view.steps[-1] == (0.95, 0.1)
    assert [mark.number for mark in info.dense] == [0]
    assert (info.counts["stopped"], info.counts["failed"], info.knee and info.knee.number) == (1, 2, 3)
    assert (view.axis.left, view.axis.right) == (pytest.approx(75), 101)
    assert info.y_low < 0.6 < 0.99 < info.y_high
    assert [mark.label for mark in info.of("reference")] == ["sine 0.3"]
    assert [view.button for view in info.views] == ["Sparsity", "What remains, log"]


@pytest.mark.parametrize("made", ["small", "large"])
def test_every_mark_is_drawn_once_in_every_view(made: str, request: pytest.FixtureRequest) -> None:
    """Same traces in all views; trial numbers at the points, so that they can be picked."""
    study, outcome, info = request.getfixturevalue(made)
    drawn = figures((study, outcome, info))
    assert len({len(figure.data) for figure in drawn}) == 1
    for figure in drawn:
        assert [trace.name for trace in figure.data] == [trace.name for trace in drawn[0].data]
        numbers: list[int] = []
        for trace in (trace for trace in figure.data if trace.meta == TRIALS):
            assert len(trace.customdata) == len(trace.x) == len(trace.y)
            if not str(trace.name).startswith("confirmed"):
                numbers += trace.customdata
        assert sorted(numbers) == sorted(mark.number for mark in info.marks)


def test_every_measured_axis_has_its_views(large: Made) -> None:
    """Both sparsities plain and log, counts and live variants on a log axis, these only if they differ."""
    assert [(view.button, view.axis.metric, view.axis.log) for view in large[2].views] == [
        ("Sparsity", "sparsity_params", False), ("What remains, log", "sparsity_params", True),
        ("Synapses", "sparsity_synapses", False), ("Synapses, log", "sparsity_synapses", True),
        ("Operations", "synops", True), ("Energy", "energy_nj", True),
        ("Live parameters", "sparsity_params_live", True),
    ]  # fmt: skip
    assert LIVE > front_module._DIFFERS


def test_what_was_reached_is_that_of_the_axis(large: Made) -> None:
    """On the objectives' axis the front; elsewhere the non-dominated line there, with a note."""
    study, outcome, info = large
    feasible = outcome.of("front", "dominated")
    for view in info.views:
        metric = view.axis.metric
        points = feasible[[metric, study.accuracy]].to_numpy()
        best = points[pareto.non_dominated(points, (metric.startswith("sparsity"), True))]
        corners = {(x, y) for x, y in view.steps}
        assert all((x, y) in corners for x, y in best.tolist())
        assert bool(view.note) == (metric != study.sparsity)
    front = outcome.front[[study.sparsity, study.accuracy]].to_numpy().tolist()
    assert {tuple(point) for point in front} <= set(info.views[0].steps)


@pytest.mark.parametrize("view", range(2))
def test_three_objectives_are_seen_along_two(tmp_path: Path, view: int) -> None:
    """Trial 8 is on the front for its synapses alone: a front mark inside the region."""
    study = load(write_confirmed(tmp_path / "s", third=True))
    outcome = classify(study)
    info = front_info(study, outcome)
    inside = next(mark for mark in info.of("front") if mark.number == 8)
    assert (inside.at["sparsity_params"], inside.accuracy) not in info.views[view].steps
    two = classify(load(write_confirmed(tmp_path / "t")))
    flat = front_info(load(tmp_path / "t"), two)
    assert info.views[view].steps == flat.views[view].steps
    assert info.views[view].confirmed == flat.views[view].confirmed
    assert info.views[view].note == ""


def test_confirmed_front_on_the_axis_of_the_objectives(tmp_path: Path) -> None:
    """Corners at the means of trials 4, 6 and 7; the lucky trial 5 is no corner."""
    study = load(write_confirmed(tmp_path / "s"))
    outcome = classify(study)
    corners = front_info(study, outcome).views[0].confirmed
    tops = [corner for corner in corners if corner[1] > 0.1][1::2]
    assert [round(x, 4) for x, _ in tops] == [0.81, 0.915, 0.9555]
    assert outcome.confirmed_front == (4, 6, 7)


def test_stopped_trials_stand_where_they_were_stopped(large: Made, tmp_path: Path) -> None:
    """Their last row's values; from epochs.jsonl where trials.jsonl has none; they stretch no axis."""
    study, _, info = large
    mark = info.of("stopped")[0]
    last = study.epochs[study.epochs["number"] == mark.number].iloc[-1]
    assert (mark.accuracy, mark.at["sparsity_params"]) == (last["accuracy_val"], last["sparsity_params"])
    assert "stopped: dominated with confidence" in mark.hover
    rows = [trial(0, 0.9, 0.9), trial(1, None, None, state="PRUNED", error=None)]
    curve = [
        {"number": 1, "epoch": i, "accuracy_val": 0.5 + 0.1 * i, "sparsity_params": 0.1 * i} for i in (1, 2)
    ]
    bare = load(write_folder(tmp_path / "s", rows, curve))
    found = front_info(bare, classify(bare))
    assert [(m.accuracy, m.at["sparsity_params"]) for m in found.of("stopped")] == [(0.7, 0.2)]
    assert found.views[0].axis.left > 80
    unknown = load(write_folder(tmp_path / "t", rows))
    assert front_info(unknown, classify(unknown)).of("stopped") == []


def test_many_marks_are_thinned_and_counted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The front and the arms stay whole; the legend's counts are those of all trials."""
    monkeypatch.setattr(front_module, "DRAWN", 10)
    rows = [trial(i, 0.8, 0.5 + 0.001 * i) for i in range(40)] + [trial(40, 0.9, 0.95)]
    study = load(write_folder(tmp_path / "s", rows))
    info = front_info(study, classify(study))
    assert [mark.number for mark in info.of("front")] == [40]
    assert [len(info.of("dominated")), info.left_out, info.counts["dominated"]] == [10, {"dominated": 30}, 40]


def test_axis_of_what_remains_runs_from_much_to_little() -> None:
    """Sparsity 0.9 is 10 % remaining; full sparsity sits at the edge instead of at minus infinity."""
    rest = Axis("sparsity_params", "rest", 50, 0.1, log=True)
    assert rest.x(0.9) == pytest.approx(10)
    assert rest.place(0.6) < rest.place(0.9) < rest.place(0.99) < rest.place(1.0) == pytest.approx(1.0)
    assert rest.place(0.5) == pytest.approx(0.0)
    assert rest.layout()["tickvals"][:2] == [30, 10]
    assert math.isnan(rest.x(math.nan))


def test_counts_are_shown_against_the_dense_network(large: Made, tmp_path: Path) -> None:
    """A tenth of its operations is 10 %; without a dense arm the count itself, with its own ticks."""
    view = next(view for view in large[2].views if view.axis.metric == "synops")
    assert view.axis.x(OPS / 10) == pytest.approx(10)
    assert "% of the dense network's 90,000 per sample" in view.axis.title
    alone = axis("synops", "ops", [20_000, 3_000, math.nan], True, True, math.nan)
    assert alone.x(20_000) == 20_000
    assert alone.left > 20_000 > 3_000 > alone.right > 0
    assert "10,000" in alone.layout()["ticktext"]


@pytest.mark.parametrize(("low", "high"), [(0.001, 100), (3, 20), (9, 11), (2.1, 2.2)])
def test_ticks_are_round_falling_and_inside(low: float, high: float) -> None:
    """At least five over more than a decade; never beyond the ends."""
    found = ticks(low, high)
    assert found == sorted(found, reverse=True)
    assert all(low <= tick <= high for tick in found)
    assert len(found) >= (5 if high / low > 6 else 0)


def test_values_that_are_missing_on_an_axis_move_no_other(tmp_path: Path) -> None:
    """A trial without operations has no place there and keeps it elsewhere."""
    rows = [trial(i, 0.9 - 0.1 * i, 0.8 + 0.1 * i) for i in range(2)]
    rows[0]["metrics"]["synops"] = 50.0
    study = load(write_folder(tmp_path / "s", rows))
    made = (study, classify(study), front_info(study, classify(study)))
    plain, _, ops = figures(made)
    mine = [next(t for t in figure.data if t.name == "front").x for figure in (plain, ops)]
    assert mine[0] == pytest.approx((80, 90))
    assert mine[1][0] == 50
    assert np.isnan(mine[1][1])
