"""The same flags once more: a fresh study, one that goes on, one that is complete."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from study import again, spec
from study.claim import Claim
from study.mirror import LOGS
from study.spec import StudySpec
from trainables.config import build

FLAGS = ["--name", "mine", "--trials", "5", "--epochs", "3"]


@pytest.fixture
def place(tmp_path: Path) -> list[str]:
    return ["--output", str(tmp_path)]


def exists(root: Path, state: str, trials: int = 5, filed: int = 0) -> None:
    flags = {"name": "mine", "train": {"epochs": 3}, "search": {"trials": trials}}
    stored = build(StudySpec, spec.layered(None, None, flags))
    (root / "mine").mkdir(parents=True)
    text = json.dumps({"spec": stored.model_dump(mode="json"), "state": state})
    (root / "mine" / "study.json").write_text(text)
    for name in LOGS:
        (root / "mine" / name).write_text('{"number": 0}\n' * filed)


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
    assert {path.name for path in (tmp_path / "mine").iterdir()} == {"study.json", *LOGS}
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


def test_a_home_that_is_nobody_s_is_for_the_launch() -> None:
    argv = [*FLAGS, "--output", "~nosuch/x"]
    assert again.arguments(argv) == argv


class TestWithStorage:
    """On whatever machine the job starts: a fresh disk, or one with an earlier state of the study."""

    @pytest.fixture
    def argv(self, tmp_path: Path) -> list[str]:
        (tmp_path / "storage").mkdir()
        return [*FLAGS, "--output", str(tmp_path / "disk"), "--storage", str(tmp_path / "storage")]

    def test_a_fresh_study_is_launched_as_given(self, argv: list[str]) -> None:
        assert again.arguments(argv) == argv

    @pytest.mark.parametrize("state", ["running", "interrupted"])
    def test_a_study_that_the_storage_alone_has_goes_on(
        self, state: str, tmp_path: Path, argv: list[str]
    ) -> None:
        exists(tmp_path / "storage", state)
        assert again.arguments(argv) == ["--resume", "mine", *argv]

    def test_a_complete_study_that_the_storage_alone_has_is_left_alone(
        self, tmp_path: Path, argv: list[str]
    ) -> None:
        exists(tmp_path / "storage", "complete")
        assert again.main(argv) == 0
        assert not (tmp_path / "disk").exists()

    def test_the_launch_goes_on_with_it(
        self,
        tmp_path: Path,
        argv: list[str],
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """As far as its claim, which another driver has: Ray does not start."""
        monkeypatch.delenv("RAY_ADDRESS", raising=False)
        exists(tmp_path / "storage", "running")
        with Claim(str(tmp_path / "storage" / "mine"), 0.05):
            assert again.main([*argv, "--other-code"]) == 2
        assert "is in use by process" in capsys.readouterr().err

    @pytest.mark.parametrize(("there", "over"), [("running", False), ("complete", True)])
    def test_an_earlier_state_here_does_not_decide(
        self, there: str, over: bool, tmp_path: Path, argv: list[str]
    ) -> None:
        """Whatever it says: complete, of a budget that was raised since, or running."""
        exists(tmp_path / "disk", "running" if over else "complete", filed=1)
        exists(tmp_path / "storage", there, filed=2)
        assert again.arguments(argv) == (None if over else ["--resume", "mine", *argv])

    def test_a_complete_study_is_copied_to_where_it_has_not_arrived(
        self, tmp_path: Path, argv: list[str]
    ) -> None:
        exists(tmp_path / "disk", "complete", filed=2)
        assert again.arguments(argv) == ["--resume", "mine", *argv]
        exists(tmp_path / "storage", "running", filed=1)
        assert again.arguments(argv) == ["--resume", "mine", *argv]

    def test_complete_here_and_there(self, tmp_path: Path, argv: list[str]) -> None:
        exists(tmp_path / "disk", "complete", filed=2)
        exists(tmp_path / "storage", "complete", filed=2)
        assert again.arguments(argv) is None

    def test_storage_that_does_not_answer_is_for_the_launch(self, tmp_path: Path, argv: list[str]) -> None:
        (tmp_path / "storage").rmdir()
        assert again.arguments(argv) == argv
        exists(tmp_path / "disk", "complete")
        assert again.arguments(argv) == ["--resume", "mine", *argv]

    def test_a_study_is_found_at_the_places_of_a_spec_file(self, tmp_path: Path, argv: list[str]) -> None:
        exists(tmp_path / "storage", "running")
        file = tmp_path / "mine.yaml"
        file.write_text(f"resources: {{output: {tmp_path / 'disk'}, storage: {tmp_path / 'storage'}}}\n")
        given = [*FLAGS, "--preset", "digits", "--spec", str(file)]
        assert again.arguments(given) == ["--resume", "mine", *given]
