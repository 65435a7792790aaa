"""Common ground, contests by seed and the best of each study, against closed forms and own reports."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats as scipy_stats

from analysis import stats
from analysis.comparison.contests import VOLUME, contest, results
from analysis.comparison.ground import common_ground
from analysis.comparison.rivals import best, field, names
from analysis.outcome import classify
from analysis.records import StudyError
from analysis.replicates import CONFIRMED, SINGLE
from analysis.results import load
from analysis.sections.bands import BANDS
from tests.analysis.folder import SEEDS, write_confirmed, write_study
from tests.analysis.rivals import change, foreign, shifted


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def together(*folders: Path) -> Any:
    return field(folders, [load(folder) for folder in folders])


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"data": {"name": "cifar10", "classes": 10}}, "the data set differs (a: digits, b: cifar10)"),
        ({"data": {"name": "digits", "classes": 9}}, "the number of classes differs"),
        ({"network": {"name": "vgg", "prunable_weights": 83088}}, "the network differs"),
        (
            {"network": {"name": "digits_net", "prunable_weights": 9}},
            "the number of prunable weights differs",
        ),
        ({"objectives": ["accuracy_test", "sparsity_params"]}, "b has accuracy_test and no accuracy_val"),
    ],
)
def test_what_must_not_be_compared(tmp_path: Path, changed: dict[str, Any], words: str) -> None:
    """Other data, another network, another accuracy: one message says so."""
    first = write_confirmed(tmp_path / "a", name="a")
    second = write_confirmed(tmp_path / "b", name="b")
    if "objectives" in changed:
        text = (second / "trials.jsonl").read_text().replace("accuracy_val", "accuracy_test")
        (second / "trials.jsonl").write_text(text)
    with pytest.raises(StudyError) as error:
        together(first, change(second, **changed))
    assert words in str(error.value)


def test_every_reason_is_in_one_message(tmp_path: Path) -> None:
    first = write_confirmed(tmp_path / "a")
    second = write_confirmed(tmp_path / "b", data={"name": "x"}, network={"name": "y"})
    with pytest.raises(StudyError, match=r"data set differs.*network differs"):
        together(first, second)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"data": {"name": "digits", "val": 99}}, "The val splits differ in size"),
        ({"network": {}}, "b does not record its network."),
        ({"accuracy_floor": 0.6}, "The accuracy floors differ; the highest, 60.0 %"),
        (
            {"reference_point": {"accuracy_val": 0.2, "sparsity_params": 0.1}},
            "the worst of them (10.0 %, 0.0 %)",
        ),
        ({"spec": {"training": {"epochs": 60}}}, "differ in epochs (a: 30, b: 60)"),
        ({"state": "running"}, "Not every study is complete (b: running)"),
        ({"objectives": ["accuracy_val", "sparsity_synapses"]}, "b was searched for sparsity_synapses"),
    ],
)
def test_what_is_compared_with_a_warning(tmp_path: Path, changed: dict[str, Any], words: str) -> None:
    """Brought to one measure, or said; the studies as read stay as they are."""
    first = load(write_confirmed(tmp_path / "a", name="a"))
    second = load(change(write_confirmed(tmp_path / "b", name="b"), **changed))
    moved, warnings = common_ground([("a", first), ("b", second)])
    assert any(words in warning.replace("\u00a0", " ") for warning in warnings), warnings
    assert len({(study.floor, study.reference, tuple(study.objectives)) for study in moved}) == 1
    assert common_ground([("a", first), ("b", first)])[1] == ()


def test_a_third_objective_is_left_out_with_a_warning(tmp_path: Path) -> None:
    """Two objectives on the common ground; the hypervolume is an area then."""
    both = [load(write_confirmed(tmp_path / name, third=True)) for name in "ab"]
    moved, warnings = common_ground(list(zip("ab", both, strict=True)))
    assert moved[0].objectives == ["accuracy_val", "sparsity_params"]
    assert any("More objectives" in warning for warning in warnings)


def test_names_are_told_apart(tmp_path: Path) -> None:
    """By name; by as much of the path as it takes where the names are the same."""
    folders = [tmp_path / "x" / "s", tmp_path / "y" / "s", tmp_path / "z"]
    for folder in folders[:2]:
        write_study(folder, trials=1)
    write_study(folders[2], trials=1, name="other")
    got = names(folders, [load(folder) for folder in folders])
    assert got == ["digits (x/s)", "digits (y/s)", "other"]


def test_the_best_of_a_band_is_what_the_studys_own_report_says(tmp_path: Path) -> None:
    """The same configuration, the same mean, interval and test accuracy, for every band."""
    from analysis.sections.bands import band

    study = load(write_confirmed(tmp_path / "a"))
    rival = together(tmp_path / "a", write_confirmed(tmp_path / "b")).rivals[0]
    assert rival.again.basis == CONFIRMED
    for least in BANDS:
        mine, own = best(rival, least), band(classify(study), least, 270, {})
        if own.confirmed is None:
            assert mine is None
            continue
        assert mine is not None
        assert (mine.number, mine.among) == (own.confirmed.number, own.candidates)
        assert (mine.accuracy, mine.test) == (own.accuracy, own.test)
        assert mine.sparsity == pytest.approx(own.sparsity.value)


def test_pairs_are_seeds_that_both_have() -> None:
    """Three of five: Student's t of three differences, p of 2^3 signs; order does not matter."""
    first = pd.Series([0.9, 0.8, 0.7, 0.6, np.nan], index=[1, 2, 3, 4, 5])
    other = pd.Series([0.65, 0.7, 0.85, 0.1], index=[3, 2, 1, 5])
    got = contest(first, other, rng())
    expected = stats.student(np.array([0.05, 0.1, 0.05]))
    assert (got.pairs, got.difference.n, got.p, got.smallest) == (3, 3, 0.25, 0.25)
    assert got.difference.value == pytest.approx(expected.value)
    assert got.difference.low == pytest.approx(expected.low)
    assert got.effect == stats.a12([0.9, 0.8, 0.7, 0.6], [0.65, 0.7, 0.85, 0.1])


def test_without_common_seeds_the_runs_are_dealt_out() -> None:
    """Welch's interval as scipy has it, and 2 of 20 ways; seeds without a name pair with nothing."""
    x, y = np.array([0.9, 0.8, 0.85]), np.array([0.5, 0.6, 0.52])
    for index in ([1, 2, 3], ["trial 7", "trial 8", "trial 9"]):
        got = contest(pd.Series(x, index), pd.Series(y, index if index[0] != 1 else [4, 5, 6]), rng())
        ends = scipy_stats.ttest_ind(x, y, equal_var=False).confidence_interval()
        assert (got.pairs, got.p, got.smallest) == (0, pytest.approx(0.1), pytest.approx(0.1))
        assert (got.difference.low, got.difference.high) == pytest.approx((ends.low, ends.high))


def test_single_runs_are_not_tested() -> None:
    """A difference without an interval and no p."""
    got = contest(pd.Series([0.9], [1]), pd.Series([0.8, 0.7], [1, 2]), rng())
    assert (got.difference.value, got.tested) == (pytest.approx(0.15), False)
    assert np.isnan(got.difference.low)


def test_a_study_a_point_better_everywhere(tmp_path: Path) -> None:
    """Every difference is a point at every seed; Holm is over all tests of the page."""
    rivals = together(shifted(tmp_path / "a", 0.01, name="a"), write_confirmed(tmp_path / "b", name="b"))
    got = results(rivals, rng())
    assert not rivals.warnings
    for least in (0.8, 0.9):
        one = got.contests[least, "b"]
        assert (one.pairs, one.p) == (5, 0.0625)
        assert one.difference.value == pytest.approx(0.01)
        assert one.difference.high - one.difference.low < 1e-9
    # Of trial 7 the run with the last seed failed: four pairs, and p cannot be below 2 / 16.
    assert got.contests[0.95, "b"].p == got.contests[0.95, "b"].smallest == 0.125
    assert (0.98, "b") not in got.contests
    volume = got.contests[VOLUME, "b"]
    assert volume.p == 0.0625
    assert volume.difference.value > 0
    p = [one.p for one in got.contests.values()]
    assert [one.adjusted for one in got.contests.values()] == stats.holm(p).tolist()
    assert len(got.tests) == 4


def test_the_volume_of_a_seed_by_hand(tmp_path: Path) -> None:
    """Over (0.1, 0): the stairs of the four runs of one seed, widest step first."""
    rivals = together(write_confirmed(tmp_path / "a"), write_confirmed(tmp_path / "b"))
    # Seed 103: means of the trials 4 to 7, w = 0 and i = 0.
    stairs = [(0.955, 0.86), (0.915, 0.93), (0.81, 0.95)]
    expected = sum(
        x * (y - below) for (x, y), below in zip(stairs, [0.1, 0.86, 0.93], strict=True)
    )  # trial 5, (0.905, 0.92), is dominated
    assert rivals.rivals[0].volumes[103] == pytest.approx(expected)
    assert rivals.rivals[0].volumes.index.tolist() == list(SEEDS)


def test_one_study_without_seeds_puts_all_on_single_trainings(tmp_path: Path) -> None:
    """Like with like: no test, and a warning with the counts of the draws."""
    rivals = together(write_confirmed(tmp_path / "a", name="a"), write_study(tmp_path / "b", name="b"))
    assert {rival.again.basis for rival in rivals.rivals} == {SINGLE}
    assert any("b trained each configuration once" in warning for warning in rivals.warnings)
    assert any("a: 8" in warning.replace("\u00a0", " ") for warning in rivals.warnings)
    assert results(rivals, rng()).tests == []
    found = best(rivals.rivals[0], 0.9)
    assert found is not None
    assert (found.number, found.accuracy.value) == (5, 0.96)


def test_a_labs_old_runs_beside_a_study(tmp_path: Path) -> None:
    """Runs of one seed cannot be told apart by configuration: the best of them stands for it."""
    rivals = together(write_confirmed(tmp_path / "a", name="a"), foreign(tmp_path / "b"))
    assert rivals.warnings == (
        "old runs does not record its data set, its network, what its accuracy measures (taken for "
        "accuracy_val) and what its sparsity measures (taken for sparsity_params). That it is the same is "
        "yours to vouch for.",
    )
    found = best(rivals.rivals[1], 0.9)
    assert found is not None
    assert found.runs.to_dict() == pytest.approx({101: 0.85, 102: 0.84, 103: 0.83})
    assert (found.number, found.name) == (None, "linear, best run of each seed")
    # Trial 6 of the study: 0.93 + (-0.018, -0.012, 0) at these seeds.
    one = results(rivals, rng()).contests[0.9, "old runs"]
    assert (one.pairs, one.difference.value) == (3, pytest.approx(0.93 - 0.01 - 0.84))


def test_other_seeds_are_unpaired(tmp_path: Path) -> None:
    """Five against five, no seed in common: 2 of the 252 ways to deal them."""
    rivals = together(shifted(tmp_path / "a", 0.05, name="a"), shifted(tmp_path / "b", 0.0, 50, name="b"))
    one = results(rivals, rng()).contests[0.9, "b"]
    assert (one.pairs, one.p) == (0, pytest.approx(2 / 252))
