"""The same flags once more: a fresh study, one that goes on, one that is complete."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from study import again, spec
from study.spec import StudySpec
from trainables.config import build

FLAGS = ["--name", "mine", "--trials", "5", "--epochs", "3"]


@pytest.fixture
def place(tmp_path: Path) -> list[str]:
    return ["--output", str(tmp_path)]


def exists(root: Path, state: str, trials: int = 5) -> None:
    flags = {"name": "mine", "train": {"epochs": 3}, "search": {"trials": trials}}
    stored = build(StudySpec, spec.layered(None, None, flags))
    (root / "mine").mkdir()
    text = json.dumps({"spec": stored.model_dump(mode="json"), "state": state})
    (root / "mine" / "study.json").write_text(text)


def test_a_fresh_study_is_launched_as_given(place: list[str]) -> None:
    assert again.arguments(FLAGS + place) == FLAGS + place


@pytest.mark.parametrize("state", ["running", "interrupted"])
def test_a_study_that_was_begun_goes_on(state: str, tmp_path: Path, place: list[str]) -> None:
    exists(tmp_path, state)
    assert again.arguments(FLAGS + place) == ["--resume", "mine", *FLAGS, *place]


def test_a_complete_study_is_left_alone(
    tmp_path: Path, place: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    exists(tmp_path, "complete")
    before = (tmp_path / "mine" / "study.json").read_bytes()
    assert again.arguments(FLAGS + place) is None
    assert again.main(FLAGS + place) == 0
    assert "the study is complete" in capsys.readouterr().out
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["study.json"]
    assert (tmp_path / "mine" / "study.json").read_bytes() == before


def test_a_complete_study_goes_on_with_a_larger_budget(tmp_path: Path, place: list[str]) -> None:
    exists(tmp_path, "complete", trials=4)
    assert again.arguments(FLAGS + place) == ["--resume", "mine", *FLAGS, *place]


def test_another_study_of_the_name_is_refused_and_not_called_complete(
    tmp_path: Path, place: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    exists(tmp_path, "complete")
    argv = [*FLAGS, "--lr", "0.5", *place]
    assert again.arguments(argv) == ["--resume", "mine", *argv]
    assert again.main(argv) == 2
    assert "train.lr: the study has" in capsys.readouterr().err


@pytest.mark.parametrize(
    "argv",
    [["--trials", "none"], ["--resume", "mine"], ["--dry-run"], ["--spec", "nowhere.yaml"], ["--typo"]],
)
def test_what_it_cannot_judge_is_for_the_launch(argv: list[str], tmp_path: Path, place: list[str]) -> None:
    exists(tmp_path, "complete")
    assert again.arguments(argv + place) == argv + place


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"spec": {"name": 3}, "state": "complete"}'])
def test_a_damaged_study_is_for_the_launch(text: str, tmp_path: Path, place: list[str]) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "study.json").write_text(text)
    assert again.arguments(FLAGS + place) == FLAGS + place
