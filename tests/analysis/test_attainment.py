"""Who repeats whom, the region that shares of the seeds reach, and what the section says of it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from analysis.figures.attainment import LEVELS, attainment_info, draw_attainment, reached
from analysis.figures.scale import Scale, scales
from analysis.replicates import CONFIRMED, REPEATED, SINGLE, replicates
from analysis.results import load
from analysis.sections.attainment import attainment
from analysis.sections.base import Material, Section
from analysis.theme import styles
from tests.analysis.folder import SEEDS, trial, write_confirmed, write_folder, write_hostile, write_study

FRONT = arrays.arrays(float, st.tuples(st.integers(0, 6), st.just(2)), elements=st.integers(0, 9).map(float))


def section(folder: Path) -> Section:
    return attainment(Material.of(load(folder)))


def row(number: int, scheduler: str, accuracy: float, sparsity: float, seed: Any, **changes: Any) -> Any:
    config = {"pruner": "stds", "scheduler": scheduler}
    return trial(
        number, accuracy, sparsity, config=config, params={"scheduler": scheduler}, seed=seed, **changes
    )


def design(folder: Path, seeds: list[Any], arms: int = 2) -> Path:
    """Every schedule twice with every seed: no configuration is known but the schedule."""
    rows = [
        row(2 * (len(seeds) * a + i) + k, "abc"[a], 0.9 - 0.1 * k - 0.01 * i, 0.85 + 0.08 * k, seed)
        for a in range(arms)
        for i, seed in enumerate(seeds)
        for k in (0, 1)
    ]
    return write_folder(folder, rows)


@settings(deadline=None)
@given(fronts=st.lists(FRONT, min_size=1, max_size=7), least=st.integers(0, 9))
def test_what_a_share_of_the_seeds_reaches_by_the_definition(fronts: list[np.ndarray], least: int) -> None:
    """The so-many-th best of what each seed reaches alone at that sparsity; empty fronts reach nothing."""
    group = reached("x", fronts, 1, len(fronts))
    alone = [max((y for x, y in front if x >= least), default=-1.0) for front in fronts]
    for level in LEVELS:
        expected = sorted(alone, reverse=True)[group.needed(level) - 1]
        got = group.accuracy(level, least)
        assert np.isnan(got) == (expected < 0)
        assert group.reaches(level, least) == (expected >= 0)
        if expected >= 0:
            assert got == expected


@pytest.mark.parametrize(
    ("seeds", "needed"), [(1, [1, 1, 1]), (2, [1, 1, 2]), (4, [1, 2, 3]), (5, [2, 3, 4])]
)
def test_how_many_seeds_a_share_stands_for(seeds: int, needed: list[int]) -> None:
    """At least that share: of two seeds a quarter and a half are both one."""
    group = reached("x", [np.ones((1, 2))] * seeds, 1, seeds)
    assert [group.needed(level) for level in LEVELS] == needed


def test_confirmed_runs_are_fronts_by_seed(tmp_path: Path) -> None:
    """Five seeds in each family; the failed run of trial 7 leaves its seed with an empty front."""
    again = replicates(load(write_confirmed(tmp_path / "s")))
    assert again.basis == CONFIRMED
    assert "dense" not in set(again.runs["scheduler"])
    fronts = {name: again.of(scheduler=name).fronts() for name in set(again.runs["scheduler"])}
    assert {name: list(front) for name, front in fronts.items()} == {
        name: list(SEEDS) for name in ("linear", "sine", "slats", "kumaraswamy", "cubic", "cosine")
    }
    assert [len(front) for front in fronts["cosine"].values()] == [1, 1, 1, 1, 0]
    # Two configurations, the second run of each: 0.95 - 0.01 - 0.002 and 0.92 - 0.012.
    np.testing.assert_allclose(fronts["kumaraswamy"][102], [[0.811, 0.938], [0.906, 0.908]])


def test_of_two_runs_with_one_seed_the_last_completed_one_counts(tmp_path: Path) -> None:
    """A run that failed after a restart does not undo one that completed."""
    folder = write_confirmed(tmp_path / "s")
    more = [
        row(n, "sine", accuracy, 0.9, 101, kind="confirm", replicate_of=2, **failed)
        for n, accuracy, failed in ((90, 0.77, {}), (91, None, {"state": "FAIL"}))
    ]
    with (folder / "trials.jsonl").open("a") as file:
        file.writelines(json.dumps(line) + "\n" for line in more)
    front = replicates(load(folder)).of(scheduler="sine").fronts()[101]
    np.testing.assert_allclose(front, [[0.9, 0.77]])


def test_runs_that_attain_nothing(tmp_path: Path) -> None:
    """Below the floor (0.5), violating a constraint, or one whose violation is not known."""
    rows = [
        row(0, "a", 0.49, 0.9, 1), row(1, "a", 0.9, 0.9, 1, violations={"x": 0.1}),
        row(2, "a", 0.9, 0.9, 1, violations={"x": None}), row(3, "a", 0.5, 0.9, 1, violations={"x": 0.0}),
    ]  # fmt: skip
    again = replicates(load(write_folder(tmp_path / "s", rows)))
    assert again.runs["attains"].tolist() == [False, False, False, True]


@pytest.mark.parametrize(
    ("seeds", "basis"),
    [
        ([1, 2, 3], REPEATED),
        (["x", 2], REPEATED),
        ([7], SINGLE),
        ([1, None], SINGLE),
        (list(range(60)), SINGLE),
    ],
)
def test_a_table_that_repeats_runs_with_seeds(tmp_path: Path, seeds: list[Any], basis: str) -> None:
    """Runs that name at least two seeds and at most fifty; without that a family has one front."""
    again = replicates(load(design(tmp_path / "s", seeds)))
    assert again.basis == basis
    assert len(again.of(scheduler="a").fronts()) == (len(seeds) if basis == REPEATED else 1)


def test_a_search_with_a_new_seed_for_every_run_repeats_nothing(tmp_path: Path) -> None:
    """Configurations differ by their parameters; what is not repeated has no spread."""
    rows = [
        trial(n, 0.9, 0.8 + 0.01 * n, seed=n, params={"scheduler": "linear", "final_threshold": n})
        for n in range(9)
    ]
    assert replicates(load(write_folder(tmp_path / "s", rows))).basis == SINGLE


def test_the_section_states_its_finding_with_n(tmp_path: Path) -> None:
    """Half of five seeds: the third best. Families that do not get there are named, so are the counts."""
    got = section(write_confirmed(tmp_path / "s"))
    plain = got.finding.replace("\u00a0", " ")
    # cubic, mean 0.93: 0.93 + 0.01 i + w over the seeds is 0.912, 0.918, 0.93, 0.942, 0.948.
    assert plain.startswith(
        "At 90 % sparsity or more half of 5 seeds reach 93.0 % with cubic "
        "(three quarters 91.8 %, a quarter 94.2 %)"
    )
    assert ", 92.0 % with Kumaraswamy" in plain
    assert "not with S-LATS" in plain
    cells = {tuple(cell.text for cell in line[:1]): [c.text for c in line] for line in got.tables[0].rows}
    assert cells[("cosine",)][1:4] == ["1", "5", "5"]
    # 0.842, 0.848, 0.86, 0.872 and a failed run, which is a seed that reached nothing.
    assert cells[("cosine",)][5].replace("\u00a0", " ") == "84.8 [84.2, 86.0] %"


def test_a_study_with_one_seed_says_so(tmp_path: Path) -> None:
    """Fronts of single trainings, n = 1, no brackets and no band."""
    got = section(write_study(tmp_path / "s"))
    assert "(n = 1, no spread over seeds)" in got.finding
    assert any("--confirm" in note for note in got.notes)
    assert not any("[" in cell.text for line in got.tables[0].rows for cell in line)
    bands = [t for t in got.pictures[0].views[0][1].data if t.fill == "toself"]
    assert bands
    assert all(len(band.x) == 0 for band in bands)


def test_nothing_attained_says_what_is_missing(tmp_path: Path) -> None:
    """All below the floor, or failed."""
    got = section(write_folder(tmp_path / "s", [trial(0, 0.2, 0.9), trial(1, None, None)]))
    assert (got.pictures, "several seeds" in got.missing) == ((), True)
    assert "None of 2" in got.finding.replace("\u00a0", " ")


def test_hostile_names_are_text(tmp_path: Path) -> None:
    """In legend and hover."""
    figure = section(write_hostile(tmp_path / "s")).pictures[0].views[0][1]
    for trace in figure.data:
        for words in (trace.name, *(trace.hovertext or ())):
            assert "<img" not in words


def test_views_have_the_same_traces_and_the_band_lies_around_the_line(tmp_path: Path) -> None:
    """On both scales; the band of the drawing holds the corners of the median."""
    picture = section(write_confirmed(tmp_path / "s")).pictures[0]
    counts = {len(figure.data) for _, figure in picture.views}
    assert len(counts) == 1
    assert counts.pop() % 3 == 0


def test_families_beyond_twelve_are_left_out_and_counted() -> None:
    """Those that reach most stay."""
    groups = [reached(f"{i:02}", [np.array([[0.5, i / 100]])], 1, 1) for i in range(1, 16)]
    info = attainment_info(groups, (0.0, 0.0))
    assert ([group.name for group in info.groups][:2], len(info.groups), info.left_out) == (
        ["15", "14"],
        12,
        3,
    )
    names = styles([group.name for group in groups])
    figure = draw_attainment(info, names, Scale(0.0, 1.0), "Sparsity", "Accuracy")
    assert len(figure.data) == 36


def test_scales_end_where_marks_do() -> None:
    """The log axis runs from much to little and holds every point; a sparsity of 1 sits on its end."""
    plain, log = (scale for _, scale in scales([0.62, 0.9, 0.99, 1.0]))
    assert (plain.low, plain.high) == (0.6, 1.0)
    assert [log.x(value) for value in (0.3, 0.9, 1.0)] == pytest.approx([40, 10, 0.7])
    layout = log.layout("Sparsity")
    assert layout["ticktext"] == ["20 %", "10 %", "5 %", "2 %", "1 %"]
    assert layout["range"] == pytest.approx([np.log10(40), np.log10(0.7)])
    assert scales([])[0][1].layout("x")["range"] == [0, 100]
