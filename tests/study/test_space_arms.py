"""Reference arms, and whether they are points of a space."""

from __future__ import annotations

from typing import Any

import pytest

from study.space import configure, holds, raw, references
from study.space.ranges import Space
from tests.study.searched import SEARCHED
from trainables.config import TrainConfig
from trainables.pruners import PRUNERS

BASE = TrainConfig()


class TestReferences:
    @pytest.mark.parametrize("fields", [{}, {"schedulers": ("kumaraswamy",)}, {"schedulers": ("free",)}])
    @pytest.mark.parametrize("pruner", ["stds", "st", "nspdi"])
    def test_always_dense_linear_sine_and_slats_over_the_whole_training(
        self, fields: Any, pruner: str
    ) -> None:
        base = TrainConfig(pruner=pruner, window_start=0.1, window_end=0.6, scheduler="cosine")
        arms = references(Space(**fields), base, 0.3)
        assert list(arms) == ["dense", "linear", "sine", "slats"]
        assert configure(base, arms.pop("dense")).pruner == "dense"
        for name, params in arms.items():
            config = configure(base, params)
            assert (config.pruner, config.scheduler, config.final_threshold) == (pruner, name, 0.3)
            assert (config.window_start, config.window_end) == (0.0, 1.0)

    @pytest.mark.parametrize("pruner", sorted(set(PRUNERS) - {"stds", "st", "nspdi", "dense"}))
    def test_a_pruner_without_threshold_runs_as_its_authors_do(self, pruner: str) -> None:
        arms = references(Space(), TrainConfig(pruner=pruner, final_sparsity=0.7), 0.3)
        assert list(arms) == ["dense", pruner]
        config = configure(TrainConfig(), arms[pruner])
        own = TrainConfig(pruner=pruner)
        reads = SEARCHED[pruner] - {"final_sparsity"}
        assert all(getattr(config, name) == getattr(own, name) for name in reads)
        assert set(arms[pruner]) == {"pruner", *SEARCHED[pruner]}

    def test_dense_alone_has_one_arm(self) -> None:
        assert references(Space(), TrainConfig(pruner="dense"), 0.2) == {"dense": {"pruner": "dense"}}

    def test_arms_of_a_varied_pruner(self) -> None:
        arms = references(Space(vary={"pruner": ["rigl", "st"]}), BASE, 0.2)
        assert configure(BASE, arms["sine"]).pruner == "st"  # stds is not searched, rigl has no threshold
        assert list(references(Space(vary={"pruner": ["set", "rigl"]}), BASE, 0.2)) == ["dense", "set"]


class TestHolds:
    def test_limits_belong_to_the_space(self) -> None:
        point = {"scheduler": "sine", "final_threshold": 0.1, "window_start": 0.0, "window_end": 1.0}
        assert holds(Space(threshold=(0.1, 0.4)), point, BASE)
        assert holds(Space(threshold=(0.05, 0.1)), point, BASE)
        assert raw(Space(schedulers=("sine",), end=(1.0, 1.0)), point, BASE) == {
            "final_threshold": 0.1,
            "window_start": 0.0,
        }

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("final_threshold", 0.09),
            ("final_threshold", 0.41),
            ("window_start", 0.31),
            ("window_end", 0.54),
            ("scheduler", "cosine"),
            ("tau", 3.0),  # not searched, so every point has the base's
        ],
    )
    def test_one_parameter_outside(self, name: str, value: Any) -> None:
        point = {"scheduler": "sine", "final_threshold": 0.2, "window_start": 0.0, "window_end": 1.0}
        space = Space(threshold=(0.1, 0.4), schedulers=("sine", "linear"))
        assert holds(space, point, BASE)
        assert not holds(space, point | {name: value}, BASE)

    def test_what_varies_must_hold_the_base(self) -> None:
        arm = references(Space(), BASE, 0.2)["sine"]
        assert holds(Space(vary={"lr": {"low": 0.005, "high": 0.02}}), arm, BASE)
        assert not holds(Space(vary={"lr": {"low": 0.02, "high": 0.05}}), arm, BASE)
        assert not holds(Space(vary={"timesteps": [2, 8]}), arm, BASE)

    def test_dense_is_a_point_only_where_it_is_a_choice(self) -> None:
        assert not holds(Space(), {"pruner": "dense"}, BASE)
        assert raw(Space(vary={"pruner": ["stds", "dense"]}), {"pruner": "dense"}, BASE) == {
            "pruner": "dense"
        }

    def test_own_arms_stand_in_the_middle_of_the_strengths(self) -> None:
        base = TrainConfig(pruner="deep_r")
        assert raw(Space(), references(Space(), base, 0.2)["deep_r"], base) == {
            "density": pytest.approx(0.1),
            "pruner_strength": 0.1,
        }
