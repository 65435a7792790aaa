"""The recorded landscape's pure parts: what is sampled, interpolated, replayed."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

from benchmarks.landscape import curves, design, features, models, pack, record, spaces
from benchmarks.landscape.own import Own
from benchmarks.landscape.replay import Row, replay, rows_of
from benchmarks.landscape.simulator import Curves, Landscape, canonical
from trainables.assembly import final_threshold
from trainables.config import TrainConfig


def _fields(**other: Any) -> dict[str, Any]:
    return {
        "scheduler": "linear",
        "final_threshold": 0.2,
        "window_start": 0.0,
        "window_end": 1.0,
        "lr": 0.01,
    } | other


# --- what is recorded -----------------------------------------------------------------------------------


def test_every_configuration_is_valid_and_every_prefix_fills_the_space() -> None:
    for job in design.jobs(200):
        TrainConfig(**job["config"])
    sixteen = [fields["scheduler"] for fields in design.sample(16)]
    assert Counter(sixteen) == Counter(design.SHARES)  # Sobol points are balanced over sixteenths
    d = np.log([fields["final_threshold"] for fields in design.sample(64)])
    low, high = np.log(design.RANGES["final_threshold"])
    assert (np.histogram(d, 8, (low, high))[0] == 8).all()


def test_half_of_the_sample_keeps_the_default_learning_rate() -> None:
    kept = [fields["lr"] == design.LR for fields in design.sample(256)]
    assert sum(kept) == 128


def test_stick_breaking_is_uniform_on_the_simplex() -> None:
    v = np.random.default_rng(0).random((20_000, 3))
    s = np.array([design.simplex(row) for row in v])
    assert np.allclose(s.sum(1), 1)
    assert s.min() >= 0
    # Dirichlet(1, 1, 1, 1): every piece has mean 1/4 and variance 3/80
    assert np.allclose(s.mean(0), 1 / 4, atol=0.005)
    assert np.allclose(s.var(0), 3 / 80, atol=0.001)


def test_one_of_every_eight_configurations_has_three_seeds() -> None:
    seeds = Counter(job["number"] for job in design.jobs(80) if job["kind"] == "sample")
    assert Counter(seeds.values()) == {3: 10, 1: 70}


def test_a_torn_line_is_cut_off_and_its_run_repeated(tmp_path: Path) -> None:
    first, second, *_ = design.jobs(1)
    path = tmp_path / "digits.jsonl"
    path.write_text(json.dumps(first) + "\n" + json.dumps(second)[:-9])
    assert len(record.known(path)) == 1
    assert path.read_text() == json.dumps(first) + "\n"


# --- features -------------------------------------------------------------------------------------------


def test_shapes_that_are_the_same_curve_have_the_same_features() -> None:
    same = [
        _fields(),
        _fields(scheduler="kumaraswamy", shape_a=1.0, shape_b=1.0),
        _fields(scheduler="free", shape_increments=[2.0, 2.0, 2.0, 2.0]),
        _fields(scheduler="exponential", shape_rate=0.0),
    ]
    x = features.matrix(same)
    assert np.allclose(x, x[0], atol=1e-9)
    assert len(features.NAMES) == x.shape[1]


def test_slats_has_constant_pressure_equal_to_d() -> None:
    x = features.describe(_fields(scheduler="slats"))
    pressure = [x[i] for i, name in enumerate(features.NAMES) if name.startswith("log pressure")]
    assert np.allclose(np.exp(pressure) - 0.02, 0.2)


# --- interpolation --------------------------------------------------------------------------------------


def _smooth_runs(n: int = 160) -> curves.Runs:
    """Runs whose end is a smooth function of D and the window, one configuration in four with three seeds."""
    rng = np.random.default_rng(0)
    fields, seeds, groups, ends = [], [], [], []
    for number, v in enumerate(rng.random((n, 2))):
        one = _fields(final_threshold=float(0.05 * 14 ** v[0]), window_end=float(0.5 + v[1] / 2))
        for seed in range(3 if number % 4 == 0 else 1):
            fields.append(one)
            seeds.append(seed)
            groups.append(number)
            ends.append([3 - 4 * v[0] + v[1], -1 - 2 * v[0] - 0.5 * v[1]])
    base = np.array(ends)
    noise = rng.normal(0, 0.1, (len(base), 2))
    u = np.arange(1, 31) / 30
    logit = base[:, :1] * u + noise[:, :1]
    log = base[:, 1:] * u + noise[:, 1:] * 0.1
    wall_s = np.cumsum(rng.uniform(0.1, 0.2, (len(base), 30)), axis=1)
    accuracy, sparsity = curves.accuracy_of(logit), curves.sparsity_of(log)
    return curves.Runs(fields, np.array(seeds), np.array(groups), accuracy, sparsity, wall_s)


@pytest.fixture(scope="module")
def landscape() -> Landscape:
    return Landscape(_smooth_runs(), "Gaussian process")


def test_scales_invert() -> None:
    accuracy = np.array([0.2, 0.5, 0.99])
    assert np.allclose(curves.accuracy_of(curves.accuracy_logit(accuracy)), accuracy)
    sparsity = np.array([0.0, 0.9, 0.999])
    assert np.allclose(curves.sparsity_of(curves.remaining_log(sparsity)), sparsity)


def test_likelihood_has_the_gradient_of_finite_differences() -> None:
    rng = np.random.default_rng(0)
    z, y = rng.normal(size=(25, 3)), rng.normal(size=(25, 2))
    theta = np.array([0.3, 1.2, -0.4, -2.0])
    _, gradient = models.likelihood(theta, z, y)
    for i, step in enumerate(1e-5 * np.eye(4)):
        slope = (models.likelihood(theta + step, z, y)[0] - models.likelihood(theta - step, z, y)[0]) / 2e-5
        assert gradient[i] == pytest.approx(slope, rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("model", models.MODELS)
def test_models_follow_a_smooth_function(model: str) -> None:
    runs = _smooth_runs()
    x, y = features.matrix(runs.fields), curves.joined(runs.accuracy, runs.sparsity)
    held = np.arange(len(runs)) % 5 == 0
    held &= ~np.isin(runs.group, runs.group[~held])
    guess = models.MODELS[model](x[~held], y[~held])(x[held])
    left = np.square(guess[:, -1] - y[held, -1]).sum() / np.square(y[held, -1] - y[~held, -1].mean()).sum()
    assert held.sum() > 10
    assert left < 0.1  # of the variance


def test_forests_answer_as_scikit_learn_does() -> None:
    rng = np.random.default_rng(0)
    x, y, q = rng.normal(size=(80, 5)), rng.normal(size=(80, 3)), rng.normal(size=(4, 5))
    regressor = ExtraTreesRegressor(20, random_state=0).fit(x, y)
    assert np.array_equal(models._mean(regressor)(q), regressor.predict(q))
    classifier = ExtraTreesClassifier(20, min_samples_leaf=2, random_state=0).fit(x, y[:, 0] > 0)
    assert np.array_equal(models._mean(classifier)(q), classifier.predict_proba(q))


def test_recorded_configurations_come_back_within_their_noise(landscape: Landscape) -> None:
    runs = _smooth_runs()
    _, sparsity = landscape.means(runs.fields)
    error = curves.remaining_log(sparsity)[:, -1] - curves.remaining_log(runs.sparsity)[:, -1]
    assert np.sqrt(np.mean(error**2)) < 1.5 * 0.01  # the noise that was put in


def test_runs_repeat_and_seeds_differ_by_the_recorded_noise(landscape: Landscape) -> None:
    fields = _fields(final_threshold=0.15, window_end=0.75)
    one, again = landscape.run(fields, 3), landscape.run(dict(reversed(fields.items())), 3)
    assert np.array_equal(one.accuracy, again.accuracy)
    assert np.array_equal(one.wall_s, again.wall_s)
    ends = np.array([landscape.run(fields, seed).sparsity[-1] for seed in range(200)])
    spread = curves.remaining_log(ends).std()
    assert 0.006 < spread < 0.014  # 0.01 was put in
    assert np.isclose(ends.mean(), landscape.truth(fields)[-1, 1], atol=0.005)


def test_accuracies_are_whole_samples_and_time_rises(landscape: Landscape) -> None:
    run = landscape.run(_fields(), 0)
    hits = run.accuracy * curves.SAMPLES
    assert np.allclose(hits, np.round(hits), atol=1e-6)
    assert (np.diff(run.wall_s) > 0).all()
    assert len(run.accuracy) == len(run.sparsity) == len(run.wall_s) == pack.EPOCHS


def test_equal_configurations_read_equal() -> None:
    assert canonical(_fields(pruner="stds", seed=4, shape_rate=None)) == canonical(_fields())
    assert canonical(_fields(pruner="dense")) == canonical({"pruner": "dense", "lr": 0.01})
    assert canonical(_fields(final_threshold=0.3)) != canonical(_fields())


# --- replay ---------------------------------------------------------------------------------------------


class Scripted:
    """Stops what it is told to stop; writes down what happens, in order."""

    def __init__(self, stops: dict[int, int]) -> None:
        self.stops = stops
        self.events: list[tuple[str, int]] = []

    def ask(self, number: int) -> dict[str, Any] | None:
        self.events.append(("ask", number))
        return _fields()

    def report(self, number: int, row: Row) -> bool:
        return self.stops.get(number) == row["epoch"]

    def tell(self, number: int, rows: list[Row], stopped: bool) -> None:
        self.events.append(("stop" if stopped else "end", number))


def _lasting(seconds: float, epochs: int = 3) -> Curves:
    flat = np.full(epochs, 0.5)
    return Curves(flat, flat, seconds * np.arange(1, epochs + 1))


def test_events_come_in_the_order_of_time() -> None:
    # Seconds an epoch: 1, 5, 1, 1. Two slots: 0 ends at 3 s and 2 starts, which ends at 6; 3 would end at
    # 9 s, before 1 does at 15.
    search = Scripted({})
    ended = replay(
        search, lambda _, number: _lasting([1.0, 5.0, 1.0, 1.0][number]), epochs=12, length=3, slots=2
    )
    told = [("ask", 0), ("ask", 1), ("end", 0), ("ask", 2), ("end", 2), ("ask", 3), ("end", 3), ("end", 1)]
    assert search.events == told
    assert [trial.started_s for trial in ended] == [0.0, 3.0, 6.0, 0.0]
    assert [trial.ended_s for trial in ended] == [3.0, 6.0, 9.0, 15.0]


def test_what_stopped_trials_leave_starts_others() -> None:
    # 9 epochs hold three trainings of 3. Two that stop after one epoch give 4 back: one more training, and
    # an epoch that is not spent.
    search = Scripted({0: 1, 1: 1})
    ended = replay(search, lambda _, number: _lasting(1.0 + number / 10), epochs=9, length=3, slots=1)
    assert [(trial.number, len(trial.rows), trial.stopped) for trial in ended] == [
        (0, 1, True),
        (1, 1, True),
        (2, 3, False),
        (3, 3, False),
    ]


def test_a_stop_at_the_last_epoch_is_an_end() -> None:
    search = Scripted({0: 3})
    (trial,) = replay(search, lambda *_: _lasting(1.0), epochs=3, length=3)
    assert not trial.stopped
    assert search.events[-1] == ("end", 0)


@pytest.mark.parametrize("lr", [0.01, 0.003])
def test_rows_end_at_the_threshold_that_a_training_ends_at(lr: float) -> None:
    fields = _fields(final_threshold=0.4, lr=lr, window_end=0.5)
    rows = rows_of(fields, _lasting(1.0, 4))
    final = final_threshold(TrainConfig(**design.BASE, **fields))
    assert np.allclose([row["threshold"] for row in rows], [final / 2, final, final, final])


# --- searches' spaces -----------------------------------------------------------------------------------


@pytest.mark.parametrize("space", [spaces.mixed, spaces.kumaraswamy, spaces.free])
def test_points_of_the_cube_are_valid_configurations(space: spaces.Space) -> None:
    for fields, _ in zip(spaces.sobol(space, 1), range(64), strict=False):
        TrainConfig(**design.BASE, **fields)


def test_grids_are_even_whenever_they_end() -> None:
    grid = spaces.grid(["linear", "sine"], seed=3)
    taken = [next(grid) for _ in range(16)]
    assert Counter(fields["scheduler"] for fields in taken) == {"linear": 8, "sine": 8}
    places = np.sort([np.log(f["final_threshold"] / 0.05) / np.log(14) for f in taken[::2]])
    gaps = np.diff([*places, places[0] + 1])
    assert np.allclose(gaps, 1 / 8)


def test_our_own_search_spends_its_whole_budget(landscape: Landscape) -> None:
    """Also where a suggestion is thought out beside the trials, and is not there when it is asked for."""
    search = Own(0, "gp", ["kumaraswamy"])
    ended = replay(search, lambda fields, n: landscape.run(fields, n), epochs=14 * 30, length=30)
    assert len(ended) == 14
    assert not search.trials
