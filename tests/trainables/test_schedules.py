from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.interpolate import PchipInterpolator

from trainables import schedules
from trainables.config import TrainConfig
from trainables.schedules import SCHEDULES, curve, window

# One row per member of the registry: extra arguments, then f at 1/4, 1/2, 3/4, computed by hand.
ROOT2 = math.sqrt(2)
SETTINGS = {
    "linear": ({}, (0.25, 0.5, 0.75)),
    "sine": ({}, ((1 - ROOT2 / 2) / 2, 0.5, (1 + ROOT2 / 2) / 2)),
    "cosine": ({}, (1 - math.cos(math.pi / 8), 1 - ROOT2 / 2, 1 - math.sin(math.pi / 8))),
    # (1 - 2^-q) / (1 - 2^-4) with k = 4 ln 2: (1 - 1/2), (1 - 1/4), (1 - 1/8) over 15/16
    "exponential": ({"shape_rate": 4 * math.log(2)}, (8 / 15, 12 / 15, 14 / 15)),
    "slats": (
        {"lr_schedule": "cosine"},
        (0.25 + ROOT2 / 2 / math.pi, 0.5 + 1 / math.pi, 0.75 + ROOT2 / 2 / math.pi),
    ),
    "cubic": ({}, (1 - 27 / 64, 1 - 1 / 8, 1 - 1 / 64)),
    "kumaraswamy": (
        {"shape_a": 2.0, "shape_b": 2.0},
        (1 - (15 / 16) ** 2, 1 - (3 / 4) ** 2, 1 - (7 / 16) ** 2),
    ),
    # Heights 0, 1/4, 1 at 0, 1/2, 1; slopes in u: 0 (parabola: (3 - 3) / 2), 3/4 and 2. Hermite in the middle
    # of a part of length h: mean of the heights + h (slope before - slope after) / 8.
    "free": (
        {"shape_increments": (1.0, 3.0)},
        (1 / 8 + (0 - 3 / 4) / 16, 1 / 4, 5 / 8 + (3 / 4 - 2) / 16),
    ),
}
U = np.linspace(0, 1, 1001)


def test_every_schedule_has_settings() -> None:
    assert set(SETTINGS) == set(SCHEDULES)


@pytest.mark.parametrize("name", SCHEDULES)
def test_golden_quarters(name: str) -> None:
    arguments, quarters = SETTINGS[name]
    shape = curve(name, **arguments)
    assert [float(shape(u)) for u in (0.25, 0.5, 0.75)] == pytest.approx(quarters, abs=1e-12)


@pytest.mark.parametrize("name", SCHEDULES)
def test_parameters_are_config_fields(name: str) -> None:
    arguments, _ = SETTINGS[name]
    assert set(SCHEDULES[name].parameters) == set(arguments) <= set(TrainConfig.model_fields)


@pytest.mark.parametrize("name", SCHEDULES)
@given(
    start=st.floats(0, 0.8),
    width=st.floats(0.05, 1),
    rate=st.floats(-50, 50),
    a=st.floats(0.05, 20),
    b=st.floats(0.05, 20),
    rises=st.lists(st.floats(0, 1e3), min_size=2, max_size=12).filter(lambda rises: sum(rises) > 1e-6),
)
def test_contract(
    name: str, start: float, width: float, rate: float, a: float, b: float, rises: list[float]
) -> None:
    """f(0) = 0, f(1) = 1, monotone, inside [0, 1]: for all parameters and all windows."""
    values = {"shape_rate": rate, "shape_a": a, "shape_b": b, "lr_schedule": "cosine"}
    values["shape_increments"] = rises
    arguments = {key: values[key] for key in SCHEDULES[name].parameters}
    end = min(start + width, 1.0)
    f = curve(name, start, end, **arguments)(U)
    assert f[0] == 0
    assert f[-1] == 1
    assert np.diff(f).min() >= -1e-12
    assert f.min() >= 0
    assert f.max() <= 1 + 1e-12
    assert (f[start >= U] == 0).all()
    assert (f[end <= U] == 1).all()


def test_sine_is_half_a_cosine_period() -> None:
    assert schedules.sine(U) == pytest.approx((1 - np.cos(np.pi * U)) / 2, abs=1e-15)


def test_exponential_is_linear_in_the_limit() -> None:
    assert schedules.exponential(U, 0.0) == pytest.approx(U)
    assert schedules.exponential(U, 1e-9) == pytest.approx(U, abs=1e-9)


def test_exponential_of_the_other_sign_is_the_mirror_image() -> None:
    assert schedules.exponential(U, -3.0) == pytest.approx(1 - schedules.exponential(1 - U, 3.0))


@pytest.mark.parametrize("name", schedules.LEARNING_RATES)
def test_slats_is_the_integral_of_the_learning_rate(name: str) -> None:
    """Against numerical integration, for every learning-rate curve there is."""
    u = np.linspace(0, 1, 20_001)
    rate = schedules.LEARNING_RATES[name].curve(u)
    integral = np.concatenate([[0], np.cumsum((rate[1:] + rate[:-1]) / 2)])
    assert schedules.slats(u, name) == pytest.approx(integral / integral[-1], abs=1e-8)


@pytest.mark.parametrize(
    ("name", "arguments", "a", "b", "distance"),
    [
        ("linear", {}, 1, 1, 1e-12),
        ("cubic", {}, 1, 3, 1e-12),
        ("sine", {}, 1.93, 2.26, 0.0035),
        ("cosine", {}, 1.88, 1.09, 0.005),
        ("slats", {"lr_schedule": "cosine"}, 1.11, 2.72, 0.007),
        ("exponential", {"shape_rate": 3.0}, 0.83, 2.05, 0.018),
        ("exponential", {"shape_rate": -3.0}, 2.16, 0.81, 0.0205),
    ],
)
def test_kumaraswamy_comes_as_close_as_documented(
    name: str, arguments: dict[str, float], a: float, b: float, distance: float
) -> None:
    gap = np.abs(curve(name, **arguments)(U) - schedules.kumaraswamy(U, a, b)).max()
    assert gap <= distance


RISES = st.floats(1e-6, 10) | st.just(0.0)  # scipy overflows at rises of 1e-308


@given(rises=st.lists(RISES, min_size=2, max_size=8).filter(lambda rises: sum(rises) > 0.1))
def test_free_shape_is_the_monotone_cubic_of_scipy(rises: list[float]) -> None:
    knots, heights = np.linspace(0, 1, len(rises) + 1), np.cumsum([0, *rises]) / sum(rises)
    expected = PchipInterpolator(knots, heights)(U)
    assert schedules.free(U, rises) == pytest.approx(expected, abs=1e-9)


def test_free_shape_of_equal_increments_is_linear_and_scale_does_not_matter() -> None:
    assert schedules.free(U, (2.0, 2.0, 2.0)) == pytest.approx(U)
    assert schedules.free(U, (1.0, 0.0, 3.0)) == pytest.approx(schedules.free(U, (10.0, 0.0, 30.0)))


def test_window_clips_and_stretches() -> None:
    assert window(np.array([0.0, 0.2, 0.4, 0.6, 1.0]), 0.2, 0.6) == pytest.approx([0, 0, 0.5, 1, 1])


def test_sum_of_cosine_learning_rates_in_closed_form() -> None:
    """Sum over n < N of (1 + cos(pi n / N)) / 2 is (N + 1) / 2."""
    rates = schedules.learning_rates("cosine", 0.01, 570)
    assert rates.sum() == pytest.approx(0.01 * 571 / 2)
    assert rates[0] == 0.01
