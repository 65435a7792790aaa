from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from study.stopping.audit import Judge, Trial, Verdict, audit
from study.stopping.measures import kendall_tau, wilson
from tests.study.stopped import OBJECTIVES, PLAN, Made, feed, row, rule

REFERENCE = {"accuracy_val": 0.1, "sparsity_params": 0.0}


def judged(share: float, seed: int = 0) -> Judge:
    """After nine strong trials."""
    judge = Judge(rule("pareto"), share, seed)
    for number in range(9):
        for one in Made(0.97, 3.0 + number / 50).rows():
            assert judge.row(number, PLAN, one) is None
        judge.ended(number, one, complete=True)
    return judge


def test_a_sentenced_trial_stops_or_runs_on_marked() -> None:
    rows = Made(0.8, 1.0).rows()
    strict, lenient = judged(0.0), judged(1.0)
    answers = [strict.row(50, PLAN, one) for one in rows]
    assert answers[:4] == [None] * 4
    assert all(answers[4:])  # and it is not forgotten
    assert [lenient.row(50, PLAN, one) for one in rows] == [None] * 10
    one, other = strict.verdicts[50], lenient.verdicts[50]
    assert one.line() == {"number": 50, "epoch": 5, "reason": answers[4], "audited": False}
    assert other == Verdict(50, 5, str(answers[4]), audited=True)
    assert set(lenient.verdicts) == {50}


def test_who_is_audited_is_drawn_from_seed_and_number() -> None:
    judge = Judge(rule("none"), 0.15, 3)
    drawn = [judge.audited(number) for number in range(4000)]
    assert drawn == [Judge(rule("none"), 0.15, 3).audited(number) for number in range(4000)]
    assert drawn != [Judge(rule("none"), 0.15, 4).audited(number) for number in range(4000)]
    assert abs(np.mean(drawn) - 0.15) < 4 * math.sqrt(0.15 * 0.85 / 4000)


def trial(points: list[tuple[Any, Any]], complete: bool = True) -> Trial:
    return Trial([row(epoch, *point) for epoch, point in enumerate(points, 1)], 4, complete)


def test_a_report_by_hand() -> None:
    """Trials of four epochs: 2 is audited and ends on the front, 3 is audited and does not, 4 is stopped."""
    trials = {
        0: trial([(0.5, 0.1), (0.6, 0.2), (0.7, 0.3), (0.9, 0.5)]),
        1: trial([(0.4, 0.2), (0.5, 0.3), (0.6, 0.4), (0.6, 0.8)]),
        2: trial([(0.3, 0.1), (0.3, 0.1), (0.5, 0.3), (0.8, 0.6)]),
        3: trial([(0.2, 0.1), (0.2, 0.0), (0.3, 0.1), (0.3, 0.2)]),
        4: trial([(0.2, 0.1), (0.2, 0.1)], complete=False),
    }
    verdicts = [Verdict(2, 2, "", True), Verdict(3, 2, "", True), Verdict(4, 2, "", False)]
    report = audit(verdicts, trials, OBJECTIVES, REFERENCE, n_val=10**9)
    assert (report["stopped"], report["audited"]) == (1, 2)
    assert (report["false_stops"], report["on_front"], report["false_stop_rate"]) == (1, 1, 0.5)
    assert report["false_stop_interval"] == pytest.approx([0.0945, 0.9055], abs=1e-4)
    # staircase 0.5*0.8 + 0.1*0.7 + 0.2*0.5; without trial 2 its corner (0.8-0.6)*(0.6-0.5) is gone
    assert report["hypervolume_lost"] == pytest.approx(0.02 / 0.57)
    # ranks at epoch 2: 0, 0, 1, 2; at the end 0, 0, 0, 1: concordant 3 pairs, untied 5 and 3
    assert report["rank_correlation"] == pytest.approx(3 / math.sqrt(5 * 3))
    assert (report["epochs_saved"], report["epochs_saved_share"]) == (2, 2 / 20)
    assert report["cases"] == [
        {"number": 2, "epoch": 2, "near_front": True, "on_front": True},
        {"number": 3, "epoch": 2, "near_front": False, "on_front": False},
    ]


def test_within_the_noise_of_the_front_is_a_false_stop_too() -> None:
    """0.899 at the sparsity of 0.9: with 100 samples nobody can tell, with very many it is still 0.04 sd."""
    trials = {0: trial([(0.9, 0.5)] * 4), 1: trial([(0.899, 0.5)] * 4), 2: trial([(0.7, 0.3)] * 4)}
    report = audit([Verdict(1, 2, "", True), Verdict(2, 2, "", True)], trials, OBJECTIVES, REFERENCE, 100)
    assert (report["false_stops"], report["on_front"], report["hypervolume_lost"]) == (1, 0, 0.0)


@pytest.mark.parametrize("bad", [None, math.nan])
def test_nothing_to_say_without_verdicts_or_ends(bad: Any) -> None:
    report = audit([], {}, OBJECTIVES, REFERENCE, 100)
    assert report["false_stop_rate"] is report["hypervolume_lost"] is report["rank_correlation"] is None
    assert report["epochs_saved_share"] is None
    lost = {0: trial([(0.5, 0.5), (bad, 0.5)]), 1: trial([(0.5, 0.5)], complete=False)}
    report = audit([Verdict(1, 1, "", True)], lost, OBJECTIVES, REFERENCE, 100)
    assert (report["audited"], report["false_stops"], report["hypervolume_lost"]) == (1, 0, 0.0)


SCORES = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=20)


@given(scores=SCORES)
def test_kendall_tau_b_is_scipys(scores: list[tuple[int, int]]) -> None:
    a, b = np.array(scores, dtype=float).T
    expected = math.nan
    if len(set(a)) > 1 and len(set(b)) > 1:  # scipy warns otherwise
        expected = stats.kendalltau(a, b).statistic
    assert kendall_tau(a, b) == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize(("hits", "n"), [(0, 10), (3, 20), (10, 10)])
def test_wilsons_interval_is_scipys(hits: int, n: int) -> None:
    expected = stats.binomtest(hits, n).proportion_ci(method="wilson")
    assert wilson(hits, n) == pytest.approx(tuple(expected), abs=1e-6)
    assert wilson(0, 0) == (0.0, 1.0)


def test_a_judge_of_none_has_no_verdicts() -> None:
    judge = Judge(rule("none"), 0.5, 0)
    assert feed(judge.rule, 0, Made(0.9, 1.0).rows()) is None
    assert judge.verdicts == {}
