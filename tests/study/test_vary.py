from __future__ import annotations

from typing import Any

import pytest

from study.space import probe, suggest
from study.space.ranges import Space
from study.space.vary import COMMON, SEARCHED
from study.spec import StudySpec
from tests.study.test_spec import problems
from trainables.config import TrainConfig, build
from trainables.flags import parse, parser


def vary(entries: Any, **space: Any) -> dict[str, Any]:
    return build(StudySpec, {"space": {"vary": entries, **space}}).space.vary


class TestGood:
    def test_values_take_the_type_of_their_field(self) -> None:
        entries = {
            "lr": {"low": 1, "high": 2},
            "timesteps": {"low": 2.0, "high": 8, "log": True},
            "augment": [True, False],
            "exempt": [[], ["fc*"]],
        }
        found = vary(entries)
        assert found == {
            "lr": {"low": 1.0, "high": 2.0, "log": False},
            "timesteps": {"low": 2, "high": 8, "log": True},
            "augment": [True, False],
            "exempt": [[], ["fc*"]],
        }
        assert isinstance(found["lr"]["low"], float)
        assert isinstance(found["timesteps"]["low"], int)
        assert vary(found) == found

    def test_a_choice_named_twice_counts_once(self) -> None:
        assert vary({"tau": [2, 2.0, 3]}) == {"tau": [2.0, 3.0]}

    def test_the_flag_is_json(self) -> None:
        flags = parser("p", "d", StudySpec)
        _, values, _ = parse(flags, ["--vary", '{"pruner": ["stds", "st"]}', "--strength", "0.1,2"])
        space = build(StudySpec, values).space
        assert space.vary == {"pruner": ["stds", "st"]}
        assert space.strength == (0.1, 2.0)

    def test_any_network_by_import_path_takes_any_arguments(self) -> None:
        found = build(
            StudySpec,
            {"train": {"network": "own:Net"}, "space": {"vary": {"network_args": [{"a": 1}, {"a": 2}]}}},
        )
        assert found.space.vary == {"network_args": [{"a": 1}, {"a": 2}]}

    def test_a_field_of_some_pruners_is_searched_with_those(self) -> None:
        space = Space(vary={"pruner": ["stds", "rigl"], "drop_fraction": [0.1, 0.2]}, schedulers=("sine",))
        for seed in range(20):
            params = suggest(probe(seed), space, TrainConfig())
            assert ("drop_fraction" in params) == (params["pruner"] == "rigl")


@pytest.mark.parametrize(
    ("entries", "part"),
    [
        ({"lrr": [1]}, "unknown field 'lrr': did you mean 'lr'?"),
        ({"lr": []}, "lr: the list of choices is empty"),
        ({"lr": 3}, "lr: got 3, must be [A, B, ...] or {"),
        ({"lr": {"low": 0.1}}, "lr: high is missing"),
        ({"lr": {"low": 0.1, "high": 0.2, "steps": 3}}, "lr: unknown key 'steps'"),
        ({"lr": {"low": 0.2, "high": 0.1}}, "nearest valid: low 0.1, high 0.2"),
        ({"lr": {"low": 0.1, "high": 11}}, "lr.high: got 11, must be at most 10.0; nearest valid: 10.0"),
        ({"lr": {"low": 0.1, "high": float("nan")}}, "lr.high: got nan"),
        ({"lr": {"low": 0.1, "high": 1, "log": 1}}, "lr.log: got 1, must be true or false"),
        ({"momentum": {"low": 0, "high": 0.5, "log": True}}, "momentum.low: got 0.0, must be greater than 0"),
        ({"timesteps": {"low": 1.5, "high": 4}}, "timesteps.low: got 1.5"),
        ({"timesteps": [2, 0]}, "timesteps[1]: got 0, must be at least 1; nearest valid: 1"),
        ({"pruner": ["st", "stdss"]}, "pruner[1]: unknown pruner 'stdss': did you mean 'stds'?"),
        ({"pruner": {"low": 1, "high": 2}}, "pruner: is no number and takes a list of choices"),
        ({"network_args": [3]}, "network_args[0]: got 3"),
        ({"threshold_unit": ["weight"]}, "the range of D (threshold) is given in one unit"),
        ('{"lr": [', "must be JSON such as"),
        ("[1]", "got [1]"),
    ],
)
def test_problem_of_an_entry(entries: Any, part: str) -> None:
    (line,) = problems({"space": {"vary": entries}})
    assert line.startswith("space.vary: ")
    assert part in line


@pytest.mark.parametrize("name", [*SEARCHED, *COMMON])
def test_fields_that_the_search_sets_or_must_not_set(name: str) -> None:
    (line,) = problems({"space": {"vary": {name: [1]}}})
    if name in SEARCHED:
        assert SEARCHED[name] in Space.model_fields
        assert line == f"space.vary: {name}: is searched already; say where with {SEARCHED[name]}"
    else:
        assert line == f"space.vary: {name}: cannot vary, {COMMON[name]}"


def test_every_problem_is_a_line_of_its_own() -> None:
    found = problems({"space": {"vary": {"lr": {"low": -1, "high": 99}, "lrr": [1], "tau": []}, "knots": 1}})
    assert [line.split(": ")[0] for line in found] == ["space.knots"] + ["space.vary"] * 4


@pytest.mark.parametrize(
    ("train", "space", "parts"),
    [
        ({}, {"vary": {"drop_fraction": [0.1]}}, ["vary.drop_fraction: no searched pruner (stds) reads it"]),
        (
            {"network": "mlp"},
            {"vary": {"network_args": [{"hidden": [8]}, {"pool": "max"}]}},
            ["with network_args {'pool': 'max'}: network_args: unknown argument 'pool': known: hidden"],
        ),
        (
            {},
            {"vary": {"network": ["digits_net", "mlp"], "network_args": [{"hidden": [8]}, {}]}},
            ["with network 'digits_net', network_args {'hidden': [8]}: "],
        ),
        (
            {"pruner": "grad_r"},
            {"sparsity": [0.3, 0.9]},
            ["with pruner 'grad_r', final_sparsity 0.3: final_sparsity: got 0.3; grad_r needs at least 0.5"],
        ),
        (
            {},
            {"vary": {"pruner": ["stds", "grad_r"], "update_steps": [1]}, "sparsity": [0.3, 0.9]},
            ["vary.update_steps: no searched pruner (stds, grad_r)", "grad_r needs at least 0.5"],
        ),
    ],
)
def test_what_does_not_suit_the_training(train: Any, space: Any, parts: list[str]) -> None:
    found = problems({"train": train, "space": space})
    assert len(found) == len(parts)
    for line, part in zip(found, parts, strict=True):
        assert line.startswith("space: ")
        assert part in line
