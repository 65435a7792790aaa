"""Means over fresh seeds, paired differences and the confirmed front, against numbers worked out by hand."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats as scipy_stats

from analysis import stats
from analysis.confirmation import TEST
from analysis.outcome import Outcome, classify
from analysis.results import load
from analysis.sections.bands import band
from tests.analysis.folder import SEEDS, trial, write_confirmed, write_folder

T4 = 2.7764451  # Student's t, 97.5 %, four degrees of freedom


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """The made-up study with confirmation, two objectives."""
    return classify(load(write_confirmed(tmp_path_factory.mktemp("confirmed") / "s")))


def test_every_kind_of_trial_has_its_outcome(outcome: Outcome) -> None:
    """Confirming runs are their own outcome; a violated constraint outranks a high accuracy."""
    words = outcome.trials.set_index("number")["outcome"]
    assert words[:13].tolist() == [
        *["reference"] * 4, *["front"] * 4, "dominated", "infeasible", "below floor", "failed", "stopped",
    ]  # fmt: skip
    assert words[13:52].tolist() == ["confirmed"] * 39
    assert words[52] == "failed"
    assert outcome.searched["number"].tolist() == [4, 5, 6, 7, 8, 9, 10]


def test_means_leave_out_what_the_search_saw(outcome: Outcome) -> None:
    """Mean, sd and t interval of five values 0.95 + 0.01 i + w; the lucky 0.97 is in none of them."""
    part = next(part for part in outcome.configurations if part.number == 4)
    assert list(part.runs.index) == list(SEEDS)
    values = 0.95 + 0.01 * np.arange(-2, 3) + 0.002 * np.array([1, -1, 0, 1, -1])
    sd = np.sqrt(((values - 0.95) ** 2).sum() / 4)
    mean = part.mean("accuracy_val")
    assert (mean.value, mean.n, part.sd("accuracy_val")) == (pytest.approx(0.95), 5, pytest.approx(sd))
    assert mean.high - mean.value == pytest.approx(T4 * sd / np.sqrt(5))
    assert part.optimism("accuracy_val") == pytest.approx(0.02)
    assert part.mean(TEST).value == pytest.approx(0.94)
    assert part.mean("sparsity_params").value == pytest.approx(0.81)


def test_differences_are_paired_by_seed(outcome: Outcome) -> None:
    """What all runs of a seed share cancels: only w is left, whose sd is 0.002."""
    of = {part.number: part for part in outcome.configurations}
    gain = of[6].gain(of[2], "accuracy_val")
    assert (gain.value, gain.n) == (pytest.approx(0.04), 5)
    assert gain.high - gain.value == pytest.approx(T4 * 0.002 / np.sqrt(5))
    independent = of[6].mean("accuracy_val")
    assert gain.high - gain.value < 0.2 * (independent.high - independent.value)
    short = of[7].gain(of[1], "accuracy_val")
    assert (short.n, short.value) == (4, pytest.approx(0.86 - 0.68 + 0.0005))


def test_a_failed_run_is_counted_and_in_no_mean(outcome: Outcome) -> None:
    """Trial 7 has four values of five runs."""
    part = next(part for part in outcome.configurations if part.number == 7)
    assert (len(part.runs), part.ended, part.feasible) == (4, 5, True)
    assert part.mean("accuracy_val").value == pytest.approx(0.86 - 0.005 + 0.0005)


def test_confirmed_front_is_that_of_the_means(outcome: Outcome) -> None:
    """Trial 5 was lucky: on the search's front, dominated by the mean of trial 6. Arms are never on it."""
    assert outcome.front["number"].tolist() == [4, 5, 6, 7]
    assert outcome.confirmed_front == (4, 6, 7)
    assert [part.number for part in outcome.configurations] == [0, 4, 3, 5, 2, 6, 1, 7]
    assert outcome.hypervolume == pytest.approx(0.87 * 0.82 + 0.86 * 0.09 + 0.85 * 0.01 + 0.8 * 0.04)
    s7, a7 = 0.955 + 0.0005, 0.8555
    expected = 0.85 * 0.81 + 0.83 * (0.915 - 0.81) + (a7 - 0.1) * (s7 - 0.915)
    assert outcome.confirmed_hypervolume == pytest.approx(expected)


def test_bands_rest_on_means(outcome: Outcome) -> None:
    """At 90 % the search would have chosen trial 5."""
    found = band(outcome, 0.90, 270, {})
    assert found.best is not None
    assert (found.best["number"], found.candidates) == (6, 3)
    assert found.gap.value == pytest.approx(-0.05)
    assert (found.accuracy.value, found.test.value) == (pytest.approx(0.93), pytest.approx(0.92))
    sparse = band(outcome, 0.95, 270, {})
    assert sparse.confirmed is not None
    assert sparse.confirmed.number == 7
    assert band(outcome, 0.98, 270, {}).best is None


def test_three_objectives(tmp_path: Path) -> None:
    """Trial 8 has the fewest synapses: on the front of three, dominated in two; less is better there."""
    study = load(write_confirmed(tmp_path / "s", third=True))
    assert study.maximize == (True, True, False)
    assert study.reference == (0.1, 0.0, 386_112.0)
    assert study.shown == ["accuracy_val", "sparsity_params", "synapses"]
    found = classify(study)
    assert found.front["number"].tolist() == [4, 8, 5, 6, 7]
    assert found.confirmed_front == (4, 6, 7)
    assert found.knee is None
    unknown = load(write_confirmed(tmp_path / "t", third=True, reference_point={}))
    assert np.isnan(classify(unknown).hypervolume)


def confirm(number: int, again: int | None, seed: Any, accuracy: float | None = 0.9, **more: Any) -> Any:
    """A confirming run."""
    return trial(number, accuracy, 0.9, kind="confirm", replicate_of=again, seed=seed, **more)


def test_a_constraint_must_hold_in_the_mean(tmp_path: Path) -> None:
    """Mean violation above zero or unknown, or mean accuracy below the floor: not on the confirmed front."""
    violated = [[-1.0, 0.5], [-0.5, 1.0], [None, -1.0]]
    rows = [trial(i, 0.9, 0.9 + 0.01 * i) for i in range(4)]
    for i, pair in enumerate(violated):
        rows += [confirm(10 + 2 * i + k, i, k, violations={"c": value}) for k, value in enumerate(pair)]
    rows += [confirm(20, 3, 0, 0.9), confirm(21, 3, 1, 0.05)]
    found = classify(load(write_folder(tmp_path / "s", rows)))
    assert {part.number: part.feasible for part in found.configurations} == {
        0: True, 1: False, 2: False, 3: False,
    }  # fmt: skip
    assert found.confirmed_front == (0,)


def test_odd_runs(tmp_path: Path) -> None:
    """A seed twice counts once, the later; without seeds nothing pairs; strangers are told; some wait."""
    rows = [trial(0, 0.9, 0.9), trial(1, 0.8, 0.9), trial(2, 0.7, 0.9)]
    rows += [confirm(3, 0, 5, 0.1), confirm(4, 0, 5, 0.8), confirm(5, 0, None, 0.6), confirm(6, 1, None)]
    rows += [confirm(7, 99, 5), confirm(8, 4, 5), confirm(9, None, 5)]
    study = load(write_folder(tmp_path / "s", rows, confirmed=[0, 1, 2, 77]))
    assert "confirm no trial of this study, and are in no mean: 7, 8, 9" in study.notices[0]
    of = {part.number: part for part in classify(study).configurations}
    assert list(of) == [0, 1, 2]
    assert of[0].mean("accuracy_val").value == pytest.approx(0.7)
    assert of[0].gain(of[1], "accuracy_val").n == 0
    assert (of[2].ended, of[2].feasible, of[2].mean("accuracy_val").n) == (0, False, 0)
    assert of[0].mean("nonsense").n == 0


def test_old_folders_have_no_configurations(tmp_path: Path) -> None:
    """Neither `kind` confirm nor any new key: everything as before."""
    old = {key: value for key, value in trial(0, 0.9, 0.9).items() if key not in ("replicate_of", "kind")}
    assert classify(load(write_folder(tmp_path / "s", [old]))).configurations == ()


def test_intervals_of_fractions_stay_fractions(tmp_path: Path) -> None:
    """0.99 and 0.999 have an upper end beyond 1; it is cut, for the true mean is not there."""
    rows = [trial(0, 0.99, 0.9), confirm(1, 0, 1, 0.99), confirm(2, 0, 2, 0.999)]
    part = classify(load(write_folder(tmp_path / "s", rows))).configurations[0]
    assert part.mean("accuracy_val").high == 1.0


def test_student_agrees_with_scipy_and_covers() -> None:
    """Against scipy's interval; of 5 normal values it covers the mean as often as it says."""
    values = np.random.default_rng(0).normal(size=(2000, 5))
    got = stats.student(values[0])
    expected = scipy_stats.ttest_1samp(values[0], 0.0).confidence_interval(0.95)
    assert (got.low, got.high) == (pytest.approx(expected.low), pytest.approx(expected.high))
    held = np.mean([low.low <= 0 <= low.high for low in map(stats.student, values)])
    assert abs(held - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 2000)
    assert np.isnan(stats.student(np.array([1.0, np.nan])).low)
    assert stats.student(np.array([])).n == 0
