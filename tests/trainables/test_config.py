from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.spec import StudySpec
from trainables.assembly import final_threshold, lr_sum
from trainables.config import TrainConfig, build, config_hash
from trainables.errors import ConfigError


def problems(**values: object) -> list[str]:
    with pytest.raises(ConfigError) as error:
        build(TrainConfig, values)
    return error.value.problems


def test_all_problems_at_once_with_the_nearest_valid_choice() -> None:
    found = problems(
        epochs=0, scheduler="sinus", lr="fast", dataset="digit", final_treshold=0.2, window_end=1.5
    )
    assert found == [
        "dataset: unknown data set 'digit': did you mean 'digits'?",
        "scheduler: unknown schedule 'sinus': did you mean 'sine'? known: linear, sine, cosine, exponential, "
        "slats, cubic, kumaraswamy, free",
        "window_end: got 1.5, must be at most 1.0; nearest valid: 1.0",
        "epochs: got 0, must be at least 1; nearest valid: 1",
        "lr: got 'fast', input should be a valid number, unable to parse string as a number",
        "unknown key 'final_treshold': did you mean 'final_threshold'?",
    ]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -0.1])
def test_thresholds_that_make_no_sense(value: float) -> None:
    assert len(problems(final_threshold=value)) == 1


def test_window_must_be_open() -> None:
    assert "window_start 0.7 must lie before window_end 0.3" in problems(window_start=0.7, window_end=0.3)[0]


def test_hash_ignores_what_cannot_matter() -> None:
    linear = TrainConfig(scheduler="linear")
    assert config_hash(linear) == config_hash(TrainConfig(scheduler="linear", shape_rate=7.0, device="cpu"))
    exponential = TrainConfig(scheduler="exponential")
    assert config_hash(exponential) != config_hash(TrainConfig(scheduler="exponential", shape_rate=7.0))
    dense = TrainConfig(pruner="dense")
    assert config_hash(dense) == config_hash(
        TrainConfig(pruner="dense", scheduler="cubic", final_threshold=0.6)
    )


@given(seed=st.integers(0, 1000), epochs=st.integers(1, 100), lr=st.floats(1e-5, 1.0))
def test_hash_sees_what_matters(seed: int, epochs: int, lr: float) -> None:
    base = TrainConfig(seed=seed, epochs=epochs, lr=lr)
    assert config_hash(base) == config_hash(TrainConfig(**base.model_dump()))
    assert config_hash(base) != config_hash(base.model_copy(update={"seed": seed + 1}))
    assert config_hash(base) != config_hash(base.model_copy(update={"epochs": epochs + 1}))


def test_threshold_units() -> None:
    """30 epochs of 19 steps under cosine annealing from 0.01: sum(lr) = 0.01 (570 + 1) / 2."""
    config = TrainConfig(final_threshold=0.2)
    assert lr_sum(config) == pytest.approx(0.01 * 571 / 2)
    assert final_threshold(config) == pytest.approx(0.2 * 0.01 * 571 / 2)
    assert final_threshold(TrainConfig(final_threshold=0.2, threshold_unit="weight")) == 0.2
    assert final_threshold(TrainConfig(pruner="dense")) == 0


@pytest.mark.parametrize("train", [5, [1], {"pruner": ["agp"]}, {"pruner": {"a": 1}}])
def test_values_of_the_wrong_kind_are_one_problem(train: object) -> None:
    with pytest.raises(ConfigError) as error:
        build(StudySpec, {"train": train})
    assert len(error.value.problems) == 1


def test_every_problem_of_network_args_is_a_line_of_its_own() -> None:
    assert len(problems(network="6conv2fc", network_args={"chanels": 3, "dropout": 2})) == 2
