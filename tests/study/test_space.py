from __future__ import annotations

from typing import Any

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from study.space import holds, references, space_hash, suggest
from study.spec import Space
from trainables.config import TrainConfig
from trainables.schedules import SCHEDULES

optuna.logging.set_verbosity(optuna.logging.ERROR)
OWN = {"exponential": {"shape_rate"}, "kumaraswamy": {"shape_a", "shape_b"}}
ALWAYS = {"scheduler", "final_threshold", "window_start", "window_end"}


def sample(space: Space, seed: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """One random suggestion and what Optuna noted down about it."""
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    trial = study.ask()
    return suggest(trial, space), dict(trial.params)


@st.composite
def spaces(draw: st.DrawFn) -> Space:
    names = draw(st.lists(st.sampled_from(sorted(SCHEDULES)), min_size=1, unique=True))

    def limits(low: float, high: float) -> tuple[float, float]:
        pair = sorted(draw(st.tuples(st.floats(low, high), st.floats(low, high))))
        return pair[0], pair[1]

    return Space(
        schedulers=tuple(names),
        threshold=limits(1e-3, 10.0),
        rate=limits(-20.0, 20.0),
        exponent_a=limits(0.1, 10.0),
        exponent_b=limits(0.1, 10.0),
        start=limits(0.0, 0.4),
        end=limits(0.5, 1.0),
    )


@settings(max_examples=40, deadline=None)
@given(space=spaces(), seed=st.integers(0, 2**32 - 1))
def test_every_suggestion_is_a_valid_config_inside_the_ranges(space: Space, seed: int) -> None:
    params, noted = sample(space, seed)
    # model_validate, because model_copy(update=...) checks nothing
    config = TrainConfig.model_validate(TrainConfig().model_dump() | params)
    assert config == TrainConfig().model_copy(update=params)
    assert noted == params
    assert params["scheduler"] in space.schedulers
    assert set(params) == ALWAYS | OWN.get(params["scheduler"], set())
    ranges = {
        "final_threshold": space.threshold,
        "window_start": space.start,
        "window_end": space.end,
        "shape_rate": space.rate,
        "shape_a": space.exponent_a,
        "shape_b": space.exponent_b,
    }
    for name in set(params) - {"scheduler"}:
        low, high = ranges[name]
        assert low <= params[name] <= high
    assert holds(space, params)


def test_every_schedule_is_suggested_and_thresholds_are_even_on_a_log_scale() -> None:
    space = Space()
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    points = [suggest(study.ask(), space) for _ in range(400)]
    assert {point["scheduler"] for point in points} == set(SCHEDULES)
    middle = (space.threshold[0] * space.threshold[1]) ** 0.5
    below = sum(point["final_threshold"] < middle for point in points)
    assert 150 < below < 250  # 200 expected, five standard deviations; on a linear scale 110


class TestReferences:
    def test_dense_and_every_named_schedule_over_the_whole_training(self) -> None:
        base = TrainConfig(shape_rate=-2.5)
        arms = references(Space(), base, 0.3)
        assert set(arms) == {"dense", *SCHEDULES} - {"kumaraswamy"}
        assert arms.pop("dense") == {"pruner": "dense"}
        for name, params in arms.items():
            config = base.model_copy(update=params)
            assert (config.scheduler, config.final_threshold) == (name, 0.3)
            assert (config.window_start, config.window_end) == (0.0, 1.0)
            assert set(params) == ALWAYS | OWN.get(name, set())
        assert arms["exponential"]["shape_rate"] == -2.5

    def test_dense_comes_first_and_kumaraswamy_has_no_arm(self) -> None:
        assert list(references(Space(schedulers=("kumaraswamy",)), TrainConfig(), 0.2)) == ["dense"]
        arms = references(Space(schedulers=("sine", "linear")), TrainConfig(), 0.2)
        assert list(arms) == ["dense", "sine", "linear"]


class TestHolds:
    def test_limits_belong_to_the_space(self) -> None:
        space = Space(threshold=(0.1, 0.4))
        point = {"scheduler": "sine", "final_threshold": 0.1, "window_start": 0.0, "window_end": 1.0}
        assert holds(space, point)
        assert holds(space, point | {"final_threshold": 0.4})

    @pytest.mark.parametrize(
        ("name", "value"),
        [("final_threshold", 0.09), ("final_threshold", 0.41), ("window_start", 0.31), ("window_end", 0.54)],
    )
    def test_one_parameter_outside(self, name: str, value: float) -> None:
        point = {"scheduler": "sine", "final_threshold": 0.2, "window_start": 0.0, "window_end": 1.0}
        assert not holds(Space(threshold=(0.1, 0.4)), point | {name: value})

    def test_rate_outside_and_dense(self) -> None:
        arms = references(Space(), TrainConfig(shape_rate=7.0), 0.2)
        assert not holds(Space(), arms["exponential"])
        assert holds(Space(), arms["sine"])
        assert not holds(Space(), arms["dense"])


class TestHash:
    def test_is_stable(self) -> None:
        assert space_hash(Space()) == space_hash(Space.model_validate(Space().model_dump()))
        assert len(space_hash(Space())) == 12
        int(space_hash(Space()), 16)

    def test_changes_with_every_field(self) -> None:
        changes: dict[str, Any] = {
            "schedulers": ("sine", "linear"),
            "threshold": (0.1, 0.71),
            "rate": (-6.0, 5.0),
            "exponent_a": (0.5, 3.0),
            "exponent_b": (0.5, 3.0),
            "start": (0.0, 0.2),
            "end": (0.6, 1.0),
        }
        assert set(changes) == set(Space.model_fields)
        hashes = {space_hash(Space(**{name: value})) for name, value in changes.items()}
        assert len(hashes | {space_hash(Space())}) == len(changes) + 1
