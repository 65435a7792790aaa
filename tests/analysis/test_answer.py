"""The answer: best against linear, sine and S-LATS, what the tests can show, and what the sentences say."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis import theme
from analysis.figures.answer import Dot, answer_info, draw_answer
from analysis.outcome import Outcome, classify
from analysis.results import load
from analysis.sections.answer import answer
from analysis.sections.answer_table import full_table, reading_table
from analysis.sections.bands import BANDS, band
from analysis.sections.base import Material, Section
from analysis.sections.versus import Versus, power, versus
from analysis.stats import Estimate
from tests.analysis.folder import trial, write_confirmed, write_folder, write_hostile
from tests.analysis.fronts import write_large

NAN = float("nan")


def compare(folder: Path) -> tuple[Outcome, list[list[Versus]]]:
    """All bands of a folder."""
    outcome = classify(load(folder))
    bands = [band(outcome, least, 270, {}) for least in BANDS]
    return outcome, versus(outcome, bands, np.random.default_rng(0))


def run(number: int, scheduler: str, accuracy: float, sparsity: float, **more: Any) -> dict[str, Any]:
    """A trial of one schedule."""
    config = {"pruner": "stds", "scheduler": scheduler, "final_threshold": 0.3}
    return trial(number, accuracy, sparsity, config=config, **more)


def said(section: Section) -> str:
    """The finding with plain spaces."""
    return section.finding.replace("\u00a0", " ")


def test_each_schedule_at_its_most_accurate_confirmed_configuration(tmp_path: Path) -> None:
    """At 90 %: cubic 93 % against the arms linear 68 % and sine 89 %; no S-LATS is as sparse."""
    _, found = compare(write_confirmed(tmp_path / "s"))
    linear, sine, slats = found[1]
    assert (linear.row and linear.row["number"], sine.row and sine.row["number"], slats.row) == (1, 2, None)
    assert (linear.gain.value, sine.gain.value) == (pytest.approx(0.25), pytest.approx(0.04))
    assert (linear.gain.n, sine.fresh, sine.accuracy.n) == (5, True, 5)
    assert sine.gain.high - sine.gain.value < sine.accuracy.high - sine.accuracy.value


def test_p_values_are_exact_and_corrected_over_the_whole_table(tmp_path: Path) -> None:
    """Five pairs of one sign: 2 / 2^5 each. At 80 % three tests, at 90 and 95 % two and none: Holm."""
    _, found = compare(write_confirmed(tmp_path / "s"))
    tested = [one for entries in found for one in entries if np.isfinite(one.p)]
    assert len(tested) == 5
    assert {one.p for one in tested} == {0.0625}
    assert all(one.adjusted == pytest.approx(5 * 0.0625) for one in tested)
    shown = power(found)
    assert shown is not None
    assert (shown.tests, shown.pairs, shown.found, shown.needed) == (5, 5, 0, 8)
    assert shown.least == pytest.approx(0.3125)
    assert 5 * 2.0**-7 < 0.05 <= 5 * 2.0**-6  # eight seeds, and not seven, could show it


def test_nine_seeds_can_show_what_five_cannot(tmp_path: Path) -> None:
    """The same made-up study with more seeds: significant leads, and the note says how many."""
    few, many = (Material.of(load(write_large(tmp_path / str(n), seeds=n))) for n in (5, 9))
    notes = [" ".join(answer(material).notes).replace("\u00a0", " ") for material in (few, many)]
    assert "5 seeds are too few for any significance at 0.05" in notes[0]
    assert "comparisons are significant at 0.05" in notes[1]


def test_the_winner_is_not_compared_with_itself(tmp_path: Path) -> None:
    """The best is a searched linear: only an arm of that schedule stands against it."""
    rows = [run(0, "linear", 0.95, 0.91), run(1, "linear", 0.94, 0.92), run(2, "sine", 0.9, 0.93)]
    _, found = compare(write_folder(tmp_path / "s", rows))
    linear, sine, slats = found[1]
    assert (linear.own, linear.row, sine.own, slats.own) == (True, None, False, False)
    assert sine.gain.value == pytest.approx(0.05)
    assert np.isnan(sine.p)
    arm = run(3, "linear", 0.6, 0.99, kind="reference", name="linear")
    _, found = compare(write_folder(tmp_path / "t", [*rows, arm]))
    assert found[1][0].row is not None
    assert (found[1][0].row["number"], found[1][0].gain.value) == (3, pytest.approx(0.35))


def test_a_collapsed_schedule_counts_and_a_refuted_training_does_not(tmp_path: Path) -> None:
    """Sine at chance is a finding; what fresh seeds put below the band stays there."""
    rows = [
        run(0, "cubic", 0.95, 0.91),
        run(1, "sine", 0.1, 0.97),
        run(2, "slats", 0.9, 0.91),
        *(run(3 + i, "slats", 0.85, 0.88, kind="confirm", replicate_of=2, seed=i) for i in range(2)),
    ]
    _, found = compare(write_folder(tmp_path / "s", rows))
    _, sine, slats = found[1]
    assert sine.gain.value == pytest.approx(0.85)
    assert slats.row is None


def test_spellings_of_a_schedule_meet(tmp_path: Path) -> None:
    """'S-LATS' is slats."""
    rows = [run(0, "cubic", 0.95, 0.91), run(1, "S-LATS", 0.9, 0.97)]
    assert compare(write_folder(tmp_path / "s", rows))[1][1][2].row is not None


def test_the_first_sentence_says_what_and_how_sure(tmp_path: Path) -> None:
    """Schedule, D, accuracy, n, interval, distance from dense; then the rivals, the test, the front."""
    text = said(answer(Material.of(load(write_confirmed(tmp_path / "s")))))
    for part in (
        "At 90 % sparsity or more, cubic with final threshold D / \u03a3 lr = 0.3 keeps 93.0 % validation "
        "accuracy (mean of 5 fresh seeds, 95 % interval 91.1 to 94.9 %) with 8.5 % of the weights, 5.0 "
        "points below the dense network (paired over 5 seeds, 95 % interval",
        "It is the best of 3 confirmed configurations (trial 6).",
        "Paired over 5 seeds, it lies 25.0 points above the linear arm (95 % interval +24.8 to +25.2) and "
        "4.0 points above the sine arm (95 % interval +3.8 to +4.2).",
        "No S-LATS was as sparse.",
        "Test accuracy of the same runs: 92.0 %, 95 % interval 90.1 to 93.9 %.",
        "The confirmed front: 3 configurations, from 95.0 % accuracy at 81.0 % sparsity to 85.5 % accuracy "
        "at 95.5 % sparsity.",
    ):
        assert part in text, part
    assert text.index("93.0 %") < text.index("trial 6")


def test_a_lead_that_may_be_none_says_so(tmp_path: Path) -> None:
    """The interval of the paired difference holds zero."""
    rows = [run(0, "cubic", 0.95, 0.91), run(1, "sine", 0.94, 0.92, kind="reference", name="sine")]
    pairs = [(0.93, 0.94), (0.95, 0.92), (0.94, 0.93)]
    for seed, (mine, theirs) in enumerate(pairs):
        rows.append(run(2 + 2 * seed, "cubic", mine, 0.91, kind="confirm", replicate_of=0, seed=seed))
        rows.append(run(3 + 2 * seed, "sine", theirs, 0.92, kind="confirm", replicate_of=1, seed=seed))
    text = said(answer(Material.of(load(write_folder(tmp_path / "s", rows)))))
    assert "1.0 points above the sine arm (95 % interval \u22124.0 to +6.0, so possibly none)" in text
    assert "No linear or S-LATS was as sparse." in text


def test_the_window_of_a_searched_schedule_is_told(tmp_path: Path) -> None:
    """A linear that grows over half of the training is not the linear of the paper."""
    params = {"scheduler": "linear", "window_start": 0.02, "window_end": 0.514}
    rows = [run(0, "linear", 0.95, 0.91, params=params)]
    text = said(answer(Material.of(load(write_folder(tmp_path / "s", rows)))))
    assert "linear grown over u = 0.02 to 0.51 of the training with final threshold" in text


def test_below_the_headline_the_sparsest_band_speaks(tmp_path: Path) -> None:
    """Nothing above the floor at 90 %: the sentence is about 80 %, and says what is missing."""
    rows = [run(0, "cubic", 0.95, 0.85), run(1, "cubic", 0.1, 0.99)]
    section = answer(Material.of(load(write_folder(tmp_path / "s", rows))))
    text = said(section)
    assert text.startswith("At 80 % sparsity or more, cubic with")
    assert (
        "None of 2 completed search trials reached 90 % sparsity above the floor of 50 % accuracy; " in text
    )
    assert "the sparsest has 85.0 %" in text
    assert "No trial above the floor reached 90 %." in (section.pictures[0].caption.replace("\u00a0", " "))


def test_one_training_that_promised_more_is_named(tmp_path: Path) -> None:
    """Not best, for nobody repeated it; but the reader learns of it."""
    rows = [run(0, "cubic", 0.95, 0.91), run(1, "sine", 0.97, 0.92)]
    rows += [run(2 + i, "cubic", 0.94, 0.91, kind="confirm", replicate_of=0, seed=i) for i in range(2)]
    section = answer(Material.of(load(write_folder(tmp_path / "s", rows))))
    notes = " ".join(section.notes).replace("\u00a0", " ")
    assert "was not trained again (80 %: trial 1 with 97.0 %; 90 %: trial 1 with 97.0 %)" in notes
    assert "By single trainings, it lies 3.0 points below the searched sine" in said(section)


def test_no_lead_over_a_schedule_of_which_one_training_was_better(tmp_path: Path) -> None:
    """Its confirmed configuration is another one, and worse: to be above that one would say nothing."""
    rows = [run(0, "cubic", 0.95, 0.91), run(1, "sine", 0.80, 0.95), run(2, "sine", 0.945, 0.90)]
    for seed in range(2):
        rows.append(run(3 + 2 * seed, "cubic", 0.94, 0.91, kind="confirm", replicate_of=0, seed=seed))
        rows.append(run(4 + 2 * seed, "sine", 0.80, 0.95, kind="confirm", replicate_of=1, seed=seed))
    section = answer(Material.of(load(write_folder(tmp_path / "s", rows))))
    assert "By single trainings, it lies 0.5 points below the searched sine" in said(section)
    assert "above the searched sine" not in said(section)
    rows[2] = run(
        2, "sine", 0.935, 0.90
    )  # not better than the best: the confirmed one stands, with its pairs
    section = answer(Material.of(load(write_folder(tmp_path / "t", rows))))
    assert "Paired over 2 seeds, it lies 14.0 points above the searched sine" in said(section)


@pytest.mark.parametrize("writer", [write_confirmed, write_hostile, write_large])
def test_tables_are_whole_and_rows_can_be_picked(tmp_path: Path, writer: Any) -> None:
    """As many cells as columns; the first cell of a row with a trial names it; everything is in the data."""
    material = Material.of(load(writer(tmp_path / "s")))
    bands = [band(material.outcome, least, 270, {}) for least in BANDS]
    rows = list(zip(bands, versus(material.outcome, bands, np.random.default_rng(0)), strict=True))
    short, full = reading_table(material, rows, True), full_table(material, rows)
    for table in (short, full):
        assert all(len(row) == len(table.columns) for row in table.rows)
    best = [entry.best["number"] for entry in bands if entry.best is not None]
    assert [row[0].trial for row in short.rows if row[0].trial is not None] == best
    assert len(full.rows) == len(best) + 3 * len(BANDS)


def test_dots_below_the_axis_sit_on_its_edge_with_their_value() -> None:
    """A collapsed arm does not squeeze the others together."""
    exact = Estimate(0.1, NAN, NAN, 1)
    dots = [
        Dot("best", "cubic", Estimate(0.95, 0.93, 0.97, 5), True, 4),
        Dot("linear", "linear", exact, number=1),
    ]
    dots.append(Dot("sine", "sine", Estimate(NAN, NAN, NAN, 0), words="none"))
    info = answer_info([("at least 90 %", dots)],
                       Estimate(0.98, 0.97, 0.99, 5), 0.5, "Accuracy")  # fmt: skip
    assert 0.9 < info.low < 0.93
    figure = draw_answer(info, theme.styles(["cubic", "linear"]))
    best, linear, dense = figure.data
    assert (best.x[0], best.error_x.array[0], best.customdata[0]) == (95, pytest.approx(2), 4)
    assert 100 * info.low < linear.x[0] < 93
    assert linear.text[0].strip() == "10.0\u00a0%"
    assert linear.error_x.array[0] == 0
    assert dense.x[0] == pytest.approx(98)
    assert any(note.text == "none" for note in figure.layout.annotations)
