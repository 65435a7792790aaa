from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from study.stopping.cohort import level
from study.stopping.forecast import ENDS, PRIOR, RIDGE, Forecast, features, promised
from study.stopping.noise import quality_sd
from study.stopping.pareto import ParetoStop
from study.stopping.protocol import Rule
from study.stopping.ranking import dominators
from tests.study.stopped import EPOCHS, OBJECTIVES, PLAN, Made, Row, feed, rule, setting, together

STRONG = [Made(0.97, 3.0 + number / 50) for number in range(ENDS)]
WEAK = Made(0.80, 1.0)


def after(peers: list[Made], **fields: float) -> Rule:
    """A rule that has seen these trials to their ends."""
    judge = rule("pareto", **fields)
    for number, peer in enumerate(peers):
        assert feed(judge, number, peer.rows()) is None
    return judge


def test_stops_what_is_left_behind_at_the_first_look() -> None:
    stopped = feed(after(STRONG), 50, WEAK.rows())
    assert stopped == (
        5,
        "left behind at progress 0.50 by 8 trials in every objective, now and at the end, e.g. by 0, 1, 2",
    )


@pytest.mark.parametrize(
    "spared",
    [
        Made(0.98, 1.0),  # more accurate
        Made(0.80, 4.0),  # sparser, now and at the end
        Made(0.80, 5.0, 2.0),  # less sparse at half-time (1.25 < 1.5), sparser at the end
        Made(0.80, 2.0, 0.4),  # sparser at half-time (1.52 > 1.5), not at the end
    ],
    ids=["accurate", "sparse", "sparse at the end", "sparse now"],
)
def test_spares_what_leads_in_one_objective(spared: Made) -> None:
    judge = after(STRONG, stop_noise=0.0)
    at_half = spared.rows()[:5]
    assert feed(judge, 50, at_half) is None


def test_who_has_the_hard_part_before_it_is_no_witness() -> None:
    """Ahead everywhere at u = 0.5 (depth 1.41 to 1.0), but with more of the threshold left to grow."""
    late = [Made(0.97, 4.0 + number / 50, power=1.5) for number in range(ENDS)]
    assert feed(after(late), 50, Made(0.80, 2.0).rows()) is None
    assert feed(after([Made(0.97, one.depth) for one in late]), 50, Made(0.80, 2.0).rows()) is not None


def test_nobody_is_judged_before_enough_ends_are_known() -> None:
    assert feed(after(STRONG[: ENDS - 1]), 50, WEAK.rows()) is None


@pytest.mark.parametrize(("peers", "stops"), [(8, True), (9, False)])
def test_as_many_witnesses_as_asked_for(peers: int, stops: bool) -> None:
    assert (feed(after(STRONG, stop_peers=peers), 50, WEAK.rows()) is not None) == stops


def test_differences_within_the_noise_do_not_count() -> None:
    """At p = 0.8, n = 1000: sd of the difference to 0.97 is sqrt(0.08^2 + 0.0126^2 + 0.012^2 + 0.0054^2)."""
    sd = math.hypot(*quality_sd("accuracy_val", np.array([0.80, 0.97]), 1000))
    assert sd == pytest.approx(math.sqrt(0.0801**2 + 0.01266**2 + 0.0124**2 + 0.00544**2), rel=0.01)
    factor = 0.17 / sd
    assert feed(after(STRONG, stop_noise=factor * 0.99), 50, WEAK.rows()) is not None
    assert feed(after(STRONG, stop_noise=factor * 1.01), 50, WEAK.rows()) is None


def test_what_would_be_on_the_front_of_the_finished_goes_on() -> None:
    """Running trials lead it everywhere, but none of the finished is as good as it is."""
    judge = after([Made(0.7, 2.0 + number / 50) for number in range(ENDS)])
    for number in range(20, 24):
        feed_open(judge, number, Made(0.99, 4.0), 9)
    trial = Made(0.9, 3.0).rows()
    for one in trial[:7]:
        judge.observe(50, PLAN, one)
        assert judge.reason(50, one) is None
    feed(judge, 60, Made(0.99, 4.0).rows())
    judge.observe(50, PLAN, trial[7])
    assert judge.reason(50, trial[7]) is not None


def test_an_end_that_is_no_result_protects_nobody_and_stops_nobody() -> None:
    judge = after([Made(0.7, 2.0 + number / 50) for number in range(ENDS)])
    for number in range(20, 24):
        feed_open(judge, number, Made(0.99, 4.0), 10)
        judge.ended(number, Made(0.99, 4.0).rows()[-1], complete=False)  # infeasible
    assert feed(judge, 50, Made(0.9, 3.0).rows()) is None


def feed_open(judge: Rule, number: int, made: Made, epochs: int) -> None:
    for one in made.rows()[:epochs]:
        judge.observe(number, PLAN, one)


def test_the_share_of_stopped_trials_is_capped() -> None:
    """1 - 1/1.25 = 0.2 of those that came to half-time: of 8 + 1 none more than 1, of 8 + 2 two ..."""
    judge = after(STRONG, stop_eta=1.25)
    stopped = [feed(judge, 50 + number, WEAK.rows()) is not None for number in range(30)]
    reached, count = len(STRONG), 0
    for one in stopped:
        reached += 1
        count += one
        assert count <= 0.2 * reached
    assert count == math.floor(0.2 * reached)


STUDIES = st.lists(
    st.builds(Made, st.floats(0.55, 0.999), st.floats(0.3, 4.0), st.sampled_from([0.5, 1.0, 1.5, 3.0])),
    min_size=10,
    max_size=30,
)


@given(made=STUDIES, seed=st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_never_stops_a_member_of_the_front_or_its_ends(made: list[Made], seed: int) -> None:
    """Even without noise, peers and cap: at its last epoch some other that came so far dominates it."""
    trials = [one.rows() for one in made]
    stopped = together(rule("pareto", stop_peers=1, stop_noise=0.0, stop_eta=100.0), trials, seed)
    for number, (epoch, _) in stopped.items():
        seen = np.array([[rows[epoch - 1][name] for name in OBJECTIVES] for rows in trials])
        assert dominators(seen, seen[number]).any()
        assert (seen[:, 0] > seen[number, 0]).any()
        assert (seen[:, 1] > seen[number, 1]).any()


def test_the_invariant_above_is_not_empty() -> None:
    rng = np.random.default_rng(0)
    made = [Made(float(rng.uniform(0.6, 0.99)), float(rng.uniform(0.3, 4.0))) for _ in range(30)]
    stopped = together(rule("pareto", stop_peers=1), [one.rows() for one in made], 0)
    assert len(stopped) >= 5


@given(made=STUDIES, seed=st.integers(0, 99), accuracy=st.floats(0.55, 0.999), depth=st.floats(0.3, 4.0))
@settings(max_examples=60, deadline=None)
def test_the_order_of_the_peers_does_not_matter(
    made: list[Made], seed: int, accuracy: float, depth: float
) -> None:
    order = np.random.default_rng(seed).permutation(len(made))
    epochs = []
    for peers in (made, [made[index] for index in order]):
        judge = rule("pareto", stop_peers=2)
        for number, peer in enumerate(peers):
            feed_open(judge, number, peer, EPOCHS)
        stopped = feed(judge, 99, Made(accuracy, depth).rows())
        epochs.append(stopped and stopped[0])
    assert epochs[0] == epochs[1]


def test_pruners_without_a_scheduled_threshold_are_not_judged() -> None:
    judge = after(STRONG)
    plan = type(PLAN)(EPOCHS, PLAN.family, 0.0, 5.0, "constant", False)
    assert feed(judge, 50, WEAK.rows(), plan) is None


# --- the forecast ---


@pytest.mark.parametrize(
    ("depth", "threshold", "final", "gain"),
    [
        (1.0, 0.5, 2.0, 3.0),
        (1.0, 2.0, 2.0, 0.0),
        (0.0, 0.0, 0.0, 0.0),
        (5.0, 0.1, 2.0, 4.2),
        (0.3, 0.0, 2.0, math.nan),
    ],
)
def test_promised_by_hand(depth: float, threshold: float, final: float, gain: float) -> None:
    assert promised(depth, threshold, final) == pytest.approx(gain, nan_ok=True)


def test_levels_by_hand() -> None:
    assert level("sparsity_params", 0.9) == pytest.approx(math.log(10))
    assert level("synops", 100.0) == pytest.approx(-math.log(100))
    assert math.isfinite(level("sparsity_params", 1.0))


def test_the_forecast_is_ridge_regression_around_the_prior() -> None:
    """Against the least-squares solution of the augmented system; rows with NaN take no part."""
    rng = np.random.default_rng(0)
    seen = rng.uniform(0, 2, (40, 3))
    gained = seen @ [0.7, -0.2, 0.1] + rng.normal(0, 0.01, 40)
    forecast = Forecast(2)
    for one, gain in zip(seen, gained, strict=True):
        forecast.learn(np.stack([one, np.full(3, np.nan)]), np.array([gain, gain]))
    rows = np.vstack([seen, math.sqrt(RIDGE) * np.eye(3)])
    target = np.append(gained - seen @ PRIOR, np.zeros(3))
    coefficients = PRIOR + np.linalg.lstsq(rows, target)[0]
    new = rng.uniform(0, 2, (5, 3))
    np.testing.assert_allclose(forecast.gain(1, new), new @ coefficients)
    rest = gained - seen @ coefficients
    assert forecast.error(1) == pytest.approx(math.sqrt((rest**2).sum() / 37))
    assert forecast.ends.tolist() == [40, 0]
    np.testing.assert_allclose(forecast.gain(2, new), new @ PRIOR)


def test_trials_of_the_laplace_law_are_foretold() -> None:
    """Density exp(-depth d): x alone says it all, and a few ends tell the rule so."""
    rng = np.random.default_rng(1)
    judge = ParetoStop(setting(stop_rule="pareto"))
    for number in range(30):
        made = Made(0.9, float(rng.uniform(0.5, 3.0)), float(rng.uniform(0.5, 2.0)))
        for one in made.rows():
            judge.observe(number, PLAN, one)
    rows: list[Row] = Made(0.9, 2.0, 1.3).rows()
    for one in rows[:5]:
        judge.observe(50, PLAN, one)
    ends, errors = judge.cohort(PLAN).end_levels(5, 0)
    assert ends[-1] == pytest.approx(2.0, abs=0.05)
    assert errors[-1] < 0.1
    assert not errors[:-1].any()  # known


def test_features_by_hand() -> None:
    one = features(np.array(2.0), np.array(3.0), np.array(0.5))
    assert one.tolist() == [2.0, 1.5, 6.0]
