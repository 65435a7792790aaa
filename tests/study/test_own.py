"""Spaces of a user's own, from files as a user would write them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from optuna.trial import FixedTrial

from study.space import configure, holds, numeric, probe, raw, references, space_hash, suggest
from study.space.ranges import Space
from study.spec import StudySpec
from trainables.config import TrainConfig, build
from trainables.errors import ConfigError

BASE = TrainConfig()
GOOD = """
def late(trial, base):
    end = trial.suggest_float("end", 0.6, 1.0)
    return {
        "scheduler": "free",
        "shape_increments": [1, 2 * trial.suggest_float("steep", 0, 1), 3],
        "final_threshold": base.final_threshold * trial.suggest_float("times", 0.5, 2, log=True),
        "window_end": end,
        "window_start": end - trial.suggest_float("length", 0.2, 0.6),
    }
def choosing(trial, base):
    return {"scheduler": trial.suggest_categorical("shape", ["sine", "linear"])}
def conditional(trial, base):
    many = trial.suggest_float("x", 0, 1) > 0.5
    return {"tau": trial.suggest_float("y", 2, 3)} if many else {}
def named(trial, base):
    return {
        "scheduler": trial.suggest_categorical("scheduler", ["sine", "slats"]),
        "final_threshold": trial.suggest_float("final_threshold", 0.1, 0.4),
    }
"""


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Writes ``myspace.py`` into the current folder, from where it is imported anew."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def file(text: str) -> None:
        sys.modules.pop("myspace", None)
        (tmp_path / "myspace.py").write_text(text)

    yield file
    sys.modules.pop("myspace", None)


def problems(function: str, **space: object) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        build(StudySpec, {"space": {"function": function, **space}})
    return caught.value.problems


class TestGood:
    def test_replaces_the_built_in_suggestion(self, write: Callable[[str], None]) -> None:
        write(GOOD)
        base = TrainConfig(final_threshold=0.25)
        space = build(StudySpec, {"space": {"function": "myspace:late"}}).space
        trial = probe(3)
        params = suggest(trial, space, base)
        x = trial.params
        assert set(x) == {"end", "steep", "times", "length"}
        assert params == {
            "scheduler": "free",
            "shape_increments": [1.0, 2 * x["steep"], 3.0],
            "final_threshold": 0.25 * x["times"],
            "window_start": x["end"] - x["length"],
            "window_end": x["end"],
        }
        assert configure(base, params).shape_increments == (1.0, 2 * x["steep"], 3.0)
        assert suggest(FixedTrial(dict(x)), space, base) == params

    @pytest.mark.parametrize(
        ("name", "expected"), [("late", True), ("choosing", False), ("conditional", False)]
    )
    def test_whether_it_is_numeric_is_found_out(
        self, name: str, expected: bool, write: Callable[[str], None]
    ) -> None:
        write(GOOD)
        assert numeric(Space(function=f"myspace:{name}"), BASE) is expected

    def test_arms_are_points_where_it_speaks_of_the_same_parameters(
        self, write: Callable[[str], None]
    ) -> None:
        write(GOOD)
        arms = references(Space(function="myspace:named"), BASE, 0.2)
        assert list(arms) == ["dense", "linear", "sine", "slats"]
        named = Space(function="myspace:named")
        assert raw(named, arms["sine"], BASE) == {"scheduler": "sine", "final_threshold": 0.2}
        assert not any(holds(named, arms[name], BASE) for name in ("dense", "linear"))
        assert not any(holds(Space(function="myspace:late"), arm, BASE) for arm in arms.values())

    def test_hash_changes_with_the_source_of_the_module(self, write: Callable[[str], None]) -> None:
        write(GOOD)
        space = Space(function="myspace:late")
        before = space_hash(space)
        assert space_hash(space) == before
        assert space_hash(Space(function="myspace:choosing")) != before
        assert space_hash(Space()) != before
        write(GOOD.replace("0.6, 1.0", "0.7, 1.0"))
        assert space_hash(space) != before


class TestProblems:
    @pytest.mark.parametrize(
        ("text", "part"),
        [
            ("late = 3", "is a int; must be a function name(trial, base)"),
            ("def lat(trial, base): ...", "unknown name in myspace 'late': did you mean 'lat'?"),
            ("1 / 0", "cannot be imported: ZeroDivisionError"),
            ("import no_such_thing", "cannot be imported: ModuleNotFoundError"),
            ("def late(trial): return {}", "failed: TypeError: late() takes 1 positional argument"),
            ("def late(trial, base): return trial.no", "failed: AttributeError"),
            ("def late(trial, base): ...", "returned a NoneType; must return a mapping"),
            ("def late(trial, base): return {'taau': 1}", "unknown field 'taau': did you mean 'tau'?"),
            ("def late(trial, base): return {3: 1}", "unknown field '3'"),
            ("def late(trial, base): return {'tau': 0.5}", "returned tau: got 0.5, must be greater than 1"),
            ("def late(trial, base): return {'seed': 1}", "cannot set 'seed', a sampler would search for"),
            (
                "def late(trial, base): return {'epochs': 1}",
                "cannot set 'epochs', trials of different length",
            ),
            (
                "def late(trial, base): return {'window_start': 0.5, 'window_end': 0.5}",
                "returned window_start 0.5 must lie before window_end 0.5",
            ),
            (
                "def late(trial, base): return {'pruner': 'grad_r', 'final_sparsity': 0.4}",
                "grad_r needs at least 0.5",
            ),
            (
                "from random import random\ndef late(trial, base): return {'lr': 0.001 + random()}",
                "returned other fields for the same answers of the trial",
            ),
            (
                "def late(trial, base): return {'tau': trial.suggest_float('tau', 0, 3)}",
                "must be greater than 1",  # at a third of the points: found by the dry calls
            ),
        ],
    )
    def test_what_is_wrong_is_said_before_anything_starts(
        self, text: str, part: str, write: Callable[[str], None]
    ) -> None:
        write(text)
        (line,) = problems("myspace:late")
        assert line.startswith("space: function myspace:late: ")
        assert part in line

    def test_all_fields_at_once(self, write: Callable[[str], None]) -> None:
        write("def late(trial, base): return {'seed': 1, 'lrr': 2, 'device': 'cpu'}")
        assert len(problems("myspace:late")) == 3

    def test_no_such_module(self, write: Callable[[str], None]) -> None:
        write(GOOD)
        (line,) = problems("myspaces:late")
        assert "no module 'myspaces' is installed or in" in line
        assert line.endswith("did you mean 'myspace'?")

    @pytest.mark.parametrize("path", ["myspace", "myspace:", ":late", "my-space:late", "myspace:a.b"])
    def test_what_is_no_import_path(self, path: str) -> None:
        (line,) = problems(path)
        assert line.startswith(f"space.function: got {path!r}, an import path is package.module:name")

    def test_not_together_with_vary(self, write: Callable[[str], None]) -> None:
        write(GOOD)
        (line,) = problems("myspace:late", vary={"lr": [0.1, 0.2]})
        assert "function myspace:late replaces the built-in space" in line

    def test_a_wrong_value_in_the_middle_of_a_study_is_said_too(self, write: Callable[[str], None]) -> None:
        write("def late(trial, base): return {'tau': trial.suggest_float('tau', 0, 3)}")
        with pytest.raises(
            ConfigError, match=r"function myspace:late: returned tau: got 0.5, must be greater"
        ):
            suggest(FixedTrial({"tau": 0.5}), Space(function="myspace:late"), BASE)
