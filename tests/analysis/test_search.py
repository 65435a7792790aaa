"""The search section: its sentence, its figures' numbers, what it says where something is missing."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis.figures.hypervolume import draw_hypervolume, hypervolume_info
from analysis.figures.importance import importance_info
from analysis.figures.parallel import ABSENT, draw_parallel, rails
from analysis.figures.searched import searched_info
from analysis.figures.slices import draw_slices
from analysis.figures.timeline import MOST, draw_timeline, timeline_info
from analysis.results import load
from analysis.sections.base import Material, Section
from analysis.sections.search import search
from tests.analysis.folder import HOSTILE, trial, write_confirmed, write_folder, write_hostile
from tests.analysis.searched import AUDIT, write_searched


def material(folder: Path) -> Material:
    """What the sections of this folder are made from."""
    return Material.of(load(folder))


def words(section: Section) -> str:
    """Everything that a reader reads outside figures, on one line."""
    cells = [cell.text for table in section.tables for row in table.rows for cell in row]
    parts = [section.finding, *section.notes, *cells, *(p.caption for p in section.pictures)]
    return " ".join(" ".join(parts).replace("\u00a0", " ").split())


def test_the_sentence(tmp_path: Path) -> None:
    """Hypervolume, trials to 99 % of it, the parameter that decides, utilisation: all known here."""
    section = search(material(write_searched(tmp_path / "s", 60)))
    said = " ".join(section.finding.replace("\u00a0", " ").split())
    assert said.count(".") - said.count("0.") <= said.count("%") + 1  # one sentence
    assert "with 60 trials (1,680 epochs)" in said  # 52 of 30 and 8 of 15
    assert "its most important parameter is Schedule, which alone explains" in said
    assert "(n = 60)" in said
    assert "the 2 slots were busy 100 % of the 5.0 min from first to last, 58 % with training" in said
    keys = [picture.key for picture in section.pictures]
    assert keys == ["hypervolume", "importance", "slices", "parallel", "timeline"]
    assert "no rule that compares trials" not in words(section)


def test_history_goes_by_the_order_of_ends(tmp_path: Path) -> None:
    """A trial that ended first counts first; stopped and failed ones cost epochs and raise nothing."""
    rows = [
        trial(0, 0.8, 0.5, started_at=0.0, ended_at=40.0),
        trial(1, 0.6, 0.5, started_at=0.0, ended_at=10.0),
        trial(2, None, None, started_at=0.0, ended_at=20.0, epochs=3),
        trial(3, 0.6, 0.4, started_at=0.0, ended_at=30.0),
        trial(4, 0.9, 0.9, kind="reference", name="sine", started_at=0.0, ended_at=5.0),
        trial(5, 0.9, 0.9, started_at=0.0, ended_at=35.0, violations={"fits": 1.0}),
    ]
    m = material(write_folder(tmp_path / "s", rows))
    info = hypervolume_info(m.study, m.outcome)
    assert info.numbers.tolist() == [1, 0]
    assert (info.trials.tolist(), info.epochs.tolist()) == ([1, 5], [30, 30 + 3 + 30 + 30 + 30])
    assert info.values == pytest.approx([0.5 * 0.5, 0.7 * 0.5])
    assert info.reached == pytest.approx(m.outcome.hypervolume)
    assert (info.ended, info.spent, info.nearly) == (5, 123, (5, 123))
    marks = draw_hypervolume(info, True).data[1]
    assert (list(marks.x), list(marks.customdata), marks.meta) == ([30, 123], [1, 0], "trials")


@pytest.mark.parametrize("third", [False, True])
def test_views_keep_their_traces(tmp_path: Path, third: bool) -> None:
    """The page exchanges the traces of views one by one; every point that is a trial says so."""
    section = search(material(write_searched(tmp_path / "s", 40, third)))
    for picture in section.pictures:
        figures = [figure for _, figure in picture.views] + list(picture.narrow)
        assert len({len(figure.data) for figure in figures}) == 1
        assert len(picture.narrow) in (0, len(picture.views))
        for figure in figures:
            for trace in figure.data:
                if trace.meta == "trials":
                    assert len(trace.customdata) == len(trace.x)
                    assert all(isinstance(number, int) for number in trace.customdata)
    assert [label for label, _ in section.pictures[2].views][2:] == (["Synapses left"] if third else [])


def test_importances_of_the_study(tmp_path: Path) -> None:
    """Stopped trials count for the front and have no objective values; `a` decides both objectives."""
    m = material(write_searched(tmp_path / "s", 140))
    info = importance_info(m.study, m.outcome, np.random.default_rng(0))
    assert info.labels == ("Reaching the front", "Validation accuracy", "Sparsity (parameters)")
    assert [target.total for target in info.targets] == [140, 120, 120]
    names = [info.parameters[i].name for i in info.order]
    assert names[0] == "scheduler"
    accuracy = {p.name: e.value for p, e in zip(info.parameters, info.targets[1].estimates, strict=True)}
    assert accuracy["a"] > 0.8
    assert max(accuracy["b"], accuracy["scheduler"]) < 0.1


def test_slices_and_lines_hold_every_trial_once(tmp_path: Path) -> None:
    """A panel leaves out who lacks its parameter; a line falls below the axis there."""
    m = material(write_searched(tmp_path / "s", 28))
    info = importance_info(m.study, m.outcome, np.random.default_rng(0))
    shown = searched_info(m.study, m.outcome, info.parameters, 1000)
    assert (shown.drawn, shown.total) == (24, 24)
    figure = draw_slices(shown, m.styles, 0)
    by_panel: dict[str, list[int]] = {}
    for trace in figure.data:
        if trace.meta == "trials":
            by_panel.setdefault(trace.xaxis, []).extend(trace.customdata)
    at = [parameter.name for parameter in shown.parameters].index("shape_a")
    has = [n for n in shown.numbers.tolist() if n % 2 == 0]
    assert [sorted(numbers) for numbers in by_panel.values()][at] == has
    axes = rails(shown)
    assert [axis.label for axis in axes[-2:]] == ["Validation accuracy", "Sparsity (parameters)"]
    shape = next(axis for axis in axes if axis.label == "Shape a")
    assert [height == ABSENT for height in shape.heights] == [n % 2 == 1 for n in shown.numbers.tolist()]
    known = [h for axis in axes for h in axis.heights if h != ABSENT]
    assert (min(known), max(known)) == pytest.approx((0.0, 1.0))
    lines = [trace for trace in draw_parallel(shown, m.styles, False).data if trace.meta == "trials"]
    assert sorted({n for trace in lines for n in trace.customdata}) == shown.numbers.tolist()
    alone = [trace for trace in draw_parallel(shown, m.styles, True).data if trace.visible is not False]
    drawn = {n for trace in alone if trace.meta == "trials" for n in trace.customdata}
    assert drawn == set(m.outcome.front["number"])


def test_many_trials_are_capped_and_the_front_stays(tmp_path: Path) -> None:
    """An even selection of the others; the caption tells."""
    m = material(write_searched(tmp_path / "s", 80))
    info = importance_info(m.study, m.outcome, np.random.default_rng(0))
    shown = searched_info(m.study, m.outcome, info.parameters, 60)
    assert (shown.drawn, shown.total, len(set(shown.numbers.tolist()))) == (60, 69, 60)
    front = m.outcome.front["number"].tolist()
    assert len(front) > 30 or set(front) <= set(shown.numbers.tolist())


def test_the_time_line_by_hand(tmp_path: Path) -> None:
    """Slots, lengths and colours of four trials; one without times is told."""
    rows = [
        trial(0, 0.8, 0.5, started_at=100.0, ended_at=160.0, train_wall_s=50.0),
        trial(1, 0.7, 0.4, started_at=100.0, ended_at=130.0, train_wall_s=30.0),
        trial(2, None, None, started_at=140.0, ended_at=150.0, train_wall_s=1.0),
        trial(3, 0.9, 0.4, started_at=None, ended_at=None),
    ]
    m = material(write_folder(tmp_path / "s", rows, timings={"slots": 2}))
    info = timeline_info(m.study, m.outcome)
    assert info is not None
    assert (info.trials, info.unknown, info.usage.slots) == (3, 1, 2)
    bars = {trace.name: trace for trace in draw_timeline(info).data}
    assert (list(bars["front"].base), list(bars["front"].x), list(bars["front"].y)) == ([0], [60], [2])
    assert (list(bars["failed"].base), list(bars["failed"].y)) == ([40], [1])
    assert info.usage.busy == pytest.approx(100 / 120)
    assert "1 trial without times is not on the time line" in words(search(m))


def test_a_long_time_line_is_merged_but_keeps_its_time(tmp_path: Path) -> None:
    """One bar for neighbours of one outcome; together they are as long as before."""
    m = material(write_searched(tmp_path / "s", MOST + 500))
    info = timeline_info(m.study, m.outcome)
    assert info is not None
    assert info.merged
    assert len(info.bars) <= MOST * 4
    assert int(info.bars["trials"].sum()) == info.trials == MOST + 500
    assert info.bars["length_s"].sum() == pytest.approx(10.0 * (MOST + 500))


def test_the_audit(tmp_path: Path) -> None:
    """Rates with Wilson's interval from the counts, the cases that the folder still has."""
    said = words(search(material(write_searched(tmp_path / "s", 60, stopping=AUDIT))))
    assert "the rule pareto stopped 8 search trials and saved 10.0 % of the search's planned epochs" in said
    assert "a false-stop rate of 25.0 [4.6, 69.9] % (95 % Wilson interval, n = 4)" in said
    assert "Hypervolume lost without the audited trials 1.23 %" in said
    assert "Stopped for safety (silent or collapsed) 0" in said
    section = search(material(write_searched(tmp_path / "t", 60, stopping=AUDIT)))
    assert [row[0].text for row in section.tables[1].rows] == ["2"]


@pytest.mark.parametrize(
    ("study", "sentence"),
    [
        (
            {"spec": {"stopping": {"stop_rule": "none"}}, "stopping": None},
            "no rule that compares trials was on",
        ),
        ({"spec": {}}, "study.json names no stopping rule"),
        (
            {"spec": {"stopping": {"stop_rule": "pareto"}}, "state": "running"},
            "the rule pareto was on and 5 search trials were stopped; its audit is made when the study ends",
        ),
        ({"stopping": {"rule": "pareto", "audited": [4, 8]}}, "its audit is not in study.json"),
        ({"stopping": AUDIT | {"audited": 0, "false_stops": 0, "cases": "?"}}, "nobody knows what it cost"),
    ],
)
def test_no_audit(tmp_path: Path, study: dict[str, Any], sentence: str) -> None:
    """Each reason for there being none is told."""
    assert sentence in words(search(material(write_searched(tmp_path / "s", 35, **study))))


def test_nothing_searched(tmp_path: Path) -> None:
    """Reference arms alone: the section says what it needs."""
    section = search(
        material(write_folder(tmp_path / "s", [trial(0, 0.9, 0.9, kind="reference", name="sine")]))
    )
    assert section.missing
    assert not section.pictures


def test_all_failed_without_times(tmp_path: Path) -> None:
    """What is left out is told part by part."""
    rows = [trial(i, None, None, started_at=None, ended_at=None) for i in range(3)]
    section = search(material(write_folder(tmp_path / "s", rows)))
    said = words(section)
    assert "No hypervolume: of 3 search trials none is feasible" in said
    for part in ("The hypervolume", "Importances", "Slices and parallel coordinates", "The time line"):
        assert f"{part} would need" in said
    assert "when its trials ran is not known" in said


def test_few_trials_are_not_ranked(tmp_path: Path) -> None:
    """n and the reason instead of a name."""
    said = words(search(material(write_searched(tmp_path / "s", 12))))
    assert "n = 12 with" in said
    assert "is too few to rank its 4 parameters" in said
    assert "most important" not in said.split(";")[1]


def test_confirmed_hypervolume_is_a_line(tmp_path: Path) -> None:
    """As the outcome has it; without a confirmation the trace stays, unseen."""
    m = material(write_confirmed(tmp_path / "s"))
    line = draw_hypervolume(hypervolume_info(m.study, m.outcome), False).data[2]
    assert list(line.y) == [m.outcome.confirmed_hypervolume] * 2
    m = material(write_searched(tmp_path / "t", 20))
    line = draw_hypervolume(hypervolume_info(m.study, m.outcome), False).data[2]
    assert line.visible is False
    assert math.isnan(line.y[0]) or line.y[0] == 0


def test_hostile_names_are_text_in_templates_too(tmp_path: Path) -> None:
    """%{x} would be replaced by the point's x."""
    section = search(material(write_hostile(tmp_path / "s")))
    templates = [
        trace.hovertemplate
        for picture in section.pictures
        for _, figure in picture.views
        for trace in figure.data
        if getattr(trace, "hovertemplate", None)
    ]
    assert templates
    assert not any("<img" in text or HOSTILE[-4:] in text for text in templates)
