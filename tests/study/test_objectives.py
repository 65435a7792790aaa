from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from hypothesis import given
from hypothesis import strategies as st

from study.constraints import LARGEST, MISSING, Bound, Fits, parsed
from study.objectives import Objectives
from study.spec import Budget, StudySpec
from trainables.config import build
from trainables.cost import CHIPS, Meter
from trainables.cost.chips import fits
from trainables.errors import ConfigError
from trainables.flags import parse, parser
from trainables.metrics import METRICS

ROW = {
    "accuracy_val": 0.96, "sparsity_params": 0.9, "synapses": 1_000, "synapses_live": 990, "neurons": 300,
    "neurons_live": 290, "fan_in": 60, "fan_out": 70, "energy_nj": 12.5, "firing_rate": 0.1, "chips": [],
}  # fmt: skip


def wrong(*names: str, constraints: tuple[str, ...] = ()) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        Objectives(names or ("accuracy_val", "sparsity_params"), constraints)
    return caught.value.problems


class TestReading:
    def test_values_and_directions_come_from_the_row_and_the_table(self) -> None:
        read = Objectives(["accuracy", "energy_nj", "synapses"])
        assert read.names == ("accuracy_val", "energy_nj", "synapses")
        assert read.directions == ("maximize", "minimize", "minimize")
        values = read.values(ROW)
        assert values == {"accuracy_val": 0.96, "energy_nj": 12.5, "synapses": 1000.0}
        assert all(isinstance(value, float) for value in values.values())

    @pytest.mark.parametrize("bad", [None, math.nan, math.inf, -math.inf, "0.9"])
    def test_one_value_that_is_no_number_spoils_all(self, bad: Any) -> None:
        read = Objectives(["accuracy_val", "sparsity_params"])
        assert read.values(ROW | {"accuracy_val": bad}) is None
        assert read.values({"sparsity_params": 0.5}) is None

    def test_violations_name_the_floor_and_every_constraint(self) -> None:
        words = ["synapses <= 500", "accuracy >= 0.95", "fits: loihi"]
        read = Objectives(["accuracy_val", "sparsity_params"], words, floor=0.5)
        found = read.violations(ROW | {"chips": ["Loihi"]})
        assert list(found) == ["accuracy_floor", "synapses <= 500", "accuracy_val >= 0.95", "fits: Loihi"]
        assert found["accuracy_floor"] == pytest.approx(-0.46)
        assert found["synapses <= 500"] == pytest.approx(math.log(2))
        assert found["accuracy_val >= 0.95"] == pytest.approx(-0.01)
        assert found["fits: Loihi"] == pytest.approx(
            math.log(290 / 131_072)
        )  # neurons are its tightest limit
        assert not read.feasible(ROW | {"chips": ["Loihi"]})
        assert read.feasible(ROW | {"chips": ["Loihi"], "synapses": 500})
        assert not read.feasible(ROW | {"chips": ["Loihi"], "synapses": 500, "accuracy_val": None})


class TestBound:
    @pytest.mark.parametrize(
        ("words", "value", "expected"),
        [
            ("synapses <= 100", 110, math.log(1.1)),
            ("synapses >= 100", 80, math.log(1.25)),
            ("energy_nj <= 2", 1e-9, -LARGEST),
            ("energy_nj <= 2", 1e9, LARGEST),
            ("synapses <= 5", 0, -LARGEST),
            ("synapses >= 5", 0, LARGEST),
            ("synapses <= 0", 3, 3.0),
            ("accuracy >= 0.95", 0.85, 0.1),
            ("sparsity <= 0.9", 0.7, -0.2),
            ("firing_rate >= 0.02", 0.02, 0.0),
        ],
    )
    def test_by_hand(self, words: str, value: float, expected: float) -> None:
        bound = parsed(words)
        assert isinstance(bound, Bound)
        assert bound.violation({bound.metric: value}) == pytest.approx(expected)

    @given(
        st.sampled_from(["accuracy_val", "synapses", "l1_pressure"]),
        st.sampled_from(["<=", ">="]),
        st.floats(0, 1),
        st.floats(-2, 2) | st.sampled_from([0.0, 1.0]),
        st.integers(-2, 2),
    )
    def test_is_violated_exactly_where_the_numbers_say_so(
        self, metric: str, sense: str, limit: float, other: float, steps: int
    ) -> None:
        """Also where value and limit are neighbours among the floats."""
        bound = parsed(f"{metric} {sense} {limit!r}")
        beside = limit
        for _ in range(abs(steps)):
            beside = math.nextafter(beside, math.copysign(math.inf, steps))
        for value in (other, beside):
            violation = bound.violation({metric: value})
            assert (violation <= 0) == (value <= limit if sense == "<=" else value >= limit)
            assert abs(violation) <= LARGEST
        assert parsed(str(bound)) == bound

    @pytest.mark.parametrize("value", [None, math.nan, math.inf])
    def test_what_is_missing_is_violated_by_a_finite_amount(self, value: float | None) -> None:
        assert parsed("accuracy >= 0").violation({"accuracy_val": value}) == MISSING > 0
        assert parsed("synapses <= 9").violation({}) == MISSING


class TestFits:
    @pytest.mark.parametrize("chip", CHIPS, ids=lambda chip: chip.name)
    @given(st.integers(1, 10**7), st.integers(1, 10**11), st.integers(1, 400), st.integers(1, 400))
    def test_agrees_with_the_table_of_chips(
        self, chip: Any, neurons: int, synapses: int, fan_in: int, fan_out: int
    ) -> None:
        found = fits(neurons, synapses, fan_in, fan_out, weights=300_000)
        row = {
            "neurons_live": neurons, "synapses_live": synapses, "fan_in": fan_in, "fan_out": fan_out,
            "chips": [fit.chip.label for fit in found if fit.fits],
        }  # fmt: skip
        fit = next(fit for fit in found if fit.chip == chip)
        violation = parsed(f"fits: {chip.name.upper()}").violation(row)
        assert (violation <= 0) == fit.fits
        if fit.limiting != "weights":
            assert violation == pytest.approx(max(-LARGEST, min(-math.log(fit.margin), LARGEST)), abs=2e-9)
        elif not fit.fits:
            assert violation >= MISSING or violation > 0

    def test_stored_weights_that_no_row_shows_count_as_missing(self) -> None:
        assert parsed("fits: Speck").violation(ROW) == MISSING  # its other limits are kept
        assert parsed("fits: Speck").violation(ROW | {"chips": None}) == MISSING

    def test_reads_the_row_of_a_real_network(self) -> None:
        """A linear layer of 100 synapses into one neuron: Xylo takes 63, TrueNorth 256."""
        from spikingjelly.activation_based import layer, neuron

        model = torch.nn.Sequential(
            layer.Linear(100, 1, bias=False, step_mode="m"), neuron.IFNode(step_mode="m")
        )
        torch.nn.init.constant_(model[0].weight, 0.1)
        row = Meter(model, (100,)).row()
        assert parsed("fits: Xylo Audio 2").violation(row) == pytest.approx(math.log(100 / 63))
        assert parsed("fits: TrueNorth").violation(row) == pytest.approx(math.log(100 / 256))


class TestProblems:
    def test_all_at_once_each_with_a_valid_choice(self) -> None:
        found = wrong(
            "acuracy_val", "layer_synops", "chips", "threshold",
            constraints=(
                "synapses < 5", "synpases <= 5", "fits: loihy", "accuracy >= 95", "energy_nj <= much",
                "small",
                "layer_synapses <= 3", "chips >= 2", "accuracy_test >= 0.9", "synapses ≥ 4",
                "energy_nj <= inf",
            ),
        )  # fmt: skip
        beginnings = [
            "unknown metric 'acuracy_val': did you mean 'accuracy_val'?",
            "layer_synops is one number for each layer; nearest: 'synops'",
            "chips is a list of names",
            "threshold has no better or worse, so it is no objective; known: loss_train, ",
            "got 4 (acuracy_val, layer_synops, chips, threshold), must be two or three",
            "'synapses < 5': must be 'METRIC <= NUMBER', 'METRIC >= NUMBER' or 'fits: CHIP'; "
            "nearest valid: synapses <= 5",
            "'synpases <= 5': unknown metric 'synpases': did you mean 'synapses'?",
            "'fits: loihy': unknown chip: did you mean 'Loihi'? known: TrueNorth, Loihi,",
            "'accuracy >= 95': accuracy_val is a fraction from 0 to 1; nearest valid: accuracy_val >= 0.95",
            "'energy_nj <= much': 'much' is not a number such as 0.95 or 1.3e8",
            "'small': must be 'METRIC <= NUMBER'",
            "'layer_synapses <= 3': layer_synapses is one number for each layer; nearest: 'synapses'",
            "'chips >= 2': chips is a list of names; a constraint on one is 'fits: Loihi'",
            "'accuracy_test >= 0.9': accuracy_test is read after the search",
            "'synapses ≥ 4': must be",
            "'energy_nj <= inf': 'inf' is not a number",
        ]
        assert len(found) == len(beginnings)
        for problem, beginning in zip(found, beginnings, strict=True):
            assert problem.startswith(beginning)
        assert "accuracy_test" not in found[3]

    def test_objectives_differ_and_are_two_or_three(self) -> None:
        assert wrong("accuracy", "accuracy_val") == ["accuracy_val is named twice"]
        assert wrong("synapses")[0].startswith("got 1 (synapses), must be two or three")
        assert wrong("accuracy_test", "synapses")[0].startswith("accuracy_test is read after the search")

    def test_bounds_that_exclude_each_other(self) -> None:
        assert wrong(constraints=("synapses <= 10", "synapses >= 1e3", "fits: Akida")) == [
            "'synapses >= 1000' and 'synapses <= 10' exclude each other: nothing can keep both"
        ]

    @pytest.mark.parametrize("name", METRICS)
    def test_every_metric_is_an_objective_or_a_message(self, name: str) -> None:
        metric = METRICS[name]
        if metric.direction and not metric.per and name != "accuracy_test":
            other = "wall_s" if name != "wall_s" else "synops"
            assert Objectives([name, other]).directions[0] == metric.direction
        else:
            assert len(wrong(name, "wall_s")) == 1


class TestSpec:
    def test_flags_carry_operators_and_colons(self) -> None:
        argv = [
            "--constraints",
            "synapses <= 1.3e8,fits: loihi 2, accuracy>=0.95",
            "--objectives",
            "accuracy,synops",
        ]
        _, values, problems = parse(parser("p", "d", StudySpec), argv)
        assert not problems
        budget = build(StudySpec, values).search
        assert budget.constraints == ("synapses <= 1.3e+08", "fits: Loihi 2", "accuracy_val >= 0.95")
        assert budget.objectives == ("accuracy_val", "synops")

    def test_yaml_may_write_fits_without_quotes(self, tmp_path: Path) -> None:
        text = "constraints:\n- synapses <= 130000001\n- fits: Loihi\n- synapses <= 130000001\n"
        budget = build(Budget, yaml.safe_load(text))
        assert budget.constraints == ("synapses <= 130000001.0", "fits: Loihi")
        assert build(Budget, json.loads(budget.model_dump_json())) == budget
        assert isinstance(parsed(budget.constraints[1]), Fits)

    def test_problems_are_those_of_the_whole_spec(self) -> None:
        search = {"objectives": ["accuracy_val"], "constraints": ["fits: x", {"a": 1, "b": 2}], "trials": 0}
        with pytest.raises(ConfigError) as caught:
            build(StudySpec, {"search": search})
        keys = [problem.split(":")[0] for problem in caught.value.problems]
        assert keys == ["search.trials", "search.objectives", "search.constraints.1"]
        search["constraints"] = ["fits: x", "synapses"]
        with pytest.raises(ConfigError) as caught:
            build(StudySpec, {"search": search})
        assert caught.value.problems[2].startswith("search.constraints: 'fits: x': unknown chip")
        assert caught.value.problems[3].startswith("search.constraints: 'synapses': must be")
