from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from study import spec
from study.spec import StudySpec, layered, presets, read
from trainables.config import build
from trainables.errors import ConfigError
from trainables.schedules import SCHEDULES


def problems(values: dict[str, Any]) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        build(StudySpec, values)
    return caught.value.problems


class TestLayers:
    def test_flags_override_file_overrides_preset_leaf_by_leaf(self, tmp_path: Path) -> None:
        preset = read(presets()["digits"])
        file = tmp_path / "mine.yaml"
        file.write_text("train: {epochs: 7, tau: 3.0}\nsearch: {trials: 5}\n")
        values = layered("digits", str(file), {"train": {"epochs": "9"}, "resources": {"output": "there"}})
        result = build(StudySpec, values)
        assert result.train.epochs == 9  # in all three: the flag
        assert (result.train.tau, result.search.trials) == (3.0, 5)  # preset and file: the file
        assert result.train.lr == preset["train"]["lr"]  # preset alone, beside overridden leaves
        assert result.search.accuracy_floor == preset["search"]["accuracy_floor"]
        assert result.resources.output == "there"

    def test_layering_leaves_its_sources_alone(self, tmp_path: Path) -> None:
        file = tmp_path / "mine.yaml"
        file.write_text("train: {epochs: 7}\n")
        flags = {"train": {"seed": "4"}}
        layered("digits", str(file), flags)
        assert flags == {"train": {"seed": "4"}}
        assert read(file) == {"train": {"epochs": 7}}

    def test_digits_is_the_default_and_a_file_alone_stands_on_its_own(self, tmp_path: Path) -> None:
        assert layered(None, None, {}) == read(presets()["digits"])
        file = tmp_path / "mine.yaml"
        file.write_text("name: mine\n")
        assert layered(None, str(file), {}) == {"name": "mine"}

    def test_unknown_preset_names_the_nearest(self) -> None:
        with pytest.raises(ConfigError, match=r"unknown preset 'digit': did you mean 'digits'\?"):
            layered("digit", None, {})


@pytest.mark.parametrize("name", presets())
def test_every_preset_validates_and_is_named_after_its_file(name: str) -> None:
    assert build(StudySpec, layered(name, None, {})).name == name


@pytest.mark.parametrize("name", presets())
def test_a_spec_dumped_as_yaml_reads_back_equal(name: str, tmp_path: Path) -> None:
    changes = {
        "train": {"epochs": 3, "lr": 0.1 + 0.2},
        "space": {"schedulers": ["sine"], "threshold": [0.15, 0.3]},
    }
    original = build(StudySpec, layered(name, None, changes))
    file = tmp_path / "dump.yaml"
    file.write_text(yaml.safe_dump(json.loads(original.model_dump_json())))
    assert build(StudySpec, layered(None, str(file), {})) == original


class TestProblems:
    def test_all_at_once(self) -> None:
        found = problems(
            {
                "nmae": "x",
                "train": {"epohcs": 3, "epochs": 0, "scheduler": "sin"},
                "space": {"schedulers": ["lniear"], "threshold": [0.5, 0.1], "rate": [-99, 99]},
                "search": {"trials": 0, "sampler": "tpee", "accuracy_floor": 1.0},
                "resources": {"slots": -1},
            }
        )
        expected = [
            "unknown key 'nmae': did you mean 'name'?",
            "unknown key 'train.epohcs': did you mean 'train.epochs'?",
            "train.epochs: got 0, must be at least 1; nearest valid: 1",
            "unknown schedule 'sin': did you mean 'sine'?",
            "unknown schedule 'lniear': did you mean 'linear'?",
            "nearest valid: 0.1,0.5",
            "nearest valid: -50,50",
            "search.trials: got 0, must be at least 1; nearest valid: 1",
            "unknown sampler 'tpee': did you mean 'tpe'?",
            "search.accuracy_floor: got 1.0, must be less than 1",
            "resources.slots: got -1, must be at least 0; nearest valid: 0",
        ]
        assert len(found) == len(expected)
        for part in expected:
            assert sum(part in line for line in found) == 1, part

    @pytest.mark.parametrize(
        ("group", "key", "bad", "nearest"),
        [
            ("train", "epochs", 100_001, 100_000),
            ("train", "final_threshold", -0.1, 0.0),
            ("train", "batch_size", 0, 1),
            ("search", "trials", 1_000_001, 1_000_000),
            ("search", "trials", -3, 1),
        ],
    )
    def test_the_nearest_valid_value_is_valid(self, group: str, key: str, bad: Any, nearest: Any) -> None:
        (line,) = problems({group: {key: bad}})
        assert line.startswith(f"{group}.{key}: got {bad}, ")
        assert line.endswith(f"nearest valid: {nearest}")
        assert getattr(getattr(build(StudySpec, {group: {key: nearest}}), group), key) == nearest

    @pytest.mark.parametrize("name", ["", ".hidden", "a/b", "../up", "a b", "x" * 65, "a\n"])
    def test_names_that_are_no_folder_names(self, name: str) -> None:
        (line,) = problems({"name": name})
        assert line.startswith("name: ")

    @pytest.mark.parametrize("value", [float("nan"), float("inf"), "nan", "lots", None, [0.1]])
    def test_thresholds_that_are_no_numbers(self, value: Any) -> None:
        (line,) = problems({"train": {"final_threshold": value}})
        assert line.startswith("train.final_threshold: ")

    @pytest.mark.parametrize("limits", [(0.0, 0.5), (-1.0, 0.5), (0.2, 2e6)])
    def test_threshold_range_stays_inside_its_limits(self, limits: tuple[float, float]) -> None:
        (line,) = problems({"space": {"threshold": limits}})
        nearest = tuple(float(text) for text in line.rsplit("nearest valid: ")[1].split(","))
        assert build(StudySpec, {"space": {"threshold": nearest}}).space.threshold == nearest

    @pytest.mark.parametrize(
        ("name", "limits", "nearest"),
        [
            ("sparsity", (0.5, 1.0), (0.5, 0.9999)),
            ("sparsity", (0.9, 0.5), (0.5, 0.9)),
            ("strength", (0.0, 1.0), (1e-18, 1.0)),
            ("strength", (2.0, 1e7), (2.0, 1e6)),
        ],
    )
    def test_what_is_searched_on_a_log_scale_stays_above_0(
        self, name: str, limits: tuple[float, float], nearest: tuple[float, float]
    ) -> None:
        (line,) = problems({"space": {name: limits}})
        assert line.startswith(f"space.{name}: got {limits[0]},{limits[1]}, ")
        assert line.endswith(f"nearest valid: {nearest[0]:g},{nearest[1]:g}")
        assert getattr(build(StudySpec, {"space": {name: nearest}}).space, name) == nearest

    def test_windows_may_not_overlap(self) -> None:
        (line,) = problems({"space": {"start": [0.0, 0.6], "end": [0.5, 1.0]}})
        assert "every start must lie before every end" in line
        nearest = tuple(float(text) for text in line.rsplit("nearest valid: start ")[1].split(","))
        assert nearest[0] == 0.0
        touching = problems({"space": {"start": [0.0, 0.5], "end": [0.5, 1.0]}})
        assert "every start must lie before every end" in touching[0]

    def test_a_space_without_schedules(self) -> None:
        (line,) = problems({"space": {"schedulers": []}})
        assert all(name in line for name in SCHEDULES)

    def test_a_schedule_named_twice_counts_once(self) -> None:
        space = build(StudySpec, {"space": {"schedulers": ["sine", "linear", "sine"]}}).space
        assert space.schedulers == ("sine", "linear")


class TestFiles:
    @pytest.mark.parametrize(
        ("content", "part"),
        [
            (b"train: [1, 2\nname: x\n", "not YAML in line"),
            (b"- name: x\n", "must hold keys and values"),
            (b"", "must hold keys and values"),
            (b"just words\n", "must hold keys and values"),
            (b"1: 2\n", "must hold keys and values"),
            (b"name: \xff\xfe\x80\n", "cannot be read"),
            (b"name: a\x00b\n", "not YAML"),
            (b"!!python/object/apply:os.getcwd []\n", "not YAML"),
        ],
    )
    def test_content_that_is_no_spec(self, content: bytes, part: str, tmp_path: Path) -> None:
        file = tmp_path / "spec.yaml"
        file.write_bytes(content)
        with pytest.raises(ConfigError) as caught:
            read(file)
        assert len(caught.value.problems) == 1
        assert str(file) in str(caught.value)
        assert part in str(caught.value)

    @pytest.mark.parametrize("name", [".", "absent.yaml"])
    def test_paths_that_hold_no_file(self, name: str, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="cannot be read"):
            read(tmp_path / name)


def test_folder_is_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert build(StudySpec, {"name": "a"}).folder == tmp_path / "studies" / "a"
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    at_home = build(StudySpec, {"name": "a", "resources": {"output": "~/runs"}})
    assert at_home.folder == tmp_path / "home" / "runs" / "a"


def test_chance_is_one_in_ten_digits() -> None:
    assert spec.StudySpec().chance == 0.1
