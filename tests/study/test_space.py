from __future__ import annotations

import json
from typing import Any

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.distributions import FloatDistribution
from optuna.trial import FixedTrial

from study.space import configure, distributions, holds, numeric, probe, raw, space_hash, suggest
from study.space.ranges import Space
from tests.study.searched import SEARCHED
from trainables.config import TrainConfig
from trainables.pruners import PRUNERS
from trainables.schedules import SCHEDULES

BASE = TrainConfig()
OWN = {
    "exponential": {"shape_rate"},
    "kumaraswamy": {"shape_a", "shape_b"},
    "free": {"shape_increments"},
}


def sample(space: Space, seed: int, base: TrainConfig = BASE) -> tuple[dict[str, Any], dict[str, Any]]:
    """One random suggestion and what Optuna noted down about it."""
    trial = probe(seed)
    return suggest(trial, space, base), dict(trial.params)


@st.composite
def spaces(draw: st.DrawFn) -> Space:
    def names(known: Any) -> list[str]:
        return draw(st.lists(st.sampled_from(sorted(known)), min_size=1, unique=True))

    def limits(low: float, high: float) -> tuple[float, float]:
        pair = sorted(draw(st.tuples(st.floats(low, high), st.floats(low, high))))
        return (pair[0], pair[0]) if draw(st.integers(0, 4)) == 0 else (pair[0], pair[1])

    low, high = sorted(draw(st.tuples(st.integers(1, 9), st.integers(1, 9))))
    varied = {
        "pruner": names(PRUNERS),
        "timesteps": {"low": low, "high": high, "log": draw(st.booleans())},
        "lr": dict(zip(("low", "high"), limits(1e-3, 0.1), strict=True)) | {"log": True},
        "layer_weighting": names(["none", "positions", "scale"]),
        "exempt": [[], ["fc*"]],
        "network_args": [{}, {"pool": "stride"}],
    }
    idle = {"layer_weighting"} if not {"stds", "st", "nspdi"} & set(varied["pruner"]) else set()
    kept = [name for name in varied if name not in idle and draw(st.booleans())]
    return Space(
        schedulers=tuple(names(SCHEDULES)),
        threshold=limits(1e-3, 10.0),
        rate=limits(-20.0, 20.0),
        exponent_a=limits(0.1, 10.0),
        exponent_b=limits(0.1, 10.0),
        knots=draw(st.integers(2, 12)),
        start=limits(0.0, 0.4),
        end=limits(0.5, 1.0),
        sparsity=limits(0.5, 0.999),
        strength=draw(st.none() | st.just((1e-3, 2.0))),
        vary={name: varied[name] for name in kept},
    )


@settings(max_examples=60, deadline=None)
@given(space=spaces(), seed=st.integers(0, 2**32 - 1))
def test_every_suggestion_is_a_valid_config_inside_the_ranges(space: Space, seed: int) -> None:
    params, noted = sample(space, seed)
    config = configure(BASE, params)
    assert params == json.loads(json.dumps(params))  # as the study folder will hold them
    assert suggest(FixedTrial(noted), space, BASE) == params
    assert all(
        getattr(config, name) == getattr(BASE, name) for name in set(TrainConfig.model_fields) - set(params)
    )
    expected = set(SEARCHED[config.pruner])
    if "scheduler" in expected:
        assert config.scheduler in space.schedulers
        expected |= OWN.get(config.scheduler, set())
    reads = PRUNERS[config.pruner].fields
    conditional = {"layer_weighting", "exempt"} - set(reads)
    assert set(params) == expected | set(space.vary) - conditional
    ranges: dict[str, Any] = {
        "final_threshold": space.threshold,
        "window_start": space.start,
        "window_end": space.end,
        "shape_rate": space.rate,
        "shape_a": space.exponent_a,
        "shape_b": space.exponent_b,
        "final_sparsity": space.sparsity,
    }
    for name in ranges.keys() & params.keys():
        assert ranges[name][0] <= params[name] <= ranges[name][1]
        fixed = ranges[name][0] == ranges[name][1]
        assert ({"final_sparsity": "density"}.get(name, name) in noted) != fixed
    for name in ("timesteps", "lr"):
        if name in space.vary:
            assert space.vary[name]["low"] <= params[name] <= space.vary[name]["high"]
    for name in {"layer_weighting", "exempt", "network_args"} & params.keys() & space.vary.keys():
        assert params[name] in space.vary[name]
    if "shape_increments" in params:
        assert len(params["shape_increments"]) == space.knots
        assert {f"shape_{place}" for place in range(1, space.knots)} <= set(noted)
    if "pruner_strength" in params and space.strength:
        assert space.strength[0] <= params["pruner_strength"] <= space.strength[1]
    assert holds(space, params, BASE)
    known = raw(space, params, BASE)
    assert known is not None
    assert {name: value for name, value in known.items() if isinstance(value, str)} == {
        name: value for name, value in noted.items() if isinstance(value, str)
    }
    numbers = {name: value for name, value in noted.items() if not isinstance(value, str)}
    assert {name: known[name] for name in numbers} == pytest.approx(numbers, rel=1e-6, abs=1e-6)


def spread(space: Space, name: str, count: int = 400, base: TrainConfig = BASE) -> list[Any]:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    return [suggest(study.ask(), space, base)[name] for _ in range(count)]


def test_every_schedule_is_suggested_and_thresholds_are_even_on_a_log_scale() -> None:
    space = Space()
    assert set(spread(space, "scheduler")) == set(SCHEDULES)
    middle = (space.threshold[0] * space.threshold[1]) ** 0.5
    below = sum(d < middle for d in spread(space, "final_threshold"))
    assert 150 < below < 250  # 200 expected, five standard deviations; on a linear scale 110


def test_what_is_left_of_the_weights_is_even_on_a_log_scale() -> None:
    found = spread(Space(sparsity=(0.0, 0.99)), "final_sparsity", base=TrainConfig(pruner="rigl"))
    below = sum(sparsity < 0.9 for sparsity in found)
    assert 150 < below < 250  # a tenth is left: the middle of 1 and 1/100; on a linear scale 364


class TestPruners:
    @pytest.mark.parametrize("pruner", PRUNERS)
    def test_only_what_it_reads_is_searched(self, pruner: str) -> None:
        params, noted = sample(Space(schedulers=("sine",)), 0, TrainConfig(pruner=pruner))
        assert set(params) == SEARCHED[pruner]
        renamed = {"density" if name == "final_sparsity" else name for name in SEARCHED[pruner]}
        assert set(noted) == renamed - {"scheduler"}

    @pytest.mark.parametrize(("pruner", "own"), [("str", 2.0), ("grad_r", 0.3), ("nspdi", 0.1)])
    def test_strength_is_searched_around_the_pruners_own(self, pruner: str, own: float) -> None:
        base = TrainConfig(pruner=pruner)
        found = spread(Space(schedulers=("sine",)), "pruner_strength", 200, base)
        assert own / 10 <= min(found) < own / 7
        assert own * 7 < max(found) <= own * 10
        assert 65 < sum(strength < own for strength in found) < 135  # log scale: the middle

    def test_upr_is_searched_around_what_it_takes_on_this_network(self) -> None:
        """Own strength: 0.001 over the price of all weights and gates. 64 inputs, 10 hidden, 100 voters:
        640 + 1000 weights of one synapse each, 10 gates of fan-out 100."""
        base = TrainConfig(pruner="upr", network="mlp", network_args={"hidden": [10]})
        own = 1e-3 / (640 + 1000 + 10 * 100)
        kind = distributions(Space(), base, sample(Space(), 0, base)[1])["pruner_strength"]
        assert isinstance(kind, FloatDistribution)
        assert (kind.low, kind.high, kind.log) == (pytest.approx(own / 10), pytest.approx(own * 10), True)

    def test_strengths_of_different_methods_are_different_parameters(self) -> None:
        space = Space(vary={"pruner": ["str", "deep_r"]})
        names = {name for seed in range(20) for name in sample(space, seed)[1]}
        assert names == {"pruner", "density", "pruner_strength_str", "pruner_strength_deep_r"}


class TestNumeric:
    @pytest.mark.parametrize(
        ("fields", "pruner", "expected"),
        [
            ({}, "stds", False),
            ({"schedulers": ("free",)}, "stds", True),
            ({"schedulers": ("kumaraswamy",)}, "nspdi", True),
            ({"schedulers": ("sine",), "vary": {"timesteps": {"low": 2, "high": 8}}}, "stds", True),
            ({"schedulers": ("sine",), "vary": {"lr": [0.01, 0.02]}}, "stds", False),
            ({"schedulers": ("sine",), "vary": {"pruner": ["stds", "st"]}}, "stds", False),
            ({"schedulers": ("sine",), "vary": {"lr": [0.01]}}, "stds", True),  # no choice
            ({}, "rigl", True),  # reads no schedule
            ({}, "dense", False),  # nothing to search
        ],
    )
    def test_neither_choices_nor_conditions(self, fields: Any, pruner: str, expected: bool) -> None:
        assert numeric(Space(**fields), TrainConfig(pruner=pruner)) is expected

    def test_distributions_come_back_from_the_parameters_alone(self) -> None:
        for seed in range(20):
            trial = probe(seed)
            suggest(trial, Space(), BASE)
            assert distributions(Space(), BASE, dict(trial.params)) == trial.distributions


def test_hash_is_stable_and_changes_with_every_field() -> None:
    changes: dict[str, Any] = {
        "schedulers": ("sine", "linear"),
        "threshold": (0.1, 0.71),
        "rate": (-6.0, 5.0),
        "exponent_a": (0.5, 3.0),
        "exponent_b": (0.5, 3.0),
        "knots": 5,
        "start": (0.0, 0.2),
        "end": (0.6, 1.0),
        "sparsity": (0.8, 0.98),
        "strength": (0.1, 1.0),
        "vary": {"lr": [0.01, 0.02]},
    }
    assert set(changes) == set(Space.model_fields) - {"function"}  # which has a test of its own
    hashes = {space_hash(Space(**{name: value})) for name, value in changes.items()}
    assert len(hashes | {space_hash(Space())}) == len(changes) + 1
    assert space_hash(Space()) == space_hash(Space.model_validate(Space().model_dump()))
    int(space_hash(Space()), 16)
    assert len(space_hash(Space())) == 12
