"""The classification of trials, and the best trial by sparsity band."""

from pathlib import Path

import pytest

from analysis.outcome import classify
from analysis.results import load
from analysis.sections.bands import band, dense_arm
from tests.analysis.folder import trial, write_folder

DENSE = trial(0, 0.99, 0.0, kind="reference", name="dense", config={"pruner": "dense"}, params={}, shape=None)
TRIALS = [
    DENSE,
    trial(1, 0.97, 0.99, kind="reference", name="sine"),
    trial(2, 0.95, 0.80),
    trial(3, 0.94, 0.90),
    trial(4, 0.60, 0.95),
    trial(5, 0.93, 0.85),
    trial(6, 0.10, 1.00),
    trial(7, None, None),
    trial(8, None, None, state="PRUNED", error=None),
    trial(9, 0.9, None, error=None),
]


def test_every_trial_has_one_outcome(tmp_path: Path) -> None:
    """Reference arms never join the front, collapsed trials neither, values must be finite."""
    outcome = classify(load(write_folder(tmp_path / "s", TRIALS)))
    assert outcome.trials["outcome"].tolist() == [
        "reference", "reference", "front", "front", "front", "dominated", "below floor", "failed", "stopped",
        "failed",
    ]  # fmt: skip
    assert outcome.front["number"].tolist() == [2, 3, 4]
    assert outcome.knee == 3
    assert outcome.hypervolume == pytest.approx(0.85 * 0.8 + 0.84 * 0.1 + 0.5 * 0.05)
    assert outcome.configurations == outcome.confirmed_front == ()
    assert outcome.trials["error"].iloc[9] == "completed without finite objective values"


def test_bands_choose_the_most_accurate_feasible_trial(tmp_path: Path) -> None:
    """With its interval and its distance from dense."""
    outcome = classify(load(write_folder(tmp_path / "s", TRIALS)))
    chosen = band(outcome, 0.85, 270, {})
    assert chosen.best is not None
    assert (chosen.best["number"], chosen.candidates) == (3, 3)
    assert chosen.gap.value == pytest.approx(-0.05)
    assert chosen.accuracy.low < 0.94 < chosen.accuracy.high
    dense = dense_arm(outcome)
    assert dense is not None
    assert dense["number"] == 0


def test_band_that_nobody_reaches(tmp_path: Path) -> None:
    """The collapsed trial at sparsity 1 is below the floor and does not count."""
    assert band(classify(load(write_folder(tmp_path / "s", TRIALS))), 0.98, 270, {}).best is None


def test_ties_go_to_the_sparser_then_the_earlier(tmp_path: Path) -> None:
    """So that the winner does not depend on the order of lines."""
    rows = [trial(4, 0.9, 0.95), trial(2, 0.9, 0.95), trial(1, 0.9, 0.91)]
    chosen = band(classify(load(write_folder(tmp_path / "s", rows))), 0.9, 0, {}).best
    assert chosen is not None
    assert chosen["number"] == 2
